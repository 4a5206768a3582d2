use super::*;
use proptest::prelude::*;

/// The example of the Python package `smp` 4.2.0 (its `packet.encode`): "Hello, world!" in one line, and in lines of 8.
const HELLO: &[u8] = b"\x06\x09AA9IZWxsbywgd29ybGQhet4=\n";
const HELLO_LINES: &[u8] = b"\x06\x09AA9I\n\x04\x14ZWxs\n\x04\x14bywg\n\x04\x14d29y\n\x04\x14bGQh\n\x04\x14et4=\n";

fn deframer() -> Deframer {
    Deframer::new(Framing::default(), 512)
}

fn push(bytes: &[u8]) -> Vec<Received> {
    deframer().push(bytes)
}

fn frame(text: &[u8]) -> Received {
    Received::Frame(text.to_vec())
}

fn noise(text: &[u8]) -> Received {
    Received::Noise(text.to_vec())
}

fn error(received: &[Received]) -> FrameError {
    match received {
        [Received::Error(error)] => error.clone(),
        other => panic!("{other:?}"),
    }
}

fn encoded(message: &[u8]) -> Vec<u8> {
    Framer::encode(message, LineLength::default()).unwrap()
}

/// A first line around any bytes, checksum and length as given.
fn line(packet: &[u8]) -> Vec<u8> {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(packet);
    [FIRST_LINE.as_slice(), text.as_bytes(), b"\n"].concat()
}

#[test]
fn the_foreign_example_both_ways() {
    assert_eq!(push(HELLO), [frame(b"Hello, world!")]);
    assert_eq!(push(HELLO_LINES), [frame(b"Hello, world!")]);
    assert_eq!(encoded(b"Hello, world!"), HELLO);
    assert_eq!(Framer::encode(b"Hello, world!", LineLength::new(8).unwrap()).unwrap(), HELLO_LINES);
}

#[test]
fn nothing_and_less_than_a_frame() {
    assert_eq!(push(b""), []);
    for cut in 0..HELLO.len() {
        assert_eq!(push(&HELLO[..cut]), [], "{cut}");
    }
}

#[test]
fn two_frames_in_one_read_and_one_in_twenty() {
    assert_eq!(push(&[HELLO, HELLO_LINES].concat()), [frame(b"Hello, world!"), frame(b"Hello, world!")]);
    let mut deframer = deframer();
    let size = HELLO_LINES.len().div_ceil(20);
    let received: Vec<_> = HELLO_LINES.chunks(size).flat_map(|piece| deframer.push(piece)).collect();
    assert_eq!(received, [frame(b"Hello, world!")]);
}

#[test]
fn text_before_between_and_within_messages_is_noise() {
    let (first, rest) = HELLO_LINES.split_at(7);
    let bytes = [b"*** Booting ***\r\n\r\nuart:~$ ", first, b"<inf> app: tick\r\n", rest, b"done\n"].concat();
    let expected = [
        noise(b"*** Booting ***"),
        noise(b"uart:~$ "),
        noise(b"<inf> app: tick"),
        frame(b"Hello, world!"),
        noise(b"done"),
    ];
    assert_eq!(push(&bytes), expected);
}

#[test]
fn carriage_returns_and_bare_markers_do_no_harm() {
    let with_returns = HELLO_LINES.split_inclusive(|byte| *byte == b'\n').fold(Vec::new(), |mut all, line| {
        all.extend_from_slice(&line[..line.len() - 1]);
        all.extend_from_slice(b"\r\n");
        all
    });
    assert_eq!(push(&with_returns), [frame(b"Hello, world!")]);
    // Half a marker is text; the marker after it counts.
    assert_eq!(push(&[b"\x06", HELLO].concat()), [noise(b"\x06"), frame(b"Hello, world!")]);
    assert_eq!(push(b"a\x06b\x04\n"), [noise(b"a\x06b\x04")]);
}

#[test]
fn a_line_cut_short_costs_that_frame_only() {
    let half = &HELLO[..14];
    let received = push(&[half, HELLO].concat());
    assert_eq!(received.last(), Some(&frame(b"Hello, world!")));
    assert!(matches!(received[0], Received::Error(FrameError::Truncated { claimed: 15, .. })), "{received:?}");
    // A lost line in the middle: the frame is short when the next begins.
    let lost = [&HELLO_LINES[..14], &HELLO_LINES[21..], HELLO].concat();
    assert_eq!(push(&lost).last(), Some(&frame(b"Hello, world!")));
}

