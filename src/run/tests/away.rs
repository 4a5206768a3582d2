//! A unit that comes back, or another one in its place.

use std::time::Duration;

use super::*;
use crate::device::BayId;

/// A restart, then a file; and a file that is written whatever happens.
fn steps() -> Vec<Step> {
    let reboot = Step::plain("reboot", Body::Reboot(RebootStep::to(Mode::Application)), Level::Digest);
    let put = |path: &str| Body::Files(FilesStep::of(vec![(path.to_owned(), Payload::new(b"x".to_vec(), false))]));
    let mut last = Step::plain("teardown", put("/b"), Level::Digest);
    last.always = true;
    vec![reboot, Step::plain("file", put("/a"), Level::Digest), last]
}

fn run(proof: Proof, continuity: Continuity, demanded: Proof) -> (Report, u32) {
    let mut station = Station::new();
    station.returns = Returns { serial: "F1", proof, continuity };
    station.identity = Identity { setting: None, proof: demanded };
    station.state().files.insert("/c".into(), vec![1]);
    let report = station.run(steps());
    let writes = station.state().writes;
    (report, writes)
}

#[test]
fn what_is_awaited_is_told_while_it_is_and_no_longer_than_the_step_may_take() {
    for (timeout, within) in [(None, 60), (Some(20), 20), (Some(90), 60)] {
        let station = Station::new();
        let mut steps = steps();
        steps[0].timeout = timeout.map(Duration::from_secs);
        let report = station.run(steps);
        assert_eq!(report.outcome, Outcome::Pass, "{:?}", report.error);
        let events = station.events.lock().unwrap();
        let at = events.iter().position(|event| event.event == EventKind::Away).expect("it is told");
        let away = &events[at];
        assert_eq!((away.mode, away.within, away.bay), (Some(Mode::Application), Some(within), Some(BayId(3))));
        let said = format!("waits for the unit to restart, up to {within} s (it was in mode application)");
        assert_eq!(away.say.as_ref(), Some(&said));
        assert_eq!(events[at + 1].event, EventKind::ModeChanged);
        assert_eq!(station.state().awaited, [Duration::from_secs(within)]);
    }
}

#[test]
fn what_came_back_must_be_known_well_enough() {
    for (proof, continuity, demanded) in [
        (Proof::Port, Continuity::Kept, Proof::Port),
        (Proof::Serial, Continuity::Lost, Proof::Serial),
        (Proof::Hwid, Continuity::Lost, Proof::Serial),
    ] {
        let (report, writes) = run(proof, continuity, demanded);
        assert_eq!((report.outcome, writes), (Outcome::Pass, 2), "{proof} {continuity:?} {demanded}");
        assert_eq!(report.returns[0].proof, proof);
    }
}

#[test]
fn what_may_be_another_unit_is_never_written() {
    for (proof, continuity, demanded) in
        [(Proof::Port, Continuity::Lost, Proof::Port), (Proof::Port, Continuity::Kept, Proof::Serial)]
    {
        let (report, writes) = run(proof, continuity, demanded);
        let error = report.error.unwrap();
        assert_eq!((report.outcome, error.kind, writes), (Outcome::Error, Kind::Gone, 0), "{error:?}");
        assert!(report.returns.is_empty());
        assert_eq!(report.steps[2].outcome, StepOutcome::Skipped, "not even what always runs");
    }
}

#[test]
fn a_unit_that_shows_nothing_to_know_it_by_is_refused_before_it_is_touched() {
    let mut station = Station::new();
    station.identity = Identity { setting: None, proof: Proof::Hwid };
    let error = station.try_run(steps()).err().unwrap();
    assert_eq!(error.kind(), Kind::Invalid);
    assert!(error.to_string().contains("hardware id"), "{error}");
    let state = station.state();
    assert_eq!((state.writes, state.restarts), (0, 0));
}

#[test]
fn the_number_that_a_unit_keeps_proves_it() {
    for (kept, outcome) in [(&b"T-1"[..], Outcome::Pass), (b"T-2", Outcome::Error)] {
        let mut station = Station::new();
        station.returns = Returns { serial: "", proof: Proof::Port, continuity: Continuity::Lost };
        station.identity = Identity { setting: Some("id".into()), proof: Proof::Serial };
        station.starts_as = ("", Some("T-1"));
        station.state().settings.insert("id".into(), kept.to_vec());
        let report = station.run(steps());
        assert_eq!(report.outcome, outcome, "{:?}", report.error);
        assert_eq!(station.state().writes, if outcome == Outcome::Pass { 2 } else { 0 });
    }
}
