//! A DFU unit that is pulled at any moment of a run: no false pass, no run that hangs, and the next run passes.
//!
//! `tests/memory/dfu` has every cut in memory; these are on a real kernel, which notices, enumerates and forgets in its own time.

use std::time::{Duration, Instant};

use firmware_stubs::dfu::{Firmware, Options};
use firmware_stubs::usb::Port;
use protocols::usb::Bcd;

use crate::apply_dfu::{image, options, station};
use crate::devices::station::Station;
use crate::support::bench::in_the_bench;
use crate::support::unit::{Cut, DfuUnit};

/// How long one run may take before it counts as hanging.
const DEADLINE: Duration = Duration::from_secs(60);
/// Units that are cut at the same time, each in a port of its own: most of the time a run waits for what is gone.
const AT_ONCE: u16 = 6;

/// Cuts a run at all of what `which` counts whose number leaves `rest` when it is halved, and runs the same again each time.
fn cut_everywhere(which: fn(u64) -> Cut, rest: u64) {
    let whole = whole(which(1));
    assert!(whole > 40, "only {whole}");
    let share = |port: u16| (1..=whole).filter(|n| n % 2 == rest).skip(port.into()).step_by(AT_ONCE.into());
    let cut: u64 = std::thread::scope(|scope| {
        let work = |port| move || share(port).map(|n| cut_at(n, which(n), Port(port))).sum();
        let workers: Vec<_> = (0..AT_ONCE).map(|port| scope.spawn::<_, u64>(work(port))).collect();
        workers.into_iter().map(|worker| worker.join().expect("every cut is as it should be")).sum()
    });
    let made = (whole + rest) / 2;
    eprintln!("{whole} in a run, {made} runs to be cut, {cut} cuts came");
    assert!(cut * 10 >= made * 9, "{cut} of {made} cuts came");
}

/// An image of this many bytes takes some sixty DFU requests: the way to DFU mode, the download, the proof, the way back.
const LENGTH: usize = 2000;
const OLD: &[u8] = b"as shipped";

/// Where the cuts are made: new firmware of a few blocks over old.
fn bench(port: Port) -> (tempfile::TempDir, Station, String, DfuUnit) {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (station, profile) = station(&image(LENGTH), "readback");
    let options = Options { serial: format!("DF-{port}"), ..options(&folder) };
    std::fs::create_dir_all(&options.state).expect("the unit's folder");
    std::fs::write(options.state.join("memory-0"), Firmware::build(Bcd(0x0100), OLD)).expect("the unit's memory");
    let unit = DfuUnit::plug(options, port);
    (folder, station, profile, unit)
}

/// How many of what `cut` counts an undisturbed run has.
fn whole(cut: Cut) -> u64 {
    let (_folder, station, profile, unit) = bench(Port(0));
    unit.forget();
    station.run(&["apply", &profile, "-d", &unit.address()]).exits(0);
    unit.until_configured();
    let seen = unit.seen();
    if matches!(cut, Cut::Anywhere(_)) { seen.transfers } else { seen.requests }
}

/// Cuts one run, judges how it ended, and runs it again. How many cuts came: one or none.
fn cut_at(n: u64, cut: Cut, port: Port) -> u64 {
    let (_folder, station, profile, mut unit) = bench(port);
    let image = image(LENGTH);
    unit.cut(cut);
    let began = Instant::now();
    let said = station.run(&["apply", &profile, "-d", &unit.address()]);
    let took = began.elapsed();
    assert!(took < DEADLINE, "{n}: took {took:?}");
    let passed = said.lines.iter().any(|line| line["outcome"] == "pass");
    assert_eq!(passed, said.code == 0, "{n}: {said:#?}");
    let was_cut = unit.was_cut();
    if passed {
        // All was proven before the cable was pulled.
        assert_eq!(unit.memory(0), image, "{n}: {said:#?}");
    } else {
        assert!(was_cut, "{n}: {said:#?}");
        let error = said.lines.iter().find_map(|line| match line["type"].as_str() {
            Some("run") => Some(&line["error"]),
            Some("error") => Some(line),
            _ => None,
        });
        let before_a_run = said.code == 3;
        assert!(said.code == 7 || before_a_run, "{n}: {said:#?}");
        assert_eq!(error.expect("an error")["kind"], "gone", "{n}: {said:#?}");
    }
    unit.pull();
    unit.push(port);
    unit.until_configured();
    let said = station.run(&["apply", &profile, "-d", &unit.address()]).exits(0);
    assert_eq!(said.line("run")["outcome"], "pass", "{n}: {said:#?}");
    assert_eq!(unit.memory(0), image, "{n}");
    station.run(&["ledger", "verify"]).exits(0);
    u64::from(was_cut)
}

/// Every second one for each of two tests, so that neither takes long on a machine that does something else besides.
#[test]
fn a_unit_pulled_at_any_even_dfu_request_never_passes_falsely_and_passes_when_run_again() {
    if !in_the_bench!(Duration::from_secs(500)) {
        return;
    }
    cut_everywhere(Cut::Before, 0);
}

#[test]
fn a_unit_pulled_at_any_odd_dfu_request_never_passes_falsely_and_passes_when_run_again() {
    if !in_the_bench!(Duration::from_secs(500)) {
        return;
    }
    cut_everywhere(Cut::Before, 1);
}
