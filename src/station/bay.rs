//! A bay that is one port: opens whatever unit is there, and waits for it when it was told to leave.

use std::sync::Arc;
use std::time::Duration;

use protocols::time::Moment;

use super::resolve::{address_of, on_usb_port};
use super::{Target, World};
use crate::detect::Found;
use crate::device::{Bay, BayId, Departure, Driver, Op, Proof, Returned, Unit};
use crate::drivers::Protocol;
use crate::error::{Error, Kind, Result};
use crate::link::{Address, Opened};

/// Between two tries to open a unit that is coming back: short against the second that a small unit takes to boot.
const TRY_AGAIN: Duration = Duration::from_millis(100);

/// A bay that is one port.
pub struct PortBay {
    target: Target,
    address: String,
    /// As `-d` named it.
    named: Option<String>,
    world: Arc<dyn World>,
}

impl PortBay {
    /// The bay at `target`. Nothing is opened yet.
    #[must_use]
    pub fn new(target: Target, world: Arc<dyn World>) -> PortBay {
        PortBay { address: target.address.to_string(), target, named: None, world }
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

    /// Where the unit is now. What hangs on USB is looked up where it hangs, because the kernel deals names out anew:
    /// another board may have got this one's. A path that was named stays the address while it leads there.
    fn locate(&self) -> Result<(Address, Option<&'static str>)> {
        let Some(usb) = &self.target.usb else { return Ok((self.target.address.clone(), None)) };
        let places = self.world.places();
        let there: Vec<&Found> = on_usb_port(usb, &places).collect();
        // In another mode a board may show fewer ports.
        let Some(now) = there.get(self.target.nth).or(there.last()).copied() else {
            return Err(Error::absent(format!("there is nothing on usb:{usb} now")));
        };
        if let (Address::Tty(path), Some(real)) = (&self.target.address, now.path())
            && path.canonicalize().is_ok_and(|path| path == real)
        {
            return Ok((self.target.address.clone(), now.driver));
        }
        Ok((address_of(now)?, now.driver))
    }

    fn try_open(&self, op: &mut Op<'_>) -> Result<Box<dyn Driver>> {
        let (address, known) = self.locate()?;
        let wanted = self.target.driver.as_deref().or(known);
        let mut silent = Vec::new();
        for protocol in self.world.protocols() {
            let is_spoken = match address {
                Address::Usb(_) => protocol.over_usb().is_some(),
                _ => protocol.over_stream().is_some(),
            };
            if !is_spoken || wanted.is_some_and(|driver| driver != protocol.name()) {
                continue;
            }
            op.check()?;
            match self.speak(*protocol, &address, op) {
                Ok(driver) => return Ok(driver),
                // Not its language, perhaps: the next protocol may be understood.
                Err(error)
                    if matches!(error.kind(), Kind::TimedOut | Kind::Garbled | Kind::Unsupported)
                        && !op.cancel.is_asked() =>
                {
                    tracing::debug!(protocol = protocol.name(), %error, "no answer");
                    silent.push((protocol.name(), error));
                }
                Err(error) => return Err(error),
            }
        }
        Err(nothing_answers(silent))
    }

    fn speak(&self, protocol: &dyn Protocol, address: &Address, op: &mut Op<'_>) -> Result<Box<dyn Driver>> {
        let (options, clock) = (&self.target.options, self.world.clock());
        match self.world.open(address, &self.target.serial)? {
            Opened::Stream(link) => match protocol.over_stream() {
                Some(over) => over.open(link, options, clock, op),
                None => Err(Error::new(Kind::Unsupported, format!("{} needs a USB device", protocol.name()))),
            },
            Opened::Usb(device) => match protocol.over_usb() {
                Some(over) => over.open(device, options, clock, op),
                None => Err(Error::new(Kind::Unsupported, format!("{} needs a serial port", protocol.name()))),
            },
        }
    }
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

impl Bay for PortBay {
    fn id(&self) -> Option<BayId> {
        self.target.bay.as_ref().map(|bay| bay.id)
    }

    fn address(&self) -> &str {
        &self.address
    }

    fn open(&mut self, op: &mut Op<'_>) -> Result<Box<dyn Driver>> {
        self.try_open(op)
    }

    fn wait(&mut self, unit: &Unit, departure: &Departure, op: &mut Op<'_>) -> Result<Returned> {
        let until = op.clock.now() + departure.within;
        let until = op.deadline.map_or(until, |deadline| until.min(deadline));
        pause(op, op.clock.now() + departure.settle)?;
        let mut last = None;
        while op.clock.now() < until {
            let mut quiet = |_| {};
            let mut attempt = Op::new(op.clock, op.cancel, &mut quiet);
            attempt.deadline = Some(until);
            match self.try_open(&mut attempt) {
                // It has not left yet, or came back as something else.
                Ok(driver) if !departure.to.contains(&driver.unit().mode) => {
                    let mode = driver.unit().mode;
                    last = Some(Error::new(Kind::Refused, format!("the unit is in mode {mode}")));
                }
                Ok(mut driver) => {
                    if let Some(usb) = &self.target.usb_id {
                        driver.met_as(usb);
                    }
                    let proof = recognise(unit, driver.unit())?;
                    return Ok(Returned { driver, proof });
                }
                Err(error) if is_passing(error.kind()) => last = Some(error),
                Err(error) => return Err(error),
            }
            pause(op, op.clock.now() + TRY_AGAIN)?;
        }
        let waited = departure.within.as_secs_f32();
        let (kind, what) = match &last {
            Some(error) if error.kind() == Kind::Refused => {
                let modes: Vec<String> = departure.to.iter().map(ToString::to_string).collect();
                (Kind::Refused, format!("the unit did not come back in mode {}", modes.join(" or ")))
            }
            _ => (Kind::TimedOut, "the unit did not come back".to_owned()),
        };
        let error = Error::new(kind, format!("{what} within {waited:.0} s ({})", departure.why))
            .next("see whether `hardwire info` reaches it; running the same again goes on from what it holds");
        Err(match last {
            Some(cause) => error.because(cause),
            None => error,
        })
    }
}

/// What happens to a port while its unit restarts: it is missing, not yet ours, held by something that probes
/// new ports (ModemManager), or speaks in boot messages; or a device is there whose serial port is not.
fn is_passing(kind: Kind) -> bool {
    use Kind::{Busy, Garbled, Gone, NotPermitted, TimedOut, Unsupported};
    matches!(kind, Gone | Busy | NotPermitted | TimedOut | Garbled | Unsupported)
}

/// Lets time pass until `moment`, and hears a request to stop.
fn pause(op: &Op<'_>, moment: Moment) -> Result<()> {
    loop {
        op.check()?;
        let left = moment.saturating_since(op.clock.now());
        if left.is_zero() {
            return Ok(());
        }
        op.clock.sleep(left.min(TRY_AGAIN));
    }
}

/// How `after` is known to be the unit that `before` was. What one of the two does not show proves nothing.
fn recognise(before: &Unit, after: &Unit) -> Result<Proof> {
    if let (Some(old), Some(new)) = (&before.hwid, &after.hwid) {
        return if old == new { Ok(Proof::Hwid) } else { Err(another("hardware id", old, new)) };
    }
    if let (Some(old), Some(new)) = (&before.serial, &after.serial) {
        return if old == new { Ok(Proof::Serial) } else { Err(another("serial number", old, new)) };
    }
    Ok(Proof::Port)
}

fn another(what: &str, old: &dyn std::fmt::Display, new: &dyn std::fmt::Display) -> Error {
    Error::new(Kind::Mismatch, format!("another unit came back: its {what} is {new}, and was {old}"))
        .next("put the first unit back and run the same again")
}

#[cfg(test)]
mod tests {
    use super::super::fake::{Script, unit};
    use super::*;
    use crate::detect::{self, Usb};
    use crate::device::{Cancel, Mode};
    use crate::station::resolve;

    fn departure() -> Departure {
        Departure {
            to: vec![Mode::Application],
            settle: Duration::from_secs(1),
            within: Duration::from_secs(10),
            why: "it restarts".into(),
        }
    }

    fn bay(selector: &str, script: Script) -> (PortBay, Arc<Script>) {
        let target = resolve(&selector.parse().unwrap(), &[], &script).unwrap();
        let world = Arc::new(script);
        (PortBay::new(target, world.clone()), world)
    }

    fn wait(script: Script, before: &str) -> (Result<Proof>, Duration) {
        let (mut bay, world) = bay("tty:/dev/unit", script);
        let clock = world.clock().clone();
        let mut quiet = |_| {};
        let cancel = Cancel::default();
        let mut op = Op::new(&*clock, &cancel, &mut quiet);
        let returned = bay.wait(&unit(before), &departure(), &mut op);
        (returned.map(|returned| returned.proof), clock.now().since_start())
    }

    #[test]
    fn a_unit_that_comes_back_late_is_known_by_its_serial_number() {
        let lines = [Err(Kind::Gone), Err(Kind::Busy), Err(Kind::NotPermitted), Err(Kind::TimedOut), Ok("A")];
        let (proof, took) = wait(Script::new(&lines), "A");
        assert_eq!(proof.unwrap(), Proof::Serial);
        assert_eq!(took, Duration::from_millis(1400));
    }

    #[test]
    fn a_unit_without_a_serial_number_is_known_by_its_port() {
        assert_eq!(wait(Script::new(&[Ok("")]), "A").0.unwrap(), Proof::Port);
    }

    #[test]
    fn another_unit_is_refused() {
        assert_eq!(wait(Script::new(&[Ok("B")]), "A").0.unwrap_err().kind(), Kind::Mismatch);
    }

    #[test]
    fn a_unit_that_stays_away_is_waited_for_as_long_as_it_may_take() {
        let (error, took) = wait(Script::new(&[]), "A");
        let error = error.unwrap_err();
        assert_eq!((error.kind(), took), (Kind::TimedOut, Duration::from_secs(10)));
        assert_eq!(error.causes(), ["the script says so"]);
    }

    #[test]
    fn a_person_need_not_wait_for_it() {
        let (mut bay, world) = bay("tty:/dev/unit", Script::new(&[]));
        let clock = world.clock().clone();
        let mut quiet = |_| {};
        let cancel = Cancel::default();
        cancel.ask();
        let mut op = Op::new(&*clock, &cancel, &mut quiet);
        let error = bay.wait(&unit("A"), &departure(), &mut op).err().unwrap();
        assert_eq!((error.kind(), clock.now().since_start()), (Kind::Cancelled, Duration::ZERO));
    }

    fn usb_port(name: &str, port: &str) -> Found {
        let mut found = detect::named(format!("tty:/dev/{name}"));
        found.usb = Some(Usb::new(0x2fe3, 0x0100).on(port));
        found
    }

    fn opened_after(before: &[(&str, &str)], selector: &str, after: &[(&str, &str)]) -> Result<String> {
        let ports = |list: &[(&str, &str)]| list.iter().map(|(name, port)| usb_port(name, port)).collect();
        let mut script = Script::new(&[Ok("A")]);
        script.places = ports(before);
        let target = resolve(&selector.parse().unwrap(), &[], &script).unwrap();
        script.places = ports(after);
        let world = Arc::new(script);
        let mut bay = PortBay::new(target, world.clone());
        let clock = world.clock().clone();
        let (mut quiet, cancel) = (|_| {}, Cancel::default());
        bay.open(&mut Op::new(&*clock, &cancel, &mut quiet))?;
        let opened = world.opened.lock().unwrap();
        Ok(opened[0].to_string())
    }

    #[test]
    fn a_port_that_changed_its_name_is_found_where_it_hangs_on_usb() {
        let before = [("ttyACM0", "1-2.3")];
        for selector in ["usb:1-2.3", "tty:/dev/ttyACM0"] {
            assert_eq!(opened_after(&before, selector, &[("ttyACM7", "1-2.3")]).unwrap(), "tty:/dev/ttyACM7");
        }
    }

    #[test]
    fn a_name_that_another_board_got_is_not_opened() {
        let before = [("ttyACM0", "1-1"), ("ttyACM1", "1-2")];
        let after = [("ttyACM0", "1-2"), ("ttyACM1", "1-1")];
        assert_eq!(opened_after(&before, "tty:/dev/ttyACM0", &after).unwrap(), "tty:/dev/ttyACM1");
        let error = opened_after(&before, "tty:/dev/ttyACM0", &[("ttyACM0", "1-2")]).unwrap_err();
        assert_eq!(error.kind(), Kind::Gone);
    }

    #[test]
    fn the_second_port_of_a_board_stays_the_second() {
        let before = [("ttyUSB0", "1-1"), ("ttyUSB1", "1-1")];
        let after = [("ttyUSB1", "1-1"), ("ttyUSB2", "1-1")];
        assert_eq!(opened_after(&before, "tty:/dev/ttyUSB1", &after).unwrap(), "tty:/dev/ttyUSB2");
        assert_eq!(opened_after(&before, "tty:/dev/ttyUSB0", &after).unwrap(), "tty:/dev/ttyUSB1");
    }

    #[test]
    fn silence_names_who_was_asked() {
        let (mut bay, world) = bay("fake@tty:/dev/unit", Script::new(&[Err(Kind::TimedOut)]));
        let clock = world.clock().clone();
        let (mut quiet, cancel) = (|_| {}, Cancel::default());
        let error = bay.open(&mut Op::new(&*clock, &cancel, &mut quiet)).err().unwrap();
        assert_eq!((error.kind(), error.to_string().as_str()), (Kind::TimedOut, "no unit answers (asked: fake)"));
        let unknown = resolve(&"adb@tty:/dev/unit".parse().unwrap(), &[], &*world).unwrap_err();
        assert_eq!(unknown.kind(), Kind::Invalid);
    }
}
