//! What the fuzzer runs: one function a decoder, which panics when a promise does not hold.
//!
//! Plain functions of bytes, so that `protocols/tests/fuzz_targets.rs` runs them on a stable compiler too.

mod adb;
mod android;
mod dfu;
mod fastboot;

use protocols::mcuboot::{Content, Header as ImageHeader, Image};
use protocols::smp::Header;
use protocols::smp::message::{COMMANDS, Command, Message, fs, image, os};
use protocols::smp::session::{
    Exchange, FileDownload, FileUpload, ImageTarget, ImageUpload, Limits, Line, RetryPolicy, Session, Step,
    TransferPolicy,
};
use protocols::smp::wire::{Deframer, Framer, Framing, LineLength, Received};
use protocols::time::Moment;
use std::time::Duration;

const MAX_MESSAGE: usize = 1024;

/// A target: panics when a promise does not hold for these bytes.
pub type Target = fn(&[u8]);

/// Every target by name, for whoever runs all of them.
pub const ALL: &[(&str, Target)] = &[
    ("console_frames", console_frames),
    ("raw_frames", raw_frames),
    ("messages", messages),
    ("bodies", bodies),
    ("mcuboot_image", mcuboot_image),
    ("sessions", sessions),
    ("usb_descriptors", usb_descriptors),
    ("dfu_wire", dfu_wire),
    ("dfu_sessions", dfu_sessions),
    ("dfu_files", dfu_files),
    ("fastboot_wire", fastboot_wire),
    ("fastboot_sessions", fastboot_sessions),
    ("sparse_images", sparse_images),
    ("factory_archives", factory_archives),
    ("packages", packages),
    ("avb_metadata", avb_metadata),
    ("adb_wire", adb_wire),
    ("adb_messages", adb_messages),
    ("adb_sessions", adb_sessions),
];

pub use adb::{adb_messages, adb_sessions, adb_wire};
pub use android::{avb_metadata, factory_archives, packages, sparse_images};
pub use dfu::{dfu_files, dfu_sessions, dfu_wire, usb_descriptors};
pub use fastboot::{fastboot_sessions, fastboot_wire};

/// Console framing: the same frames whatever the pieces, none too long, and each survives being framed again.
pub fn console_frames(data: &[u8]) {
    frames(Framing::default(), data);
}

/// Bare messages: as above.
pub fn raw_frames(data: &[u8]) {
    frames(Framing::Raw, data);
}

fn frames(framing: Framing, data: &[u8]) {
    let Some((&piece, data)) = data.split_first() else { return };
    let collect = |piece: usize| -> Vec<Vec<u8>> {
        let mut deframer = Deframer::new(framing, MAX_MESSAGE);
        let mut frames = Vec::new();
        for piece in data.chunks(piece) {
            for received in deframer.push(piece) {
                match received {
                    Received::Frame(frame) => frames.push(frame),
                    Received::Noise(noise) => assert!(!noise.is_empty() && noise.len() <= MAX_MESSAGE + 256),
                    Received::Error(error) => assert!(!error.to_string().is_empty()),
                }
            }
        }
        deframer.reset();
        frames
    };
    let whole = collect(data.len().max(1));
    assert_eq!(whole, collect(usize::from(piece).max(1)), "the pieces of the reads must not matter");
    for frame in whole {
        assert!(frame.len() <= MAX_MESSAGE);
        let again = Framer::new(framing).frame(&frame).expect("short enough");
        let received = Deframer::new(framing, MAX_MESSAGE).push(&again);
        assert_eq!(received, [Received::Frame(frame)]);
    }
}

/// A message with its header.
pub fn messages(data: &[u8]) {
    let Ok(message) = Message::parse(data) else { return };
    assert!(message.body.len() + Header::LEN <= data.len());
    if let Some(command) = Command::find(&message.header) {
        one_command(command, &message);
    }
}

/// A body, read as every request and every reply there is.
pub fn bodies(data: &[u8]) {
    let header = Header::parse(&[0x0b, 0, 0, 0, 0, 0, 0, 0]).expect("a valid header");
    for command in COMMANDS {
        one_command(command, &Message { header, body: data });
    }
}

/// What is read and written again reads the same, and what is shown holds no control characters.
fn one_command(command: &Command, message: &Message<'_>) {
    if let Ok(once) = command.rewrite_request(message.body) {
        assert_eq!(command.rewrite_request(&once).expect("our own"), once);
    }
    match command.rewrite_reply(message) {
        Ok(once) => {
            let again = Message { body: &once, ..*message };
            assert_eq!(command.rewrite_reply(&again).expect("our own"), once);
            let shown = format!("{:?}", command.read_reply(&again).expect("our own"));
            assert!(!shown.contains(char::is_control), "{shown}");
        }
        Err(error) => {
            let mut error: Option<&dyn std::error::Error> = Some(&error);
            while let Some(cause) = error {
                let shown = cause.to_string();
                assert!(!shown.contains(char::is_control), "{shown}");
                error = cause.source();
            }
        }
    }
}

