use std::sync::mpsc;

use super::*;
use crate::station::fake::Script;
use crate::station::map::Map;

fn script(
    entry: &str,
    lines: &[std::result::Result<&'static str, Kind>],
    contacts: &[bool],
) -> (Arc<Script>, Arc<BaySpec>) {
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join("station.yaml"), format!("bays: [{{ bay: 1, serial: /dev/ttyUSB0, {entry} }}]"))
        .unwrap();
    let mut script = Script::new(lines);
    script.map = Map::under(root.path()).unwrap();
    *script.contacts.lock().unwrap() = contacts.iter().copied().collect();
    let bay = script.map.bays().next().unwrap().clone();
    (Arc::new(script), bay)
}

fn spoken() -> Spoken {
    Spoken { selector: "bay:1".parse().unwrap(), defaults: Vec::new(), driver: None }
}

/// What is seen, look after look, a second apart.
fn seen(
    entry: &str,
    lines: &[std::result::Result<&'static str, Kind>],
    contacts: &[bool],
    looks: usize,
) -> Vec<(u64, String)> {
    let (world, bay) = script(entry, lines, contacts);
    let mut eye = Eye {
        door: Door::new(bay.start, bay.free),
        spoken: spoken(),
        world: world.clone(),
        contact: None,
        in_trouble: false,
    };
    let mut seen = Vec::new();
    for second in 0..looks as u64 {
        match eye.look(&Cancel::default()) {
            None => {}
            Some(Sight::Came) => seen.push((second, "came".into())),
            Some(Sight::Left) => seen.push((second, "left".into())),
            Some(Sight::Trouble(error)) => seen.push((second, error.kind().to_string())),
        }
        world.clock().sleep(Duration::from_secs(1));
    }
    seen
}

#[test]
fn a_fixture_is_asked_until_a_unit_answers_and_until_it_is_silent() {
    let silent = Err(Kind::TimedOut);
    let lines = [silent, Err(Kind::Gone), Ok("A"), Ok("A"), silent, silent, silent, Ok("B")];
    let seen = seen("start: probe", &lines, &[], 8);
    // Silence was heard: what answers right after it is another unit, or the bay would be stuck with it.
    assert_eq!(seen, [(2, "came".into()), (6, "left".into()), (7, "came".into())]);
}

#[test]
fn a_contact_begins_it() {
    let silent = Err(Kind::TimedOut);
    let lines = [Ok("A"), silent, silent, silent];
    let seen = seen("start: cts", &lines, &[false, true, true, false, true], 9);
    assert_eq!(seen, [(1, "came".into()), (5, "left".into()), (8, "came".into())]);
}

#[test]
fn a_port_that_cannot_be_opened_is_told_once() {
    let denied = Err(Kind::NotPermitted);
    let seen = seen("start: probe", &[denied, denied, Ok("A")], &[], 3);
    assert_eq!(seen, [(0, "not-permitted".into()), (2, "came".into())]);
}

#[test]
fn a_lookout_keeps_away_from_a_port_that_is_held() {
    let (world, bay) = script("start: probe", &[Ok("A"), Ok("A")], &[]);
    let (tell, told) = mpsc::channel();
    let lookout = Lookout::begin(&bay, spoken(), world.clone(), move |sight| _ = tell.send(sight)).unwrap();
    assert!(matches!(told.recv().unwrap(), Sight::Came));
    lookout.hold();
    let opened = world.opened.lock().unwrap().len();
    std::thread::yield_now();
    assert_eq!(world.opened.lock().unwrap().len(), opened);
    lookout.release();
    // The script has one unit more, then nothing answers any more.
    let left = (0..500).find_map(|_| {
        world.clock().sleep(Duration::from_secs(1));
        told.recv_timeout(Duration::from_millis(20)).ok()
    });
    assert!(matches!(left, Some(Sight::Left)), "{left:?}");
    drop(lookout);
    assert!(told.recv().is_err());
}
