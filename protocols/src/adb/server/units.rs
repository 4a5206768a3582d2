//! The list of a server's units.

use super::Transport;
use crate::adb::message::Features;

/// Units that are read of a list.
const MOST: usize = 256;

/// How a unit is, in the server's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Its daemon answers, and says that this runs there.
    Online(crate::adb::message::SystemKind),
    /// Its daemon does not know the server's key.
    Unauthorized,
    /// The server is about to connect, or to show its key.
    Connecting,
    /// Its daemon does not answer.
    Offline,
    /// The server may not open it.
    NoPermissions,
    /// Another word. Untrusted text.
    Other(String),
}

impl State {
    /// The state that is called so.
    #[must_use]
    pub fn parse(name: &str) -> Self {
        use crate::adb::message::SystemKind::{Device, Recovery, Rescue, Sideload};
        match name {
            "device" => Self::Online(Device),
            "recovery" => Self::Online(Recovery),
            "sideload" => Self::Online(Sideload),
            "rescue" => Self::Online(Rescue),
            "unauthorized" => Self::Unauthorized,
            "authorizing" | "connecting" => Self::Connecting,
            "offline" | "detached" => Self::Offline,
            "no" => Self::NoPermissions,
            other => Self::Other(other.to_owned()),
        }
    }
}

/// A unit as a server lists it. Untrusted text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// What the server calls it: the serial number in its USB descriptor, or `HOST:PORT`.
    pub serial: String,
    /// How it is.
    pub state: State,
    /// Where it is plugged in: `usb:1-2.3`.
    pub port: Option<String>,
    /// The server's number of this connection to it; servers before 2018 have none.
    pub transport: Option<Transport>,
}

impl Listed {
    /// Whether it is called so, by its serial number or by its port.
    #[must_use]
    pub fn is_called(&self, name: &str) -> bool {
        self.serial == name || self.port.as_deref() == Some(name)
    }

    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace();
        let (serial, state) = (words.next()?, words.next()?);
        let mut listed = Self { serial: serial.to_owned(), state: State::parse(state), port: None, transport: None };
        for word in words {
            if word.starts_with("usb:") && listed.port.is_none() {
                listed.port = Some(word.to_owned());
            } else if let Some(id) = word.strip_prefix("transport_id:") {
                listed.transport = id.parse().ok().map(Transport);
            }
        }
        Some(listed)
    }
}

/// Reads what a server answers to [`super::Request::Units`]. What makes no sense in it is left out.
#[must_use]
pub fn units(text: &[u8]) -> Vec<Listed> {
    String::from_utf8_lossy(text).lines().filter_map(Listed::parse).take(MOST).collect()
}

/// Reads what a server answers to [`super::Request::Features`].
#[must_use]
pub fn features(text: &[u8]) -> Features {
    Features::parse(&String::from_utf8_lossy(text))
}