#[test]
fn every_damaged_bit_is_noticed() {
    for bit in 16..(HELLO.len() - 1) * 8 {
        let mut damaged = HELLO.to_vec();
        damaged[bit / 8] ^= 1 << (bit % 8);
        let received = push(&[damaged.as_slice(), HELLO].concat());
        let frames = received.iter().filter(|received| matches!(received, Received::Frame(_))).count();
        // The last character carries two bits of padding, which mean nothing.
        let padding = received[..received.len() - 1].iter().all(|other| *other == frame(b"Hello, world!"));
        assert!(frames == 1 || padding, "bit {bit}: {received:?}");
        assert_eq!(received.last(), Some(&frame(b"Hello, world!")), "bit {bit}");
    }
}

#[test]
fn lying_lengths_are_told_apart() {
    assert_eq!(error(&push(&line(&[0xff, 0xff, 1, 2, 3]))), FrameError::TooLong { claimed: 0xffff, limit: 514 });
    assert_eq!(error(&push(&line(&[0, 2, 1, 2]))), FrameError::TooShort { claimed: 2 });
    assert_eq!(error(&push(&line(&[0, 4, 1, 2, 3, 4, 5, 6]))), FrameError::Overrun { claimed: 4, present: 6 });
    assert_eq!(error(&push(&line(&[0, 4, 1, 2, 0, 0]))), FrameError::Crc { claimed: 0, computed: 0x1373 });
    assert_eq!(error(&push(&HELLO_LINES[7..14])), FrameError::Orphan);
    assert_eq!(error(&push(b"\x06\x09!!!!\n")), FrameError::Base64);
}

#[test]
fn memory_is_bounded() {
    let mut deframer = deframer();
    deframer.push(&FIRST_LINE);
    let mut errors = 0;
    for _ in 0..10_000 {
        errors += deframer.push(&[b'A'; 100]).len();
    }
    assert_eq!(errors, 1, "one line, one error");
    assert_eq!(deframer.push(&[b"\n", HELLO].concat()), [frame(b"Hello, world!")]);
    let received = push(&[b'x'; 10_000]);
    assert!(received.iter().all(|received| matches!(received, Received::Noise(text) if text.len() <= 256)));
}

#[test]
fn an_unfinished_line_can_be_asked_for() {
    let mut deframer = deframer();
    assert_eq!(deframer.push(b"uart:~$ "), []);
    assert_eq!(deframer.reset(), b"uart:~$ ");
    deframer.push(&HELLO[..9]);
    assert_eq!(deframer.reset(), b"");
    assert_eq!(deframer.push(HELLO), [frame(b"Hello, world!")]);
}

const ECHO: &[u8] = &[0x0a, 0, 0, 5, 0, 0, 42, 0, 0xa1, 0x61, b'd', 0x61, b'x'];

#[test]
fn bare_messages() {
    let mut deframer = Deframer::new(Framing::Raw, 64);
    assert_eq!(deframer.push(&[ECHO, ECHO, &ECHO[..6]].concat()), [frame(ECHO), frame(ECHO)]);
    assert_eq!(deframer.push(&ECHO[6..]), [frame(ECHO)]);
    let received = deframer.push(&[b"boot ok\r\n", ECHO].concat());
    assert_eq!(received.last(), Some(&frame(ECHO)));
    assert!(matches!(&received[0], Received::Noise(text) if text.starts_with(b"boot ok")));
    // A header that announces too much is not one.
    let long = [0x0a, 0, 0xff, 0, 0, 0, 0, 0];
    assert_eq!(deframer.push(&[&long, ECHO].concat()).last(), Some(&frame(ECHO)));
}

proptest! {
    #[test]
    fn no_bytes_panic(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..20)) {
        for framing in [Framing::default(), Framing::Raw] {
            let mut deframer = Deframer::new(framing, 256);
            for piece in &pieces {
                deframer.push(piece);
            }
            deframer.reset();
        }
    }

    /// Characters that frames are made of, so that parsing gets far.
    #[test]
    fn no_frames_panic(bytes in prop::collection::vec(prop::sample::select(b"\x06\x09\x04\x14\r\nAB+/=z".to_vec()), 0..400)) {
        deframer().push(&bytes);
    }

    #[test]
    fn messages_come_through(
        messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..400), 1..5),
        texts in prop::collection::vec("[ -~]{0,40}", 5),
        line in 7_u16..300,
        piece in 1_usize..200,
    ) {
        let mut stream = Vec::new();
        for (message, text) in messages.iter().zip(&texts) {
            stream.extend_from_slice(text.as_bytes());
            if text.len() % 2 == 0 {
                stream.extend_from_slice(b"\r\n");
            }
            stream.extend(Framer::encode(message, LineLength::new(line).unwrap()).unwrap());
        }
        let mut deframer = deframer();
        let received: Vec<_> = stream.chunks(piece).flat_map(|piece| deframer.push(piece)).collect();
        let frames: Vec<_> = received
            .into_iter()
            .filter_map(|received| if let Received::Frame(frame) = received { Some(frame) } else { None })
            .collect();
        prop_assert_eq!(frames, messages);
    }
}
