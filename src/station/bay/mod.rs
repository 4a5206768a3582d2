//! A bay as a run holds it: opens whatever unit is there, and waits for it when it was told to leave.

mod come_back;
mod plugged;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::resolve::on_usb_port;
use super::{Target, World};
use crate::detect::Found;
use crate::device::{Bay, BayId, Continuity, Departure, Driver, Known, Mode, Op, Proof, Returned, UnitText};
use crate::drivers::{Opening, Options, Over, Protocol};
use crate::error::{Error, Kind, Result};
use crate::link::Address;
use plugged::Plugged;

/// The place of one unit: a port, or the ports of a bay of the map.
pub struct PortBay {
    target: Target,
    address: String,
    /// As `-d` named it.
    named: Option<String>,
    world: Arc<dyn World>,
    /// The device that was opened last.
    held: Option<Plugged>,
    /// What else was in the bay when it was first opened: no unit that comes back.
    others: BTreeSet<Plugged>,
    /// The serial number in the unit's own USB descriptor, by the USB id that it showed with it.
    shown: BTreeMap<String, UnitText>,
}

/// What is in the bay now.
struct There {
    address: Address,
    /// The driver that its USB identity names.
    driver: Option<&'static str>,
    /// Which device it is, when it hangs on USB.
    plugged: Option<Plugged>,
    /// Its USB id and the serial number that goes with it, when it is the unit itself that hangs on USB.
    shows: Option<(String, UnitText)>,
    /// Other devices show the same serial number.
    has_clones: bool,
    /// The kernel should make a serial port of it, and has not yet.
    port_should_come: bool,
}

impl PortBay {
    /// The bay at `target`. Nothing is opened yet.
    #[must_use]
    pub fn new(target: Target, world: Arc<dyn World>) -> PortBay {
        PortBay {
            address: target.address.to_string(),
            target,
            named: None,
            world,
            held: None,
            others: BTreeSet::new(),
            shown: BTreeMap::new(),
        }
    }

    /// The same, and how a person named it.
    #[must_use]
    pub fn called(mut self, name: &str) -> PortBay {
        self.named = Some(name.to_owned());
        self
    }

    /// What tells its port from others, however it was named.
    #[must_use]
    pub fn port(&self) -> String {
        match &self.target.address {
            Address::Tty(path) => format!("tty:{}", path.canonicalize().unwrap_or_else(|_| path.clone()).display()),
            // Held by a server or not, it is plugged in there.
            address @ Address::Server { .. } => match &self.target.usb {
                Some(usb) => format!("usb:{usb}"),
                None => address.to_string(),
            },
            address => address.to_string(),
        }
    }

    /// How a person named it.
    #[must_use]
    pub fn named(&self) -> Option<&str> {
        self.named.as_deref()
    }

    /// The same, spoken to by `driver` unless one is forced already.
    #[must_use]
    pub fn with_driver(mut self, driver: Option<&str>) -> PortBay {
        self.target.driver = self.target.driver.take().or(driver.map(str::to_owned));
        self
    }

    /// The USB id of its port, `vvvv:pppp`.
    #[must_use]
    pub fn usb_id(&self) -> Option<&str> {
        self.target.usb_id.as_deref()
    }

