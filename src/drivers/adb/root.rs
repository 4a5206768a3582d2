//! A daemon that runs as root, or as the shell's user: it begins anew for it, where the build lets it.

use std::time::Duration;

use protocols::adb::message;

use super::AdbDriver;
use super::wire::Received;
use crate::device::{Departure, Op, UnitText};
use crate::error::{Error, Kind, Result};

/// Who the daemon is to run as.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Root {
    /// As it does.
    #[default]
    Keep,
    /// Root.
    Yes,
    /// The shell's user.
    No,
}

/// The daemon ends once its answer is through.
const SETTLE: Duration = Duration::from_secs(1);
/// How long it may take to begin anew.
const BEGINS_WITHIN: Duration = Duration::from_secs(60);
/// How long it may take to answer, and to end.
const ANSWERS: Duration = Duration::from_secs(5);
/// The most of an answer that is read.
const MOST_SAID: usize = 4096;

impl AdbDriver {
    /// Has the daemon begin anew where it does not run as it was asked to.
    pub(super) fn take_root(&mut self, op: &mut Op<'_>) -> Result<Option<Departure>> {
        let (service, why) = match self.root {
            Root::Yes if !self.survey.root => (message::root(), "for its daemon to begin anew as root"),
            Root::No if self.survey.root => (message::unroot(), "for its daemon to begin anew without root"),
            _ => return Ok(None),
        };
        let mut said = Vec::new();
        let ended = self.wire.with_stream(&service, op, |wire, stream, op| {
            while let Received::Data(data) = wire.receive(stream, ANSWERS, op)? {
                said.extend_from_slice(&data);
                if said.len() > MOST_SAID {
                    break;
                }
            }
            Ok(())
        });
        match ended {
            // It left with its answer, or before it was through.
            Err(error) if error.kind() != Kind::Gone => {
                return Err(error.while_doing("asking for a daemon that is root"));
            }
            _ => {}
        }
        let said = String::from_utf8_lossy(&said);
        let said = said.trim();
        if said.is_empty() || said.starts_with("restarting") {
            let to = vec![self.unit.mode];
            return Ok(Some(Departure { to, settle: SETTLE, within: BEGINS_WITHIN, why: why.to_owned() }));
        }
        if said.contains("already running as root") || said.contains("not running as root") {
            return Ok(None);
        }
        Err(Error::new(Kind::Unsupported, format!("the unit's daemon does not become root: {}", UnitText::new(said)))
            .next("leave `root=yes` away, or take a build that allows it (userdebug or eng)"))
    }
}
