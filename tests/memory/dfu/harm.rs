//! Cables that are cut, transfers that are bent, units that do wrong: no false PASS, and the next run passes.

use std::time::Duration;

use firmware_stubs::dfu::Fault;
use hardwire::error::Kind;
use hardwire::link::usb::fault::{Faults, Harm};
use hardwire::run::report::Outcome;
use protocols::dfu::wire::PollTimeout;

use super::rig::Rig;
use super::{Adjust, KINDS, app, by_reset, confirmed, dfuse, failed, plain, sha256, tolerant};

/// Cuts the cable at every control transfer of an apply: no false PASS, and the next run passes.
fn cut_at_every_transfer(harm: Harm, adjust: Adjust) -> u64 {
    for nth in 1.. {
        let mut rig = Rig::new(adjust);
        rig.faults = Faults::at(nth, harm);
        let report = rig.run(confirmed(&app()));
        let was_cut = rig.faults.is_cut();
        let first = report.as_ref().map(|report| report.outcome).unwrap_or(Outcome::Error);
        if !was_cut {
            assert_eq!(first, Outcome::Pass, "transfer {nth} was not reached");
            return nth - 1;
        }
        assert!(rig.elapsed() < Duration::from_secs(120), "transfer {nth}: {:?}", rig.elapsed());
        rig.replug(adjust);
        let again = rig.run(confirmed(&app())).unwrap();
        assert_eq!(again.outcome, Outcome::Pass, "after a cut at {nth}: {}", failed(&again));
        assert_eq!(rig.running().as_deref(), Some(sha256(&app()).as_str()), "after a cut at {nth}");
        if first == Outcome::Pass {
            assert_eq!(again.steps[0].sent, 0, "a false PASS at {nth}");
        }
    }
    unreachable!("the loop ends when a transfer is not reached")
}

fn cut(harm: Harm, adjust: Adjust) {
    let cuts = cut_at_every_transfer(harm, adjust);
    println!("{harm:?}: {cuts} cuts");
    assert!(cuts >= 50, "only {cuts} cuts");
}

#[test]
fn the_cable_is_cut_before_every_control_transfer() {
    cut(Harm::Cut, plain);
}

#[test]
fn the_cable_is_cut_before_every_control_transfer_with_addresses() {
    cut(Harm::Cut, dfuse);
}

#[test]
fn the_cable_is_cut_before_every_control_transfer_of_a_unit_that_stays() {
    cut(Harm::Cut, tolerant);
}

#[test]
fn the_cable_is_cut_before_every_control_transfer_of_a_unit_that_wants_a_reset() {
    cut(Harm::Cut, by_reset);
}

#[test]
fn the_cable_is_cut_after_every_control_transfer() {
    cut(Harm::CutAfter, plain);
}

#[test]
fn the_cable_is_cut_after_every_control_transfer_with_addresses() {
    cut(Harm::CutAfter, dfuse);
}

#[test]
fn a_transfer_that_stalls_is_lost_or_bent_yields_no_false_pass() {
    for (name, adjust) in KINDS {
        for (first, harm) in [(1, Harm::Stall), (2, Harm::Lose), (3, Harm::Corrupt(0x04)), (4, Harm::Shorten)] {
            for nth in (first..80).step_by(3) {
                let mut rig = Rig::new(adjust);
                rig.faults = Faults::at(nth, harm);
                let passed = matches!(rig.run(confirmed(&app())), Ok(report) if report.outcome == Outcome::Pass);
                if passed {
                    assert_eq!(rig.running().unwrap(), sha256(&app()), "{name}: a false PASS at {nth}, {harm:?}");
                }
                rig.replug(adjust);
                let again = rig.run(confirmed(&app())).unwrap();
                assert_eq!(again.outcome, Outcome::Pass, "{name}, {harm:?} at {nth}: {}", failed(&again));
                assert!(!passed || again.steps[0].sent == 0, "{name}: a false PASS at {nth}, {harm:?}");
            }
        }
    }
}

#[test]
fn a_unit_that_does_wrong_is_never_passed_and_mends_when_it_stops() {
    let faults = [
        Fault::Stall(7),
        Fault::Hang(7),
        Fault::Short(7),
        Fault::GarbageStatus(5),
        Fault::UnplugControl(9),
        Fault::UnplugAnswer(9),
        Fault::UnplugByte(3000),
        Fault::LieLength,
        Fault::LoseByte(4000),
        Fault::OtherSerial,
        Fault::Stay(4),
    ];
    for (name, adjust) in KINDS {
        for fault in faults {
            let mut rig = Rig::new(|options| {
                adjust(options);
                options.faults = vec![fault];
            });
            if let Ok(report) = rig.run(confirmed(&app())) {
                if report.outcome == Outcome::Pass {
                    assert_eq!(rig.running().unwrap(), sha256(&app()), "{name}, {fault}: a false PASS");
                } else {
                    assert!(report.error.is_some());
                }
            }
            assert!(rig.elapsed() < Duration::from_secs(300), "{name}, {fault}: {:?}", rig.elapsed());
            rig.replug(adjust);
            let again = rig.run(confirmed(&app())).unwrap();
            assert_eq!(again.outcome, Outcome::Pass, "{name}, after {fault}: {}", failed(&again));
        }
    }
}

#[test]
fn a_unit_that_gives_back_what_it_was_sent_and_not_what_it_holds_does_not_start() {
    let rig = Rig::new(|options| {
        dfuse(options);
        options.faults = vec![Fault::LieUpload, Fault::LoseByte(4000)];
    });
    // Reading back is fooled; that it does not come back as an application is not.
    let report = rig.run(confirmed(&app())).unwrap();
    assert_ne!(report.outcome, Outcome::Pass);
}

#[test]
fn a_unit_that_comes_back_as_another_is_not_written() {
    let rig = Rig::new(|options| {
        plain(options);
        options.faults = vec![Fault::OtherSerial];
    });
    let report = rig.run(confirmed(&app())).unwrap();
    assert_eq!(report.error.as_ref().unwrap().kind, Kind::Gone);
    assert_eq!(report.steps[0].sent, 0);
    let rig = Rig::new(|options| {
        plain(options);
        options.faults = vec![Fault::NoSerial];
    });
    let report = rig.run(confirmed(&app())).unwrap();
    assert_eq!(report.outcome, Outcome::Pass, "{}", failed(&report));
}

#[test]
fn a_slow_unit_is_waited_for_as_it_asks() {
    let rig = Rig::new(|options| {
        plain(options);
        options.poll_timeout = PollTimeout::from_millis(250);
    });
    let report = rig.run(confirmed(&app())).unwrap();
    assert_eq!(report.outcome, Outcome::Pass, "{}", failed(&report));
    let blocks = app().len().div_ceil(512) as u32;
    assert!(rig.elapsed() >= Duration::from_millis(250) * blocks, "{:?}", rig.elapsed());
    assert!(rig.elapsed() < Duration::from_millis(250) * (blocks + 12), "{:?}", rig.elapsed());
}
