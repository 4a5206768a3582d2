use super::*;
use crate::smp::wire::{Deframer, Framing, Received};
use proptest::prelude::*;
use std::collections::BTreeMap;

const ZEPHYR: &str = include_str!("../vectors/zephyr-4.4.0-native.txt");
const SMPCLIENT: &str = include_str!("../vectors/smpclient-7.3.0.txt");

fn vectors(text: &str) -> BTreeMap<&str, (Vec<u8>, Vec<u8>)> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let mut columns = line.split(' ');
            let name = columns.next().unwrap();
            let [first, second] = [(); 2].map(|()| hex::decode(columns.next().unwrap()).unwrap());
            (name, (first, second))
        })
        .collect()
}

/// The one message among bytes of a line.
fn deframed(bytes: &[u8]) -> Vec<u8> {
    let mut received = Deframer::new(Framing::default(), 4096).push(bytes);
    match (received.pop(), received.is_empty()) {
        (Some(Received::Frame(message)), true) => message,
        other => panic!("{other:?} {received:?}"),
    }
}

/// What Zephyr answered to a request of the capture, as the reply of that request.
fn zephyr<R: Request>(name: &str) -> Result<R::Reply, ReplyError> {
    let (request, answer) = vectors(ZEPHYR).remove(name).unwrap_or_else(|| panic!("no vector {name}"));
    let request = Message::parse(&request).unwrap();
    assert!(R::is(&request.header), "{name}");
    request.request::<R>().unwrap();
    let answer = deframed(&answer);
    let answer = Message::parse(&answer).unwrap();
    assert!(answer.answers(&request.header), "{name}");
    answer.reply::<R>()
}

fn refused<R: Request>(name: &str) -> Refusal
where
    R::Reply: std::fmt::Debug,
{
    match zephyr::<R>(name) {
        Err(ReplyError::Refused(refusal)) => refusal,
        other => panic!("{name}: {other:?}"),
    }
}

fn requested<R: Request>(name: &str) -> R {
    let (message, _) = vectors(SMPCLIENT).remove(name).unwrap_or_else(|| panic!("no vector {name}"));
    let message = Message::parse(&message).unwrap();
    assert!(R::is(&message.header), "{name}");
    message.request().unwrap()
}

#[test]
fn every_captured_message_is_understood_and_written_the_same_way_twice() {
    for (name, (request, answer)) in vectors(ZEPHYR) {
        let request = Message::parse(&request).unwrap();
        let command = Command::find(&request.header).unwrap_or_else(|| panic!("{name}"));
        command.rewrite_request(request.body).unwrap();
        let answer = deframed(&answer);
        let answer = Message::parse(&answer).unwrap();
        match command.rewrite_reply(&answer) {
            Ok(body) => assert_eq!(command.rewrite_reply(&Message { body: &body, ..answer }).unwrap(), body, "{name}"),
            Err(ReplyError::Refused(refusal)) => {
                let again = encode_refusal(&refusal, &request.header).unwrap();
                let again = Message::parse(&again).unwrap();
                match command.read_reply(&again) {
                    Err(ReplyError::Refused(read)) => assert_eq!(read, refusal, "{name}"),
                    other => panic!("{name}: {other:?}"),
                }
            }
            Err(error) => panic!("{name}: {error:?}"),
        }
    }
}

#[test]
fn requests_are_written_as_the_foreign_client_writes_them() {
    for (name, (message, framed)) in vectors(SMPCLIENT) {
        assert_eq!(deframed(&framed), message, "{name}");
        let parsed = Message::parse(&message).unwrap();
        let command = Command::find(&parsed.header).unwrap_or_else(|| panic!("{name}"));
        let ours = command.rewrite_request(parsed.body).unwrap();
        // Keys may come in another order; everything else is the same.
        assert_eq!(ours.len(), parsed.body.len(), "{name}");
        let same = crate::smp::wire::Framer::encode(&message, Default::default()).unwrap();
        if message.len() < 80 {
            assert_eq!(same, framed, "{name}: one line is framed in one way only");
        }
    }
}