    /// The protocol that speaks to the unit here, by name.
    #[must_use]
    pub fn protocol(&self, driver: &str) -> Option<&'static dyn Protocol> {
        self.world.protocols().iter().find(|protocol| protocol.name() == driver).copied()
    }

    /// Whether the unit is found again in modes in which another protocol speaks to it: a server holds it in its own only,
    /// and what hangs on another machine is not seen from here.
    #[must_use]
    pub fn follows(&self) -> bool {
        !matches!(self.target.address, Address::Server { .. }) || self.target.usb.is_some()
    }

    /// The protocols that can be spoken here.
    #[must_use]
    pub fn protocols(&self) -> &[&'static dyn Protocol] {
        self.world.protocols()
    }

    /// The serial number in the unit's own USB descriptor, once it was opened.
    pub(super) fn usb_serial(&self) -> Option<&UnitText> {
        self.shown.values().next()
    }

    /// What is in the bay now. What hangs on USB is looked up where it hangs, because the kernel deals names out anew:
    /// another board may have got this one's. A path that was named stays the address while it leads there.
    fn look(&self) -> Result<There> {
        let bay = self.target.bay.as_deref();
        if self.target.usb.is_none() && bay.is_none_or(|bay| bay.ports.is_empty()) {
            let address = self.target.address.clone();
            let (plugged, shows) = (None, None);
            return Ok(There { address, driver: None, plugged, shows, has_clones: false, port_should_come: false });
        }
        let places = self.world.places();
        let is_here = |found: &&Found| {
            bay.is_some_and(|bay| bay.holds(found)) || (self.target.usb.is_some() && usb_port(found) == self.target.usb)
        };
        let here: BTreeSet<Plugged> = places.iter().filter(is_here).filter_map(Plugged::of).collect();
        let mut here = here.difference(&self.others);
        let device = match (here.next(), here.next()) {
            (None, _) => return Err(Error::absent(format!("nothing is {} now", self.place()))),
            (Some(device), None) => device,
            (Some(one), Some(two)) => {
                let kept = [one, two].into_iter().find(|device| Some(device.port()) == self.target.usb.as_deref());
                kept.ok_or_else(|| {
                    let (one, two) = (one.port(), two.port());
                    let sentence = format!("two units are {}: usb:{one} and usb:{two}", self.place());
                    Error::new(Kind::Busy, sentence).next("take one out")
                })?
            }
        };
        let ports: Vec<&Found> = on_usb_port(device.port(), &places).collect();
        // In another mode a board may show fewer ports.
        let Some(now) = ports.get(self.target.nth).or(ports.last()).copied() else {
            return Err(Error::absent(format!("nothing is {} now", self.place())));
        };
        let address = match (&self.target.address, now.path()) {
            (Address::Tty(path), Some(real)) if path.canonicalize().is_ok_and(|path| path == real) => {
                self.target.address.clone()
            }
            // A server holds it as long as it speaks what that server does.
            (Address::Server { .. }, _) if now.driver.is_some_and(|driver| self.is_served(driver)) => {
                self.target.address.clone()
            }
            _ => now.address.parse()?,
        };
        let usb = now.usb.as_ref();
        let shares = |found: &Found| usb_port(found) != usb_port(now) && usb_serial(found) == usb_serial(now);
        Ok(There {
            address,
            driver: now.driver,
            plugged: Plugged::of(now),
            // What an adapter shows says nothing of the unit behind it.
            shows: now.driver.and(usb).and_then(|usb| Some((usb.id.clone(), usb.serial.clone()?))),
            has_clones: usb_serial(now).is_some() && places.iter().any(shares),
            port_should_come: now.is_incomplete(),
        })
    }

    fn is_served(&self, driver: &str) -> bool {
        self.protocol(driver).is_some_and(|protocol| protocol.over().contains(&Over::Server))
    }

    /// What else is in the bay.
    fn neighbours(&self, own: Option<&Plugged>) -> BTreeSet<Plugged> {
        let Some(bay) = self.target.bay.as_deref().filter(|_| own.is_some()) else { return BTreeSet::new() };
        let places = self.world.places();
        let here = places.iter().filter(|found| bay.holds(found)).filter_map(Plugged::of);
        here.filter(|device| Some(device) != own).collect()
    }

    fn place(&self) -> String {
        match (&self.target.bay, &self.target.usb) {
            (Some(bay), _) => format!("in bay {}", bay.id),
            (None, Some(usb)) => format!("on usb:{usb}"),
            (None, None) => format!("at {}", self.address),
        }
    }

    /// Asks who is there, in whatever language it may speak. `to` are the modes of which it shall come back in one.
    fn try_open(&self, there: &There, to: Option<&[Mode]>, op: &mut Op<'_>) -> Result<Box<dyn Driver>> {
        if there.port_should_come {
            return Err(Error::absent(format!("what is {} has no serial port yet", self.place())));
        }
        let asked = self.asked(there, to);
        // Who serves one protocol on the network may hang up on another.
        let hangs_up = asked.len() > 1 && matches!(there.address, Address::Tcp { .. });
        let mut silent = Vec::new();
        for protocol in asked {
            op.check()?;
            match self.speak(protocol, &there.address, op) {
                Ok(driver) => return Ok(driver),
                // Not its language, perhaps: the next protocol may be understood.
                Err(error) if is_foreign(error.kind(), hangs_up) && !error.is_absent() && !op.cancel.is_asked() => {
                    tracing::debug!(protocol = protocol.name(), %error, "no answer");
                    silent.push((protocol.name(), error));
                }
                Err(error) => return Err(error),
            }
        }
        Err(nothing_answers(silent))
    }

    /// The protocols to speak to what is there: the one that was forced, or one of its kin when the unit was told to
    /// another mode; the one that its USB identity names; else all, those first that speak in the modes it shall be in.
    fn asked(&self, there: &There, to: Option<&[Mode]>) -> Vec<&'static dyn Protocol> {
        let forced = self.target.driver.as_deref();
        let kin = forced.filter(|_| to.is_some()).and_then(|forced| self.protocol(forced));
        let kin = kin.map_or(&[][..], |protocol| protocol.kin());
        let may = |name: &str| forced.is_none_or(|forced| forced == name) || kin.contains(&name);
        let shown = there.driver.filter(|driver| may(driver));
        let is_spoken = |protocol: &dyn Protocol| {
            let over = |over| protocol.over().contains(&over);
            match there.address {
                Address::Usb(_) => over(Over::Usb),
                Address::Tty(_) => over(Over::Serial) || (forced.is_some() && over(Over::Stream)),
                Address::Tcp { .. } => over(Over::Stream),
                Address::Server { .. } => over(Over::Server),
            }
        };
        let is_awaited =
            |protocol: &dyn Protocol| to.is_some_and(|to| protocol.modes().iter().any(|spec| to.contains(&spec.mode)));
        let mut asked: Vec<_> = self.world.protocols().to_vec();
        asked.retain(|protocol| {
            let name = protocol.name();
            is_spoken(*protocol) && may(name) && shown.is_none_or(|shown| shown == name)
        });
        asked.sort_by_key(|protocol| !is_awaited(*protocol));
        asked
    }

    /// What was asked for, without what only another protocol of the family takes.
    fn options_of(&self, protocol: &dyn Protocol) -> Options {
        let is_kin =
            |other: &dyn Protocol| other.kin().contains(&protocol.name()) || protocol.kin().contains(&other.name());
        let kin = self.world.protocols().iter().filter(|other| is_kin(**other));
        let theirs: BTreeSet<&str> = kin.flat_map(|kin| kin.options()).copied().collect();
        let mut options = self.target.options.clone();
        options.retain(|key, _| protocol.options().contains(&key.as_str()) || !theirs.contains(key.as_str()));
        options
    }

    fn speak(&self, protocol: &dyn Protocol, address: &Address, op: &mut Op<'_>) -> Result<Box<dyn Driver>> {
        let with = Opening { options: &self.options_of(protocol), keys: self.world.keys() };
        protocol.open(self.world.open(address, &self.target.serial)?, with, op)
    }
}

