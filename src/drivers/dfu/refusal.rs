//! A conversation that failed, as an error that says what to do.

use protocols::dfu::message::Status;
use protocols::dfu::session::{Cause, Failure, TransferError};

use crate::device::UnitText;
use crate::error::{Error, Kind};

const REPLUG: &str = "unplug the unit, plug it in again, and run the same again; it goes on from what it holds";

/// The error for `failure`. `vendor` is the unit's own text for a vendor's reason, `trouble` what the link said last.
pub(super) fn error(failure: Failure, vendor: Option<String>, trouble: Option<Error>) -> Error {
    let kind = kind(&failure.cause);
    let mut sentence = failure.to_string();
    if let Some(status) = failure.cause.status().filter(|status| *status != Status::Ok) {
        sentence = format!("{sentence}: {}", status.sentence());
    }
    if let Some(vendor) = vendor {
        sentence = format!("{sentence} (the unit says: {})", UnitText::new(&vendor));
    }
    let next = remedy(&failure.cause);
    let error = Error::new(kind, sentence);
    let error = match (trouble, &failure.cause) {
        (Some(trouble), Cause::Transfer(_)) => error.because(trouble),
        _ => error.because(failure.cause),
    };
    error.next(next)
}

/// What a failure means for whoever has to branch on it.
fn kind(cause: &Cause) -> Kind {
    match cause {
        Cause::Refused(_) | Cause::Unexplained(_) | Cause::NeedsReset | Cause::Transfer(TransferError::Stall) => {
            Kind::Refused
        }
        Cause::Transfer(TransferError::Gone | TransferError::Bus) => Kind::Gone,
        Cause::Transfer(TransferError::TimedOut)
        | Cause::Busy { .. }
        | Cause::Patience { .. }
        | Cause::Stuck { .. } => Kind::TimedOut,
        Cause::Runtime(_) => Kind::Unsupported,
        _ => Kind::Garbled,
    }
}

fn remedy(cause: &Cause) -> &'static str {
    match cause {
        Cause::Refused(reply) if reply.status != Status::Ok => reply.status.advice(),
        Cause::Runtime(_) => "see that `hardwire info` shows it in mode dfu; unplug it and plug it in again",
        Cause::NeedsReset => "`hardwire reboot` starts what it holds; then run the same again",
        Cause::Transfer(TransferError::Gone) => {
            "see that cable and power hold, plug the unit in again, and run the same again"
        }
        _ => REPLUG,
    }
}

#[cfg(test)]
mod tests {
    use protocols::dfu::message::State;
    use protocols::dfu::session::Doing;
    use protocols::dfu::wire::{PollTimeout, StatusReply};

    use super::*;

    #[test]
    fn a_status_is_a_sentence_with_a_remedy_and_a_vendors_text_is_escaped() {
        let reply =
            StatusReply { status: Status::Vendor, poll_timeout: PollTimeout::ZERO, state: State::Error, string: 4 };
        let failure = Failure {
            doing: Doing::Writing,
            block: None,
            address: Some(0x0800_0000),
            done: 16,
            total: 64,
            last: Some(reply),
            cause: Cause::Refused(reply),
        };
        let error = error(failure, Some("read\u{1b}[2Jprotected".to_owned()), None);
        assert_eq!(error.kind(), Kind::Refused);
        let text = error.to_string();
        assert!(text.contains("at 0x08000000") && text.contains("16 of 64 bytes"), "{text}");
        assert!(text.contains("read\\u{1b}[2Jprotected"), "{text}");
        assert_eq!(error.remedy(), Some(Status::Vendor.advice()));
    }
}
