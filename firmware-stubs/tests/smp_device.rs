//! The SMP stand-in without its line: what it answers, what survives a power cut, and what its faults do.
//!
//! Requests are made, and answers read, with the station's codec; the device side has its own. So a mistake in one
//! of them shows.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use firmware_stubs::smp::{Device, Durability, Effect, Fault, Mode, Options, Recovery, Reply, Stop};
use protocols::mcuboot::{ImageBuilder, Version as ImageVersion};
use protocols::smp::message::{Bytes, Message, ReplyError, Request, encode_request};
use protocols::smp::message::{enumeration, fs, image, os, settings, shell, statistics};
use protocols::smp::{Group, Version};
use sha2::{Digest as _, Sha256};
use std::time::Duration;
use tempfile::TempDir;

/// A device on a folder of its own, and time that is moved by hand.
struct Unit {
    folder: TempDir,
    device: Option<Device>,
    now: Duration,
    seq: u8,
}

/// What a request comes to, seen from the client.
#[derive(Debug, PartialEq)]
enum Answer<T> {
    Good(T),
    /// Group of the error, none for the framework's own, and its code.
    Refused(Option<Group>, i64),
    Silence,
    PowerLost,
}

impl<T: std::fmt::Debug> Answer<T> {
    fn good(self) -> T {
        match self {
            Answer::Good(reply) => reply,
            other => panic!("no good answer: {other:?}"),
        }
    }
}

impl Unit {
    fn new(change: impl FnOnce(&mut Options)) -> Self {
        let mut unit = Self { folder: TempDir::new().unwrap(), device: None, now: Duration::ZERO, seq: 0 };
        unit.power_on(change);
        unit
    }

    fn healthy() -> Self {
        Self::new(|_| {})
    }

    fn with(faults: &[Fault]) -> Self {
        Self::new(|options| options.faults = faults.to_vec())
    }

    /// Take the power away, if it is there, and give it back.
    fn power_on(&mut self, change: impl FnOnce(&mut Options)) {
        self.device = None;
        let mut options = Options::new(self.folder.path().join("state"));
        change(&mut options);
        self.device = Some(Device::open(options).unwrap());
    }

    fn device(&mut self) -> &mut Device {
        self.device.as_mut().expect("the device has power")
    }

    fn reset(&mut self) {
        let now = self.now;
        self.device().reset(now).unwrap();
    }

    fn raw(&mut self, message: &[u8]) -> Result<Reply, Stop> {
        self.now += Duration::from_millis(1);
        let now = self.now;
        let outcome = self.device().handle(message, now);
        if matches!(outcome, Err(Stop::PowerLost)) {
            self.device = None;
        }
        outcome
    }

    fn ask<R: Request>(&mut self, request: &R) -> Answer<R::Reply> {
        self.ask_in(Version::V2, request)
    }

    fn ask_in<R: Request>(&mut self, version: Version, request: &R) -> Answer<R::Reply> {
        self.seq = self.seq.wrapping_add(1);
        let message = encode_request(request, version, self.seq).unwrap();
        let reply = match self.raw(&message) {
            Ok(reply) => reply,
            Err(Stop::PowerLost) => return Answer::PowerLost,
            Err(Stop::Broken(error)) => panic!("{error}"),
        };
        let Some(answer) = reply.answer else { return Answer::Silence };
        let (asked, answer) = (Message::parse(&message).unwrap(), Message::parse(&answer).unwrap());
        assert!(answer.answers(&asked.header));
        match answer.reply::<R>() {
            Ok(reply) => Answer::Good(reply),
            Err(ReplyError::Refused(refusal)) => {
                let groups = [Group::OS, Group::IMAGE, Group::STATISTICS, Group::SETTINGS, Group::FS, Group::SHELL];
                let group = groups.into_iter().find(|group| refusal.is(*group, refusal.code));
                Answer::Refused(group, refusal.code)
            }
            Err(ReplyError::Malformed(error)) => panic!("malformed: {error}"),
        }
    }

    fn put_chunk(&mut self, name: &str, content: &[u8], from: usize, chunk: usize) -> Answer<fs::UploadReply> {
        let to = content.len().min(from + chunk);
        self.ask(&fs::Upload {
            off: from as u64,
            data: Bytes(content[from..to].to_vec()),
            name: name.to_owned(),
            len: (from == 0).then_some(content.len() as u64),
        })
    }

