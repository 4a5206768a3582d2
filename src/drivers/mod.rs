//! How each family of devices does it: one room a protocol, the same few doors in every room.

use std::collections::BTreeMap;
use std::sync::Arc;

mod adb;
mod dfu;
mod fastboot;
mod partition;
mod patience;
mod smp;

use crate::clock::Clock;
use crate::device::{Driver, ModeSpec, Op, Proof, Signature};
use crate::error::{Error, Kind, Result};
use crate::link::{Behind, Link, usb};

/// Options of a link that are the protocol's, not the port's (`window=1`, `line=512`).
pub type Options = BTreeMap<String, String>;

/// A key by which a unit may know the station.
pub trait Identity {
    /// Signs a unit's token.
    ///
    /// # Errors
    /// `storage`: the key cannot be used.
    fn sign(&self, token: &[u8; 20]) -> Result<Vec<u8>>;

    /// The public key, with a name behind it.
    fn public(&self) -> String;

    /// Its fingerprint, as a unit shows it to the person it asks.
    fn fingerprint(&self) -> String;
}

/// The station's keys, asked for only when a unit asks.
pub trait Keys: Send + Sync {
    /// The key for ADB.
    ///
    /// # Errors
    /// `storage`: it cannot be read or made; `unauthorized` when there is none.
    fn adb(&self) -> Result<Box<dyn Identity>>;
}

/// No keys.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoKeys;

impl Keys for NoKeys {
    fn adb(&self) -> Result<Box<dyn Identity>> {
        Err(Error::new(Kind::Unauthorized, "there is no key to show to the unit"))
    }
}

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

    /// The options that it takes, as `-d` spells them behind the place.
    fn options(&self) -> &'static [&'static str] {
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

    /// How it is spoken to a unit that a server holds, if it can be.
    fn over_server(&self) -> Option<&dyn OverServer> {
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

    /// The same, by a station that can say who it is.
    ///
    /// # Errors
    /// As [`OverStream::open`]; `unauthorized` when the unit does not know the station.
    fn open_as(
        &self,
        _keys: &dyn Keys,
        link: Link,
        options: &Options,
        clock: &Arc<dyn Clock>,
        op: &mut Op<'_>,
    ) -> Result<Box<dyn Driver>> {
        self.open(link, options, clock, op)
    }

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

    /// The same, by a station that can say who it is.
    ///
    /// # Errors
    /// As [`OverUsb::open`]; `unauthorized` when the unit does not know the station.
    fn open_as(
        &self,
        _keys: &dyn Keys,
        device: Box<dyn usb::Device>,
        options: &Options,
        clock: &Arc<dyn Clock>,
        op: &mut Op<'_>,
    ) -> Result<Box<dyn Driver>> {
        self.open(device, options, clock, op)
    }
}

/// A protocol that is spoken through a server that holds the unit.
pub trait OverServer {
    /// Has the server lead to the unit, and opens it. Nothing is changed by asking. The server shows its own keys.
    ///
    /// # Errors
    /// Link errors; `gone` when the server holds no such unit; `invalid` for an unknown option.
    fn open(
        &self,
        behind: Behind,
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
