//! What a unit can be told to do wrong.

use std::fmt;
use std::str::FromStr;

use crate::fault::{BadFault, Kind, Kinds};

/// One thing that goes wrong.
///
/// Commands and data phases are counted from the start of the process, the first is 1, through all modes. So are the bytes
/// that are stored in partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The Nth command makes the endpoint stall (on TCP: the connection closes); nothing of it is done.
    Stall(u64),
    /// The Nth command gets no answer; nothing of it is done.
    Silence(u64),
    /// The Nth command is carried out, and its last answer is lost.
    Drop(u64),
    /// The Nth command fails, in few words; nothing of it is done.
    Fail(u64),
    /// The Nth command fails, in 5 KB of words; nothing of it is done.
    LongFail(u64),
    /// The Nth command is answered with what is no answer; nothing of it is done.
    Garbage(u64),
    /// The Nth command is answered `OKAY` at once; nothing of it is done.
    EarlyOkay(u64),
    /// The Nth data phase is announced with half of its bytes.
    DataLength(u64),
    /// The Nth data phase ends after half of its bytes, and the unit says that all is well.
    Short(u64),
    /// The lowest bit of the Nth byte that is stored is the other one, and the unit says that all is well.
    FlipByte(u64),
    /// The unit is unplugged when the Nth command comes; nothing of it is done.
    UnplugCommand(u64),
    /// The unit is unplugged when the Nth command was carried out and not yet answered.
    UnplugAnswer(u64),
    /// The unit is unplugged when the Nth byte was stored: exactly N are.
    UnplugByte(u64),
    /// The unit has another serial number in fastbootd.
    OtherSerial,
    /// The unit has no serial number.
    NoSerial,
}

const KINDS: Kinds<Fault> = Kinds {
    syntax: Fault::SYNTAX,
    all: &[
        ("stall", Kind::Counted(Fault::Stall)),
        ("silence", Kind::Counted(Fault::Silence)),
        ("drop", Kind::Counted(Fault::Drop)),
        ("fail", Kind::Counted(Fault::Fail)),
        ("long-fail", Kind::Counted(Fault::LongFail)),
        ("garbage", Kind::Counted(Fault::Garbage)),
        ("early-okay", Kind::Counted(Fault::EarlyOkay)),
        ("data-length", Kind::Counted(Fault::DataLength)),
        ("short", Kind::Counted(Fault::Short)),
        ("flip-byte", Kind::Counted(Fault::FlipByte)),
        ("unplug-command", Kind::Counted(Fault::UnplugCommand)),
        ("unplug-answer", Kind::Counted(Fault::UnplugAnswer)),
        ("unplug-byte", Kind::Counted(Fault::UnplugByte)),
        ("other-serial", Kind::Plain(Fault::OtherSerial)),
        ("no-serial", Kind::Plain(Fault::NoSerial)),
    ],
};

impl Fault {
    /// What [`Fault::from_str`] reads, for help texts.
    pub const SYNTAX: &'static str = "stall[:N], silence[:N], drop[:N], fail[:N], long-fail[:N], garbage[:N], \
                                      early-okay[:N], data-length[:N], short[:N], flip-byte[:N], unplug-command[:N], \
                                      unplug-answer[:N], unplug-byte[:N], other-serial, no-serial";

    const fn count(self) -> Option<u64> {
        match self {
            Self::Stall(n)
            | Self::Silence(n)
            | Self::Drop(n)
            | Self::Fail(n)
            | Self::LongFail(n)
            | Self::Garbage(n)
            | Self::EarlyOkay(n)
            | Self::DataLength(n)
            | Self::Short(n)
            | Self::FlipByte(n)
            | Self::UnplugCommand(n)
            | Self::UnplugAnswer(n)
            | Self::UnplugByte(n) => Some(n),
            Self::OtherSerial | Self::NoSerial => None,
        }
    }
}

impl FromStr for Fault {
    type Err = BadFault;

    fn from_str(text: &str) -> Result<Self, BadFault> {
        KINDS.read(text)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        KINDS.write(*self, self.count(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_read_and_printed_alike() {
        let kinds: Vec<_> = Fault::SYNTAX.split(", ").collect();
        assert_eq!(kinds.len(), KINDS.all.len());
        for kind in kinds {
            let text = kind.replace("[:N]", ":7");
            assert_eq!(text.parse::<Fault>().unwrap().to_string(), text);
        }
        assert_eq!("drop".parse(), Ok(Fault::Drop(1)));
        assert!(matches!("melt".parse::<Fault>(), Err(BadFault::Kind { .. })));
    }
}
