//! How each family of devices does it: one room a protocol, the same few doors in every room.

use std::collections::BTreeMap;

mod adb;
mod dfu;
mod fastboot;
mod partition;
mod patience;
mod smp;

use crate::device::{Driver, ModeSpec, Op, Proof, Signature};
use crate::error::{Error, Kind, Result};
use crate::link::Opened;

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

    /// What it is spoken over.
    fn over(&self) -> &'static [Over];

    /// Asks whether a unit of this protocol is there, and opens it. Nothing is changed by asking.
    ///
    /// # Errors
    /// Link errors; `timed-out` when nothing answers; `unsupported` when it is not spoken over `end`, or the device shows
    /// no such interface; `unauthorized` when the unit does not know the station; `gone` when a server holds no such
    /// unit; `invalid` for an unknown option.
    fn open(&self, end: Opened, with: Opening<'_>, op: &mut Op<'_>) -> Result<Box<dyn Driver>>;
}

/// What a protocol is spoken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// A serial port, also where nobody said that this protocol is spoken there.
    Serial,
    /// A stream of bytes: a TCP connection, a serial port for which the protocol was named.
    Stream,
    /// A USB device as such.
    Usb,
    /// A server that holds the unit.
    Server,
}

/// What a unit is opened with.
#[derive(Clone, Copy)]
pub struct Opening<'a> {
    /// What a person knows better than the unit says.
    pub options: &'a Options,
    /// Who the station is.
    pub keys: &'a dyn Keys,
}

impl<'a> Opening<'a> {
    /// By a station that no unit knows.
    #[must_use]
    pub fn unknown(options: &'a Options) -> Opening<'a> {
        Opening { options, keys: &NoKeys }
    }
}

/// The protocol `name` is not spoken over what was opened.
fn unspoken(name: &str, end: &Opened) -> Error {
    let over = match end {
        Opened::Stream(_) => "a stream of bytes",
        Opened::Usb(_) => "USB itself",
        Opened::Behind(_) => "a server",
    };
    Error::new(Kind::Unsupported, format!("{name} is not spoken over {over}"))
}

/// Every protocol that Hardwire drives.
#[must_use]
pub fn registry() -> &'static [&'static dyn Protocol] {
    &[&smp::Smp, &dfu::Dfu, &adb::Adb, &fastboot::Fastboot]
}
