//! How the faults of a stand-in are written: `kind`, or `kind:N` where one counts.

use std::fmt;
use thiserror::Error;

/// Text that names no fault.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum BadFault {
    /// No such kind.
    #[error("no fault is called {name:?}: {kinds}")]
    Kind {
        /// What was read.
        name: String,
        /// What there is.
        kinds: &'static str,
    },
    /// The number is none, or 0.
    #[error("{0:?} is no count: a whole number from 1 on")]
    Count(String),
    /// A kind that has no count.
    #[error("the fault {0} takes no count")]
    NoCount(&'static str),
}

/// A kind of fault.
pub(crate) enum Kind<F> {
    /// One that counts.
    Counted(fn(u64) -> F),
    /// One that does not.
    Plain(F),
}

/// All kinds of a stand-in, by name.
pub(crate) struct Kinds<F: 'static> {
    /// What is read, for help texts.
    pub(crate) syntax: &'static str,
    /// The kinds.
    pub(crate) all: &'static [(&'static str, Kind<F>)],
}

impl<F: Copy + PartialEq> Kinds<F> {
    /// The fault that `text` names; where it counts, the first when it does not say which.
    pub(crate) fn read(&self, text: &str) -> Result<F, BadFault> {
        let (name, count) = text.split_once(':').map_or((text, None), |(name, count)| (name, Some(count)));
        let found = self.all.iter().find(|(kind, _)| *kind == name);
        let (name, kind) = found.ok_or_else(|| BadFault::Kind { name: name.to_owned(), kinds: self.syntax })?;
        match (kind, count) {
            (Kind::Counted(make), None) => Ok(make(1)),
            (Kind::Counted(make), Some(digits)) => match digits.parse() {
                Ok(n) if n > 0 => Ok(make(n)),
                _ => Err(BadFault::Count(digits.to_owned())),
            },
            (Kind::Plain(fault), None) => Ok(*fault),
            (Kind::Plain(_), Some(_)) => Err(BadFault::NoCount(name)),
        }
    }

    /// Writes a fault that counts to `count`, if it counts, as it is read.
    pub(crate) fn write(&self, fault: F, count: Option<u64>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.all.iter().find_map(|(name, kind)| match (kind, count) {
            (Kind::Counted(make), Some(n)) => (make(n) == fault).then_some(*name),
            (Kind::Plain(plain), None) => (*plain == fault).then_some(*name),
            _ => None,
        });
        f.write_str(name.unwrap_or_default())?;
        count.map_or(Ok(()), |n| write!(f, ":{n}"))
    }
}