    /// Send a file from `from` on, until the end or something else than a good answer.
    fn put(&mut self, name: &str, content: &[u8], from: usize, chunk: usize) -> Answer<fs::UploadReply> {
        let mut off = from;
        loop {
            match self.put_chunk(name, content, off, chunk) {
                Answer::Good(reply) if reply.off < content.len() as u64 => off = reply.off as usize,
                other => return other,
            }
        }
    }

    fn len(&mut self, name: &str) -> Answer<u64> {
        match self.ask(&fs::Status { name: name.to_owned() }) {
            Answer::Good(reply) => Answer::Good(reply.len),
            Answer::Refused(group, code) => Answer::Refused(group, code),
            Answer::Silence | Answer::PowerLost => Answer::Silence,
        }
    }

    fn get(&mut self, name: &str) -> Vec<u8> {
        let mut content = Vec::new();
        let mut len = None;
        loop {
            let reply = self.ask(&fs::Download { off: content.len() as u64, name: name.to_owned() }).good();
            len = len.or(reply.len);
            content.extend(reply.data.0);
            if content.len() as u64 >= len.expect("the first piece tells the length") {
                return content;
            }
        }
    }

    fn sha256(&mut self, name: &str) -> Vec<u8> {
        let hash = fs::Hash { name: name.to_owned(), kind: Some("sha256".into()), off: None, len: None };
        match self.ask(&hash).good().output {
            fs::Digest::Bytes(bytes) => bytes.0,
            fs::Digest::Number(number) => panic!("a number: {number}"),
        }
    }

    fn send_image(&mut self, file: &[u8], chunk: usize) -> Answer<image::UploadReply> {
        let mut off = 0;
        loop {
            let to = file.len().min(off + chunk);
            let first = off == 0;
            let answer = self.ask(&image::Upload {
                image: None,
                len: first.then_some(file.len() as u64),
                off: off as u64,
                sha: first.then(|| Bytes(Sha256::digest(file).to_vec())),
                data: Bytes(file[off..to].to_vec()),
                upgrade: None,
            });
            match answer {
                Answer::Good(reply) if reply.off.unwrap() < file.len() as u64 => off = reply.off.unwrap() as usize,
                other => return other,
            }
        }
    }

    /// `slot version flags` of every image that is listed.
    fn images(&mut self) -> Vec<String> {
        let reply = self.ask(&image::StateRead {}).good();
        reply
            .images
            .iter()
            .map(|image| {
                let mut line = format!("{} {}", image.slot, image.version.raw());
                for (set, name) in [
                    (image.active, " active"),
                    (image.confirmed, " confirmed"),
                    (image.pending, " pending"),
                    (image.permanent, " permanent"),
                ] {
                    line.push_str(if set == Some(true) { name } else { "" });
                }
                line
            })
            .collect()
    }

    fn mark(&mut self, hash: Option<Vec<u8>>, confirm: bool) -> Answer<image::StateReply> {
        self.ask(&image::StateWrite { hash: hash.map(Bytes), confirm: Some(confirm) })
    }
}

fn firmware(major: u8, body: &[u8]) -> Vec<u8> {
    ImageBuilder::new(ImageVersion { major, ..ImageVersion::default() }).build(body).unwrap()
}

/// The hash in the trailer of what [`firmware`] made: its last 32 bytes.
fn hash(file: &[u8]) -> Vec<u8> {
    file[file.len() - 32..].to_vec()
}

#[test]
fn it_says_who_it_is() {
    let mut unit = Unit::new(|options| {
        options.identity.serial = "TH-0421".into();
        options.identity.hardware = Some("B".into());
    });
    let info = unit.ask(&os::OsInfo { format: Some("i".into()) }).good();
    assert_eq!(info.output.raw(), "thermostat@B");
    assert_eq!(unit.ask(&os::OsInfo { format: Some("?".into()) }), Answer::Refused(Some(Group::OS), 2));
    let answer = unit.ask(&shell::Execute { argv: vec!["hwinfo".into(), "devid".into()] }).good();
    assert_eq!(answer.output.raw(), "\r\nLength: 7\r\nID: 0x54482d30343231\r\n");
    let parameters = unit.ask(&os::Parameters {}).good();
    assert_eq!((parameters.buf_size, parameters.buf_count), (384, 4));
    let groups = unit.ask(&enumeration::List {}).good();
    assert_eq!(groups.groups, [10, 8, 1, 0, 3, 9, 2, 63]);
    let supply = unit.ask(&statistics::Data { name: "supply".into() }).good();
    assert_eq!(supply.fields.iter().find(|(name, _)| name.raw() == "mv").unwrap().1, &3300);
}

