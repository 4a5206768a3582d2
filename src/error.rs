//! One shape of error for the whole station: a closed kind to branch on, a sentence, a cause, a remedy.
//!
//! Each layer adds what only it knows and hands the cause on as `source`; `cli` walks the chain once.

use std::error::Error as StdError;
use std::fmt;

use serde::{Deserialize, Serialize};

/// What went wrong, closed: the only thing that code may branch on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The unit or its link went away.
    Gone,
    /// Something else holds the port, the ledger or the unit.
    Busy,
    /// The operating system does not let us.
    NotPermitted,
    /// The unit does not let us (yet).
    Unauthorized,
    /// The unit, mode or build cannot do this.
    Unsupported,
    /// The unit understood and said no.
    Refused,
    /// The bytes made no sense.
    Garbled,
    /// No answer within the time given.
    TimedOut,
    /// What the unit holds is not what it should hold.
    Mismatch,
    /// A profile, artifact, input or argument is wrong; nothing was written.
    Invalid,
    /// Ledger, vault or journal could not be written or read.
    Storage,
    /// A person or a batch limit ended it.
    Cancelled,
    /// Hardwire itself died in the middle.
    Interrupted,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Gone => "gone",
            Kind::Busy => "busy",
            Kind::NotPermitted => "not-permitted",
            Kind::Unauthorized => "unauthorized",
            Kind::Unsupported => "unsupported",
            Kind::Refused => "refused",
            Kind::Garbled => "garbled",
            Kind::TimedOut => "timed-out",
            Kind::Mismatch => "mismatch",
            Kind::Invalid => "invalid",
            Kind::Storage => "storage",
            Kind::Cancelled => "cancelled",
            Kind::Interrupted => "interrupted",
        })
    }
}

type Cause = Box<dyn StdError + Send + Sync>;

/// A failure with its kind, one sentence, its cause and, where the author knows one, the remedy.
#[derive(Debug)]
pub struct Error {
    kind: Kind,
    sentence: String,
    next: Option<String>,
    absent: bool,
    source: Option<Cause>,
}

/// The result of whatever can fail in the station.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// A failure of `kind`; `sentence` says what was being done or what is wrong, without its cause.
    #[must_use]
    pub fn new(kind: Kind, sentence: impl Into<String>) -> Error {
        Error { kind, sentence: sentence.into(), next: None, absent: false, source: None }
    }

    /// Nothing is there, or that is known of it: `gone` that never was, rather than went away.
    #[must_use]
    pub fn absent(sentence: impl Into<String>) -> Error {
        Error { absent: true, ..Error::new(Kind::Gone, sentence) }
    }

    /// Whether nothing was there to begin with.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        self.absent
    }

    /// The same with the cause underneath.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Cause>) -> Error {
        self.source = Some(cause.into());
        self
    }

    /// The same with what a person should do next.
    #[must_use]
    pub fn next(mut self, remedy: impl Into<String>) -> Error {
        self.next = Some(remedy.into());
        self
    }

    /// This failure as the cause of a wider one of the same kind.
    #[must_use]
    pub fn while_doing(self, sentence: impl Into<String>) -> Error {
        Error {
            kind: self.kind,
            sentence: sentence.into(),
            next: None,
            absent: self.absent,
            source: Some(Box::new(self)),
        }
    }

    /// The kind, to branch on.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The remedy: the outermost one given in the chain.
    #[must_use]
    pub fn remedy(&self) -> Option<&str> {
        if self.next.is_some() {
            return self.next.as_deref();
        }
        let cause: &(dyn StdError + 'static) = self.source.as_deref()?;
        cause.downcast_ref::<Error>().and_then(Error::remedy)
    }

    /// The sentences of the causes, outermost first, without this failure's own.
    #[must_use]
    pub fn causes(&self) -> Vec<String> {
        let mut causes = Vec::new();
        let mut cause = self.source();
        while let Some(error) = cause {
            causes.push(error.to_string());
            cause = error.source();
        }
        causes
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|cause| cause as &(dyn StdError + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wider_error_keeps_kind_causes_and_remedy() {
        let error = Error::new(Kind::TimedOut, "serial read timed out")
            .next("check the cable")
            .while_doing("no reply to image upload")
            .while_doing("writing app stopped");
        assert_eq!(error.kind(), Kind::TimedOut);
        assert_eq!(error.causes(), ["no reply to image upload", "serial read timed out"]);
        assert_eq!(error.remedy(), Some("check the cable"));
    }
}
