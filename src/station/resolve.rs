//! From what a person named to the port that it is today.

use std::sync::Arc;
use std::time::Duration;

use super::World;
use super::map::BaySpec;
use super::selector::{Place, Selector};
use crate::detect::Found;
use crate::drivers::Options;
use crate::error::{Error, Kind, Result};
use crate::link::{Address, SerialOptions};

/// A port to open, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Where it is today.
    pub address: Address,
    /// The USB port that it hangs on: after a restart a unit may come back under another name.
    pub usb: Option<String>,
    /// Which of the serial ports there it is, from 0: a board may show several.
    pub nth: usize,
    /// The USB id that it shows there, `vvvv:pppp`.
    pub usb_id: Option<String>,
    /// Its bay, when it is on the station's map: wherever in it the unit comes back, it is looked for.
    pub bay: Option<Arc<BaySpec>>,
    /// The driver to speak with; `None` asks each.
    pub driver: Option<String>,
    /// How the serial port is set up.
    pub serial: SerialOptions,
    /// Options that are the protocol's.
    pub options: Options,
}

/// How long a device that was plugged in this moment may take to show its strings and its serial port.
const TO_BECOME_WHOLE: Duration = Duration::from_secs(3);
/// Between two looks at it.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Link options that hold unless the selector says otherwise, as `-d` spells them.
pub type Defaults = [(&'static str, String)];

/// The port that `selector` names. What was named is opened whether it is on the station's map or not.
///
/// # Errors
/// `gone` when there is no such unit, `invalid` when several fit or an option is wrong.
pub fn resolve(selector: &Selector, defaults: &Defaults, world: &dyn World) -> Result<Target> {
    check_driver(selector.driver.as_deref(), world)?;
    let clock = world.clock();
    let until = clock.now() + TO_BECOME_WHOLE;
    loop {
        let places = world.places();
        match resolve_among(&places, selector, defaults, world) {
            // It was plugged in this moment: its strings or its serial port are still to come.
            Err(error) if error.is_absent() && places.iter().any(Found::is_incomplete) && clock.now() < until => {
                clock.sleep(LOOK_AGAIN);
            }
            resolved => return resolved,
        }
    }
}

fn resolve_among(places: &[Found], selector: &Selector, defaults: &Defaults, world: &dyn World) -> Result<Target> {
    let (address, found) = match &selector.place {
        Place::Address(address) => (address.clone(), listed(address, places)),
        Place::Usb(port) => {
            let found = one(&on_usb_port(port, places).collect::<Vec<_>>(), &format!("on usb:{port}"))?;
            (address_of(found)?, Some(found))
        }
        Place::Serial(serial) => {
            let has_serial = |found: &&Found| {
                let texts = [found.serial.as_ref(), found.usb.as_ref().and_then(|usb| usb.serial.as_ref())];
                texts.into_iter().flatten().any(|text| text.untrusted() == serial)
            };
            let what = format!("with serial number {}", serial.escape_debug());
            let found = one(&places.iter().filter(has_serial).collect::<Vec<_>>(), &what)?;
            (address_of(found)?, Some(found))
        }
        Place::Bay(bay) => in_bay(world.map().enabled(*bay)?, places)?,
    };
    let bay = match (&selector.place, found) {
        (Place::Bay(bay), _) => Some(world.map().enabled(*bay)?),
        (_, Some(found)) => world.map().bay_of(found),
        (Place::Address(Address::Tty(path)), None) => world.map().bay_at(path),
        (_, None) => None,
    };
    target(address, found, places, bay, selector.driver.clone(), merged(defaults, bay, &selector.options))
}

/// What is in a bay now: on its USB ports, else at its serial port.
fn in_bay<'a>(bay: &BaySpec, places: &'a [Found]) -> Result<(Address, Option<&'a Found>)> {
    let there: Vec<&Found> = places.iter().filter(|found| bay.holds(found)).collect();
    if let Some(first) = there.iter().find(|found| found.driver.is_some()).or(there.first()) {
        let other = there.iter().find(|found| usb_port(found) != usb_port(first) && bay.is_socket(found));
        if let (true, Some(other)) = (bay.is_socket(first), other) {
            let (id, first, other) = (bay.id, &first.address, &other.address);
            let sentence = format!("a bay is for one unit, and in bay {id} are two: {first} and {other}");
            return Err(Error::new(Kind::Invalid, sentence).next("take one out, or name its port with -d"));
        }
        return Ok((address_of(first)?, Some(first)));
    }
    match &bay.serial {
        // It may be in no list, as a PTY is in none.
        Some(path) => Ok((Address::Tty(path.clone()), None)),
        None => Err(Error::absent(format!("nothing is in bay {} now", bay.id)).next("plug a unit into it")),
    }
}

fn target(
    address: Address,
    found: Option<&Found>,
    places: &[Found],
    bay: Option<&Arc<BaySpec>>,
    driver: Option<String>,
    mut options: Options,
) -> Result<Target> {
    let serial = SerialOptions::take(&mut options)?;
    let usb = found.and_then(|found| found.usb.as_ref());
    Ok(Target {
        address,
        usb: usb.and_then(|usb| usb.port.clone()),
        nth: found.map_or(0, |found| nth(found, places)),
        usb_id: usb.map(|usb| usb.id.clone()),
        bay: bay.cloned(),
        driver,
        serial,
        options,
    })
}

/// The units that are known by their USB identity, for a command that names none. A station with a bay map uses none but
/// those in its bays.
///
/// # Errors
/// `gone` when there is none, `invalid` when an option is wrong.
pub fn resolve_any(fits: impl Fn(&Found) -> bool, defaults: &Defaults, world: &dyn World) -> Result<Vec<Target>> {
    let (places, map) = (world.places(), world.map());
    let target = |found: &Found| {
        let bay = map.bay_of(found);
        let options = merged(defaults, bay, &Options::new());
        target(address_of(found)?, Some(found), &places, bay, found.driver.map(str::to_owned), options)
    };
    let known: Vec<&Found> = places.iter().filter(|found| fits(found)).collect();
    let admitted = known.iter().filter(|found| map.admits(found));
    let targets: Vec<Target> = admitted.map(|found| target(found)).collect::<Result<_>>()?;
    if let (true, Some(outside)) = (targets.is_empty(), known.first()) {
        let sentence =
            format!("no unit is in a bay that is in use, and what is outside is left alone: {}", outside.address);
        return Err(Error::absent(sentence).next("name it with -d, or put its port on the map: `hardwire bay learn`"));
    }
    if targets.is_empty() {
        return Err(Error::absent("no unit was named, and none is known by its USB identity")
            .next("name its port with -d, as in `-d tty:/dev/ttyUSB0`; `hardwire detect` lists the ports"));
    }
    Ok(targets)
}

/// The bay is nearer to the wire than the profile, and the person nearer than both.
fn merged(defaults: &Defaults, bay: Option<&Arc<BaySpec>>, given: &Options) -> Options {
    let of_bay = bay.map(|bay| bay.link.pairs()).unwrap_or_default();
    let mut options: Options =
        defaults.iter().chain(&of_bay).map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
    options.extend(given.clone());
    options
}

/// Holds a list of units to one.
///
/// # Errors
/// `invalid` with the list when there are several.
pub fn only_one(mut targets: Vec<Target>) -> Result<Target> {
    match targets.len() {
        1 => Ok(targets.remove(0)),
        _ => {
            let list: Vec<String> = targets.iter().map(|target| target.address.to_string()).collect();
            Err(Error::new(Kind::Invalid, format!("{} units fit: {}", list.len(), list.join(", ")))
                .next("name the one that is meant with -d"))
        }
    }
}

fn check_driver(driver: Option<&str>, world: &dyn World) -> Result<()> {
    let names: Vec<&str> = world.protocols().iter().map(|protocol| protocol.name()).collect();
    match driver {
        Some(driver) if !names.contains(&driver) => {
            Err(Error::new(Kind::Invalid, format!("there is no driver named `{}`", driver.escape_debug()))
                .next(format!("the drivers are: {}", names.join(", "))))
        }
        _ => Ok(()),
    }
}

fn one<'a>(found: &[&'a Found], what: &str) -> Result<&'a Found> {
    match found {
        [one] => Ok(*one),
        [] => Err(Error::absent(format!("nothing {what}")).next(
            "`hardwire detect` lists what is there; a port without USB does not tell whose it is: name it with tty:",
        )),
        several => {
            let list: Vec<&str> = several.iter().map(|found| found.address.as_str()).collect();
            Err(Error::new(Kind::Invalid, format!("{} ports {what}: {}", list.len(), list.join(", ")))
                .next("name the port that is meant with tty:"))
        }
    }
}

