use super::shell::{Kind, Part};
use super::sync::{
    Asked, Compression, DryRun, Entry, FileKind, Flags, Follow, Mode, Replies, Reply, Request, RequestPart, Requests,
    Stat, SyncError, Version,
};
use super::*;
use crate::adb::wire::{self, Command, Deframer, MAX_PAYLOAD, Packet};
use proptest::prelude::*;

const HOST: &[u8] = include_bytes!("../vectors/adbd34.host.bin");
const UNIT: &[u8] = include_bytes!("../vectors/adbd34.unit.bin");
const BURST_HOST: &[u8] = include_bytes!("../vectors/adbd34-delayed-ack.host.bin");
const BURST_UNIT: &[u8] = include_bytes!("../vectors/adbd34-delayed-ack.unit.bin");

fn packets(mut bytes: &[u8]) -> Vec<Packet> {
    let mut deframer = Deframer::new(MAX_PAYLOAD, wire::Version::NO_CHECKSUM);
    let mut packets = Vec::new();
    while let Some(packet) = deframer.next(&mut bytes).unwrap() {
        packets.push(packet);
    }
    packets
}

/// What was written on the `nth` stream that was opened, by the side whose stream number is `own` of a packet.
fn written(host: &[u8], from: &[u8], nth: usize, own: fn(&Packet) -> u32) -> Vec<u8> {
    let opened = packets(host).into_iter().filter(|packet| packet.command == Command::OPEN).nth(nth).unwrap();
    let on_it = |packet: &Packet| packet.command == Command::WRTE && own(packet) == opened.arg0;
    packets(from).into_iter().filter(on_it).flat_map(|packet| packet.payload).collect()
}

fn from_host(nth: usize) -> Vec<u8> {
    written(HOST, HOST, nth, |packet| packet.arg0)
}

fn from_unit(nth: usize) -> Vec<u8> {
    written(HOST, UNIT, nth, |packet| packet.arg1)
}

fn requests(bytes: &[u8], piece: usize) -> Result<Vec<Request>, SyncError> {
    let mut reader = Requests::default();
    let mut requests = Vec::new();
    for mut piece in bytes.chunks(piece.max(1)) {
        while let Some(part) = reader.next(&mut piece)? {
            if let RequestPart::Request(request) = part {
                requests.push(request);
            }
        }
    }
    Ok(requests)
}

fn replies(asked: &[Asked], bytes: &[u8], piece: usize) -> Result<Vec<String>, SyncError> {
    let mut reader = Replies::default();
    let mut asked = asked.iter();
    let mut now = *asked.next().unwrap();
    let mut shown = Vec::new();
    for mut piece in bytes.chunks(piece.max(1)) {
        while let Some(reply) = reader.next(now, &mut piece)? {
            match reply {
                Reply::Stat(stat) => {
                    shown.push(format!("{} {:o} {} {}", stat.error, stat.mode.0, stat.size, stat.mtime));
                }
                Reply::Entry(ref entry) => {
                    shown.push(format!("{} {:o}", entry.name.escape_ascii(), entry.stat.mode.0));
                }
                Reply::Data(data) => shown.push(format!("data {}", data.escape_ascii())),
                Reply::Done => shown.push("done".into()),
                Reply::Failed(ref why) => shown.push(format!("failed {}", why.escape_ascii())),
            }
            if reply.is_last() {
                let Some(next) = asked.next() else { return Ok(shown) };
                now = *next;
            }
        }
    }
    Ok(shown)
}

#[test]
fn banners_of_a_foreign_host_and_daemon() {
    let of = |bytes| Banner::parse(&packets(bytes)[0].payload);
    let (host, unit) = (of(HOST), of(UNIT));
    assert_eq!((&host.system, &unit.system), (&SystemKind::Host, &SystemKind::Device));
    assert!(unit.features.has(feature::SHELL_V2) && unit.features.has(feature::DELAYED_ACK));
    assert!(!host.features.has(feature::DELAYED_ACK), "a host offers the window only when it is told to");
    assert!(of(BURST_HOST).features.shared(&of(BURST_UNIT).features).has(feature::DELAYED_ACK));
    assert_eq!(
        unit.properties.keys().collect::<Vec<_>>(),
        ["ro.product.device", "ro.product.model", "ro.product.name"]
    );
    assert_eq!(Banner::parse(&unit.to_bytes()), unit);
}

