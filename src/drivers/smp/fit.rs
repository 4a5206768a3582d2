//! How long a message really may be.
//!
//! Some units announce buffers that their serial driver cannot fill at the speed of the line: Zephyr's default takes two
//! lines of a burst and drops the rest without a word. So before much is sent, one message of the announced length goes
//! out; where it is lost, messages become shorter and go one by one.

use std::collections::BTreeMap;
use std::time::Duration;

use protocols::smp::message::os::{Parameters, ParametersReply};
use protocols::smp::message::{DecodeError, Reader, Request, Text, Value, Writer};
use protocols::smp::session::RetryPolicy;
use protocols::smp::{Group, Op as Operation};
use tracing::warn;

use super::exchange::Wire;
use crate::device::Op;
use crate::error::{Kind, Result};

/// A message that fits two lines of console framing, for which every unit has room.
const SMALL: usize = 176;
/// A unit answers from memory; the slowest one seen took 50 ms.
const PATIENCE: RetryPolicy = RetryPolicy::new(Duration::from_millis(800), 2);
/// The header, a map, its key, and the head of its text.
const OVERHEAD: usize = 8 + 1 + 4 + 3;

/// The question for the parameters, made longer by a key that servers do not know and so pass over.
#[derive(Clone, Debug)]
struct Padded(usize);

impl Value for Padded {
    fn encode(&self, w: &mut Writer) {
        BTreeMap::from([(Text::from("pad"), "=".repeat(self.0))]).encode(w);
    }

    fn decode(r: &mut Reader<'_>) -> std::result::Result<Padded, DecodeError> {
        BTreeMap::<Text, String>::decode(r).map(|map| Padded(map.values().map(String::len).sum()))
    }
}

impl Request for Padded {
    type Reply = ParametersReply;
    const GROUP: Group = Parameters::GROUP;
    const ID: u8 = Parameters::ID;
    const OP: Operation = Parameters::OP;
    const NAME: &'static str = "MCUmgr parameters, in a message of full length";
}

impl Wire {
    /// Before `len` bytes are sent: sees that messages of the full length get through, once for every unit.
    ///
    /// # Errors
    /// Link errors. A unit that takes short messages only is none.
    pub(super) fn fit(&mut self, len: usize, op: &mut Op<'_>) -> Result<()> {
        if self.limits.proven || len <= SMALL / 2 {
            return Ok(());
        }
        while self.limits.message > SMALL {
            let request = Padded(self.limits.message - OVERHEAD);
            // A refusal is an answer: the message got there.
            match self.ask(&request, PATIENCE, op) {
                Ok(_) => break,
                Err(error) if matches!(error.kind(), Kind::TimedOut | Kind::Garbled) => {
                    op.check()?;
                    // A small buffer is not halved twice: what it loses now is more than two lines.
                    let half = self.limits.message / 2;
                    self.limits.shrink(if half < 2 * SMALL { SMALL } else { half });
                    warn!(message = self.limits.message, "the unit loses longer messages");
                }
                Err(error) => return Err(error),
            }
        }
        self.limits.proven = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use protocols::smp::Version;
    use protocols::smp::message::encode_request;

    use super::*;

    #[test]
    fn a_padded_question_has_the_length_that_it_should() {
        for len in [300, 380, 1020, 2044, 65_531] {
            assert_eq!(encode_request(&Padded(len - OVERHEAD), Version::V2, 0).unwrap().len(), len);
        }
        assert!(encode_request(&Padded(SMALL - OVERHEAD), Version::V2, 0).unwrap().len() <= SMALL);
    }
}
