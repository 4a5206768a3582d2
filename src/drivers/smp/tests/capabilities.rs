use std::time::Duration;

use super::bench::{Bench, Verdict, bytes, command, image};
use crate::device::{Activate, Cancel, Capability, Driver, Level, Mode, Op};
use crate::digest::{Algorithm, Digest};
use crate::error::Kind;
use crate::link::fault::{At, Direction, Fault, Harm};

#[test]
fn a_unit_says_who_it_is_and_what_it_can_do() {
    let bench = Bench::new();
    let driver = bench.open();
    let unit = driver.unit();
    assert_eq!(unit.mode, Mode::Application);
    assert_eq!(unit.serial.as_ref().unwrap().untrusted(), "TH-0421");
    assert_eq!(unit.hwid.as_deref(), Some("54482d30343231"));
    assert_eq!(unit.model.as_ref().unwrap().untrusted(), "thermostat");
    assert_eq!(unit.hardware.as_ref().unwrap().untrusted(), "B");
    assert_eq!(unit.levels(Capability::Settings), [Level::Link, Level::Readback]);
    assert_eq!(unit.levels(Capability::Files), [Level::Link, Level::Digest, Level::Readback]);
    assert_eq!(unit.levels(Capability::Firmware), [Level::Link, Level::Booted]);
    for capability in [Capability::Diagnostics, Capability::Backup, Capability::Console, Capability::Power] {
        assert!(unit.can(capability), "{capability}");
    }
    assert_eq!((unit.limits["buf_size"], unit.limits["buf_count"], unit.limits["message"]), (384, 4, 380));
    assert!(unit.firmware[0].is("active") && unit.firmware[0].slot == "primary");
}

#[test]
fn being_asked_changes_nothing() {
    let bench = Bench::new();
    let before = bench.open().unit().firmware.clone();
    let state = |name: &str| std::fs::read(bench.state.path().join(name)).ok();
    let settings = state("settings.json");
    let again = bench.open();
    assert_eq!(again.unit().firmware, before);
    assert_eq!(state("settings.json"), settings);
}

#[test]
fn a_unit_without_enumeration_is_asked_group_by_group() {
    let bench = Bench::new();
    bench.filter(|message| match command(message) {
        (10, _) => Verdict::Answer(refusal(message, 8)),
        _ => Verdict::Pass,
    });
    let unit = bench.open();
    for capability in [Capability::Settings, Capability::Files, Capability::Firmware, Capability::Console] {
        assert!(unit.unit().can(capability), "{capability}");
    }
}

#[test]
fn what_a_build_lacks_is_not_promised() {
    let bench = Bench::new();
    bench.filter(|message| match command(message) {
        // No digest, no image state to set, no settings to read, no parameters.
        (8, 2) | (3, 0) | (0, 6) => Verdict::Answer(refusal(message, 8)),
        (1, 0) if message[0] & 7 == 2 => Verdict::Answer(refusal(message, 8)),
        _ => Verdict::Pass,
    });
    let mut driver = bench.open();
    assert_eq!(driver.unit().levels(Capability::Files), [Level::Link, Level::Readback]);
    assert_eq!(driver.unit().levels(Capability::Settings), [Level::Link]);
    assert_eq!(driver.unit().levels(Capability::Firmware), [Level::Link]);
    assert_eq!(driver.unit().limits["window"], 1);
    assert_eq!(driver.firmware().unwrap().activations(), [Activate::None]);
    assert!(driver.files().unwrap().algorithms().is_empty());
}

fn refusal(message: &[u8], code: i64) -> Vec<u8> {
    use protocols::smp::Header;
    use protocols::smp::message::{Refusal, encode_refusal};
    encode_refusal(&Refusal::common(code), &Header::parse(message).unwrap()).unwrap()
}

#[test]
fn a_file_is_written_hashed_and_read_back() {
    let bench = Bench::new();
    let mut driver = bench.open();
    let content = bytes(5000);
    let files = driver.files().unwrap();
    bench.op(|op| {
        assert_eq!(files.stat("/lfs1/a", op).unwrap(), None);
        assert_eq!(files.digest("/lfs1/a", Algorithm::Sha256, None, op).unwrap(), None);
        assert_eq!(files.read("/lfs1/a", &mut Vec::new(), op).unwrap(), None);
        let written = files.write("/lfs1/a", &content, op).unwrap();
        assert_eq!((written.sent, written.resumed_at), (5000, 0));
        assert_eq!(files.stat("/lfs1/a", op).unwrap().unwrap().len, 5000);
        let digest = |files: &mut dyn crate::device::Files, algorithm, range, op: &mut _| {
            files.digest("/lfs1/a", algorithm, range, op).unwrap().unwrap()
        };
        assert_eq!(digest(files, Algorithm::Sha256, None, op), Digest::sha256(&content));
        assert_eq!(digest(files, Algorithm::Crc32, None, op), Digest::crc32(&content));
        assert_eq!(digest(files, Algorithm::Sha256, Some(100..300), op), Digest::sha256(&content[100..300]));
        let mut read = Vec::new();
        assert_eq!(files.read("/lfs1/a", &mut read, op).unwrap(), Some(5000));
        assert_eq!(read, content);
    });
}