#[test]
fn os_group_of_zephyr() {
    assert_eq!(zephyr::<os::Echo>("echo-v2").unwrap().text, "hello");
    let parameters = zephyr::<os::Parameters>("parameters-v1").unwrap();
    assert_eq!((parameters.buf_size, parameters.buf_count), (384, 4));
    let tasks = zephyr::<os::TaskStatistics>("taskstat-v2").unwrap().tasks;
    let smp = &tasks[&Text::from("mcumgr smp")];
    assert_eq!((smp.priority, smp.stack_size), (3, Some(512)));
    assert_eq!(tasks[&Text::from("")].priority, -16, "a cooperative thread");
    let info = zephyr::<os::OsInfo>("os-info-all-v2").unwrap().output;
    assert!(info.raw().starts_with("Zephyr unknown 684c9e8f32e4 4.4.0"), "{info}");
    assert!(refused::<os::OsInfo>("os-info-wrong-v2").is(Group::OS, codes::os::INVALID_FORMAT));
    assert!(refused::<os::OsInfo>("os-info-wrong-v1").is_common(codes::common::INVALID));
    assert!(refused::<os::BootloaderInfo>("bootloader-mode-v2").is_unsupported());
    assert!(refused::<os::PoolStatistics>("mempool-v1").is_unsupported());
}

#[test]
fn fs_group_of_zephyr() {
    assert_eq!(zephyr::<fs::Upload>("fs-upload-first-v2").unwrap().off, 100);
    let wrong = refused::<fs::Upload>("fs-upload-wrong-offset-v2");
    assert!(wrong.is(Group::FS, codes::fs::OFFSET_NOT_VALID));
    assert_eq!(wrong.at, Some(100), "where the file ends");
    assert_eq!(refused::<fs::Upload>("fs-upload-last-again-v2").at, Some(150));
    let first = zephyr::<fs::Download>("fs-download-first-v2").unwrap();
    assert_eq!((first.off, first.len, first.data.0), (0, Some(150), (0..150).collect()));
    let hash = zephyr::<fs::Hash>("fs-hash-sha256-v2").unwrap();
    let sha = hex::decode("f22b2e614e92d6453612b707385038300293d2cc292b148bc5335754b5ea30fd").unwrap();
    assert_eq!((hash.off, hash.len, hash.output), (None, 150, fs::Digest::Bytes(sha.into())));
    let crc = zephyr::<fs::Hash>("fs-hash-crc32-range-v2").unwrap();
    assert_eq!((crc.kind.raw(), crc.off, crc.output), ("crc32", Some(10), fs::Digest::Number(2_818_760_320)));
    let types = zephyr::<fs::SupportedHashes>("fs-hashes-v1").unwrap().types;
    assert_eq!(types[&Text::from("sha256")], fs::HashFormat { format: 1, size: 32 });
    assert!(refused::<fs::Download>("fs-download-missing-v2").is(Group::FS, codes::fs::NOT_FOUND));
    // What the documentation of `fs::Upload` warns of.
    assert_eq!(zephyr::<fs::Status>("fs-status-after-empty-v2").unwrap().len, 150);
    assert_eq!(zephyr::<fs::Upload>("fs-begin-again-unclosed-v2").unwrap().off, 100);
}

#[test]
fn other_groups_of_zephyr() {
    let names = zephyr::<statistics::List>("stat-list-v2").unwrap().names;
    assert_eq!(names, ["flash_sim_stats", "flash_sim_thresholds", "smp_svr_stats"]);
    let data = zephyr::<statistics::Data>("stat-data-v2").unwrap();
    assert_eq!(data.fields[&Text::from("ticks")], 4);
    assert!(
        refused::<settings::ReadSetting>("setting-read-v2").is(Group::SETTINGS, codes::settings::ROOT_KEY_NOT_FOUND)
    );
    assert!(refused::<settings::ReadSetting>("setting-read-v1").is_common(codes::common::UNKNOWN));
    zephyr::<settings::Commit>("settings-commit-v2").unwrap();
    let shell = zephyr::<shell::Execute>("shell-unknown-v2").unwrap();
    assert_eq!(shell.ret, -8);
    assert!(!shell.output.to_string().contains('\u{1b}'), "{}", shell.output);
    assert_eq!(zephyr::<enumeration::Count>("enum-count-v1").unwrap().count, 7);
    assert_eq!(zephyr::<enumeration::List>("enum-list-v2").unwrap().groups, [10, 8, 0, 3, 9, 2, 63]);
    let details = zephyr::<enumeration::Details>("enum-details-v2").unwrap().groups;
    assert_eq!((details[1].name.clone(), details[1].handlers), (Some("fs mgmt".into()), Some(5)));
    let beyond = refused::<enumeration::Single>("enum-single-beyond-v2");
    assert_eq!(beyond.to_string(), "there is no group with this index (enumeration rc 4, index too large)");
    zephyr::<zephyr::EraseStorage>("erase-storage-v2").unwrap();
}