pub(super) fn address_of(found: &Found) -> Result<Address> {
    if found.is_incomplete() {
        let sentence = format!("{} has no serial port yet, or keeps its strings to itself", found.address);
        return Err(Error::absent(sentence).next("wait a second; if none comes, see `hardwire detect`"));
    }
    found.address.parse()
}

fn usb_port(found: &Found) -> Option<&String> {
    found.usb.as_ref().and_then(|usb| usb.port.as_ref())
}

/// What is on a USB port: its serial ports in the order of their names, or the device itself.
pub(super) fn on_usb_port<'a>(port: &'a str, places: &'a [Found]) -> impl Iterator<Item = &'a Found> {
    places.iter().filter(move |found| usb_port(found).is_some_and(|other| other == port))
}

fn nth(found: &Found, places: &[Found]) -> usize {
    let Some(port) = usb_port(found) else { return 0 };
    on_usb_port(port, places).position(|other| other.address == found.address).unwrap_or(0)
}

fn listed<'a>(address: &Address, places: &'a [Found]) -> Option<&'a Found> {
    if let Address::Server { unit, .. } = address {
        return if address.is_local() { held_by_server(unit, places) } else { None };
    }
    let Address::Tty(path) = address else { return None };
    let real = path.canonicalize().unwrap_or_else(|_| path.clone());
    places.iter().find(|found| found.path() == Some(&real))
}