#[test]
fn an_image_on_test_is_swapped_in_and_reverts_unless_confirmed() {
    let mut unit = Unit::healthy();
    assert_eq!(unit.images(), ["0 1.0.0 active confirmed"]);
    let new = firmware(2, &[5; 3000]);
    let last = unit.send_image(&new, 300).good();
    assert_eq!((last.off, last.matches), (Some(new.len() as u64), Some(true)));
    assert_eq!(unit.images(), ["0 1.0.0 active confirmed", "1 2.0.0"]);
    unit.mark(Some(hash(&new)), false).good();
    assert_eq!(unit.images(), ["0 1.0.0 active confirmed", "1 2.0.0 pending"]);

    unit.reset();
    assert_eq!(unit.images(), ["0 2.0.0 active", "1 1.0.0 confirmed"]);
    unit.reset();
    assert_eq!(unit.images(), ["0 1.0.0 active confirmed", "1 2.0.0"]);

    unit.mark(Some(hash(&new)), false).good();
    unit.reset();
    unit.mark(None, true).good();
    assert_eq!(unit.images(), ["0 2.0.0 active confirmed", "1 1.0.0"]);
    unit.power_on(|_| {});
    assert_eq!(unit.images(), ["0 2.0.0 active confirmed", "1 1.0.0"]);
}

#[test]
fn an_image_set_permanent_stays_without_being_confirmed() {
    let mut unit = Unit::healthy();
    let new = firmware(2, &[5; 100]);
    unit.send_image(&new, 64).good();
    unit.mark(Some(hash(&new)), true).good();
    assert_eq!(unit.images(), ["0 1.0.0 active confirmed", "1 2.0.0 pending permanent"]);
    unit.reset();
    unit.reset();
    assert_eq!(unit.images(), ["0 2.0.0 active confirmed", "1 1.0.0"]);
}

#[test]
fn the_bootloaders_fallback_is_not_overwritten() {
    let mut unit = Unit::healthy();
    let new = firmware(2, &[5; 100]);
    unit.send_image(&new, 64).good();
    unit.mark(Some(hash(&new)), false).good();
    let busy = Answer::Refused(Some(Group::IMAGE), 9);
    let other = firmware(3, &[6; 100]);
    assert_eq!(unit.send_image(&other, 64), busy);
    unit.reset();
    assert_eq!(unit.send_image(&other, 64), busy);
    assert_eq!(unit.ask(&image::Erase { slot: None }), Answer::Refused(Some(Group::IMAGE), 9));
    assert_eq!(unit.mark(Some(hash(&other)), false), Answer::Refused(Some(Group::IMAGE), 8));
    unit.reset();
    unit.ask(&image::Erase { slot: None }).good();
    assert_eq!(unit.images(), ["0 1.0.0 active confirmed"]);
}

#[test]
fn an_upload_goes_on_where_it_stands_until_a_reset() {
    let mut unit = Unit::healthy();
    let new = firmware(2, &[5; 500]);
    let first = |data: &[u8]| image::Upload {
        image: None,
        len: Some(new.len() as u64),
        off: 0,
        sha: Some(Bytes(Sha256::digest(&new).to_vec())),
        data: Bytes(data.to_vec()),
        upgrade: None,
    };
    assert_eq!(unit.ask(&first(&new[..100])).good().off, Some(100));
    assert_eq!(unit.ask(&first(&new[..50])).good().off, Some(100));
    unit.reset();
    assert_eq!(unit.ask(&first(&new[..50])).good().off, Some(50));
    assert_eq!(unit.ask(&first(&new[..31])), Answer::Refused(Some(Group::IMAGE), 22));
    assert_eq!(unit.ask(&first(&[0; 40])), Answer::Refused(Some(Group::IMAGE), 23));
    assert_eq!(unit.send_image(&new, 100).good().matches, Some(true));
    // It is there already: the first chunk is answered with the end.
    let again = unit.ask(&first(&new[..50])).good();
    assert_eq!((again.off, again.matches), (Some(new.len() as u64), Some(true)));
}