#[test]
fn requests_of_the_foreign_client() {
    let upload: image::Upload = requested("image-upload-first");
    assert_eq!((upload.image, upload.len, upload.off, upload.upgrade), (Some(0), Some(132_472), 0, Some(true)));
    assert_eq!(upload.sha.unwrap().0, (0..32).collect::<Vec<_>>());
    assert_eq!(requested::<image::Upload>("image-upload-next").off, 70_000);
    assert_eq!(requested::<image::StateWrite>("image-test").confirm, Some(false));
    assert_eq!(requested::<image::Erase>("image-erase").slot, Some(1));
    assert_eq!(requested::<os::Reset>("reset"), os::Reset::default());
    assert_eq!(requested::<os::Reset>("reset-force"), os::Reset { force: Some(1), boot_mode: Some(1) });
    assert_eq!(requested::<shell::Execute>("shell").argv, ["kernel", "uptime"]);
}

fn message(body: &[u8]) -> Message<'_> {
    let header = Header {
        version: Version::V2,
        op: Op::WriteReply,
        flags: 0,
        len: body.len() as u16,
        group: Group::OS,
        seq: 0,
        id: 0,
    };
    Message { header, body }
}

#[test]
fn errors_in_every_shape() {
    let read = |body: &str| message(&hex::decode(body).unwrap()).reply::<os::Echo>();
    let refusal = |body: &str| match read(body) {
        Err(ReplyError::Refused(refusal)) => refusal,
        other => panic!("{other:?}"),
    };
    // {"rc": 8}, definite and not; {"rc": 8, "rsn": "no"}
    assert_eq!(refusal("a162726308"), Refusal::common(8));
    assert_eq!(refusal("bf62726308ff"), Refusal::common(8));
    assert_eq!(refusal("a262726308 6372736e 626e6f".replace(' ', "").as_str()), Refusal::common(8).because("no"));
    // {"err": {"group": 8, "rc": 3}}, and with an unknown group and code: kept.
    assert_eq!(refusal("a163657272a26567726f75700862726303"), Refusal::group(Group::FS, 3));
    let unknown = refusal("bf63657272bf6567726f757018c862726318ffffff");
    assert_eq!(unknown, Refusal::group(Group(200), 255));
    assert_eq!(unknown.to_string(), "a code that the specification does not list (group 200 rc 255)");
    // Unknown and negative common codes.
    assert_eq!(refusal("a1627263390100"), Refusal::common(-257));
    // {"rc": 0, "r": "x"} is a good answer.
    assert_eq!(read("a26272630061726178").unwrap().text, "x");
    // {} is none: "r" is missing. Nor is nothing at all.
    assert!(matches!(read("a0"), Err(ReplyError::Malformed(DecodeError::Missing("r")))));
    assert!(matches!(read(""), Err(ReplyError::Malformed(DecodeError::Missing("r")))));
    assert!(message(b"").reply::<os::Reset>().is_ok(), "an empty body is an empty map");
}

#[test]
fn the_shells_own_result_is_no_refusal() {
    // {"o": "x", "rc": -8} of an old server; {"rc": 8} of any.
    let old = hex::decode("a2616f617862726327").unwrap();
    assert_eq!(message(&old).reply::<shell::Execute>().unwrap(), shell::ExecuteReply { output: "x".into(), ret: -8 });
    let none = hex::decode("a162726308").unwrap();
    assert!(matches!(message(&none).reply::<shell::Execute>(), Err(ReplyError::Refused(no)) if no.is_unsupported()));
}

