use super::*;
use proptest::prelude::*;

const HELLO: &[u8] = include_bytes!("vectors/hello_world-zephyr3.5.signed.bin");
const PROTECTED: &[u8] = include_bytes!("vectors/imgtool-protected.bin");
const SHA512: &[u8] = include_bytes!("vectors/imgtool-sha512.bin");
const PADDED: &[u8] = include_bytes!("vectors/imgtool-padded.bin");
const ENCRYPTED: &[u8] = include_bytes!("vectors/imgtool-encrypted.bin");

fn small() -> Vec<u8> {
    ImageBuilder::new("1.2.3+4".parse().unwrap()).build(b"a body").unwrap()
}

#[test]
fn zephyr_application() {
    let image = Image::parse(HELLO).unwrap();
    assert_eq!(image.version().to_string(), "0.0.0");
    assert_eq!((image.header.header_size, image.header.body_size), (0x200, 0x6074));
    assert_eq!(image.hash.kind, HashKind::Sha256);
    assert_eq!(hex::encode(&image.hash.bytes), "90a0d88baaa733640dab01fd8e9311dbe8ea1032966b6b286ef6ef772cc608cf");
    assert_eq!(image.content, Content::Verified);
    assert_eq!(image.len, HELLO.len());
    assert!(image.is_signed());
}

#[test]
fn protected_trailer_of_imgtool() {
    let image = Image::parse(PROTECTED).unwrap();
    assert_eq!(image.version().to_string(), "1.2.3+4");
    assert_eq!(image.content, Content::Verified);
    let counter = image.tlvs.iter().find(|tlv| tlv.kind == TlvKind::SECURITY_COUNTER).unwrap();
    assert_eq!((counter.section, counter.value.as_slice()), (TlvSection::Protected, [7, 0, 0, 0].as_slice()));
    assert!(image.tlvs.iter().any(|tlv| tlv.kind == TlvKind(0xa0) && tlv.value == [1, 2, 3, 4]));
    assert!(image.tlvs.iter().any(|tlv| tlv.kind == TlvKind::DEPENDENCY));
}

#[test]
fn other_images_of_imgtool() {
    let image = Image::parse(SHA512).unwrap();
    assert_eq!((image.hash.kind, image.content), (HashKind::Sha512, Content::Verified));

    let image = Image::parse(PADDED).unwrap();
    assert_eq!((PADDED.len(), image.is_signed()), (0x800, false));
    assert!(image.len < 0x800);

    assert_eq!(Image::parse(ENCRYPTED).unwrap().content, Content::Encrypted);
}

#[test]
fn what_we_build_is_an_image() {
    let built = ImageBuilder::new(Version { major: 9, minor: 8, revision: 7, build: 6 })
        .header_size(512)
        .flags(Flags::NON_BOOTABLE)
        .tlv(TlvSection::Protected, TlvKind::SECURITY_COUNTER, [1, 0, 0, 0])
        .tlv(TlvSection::Unprotected, TlvKind::KEY_HASH, [0; 32])
        .build(&[0x5a; 1000])
        .unwrap();
    let image = Image::parse(&built).unwrap();
    assert_eq!(image.version().to_string(), "9.8.7+6");
    assert_eq!((image.len, image.tlvs.len()), (built.len(), 3));
    assert!(image.header.flags.contains(Flags::NON_BOOTABLE));
}

#[test]
fn what_is_no_image_is_refused() {
    assert_eq!(Image::parse(b""), Err(ImageError::NotAnImage));
    assert_eq!(Image::parse(b"\x7fELF and so on"), Err(ImageError::NotAnImage));
    let mut unsigned = small();
    unsigned.truncate(Header::LEN + 6);
    unsigned.extend([0xff; 8]);
    assert!(matches!(Image::parse(&unsigned), Err(ImageError::TrailerMagic { found: 0xffff, .. })));
}

#[test]
fn every_truncation_is_refused() {
    for whole in [small().as_slice(), PROTECTED] {
        let len = Image::parse(whole).unwrap().len;
        for cut in 0..len {
            assert!(Image::parse(&whole[..cut]).is_err(), "{cut} of {len}");
        }
    }
}

#[test]
fn every_changed_bit_under_the_hash_is_refused() {
    let whole = small();
    for bit in 0..(Header::LEN + 6) * 8 {
        let mut changed = whole.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let encrypted = Image::parse(&changed).is_ok_and(|image| image.content == Content::Encrypted);
        assert!(encrypted || Image::parse(&changed).is_err(), "bit {bit}");
    }
}

#[test]
fn lying_lengths_are_refused() {
    let mut huge = small();
    huge[12..16].fill(0xff);
    assert!(matches!(Image::parse(&huge), Err(ImageError::Truncated { .. })));
    let mut small_header = small();
    small_header[8..10].copy_from_slice(&31u16.to_le_bytes());
    assert_eq!(Image::parse(&small_header), Err(ImageError::HeaderSize(31)));
    let trailer = Header::LEN + 6;
    let mut total = small();
    total[trailer + 2..trailer + 4].copy_from_slice(&3u16.to_le_bytes());
    assert_eq!(Image::parse(&total), Err(ImageError::LyingLength { at: trailer }));
    let mut entry = small();
    entry[trailer + 6..trailer + 8].copy_from_slice(&33u16.to_le_bytes());
    assert_eq!(Image::parse(&entry), Err(ImageError::LyingLength { at: trailer + 4 }));
    let mut protected = PROTECTED.to_vec();
    protected[10..12].copy_from_slice(&1u16.to_le_bytes());
    assert!(matches!(Image::parse(&protected), Err(ImageError::ProtectedSize { announced: 1, .. })));
}

#[test]
fn hashes_are_exactly_one_of_the_right_size() {
    let twice = ImageBuilder::new(Version::default())
        .tlv(TlvSection::Unprotected, TlvKind::SHA256, [0; 32])
        .build(b"x")
        .unwrap();
    assert_eq!(Image::parse(&twice), Err(ImageError::SeveralHashes));
    let mut none = small();
    none[Header::LEN + 6 + 4] = 0x7f;
    assert_eq!(Image::parse(&none), Err(ImageError::NoHash));
    let mut other = small();
    other[Header::LEN + 6 + 4] = 0x12;
    assert_eq!(Image::parse(&other), Err(ImageError::HashSize(32)));
}

proptest! {
    #[test]
    fn no_bytes_panic(noise in prop::collection::vec(any::<u8>(), 0..200), at in 0_usize..100) {
        let _ = Image::parse(&noise);
        let mut image = small();
        let at = at.min(image.len());
        let end = (at + noise.len()).min(image.len());
        image[at..end].copy_from_slice(&noise[..end - at]);
        let _ = Image::parse(&image);
    }

    #[test]
    fn whatever_is_built_reads_back(body in prop::collection::vec(any::<u8>(), 0..300), header in 0_u16..600) {
        let built = ImageBuilder::new(Version::default()).header_size(header).build(&body).unwrap();
        let image = Image::parse(&built).unwrap();
        prop_assert_eq!(image.header.body_size as usize, body.len());
        prop_assert_eq!(image.len, built.len());
    }
}
