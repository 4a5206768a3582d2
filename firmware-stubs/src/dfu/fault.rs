//! What a DFU unit can be told to do wrong.

use std::fmt;
use std::str::FromStr;

use crate::fault::{BadFault, Kind, Kinds};

/// One thing that goes wrong.
///
/// Transfers are counted from the start of the process, the first is 1, through all modes; those that count are DFU's
/// class requests, so that it does not matter how often a kernel enumerates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The Nth transfer stalls; nothing of it is done.
    Stall(u64),
    /// The Nth transfer gets no answer; nothing of it is done.
    Hang(u64),
    /// The Nth transfer carries half of its bytes, in either direction.
    Short(u64),
    /// The answer to the Nth `DFU_GETSTATUS` is six bytes that mean nothing.
    GarbageStatus(u64),
    /// The unit is unplugged when the Nth transfer comes; nothing of it is done.
    UnplugControl(u64),
    /// The unit is unplugged when the Nth transfer was carried out and not yet answered.
    UnplugAnswer(u64),
    /// The unit is unplugged when the Nth byte was stored: exactly N are.
    UnplugByte(u64),
    /// The unit says that a block may be twice as long as what it keeps of one: the rest is lost in silence.
    LieLength,
    /// The Nth byte of every memory is worn out: it reads `0xff`, or `0x00` where `0xff` was meant.
    LoseByte(u64),
    /// Uploads give back what was sent, whatever was stored.
    LieUpload,
    /// The unit has another serial number in DFU mode.
    OtherSerial,
    /// The unit has no serial number.
    NoSerial,
    /// The unit never gets ready with the Nth block.
    Stay(u64),
}

const KINDS: Kinds<Fault> = Kinds {
    syntax: Fault::SYNTAX,
    all: &[
        ("stall", Kind::Counted(Fault::Stall)),
        ("hang", Kind::Counted(Fault::Hang)),
        ("short", Kind::Counted(Fault::Short)),
        ("garbage-status", Kind::Counted(Fault::GarbageStatus)),
        ("unplug-control", Kind::Counted(Fault::UnplugControl)),
        ("unplug-answer", Kind::Counted(Fault::UnplugAnswer)),
        ("unplug-byte", Kind::Counted(Fault::UnplugByte)),
        ("lie-length", Kind::Plain(Fault::LieLength)),
        ("lose-byte", Kind::Counted(Fault::LoseByte)),
        ("lie-upload", Kind::Plain(Fault::LieUpload)),
        ("other-serial", Kind::Plain(Fault::OtherSerial)),
        ("no-serial", Kind::Plain(Fault::NoSerial)),
        ("stay", Kind::Counted(Fault::Stay)),
    ],
};

impl Fault {
    /// What [`Fault::from_str`] reads, for help texts.
    pub const SYNTAX: &'static str = "stall[:N], hang[:N], short[:N], garbage-status[:N], unplug-control[:N], \
                                      unplug-answer[:N], unplug-byte[:N], lie-length, lose-byte[:N], lie-upload, \
                                      other-serial, no-serial, stay[:N]";

    const fn count(self) -> Option<u64> {
        match self {
            Self::Stall(n)
            | Self::Hang(n)
            | Self::Short(n)
            | Self::GarbageStatus(n)
            | Self::UnplugControl(n)
            | Self::UnplugAnswer(n)
            | Self::UnplugByte(n)
            | Self::LoseByte(n)
            | Self::Stay(n) => Some(n),
            Self::LieLength | Self::LieUpload | Self::OtherSerial | Self::NoSerial => None,
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
    }

    #[test]
    fn nonsense_is_refused_with_its_reason() {
        assert_eq!("stall".parse(), Ok(Fault::Stall(1)));
        assert!(matches!("melt".parse::<Fault>(), Err(BadFault::Kind { .. })));
        assert!(matches!("short:0".parse::<Fault>(), Err(BadFault::Count(_))));
        assert!(matches!("lie-upload:2".parse::<Fault>(), Err(BadFault::NoCount("lie-upload"))));
    }
}
