//! A number on the wire with a name in the specification and a meaning in words.

macro_rules! codes {
    (
        $(#[$doc:meta])* $type:ident, unknown: $unknown:literal;
        $($variant:ident = $code:literal, $name:literal, $sentence:literal;)*
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $type {
            $(#[doc = concat!("`", $name, "` (", stringify!($code), "): ", $sentence, ".")] $variant,)*
            /// A number that the specification does not know.
            Other(u8),
        }

        impl $type {
            /// All that the specification knows.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The number on the wire.
            #[must_use]
            pub const fn code(self) -> u8 {
                match self { $(Self::$variant => $code,)* Self::Other(code) => code }
            }

            /// What this number means.
            #[must_use]
            pub const fn from_code(code: u8) -> Self {
                match code { $($code => Self::$variant,)* code => Self::Other(code) }
            }

            /// Its name in the specification, `unknown` for a number that it does not have.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* Self::Other(_) => "unknown" }
            }

            /// What it means, as a clause.
            #[must_use]
            pub const fn sentence(self) -> &'static str {
                match self { $(Self::$variant => $sentence,)* Self::Other(_) => $unknown }
            }
        }
    };
}

pub(super) use codes;