/// Whether what was answered may be another protocol's way to say that it understands nothing.
fn is_foreign(kind: Kind, hangs_up: bool) -> bool {
    matches!(kind, Kind::TimedOut | Kind::Garbled | Kind::Unsupported) || (hangs_up && kind == Kind::Gone)
}

fn nothing_answers(mut silent: Vec<(&str, Error)>) -> Error {
    let asked: Vec<&str> = silent.iter().map(|(name, _)| *name).collect();
    let sentence = format!("no unit answers (asked: {})", asked.join(", "));
    let error = Error::new(silent.last().map_or(Kind::Unsupported, |(_, error)| error.kind()), sentence);
    let remedy = "check power, cable and baud rate (`-d tty:PORT,baud=N`), and that the unit's software speaks it";
    match silent.pop() {
        Some((_, cause)) => {
            let remedy = cause.remedy().unwrap_or(remedy).to_owned();
            error.because(cause).next(remedy)
        }
        None => error.next("name a driver that this version has"),
    }
}

fn usb_port(found: &Found) -> Option<String> {
    found.usb.as_ref().and_then(|usb| usb.port.clone())
}

fn usb_serial(found: &Found) -> Option<&UnitText> {
    found.usb.as_ref().and_then(|usb| usb.serial.as_ref())
}

impl Bay for PortBay {
    fn id(&self) -> Option<BayId> {
        self.target.bay.as_ref().map(|bay| bay.id)
    }

    fn address(&self) -> &str {
        &self.address
    }

    fn open(&mut self, op: &mut Op<'_>) -> Result<Box<dyn Driver>> {
        let there = self.look()?;
        let driver = self.try_open(&there, None, op)?;
        // Only while the device that was looked at is still the one that is there, is it the one that was opened.
        let after = self.look()?;
        if after.plugged != there.plugged {
            return Err(Error::new(Kind::Gone, format!("what was {} left while it was asked who it is", self.place())));
        }
        self.others = self.neighbours(there.plugged.as_ref());
        self.shown = there.shows.clone().into_iter().collect();
        self.held = there.plugged;
        let known = Known::of(driver.unit());
        let opened = Returned { driver, proof: Proof::Port, continuity: Continuity::Kept };
        Ok(self.prepare(opened, &known, op)?.driver)
    }

    fn wait(&mut self, known: &Known, departure: &Departure, op: &mut Op<'_>) -> Result<Returned> {
        let returned = self.come_back(known, departure, op)?;
        self.prepare(returned, known, op)
    }
}
