//! A unit that a server on the network holds: every stream to it is a connection of its own.

use std::fmt;
use std::sync::Arc;

use super::{Address, Link, tcp};
use crate::clock::Clock;
use crate::error::Result;

/// What opens a connection to the server.
type Dial = Box<dyn Fn() -> Result<Link> + Send>;

/// A unit behind a server. Nothing is connected yet.
pub struct Behind {
    /// What the server calls the unit.
    pub unit: String,
    /// Where it leads, as `-d` takes it.
    pub address: String,
    dial: Dial,
}

impl fmt::Debug for Behind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Behind").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Behind {
    /// A unit behind a server that `dial` connects to.
    #[must_use]
    pub fn new(unit: &str, address: &str, dial: impl Fn() -> Result<Link> + Send + 'static) -> Behind {
        Behind { unit: unit.to_owned(), address: address.to_owned(), dial: Box::new(dial) }
    }

    /// A new connection to the server.
    ///
    /// # Errors
    /// `gone` when nobody listens there, `timed-out` when the host does not answer.
    pub fn dial(&self) -> Result<Link> {
        (self.dial)()
    }

    /// The same, with something done to each of its connections.
    #[must_use]
    pub fn each(self, wrap: impl Fn(Link) -> Result<Link> + Send + 'static) -> Behind {
        let Behind { unit, address, dial } = self;
        Behind { unit, address, dial: Box::new(move || wrap(dial()?)) }
    }
}

/// The unit that the adb server at `port` on `host` calls `unit`.
pub(super) fn open(unit: &str, host: &str, port: u16, clock: &Arc<dyn Clock>) -> Behind {
    let address = Address::Server { unit: unit.to_owned(), host: host.to_owned(), port }.to_string();
    let (host, clock) = (host.to_owned(), Arc::clone(clock));
    Behind::new(unit, &address, move || {
        tcp::open(&host, port, &clock).map_err(|error| {
            error.while_doing(format!("no adb server answers at {host}:{port}")).next(
                "start it (`adb start-server`), or name the unit itself: `hardwire detect` lists what is plugged in",
            )
        })
    })
}
