use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::*;
use protocols::time::Moment;

use super::bench::{Bench, bytes, image};
use crate::clock::{Clock, ManualClock};
use crate::device::{Cancel, Driver, Op, Progress};
use crate::drivers::smp::Smp;
use crate::drivers::{Opening, Options, Protocol};
use crate::error::{Kind, Result};
use crate::link::fault::{At, Direction, Fault, Harm};
use crate::link::memory;

/// Opens whatever answers with what `answer` makes of every chunk that comes.
fn open_script(
    answer: impl FnMut(Moment, &[u8]) -> Vec<u8> + Send + 'static,
    deadline: Option<Duration>,
) -> (Result<Box<dyn Driver>>, Duration) {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new());
    let device = Arc::new(Mutex::new((answer, Vec::new())));
    let cancel = Cancel::default();
    let mut quiet = |_: Progress| {};
    let mut op = Op::new(&*clock, &cancel, &mut quiet);
    op.deadline = deadline.map(|deadline| clock.now() + deadline);
    let opened = Smp.open(memory::served(&device, &clock).into(), Opening::unknown(&Options::new()), &mut op);
    (opened, clock.now().since_start())
}

#[test]
fn silence_ends_in_time_and_says_what_to_do() {
    let (opened, took) = open_script(|_, _| Vec::new(), None);
    let error = opened.err().unwrap();
    assert_eq!(error.kind(), Kind::TimedOut);
    assert!(error.remedy().unwrap().contains("baud"));
    assert!(error.causes()[0].contains("no reply"), "{:?}", error.causes());
    assert!(took < Duration::from_secs(8), "{took:?}");
    let (opened, took) = open_script(|_, _| Vec::new(), Some(Duration::from_secs(1)));
    assert_eq!(opened.err().unwrap().kind(), Kind::TimedOut);
    assert!(took <= Duration::from_millis(1001), "{took:?}");
}

#[test]
fn an_endless_talker_is_not_waited_for_for_ever() {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new());
    struct Talker;
    impl memory::Peer for Talker {
        fn take(&mut self, _: Moment, _: &[u8]) -> Result<()> {
            Ok(())
        }
        fn give(&mut self, _: Moment) -> Result<Vec<u8>> {
            Ok(b"booting ".to_vec())
        }
    }
    let talker = Arc::new(Mutex::new(Talker));
    let cancel = Cancel::default();
    let mut quiet = |_: Progress| {};
    let mut op = Op::new(&*clock, &cancel, &mut quiet);
    // Time passes while it talks.
    let late = Fault { direction: Direction::In, at: At::Chunk(1), harm: Harm::Delay(Duration::from_secs(1)) };
    let faults: Vec<_> = (1..100_000).map(|nth| Fault { at: At::Chunk(nth), ..late }).take(200).collect();
    let link = crate::link::fault::wrap(memory::served(&talker, &clock), &faults, &clock);
    op.deadline = Some(clock.now() + Duration::from_secs(30));
    let error = Smp.open(link.into(), Opening::unknown(&Options::new()), &mut op).err().unwrap();
    assert!(matches!(error.kind(), Kind::TimedOut | Kind::Garbled), "{error}");
}

#[test]
fn an_echo_of_our_own_bytes_is_no_unit() {
    let (opened, _) = open_script(|_, bytes| bytes.to_vec(), None);
    assert!(matches!(opened.err().unwrap().kind(), Kind::TimedOut | Kind::Garbled));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn garbage_ends_in_an_error_in_time(garbage in prop::collection::vec(any::<u8>(), 0..300)) {
        let (opened, took) = open_script(move |_, _| garbage.clone(), Some(Duration::from_secs(30)));
        prop_assert!(opened.is_err());
        prop_assert!(took <= Duration::from_secs(31));
    }
}

