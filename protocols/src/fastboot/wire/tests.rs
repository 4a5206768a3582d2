use super::*;
use proptest::prelude::*;

const SESSION: &str = include_str!("../vectors/session.txt");
const TCP: &str = include_str!("../vectors/tcp.txt");

fn text(text: &str) -> Text {
    Text::from(text)
}

#[test]
fn the_answers_of_the_specification_are_read_and_written_alike() {
    let answers: Vec<&str> = SESSION.lines().filter_map(|line| line.strip_prefix("< ")).collect();
    for answer in &answers {
        let read = Response::parse(answer.as_bytes()).unwrap();
        assert_eq!(read.to_bytes(), answer.as_bytes(), "{answer}");
    }
    assert_eq!(Response::parse(b"OKAY0.4"), Ok(Response::Okay(text("0.4"))));
    assert_eq!(Response::parse(b"DATA00001234"), Ok(Response::Data(0x1234)));
    assert_eq!(Response::parse(b"INFOerasing flash"), Ok(Response::Info(text("erasing flash"))));
    assert_eq!(Response::parse(b"TEXTa\nb"), Ok(Response::Text(text("a\nb"))));
    assert_eq!(Response::parse(b"MORE"), Ok(Response::More));
}

#[test]
fn what_is_no_answer_is_named() {
    assert_eq!(Response::parse(b""), Err(ResponseError::Short(0)));
    assert_eq!(Response::parse(b"OKA"), Err(ResponseError::Short(3)));
    assert_eq!(Response::parse(b"okay"), Err(ResponseError::Tag(*b"okay")));
    let error = Response::parse(b"\x1b[2Jx").unwrap_err();
    assert!(!error.to_string().contains('\u{1b}'), "{error}");
    for bytes in [&b"DATA"[..], b"DATA0000123", b"DATA+0001234", b"DATA000012340", b"DATA0x001234", b"DATA0000zzzz"] {
        assert_eq!(Response::parse(bytes), Err(ResponseError::Length), "{}", bytes.escape_ascii());
    }
    // A unit that sends its buffer as it is.
    assert_eq!(Response::parse(b"DATA00001234\0\0\0\0"), Ok(Response::Data(0x1234)));
    assert_eq!(Response::parse(b"OKAYyes\0rubbish"), Ok(Response::Okay(text("yes"))));
}

#[test]
fn a_text_that_is_too_long_is_kept_in_part() {
    let long = [&b"FAIL"[..], &[b'x'; 5 * 1024]].concat();
    let Ok(Response::Fail(kept)) = Response::parse(&long) else { panic!("a refusal") };
    assert_eq!((kept.text.len(), kept.cut), (Text::MAX, 5 * 1024 - Text::MAX));
    assert!(kept.to_string().ends_with(&format!("({} bytes more)", kept.cut)));
    assert_eq!(Response::Fail(text(&"x".repeat(9999))).to_bytes().len(), MAX_RESPONSE);
}

/// All parts of a stream that comes in pieces, joined to packets.
fn packets(stream: &[u8], piece: usize) -> Result<Vec<Vec<u8>>, FrameError> {
    let mut deframer = Deframer::new();
    let (mut packets, mut open) = (Vec::new(), Vec::new());
    for piece in stream.chunks(piece) {
        for part in deframer.push(piece)? {
            open.extend(part.bytes);
            if part.ends {
                packets.push(std::mem::take(&mut open));
            }
        }
    }
    Ok(packets)
}

#[test]
fn the_example_of_the_specification_is_read_on_both_sides_in_whatever_pieces() {
    let side = |mark: &str| -> Vec<u8> {
        let lines = TCP.lines().filter_map(|line| line.strip_prefix(mark));
        lines.flat_map(|line| hex::decode(line).unwrap()).collect()
    };
    let (host, unit) = (side("> "), side("< "));
    for piece in [1, 2, 3, 5, 8, 13, 1000] {
        assert_eq!(packets(&host, piece).unwrap(), [&b"getvar:version"[..], b"getvar:none"]);
        assert_eq!(packets(&unit, piece).unwrap(), [&b"OKAY0.4"[..], b"FAILUnknown variable"]);
    }
    assert_eq!(host[..4], HANDSHAKE);
    assert_eq!(host[4..12], header(14));
}

#[test]
fn another_protocol_is_refused_for_good_and_a_later_version_is_met_halfway() {
    let mut deframer = Deframer::new();
    assert_eq!(deframer.push(b"SSH-"), Err(FrameError::Handshake(*b"SSH-")));
    assert_eq!(deframer.push(b"FB01"), Err(FrameError::Handshake(*b"SSH-")));
    assert_eq!(Deframer::new().push(b"FBxx"), Err(FrameError::Handshake(*b"FBxx")));
    assert_eq!(Deframer::new().push(b"FB00"), Err(FrameError::Version));
    let mut later = Deframer::new();
    assert!(later.push(b"FB02").unwrap().is_empty() && later.is_greeted());
}

#[test]
fn a_length_that_lies_costs_nothing() {
    let mut deframer = Deframer::new();
    let mut stream = HANDSHAKE.to_vec();
    stream.extend(header(u64::MAX));
    stream.extend(b"OKAY");
    let parts = deframer.push(&stream).unwrap();
    assert_eq!(parts, [Part { bytes: b"OKAY".to_vec(), ends: false }]);
}

proptest! {
    #[test]
    fn packets_survive_their_frames(
        sent in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..6), piece in 1_usize..50,
    ) {
        let mut stream = HANDSHAKE.to_vec();
        for packet in &sent {
            stream.extend(header(packet.len() as u64));
            stream.extend(packet);
        }
        prop_assert_eq!(packets(&stream, piece).unwrap(), sent);
    }

    #[test]
    fn a_response_is_written_as_it_is_read(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        if let Ok(response) = Response::parse(&bytes) {
            let written = response.to_bytes();
            prop_assert!(written.len() <= MAX_RESPONSE);
            let again = Response::parse(&written).unwrap();
            prop_assert_eq!(again.to_bytes(), written);
        }
    }
}
