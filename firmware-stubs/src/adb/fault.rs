//! What an ADB stand-in can be told to do wrong.

use crate::fault::{BadFault, Kind, Kinds};
use std::fmt;
use std::str::FromStr;

/// One thing that goes wrong. Packets of the host and stored bytes are counted from the start of the process, the first
/// is 1, through all connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The unit is unplugged when the Nth packet comes; nothing of it is done.
    UnplugPacket(u64),
    /// The unit is unplugged when the Nth packet was taken and not yet answered.
    UnplugAnswer(u64),
    /// The unit is unplugged when the Nth byte of a file was stored: exactly N are.
    UnplugByte(u64),
    /// The Nth packet, and every one after it, gets no answer.
    Hang(u64),
    /// The answer to the Nth packet begins with bytes that are no packet.
    Garbage(u64),
    /// Storage loses the byte in the middle of every file that is sent to the unit.
    LoseByte,
    /// Digests are those of what was sent, whatever was stored.
    LieHash,
    /// Storage is full.
    DiskFull,
    /// The unit says that it takes packets of 4 GiB.
    HugePayload,
    /// The unit acknowledges streams that were closed.
    OkayClosed,
    /// The unit sends as much as it has, acknowledged or not.
    IgnoreWindow,
    /// Records with the data of a file are longer than any may be.
    LongData,
    /// Every folder lists names that lead out of it, devices, and names with escapes and broken UTF-8.
    ListEscape,
    /// Commands end with 0, whatever they did.
    LieExit,
}

const KINDS: Kinds<Fault> = Kinds {
    syntax: Fault::SYNTAX,
    all: &[
        ("unplug-packet", Kind::Counted(Fault::UnplugPacket)),
        ("unplug-answer", Kind::Counted(Fault::UnplugAnswer)),
        ("unplug-byte", Kind::Counted(Fault::UnplugByte)),
        ("hang", Kind::Counted(Fault::Hang)),
        ("garbage", Kind::Counted(Fault::Garbage)),
        ("lose-byte", Kind::Plain(Fault::LoseByte)),
        ("lie-hash", Kind::Plain(Fault::LieHash)),
        ("disk-full", Kind::Plain(Fault::DiskFull)),
        ("huge-payload", Kind::Plain(Fault::HugePayload)),
        ("okay-closed", Kind::Plain(Fault::OkayClosed)),
        ("ignore-window", Kind::Plain(Fault::IgnoreWindow)),
        ("long-data", Kind::Plain(Fault::LongData)),
        ("list-escape", Kind::Plain(Fault::ListEscape)),
        ("lie-exit", Kind::Plain(Fault::LieExit)),
    ],
};

impl Fault {
    /// What [`Fault::from_str`] reads, for help texts.
    pub const SYNTAX: &'static str = "unplug-packet[:N], unplug-answer[:N], unplug-byte[:N], hang[:N], garbage[:N], \
                                      lose-byte, lie-hash, disk-full, huge-payload, okay-closed, ignore-window, \
                                      long-data, list-escape, lie-exit";

    const fn count(self) -> Option<u64> {
        match self {
            Self::UnplugPacket(n) | Self::UnplugAnswer(n) | Self::UnplugByte(n) | Self::Hang(n) | Self::Garbage(n) => {
                Some(n)
            }
            _ => None,
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
}