/// A file that may be an image.
pub fn mcuboot_image(data: &[u8]) {
    let header = ImageHeader::parse(data);
    if let Ok(image) = Image::parse(data) {
        assert_eq!(Some(image.header), header);
        assert!(image.len <= data.len());
        assert_eq!(image.hash.bytes.len(), image.hash.kind.size());
        if image.content == Content::Verified && image.header.body_size > 0 {
            let mut damaged = data.to_vec();
            damaged[usize::from(image.header.header_size)] ^= 1;
            assert!(Image::parse(&damaged).is_err(), "a changed body must not pass");
        }
    }
}

/// A unit that answers whatever the input says. Every session must end, within bounds, and without a panic.
pub fn sessions(data: &[u8]) {
    let Some((&kind, script)) = data.split_first() else { return };
    let framing = Framing::Console(LineLength::default());
    let mut line = Line::new(framing);
    let limits = Limits { message: 200, window: 4 };
    let content: Vec<u8> = (0..1500_u16).map(|n| n as u8).collect();
    match kind % 4 {
        0 => drive(&mut Exchange::new(&mut line, os::OsInfo::default(), RetryPolicy::COMMAND), script),
        1 => drive(
            &mut ImageUpload::new(&mut line, ImageTarget::default(), &content, limits, TransferPolicy::IMAGE),
            script,
        ),
        2 => drive(&mut FileUpload::new(&mut line, "/lfs/a", &content, limits, TransferPolicy::FILE), script),
        _ => drive(&mut FileDownload::new(&mut line, "/lfs/a", 10_000, limits, TransferPolicy::FILE), script),
    }
}

/// The script is a row of answers: what to do, and for most of them a number.
fn drive<S: Session>(session: &mut S, script: &[u8]) {
    let mut now = Moment::START;
    let mut unit = Deframer::new(Framing::default(), MAX_MESSAGE);
    let mut asked: Vec<Header> = Vec::new();
    let mut script = script.chunks(3);
    for _ in 0..200_000 {
        match session.next(now) {
            Step::Send(bytes) => {
                for received in unit.push(&bytes) {
                    if let Received::Frame(message) = received {
                        asked.push(Header::parse(&message).expect("our own"));
                    }
                }
            }
            Step::Noise(text) => assert!(text.raw().len() <= 4 * 1024),
            Step::Progress(progress) => assert!(progress.done <= progress.total),
            Step::Done(_) | Step::Failed(_) => return,
            Step::WaitUntil(until) => {
                assert!(until > now, "waiting for what has passed");
                match script.next() {
                    Some(&[act, high, low]) => {
                        now += Duration::from_millis(u64::from(act));
                        let answer = answer(act, u16::from_be_bytes([high, low]), &mut asked);
                        session.on_bytes(now, &answer);
                    }
                    Some(rest) => session.on_bytes(now, rest),
                    None => now = until,
                }
            }
        }
    }
    panic!("a session that does not end");
}

fn answer(act: u8, number: u16, asked: &mut Vec<Header>) -> Vec<u8> {
    use protocols::smp::message::{Refusal, encode_refusal, encode_reply};
    // The oldest request usually, at times one that is answered a second time or out of order.
    let request = match act >> 6 {
        _ if asked.is_empty() => return number.to_be_bytes().to_vec(),
        0 => asked[usize::from(number) % asked.len()],
        1 => asked[0],
        _ => asked.remove(0),
    };
    let off = u64::from(number % 2000);
    let message = match act & 7 {
        0 => encode_refusal(&Refusal::common(i64::from(number % 14) + 1), &request),
        1 => encode_refusal(&Refusal { at: Some(off), ..Refusal::group(request.group, 11) }, &request),
        2 | 3 => encode_reply::<image::Upload>(
            &image::UploadReply { off: Some(off), matches: number.is_multiple_of(2).then_some(true) },
            &request,
        ),
        4 | 5 => {
            let data = vec![0x55; usize::from(number % 300)];
            let len = number.is_multiple_of(3).then_some(u64::from(number));
            let off = u64::from(number >> 8) * 100;
            encode_reply::<fs::Download>(&fs::DownloadReply { off, data: data.into(), len }, &request)
        }
        6 => encode_reply::<fs::Upload>(&fs::UploadReply { off }, &request),
        _ => return [b"\x06\x09".as_slice(), &number.to_be_bytes(), b"\n"].concat(),
    };
    let message = message.expect("short enough");
    Framer::default().frame(&message).expect("short enough")
}
