//! The decoders of ADB, and a connection with a unit that does whatever the input says.

use protocols::adb::message::sync::{Asked, Follow, Replies, RequestPart, Requests, Version as Records};
use protocols::adb::message::{Banner, Wanted, shell};
use protocols::adb::server::{self, Answers, Follows};
use protocols::adb::session::{Connection, Event, Policy, Step, StreamId};
use protocols::adb::wire::{Command, Deframer, MAX_PAYLOAD, Packet, Version};
use protocols::time::Moment;
use std::time::Duration;

/// Packets: the same whatever the pieces, none too long, and each survives being written again.
pub fn adb_wire(data: &[u8]) {
    let Some((&piece, data)) = data.split_first() else { return };
    for version in [Version::CHECKSUM, Version::NO_CHECKSUM] {
        let collect = |piece: usize| {
            let mut deframer = Deframer::new(MAX_PAYLOAD, version);
            let mut packets = Vec::new();
            for mut piece in data.chunks(piece.max(1)) {
                loop {
                    match deframer.next(&mut piece) {
                        Ok(Some(packet)) => packets.push(packet),
                        Ok(None) => break,
                        Err(error) => return (packets, Some(error)),
                    }
                }
            }
            (packets, None)
        };
        let whole = collect(data.len());
        assert_eq!(whole, collect(usize::from(piece)), "the pieces of the reads must not matter");
        for packet in whole.0 {
            let bytes = packet.to_bytes(version);
            assert_eq!(Deframer::new(MAX_PAYLOAD, version).next(&mut bytes.as_slice()), Ok(Some(packet)));
        }
    }
    let mut hunting = Deframer::hunting();
    let mut rest = data;
    while let Ok(Some(_)) = hunting.next(&mut rest) {}
}

/// What is said on streams, and banners.
pub fn adb_messages(data: &[u8]) {
    let banner = Banner::parse(data);
    assert!(banner.properties.len() <= 128);
    assert!(!banner.features.to_string().contains(char::is_control));
    if let Some(Some(wanted)) = data.first_chunk().map(Wanted::parse) {
        assert_eq!(Wanted::parse(&wanted.to_bytes()), Some(wanted));
    }
    assert!(server::units(data).len() <= 256);
    for follows in [Follows::Nothing, Follows::Text] {
        let (mut answers, mut rest) = (Answers::default(), data);
        while let Ok(Some(answer)) = answers.next(follows, &mut rest) {
            let bytes = answer.to_bytes();
            assert_eq!(Answers::default().next(follows, &mut bytes.as_slice()), Ok(Some(answer)));
        }
    }
    let mut rest = data;
    while let Ok(Some(_)) = server::take(&mut rest) {}
    let mut requests = Requests::default();
    let mut rest = data;
    while let Ok(Some(part)) = requests.next(&mut rest) {
        if let RequestPart::Request(request) = part {
            let mut bytes = Vec::new();
            request.write(&mut bytes);
            let again = Requests::default().next(&mut bytes.as_slice()).expect("our own");
            assert_eq!(again, Some(RequestPart::Request(request)));
        }
    }
    for asked in [
        Asked::Send,
        Asked::Receive,
        Asked::List(Records::V1),
        Asked::List(Records::V2),
        Asked::Stat(Records::V1, Follow::No),
        Asked::Stat(Records::V2, Follow::Yes),
    ] {
        let mut replies = Replies::default();
        let mut rest = data;
        while let Ok(Some(_)) = replies.next(asked, &mut rest) {}
    }
    let mut reader = shell::Reader::default();
    let (mut rest, mut came) = (data, 0);
    while let Ok(Some(part)) = reader.next(&mut rest) {
        came += part.data.len();
    }
    assert!(came <= data.len());
}

/// A unit that answers whatever the input says, and a caller that does too. Nothing is written beyond the room there
/// is, and a failure stays one.
pub fn adb_sessions(data: &[u8]) {
    let mut now = Moment::START;
    let mut connection = Connection::new(now, Policy { person: Duration::from_secs(1), ..Policy::default() });
    let mut streams: Vec<StreamId> = Vec::new();
    let banner: &[u8] = if data.len().is_multiple_of(2) { b"device::features=delayed_ack" } else { b"device::" };
    let mut scripted = vec![Packet::new(Command::CNXN, Version::NO_CHECKSUM.0, MAX_PAYLOAD, banner)];
    for act in data.chunks(4) {
        let &[act, a, b, c] = act else { break };
        let commands = [Command::OKAY, Command::WRTE, Command::CLSE, Command::OPEN, Command::CNXN, Command::AUTH];
        match act % 16 {
            0..8 => {
                let command = commands[usize::from(act >> 4) % commands.len()];
                let len = if command == Command::OKAY { usize::from(c & 4) } else { usize::from(c) };
                scripted.push(Packet::new(command, a.into(), b.into(), vec![c; len]));
            }
            8 | 9 => streams.extend(connection.open(b"shell:")),
            10 | 11 => {
                if let Some(stream) = streams.get(usize::from(a) % streams.len().max(1)) {
                    let room = connection.room(*stream);
                    let len = usize::from(b) << (c % 16);
                    assert!(!connection.write(*stream, vec![0; len]).is_ok_and(|()| len > room));
                }
            }
            12 => {
                if let Some(stream) = streams.get(usize::from(a) % streams.len().max(1)) {
                    connection.close(*stream);
                }
            }
            13 => now += Duration::from_millis(u64::from(a) * 40),
            14 => connection.sign(vec![a; 256]),
            _ => connection.on_bytes(now, &[a, b, c]),
        }
        for packet in scripted.drain(..) {
            connection.on_bytes(now, &packet.to_bytes(Version::CHECKSUM));
        }
        for turn in 0.. {
            assert!(turn < 10_000, "a connection that does not rest");
            match connection.next(now) {
                Step::Send(packet) => assert!(packet.payload.len() <= MAX_PAYLOAD as usize),
                Step::Event(Event::Token(_)) => connection.offer(now, b"key"),
                Step::Event(_) => {}
                Step::WaitUntil(until) => {
                    assert!(until > now, "waiting for what has passed");
                    break;
                }
                Step::Wait => break,
                Step::Failed(failure) => {
                    assert!(!failure.to_string().contains(char::is_control));
                    assert_eq!(connection.next(now), Step::Failed(failure));
                    return;
                }
            }
        }
    }
}
