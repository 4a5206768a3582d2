//! What a DFU unit can be told to do wrong.

use crate::fault::faults;

faults! {
    /// One thing that goes wrong.
    ///
    /// Transfers are counted from the start of the process, the first is 1, through all modes; those that count are DFU's
    /// class requests, so that it does not matter how often a kernel enumerates.
    counted {
        /// The Nth transfer stalls; nothing of it is done.
        Stall = "stall",
        /// The Nth transfer gets no answer; nothing of it is done.
        Hang = "hang",
        /// The Nth transfer carries half of its bytes, in either direction.
        Short = "short",
        /// The answer to the Nth `DFU_GETSTATUS` is six bytes that mean nothing.
        GarbageStatus = "garbage-status",
        /// The unit is unplugged when the Nth transfer comes; nothing of it is done.
        UnplugControl = "unplug-control",
        /// The unit is unplugged when the Nth transfer was carried out and not yet answered.
        UnplugAnswer = "unplug-answer",
        /// The unit is unplugged when the Nth byte was stored: exactly N are.
        UnplugByte = "unplug-byte",
        /// The Nth byte of every memory is worn out: it reads `0xff`, or `0x00` where `0xff` was meant.
        LoseByte = "lose-byte",
        /// The unit never gets ready with the Nth block.
        Stay = "stay",
    }
    plain {
        /// The unit says that a block may be twice as long as what it keeps of one: the rest is lost in silence.
        LieLength = "lie-length",
        /// Uploads give back what was sent, whatever was stored.
        LieUpload = "lie-upload",
        /// The unit has another serial number in DFU mode.
        OtherSerial = "other-serial",
        /// The unit has no serial number.
        NoSerial = "no-serial",
    }
}