#[test]
fn a_shorter_file_replaces_a_longer_one() {
    let bench = Bench::new();
    let mut driver = bench.open();
    let files = driver.files().unwrap();
    bench.op(|op| {
        files.write("/lfs1/a", &bytes(3000), op).unwrap();
        files.write("/lfs1/a", &vec![1; 10], op).unwrap();
        let mut read = Vec::new();
        files.read("/lfs1/a", &mut read, op).unwrap();
        assert_eq!(read, [1; 10]);
    });
}

#[test]
fn a_file_goes_on_where_it_was_cut_off_and_only_if_it_is_the_same() {
    let bench = Bench::new();
    let content = bytes(20_000);
    let mut driver = bench.open();
    let files = driver.files().unwrap();
    bench.op(|op| {
        files.write("/lfs1/a", &content[..8000].to_vec(), op).unwrap();
        let written = files.write("/lfs1/a", &content, op).unwrap();
        assert_eq!((written.resumed_at, written.sent), (8000, 12_000));
        let whole = files.digest("/lfs1/a", Algorithm::Sha256, None, op).unwrap();
        assert_eq!(whole, Some(Digest::sha256(&content)));

        files.write("/lfs1/b", &vec![9; 8000], op).unwrap();
        let written = files.write("/lfs1/b", &content, op).unwrap();
        assert_eq!((written.resumed_at, written.sent), (0, 20_000));
        let whole = files.digest("/lfs1/b", Algorithm::Sha256, None, op).unwrap();
        assert_eq!(whole, Some(Digest::sha256(&content)));
    });
}

#[test]
fn a_file_that_cannot_be_gone_on_with_is_written_anew() {
    use protocols::smp::message::{Message, Refusal, codes, encode_refusal, fs};
    let bench = Bench::new();
    let content = bytes(8000);
    let mut driver = bench.open();
    let files = driver.files().unwrap();
    bench.op(|op| files.write("/lfs1/a", &content[..4000].to_vec(), op)).unwrap();
    // As littlefs on Zephyr's native server: going on takes a block that is not there.
    let mut began = false;
    bench.filter(move |message| match command(message) {
        (8, 0) if message[0] & 7 == 2 => {
            let parsed = Message::parse(message).unwrap();
            began |= parsed.request::<fs::Upload>().unwrap().off == 0;
            let full = Refusal::group(protocols::smp::Group::FS, codes::fs::WRITE_FAILED);
            if began { Verdict::Pass } else { Verdict::Answer(encode_refusal(&full, &parsed.header).unwrap()) }
        }
        _ => Verdict::Pass,
    });
    bench.op(|op| {
        assert_eq!(files.write("/lfs1/a", &content, op).unwrap().resumed_at, 0);
        let whole = files.digest("/lfs1/a", Algorithm::Sha256, None, op).unwrap();
        assert_eq!(whole, Some(Digest::sha256(&content)));
    });
}

#[test]
fn an_empty_file_can_be_made_and_is_not_made_of_a_full_one() {
    let bench = Bench::new();
    let mut driver = bench.open();
    let files = driver.files().unwrap();
    bench.op(|op| {
        files.write("/lfs1/empty", &Vec::new(), op).unwrap();
        assert_eq!(files.stat("/lfs1/empty", op).unwrap().unwrap().len, 0);
        let digest = files.digest("/lfs1/empty", Algorithm::Sha256, None, op).unwrap();
        assert_eq!(digest, Some(Digest::sha256(&[])));
        files.write("/lfs1/full", &vec![1], op).unwrap();
        assert_eq!(files.write("/lfs1/full", &Vec::new(), op).unwrap_err().kind(), Kind::Unsupported);
        assert_eq!(files.stat("/lfs1/full", op).unwrap().unwrap().len, 1);
    });
}