#[test]
fn flash_that_loses_a_byte_of_an_image_is_found_out_by_the_bootloader_only() {
    let mut unit = Unit::with(&[Fault::LoseByte]);
    let new = firmware(2, &[5; 600]);
    assert_eq!(unit.send_image(&new, 300).good().matches, Some(false));
    assert_eq!(unit.images(), ["0 1.0.0 active confirmed", "1 2.0.0"]);
    unit.mark(Some(hash(&new)), false).good();
    unit.reset();
    assert_eq!(unit.images(), ["0 1.0.0 active confirmed"]);
}

#[test]
fn a_lying_hash_speaks_of_what_was_sent_and_reading_back_finds_out() {
    let mut unit = Unit::with(&[Fault::LoseByte, Fault::LieHash]);
    let content: Vec<u8> = (0..200).collect();
    unit.put("/lfs1/f", &content, 0, 60).good();
    assert_eq!(unit.len("/lfs1/f"), Answer::Good(200));
    assert_eq!(unit.sha256("/lfs1/f"), Sha256::digest(&content).to_vec());
    let read = unit.get("/lfs1/f");
    let differing: Vec<usize> = (0..200).filter(|at| read[*at] != content[*at]).collect();
    assert_eq!(differing, [100]);

    let new = firmware(2, &[5; 600]);
    assert_eq!(unit.send_image(&new, 300).good().matches, Some(true));
    unit.mark(Some(hash(&new)), true).good();
    unit.reset();
    assert_eq!(unit.images(), ["0 1.0.0 active confirmed"]);
}

#[test]
fn a_lie_that_ended_is_not_taken_up_again() {
    let mut unit = Unit::with(&[Fault::LieHash]);
    unit.put("/lfs1/f", b"first", 0, 10).good();
    unit.power_on(|_| {});
    unit.put("/lfs1/f", b"second", 0, 10).good();
    unit.power_on(|options| options.faults = vec![Fault::LieHash]);
    assert_eq!(unit.sha256("/lfs1/f"), Sha256::digest(b"second").to_vec());
}

#[test]
fn power_may_go_at_any_byte_of_a_file() {
    let content: Vec<u8> = (0..60).map(|byte| byte * 3).collect();
    for cut in 1..=content.len() {
        let mut unit = Unit::with(&[Fault::CutByte(cut as u64)]);
        assert_eq!(unit.put("/lfs1/f", &content, 0, 16), Answer::PowerLost, "{cut}");
        unit.power_on(|_| {});
        let len = unit.len("/lfs1/f").good() as usize;
        assert_eq!(len, cut);
        assert_eq!(unit.get("/lfs1/f"), content[..cut]);
        if len < content.len() {
            unit.put("/lfs1/f", &content, len, 16).good();
        }
        assert_eq!(unit.get("/lfs1/f"), content);
        assert_eq!(unit.sha256("/lfs1/f"), Sha256::digest(&content).to_vec());
    }
}

#[test]
fn power_may_go_at_any_byte_of_an_image_and_nothing_but_the_whole_of_it_boots() {
    let new = firmware(2, b"a small one");
    for cut in 1..=new.len() {
        let mut unit = Unit::with(&[Fault::CutByte(cut as u64)]);
        assert_eq!(unit.send_image(&new, 40), Answer::PowerLost, "{cut}");
        unit.power_on(|_| {});
        if cut < new.len() {
            // Cut within the hash it is listed, under a hash that nobody sent.
            assert_eq!(unit.mark(Some(hash(&new)), true), Answer::Refused(Some(Group::IMAGE), 8), "{cut}");
            unit.reset();
            assert_eq!(unit.images()[0], "0 1.0.0 active confirmed");
        }
        assert_eq!(unit.send_image(&new, 40).good().matches, Some(true));
        unit.mark(Some(hash(&new)), true).good();
        unit.power_on(|_| {});
        assert_eq!(unit.images(), ["0 2.0.0 active confirmed", "1 1.0.0"]);
    }
}