#[test]
fn hostile_banners_are_read_as_far_as_they_make_sense() {
    let banner = Banner::parse(b"sideload::\0");
    assert_eq!((banner.system, banner.properties.len()), (SystemKind::Sideload, 0));
    assert_eq!(Banner::parse(b"").system, SystemKind::Other(String::new()));
    let many = format!("device::{}features=a,,b;x", "k=v;".repeat(100_000));
    assert!(Banner::parse(many.as_bytes()).properties.len() <= 1);
    assert_eq!(Banner::parse(b"device:\xff\xfe:a=b=c;=;features=\x1b[2J").properties["a"], "b=c");
}

#[test]
fn a_shell_of_a_foreign_daemon() {
    let bytes = from_unit(0);
    for piece in [1, 3, bytes.len()] {
        let mut reader = shell::Reader::default();
        let (mut out, mut err, mut exit) = (Vec::new(), Vec::new(), None);
        for mut piece in bytes.chunks(piece) {
            while let Some(Part { kind, data }) = reader.next(&mut piece).unwrap() {
                match kind {
                    Kind::Stdout => out.extend_from_slice(data),
                    Kind::Stderr => err.extend_from_slice(data),
                    Kind::Exit => exit = data.first().copied(),
                    other => panic!("{other:?}"),
                }
            }
        }
        assert_eq!((out.as_slice(), err.as_slice(), exit), (b"out\n".as_slice(), b"err\n".as_slice(), Some(42)));
    }
    let open = &packets(HOST)[1];
    let mut service = b"shell,v2,TERM=xterm,raw:echo out; echo err >&2; exit 42\0".to_vec();
    assert_eq!(open.payload, service);
    assert_eq!(from_host(0), shell::packet(Kind::CloseStdin, b""));
    service.drain(9..20);
    service.pop();
    assert_eq!(service, shell_v2(b"echo out; echo err >&2; exit 42"));
    assert_eq!(
        shell::Reader::default().next(&mut [1, 0xff, 0xff, 0xff, 0xff].as_slice()),
        Err(shell::TooLong(u32::MAX))
    );
}

#[test]
fn files_of_a_foreign_host() {
    let path = |path: &str| path.as_bytes().to_vec();
    let stat = |of: &str| Request::Stat { version: Version::V2, follow: Follow::Yes, path: path(of) };
    let send = |of: &str| {
        let (version, mode) = (Version::V1, Mode(0o100_644));
        Request::Send { version, path: path(of), mode, flags: Flags::default() }
    };
    for piece in [1, 5, 1000] {
        assert_eq!(
            requests(&from_host(1), piece).unwrap(),
            [stat("/mnt/u/a"), send("/mnt/u/a"), Request::Quit],
            "push"
        );
    }
    let brotli = Flags { compression: Compression::Brotli, dry_run: DryRun::No };
    let receive = Request::Receive { version: Version::V2, path: path("/mnt/u/a"), flags: brotli };
    assert_eq!(requests(&from_host(4), 7).unwrap(), [stat("/mnt/u/a"), receive, Request::Quit]);
    let mut again = Vec::new();
    for request in requests(&from_host(4), 1000).unwrap() {
        request.write(&mut again);
    }
    assert_eq!(again, from_host(4));
    let mut again = Vec::new();
    stat("/mnt/u/a").write(&mut again);
    send("/mnt/u/a").write(&mut again);
    again.extend_from_slice(&sync::data_header(12));
    again.extend_from_slice(b"hello, unit\n");
    Request::write_done(0x6638_81d9, &mut again);
    Request::Quit.write(&mut again);
    assert_eq!(again, from_host(1));
}

#[test]
fn files_of_a_foreign_daemon() {
    let stat = Asked::Stat(Version::V2, Follow::Yes);
    for piece in [1, 10, 1000] {
        assert_eq!(replies(&[stat, Asked::Send], &from_unit(1), piece).unwrap(), ["2 0 0 0", "done"], "push");
        let refused = replies(&[stat, Asked::Send], &from_unit(7), piece).unwrap();
        assert_eq!(refused, ["2 0 0 0", "failed secure_mkdirs failed: No such file or directory"]);
        let mut listed = replies(&[Asked::List(Version::V2)], &from_unit(5), piece).unwrap();
        assert_eq!(listed.pop().unwrap(), "done");
        listed.sort();
        assert_eq!(listed, [". 40755", ".. 41777", "a 100666", "z 100666"], "the daemon widens permissions");
    }
    let pulled = replies(&[stat, Asked::Receive], &from_unit(3), 1000).unwrap();
    assert_eq!(pulled, ["0 100666 12 1714979289", "data hello, unit\\n", "done"]);
}