#[test]
fn a_path_with_tricks_never_reaches_the_unit() {
    let bench = Bench::new();
    let mut driver = bench.open();
    let before = bench.taken();
    let files = driver.files().unwrap();
    bench.op(|op| {
        for path in ["/lfs1/../secret", "/lfs1/\u{1b}[2J", "relative"] {
            assert_eq!(files.write(path, &bytes(10), op).unwrap_err().kind(), Kind::Invalid);
            assert_eq!(files.read(path, &mut Vec::new(), op).unwrap_err().kind(), Kind::Invalid);
            assert_eq!(files.stat(path, op).unwrap_err().kind(), Kind::Invalid);
            assert_eq!(files.digest(path, Algorithm::Crc32, None, op).unwrap_err().kind(), Kind::Invalid);
        }
    });
    assert_eq!(bench.taken(), before);
}

#[test]
fn a_full_disk_is_refused_in_so_many_words() {
    let bench = Bench::with(|options| options.faults = vec![firmware_stubs::smp::Fault::DiskFull]);
    let mut driver = bench.open();
    let error = bench.op(|op| driver.files().unwrap().write("/lfs1/a", &bytes(100), op)).unwrap_err();
    assert_eq!(error.kind(), Kind::Refused);
    assert!(error.causes().iter().any(|cause| cause.contains("full")), "{:?}", error.causes());
    assert!(error.remedy().is_some());
}

#[test]
fn settings_are_written_read_saved_and_deleted_for_good() {
    let bench = Bench::new();
    let mut driver = bench.open();
    let settings = driver.settings().unwrap();
    bench.op(|op| {
        assert_eq!(settings.read("net/host", op).unwrap(), None);
        settings.write("net/host", b"th.local", op).unwrap();
        settings.write("net/port", &[0x5b, 7], op).unwrap();
        settings.save(op).unwrap();
        assert_eq!(settings.read("net/host", op).unwrap().as_deref(), Some(&b"th.local"[..]));
        settings.delete("net/host", op).unwrap();
        settings.delete("net/none", op).unwrap();
        settings.save(op).unwrap();
    });
    restart(&bench, driver);
    let mut driver = bench.open();
    let settings = driver.settings().unwrap();
    bench.op(|op| {
        assert_eq!(settings.read("net/host", op).unwrap(), None);
        assert_eq!(settings.read("net/port", op).unwrap(), Some(vec![0x5b, 7]));
    });
}

#[test]
fn a_value_that_does_not_fit_is_never_sent() {
    let bench = Bench::new();
    let mut driver = bench.open();
    let before = bench.taken();
    let settings = driver.settings().unwrap();
    let error = bench.op(|op| settings.write("net/blob", &vec![0; 65_536], op)).unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    assert!(error.to_string().contains(&settings.max_value("net/blob").unwrap().to_string()), "{error}");
    assert_eq!(bench.taken(), before);
}

#[test]
fn how_long_a_restart_may_take_goes_by_what_is_to_be_moved() {
    let bench = Bench::new();
    let mut driver = bench.open();
    let idle = bench.op(|op| driver.power().unwrap().restart(Mode::Application, op)).unwrap();
    bench.wait(idle.settle);
    let content = image("2.0.0", 200_000);
    let mut driver = bench.open();
    let firmware = driver.firmware().unwrap();
    let hash = firmware.identify("secondary", &content).unwrap().hash;
    bench.op(|op| {
        firmware.upload("secondary", &content, op).unwrap();
        firmware.activate(&hash, Activate::Test, op).unwrap();
    });
    let moving = bench.op(|op| driver.power().unwrap().restart(Mode::Application, op)).unwrap();
    assert!(moving.within > idle.within && idle.within >= Duration::from_secs(10));
}

/// Tells the unit to restart and waits until it has.
fn restart(bench: &Bench, mut driver: Box<dyn Driver>) {
    let departure = bench.op(|op| driver.power().unwrap().restart(Mode::Application, op)).unwrap();
    assert!(departure.to.contains(&Mode::Application));
    drop(driver);
    bench.wait(departure.settle);
}

