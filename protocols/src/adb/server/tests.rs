use proptest::prelude::*;

use super::*;
use crate::adb::message::shell::{Kind, Reader};
use crate::adb::message::{SystemKind, feature};

/// Two generations of Google's client and server.
const CAPTURES: [(&[u8], &[u8]); 2] = [
    (include_bytes!("../vectors/server34.host.bin"), include_bytes!("../vectors/server34.server.bin")),
    (include_bytes!("../vectors/server29.host.bin"), include_bytes!("../vectors/server29.server.bin")),
];

fn answer(follows: Follows, bytes: &mut &[u8]) -> Answer {
    Answers::default().next(follows, bytes).unwrap().expect("a whole answer")
}

#[test]
fn what_googles_server_answers_is_understood() {
    for (_, mut server) in CAPTURES {
        let Answer::Text(list) = answer(Follows::Text, &mut server) else { panic!("a list") };
        let [unit] = units(&list).try_into().unwrap();
        assert!(unit.serial.starts_with("127.0.0.1:"), "{unit:?}");
        assert_eq!(
            (unit.state, unit.port, unit.transport),
            (State::Online(SystemKind::Device), None, Some(Transport(1)))
        );
        let Answer::Text(list) = answer(Follows::Text, &mut server) else { panic!("features") };
        let features = features(&list);
        assert!(features.has(feature::SHELL_V2) && features.has(feature::SENDRECV_V2_ZSTD), "{features}");
        assert_eq!(answer(Follows::Text, &mut server), Answer::Failed(b"device 'nosuch' not found".to_vec()));
        // A service that the unit does not have, once the unit was chosen.
        assert_eq!(answer(Follows::Nothing, &mut server), Answer::Okay);
        assert_eq!(answer(Follows::Nothing, &mut server), Answer::Failed(b"closed".to_vec()));
        // `host:tport:` tells the number of the transport behind its OKAY; then the stream goes through as it is.
        assert_eq!(answer(Follows::Nothing, &mut server), Answer::Okay);
        assert_eq!(server.split_off(..8), Some(1_u64.to_le_bytes().as_slice()));
        assert_eq!(answer(Follows::Nothing, &mut server), Answer::Okay);
        let (mut reader, mut said) = (Reader::default(), Vec::new());
        while let Some(part) = reader.next(&mut server).unwrap() {
            said.push((part.kind, part.data.to_vec()));
        }
        let expected = [(Kind::Stdout, &b"out\n"[..]), (Kind::Stderr, b"err\n"), (Kind::Exit, b"\x2a")];
        assert_eq!(said, expected.map(|(kind, data)| (kind, data.to_vec())));
    }
}

#[test]
fn requests_are_framed_as_googles_client_does() {
    for (mut host, _) in CAPTURES {
        assert!(host.starts_with(&Request::Units.to_bytes().unwrap()));
        let mut asked = Vec::new();
        while let Some(name) = take(&mut host).unwrap_or(None) {
            asked.push(String::from_utf8(name.to_vec()).unwrap());
        }
        assert_eq!(asked[0], "host:devices-l");
        assert!(asked[1].ends_with(":features") && asked[2] == "host-serial:nosuch:features", "{asked:?}");
        assert_eq!(asked[3..5], ["host:transport-id:1", "nosuch:true"]);
        assert_eq!(Request::Transport(Transport(1)).to_bytes().unwrap(), b"0013host:transport-id:1");
        assert!(asked[6].ends_with("raw:echo out; echo err >&2; exit 42"), "{asked:?}");
        assert_eq!(host, b"\x04\0\0\0\0", "what is left is the stream's");
    }
    assert_eq!(Request::Service(&[b'x'; 65_535]).to_bytes().unwrap()[..4], *b"ffff");
    assert_eq!(Request::Service(&[b'x'; 65_536]).to_bytes(), Err(TooLong(65_536)));
}

#[test]
fn a_list_is_read_whatever_stands_in_it() {
    let list = b"PH-0421                device usb:1-2.3 product:kiosk model:Kiosk_One device:kiosk transport_id:7\n\
        R58N123                unauthorized usb:1-4 transport_id:9\n\
        0123456789             no permissions (missing udev rules?); see [http://x.y/z] usb:2-1 transport_id:4\n\
        old                    device\n\nlonely\nodd \x1b[2J usb:1-7 usb:1-8 transport_id:99999999999999999999\n";
    let [kiosk, asks, shut, old, odd] = units(list).try_into().unwrap();
    assert!(kiosk.is_called("PH-0421") && kiosk.is_called("usb:1-2.3") && !kiosk.is_called("PH-042"));
    assert_eq!((kiosk.state, kiosk.transport), (State::Online(SystemKind::Device), Some(Transport(7))));
    assert_eq!((asks.state, asks.port.as_deref()), (State::Unauthorized, Some("usb:1-4")));
    assert_eq!(
        (shut.state, shut.port.as_deref(), shut.transport),
        (State::NoPermissions, Some("usb:2-1"), Some(Transport(4)))
    );
    assert_eq!((old.state, old.transport), (State::Online(SystemKind::Device), None));
    assert_eq!(
        (odd.state, odd.port.as_deref(), odd.transport),
        (State::Other("\x1b[2J".into()), Some("usb:1-7"), None)
    );
    assert_eq!(units(&b"a device\n".repeat(9999)).len(), 256);
    assert_eq!(State::parse("authorizing"), State::Connecting);
}

#[test]
fn an_answer_is_whole_or_awaited_and_nonsense_is_told() {
    for (bytes, error) in [
        (&b"HTTP/1.1 400"[..], ServerError::Status(*b"HTTP")),
        (b"OKAYzzzz", ServerError::Length(*b"zzzz")),
        (b"OKAY+001x", ServerError::Length(*b"+001")),
        (b"FAIL 12x", ServerError::Length(*b" 12x")),
    ] {
        assert_eq!(Answers::default().next(Follows::Text, &mut &*bytes), Err(error));
    }
    for short in [&b""[..], b"OK", b"OKAY00", b"OKAY0003ab"] {
        let mut rest = short;
        assert_eq!(Answers::default().next(Follows::Text, &mut rest), Ok(None));
        assert!(rest.is_empty());
    }
    assert_eq!(take(&mut &b"0004ab"[..]), Ok(None));
    assert_eq!(take(&mut &b"host"[..]), Err(ServerError::Length(*b"host")));
}

proptest! {
    #[test]
    fn answers_come_whole_whatever_the_pieces(text: Vec<u8>, fails: bool, piece in 1_usize..9, rest: Vec<u8>) {
        let answer = if fails { Answer::Failed(text) } else { Answer::Text(text) };
        let bytes = [answer.to_bytes(), rest.clone()].concat();
        let mut answers = Answers::default();
        let mut bytes = bytes.as_slice();
        let found = loop {
            let (mut part, after) = bytes.split_at(piece.min(bytes.len()));
            let found = answers.next(Follows::Text, &mut part).unwrap();
            if let Some(found) = found {
                prop_assert_eq!([part, after].concat(), rest);
                break found;
            }
            prop_assert!(part.is_empty());
            bytes = after;
        };
        prop_assert_eq!(found, answer);
    }

    #[test]
    fn requests_are_taken_as_they_were_made(name in proptest::collection::vec(any::<u8>(), 0..600)) {
        let bytes = Request::Service(&name).to_bytes().unwrap();
        let mut rest = bytes.as_slice();
        prop_assert_eq!(take(&mut rest).unwrap(), Some(name.as_slice()));
        prop_assert!(rest.is_empty());
    }
}
