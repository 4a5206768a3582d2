//! How each family of devices does it: one room a protocol, the same few doors in every room.

use std::collections::BTreeMap;
use std::sync::Arc;

mod adb;
mod dfu;
mod fastboot;
mod smp;

use crate::clock::Clock;
use crate::device::{Driver, ModeSpec, Op, Proof, Signature};
use crate::error::Result;
use crate::link::{Link, usb};

/// Options of a link that are the protocol's, not the port's (`window=1`, `line=512`).
pub type Options = BTreeMap<String, String>;

/// A protocol that can be opened over a link.
pub trait Protocol: Sync {
    /// Its name, as `-d NAME@…` and `match: { driver: NAME }` say it.
    fn name(&self) -> &'static str;

    /// What its units can do in each of their modes, at the best.
    fn modes(&self) -> &'static [ModeSpec];

    /// The other protocols that units of this family speak in modes in which they do not speak this one.
    fn kin(&self) -> &'static [&'static str] {
        &[]
    }

    /// The most by which its units can be known again after they had left; what one of them shows may be less.
    fn proof(&self) -> Proof {
        Proof::Serial
    }

    /// The USB identities by which its units are known without being asked.
    fn signatures(&self) -> &'static [Signature] {
        &[]
    }

    /// How it is spoken over a stream of bytes, if it can be.
    fn over_stream(&self) -> Option<&dyn OverStream> {
        None
    }

    /// How it is spoken to a USB device, if it can be.
    fn over_usb(&self) -> Option<&dyn OverUsb> {
        None
    }
}

/// A protocol that is spoken over a stream of bytes: a serial port, a TCP connection.
pub trait OverStream {
    /// Asks whether a unit of this protocol answers, and opens it. Nothing is changed by asking.
    ///
    /// # Errors
    /// Link errors; `timed-out` when nothing answers; `invalid` for an unknown option.
    fn open(&self, link: Link, options: &Options, clock: &Arc<dyn Clock>, op: &mut Op<'_>) -> Result<Box<dyn Driver>>;

    /// Whether its units hang on serial ports too; else a serial port is asked only when this protocol is named.
    fn over_serial(&self) -> bool {
        true
    }
}

/// A protocol that is spoken to a USB device as such.
pub trait OverUsb {
    /// Looks whether the device shows this protocol's interface, and opens it. Nothing is changed by asking.
    ///
    /// # Errors
    /// Link errors; `unsupported` when it shows no such interface; `invalid` for an unknown option.
    fn open(
        &self,
        device: Box<dyn usb::Device>,
        options: &Options,
        clock: &Arc<dyn Clock>,
        op: &mut Op<'_>,
    ) -> Result<Box<dyn Driver>>;
}

/// Every protocol that Hardwire drives.
#[must_use]
pub fn registry() -> &'static [&'static dyn Protocol] {
    &[&smp::Smp, &dfu::Dfu, &adb::Adb, &fastboot::Fastboot]
}
