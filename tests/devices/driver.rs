//! The driver on real devices, below profile and run: what a transfer survives, and what it must never do to a unit.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hardwire::clock::{Clock, SystemClock};
use hardwire::device::{Cancel, Departure, Driver, Mode, Op, Progress};
use hardwire::digest::{Algorithm, Digest};
use hardwire::drivers::{Opening, Options, registry};
use hardwire::error::{Kind, Result};
use hardwire::link::{self, Opened, SerialOptions};

use crate::support::image;
use crate::support::mcuboot::{Build, Mcuboot};
use crate::support::zephyr::{Variant, Zephyr};
use crate::support::{Need, wanted};

/// The unit's disk has two blocks of 4 KiB for data and keeps the old content until the new one is closed: what is
/// written over again has to fit into one.
const ONE_BLOCK: u32 = 3900;

fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock::new())
}

/// Does one thing with a driver, without a deadline.
fn with<T>(job: impl FnOnce(&mut Op<'_>) -> T) -> T {
    let (clock, cancel) = (SystemClock::new(), Cancel::default());
    let mut progress = |_: Progress| {};
    job(&mut Op::new(&clock, &cancel, &mut progress))
}

fn open(address: &str, options: &Options) -> Result<Box<dyn Driver>> {
    let clock = clock();
    let Opened::Stream(link) = link::open(&address.parse()?, &SerialOptions::default(), &clock)? else {
        panic!("{address} is no stream");
    };
    with(|op| registry()[0].open(link.into(), Opening::unknown(options), op))
}

fn opened(address: &str) -> Box<dyn Driver> {
    open(address, &Options::new()).expect("the unit opens")
}

/// Waits as a run does, and opens what comes back.
fn follow(address: &str, departure: &Departure) -> Box<dyn Driver> {
    std::thread::sleep(departure.settle);
    let until = Instant::now() + departure.within;
    loop {
        match open(address, &Options::new()) {
            Ok(driver) => {
                assert!(departure.to.contains(&driver.unit().mode), "{departure:?}, got {:?}", driver.unit().mode);
                return driver;
            }
            Err(error) => assert!(Instant::now() < until, "{departure:?}: {error}"),
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn content(len: u32) -> Vec<u8> {
    (0..len).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

fn digest(driver: &mut dyn Driver, path: &str) -> Option<Digest> {
    with(|op| driver.files().expect("files").digest(path, Algorithm::Sha256, None, op)).expect("a digest")
}

#[test]
fn a_file_arrives_whole_whatever_the_receiver_can_hold() {
    if !wanted(Need::Zephyr) {
        return;
    }
    for variant in [Variant::Plain, Variant::BigRx] {
        let unit = Zephyr::start(variant);
        let mut driver = opened(&unit.address());
        for len in [1, 60, 400, 2500, ONE_BLOCK] {
            let content = content(len);
            let files = driver.files().expect("files");
            let written = with(|op| files.write("/lfs1/f", &content, op)).expect("written");
            assert!(written.sent + written.resumed_at >= u64::from(len), "{variant:?} {written:?}");
            assert_eq!(digest(&mut *driver, "/lfs1/f"), Some(Digest::sha256(&content)), "{variant:?} {len} bytes");
            let mut back = Vec::new();
            with(|op| driver.files().expect("files").read("/lfs1/f", &mut back, op)).expect("read");
            assert_eq!(back, content, "{variant:?}");
        }
        unit.assert_alive();
    }
}

#[test]
fn a_transfer_that_was_stopped_anywhere_is_finished_by_the_next_one() {
    if !wanted(Need::Zephyr) {
        return;
    }
    let content = content(ONE_BLOCK);
    for variant in [Variant::Plain, Variant::BigRx] {
        let unit = Zephyr::start(variant);
        for stop_at in [0, 300, 1900, 2500, u64::from(ONE_BLOCK) - 10] {
            let mut driver = opened(&unit.address());
            let clock = SystemClock::new();
            let cancel = Cancel::default();
            let mut progress = |progress: Progress| {
                if progress.bytes >= stop_at {
                    cancel.ask();
                }
            };
            let mut op = Op::new(&clock, &cancel, &mut progress);
            let stopped = driver.files().expect("files").write("/lfs1/f", &content, &mut op);
            if let Err(error) = stopped {
                assert_eq!(error.kind(), Kind::Cancelled, "{variant:?} at {stop_at}: {error}");
            }
            drop(driver);

            let mut driver = opened(&unit.address());
            with(|op| driver.files().expect("files").write("/lfs1/f", &content, op))
                .unwrap_or_else(|error| panic!("{variant:?} after a stop at {stop_at}: {error}"));
            assert_eq!(digest(&mut *driver, "/lfs1/f"), Some(Digest::sha256(&content)), "{variant:?}, {stop_at}");
        }
        unit.assert_alive();
    }
}

#[test]
fn a_unit_that_loses_bursts_costs_little_time() {
    if !wanted(Need::Zephyr) {
        return;
    }
    // A message of two lines carries some 130 bytes and takes 20 ms; finding that out may take a few losses.
    let unit = Zephyr::start(Variant::Plain);
    let mut driver = opened(&unit.address());
    let content = content(7000);
    let start = Instant::now();
    with(|op| driver.files().expect("files").write("/lfs1/f", &content, op)).expect("written");
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
    eprintln!("7000 bytes to a unit that loses bursts: {:?}", start.elapsed());
    unit.assert_alive();
}

#[test]
fn a_full_disk_is_a_refusal_with_a_name() {
    if !wanted(Need::Zephyr) {
        return;
    }
    let unit = Zephyr::start(Variant::BigRx);
    let mut driver = opened(&unit.address());
    let error = with(|op| driver.files().expect("files").write("/lfs1/f", &content(12_000), op)).expect_err("full");
    assert_eq!(error.kind(), Kind::Refused, "{error}");
    unit.assert_alive();
}

#[test]
fn recovery_is_entered_filled_and_left() {
    if !wanted(Need::Mcuboot) {
        return;
    }
    for build in [Build::Current, Build::Buf512] {
        let (old, new) = (build.image((1, 0, 0, 0)), build.image((2, 0, 0, 0)));
        let mut unit = Mcuboot::start(build, Some(&old));
        let address = unit.address();
        let mut driver = opened(&address);
        assert_eq!(driver.unit().mode, Mode::Application);
        let departure = with(|op| driver.power().expect("power").restart(Mode::Recovery, op)).expect("restarted");
        drop(driver);

        let mut driver = follow(&address, &departure);
        assert_eq!(driver.unit().mode, Mode::Recovery);
        let start = Instant::now();
        let firmware = driver.firmware().expect("firmware");
        with(|op| firmware.upload("primary", &new.bytes, op)).expect("uploaded");
        eprintln!("{build:?}: {} bytes through recovery in {:?}", new.bytes.len(), start.elapsed());
        let departure = with(|op| driver.power().expect("power").restart(Mode::Application, op)).expect("restarted");
        drop(driver);

        let mut driver = follow(&address, &departure);
        assert_eq!(driver.unit().mode, Mode::Application);
        let slots = with(|op| driver.firmware().expect("firmware").slots(op)).expect("slots");
        let running = slots.iter().find(|slot| slot.is("active")).expect("one runs");
        assert_eq!(running.hash, Some(hex::encode(new.hash)), "{slots:?}");
        unit.assert_alive();
    }
}

#[test]
fn an_upload_in_the_application_leaves_what_runs_alone() {
    if !wanted(Need::Mcuboot) {
        return;
    }
    let (old, new) = (Build::Current.image((1, 0, 0, 0)), Build::Current.image((2, 0, 0, 0)));
    let unit = Mcuboot::start(Build::Current, Some(&old));
    let mut driver = opened(&unit.address());
    let firmware = driver.firmware().expect("firmware");
    assert_eq!(firmware.writable(), ["secondary"]);
    assert_eq!(firmware.activations(), [hardwire::device::Activate::None], "this build cannot set image state");
    with(|op| firmware.upload("secondary", &new.bytes, op)).expect("uploaded");
    let slots = with(|op| firmware.slots(op)).expect("slots");
    assert_eq!(slots.iter().map(|slot| slot.slot.as_str()).collect::<Vec<_>>(), ["primary", "secondary"]);
    assert_eq!(slots[1].hash, Some(hex::encode(new.hash)));
    assert!(unit.slot0(old.bytes.len()) == old.bytes, "slot 0 is as it was");
}

#[test]
fn a_small_image_is_refused_by_its_header_alone() {
    if !wanted(Need::Mcuboot) {
        return;
    }
    let unit = Mcuboot::start(Build::Current, Some(&Build::Current.image((1, 0, 0, 0))));
    let mut driver = opened(&unit.address());
    let mut image = image::of_len(2000, (2, 0, 0, 0)).bytes;
    image[0] ^= 1;
    let error = driver.firmware().expect("firmware").identify("secondary", &image).expect_err("no image");
    assert_eq!(error.kind(), Kind::Invalid, "{error}");
}
