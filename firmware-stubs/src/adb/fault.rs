//! What an ADB stand-in can be told to do wrong.

use crate::fault::faults;

faults! {
    /// One thing that goes wrong. Packets of the host and stored bytes are counted from the start of the process, the first
    /// is 1, through all connections.
    counted {
        /// The unit is unplugged when the Nth packet comes; nothing of it is done.
        UnplugPacket = "unplug-packet",
        /// The unit is unplugged when the Nth packet was taken and not yet answered.
        UnplugAnswer = "unplug-answer",
        /// The unit is unplugged when the Nth byte of a file was stored: exactly N are.
        UnplugByte = "unplug-byte",
        /// The Nth packet, and every one after it, gets no answer.
        Hang = "hang",
        /// The answer to the Nth packet begins with bytes that are no packet.
        Garbage = "garbage",
    }
    plain {
        /// Storage loses the byte in the middle of every file that is sent to the unit.
        LoseByte = "lose-byte",
        /// Digests are those of what was sent, whatever was stored.
        LieHash = "lie-hash",
        /// Storage is full.
        DiskFull = "disk-full",
        /// The unit says that it takes packets of 4 GiB.
        HugePayload = "huge-payload",
        /// The unit acknowledges streams that were closed.
        OkayClosed = "okay-closed",
        /// The unit sends as much as it has, acknowledged or not.
        IgnoreWindow = "ignore-window",
        /// Records with the data of a file are longer than any may be.
        LongData = "long-data",
        /// Every folder lists names that lead out of it, devices, and names with escapes and broken UTF-8.
        ListEscape = "list-escape",
        /// Commands end with 0, whatever they did.
        LieExit = "lie-exit",
    }
}