type Doing = fn(&mut dyn Driver, &mut Op<'_>) -> Result<()>;

/// One thing that each capability does, long enough to be cut.
fn doings() -> Vec<(&'static str, Doing)> {
    vec![
        ("files", |driver, op| driver.files().unwrap().write("/lfs1/a", &bytes(6000), op).map(drop)),
        ("digest", |driver, op| {
            driver.files().unwrap().digest("/lfs1/a", crate::digest::Algorithm::Sha256, None, op).map(drop)
        }),
        ("read", |driver, op| driver.files().unwrap().read("/lfs1/a", &mut Vec::new(), op).map(drop)),
        ("settings", |driver, op| {
            let settings = driver.settings().unwrap();
            settings.write("net/host", b"x", op)?;
            settings.save(op)?;
            settings.read("net/host", op).map(drop)
        }),
        ("firmware", |driver, op| driver.firmware().unwrap().upload("secondary", &image("2.0.0", 6000), op).map(drop)),
        ("slots", |driver, op| driver.firmware().unwrap().slots(op).map(drop)),
        ("erase", |driver, op| driver.firmware().unwrap().erase("secondary", op)),
        ("diagnostics", |driver, op| driver.diagnostics().unwrap().measure(op).map(drop)),
        ("console", |driver, op| driver.console().unwrap().run("kernel version", op).map(drop)),
    ]
}

#[test]
fn a_link_that_vanishes_is_gone_in_every_capability() {
    for (name, doing) in doings() {
        let bench = Bench::new();
        // The unit leaves with the next bytes, whichever way they go.
        for direction in [Direction::In, Direction::Out] {
            let mut whole = bench.open();
            bench.op(|op| whole.files().unwrap().write("/lfs1/a", &bytes(6000), op)).unwrap();
            drop(whole);
            let at = questions_of_opening(&bench) + 1;
            let cut = Fault { direction, at: At::Chunk(at), harm: Harm::Cut };
            let mut driver = bench.disturbed(&[cut]).unwrap();
            let error = bench.op(|op| doing(&mut *driver, op)).unwrap_err();
            assert_eq!(error.kind(), Kind::Gone, "{name} {direction:?}: {error} {:?}", error.causes());
        }
    }
}

/// How many questions opening takes: each is one chunk, and so is each answer.
fn questions_of_opening(bench: &Bench) -> u64 {
    let before = bench.taken();
    drop(bench.open());
    bench.taken() - before
}

#[test]
fn a_unit_that_vanishes_while_it_is_asked_is_gone() {
    let bench = Bench::new();
    for at in 1..=questions_of_opening(&bench) {
        let cut = Fault { direction: Direction::Out, at: At::Chunk(at), harm: Harm::Cut };
        assert_eq!(bench.disturbed(&[cut]).err().unwrap().kind(), Kind::Gone, "chunk {at}");
    }
}

#[test]
fn a_restart_whose_answer_never_came_is_a_restart() {
    let bench = Bench::new();
    let at = questions_of_opening(&bench) + 1;
    let cut = Fault { direction: Direction::In, at: At::Chunk(at), harm: Harm::Cut };
    let mut driver = bench.disturbed(&[cut]).unwrap();
    let departure = bench.op(|op| driver.power().unwrap().restart(crate::device::Mode::Application, op));
    assert!(departure.is_ok());
    // What never got there is no restart.
    let cut = Fault { direction: Direction::Out, at: At::Chunk(at), harm: Harm::Cut };
    let mut driver = bench.disturbed(&[cut]).unwrap();
    let departure = bench.op(|op| driver.power().unwrap().restart(crate::device::Mode::Application, op));
    assert_eq!(departure.unwrap_err().kind(), Kind::Gone);
}

#[test]
fn a_stop_is_heard_between_pieces_and_leaves_a_unit_that_answers() {
    let bench = Bench::new();
    let mut driver = bench.open();
    let cancel = bench.cancel.clone();
    let mut seen = 0;
    let mut progress = |at: Progress| {
        seen = at.bytes;
        if at.bytes > 2000 {
            cancel.ask();
        }
    };
    let mut op = Op::new(&*bench.clock, &bench.cancel, &mut progress);
    let error = driver.files().unwrap().write("/lfs1/a", &bytes(50_000), &mut op).unwrap_err();
    assert_eq!(error.kind(), Kind::Cancelled);
    assert!((2000..10_000).contains(&seen), "{seen}");
    let fresh = Cancel::default();
    let mut quiet = |_: Progress| {};
    let mut op = Op::new(&*bench.clock, &fresh, &mut quiet);
    let content = bytes(3000);
    driver.files().unwrap().write("/lfs1/b", &content, &mut op).unwrap();
    let mut read = Vec::new();
    driver.files().unwrap().read("/lfs1/b", &mut read, &mut op).unwrap();
    assert_eq!(read, content);
}

#[test]
fn a_second_request_to_stop_does_not_wait_for_an_answer() {
    let bench = Bench::new();
    let mut driver = bench.open();
    bench.filter(|_| super::bench::Verdict::Lose);
    bench.cancel.ask();
    bench.cancel.ask();
    let start = bench.clock.now();
    let error = bench.op(|op| driver.console().unwrap().run("kernel version", op)).unwrap_err();
    assert_eq!(error.kind(), Kind::Cancelled);
    assert!(bench.clock.now().saturating_since(start) < Duration::from_secs(1));
}

#[test]
fn no_answer_names_the_command_its_tries_and_its_time() {
    let bench = Bench::new();
    let mut driver = bench.open();
    bench.filter(|_| super::bench::Verdict::Lose);
    let error = bench.op(|op| driver.settings().unwrap().read("net/host", op)).unwrap_err();
    assert_eq!(error.kind(), Kind::TimedOut);
    let text = error.to_string();
    assert!(text.contains("read setting") && text.contains("sequence") && text.contains("3 tries"), "{text}");
}

#[test]
fn a_unit_that_fell_silent_is_not_asked_everything_else() {
    let bench = Bench::new();
    let mut driver = bench.open();
    bench.filter(|message| match super::bench::command(message) {
        (0, 2) => super::bench::Verdict::Lose,
        _ => super::bench::Verdict::Pass,
    });
    let found = bench.op(|op| driver.diagnostics().unwrap().measure(op)).unwrap();
    assert!(found.missing["tasks"].contains("no reply"), "{:?}", found.missing);
    assert!(found.measurements.iter().any(|measurement| measurement.name == "supply/mv"));
    bench.filter(|_| super::bench::Verdict::Lose);
    let start = bench.clock.now();
    assert_eq!(bench.op(|op| driver.diagnostics().unwrap().measure(op)).unwrap_err().kind(), Kind::TimedOut);
    assert!(bench.clock.now().saturating_since(start) < Duration::from_secs(15));
}

#[test]
fn what_an_earlier_session_left_in_the_line_is_no_answer() {
    let bench = Bench::new();
    let stale = [0x09, 0, 0, 2, 0, 0, 1, 6, 0xbf, 0xff];
    for half in [0, 5] {
        let mut frame = super::bench::Unit::frame(&stale);
        frame.truncate(frame.len() - half);
        let mut link = bench.link();
        let (mut near, far) = memory::pair();
        near.sender.send(&frame, Duration::ZERO).unwrap();
        link.receiver = Box::new(After { first: far.receiver, then: link.receiver });
        let driver = bench.try_open(link, &[]).unwrap();
        assert_eq!(driver.unit().serial.as_ref().unwrap().untrusted(), "TH-0421");
    }
}

/// What one receiver holds, then what the other brings.
struct After {
    first: Box<dyn crate::link::Receiver>,
    then: Box<dyn crate::link::Receiver>,
}

impl crate::link::Receiver for After {
    fn receive(&mut self, buf: &mut [u8], within: Duration) -> Result<usize> {
        match self.first.receive(buf, Duration::ZERO) {
            Ok(count) if count > 0 => Ok(count),
            _ => self.then.receive(buf, within),
        }
    }
}

#[test]
fn an_option_that_nobody_knows_is_invalid() {
    let bench = Bench::new();
    assert_eq!(bench.try_open(bench.link(), &[("windows", "1")]).err().unwrap().kind(), Kind::Invalid);
    let driver = bench.try_open(bench.link(), &[("window", "2"), ("buf", "128")]).unwrap();
    assert_eq!((driver.unit().limits["window"], driver.unit().limits["message"]), (2, 124));
}
