//! What went wrong on a connection, as an error with a remedy.

use protocols::adb::session::Failure;

use crate::error::{Error, Kind};

/// A failure of the connection to the unit at `address`.
pub(super) fn failed(failure: Failure, address: &str) -> Error {
    let (kind, next) = match &failure {
        Failure::NoAnswer { .. } => {
            let sentence = format!("no unit that speaks ADB answers at {address}");
            return Error::new(Kind::TimedOut, sentence)
                .because(failure)
                .next("see that the unit runs, that USB debugging is on, and unplug it and plug it in again");
        }
        Failure::NotAccepted { .. } => {
            (Kind::Unauthorized, "accept the key on the unit's screen (`,auth-wait=120s` waits longer)")
        }
        Failure::NoVerdict | Failure::TooManyTokens => {
            (Kind::Unauthorized, "unlock the unit, unplug it and plug it in again, then run the same again")
        }
        Failure::Tls => (Kind::Unsupported, "connect the unit by cable, or turn on `adb tcpip` by cable first"),
        Failure::BeganAnew => (Kind::Gone, "run the same again"),
        Failure::ServiceTooLong { .. } => (Kind::Invalid, "shorten the command"),
        Failure::TooManyStreams | Failure::NotConnected | Failure::NoRoom { .. } => {
            (Kind::Garbled, "this is a fault of Hardwire: please report it")
        }
        Failure::StreamIsClosed => (Kind::Refused, "run the same again"),
        _ => (Kind::Garbled, "unplug the unit, plug it in again, and run the same again"),
    };
    let sentence = match &failure {
        Failure::ServiceTooLong { .. } => "the command is too long for the unit".to_owned(),
        _ => format!("the connection to {address} cannot be used"),
    };
    Error::new(kind, sentence).because(failure).next(next)
}