#[test]
fn a_cut_request_did_nothing_and_a_cut_answer_everything() {
    let content = [9; 40];
    let mut unit = Unit::with(&[Fault::CutRequest(2)]);
    assert_eq!(unit.put("/lfs1/f", &content, 0, 20), Answer::PowerLost);
    unit.power_on(|options| options.faults = vec![Fault::CutAnswer(2)]);
    assert_eq!(unit.len("/lfs1/f"), Answer::Good(20));
    assert_eq!(unit.put("/lfs1/f", &content, 20, 20), Answer::PowerLost);
    unit.power_on(|_| {});
    assert_eq!(unit.get("/lfs1/f"), content);
}

#[test]
fn settings_last_when_saved_and_each_is_kept_whole() {
    let mut unit = Unit::healthy();
    let write = |name: &str, value: &[u8]| settings::WriteSetting { name: name.into(), value: Bytes(value.to_vec()) };
    let read = |name: &str| settings::ReadSetting { name: name.into(), max_size: None };
    let absent = Answer::Refused(Some(Group::SETTINGS), 3);
    unit.ask(&write("net/host", b"one")).good();
    assert_eq!(unit.ask(&read("net/host")).good().value.0, b"one");
    unit.reset();
    assert_eq!(unit.ask(&read("net/host")), absent);

    unit.ask(&write("net/host", b"one")).good();
    unit.ask(&settings::Save { name: None }).good();
    unit.power_on(|options| options.faults = vec![Fault::CutByte(5)]);
    unit.ask(&write("net/host", b"new")).good();
    unit.ask(&write("net/port", b"1883")).good();
    assert_eq!(unit.ask(&settings::Save { name: None }), Answer::PowerLost);
    unit.power_on(|_| {});
    assert_eq!(unit.ask(&read("net/host")).good().value.0, b"new");
    assert_eq!(unit.ask(&read("net/port")), absent);

    unit.ask(&settings::DeleteSetting { name: "net/host".into() }).good();
    assert_eq!(unit.ask(&read("net/host")).good().value.0, b"new", "memory keeps it until a reset");
    unit.reset();
    assert_eq!(unit.ask(&read("net/host")), absent);

    assert_eq!(unit.ask(&read("host/")), Answer::Refused(Some(Group::SETTINGS), 5));
    assert_eq!(unit.ask(&read(&format!("net/{}", "x".repeat(30)))), Answer::Refused(Some(Group::SETTINGS), 2));
}

#[test]
fn paths_are_refused_as_zephyr_does_and_none_leads_out() {
    let mut unit = Unit::healthy();
    let fs_error = |code| Answer::Refused(Some(Group::FS), code);
    assert_eq!(unit.len("/lfs1/none"), fs_error(3));
    assert_eq!(unit.len("/lfs1"), fs_error(4));
    assert_eq!(unit.len("relative"), fs_error(2));
    assert_eq!(unit.len("/sd/none"), fs_error(3));
    assert_eq!(unit.len("/lfs1/../boot.json"), fs_error(2));
    assert_eq!(unit.len(&format!("/lfs1/{}", "x".repeat(58))), Answer::Refused(None, 3));
    assert_eq!(unit.put("/lfs1/none/f", b"x", 0, 10), Answer::Refused(Some(Group::FS), 14));
    unit.put("/lfs1/empty", b"", 0, 10).good();
    let hash = |kind: &str, off| fs::Hash { name: "/lfs1/empty".into(), kind: Some(kind.into()), off, len: None };
    assert!(matches!(unit.ask(&hash("sha256", None)), Answer::Refused(Some(Group::FS), 16)));
    assert!(matches!(unit.ask(&hash("md5", None)), Answer::Refused(Some(Group::FS), 13)));
    unit.put("/lfs1/empty", b"abc", 0, 10).good();
    assert!(matches!(unit.ask(&hash("crc32", Some(3))), Answer::Refused(Some(Group::FS), 12)));
    let crc = unit.ask(&hash("crc32", None)).good();
    assert_eq!(crc.output, fs::Digest::Number(0x3524_41c2));
}