#[test]
fn strings_come_whole_or_in_pieces_and_not_always_as_utf8() {
    // {_ "r": (_ "he", "llo")}
    let pieces = hex::decode("bf61727f6268656 36c6c6fffff".replace(' ', "")).unwrap();
    assert_eq!(message(&pieces).reply::<os::Echo>().unwrap().text, "hello");
    let cut = hex::decode("a1617262c3").unwrap();
    assert!(message(&cut).reply::<os::Echo>().is_err(), "a length that lies");
    let cut = hex::decode("a1617261c3").unwrap();
    assert_eq!(message(&cut).reply::<os::Echo>().unwrap().text, "\u{fffd}");
    // {"val": (_ h'01', h'0203')}
    let bytes = hex::decode("a16376616c5f4101420203ff").unwrap();
    assert_eq!(message(&bytes).reply::<settings::ReadSetting>().unwrap().value.0, [1, 2, 3]);
}

#[test]
fn unknown_keys_of_any_kind_are_skipped() {
    // {"x": [1, {"y": null}, h'00', 1.5], 7: "seven", "r": "ok", "z": tag 1 (0)}
    let body =
        hex::decode("a461788401a16179f641 00f93e00 0765736576656e 6172626f6b 617ac100".replace(' ', "")).unwrap();
    assert_eq!(message(&body).reply::<os::Echo>().unwrap().text, "ok");
}

#[test]
fn bootloader_modes_are_kept_when_unknown() {
    let read = |body: &str| message(&hex::decode(body).unwrap()).reply::<os::BootloaderInfo>().unwrap().mode.unwrap();
    assert_eq!(read("a1646d6f646503"), os::BootloaderMode::SwapMove);
    assert_eq!(read("a1646d6f646520"), os::BootloaderMode::Unknown);
    assert_eq!(read("a1646d6f64651863"), os::BootloaderMode::Other(99));
    assert_eq!(os::BootloaderMode::OverwriteOnly.reverts(), Some(false));
}

#[test]
fn counts_are_bounded() {
    // An array that announces 2^32 - 1 entries, and a real one with more than we take.
    let lying = hex::decode("a16667726f7570739affffffff0000").unwrap();
    assert!(message(&lying).reply::<enumeration::List>().is_err());
    let mut many = hex::decode("a16667726f757073").unwrap();
    many.push(0x9f);
    many.extend(std::iter::repeat_n(0, MAX_ITEMS + 1));
    many.push(0xff);
    let error = message(&many).reply::<enumeration::List>().unwrap_err();
    assert!(
        matches!(error, ReplyError::Malformed(DecodeError::Key { source, .. }) if matches!(*source, DecodeError::TooMany))
    );
    let deep = [vec![0xa1, 0x61, b'x'], vec![0x81; 60_000], vec![0x00]].concat();
    assert!(message(&deep).reply::<os::Reset>().is_ok(), "skipping deep nesting does not recurse");
}

#[test]
fn version_1_has_no_group_codes() {
    let header = message(&[]).header;
    let refusal = Refusal::group(Group::FS, codes::fs::NOT_FOUND);
    let old = Header { version: Version::V1, ..header };
    let message = encode_refusal(&refusal, &old).unwrap();
    let answer = Message::parse(&message).unwrap();
    assert!(
        matches!(answer.reply::<os::Echo>(), Err(ReplyError::Refused(no)) if no == Refusal::common(codes::common::NOT_FOUND))
    );
}

#[test]
fn a_body_that_does_not_fit_is_refused() {
    let long = os::Echo { text: "x".repeat(65_536) };
    assert!(encode_request(&long, Version::V2, 0).is_err());
}

