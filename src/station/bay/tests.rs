use crate::station::fake::{Fake, Loader, Script, unit};
use std::time::Duration;

use super::*;
use crate::detect::{self, Usb};
use crate::device::{Cancel, Continuity, Mode, Proof};
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
    let returned = bay.wait(&Known::of(&unit(before)), &departure(), &mut op);
    (returned.map(|returned| returned.proof), clock.now().since_start())
}

#[test]
fn a_unit_that_comes_back_late_is_known_by_its_serial_number() {
    let lines = [Err(Kind::Gone), Err(Kind::Busy), Err(Kind::NotPermitted), Err(Kind::TimedOut), Ok("A")];
    let (proof, took) = wait(Script::new(&lines), "A");
    assert_eq!(proof.unwrap(), Proof::Serial);
    assert_eq!(took, Duration::from_millis(1400));
}

/// Opens `fake@tty:/dev/unit`, and waits for it in its bootloader: who speaks to it then.
fn into_bootloader(selector: &str, lines: &[std::result::Result<&'static str, Kind>]) -> (Result<&'static str>, usize) {
    let mut script = Script::new(lines);
    script.protocols = vec![&Fake, &Loader];
    let (mut bay, world) = bay(selector, script);
    let clock = world.clock().clone();
    let (mut quiet, cancel) = (|_| {}, Cancel::default());
    let mut op = Op::new(&*clock, &cancel, &mut quiet);
    let departure = Departure { to: vec![Mode::Bootloader], ..departure() };
    let known = Known::of(&unit("boot-A"));
    let returned = bay.wait(&known, &departure, &mut op).map(|returned| returned.driver.unit().driver);
    (returned, world.opened.lock().unwrap().len())
}

#[test]
fn in_another_mode_another_driver_speaks_to_it() {
    // What only one of the two takes does not keep the other from speaking.
    for selector in ["tty:/dev/unit", "fake@tty:/dev/unit", "fake@tty:/dev/unit,pace=1"] {
        let (driver, opened) = into_bootloader(selector, &[Ok("boot-A")]);
        assert_eq!((driver.unwrap(), opened), ("loader", 1), "{selector}: who is awaited is asked first");
        // It had not left yet.
        let (driver, opened) = into_bootloader(selector, &[Ok("A"), Ok("A"), Ok("boot-A")]);
        assert_eq!((driver.unwrap(), opened), ("loader", 3), "{selector}");
    }
    let (error, _) = into_bootloader("loader@tty:/dev/unit", &[Ok("A")]);
    assert_eq!(error.unwrap_err().kind(), Kind::Gone, "who was forced and has no kin is asked alone");
}

#[test]
fn what_came_back_and_may_not_be_opened_is_not_waited_for_long_and_names_the_rules() {
    let denied = vec![Err(Kind::NotPermitted); 200];
    let (error, took) = wait(Script::new(&denied), "A");
    let error = error.unwrap_err();
    assert_eq!((error.kind(), took < Duration::from_secs(6)), (Kind::NotPermitted, true), "{took:?}");
    assert!(error.remedy().unwrap().contains("hardwire udev install"));
    // Rules that come late are waited for, each time that the unit comes.
    let late =
        [vec![Err(Kind::NotPermitted); 30], vec![Err(Kind::Gone)], vec![Err(Kind::NotPermitted); 30], vec![Ok("A")]];
    assert_eq!(wait(Script::new(&late.concat()), "A").0.unwrap(), Proof::Serial);
}

#[test]
fn a_unit_without_a_serial_number_is_known_by_its_port() {
    assert_eq!(wait(Script::new(&[Ok("")]), "A").0.unwrap(), Proof::Port);
}

#[test]
fn another_unit_is_refused() {
    assert_eq!(wait(Script::new(&[Ok("B")]), "A").0.unwrap_err().kind(), Kind::Gone);
}

#[test]
fn a_unit_that_stays_away_is_waited_for_as_long_as_it_may_take() {
    let (error, took) = wait(Script::new(&[]), "A");
    let error = error.unwrap_err();
    assert_eq!((error.kind(), took), (Kind::Gone, Duration::from_secs(10)));
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
    let error = bay.wait(&Known::of(&unit("A")), &departure(), &mut op).err().unwrap();
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

fn plugged(name: &str, port: &str, number: u32, serial: &str) -> Found {
    let mut found = usb_port(name, port);
    let usb = found.usb.as_mut().unwrap();
    (usb.number, usb.path) = (Some(number), Some(format!("pci-usbv2-0:{}", &port[2..]).as_str().into()));
    if !serial.is_empty() {
        found.driver = Some("fake");
        usb.serial = Some(serial.into());
    }
    found
}

/// Opens `usb:1-1` in the first scene, and waits from then on: how what came back is known.
fn comes_back(
    scenes: &[(u64, &[Found])],
    lines: &[std::result::Result<&'static str, Kind>],
) -> Result<(Proof, Continuity)> {
    let mut script = Script::new(lines);
    script.scenes = scenes.iter().map(|(at, scene)| (Duration::from_millis(*at), scene.to_vec())).collect();
    let (mut bay, world) = bay("usb:1-1", script);
    let clock = world.clock().clone();
    let (mut quiet, cancel) = (|_| {}, Cancel::default());
    let mut op = Op::new(&*clock, &cancel, &mut quiet);
    let known = Known::of(bay.open(&mut op)?.unit());
    bay.wait(&known, &departure(), &mut op).map(|returned| (returned.proof, returned.continuity))
}

#[test]
fn one_departure_is_what_was_commanded() {
    let (old, new) = (plugged("ttyACM0", "1-1", 7, ""), plugged("ttyACM1", "1-1", 8, ""));
    let scenes: [(u64, &[Found]); 3] = [(0, &[old]), (300, &[]), (1500, &[new])];
    assert_eq!(comes_back(&scenes, &[Ok(""), Ok("")]).unwrap(), (Proof::Port, Continuity::Kept));
    assert_eq!(comes_back(&scenes, &[Ok("A"), Ok("A")]).unwrap(), (Proof::Serial, Continuity::Kept));
    assert_eq!(comes_back(&scenes, &[Ok("A"), Ok("B")]).unwrap_err().kind(), Kind::Gone);
}

#[test]
fn a_unit_that_was_exchanged_while_it_was_away_is_noticed() {
    let board = |number| plugged("ttyACM0", "1-1", number, "");
    // It came back while it was left alone, was pulled, and another one was pushed in.
    let scenes: [(u64, &[Found]); 5] =
        [(0, &[board(7)]), (200, &[]), (500, &[board(8)]), (700, &[]), (1500, &[board(9)])];
    assert_eq!(comes_back(&scenes, &[Ok(""), Ok("")]).unwrap(), (Proof::Port, Continuity::Lost));
    // Its number says so, although it was never seen to be away.
    let scenes: [(u64, &[Found]); 3] = [(0, &[board(7)]), (300, &[board(8)]), (600, &[board(9)])];
    assert_eq!(comes_back(&scenes, &[Ok(""), Ok("")]).unwrap(), (Proof::Port, Continuity::Lost));
}

#[test]
fn a_descriptor_that_shows_a_serial_number_proves_the_unit() {
    let board = |number, serial| plugged("ttyACM0", "1-1", number, serial);
    let scenes = |before, after| [(0, vec![board(7, before)]), (300, vec![]), (500, vec![board(8, after)])];
    let known = |before, after| {
        let scenes = scenes(before, after);
        let scenes: Vec<(u64, &[Found])> = scenes.iter().map(|(at, scene)| (*at, scene.as_slice())).collect();
        comes_back(&scenes, &[Ok(""), Ok("")]).map(|(proof, _)| proof).map_err(|error| error.kind())
    };
    assert_eq!(known("TH-1", "TH-1"), Ok(Proof::Serial));
    assert_eq!(known("TH-1", "TH-2"), Err(Kind::Gone));
    assert_eq!(known("0001", "0001"), Ok(Proof::Port), "a number that was never set");
}

#[test]
fn a_serial_number_that_a_clone_shows_too_proves_nothing() {
    let board = |port, number| plugged("ttyACM0", port, number, "TH-1");
    let (old, new, clone) = (board("1-1", 7), board("1-1", 8), board("1-2", 3));
    let scenes: [(u64, &[Found]); 2] = [(0, &[old, clone.clone()]), (500, &[new, clone])];
    assert_eq!(comes_back(&scenes, &[Ok(""), Ok("")]).unwrap().0, Proof::Port);
}

#[test]
fn a_unit_is_found_wherever_in_its_bay_it_comes_back() {
    let (old, fast) = (plugged("ttyACM0", "1-1", 7, ""), plugged("ttyACM3", "2-1", 2, ""));
    let other = plugged("ttyACM1", "1-2", 5, "");
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join("station.yaml"), "bays: [{ bay: 4, ports: [pci-usbv2-0:1, pci-usbv3-0:1] }]")
        .unwrap();
    let fast = {
        let mut fast = fast;
        fast.usb.as_mut().unwrap().path = Some("pci-usbv3-0:1".into());
        fast
    };
    let mut script = Script::new(&[Ok(""), Ok("")]);
    script.map = crate::station::map::Map::under(root.path()).unwrap();
    script.scenes = vec![(Duration::ZERO, vec![old, other.clone()]), (Duration::from_secs(1), vec![other, fast])];
    let (mut bay, world) = bay("bay:4", script);
    let clock = world.clock().clone();
    let (mut quiet, cancel) = (|_| {}, Cancel::default());
    let mut op = Op::new(&*clock, &cancel, &mut quiet);
    let known = Known::of(bay.open(&mut op).unwrap().unit());
    assert_eq!(bay.id(), Some(BayId(4)));
    let returned = bay.wait(&known, &departure(), &mut op).unwrap();
    assert_eq!((returned.proof, returned.continuity), (Proof::Port, Continuity::Kept));
    assert_eq!(world.opened.lock().unwrap().last().unwrap().to_string(), "tty:/dev/ttyACM3");
}