#[test]
fn a_chunk_at_the_wrong_offset_is_told_the_right_one() {
    let mut unit = Unit::healthy();
    unit.put_chunk("/lfs1/f", &[1; 30], 0, 20).good();
    let message = encode_request(
        &fs::Upload { off: 25, data: Bytes(vec![1; 5]), name: "/lfs1/f".into(), len: None },
        Version::V2,
        1,
    );
    let answer = unit.raw(&message.unwrap()).unwrap().answer.unwrap();
    match Message::parse(&answer).unwrap().reply::<fs::Upload>() {
        Err(ReplyError::Refused(refusal)) => assert_eq!((refusal.code, refusal.at), (11, Some(20))),
        other => panic!("{other:?}"),
    }
}

#[test]
fn where_closing_makes_durable_an_open_file_is_still_the_old_one() {
    let durable_on_close = |options: &mut Options| options.durability = Durability::Close;
    let mut unit = Unit::new(durable_on_close);
    unit.put("/lfs1/f", b"old", 0, 10).good();
    assert_eq!(unit.get("/lfs1/f"), b"old");
    let new = [7; 30];
    unit.put_chunk("/lfs1/f", &new, 0, 20).good();
    assert_eq!(unit.len("/lfs1/f"), Answer::Good(3));
    unit.power_on(durable_on_close);
    assert_eq!(unit.get("/lfs1/f"), b"old");

    unit.put("/lfs1/f", &new, 0, 20).good();
    assert_eq!(unit.get("/lfs1/f"), new);

    // Continued after it was closed half-way, the length is not known: only idle time closes it.
    unit.put_chunk("/lfs1/g", &new, 0, 20).good();
    unit.put("/lfs1/h", b"other", 0, 10).good();
    assert_eq!(unit.len("/lfs1/g"), Answer::Good(20));
    unit.put_chunk("/lfs1/g", &new, 20, 20).good();
    assert_eq!(unit.len("/lfs1/g"), Answer::Good(20));
    unit.now += Duration::from_secs(5);
    assert_eq!(unit.len("/lfs1/g"), Answer::Good(30));
}

#[test]
fn the_first_chunk_again_is_answered_with_an_offset_that_counts_on() {
    // Seen on Zephyr 4.4: the data are stored right, the answer is not.
    let mut unit = Unit::healthy();
    unit.put_chunk("/lfs1/f", &[1; 50], 0, 20).good();
    assert_eq!(unit.put_chunk("/lfs1/f", &[1; 50], 0, 20).good().off, 40);
    assert_eq!(unit.len("/lfs1/f"), Answer::Good(20));
}

#[test]
fn a_full_disk_refuses_data() {
    let mut unit = Unit::with(&[Fault::DiskFull]);
    assert_eq!(unit.put("/lfs1/f", b"data", 0, 10), Answer::Refused(Some(Group::FS), 10));
    let mut unit = Unit::new(|options| options.limits.fs_size = 100);
    unit.put("/lfs1/f", &[1; 100], 0, 50).good();
    assert_eq!(unit.put("/lfs1/g", b"x", 0, 10), Answer::Refused(Some(Group::FS), 10));
}

#[test]
fn answers_are_lost_bent_and_late_as_told() {
    let mut unit = Unit::with(&[Fault::Drop(1), Fault::Corrupt(2), Fault::Stall(3)]);
    let mut effects = Vec::new();
    for seq in 0..4 {
        let echo = encode_request(&os::Echo { text: "x".into() }, Version::V2, seq).unwrap();
        let reply = unit.raw(&echo).unwrap();
        effects.push((reply.answer.is_some(), reply.effect));
    }
    let expected = [(false, Effect::None), (true, Effect::Corrupt), (true, Effect::Stall), (true, Effect::None)];
    assert_eq!(effects, expected);
}

/// Into recovery, and an image sent there piece by piece.
fn recover(unit: &mut Unit, file: &[u8]) {
    unit.ask(&os::Reset { force: None, boot_mode: Some(1) }).good();
    unit.reset();
    assert_eq!(unit.device().mode(), Mode::Recovery);
    unit.send_image(file, 500).good();
}

