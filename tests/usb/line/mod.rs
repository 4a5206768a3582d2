//! A line of eight bays whose units are pulled and pushed at random moments while they are worked on.

mod batch;
mod hand;
mod judge;

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use firmware_stubs::dfu::{Firmware, Options};
use firmware_stubs::usb::Port;
use hardwire::detect::PortPath;
use protocols::usb::Bcd;

use crate::devices::sha256;
use crate::devices::station::Station;
use crate::support::bays;
use crate::support::bench::in_the_bench;
use batch::Batch;
use hand::Floor;

const BAYS: u16 = 8;
const BATCH: &str = "lot-7";

fn image() -> Vec<u8> {
    Firmware::build(Bcd(0x0207), &[0x5a; 700])
}

/// A station with a map of eight bays, and the path of a profile for the stand-ins.
fn station() -> (Station, String) {
    let station = Station::default();
    let path = |port: u16| {
        PortPath::of(&Port(port).bus_id().expect("the controller is there")).expect("the kernel tells").to_string()
    };
    let map: String =
        (0..BAYS).map(|port| format!("  - {{ bay: {}, ports: \"{}\" }}\n", port + 1, path(port))).collect();
    bays(&station, &map);
    station.file("app.bin", image());
    let profile = format!(
        "format: 1\nname: line\nversion: 1.0.0\nmatch: {{ driver: dfu, usb: [\"1209:0001\", \"1209:0002\"] }}\n\
         verify: readback\nartifacts:\n  app: {{ file: app.bin, sha256: {} }}\nsteps:\n  - firmware: {{ artifact: app }}\n",
        sha256(&image())
    );
    let profile = station.file("line.yaml", profile);
    (station, profile)
}

/// Runs between two looks at what the batch takes, that are told.
const EVERY: usize = 50;

/// A day at the line.
struct Day {
    units: usize,
    /// At least so many.
    replugs: u64,
    seed: u64,
    /// No day is longer.
    limit: Duration,
}

impl Day {
    fn work(&self) {
        let began = Instant::now();
        let (station, profile) = station();
        let folder = tempfile::tempdir().expect("temporary folder");
        let unit = |n| {
            let serial = format!("LN-{n:04}");
            Options { transfer_size: 128, serial: serial.clone(), ..Options::new(folder.path().join(&serial)) }
        };
        let count = self.units.to_string();
        let mut batch = Batch::start(&station, &[&profile, "--count", &count, "--batch", BATCH]);
        let (mut first, mut last, mut told) = (None, None, 0);
        let (done, pulled) = {
            let floor = Floor::new(&batch, (1..=self.units).map(unit).collect(), self.replugs * 5 / 4);
            std::thread::scope(|scope| {
                let floor = &floor;
                let hands: Vec<_> =
                    (1..=BAYS).map(|bay| scope.spawn(move || hand::work(floor, bay, self.seed))).collect();
                while !hands.iter().all(std::thread::ScopedJoinHandle::is_finished) {
                    let (runs, passes) = {
                        let board = floor.batch.board();
                        (board.runs.len(), board.passed.len())
                    };
                    let size = floor.batch.size();
                    // Everything was in use once, and still is.
                    if runs >= usize::from(BAYS) {
                        first = first.or(size);
                    }
                    if runs >= told + EVERY {
                        told = runs;
                        eprintln!("after {runs} runs: {size:?}");
                    }
                    if passes + usize::from(BAYS) <= self.units {
                        last = size.or(last);
                    }
                    assert!(began.elapsed() < self.limit, "the day does not end");
                    std::thread::sleep(Duration::from_millis(200));
                }
                let fell: Vec<_> = hands.into_iter().filter_map(|hand| hand.join().err()).collect();
                assert!(fell.is_empty(), "{} hands gave up", fell.len());
            });
            (std::mem::take(&mut *floor.done()), floor.pulled.load(Ordering::SeqCst))
        };
        let code = batch.finish(Duration::from_secs(60));
        let figures = judge::Trial { station: &station, batch: &batch, units: &done, image: &image() }.hold();
        assert_eq!(code, 0, "{figures:?}");
        eprintln!("{} units, {pulled} re-plugs in runs: {figures:?}", self.units);
        eprintln!("hardwire: at the start {first:?}, at the end {last:?}; {:?} in all", began.elapsed());
        assert!(pulled >= self.replugs, "{pulled} re-plugs");
        // Pulls alone end a run so, each of them one at most. One that is pushed in again before it is back as an application,
        // after all was proven, is back as an application.
        let gone = figures.gone as u64;
        assert!(gone <= pulled && gone * 2 > pulled, "{gone} runs ended so by {pulled} pulls");
    }
}

/// One of these, and no more than some three minutes on a machine that does something else besides.
const LIMIT: Duration = Duration::from_secs(420);
const IN_ALL: Duration = Duration::from_secs(540);

#[test]
fn twenty_four_units_over_eight_bays_all_pass_however_they_are_pulled_and_pushed() {
    if !in_the_bench!(IN_ALL) {
        return;
    }
    Day { units: 24, replugs: 40, seed: 7, limit: LIMIT }.work();
}

#[test]
fn twenty_four_units_over_eight_bays_all_pass_on_another_day() {
    if !in_the_bench!(IN_ALL) {
        return;
    }
    Day { units: 24, replugs: 40, seed: 11, limit: LIMIT }.work();
}

/// `benches/line/run`.
#[test]
#[ignore = "takes an hour"]
fn soak() {
    let day = Duration::from_secs(4 * 3600);
    if !in_the_bench!(day + Duration::from_secs(120)) {
        return;
    }
    let of = |name: &str, usual: u64| std::env::var(name).ok().map_or(usual, |text| text.parse().expect("a number"));
    let (units, replugs) = (of("HARDWIRE_LINE_UNITS", 500), of("HARDWIRE_LINE_REPLUGS", 500));
    let units = usize::try_from(units).expect("a few units");
    Day { units, replugs, seed: of("HARDWIRE_LINE_SEED", 1), limit: day }.work();
}