#[test]
fn what_does_not_belong_is_refused() {
    let data = [sync::data_header(65_537).as_slice(), &[0; 10]].concat();
    let refused = replies(&[Asked::Receive], &data, 1000);
    assert_eq!(refused, Err(SyncError::TooLong { what: "DATA", claimed: 65_537, most: sync::MAX_DATA }));
    let entry = Entry { name: vec![b'x'; 5000], stat: Stat::default() }.to_bytes(Version::V1);
    assert!(matches!(replies(&[Asked::List(Version::V1)], &entry, 9), Err(SyncError::TooLong { .. })));
    assert!(matches!(replies(&[Asked::Send], &sync::done(), 9), Err(SyncError::Unexpected { .. })));
    assert!(matches!(replies(&[Asked::Receive], &sync::okay(), 9), Err(SyncError::Unexpected { .. })));
    assert!(matches!(
        replies(&[Asked::Stat(Version::V2, Follow::No)], b"STA2....", 9),
        Err(SyncError::Unexpected { .. })
    ));
    assert!(matches!(requests(b"STAT\xff\xff\0\0", 9), Err(SyncError::TooLong { .. })));
    assert!(matches!(requests(b"SND2\x01\0\0\0/SND2\0\0\0\0\x03\0\0\0", 9), Err(SyncError::Flags(3))));
    assert_eq!(requests(b"SEND\x02\0\0\0/x", 9), Err(SyncError::NoMode));
    let shown = SyncError::Unexpected { found: *b"\x1b[2J", expected: "OKAY" }.to_string();
    assert!(!shown.contains(char::is_control), "{shown}");
}

#[test]
fn kinds_of_files() {
    let of = |mode| Mode(mode).kind();
    assert_eq!([of(0o100_644), of(0o040_755), of(0o120_777)], [FileKind::File, FileKind::Folder, FileKind::Link]);
    assert_eq!([of(0o020_666), of(0o140_000), of(0)], [FileKind::Special, FileKind::Special, FileKind::Nothing]);
    assert_eq!(Mode::file(0o4755), Mode(0o104_755));
}

#[test]
fn blocks_of_a_package() {
    let package = Sideload { size: 130_000, block: SIDELOAD_BLOCK };
    assert_eq!(package.service(), b"sideload-host:130000:65536");
    assert_eq!(package.block(0), Some((0, 65_536)));
    assert_eq!(package.block(1), Some((65_536, 64_464)));
    assert_eq!((package.block(2), package.block(u64::MAX)), (None, None));
    for wanted in [Wanted::Block(1), Wanted::Block(99_999_999), Wanted::Done, Wanted::Failed] {
        assert_eq!(Wanted::parse(&wanted.to_bytes()), Some(wanted));
    }
    assert_eq!(Wanted::parse(b"0000001x"), None);
}

fn any_request() -> impl Strategy<Value = Request> {
    let path = prop::collection::vec(any::<u8>(), 0..200);
    let flags = (0_usize..4, any::<bool>()).prop_map(|(compression, dry)| Flags {
        compression: [Compression::None, Compression::Brotli, Compression::Lz4, Compression::Zstd][compression],
        dry_run: if dry { DryRun::Yes } else { DryRun::No },
    });
    (0..7, path, flags, any::<u32>()).prop_map(|(kind, path, flags, mode)| {
        let (v1, v2) = (Version::V1, Version::V2);
        match kind {
            0 => Request::Stat { version: v1, follow: Follow::No, path },
            1 => Request::Stat { version: v2, follow: Follow::Yes, path },
            2 => Request::Stat { version: v2, follow: Follow::No, path },
            3 => Request::List { version: v1, path },
            4 => Request::List { version: v2, path },
            5 => Request::Receive { version: v2, path, flags },
            _ => Request::Send { version: v2, path, mode: Mode(mode), flags },
        }
    })
}

proptest! {
    #[test]
    fn requests_survive_any_pieces(all in prop::collection::vec(any_request(), 0..5), piece in 1_usize..50) {
        let mut bytes = Vec::new();
        for request in &all {
            request.write(&mut bytes);
            if matches!(request, Request::Send { .. }) {
                bytes.extend_from_slice(&sync::data_header(3));
                bytes.extend_from_slice(b"abc");
                Request::write_done(1, &mut bytes);
            }
        }
        prop_assert_eq!(requests(&bytes, piece).unwrap(), all);
    }

    #[test]
    fn nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..300), piece in 1_usize..50) {
        let _ = requests(&bytes, piece);
        for asked in [Asked::Send, Asked::Receive, Asked::List(Version::V1), Asked::Stat(Version::V2, Follow::No)] {
            let _ = replies(&[asked; 9], &bytes, piece);
        }
        let _ = Banner::parse(&bytes);
        let mut reader = shell::Reader::default();
        let mut rest = bytes.as_slice();
        while let Ok(Some(_)) = reader.next(&mut rest) {}
    }
}
