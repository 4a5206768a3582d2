//! Status codes (§6.1.2).

use std::fmt;

use super::codes::codes;

macro_rules! statuses {
    ($($variant:ident = $code:literal, $name:literal, $sentence:literal, $advice:literal;)*) => {
        codes! {
            /// What came of the last request.
            Status, unknown: "the unit gives a reason that the specification does not know";
            $($variant = $code, $name, $sentence;)*
        }

        impl Status {
            /// What a technician can do about it, as a clause.
            #[must_use]
            pub const fn advice(self) -> &'static str {
                match self {
                    $(Self::$variant => $advice,)*
                    Self::Other(_) => "look the number up in the documentation of the unit's bootloader",
                }
            }
        }
    };
}

statuses! {
    Ok = 0x00, "OK", "the unit reports no error", "nothing has to be done";
    Target = 0x01, "errTARGET", "the file is not for this unit",
        "see that profile and file are those of this model and revision";
    File = 0x02, "errFILE", "the file fails a check that only this unit's vendor knows",
        "see that the file is whole and made for this bootloader";
    Write = 0x03, "errWRITE", "the unit cannot write its memory",
        "try again; when it stays, the memory is protected or worn out";
    Erase = 0x04, "errERASE", "the unit cannot erase its memory",
        "try again; when it stays, the memory is protected or worn out";
    CheckErased = 0x05, "errCHECK_ERASED", "memory that the unit has erased is not blank",
        "try again; when it stays, the memory is worn out";
    Program = 0x06, "errPROG", "the unit cannot program its memory",
        "try again; when it stays, the memory is protected or worn out";
    Verify = 0x07, "errVERIFY", "what the unit has programmed does not read back the same",
        "try again, from a supply that is steady; when it stays, the memory is worn out";
    Address = 0x08, "errADDRESS", "the address is outside of what this unit may program",
        "see that the file is linked for this unit's memory";
    NotDone = 0x09, "errNOTDONE", "the unit expected more data when the download ended",
        "see that the file is whole";
    Firmware = 0x0a, "errFIRMWARE", "the unit's firmware is corrupt and cannot be started",
        "write firmware to it; it stays in DFU mode until then";
    Vendor = 0x0b, "errVENDOR", "the unit gives a reason of its vendor's own",
        "read the text that the unit gives with it; on an STM32 the memory is read-protected";
    UsbReset = 0x0c, "errUSBR", "the unit met a bus reset that it did not expect",
        "use another cable or port, and try again";
    PowerOn = 0x0d, "errPOR", "the unit met a power-on reset that it did not expect",
        "see that supply and cable hold, and try again";
    Unknown = 0x0e, "errUNKNOWN", "something went wrong, and the unit does not know what",
        "unplug the unit, plug it in, and try again";
    Stalled = 0x0f, "errSTALLEDPKT", "the unit was asked for what it does not do",
        "try again; when it stays, this bootloader does not support the operation";
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Other(code) => write!(f, "unknown status {code:#04x}"),
            known => f.write_str(known.name()),
        }
    }
}
