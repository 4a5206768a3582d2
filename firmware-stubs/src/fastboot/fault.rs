//! What a unit can be told to do wrong.

use crate::fault::faults;

faults! {
    /// One thing that goes wrong.
    ///
    /// Commands and data phases are counted from the start of the process, the first is 1, through all modes. So are the bytes
    /// that are stored in partitions.
    counted {
        /// The Nth command makes the endpoint stall (on TCP: the connection closes); nothing of it is done.
        Stall = "stall",
        /// The Nth command gets no answer; nothing of it is done.
        Silence = "silence",
        /// The Nth command is carried out, and its last answer is lost.
        Drop = "drop",
        /// The Nth command fails, in few words; nothing of it is done.
        Fail = "fail",
        /// The Nth command fails, in 5 KB of words; nothing of it is done.
        LongFail = "long-fail",
        /// The Nth command is answered with what is no answer; nothing of it is done.
        Garbage = "garbage",
        /// The Nth command is answered `OKAY` at once; nothing of it is done.
        EarlyOkay = "early-okay",
        /// The Nth data phase is announced with half of its bytes.
        DataLength = "data-length",
        /// The Nth data phase ends after half of its bytes, and the unit says that all is well.
        Short = "short",
        /// The lowest bit of the Nth byte that is stored is the other one, and the unit says that all is well.
        FlipByte = "flip-byte",
        /// The unit is unplugged when the Nth command comes; nothing of it is done.
        UnplugCommand = "unplug-command",
        /// The unit is unplugged when the Nth command was carried out and not yet answered.
        UnplugAnswer = "unplug-answer",
        /// The unit is unplugged when the Nth byte was stored: exactly N are.
        UnplugByte = "unplug-byte",
    }
    plain {
        /// Nothing is erased, and the unit says that all is well.
        NoErase = "no-erase",
        /// The unit has another serial number in fastbootd.
        OtherSerial = "other-serial",
        /// The unit has no serial number.
        NoSerial = "no-serial",
    }
}
