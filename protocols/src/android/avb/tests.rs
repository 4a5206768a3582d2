use super::*;
use crate::android::source::FileError;
use crate::android::sparse;
use proptest::prelude::*;

const TOP: &[u8] = include_bytes!("vectors/vbmeta.img");
const BOOT: &[u8] = include_bytes!("vectors/boot.img");
const SYSTEM: &[u8] = include_bytes!("vectors/vbmeta_system.img");
const DISABLED: &[u8] = include_bytes!("vectors/vbmeta-disabled.img");
const SIGNED: &[u8] = include_bytes!("vectors/boot-signed.img");
const INIT_BOOT: &[u8] = include_bytes!("vectors/init_boot.img");

fn read(image: &[u8]) -> Result<Vbmeta, AvbError> {
    Vbmeta::read(image).map_err(FileError::into_format)
}

#[test]
fn metadata_at_the_beginning_of_a_partition() {
    let top = read(TOP).unwrap();
    assert_eq!((top.algorithm, top.rollback_index, top.flags), (Algorithm(2), 1_700_000_000, Flags::default()));
    assert_eq!(top.release, "hardwire vectors 1");
    assert_eq!(top.bytes().len(), 1536);
    let names = top.descriptors.iter().map(|descriptor| match descriptor {
        Descriptor::Chain(chain) => (chain.partition.as_str(), u64::from(chain.rollback_index_location)),
        Descriptor::Hash(hash) => (hash.partition.as_str(), hash.image_len),
        Descriptor::Hashtree(tree) => (tree.partition.as_str(), tree.image_len),
        Descriptor::Other(tag) => ("", *tag),
    });
    assert_eq!(names.collect::<Vec<_>>(), [("boot", 3), ("init_boot", 300), ("", 3), ("vbmeta_system", 1)]);
}

#[test]
fn metadata_behind_a_footer() {
    let footer = Footer::read(BOOT).unwrap().unwrap();
    assert_eq!(footer, Footer { image_len: 3076, vbmeta_at: 4096, vbmeta_len: 896 });
    assert_eq!(footer.to_bytes(), BOOT[BOOT.len() - 64..]);
    let boot = read(BOOT).unwrap();
    assert_eq!(boot.rollback_index, 7);
    let key = "49944ad550616f5fcb5b6e6a9a2a47e6014b81558171e7be3628d7f5860ca3db";
    assert_eq!(boot.public_key.map(hex::encode).as_deref(), Some(key));
    assert_eq!(boot.hash_of("boot").unwrap().check(BOOT), Ok(()));
    assert_eq!(boot.hash_of("dtbo"), None);
}

#[test]
fn an_image_that_was_signed_for_real_is_for_the_key_that_others_know() {
    assert_eq!(Footer::read(SIGNED).unwrap().unwrap(), Footer { image_len: 5400, vbmeta_at: 8192, vbmeta_len: 1280 });
    let boot = read(SIGNED).unwrap();
    assert_eq!((boot.algorithm, boot.rollback_index, boot.release.as_str()), (Algorithm(1), 42, ""));
    // AOSP's testkey_rsa2048_2, as units report it.
    let key = "2bed47451bc698e9e82d92a6668bd03ab6cf8dd1a144341cb7f426f20b2879cf";
    assert_eq!(boot.public_key.map(hex::encode).as_deref(), Some(key));
    assert_eq!(boot.hash_of("boot").unwrap().check(SIGNED), Ok(()));
}

#[test]
fn metadata_in_a_sparse_image() {
    let sparse = sparse::Image::read(BOOT).unwrap().whole().to_vec(BOOT).unwrap();
    let image = sparse::Image::read(&sparse).unwrap();
    assert_eq!(Vbmeta::read(&image.expanded(&sparse)).unwrap(), read(BOOT).unwrap());
    assert_eq!(read(&sparse), Err(AvbError::Absent));
}

#[test]
fn a_hash_tree() {
    let system = read(SYSTEM).unwrap();
    let [Descriptor::Hashtree(tree)] = system.descriptors.as_slice() else { panic!("{:?}", system.descriptors) };
    assert_eq!((tree.partition.as_str(), tree.image_len, &tree.algorithm), ("system", 1 << 20, &HashAlgorithm::Sha256));
    assert_eq!((tree.salt.as_slice(), tree.root.as_slice()), ([1; 32].as_slice(), [2; 32].as_slice()));
}

#[test]
fn the_digest_that_a_booted_unit_reports() {
    let (top, boot, system) = (read(TOP).unwrap(), read(BOOT).unwrap(), read(SYSTEM).unwrap());
    let chained = |name: &str| match name {
        "boot" => Some(&boot),
        "vbmeta_system" => Some(&system),
        _ => None,
    };
    let digest = "5f0e5e22ef64042810d59cfb1642144eb1905afe091f0854f2649dc3289b1689";
    assert_eq!(chain_digest(&top, chained).map(hex::encode).as_deref(), Ok(digest));
    let missing = chain_digest(&top, |name| chained(name).filter(|_| name == "boot"));
    assert_eq!(missing, Err(ChainError::Missing("vbmeta_system".to_owned())));
    assert_eq!(chain_digest(&top, |_| Some(&system)), Err(ChainError::OtherKey("boot".to_owned())));
    // Signed for the right key, and chains further.
    assert_eq!(chain_digest(&top, |_| Some(&top)), Err(ChainError::Nested("boot".to_owned())));

    let disabled = read(DISABLED).unwrap();
    assert!(disabled.flags.contains(Flags::VERIFICATION_DISABLED));
    assert_eq!(disabled.public_key, None);
    let alone = "c2cbaeb6ef77600b0d7fb7a9d0307a61eee02ac82872b0aa86d73e21ef68ed05";
    assert_eq!(chain_digest(&disabled, |_| None).map(hex::encode).as_deref(), Ok(alone));
}

