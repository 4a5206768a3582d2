//! What a stand-in can be told to do wrong.

use std::fmt;
use std::str::FromStr;

use crate::fault::{BadFault, Kind, Kinds};

/// One thing that goes wrong. Requests and payload bytes are counted from the start of the process, the first is 1.
///
/// A request counts when the device takes it up: whole, with a good checksum, and not dropped for want of a buffer.
/// Payload bytes are those of files, images and settings when they reach flash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The Nth request is carried out and its answer lost.
    Drop(u64),
    /// One bit of the answer to the Nth request is wrong on the line.
    Corrupt(u64),
    /// The device hangs when it takes up the Nth request, for [`super::Options::stall_time`]; then it goes on, and
    /// answers late.
    Stall(u64),
    /// Power is lost when the Nth request was received: nothing of it is stored.
    CutRequest(u64),
    /// Power is lost when the Nth request was carried out and its answer not yet sent.
    CutAnswer(u64),
    /// Power is lost when the Nth payload byte is stored: exactly N bytes are.
    ///
    /// A settings value is the exception, because settings storage keeps an entry whole or not at all: cut within
    /// one (its last byte included), the entry keeps its old value.
    CutByte(u64),
    /// Every hash command, and the `match` of an image upload, answers for what was sent, not for what is stored.
    LieHash,
    /// Flash silently loses the byte in the middle of every file, and of the firmware in every image: it reads as if
    /// it had never been programmed (`0xff`, or `0x00` where `0xff` was meant). Lengths stay as they should be, so
    /// only the content tells. Where a file is continued after a restart, so that its length is not known, the first
    /// byte that comes is lost.
    LoseByte,
    /// The file system has no room: writes of data to files are refused.
    DiskFull,
}

const KINDS: Kinds<Fault> = Kinds {
    syntax: Fault::SYNTAX,
    all: &[
        ("drop", Kind::Counted(Fault::Drop)),
        ("corrupt", Kind::Counted(Fault::Corrupt)),
        ("stall", Kind::Counted(Fault::Stall)),
        ("cut-request", Kind::Counted(Fault::CutRequest)),
        ("cut-answer", Kind::Counted(Fault::CutAnswer)),
        ("cut-byte", Kind::Counted(Fault::CutByte)),
        ("lie-hash", Kind::Plain(Fault::LieHash)),
        ("lose-byte", Kind::Plain(Fault::LoseByte)),
        ("disk-full", Kind::Plain(Fault::DiskFull)),
    ],
};

impl Fault {
    /// What [`Fault::from_str`] reads, for help texts.
    pub const SYNTAX: &'static str = "drop[:N], corrupt[:N], stall[:N], cut-request[:N], cut-answer[:N], cut-byte[:N], \
                                      lie-hash, lose-byte, disk-full";

    const fn count(self) -> Option<u64> {
        match self {
            Self::Drop(n)
            | Self::Corrupt(n)
            | Self::Stall(n)
            | Self::CutRequest(n)
            | Self::CutAnswer(n)
            | Self::CutByte(n) => Some(n),
            Self::LieHash | Self::LoseByte | Self::DiskFull => None,
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
    fn without_a_count_it_is_the_first() {
        assert_eq!("cut-byte".parse(), Ok(Fault::CutByte(1)));
    }

    #[test]
    fn nonsense_is_refused_with_its_reason() {
        assert!(matches!("melt".parse::<Fault>(), Err(BadFault::Kind { .. })));
        assert!(matches!("drop:0".parse::<Fault>(), Err(BadFault::Count(_))));
        assert!(matches!("drop:x".parse::<Fault>(), Err(BadFault::Count(_))));
        assert!(matches!("lie-hash:2".parse::<Fault>(), Err(BadFault::NoCount(_))));
    }
}
