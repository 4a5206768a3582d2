//! A unit that asks who we are: its token is signed, and when it does not know the key a person is shown its fingerprint.

use std::time::Duration;

use protocols::adb::session::Connection;

use crate::device::Op;
use crate::drivers::{Identity, Keys};
use crate::error::{Error, Kind, Result};

/// What was answered so far.
pub(super) struct Asked {
    /// How long a person may take.
    wait: Duration,
    identity: Option<Box<dyn Identity>>,
    offered: bool,
}

impl Asked {
    /// Nothing was asked yet; a person may take so long to accept the key.
    pub(super) fn new(wait: Duration) -> Asked {
        Asked { wait, identity: None, offered: false }
    }

    /// Whether a person has been asked on the unit's screen.
    pub(super) fn is_offered(&self) -> bool {
        self.offered
    }

    /// Answers a token: the first time with its signature, then with the public key.
    pub(super) fn answer(
        &mut self,
        token: &[u8; 20],
        keys: &dyn Keys,
        connection: &mut Connection,
        op: &mut Op<'_>,
    ) -> Result<()> {
        match &self.identity {
            None => {
                let identity = keys.adb().map_err(|error| {
                    let sentence = "the unit wants to know who we are, and there is no key to answer with";
                    Error::new(Kind::Unauthorized, sentence).because(error).next("see `hardwire key show`")
                })?;
                connection.sign(identity.sign(token)?);
                self.identity = Some(identity);
            }
            Some(identity) if !self.offered => {
                tracing::info!(fingerprint = identity.fingerprint(), "the unit does not know the station's key yet");
                connection.offer(op.clock.now(), identity.public().as_bytes());
                self.offered = true;
                if !self.wait.is_zero() {
                    let (key, seconds) = (identity.fingerprint(), self.wait.as_secs());
                    op.ask(&format!(
                        "unlock the unit and accept the key with the fingerprint {key} there, within {seconds} s"
                    ));
                }
            }
            // The daemon asks again while a person thinks.
            Some(_) => {}
        }
        Ok(())
    }

    /// A failure on the way in, with the key that the unit did not take.
    pub(super) fn explain(&self, error: Error) -> Error {
        let Some(identity) = self.identity.as_ref().filter(|_| error.kind() == Kind::Unauthorized) else {
            return error;
        };
        let fingerprint = identity.fingerprint();
        Error::new(Kind::Unauthorized, "the unit does not know this station").because(error).next(format!(
            "unlock the unit and accept the key with the fingerprint {fingerprint} there (`,auth-wait=120s` waits \
             longer), or install the key that `hardwire key show` prints beforehand"
        ))
    }
}
