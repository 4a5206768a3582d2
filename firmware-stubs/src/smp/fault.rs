//! What a stand-in can be told to do wrong.

use crate::fault::faults;

faults! {
    /// One thing that goes wrong. Requests and payload bytes are counted from the start of the process, the first is 1.
    ///
    /// A request counts when the device takes it up: whole, with a good checksum, and not dropped for want of a buffer.
    /// Payload bytes are those of files, images and settings when they reach flash.
    counted {
        /// The Nth request is carried out and its answer lost.
        Drop = "drop",
        /// One bit of the answer to the Nth request is wrong on the line.
        Corrupt = "corrupt",
        /// The device hangs when it takes up the Nth request, for [`super::Options::stall_time`]; then it goes on, and
        /// answers late.
        Stall = "stall",
        /// Power is lost when the Nth request was received: nothing of it is stored.
        CutRequest = "cut-request",
        /// Power is lost when the Nth request was carried out and its answer not yet sent.
        CutAnswer = "cut-answer",
        /// Power is lost when the Nth payload byte is stored: exactly N bytes are.
        ///
        /// A settings value is the exception, because settings storage keeps an entry whole or not at all: cut within
        /// one (its last byte included), the entry keeps its old value.
        CutByte = "cut-byte",
    }
    plain {
        /// Every hash command, and the `match` of an image upload, answers for what was sent, not for what is stored.
        LieHash = "lie-hash",
        /// Flash silently loses the byte in the middle of every file, and of the firmware in every image: it reads as if
        /// it had never been programmed (`0xff`, or `0x00` where `0xff` was meant). Lengths stay as they should be, so
        /// only the content tells. Where a file is continued after a restart, so that its length is not known, the first
        /// byte that comes is lost.
        LoseByte = "lose-byte",
        /// The file system has no room: writes of data to files are refused.
        DiskFull = "disk-full",
    }
}
