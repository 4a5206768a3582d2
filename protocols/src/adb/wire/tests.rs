use super::*;
use proptest::prelude::*;

/// The first packet of Google's client: `vectors/README.md`.
fn cnxn() -> &'static [u8] {
    &include_bytes!("../vectors/adbd34.host.bin")[..258]
}

fn all(deframer: &mut Deframer, bytes: &[u8], piece: usize) -> Result<Vec<Packet>, WireError> {
    let mut packets = Vec::new();
    for mut piece in bytes.chunks(piece.max(1)) {
        while let Some(packet) = deframer.next(&mut piece)? {
            packets.push(packet);
        }
    }
    Ok(packets)
}

fn strict() -> Deframer {
    Deframer::new(MAX_PAYLOAD, Version::NO_CHECKSUM)
}

#[test]
fn the_first_packet_of_a_foreign_host() {
    let packets = all(&mut Deframer::new(MAX_PAYLOAD, Version::CHECKSUM), cnxn(), cnxn().len()).unwrap();
    let [packet] = packets.as_slice() else { panic!("{packets:?}") };
    assert_eq!((packet.command, packet.arg0, packet.arg1), (Command::CNXN, Version::NO_CHECKSUM.0, MAX_PAYLOAD));
    assert!(packet.payload.starts_with(b"host::features="));
    assert_eq!(packet.to_bytes(Version::CHECKSUM), cnxn());
}

#[test]
fn a_payload_of_four_gigabytes_is_refused_before_any_of_it_is_taken_in() {
    let header = Header { command: Command::WRTE, arg0: 1, arg1: 1, len: u32::MAX, check: 0 };
    let refused = strict().next(&mut header.to_bytes().as_slice());
    let most = MAX_PAYLOAD;
    assert_eq!(refused, Err(WireError::TooLong { command: Command::WRTE, claimed: u32::MAX, most }));
    let mut agreed = strict();
    agreed.agree(4096, Version::NO_CHECKSUM);
    let header = Header { len: 4097, ..header };
    assert!(matches!(agreed.next(&mut header.to_bytes().as_slice()), Err(WireError::TooLong { most: 4096, .. })));
}

#[test]
fn a_wrong_magic_and_a_wrong_checksum_are_told_apart() {
    let packet = Packet::new(Command::WRTE, 1, 2, *b"abc");
    let mut bytes = packet.to_bytes(Version::CHECKSUM);
    bytes[26] ^= 1;
    let refused = Deframer::new(MAX_PAYLOAD, Version::CHECKSUM).next(&mut bytes.as_slice());
    assert_eq!(refused, Err(WireError::Checksum { command: Command::WRTE, claimed: 294, computed: 293 }));
    assert!(strict().next(&mut bytes.as_slice()).unwrap().is_some(), "the later version has no checksum");
    bytes[20] ^= 1;
    assert!(matches!(strict().next(&mut bytes.as_slice()), Err(WireError::Header(HeaderError::Magic { .. }))));
}

#[test]
fn what_was_left_on_the_line_is_passed_over_until_a_packet_begins() {
    let mut line = b"rest of a payload CNXN and more".to_vec();
    line.extend_from_slice(cnxn());
    let packets = all(&mut Deframer::hunting(), &line, 7).unwrap();
    assert_eq!(packets.len(), 1);
    let flood = vec![0x41; 5 << 20];
    assert!(matches!(all(&mut Deframer::hunting(), &flood, 1 << 16), Err(WireError::Noise(_))));
}

proptest! {
    #[test]
    fn packets_survive_any_pieces(
        packets in prop::collection::vec((any::<u32>(), any::<u32>(), any::<u32>(), prop::collection::vec(any::<u8>(), 0..300)), 0..5),
        piece in 1_usize..400,
        checksums in any::<bool>(),
    ) {
        let version = if checksums { Version::CHECKSUM } else { Version::NO_CHECKSUM };
        let packets: Vec<Packet> =
            packets.into_iter().map(|(command, a, b, payload)| Packet::new(Command(command), a, b, payload)).collect();
        let bytes: Vec<u8> = packets.iter().flat_map(|packet| packet.to_bytes(version)).collect();
        prop_assert_eq!(all(&mut Deframer::new(MAX_PAYLOAD, version), &bytes, piece).unwrap(), packets);
    }

    #[test]
    fn nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), piece in 1_usize..50) {
        let _ = all(&mut strict(), &bytes, piece);
        let _ = all(&mut Deframer::hunting(), &bytes, piece);
    }
}
