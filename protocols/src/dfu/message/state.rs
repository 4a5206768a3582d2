//! States of a unit (§6.1.2, table A.1).

use std::fmt;

macro_rules! states {
    ($($(#[$meta:meta])* $variant:ident = $code:literal, $name:literal, $sentence:literal;)*) => {
        /// What a unit is doing: the state machine of appendix A.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum State {
            $(#[doc = concat!("`", $name, "` (", stringify!($code), "): ", $sentence, ".")] $(#[$meta])* $variant,)*
            /// A number that the specification does not know.
            Other(u8),
        }

        impl State {
            /// All states of the specification.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The number on the wire.
            #[must_use]
            pub const fn code(self) -> u8 {
                match self { $(Self::$variant => $code,)* Self::Other(code) => code }
            }

            /// The state of this number.
            #[must_use]
            pub const fn from_code(code: u8) -> Self {
                match code { $($code => Self::$variant,)* code => Self::Other(code) }
            }

            /// Its name in the specification, `unknown` for a number that it does not have.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* Self::Other(_) => "unknown" }
            }

            /// What the unit is doing, as a clause.
            #[must_use]
            pub const fn sentence(self) -> &'static str {
                match self {
                    $(Self::$variant => $sentence,)*
                    Self::Other(_) => "the unit is in a state that the specification does not know",
                }
            }
        }
    };
}

states! {
    AppIdle = 0, "appIDLE", "the unit runs its application";
    AppDetach = 1, "appDETACH", "the unit runs its application and waits for a bus reset to leave it";
    Idle = 2, "dfuIDLE", "the unit is in DFU mode and waits for requests";
    DownloadSync = 3, "dfuDNLOAD-SYNC", "the unit has received a block and waits to be asked for its status";
    DownloadBusy = 4, "dfuDNBUSY", "the unit is writing a block";
    DownloadIdle = 5, "dfuDNLOAD-IDLE", "the unit is in the middle of a download and waits for the next block";
    ManifestSync = 6, "dfuMANIFEST-SYNC", "the unit has received the last block and waits to be asked for its status";
    Manifest = 7, "dfuMANIFEST", "the unit is putting the new firmware in place";
    ManifestWaitReset = 8, "dfuMANIFEST-WAIT-RESET", "the unit has put the new firmware in place and waits for a reset";
    UploadIdle = 9, "dfuUPLOAD-IDLE", "the unit is in the middle of an upload and waits for the next request";
    Error = 10, "dfuERROR", "the unit has stopped at an error that has to be cleared";
}

impl State {
    /// Whether the unit runs its application, in which all but detaching is refused.
    #[must_use]
    pub const fn is_application(self) -> bool {
        matches!(self, Self::AppIdle | Self::AppDetach)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Other(code) => write!(f, "unknown state {code}"),
            known => f.write_str(known.name()),
        }
    }
}