#[test]
fn an_image_is_uploaded_tested_run_and_confirmed() {
    let bench = Bench::new();
    let content = image("1.2.3+4", 9000);
    let mut driver = bench.open();
    let firmware = driver.firmware().unwrap();
    let identity = firmware.identify("secondary", &content).unwrap();
    assert_eq!(identity.version, "1.2.3.4");
    assert_eq!(firmware.writable(), ["secondary"]);
    bench.op(|op| {
        let upload = firmware.upload("secondary", &content, op).unwrap();
        assert_eq!(upload.written.sent, content.len() as u64);
        let slots = firmware.slots(op).unwrap();
        assert!(slots.iter().any(|s| s.slot == "secondary" && s.hash.as_ref() == Some(&identity.hash)));
        firmware.activate(&identity.hash, Activate::Test, op).unwrap();
    });
    restart(&bench, driver);
    let mut driver = bench.open();
    let active = |driver: &dyn Driver| driver.unit().firmware.iter().find(|s| s.is("active")).cloned().unwrap();
    assert_eq!(active(&*driver).hash.as_ref(), Some(&identity.hash));
    assert!(!active(&*driver).is("confirmed"));
    bench.op(|op| driver.firmware().unwrap().activate(&identity.hash, Activate::Confirm, op)).unwrap();
    assert!(active(&*driver).is("confirmed"));
}

#[test]
fn what_is_no_image_and_where_none_goes_is_refused_first() {
    let bench = Bench::with(|options| options.limits.slot_size = 16 * 1024);
    let mut driver = bench.open();
    let before = bench.taken();
    let firmware = driver.firmware().unwrap();
    let good = image("2.0.0", 1000);
    let mut corrupt = good.clone();
    corrupt[600] ^= 1;
    for file in [Vec::new(), bytes(500), corrupt, good[..good.len() - 40].to_vec()] {
        assert_eq!(firmware.identify("secondary", &file).unwrap_err().kind(), Kind::Invalid);
    }
    bench.op(|op| {
        assert_eq!(firmware.upload("primary", &good, op).unwrap_err().kind(), Kind::Unsupported);
        assert_eq!(firmware.activate("zz", Activate::Test, op).unwrap_err().kind(), Kind::Invalid);
    });
    assert_eq!((firmware.room("secondary"), firmware.room("primary")), (Some(12 * 1024), None));
    assert_eq!(bench.taken(), before);
}

#[test]
fn measurements_carry_names_and_units() {
    let bench = Bench::new();
    let mut driver = bench.open();
    let found = bench.op(|op| driver.diagnostics().unwrap().measure(op)).unwrap();
    let value = |name: &str| found.measurements.iter().find(|m| m.name == name).map(|m| m.value);
    assert_eq!(value("supply/mv"), Some(3300));
    assert!(value("task/main/stack-used").is_some());
    assert_eq!(found.facts["os/platform"].untrusted(), "thermostat@B");
}

#[test]
fn one_group_with_an_absurd_name_does_not_cost_the_others() {
    use protocols::smp::message::statistics::{List, ListReply};
    use protocols::smp::message::{Message, Request, encode_reply};
    let bench = Bench::new();
    let mut driver = bench.open();
    bench.filter(|message| {
        let header = Message::parse(message).unwrap().header;
        if !List::is(&header) {
            return Verdict::Pass;
        }
        let reply = ListReply { names: vec!["x".repeat(50_000).into(), "supply".into()] };
        Verdict::Answer(encode_reply::<List>(&reply, &header).unwrap())
    });
    let found = bench.op(|op| driver.diagnostics().unwrap().measure(op)).unwrap();
    assert!(found.measurements.iter().any(|measurement| measurement.name == "supply/mv"));
    assert!(
        found.missing.iter().any(|(name, why)| name.len() <= 64 && why.contains("too long")),
        "{:?}",
        found.missing
    );
}

#[test]
fn many_groups_that_never_answer_do_not_keep_a_diagnosis_for_ever() {
    use protocols::smp::message::statistics::{Data, List, ListReply};
    use protocols::smp::message::{Message, Request, encode_reply};
    let bench = Bench::new();
    let mut driver = bench.open();
    bench.filter(|message| {
        let header = Message::parse(message).unwrap().header;
        if Data::is(&header) {
            return Verdict::Lose;
        }
        if !List::is(&header) {
            return Verdict::Pass;
        }
        let reply = ListReply { names: (0..200).map(|n| format!("group{n}").into()).collect() };
        Verdict::Answer(encode_reply::<List>(&reply, &header).unwrap())
    });
    let start = bench.clock.now();
    let (cancel, mut quiet) = (Cancel::default(), |_| {});
    let mut op = Op::new(&*bench.clock, &cancel, &mut quiet);
    let found = driver.diagnostics().unwrap().measure(&mut op).unwrap();
    let took = bench.clock.now().saturating_since(start);
    assert!(took < Duration::from_secs(90), "{took:?}");
    assert!(found.missing["group0"].contains("no reply"), "{:?}", found.missing["group0"]);
    assert!(found.missing["group199"].contains("not asked"), "{:?}", found.missing["group199"]);
}