#[test]
fn another_image_than_the_metadata_speak_of() {
    let top = read(TOP).unwrap();
    let hash = top.hash_of("init_boot").unwrap();
    assert_eq!(hash.check(INIT_BOOT), Ok(()));
    assert_eq!(hash.check(&[INIT_BOOT, &[0; 100]].concat()), Ok(()));
    let mut other = INIT_BOOT.to_vec();
    other[299] ^= 1;
    assert!(matches!(hash.check(&other), Err(FileError::Format(HashError::Other { .. }))));
    let short = hash.check(&INIT_BOOT[..299]).unwrap_err().into_format();
    assert_eq!(short, HashError::Short { partition: "init_boot".to_owned(), needed: 300, present: 299 });
    let unknown = HashDescriptor { algorithm: HashAlgorithm::Other("blake2b-256".to_owned()), ..hash.clone() };
    assert!(matches!(unknown.check(INIT_BOOT), Err(FileError::Format(HashError::Algorithm { .. }))));
}

#[test]
fn every_truncation_and_every_changed_bit_of_signed_metadata_is_refused() {
    let top = read(TOP).unwrap().bytes().to_vec();
    for cut in 0..top.len() {
        assert!(Vbmeta::parse(&top[..cut]).is_err(), "{cut}");
    }
    // The signature is not looked at, and an algorithm of the future is not known here; everything else is under the
    // hash, or is the hash.
    let signature = Vbmeta::HEADER + 32..Vbmeta::HEADER + 32 + 512 + 32;
    for byte in (0..top.len()).filter(|byte| !signature.contains(byte)) {
        let mut changed = top.clone();
        changed[byte] ^= 0x10;
        assert!((28..32).contains(&byte) || Vbmeta::parse(&changed).is_err(), "{byte}");
    }
}

#[test]
fn lying_lengths_are_refused() {
    let lie = |at: usize, bytes: &[u8]| {
        let mut image = DISABLED.to_vec();
        image[at..at + bytes.len()].copy_from_slice(bytes);
        read(&image)
    };
    assert_eq!(lie(4, &[0, 0, 0, 2]), Err(AvbError::Version(2)));
    assert_eq!(lie(12, &[0xff; 16]), Err(AvbError::TooLarge { len: u64::MAX, limit: 65536 }));
    assert_eq!(lie(20, &[0, 0, 0, 0, 0, 0, 0xf0, 0]), Err(AvbError::Cut { needed: 0xf100, present: 448 }));
    for (at, part) in [(40, "hash"), (48, "signature"), (72, "public key"), (80, "key's metadata"), (96, "descriptors")]
    {
        assert_eq!(lie(at, &[0xff; 8]), Err(AvbError::Outside { part }));
    }
    let descriptor = Vbmeta::HEADER;
    for len in [0_u64, 1, 8, 9, 1000, u64::MAX] {
        assert_eq!(lie(descriptor + 8, &len.to_be_bytes()), Err(AvbError::Descriptor { at: 0 }), "{len}");
    }
    assert_eq!(lie(descriptor + 20, &[0xff; 4]), Err(AvbError::Descriptor { at: 0 }));
    assert_eq!(lie(descriptor + 92, b"\x1b[2J"), Err(AvbError::Name { at: 0 }));
    assert_eq!(lie(descriptor + 92, b"../a"), Err(AvbError::Name { at: 0 }));
}

#[test]
fn footers_that_lie_are_refused() {
    let lie = |at: usize, bytes: &[u8]| {
        let mut image = BOOT.to_vec();
        let at = image.len() - 64 + at;
        image[at..at + bytes.len()].copy_from_slice(bytes);
        read(&image)
    };
    assert_eq!(lie(4, &[0, 0, 0, 9]), Err(AvbError::Version(9)));
    let room = BOOT.len() as u64 - 64;
    assert_eq!(lie(20, &[0xff; 8]), Err(AvbError::Footer { at: u64::MAX, len: 896, room }));
    assert_eq!(lie(28, &[0xff; 8]), Err(AvbError::Footer { at: 4096, len: u64::MAX, room }));
    assert_eq!(lie(12, &[0xff; 8]), Err(AvbError::Footer { at: 4096, len: 896, room }));
    assert!(matches!(lie(28, &[0; 8]), Err(AvbError::Absent)));
    assert_eq!(read(&[]), Err(AvbError::Absent));
    assert_eq!(read(&[0; 63]), Err(AvbError::Absent));
}

proptest! {
    #[test]
    fn no_bytes_panic(noise in prop::collection::vec(any::<u8>(), 0..300), at in 0_usize..448) {
        let _ = read(&noise);
        let mut image = DISABLED.to_vec();
        let end = (at + noise.len()).min(image.len());
        image[at..end].copy_from_slice(&noise[..end - at]);
        let _ = read(&image);
        let _ = read(&[image.as_slice(), &noise].concat());
    }
}
