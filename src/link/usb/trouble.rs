//! What libusb says, as an error with a remedy.

use crate::error::{Error, Kind};

const PLUG: &str = "unplug the unit, plug it in again, and run the same again";
const LOOK: &str = "see that the cable is in, that the unit has power, and that `hardwire detect` lists it";

/// The error for `cause` while doing what `sentence` says.
pub(super) fn error(sentence: &str, cause: rusb::Error) -> Error {
    let (kind, why, next) = match cause {
        rusb::Error::Access => (
            Kind::NotPermitted,
            "this user may not open it",
            "`hardwire udev install` lets the people at the bench open it",
        ),
        rusb::Error::Busy => (
            Kind::Busy,
            "another program holds it",
            "close the program that holds it (an adb server, another hardwire)",
        ),
        rusb::Error::Timeout => (Kind::TimedOut, "the unit did not take part in time", PLUG),
        rusb::Error::NoDevice => (Kind::Gone, "the unit went away", LOOK),
        rusb::Error::NotFound => (Kind::Gone, "it is not there, or no longer", LOOK),
        rusb::Error::Io => (Kind::Gone, "the transfer broke off: the unit left, or the cable is bad", LOOK),
        rusb::Error::Pipe => (Kind::Refused, "the unit refused it (stall)", PLUG),
        rusb::Error::Overflow => (Kind::Garbled, "the unit sent more than it was asked for", PLUG),
        rusb::Error::NoMem => (
            Kind::Busy,
            "the kernel has no memory left for USB transfers",
            "raise /sys/module/usbcore/parameters/usbfs_memory_mb, or run fewer units at once",
        ),
        rusb::Error::NotSupported => (Kind::Unsupported, "this system cannot do it", LOOK),
        rusb::Error::BadDescriptor => (Kind::Garbled, "the unit's descriptors make no sense", PLUG),
        rusb::Error::Interrupted => (Kind::TimedOut, "it was interrupted", "run the same again"),
        rusb::Error::InvalidParam | rusb::Error::Other => (Kind::Garbled, "the kernel did not take it", PLUG),
    };
    Error::new(kind, format!("{sentence}: {why}")).because(cause).next(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denied_device_names_the_remedy() {
        let error = error("usb:1-2 could not be opened", rusb::Error::Access);
        assert_eq!(error.kind(), Kind::NotPermitted);
        assert!(error.remedy().unwrap().contains("hardwire udev install"));
        assert_eq!(error.to_string(), "usb:1-2 could not be opened: this user may not open it");
    }
}
