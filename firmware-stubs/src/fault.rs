//! The faults of a stand-in, and how they are written: `kind`, or `kind:N` where one counts.

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
        kinds: String,
    },
    /// The number is none, or 0.
    #[error("{0:?} is no count: a whole number from 1 on")]
    Count(String),
    /// A kind that has no count.
    #[error("the fault {0} takes no count")]
    NoCount(String),
}

/// The count behind a kind that counts: the first when none is given.
pub(crate) fn counted(digits: Option<&str>) -> Result<u64, BadFault> {
    match digits.map(str::parse) {
        None => Ok(1),
        Some(Ok(n)) if n > 0 => Ok(n),
        Some(_) => Err(BadFault::Count(digits.unwrap_or_default().to_owned())),
    }
}

/// Makes the `Fault` of a stand-in from a table: each kind with its meaning and the name by which it is read and printed.
macro_rules! faults {
    (
        $(#[$of:meta])*
        counted { $($(#[$counted_doc:meta])* $counted:ident = $counted_name:literal,)* }
        plain { $($(#[$plain_doc:meta])* $plain:ident = $plain_name:literal,)* }
    ) => {
        $(#[$of])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Fault {
            $($(#[$counted_doc])* $counted(u64),)*
            $($(#[$plain_doc])* $plain,)*
        }

        impl std::str::FromStr for Fault {
            type Err = $crate::fault::BadFault;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                use $crate::fault::{BadFault, counted};
                let (name, count) = text.split_once(':').map_or((text, None), |(name, count)| (name, Some(count)));
                match (name, count) {
                    $(($counted_name, count) => counted(count).map(Fault::$counted),)*
                    $(($plain_name, None) => Ok(Fault::$plain),)*
                    $(($plain_name, Some(_)) => Err(BadFault::NoCount(name.to_owned())),)*
                    _ => {
                        let kinds = [$(concat!($counted_name, "[:N]"),)* $($plain_name,)*].join(", ");
                        Err(BadFault::Kind { name: name.to_owned(), kinds })
                    }
                }
            }
        }

        impl std::fmt::Display for Fault {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match self {
                    $(Fault::$counted(n) => write!(f, concat!($counted_name, ":{}"), n),)*
                    $(Fault::$plain => f.write_str($plain_name),)*
                }
            }
        }
    };
}

pub(crate) use faults;

#[cfg(test)]
mod tests {
    use super::BadFault;
    use crate::{adb, dfu, fastboot, smp};

    /// Reads and prints every kind that a refusal names.
    fn holds<F: std::str::FromStr<Err = BadFault> + std::fmt::Display>(least: usize) {
        let Err(BadFault::Kind { name, kinds }) = "melt".parse::<F>() else { panic!("a fault is called melt") };
        assert_eq!(name, "melt");
        let kinds: Vec<&str> = kinds.split(", ").collect();
        assert!(kinds.len() >= least, "{kinds:?}");
        for kind in kinds {
            let text = kind.replace("[:N]", ":7");
            assert_eq!(text.parse::<F>().map(|fault| fault.to_string()), Ok(text.clone()));
            let Some(counts) = kind.strip_suffix("[:N]") else {
                assert_eq!(format!("{kind}:2").parse::<F>().err(), Some(BadFault::NoCount(kind.to_owned())));
                continue;
            };
            assert_eq!(counts.parse::<F>().map(|fault| fault.to_string()), Ok(format!("{counts}:1")));
            for count in ["0", "x", ""] {
                let refused = format!("{counts}:{count}").parse::<F>().err();
                assert_eq!(refused, Some(BadFault::Count(count.to_owned())));
            }
        }
    }

    #[test]
    fn every_kind_of_every_stand_in_is_read_and_printed_alike() {
        holds::<smp::Fault>(9);
        holds::<dfu::Fault>(13);
        holds::<fastboot::Fault>(15);
        holds::<adb::Fault>(14);
    }
}
