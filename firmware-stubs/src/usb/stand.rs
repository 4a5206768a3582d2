//! A process that is one unit on USB.

use super::device::Device;
use super::unit::{Error, Place, Unit};
use super::vhci::Port;
use crate::clock::moment;
use crate::lifetime::{End, Lifetime, Pulls, Wish, Wishes};
use std::time::Duration;

/// How long a kernel may take to read a unit's descriptors; one that lies about them may never be read.
const ENUMERATION: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(5);

/// Plug a device in and serve it until a fault unplugs it or the process is asked to end (SIGTERM, SIGINT, or as
/// `lifetime` says). SIGUSR1 pulls it, SIGUSR2 pushes it in again. `ready` is told what the kernel calls its place, once
/// the kernel has read its descriptors or gave up on them.
///
/// # Errors
/// When the port cannot be used or the device fails.
pub fn stand(device: Box<dyn Device>, port: Port, lifetime: Lifetime, ready: impl FnOnce(&str)) -> Result<End, Error> {
    let wishes = Wishes::catch(lifetime, Pulls::Wanted)?;
    let mut unit = Unit::plug(device, port)?;
    let until = moment() + ENUMERATION;
    let mut gone = false;
    while !gone && moment() < until && !port.is_enumerated()? {
        super::cable::pause(LOOK);
        gone = !matches!(unit.news(), Ok(None));
    }
    ready(&port.bus_id()?);
    if gone {
        return unit.end().map(|()| End::PowerLost);
    }
    loop {
        match wishes.wait(unit.signal())? {
            Some(Wish::End) => return unit.end().map(|()| End::Asked),
            Some(Wish::Pull) => unit.pull()?,
            Some(Wish::Push) => unit.push()?,
            None => match unit.news() {
                Ok(None | Some(Place::Plugged | Place::Pulled)) => {}
                Ok(Some(Place::Unplugged)) => return unit.end().map(|()| End::PowerLost),
                Err(_) => return unit.end().and(Err(Error::Ended)),
            },
        }
    }
}