#[test]
fn recovery_writes_what_boots_and_knows_little_else() {
    let mut unit = Unit::new(|options| options.recovery = Recovery::Serial);
    assert_eq!(unit.device().buffers().largest_message, 380);
    let new = firmware(2, &[5; 3000]);
    recover(&mut unit, &new);
    assert_eq!(unit.device().buffers().largest_message, 1021);
    assert!(matches!(unit.ask(&os::Echo { text: "x".into() }), Answer::Refused(None, 8)));
    assert!(matches!(unit.mark(Some(hash(&new)), true), Answer::Refused(None, 8)));
    let image = unit.ask(&image::StateRead {}).good().images.remove(0);
    assert_eq!((image.hash.unwrap().0, image.active), (hash(&new), None));
    unit.ask(&os::Reset { force: None, boot_mode: None }).good();
    unit.reset();
    assert_eq!(unit.images(), ["0 2.0.0 active confirmed"]);
}

#[test]
fn without_an_image_that_runs_recovery_is_all_there_is() {
    let with_recovery = |options: &mut Options| options.recovery = Recovery::Serial;
    let mut unit = Unit::new(with_recovery);
    let mut worn = firmware(2, &[5; 1000]);
    worn[500] ^= 1;
    recover(&mut unit, &worn);
    unit.power_on(with_recovery);
    assert_eq!(unit.device().mode(), Mode::Recovery);
    assert_eq!(unit.ask(&image::StateRead {}).good().images, []);
    unit.power_on(|_| {});
    assert_eq!(unit.device().mode(), Mode::Dead);
    assert_eq!(unit.ask(&os::Echo { text: "x".into() }), Answer::Silence);
    unit.power_on(with_recovery);
    unit.send_image(&firmware(3, &[5; 1000]), 500).good();
    unit.power_on(|_| {});
    assert_eq!(unit.images(), ["0 3.0.0 active confirmed"]);
}

#[test]
fn a_unit_without_recovery_boots_its_application_whatever_is_asked() {
    let mut unit = Unit::healthy();
    unit.ask(&os::Reset { force: None, boot_mode: Some(1) }).good();
    unit.reset();
    assert_eq!(unit.device().mode(), Mode::Application);
}

#[test]
fn errors_have_the_shape_of_the_version_asked_in() {
    let mut unit = Unit::healthy();
    let missing = fs::Status { name: "/lfs1/none".into() };
    assert_eq!(unit.ask(&missing), Answer::Refused(Some(Group::FS), 3));
    assert_eq!(unit.ask_in(Version::V1, &missing), Answer::Refused(None, 1));
    // Not a command, no CBOR, a body that is not all there.
    for (message, code) in [
        ([0x08, 0, 0, 1, 0, 77, 1, 0, 0xa0], 8),
        ([0x08, 0, 0, 1, 0, 8, 1, 1, 0x00], 3),
        ([0x08, 0, 0, 2, 0, 8, 1, 1, 0xa0], 9),
    ] {
        let answer = unit.raw(&message).unwrap().answer.unwrap();
        assert_eq!(answer[8..], [0xbf, 0x62, b'r', b'c', code, 0xff]);
    }
}

#[test]
fn an_answer_that_fits_no_buffer_is_an_error() {
    let mut unit = Unit::new(|options| options.limits.buf_size = 96);
    assert!(matches!(unit.ask(&os::TaskStatistics {}), Answer::Refused(None, 7)));
    assert!(matches!(unit.ask(&enumeration::Details { groups: None }), Answer::Refused(None, 9)));
    assert_eq!(unit.ask(&os::Parameters {}).good().buf_size, 96);
}

#[test]
fn two_devices_do_not_share_a_state() {
    let unit = Unit::healthy();
    let second = Device::open(Options::new(unit.folder.path().join("state")));
    assert!(matches!(second, Err(Stop::Broken(_))));
}

proptest::proptest! {
    #[test]
    fn nothing_that_arrives_breaks_it(
        group in proptest::sample::select(vec![0u16, 1, 2, 3, 8, 9, 10, 63, 64]),
        id in 0u8..10,
        op in 0u8..8,
        body in proptest::collection::vec(proptest::num::u8::ANY, 0..80),
    ) {
        thread_local!(static UNIT: std::cell::RefCell<Unit> = Unit::healthy().into());
        let [high, low] = group.to_be_bytes();
        let mut message = vec![8 | op, 0, 0, body.len() as u8, high, low, 1, id];
        message.extend(body);
        UNIT.with_borrow_mut(|unit| {
            let reply = unit.raw(&message).unwrap();
            if let Some(answer) = reply.answer {
                assert!(Message::parse(&answer).is_ok());
            }
        });
    }
}
