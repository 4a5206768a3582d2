//! What the driver makes of a unit that lies, is silent, or is pulled.

use firmware_stubs::fastboot::{Fault, Mode as StubMode};

use super::bench::{Bench, FRAMINGS, pattern};
use crate::device::{Cancel, Mode};
use crate::error::Kind;

/// Commands until the unit is open and known; the ones after write the image.
fn asked(bench: &mut Bench) -> u64 {
    let before = bench.phone.lock().unwrap().packets;
    bench.good();
    bench.phone.lock().unwrap().packets - before
}

#[test]
fn every_wrong_answer_has_its_kind_and_none_is_a_success() {
    // `getvar all` alone opens a unit that lists all: then come `download` and `flash`.
    for framing in FRAMINGS {
        for (fault, kind) in [
            (Fault::Fail(2), Kind::Refused),
            (Fault::LongFail(2), Kind::Refused),
            (Fault::Garbage(2), Kind::Garbled),
            (Fault::EarlyOkay(2), Kind::Garbled),
            (Fault::DataLength(1), Kind::Garbled),
            (Fault::Silence(2), Kind::TimedOut),
            (Fault::Drop(2), Kind::TimedOut),
            (Fault::Fail(3), Kind::Refused),
            (Fault::Garbage(3), Kind::Garbled),
            (Fault::Silence(3), Kind::TimedOut),
            (Fault::Drop(3), Kind::TimedOut),
            (Fault::UnplugCommand(3), Kind::Gone),
            (Fault::UnplugAnswer(3), Kind::Gone),
            (Fault::UnplugByte(5000), Kind::Gone),
        ] {
            let mut bench = Bench::new(framing, StubMode::Bootloader, |options| options.faults.push(fault));
            let error = bench.flash("boot", &pattern(9000)).expect_err("no image was written");
            assert_eq!(error.kind(), kind, "{framing:?} {fault}: {error}: {:?}", error.causes());
            assert!(error.to_string().contains("partition boot_a"), "{error}");
            let all = format!("{error} {:?}", error.causes());
            assert!(all.len() < 2000 && !all.contains('\u{1b}'), "{all}");
            // The same again goes through, on whatever it left.
            bench.flash("boot", &pattern(9000)).unwrap_or_else(|error| panic!("{fault}: {error}"));
            assert_eq!(bench.held("boot_a")[..9000], pattern(9000));
        }
    }
}

#[test]
fn five_kilobytes_of_refusal_are_shown_in_part() {
    let mut bench = Bench::bootloader(|options| options.faults.push(Fault::LongFail(2)));
    let error = bench.flash("boot", &pattern(10)).unwrap_err();
    let cause = error.causes().join(" ");
    assert!(cause.contains("!!!!") && cause.contains("bytes more)") && cause.len() < 600, "{cause}");
}

#[test]
fn a_unit_that_says_nothing_of_itself_is_no_unit() {
    for (fault, kind) in [(Fault::Silence(1), Kind::TimedOut), (Fault::Garbage(1), Kind::Garbled)] {
        let mut bench = Bench::bootloader(|options| options.faults.push(fault));
        assert_eq!(bench.open().err().expect("it says nothing").kind(), kind);
    }
    // One that knows no `all` is asked one by one.
    let mut bench = Bench::bootloader(|options| options.faults.push(Fault::Fail(1)));
    let driver = bench.good();
    assert_eq!(driver.unit().model.as_ref().unwrap().untrusted(), "kiosk");
    assert_eq!(driver.unit().mode, Mode::Bootloader);
}

#[test]
fn cut_at_every_packet_it_is_gone_and_the_same_again_goes_through() {
    let image = pattern(300_000);
    for framing in FRAMINGS {
        let whole = {
            let mut bench = Bench::new(framing, StubMode::Bootloader, |options| options.max_download = 128 << 10);
            bench.flash("boot", &image).unwrap();
            bench.phone.lock().unwrap().packets
        };
        assert!(whole > asked(&mut Bench::new(framing, StubMode::Bootloader, |_| {})) + 10);
        for cut in 1..=whole {
            let mut bench = Bench::new(framing, StubMode::Bootloader, |options| options.max_download = 128 << 10);
            bench.phone.lock().unwrap().cut_at = Some(cut);
            let error = bench.flash("boot", &image).expect_err("it was cut");
            assert_eq!(error.kind(), Kind::Gone, "{framing:?} {cut}: {error}");
            bench.phone.lock().unwrap().cut_at = None;
            bench.flash("boot", &image).unwrap_or_else(|error| panic!("{framing:?} {cut}: {error}"));
            assert_eq!(bench.held("boot_a")[..image.len()], image, "{framing:?} {cut}");
        }
    }
}

#[test]
fn a_locked_bootloader_says_what_to_do() {
    let mut bench = Bench::bootloader(|options| options.unlocked = false);
    let error = bench.flash("boot", &pattern(10)).unwrap_err();
    assert_eq!(error.kind(), Kind::Refused);
    assert!(error.remedy().unwrap().contains("unlock"), "{:?}", error.remedy());
    assert!(bench.held("boot_a").iter().all(|byte| *byte == 0));
}

#[test]
fn it_stops_between_two_pieces_when_asked_and_at_once_when_urged() {
    for times in [1, 2] {
        let mut bench = Bench::bootloader(|options| options.max_download = 1 << 20);
        bench.cancel = Cancel::default();
        let mut driver = bench.good();
        (0..times).for_each(|_| bench.cancel.ask());
        let image = pattern(3 << 20);
        let error = bench.with(|op| driver.firmware().unwrap().upload("boot", &image, op)).unwrap_err();
        assert_eq!(error.kind(), Kind::Cancelled);
    }
}

#[test]
fn a_byte_that_lies_is_not_seen_here_which_is_why_the_level_is_link() {
    let mut bench = Bench::bootloader(|options| options.faults.push(Fault::FlipByte(100)));
    bench.flash("boot", &pattern(9000)).unwrap();
    assert_ne!(bench.held("boot_a")[..9000], pattern(9000));
}