proptest! {
    /// Arbitrary bytes as every request and every reply: an error or a value, and a value survives being written.
    #[test]
    fn no_body_panics(body in prop::collection::vec(any::<u8>(), 0..120)) {
        for command in COMMANDS {
            if let Ok(once) = command.rewrite_request(&body) {
                prop_assert_eq!(&command.rewrite_request(&once).unwrap(), &once);
            }
            if let Ok(once) = command.rewrite_reply(&message(&body)) {
                prop_assert_eq!(&command.rewrite_reply(&message(&once)).unwrap(), &once);
            }
        }
    }

    #[test]
    fn uploads_round_trip(
        off in any::<u64>(),
        data in prop::collection::vec(any::<u8>(), 0..600),
        len in any::<Option<u64>>(),
        sha in prop::option::of(prop::collection::vec(any::<u8>(), 0..40)),
        image in any::<Option<u32>>(),
        upgrade in any::<Option<bool>>(),
        seq in any::<u8>(),
    ) {
        let upload = image::Upload { image, len, off, sha: sha.map(Bytes::from), data: data.into(), upgrade };
        let bytes = encode_request(&upload, Version::V1, seq).unwrap();
        let message = Message::parse(&bytes).unwrap();
        prop_assert_eq!(message.header.seq, seq);
        prop_assert_eq!(message.request::<image::Upload>().unwrap(), upload);
    }

    #[test]
    fn refusals_round_trip(code in any::<i64>(), group in any::<Option<u16>>(), reason in any::<Option<String>>(), at in any::<Option<u64>>()) {
        prop_assume!(code != 0);
        let origin = group.map_or(Origin::Common, |group| Origin::Group(Group(group)));
        let refusal = Refusal { origin, code, reason: reason.map(Text::from), at };
        let bytes = encode_refusal(&refusal, &message(&[]).header).unwrap();
        let answer = Message::parse(&bytes).unwrap();
        let read = match answer.reply::<os::Echo>() {
            Err(ReplyError::Refused(read)) => read,
            other => panic!("{other:?}"),
        };
        prop_assert!(!read.to_string().contains(|char: char| char.is_control()));
        prop_assert_eq!(read, refusal);
    }
}

#[test]
fn replies_written_after_the_documentation() {
    const DOCUMENTED: &str = include_str!("../vectors/documentation.txt");
    let vectors = vectors(DOCUMENTED);
    let body = |name: &str| vectors[name].1.clone();
    for (name, (header, body)) in &vectors {
        let header = Header::parse(header).unwrap();
        let command = Command::find(&header).unwrap_or_else(|| panic!("{name}"));
        let once = command.rewrite_reply(&message(body)).unwrap_or_else(|error| panic!("{name}: {error:?}"));
        assert_eq!(command.rewrite_reply(&message(&once)).unwrap(), once, "{name}");
    }

    let state = message(&body("image-state")).reply::<image::StateRead>().unwrap();
    let [running, waiting] = state.images.as_slice() else { panic!("{state:?}") };
    assert_eq!((running.active, running.confirmed, running.image), (Some(true), Some(true), None));
    assert_eq!((waiting.slot, waiting.version.raw(), waiting.pending), (1, "1.2.3.4", Some(true)));
    let recovery = message(&body("image-state-recovery")).reply::<image::StateRead>().unwrap();
    assert_eq!(recovery.images[0].hash, None);
    let upload = message(&body("image-upload")).reply::<image::Upload>().unwrap();
    assert_eq!((upload.off, upload.matches), (Some(132_472), Some(true)));
    let slots = message(&body("slot-info")).reply::<image::SlotInfo>().unwrap();
    assert_eq!(slots.images[0].slots[1].upload_image_id, Some(1));
    let pools = message(&body("mempool")).reply::<os::PoolStatistics>().unwrap().pools;
    assert_eq!(pools[&Text::from("k_heap")].free, 3);
    let mode = message(&body("bootloader-mode")).reply::<os::BootloaderInfo>().unwrap();
    assert_eq!((mode.mode, mode.no_downgrade), (Some(os::BootloaderMode::SwapMove), Some(true)));
    let logs = message(&body("log-show")).reply::<log::Show>().unwrap().logs;
    let entries = logs[0].entries.as_ref().unwrap();
    assert_eq!(entries[0].message, TextOrBytes::Bytes(vec![0xa1, 0x61, b'a', 1].into()));
    assert_eq!(entries[1].message, TextOrBytes::Text("plain".into()));
}

#[test]
fn a_units_own_words_are_kept_short() {
    let refusal = Refusal::common(codes::common::UNKNOWN).because("\u{e9}".repeat(30_000));
    let bytes = encode_refusal(&refusal, &message(&[]).header).unwrap();
    let Err(ReplyError::Refused(read)) = Message::parse(&bytes).unwrap().reply::<os::Echo>() else {
        panic!("no refusal");
    };
    assert_eq!(read.reason.unwrap().raw().chars().count(), 256);
}