/// What a server of this machine calls `unit`, where it is plugged in: it comes back there in modes that no server holds.
fn held_by_server<'a>(unit: &str, places: &'a [Found]) -> Option<&'a Found> {
    let is_called = |usb: &crate::detect::Usb| {
        let port = unit.strip_prefix("usb:");
        usb.serial.as_ref().is_some_and(|serial| serial.untrusted() == unit)
            || (port.is_some() && usb.port.as_deref() == port)
    };
    let mut there = places.iter().filter(|found| found.driver.is_some() && found.usb.as_ref().is_some_and(is_called));
    let first = there.next()?;
    // A phone is a row for each protocol that it shows.
    there.all(|other| usb_port(other) == usb_port(first)).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::super::fake::Script;
    use super::*;
    use crate::detect::{self, Usb};

    fn bench() -> Script {
        let mut script = Script::new(&[]);
        script.places = [("a", "1-1", "0001"), ("b", "1-2.3", "TH-7"), ("c", "1-4", "0001")]
            .into_iter()
            .map(|(name, port, serial)| {
                let mut found = detect::named(format!("tty:/dev/{name}"));
                let usb = Usb { serial: Some(serial.into()), ..Usb::new(0x2fe3, 0x0100).on(port) };
                found.usb = Some(usb);
                found
            })
            .collect();
        script
    }

    fn find(text: &str) -> Result<Target> {
        resolve(&text.parse().unwrap(), &[("baud", "9600".into()), ("window", "1".into())], &bench())
    }

    #[test]
    fn a_unit_is_found_by_serial_number_and_by_usb_port() {
        for text in ["serial:TH-7", "TH-7", "usb:1-2.3", "tty:/dev/b"] {
            let target = find(text).unwrap();
            assert_eq!(target.address.to_string(), "tty:/dev/b", "{text}");
            assert_eq!((target.usb.as_deref(), target.usb_id.as_deref()), (Some("1-2.3"), Some("2fe3:0100")), "{text}");
        }
    }

    #[test]
    fn a_serial_number_that_several_clones_share_names_none_of_them() {
        let error = find("0001").unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid);
        assert!(error.to_string().contains("tty:/dev/a, tty:/dev/c"), "{error}");
        for text in ["TH-8", "usb:2-1", "bay:1"] {
            assert!(find(text).unwrap_err().is_absent(), "{text}");
        }
    }

    #[test]
    fn what_a_person_gives_wins_over_what_a_profile_says() {
        let target = find("TH-7").unwrap();
        assert_eq!((target.serial.baud.get(), target.options["window"].as_str()), (9600, "1"));
        let target = find("TH-7,baud=921600,window=4").unwrap();
        assert_eq!((target.serial.baud.get(), target.options["window"].as_str()), (921_600, "4"));
    }

    #[test]
    fn several_that_fit_are_listed_and_none_is_taken() {
        let fits = |found: &Found| found.usb.as_ref().is_some_and(|usb| usb.id == "2fe3:0100");
        let targets = resolve_any(fits, &[], &bench()).unwrap();
        assert_eq!(targets.len(), 3);
        let error = only_one(targets).unwrap_err();
        assert!(error.kind() == Kind::Invalid && error.to_string().contains("tty:/dev/b"), "{error}");
        assert!(resolve_any(|_| false, &[], &bench()).unwrap_err().is_absent());
    }

    fn mapped(bays: &str) -> Script {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("station.yaml"), format!("bays:\n{bays}")).unwrap();
        let mut script = bench();
        for (found, path) in script.places.iter_mut().zip(["pci-usbv2-0:1", "pci-usbv2-0:2.3", "pci-usbv2-0:4"]) {
            found.usb.as_mut().unwrap().path = Some(path.into());
        }
        script.map = crate::station::map::Map::under(root.path()).unwrap();
        script
    }

    #[test]
    fn a_bay_is_found_by_its_number_and_tells_clones_apart() {
        let script = mapped(
            "- { bay: 1, ports: pci-usbv2-0:1, link: { baud: 57600 } }\n- { bay: 2, ports: pci-usbv?-0:4 }\n\
             - { bay: 3, ports: pci-usbv3-0:7 }\n- { bay: 4, ports: pci-usbv3-0:8, enabled: false }\n\
             - { bay: 5, serial: /dev/pts/77 }",
        );
        let find = |text: &str| resolve(&text.parse().unwrap(), &[("baud", "9600".into())], &script);
        for (text, address, bay, baud) in [
            ("bay:1", "tty:/dev/a", Some(1), 57600),
            ("bay:1,baud=1200", "tty:/dev/a", Some(1), 1200),
            ("bay:2", "tty:/dev/c", Some(2), 9600),
            ("usb:1-4", "tty:/dev/c", Some(2), 9600),
            ("TH-7", "tty:/dev/b", None, 9600),
            ("bay:5", "tty:/dev/pts/77", Some(5), 9600),
        ] {
            let target = find(text).unwrap();
            let found = (target.address.to_string(), target.bay.map(|bay| bay.id.0), target.serial.baud.get());
            assert_eq!(found, (address.to_owned(), bay, baud), "{text}");
        }
        assert!(find("bay:3").unwrap_err().is_absent() && find("bay:9").unwrap_err().is_absent());
        assert_eq!(find("bay:4").unwrap_err().kind(), Kind::Invalid);
    }

    #[test]
    fn what_is_outside_of_the_map_is_left_alone_unless_it_is_named() {
        let script = mapped("- { bay: 1, ports: pci-usbv2-0:1 }\n- { bay: 2, ports: pci-usbv2-0:4, enabled: false }");
        let all = resolve_any(|_| true, &[], &script).unwrap();
        assert_eq!(all.iter().map(|target| target.address.to_string()).collect::<Vec<_>>(), ["tty:/dev/a"]);
        let error = resolve_any(|found| found.address == "tty:/dev/b", &[], &script).err().unwrap();
        assert!(error.is_absent() && error.to_string().contains("left alone"), "{error}");
    }

    #[test]
    fn two_units_in_one_bay_are_one_too_many() {
        let script = mapped("- { bay: 1, ports: \"pci-*\" }");
        let error = resolve(&"bay:1".parse().unwrap(), &[], &script).unwrap_err();
        assert!(error.kind() == Kind::Invalid && error.to_string().contains("/dev/b"), "{error}");
    }
}