#[test]
fn the_shell_answers_and_its_failure_is_a_status() {
    let bench = Bench::new();
    let mut driver = bench.open();
    let console = driver.console().unwrap();
    bench.op(|op| {
        let reply = console.run("kernel version", op).unwrap();
        assert_eq!((reply.output.untrusted(), reply.status), ("Zephyr version 4.4.0", 0));
        assert_ne!(console.run("no such thing", op).unwrap().status, 0);
        assert_eq!(console.run("a\nb", op).unwrap_err().kind(), Kind::Invalid);
        assert_eq!(console.run(" ", op).unwrap_err().kind(), Kind::Invalid);
    });
}

#[test]
fn a_unit_that_loses_long_messages_gets_short_ones() {
    let bench = Bench::new();
    let mut driver = bench.open();
    bench.filter(|message| if message.len() > 190 { Verdict::Lose } else { Verdict::Pass });
    let content = bytes(4000);
    bench.op(|op| {
        driver.files().unwrap().write("/lfs1/a", &content, op).unwrap();
        let digest = driver.files().unwrap().digest("/lfs1/a", Algorithm::Sha256, None, op).unwrap();
        assert_eq!(digest, Some(Digest::sha256(&content)));
    });
}

#[test]
fn a_unit_out_of_buffers_gets_fewer_requests_at_once() {
    let bench = Bench::new();
    let mut driver = bench.open();
    let content = bytes(20_000);
    // As Zephyr's own server: with all buffers taken by requests, there is none for an answer.
    let mut taken = (0, 0);
    let clock = bench.clock.clone();
    bench.filter(move |message| {
        let now = clock.now();
        taken = if taken.0 == now.since_start().as_micros() {
            (taken.0, taken.1 + 1)
        } else {
            (now.since_start().as_micros(), 1)
        };
        if command(message) == (8, 0) && taken.1 > 2 { Verdict::Answer(refusal(message, 2)) } else { Verdict::Pass }
    });
    bench.op(|op| {
        driver.files().unwrap().write("/lfs1/a", &content, op).unwrap();
        let digest = driver.files().unwrap().digest("/lfs1/a", Algorithm::Sha256, None, op).unwrap();
        assert_eq!(digest, Some(Digest::sha256(&content)));
    });
}

#[test]
fn lost_and_damaged_answers_are_asked_for_again() {
    use firmware_stubs::smp::Fault::{Corrupt, Drop};
    for at in 1..40 {
        let bench = Bench::with(|options| options.faults = vec![Drop(at), Corrupt(at + 3)]);
        let mut driver = bench.open();
        let content = bytes(3000);
        let digest = bench.op(|op| {
            driver.files().unwrap().write("/lfs1/a", &content, op).unwrap();
            driver.files().unwrap().digest("/lfs1/a", Algorithm::Sha256, None, op).unwrap()
        });
        assert_eq!(digest, Some(Digest::sha256(&content)), "fault at {at}");
        assert_eq!(driver.unit().serial.as_ref().unwrap().untrusted(), "TH-0421", "fault at {at}");
    }
}

#[test]
fn noise_between_frames_disturbs_nothing() {
    let bench = Bench::new();
    bench.unit.lock().unwrap().noise = b"[00:00:01.000] <inf> app: \x1b[32mhello\x1b[0m\r\nuart:~$ ".to_vec();
    let mut driver = bench.open();
    let content = bytes(3000);
    bench.op(|op| {
        driver.files().unwrap().write("/lfs1/a", &content, op).unwrap();
        let mut read = Vec::new();
        driver.files().unwrap().read("/lfs1/a", &mut read, op).unwrap();
        assert_eq!(read, content);
    });
}

#[test]
fn a_retry_is_counted() {
    let bench = Bench::new();
    let lost = Fault { direction: Direction::Out, at: At::Chunk(3), harm: Harm::Drop };
    let link = crate::link::fault::wrap(bench.link(), &[lost], &bench.clock);
    let retries = bench.op(|op| {
        use crate::drivers::{Opening, Protocol as _};
        crate::drivers::smp::Smp.open(link.into(), Opening::unknown(&[].into()), op).map(|_| op.retries)
    });
    assert_eq!(retries.unwrap(), 1);
    assert!(bench.clock.now().since_start() >= Duration::from_secs(1));
}
