use super::*;
use proptest::prelude::*;

const BASE: &[u8] = include_bytes!("vectors/base.apk");
const SPLIT: &[u8] = include_bytes!("vectors/split.apk");
const V1: &[u8] = include_bytes!("vectors/v1.apk");
/// As `apksigner verify --print-certs` names it.
const CERTIFICATE: &str = "4ca1b9c090a56b0c8d8425bedbf184106c576ad57723493637870bb86f19293f";

fn read(file: &[u8]) -> Result<Apk, ApkError> {
    Apk::read(file).map_err(FileError::into_format)
}

/// The unpacked manifest of the base.
fn manifest() -> Vec<u8> {
    Archive::open(BASE).unwrap().read(BASE, "AndroidManifest.xml", MAX_MANIFEST).unwrap()
}

#[test]
fn a_package_of_the_field() {
    let apk = read(BASE).unwrap();
    assert_eq!(
        apk.manifest,
        Manifest {
            package: "org.example.kiosk".to_owned(),
            version_code: 1203,
            version_name: Some("1.2.3-β".to_owned()),
            split: None,
            min_sdk: Some(21),
            target_sdk: Some(29),
            test_only: true,
        }
    );
    assert_eq!(apk.abis.iter().collect::<Vec<_>>(), ["arm64-v8a", "x86_64"]);
    assert_eq!(apk.certificates.iter().map(hex::encode).collect::<Vec<_>>(), [CERTIFICATE]);
    assert!(apk.runs_on(["armeabi-v7a", "arm64-v8a"]));
    assert!(!apk.runs_on(["armeabi-v7a", "armeabi"]));
}

#[test]
fn a_split_of_it() {
    let apk = read(SPLIT).unwrap();
    assert_eq!(apk.manifest.package, "org.example.kiosk");
    assert_eq!(apk.manifest.split.as_deref(), Some("config.arm64_v8a"));
    assert_eq!((apk.manifest.version_code, apk.manifest.version_name), ((2 << 32) + 1203, None));
    assert_eq!((apk.manifest.min_sdk, apk.manifest.test_only), (None, false));
    assert_eq!(apk.certificates.iter().map(hex::encode).collect::<Vec<_>>(), [CERTIFICATE]);
}

#[test]
fn certificates_are_found_without_reading_the_rest() {
    let alone = |file: &[u8]| certificates(file).map_err(FileError::into_format);
    assert_eq!(alone(SPLIT).unwrap(), read(SPLIT).unwrap().certificates);
    assert_eq!(alone(V1), Ok(Vec::new()));
    let mut far = BASE.to_vec();
    let at = far.len() - 6;
    far[at..at + 4].fill(0xfe);
    assert!(alone(&far).is_err());
}

#[test]
fn a_package_signed_in_the_oldest_way_shows_no_certificate() {
    let apk = read(V1).unwrap();
    assert_eq!((apk.manifest.package.as_str(), apk.certificates.len()), ("org.example.kiosk", 0));
}

#[test]
fn what_is_no_package_is_refused() {
    assert_eq!(read(b"\x7fELF"), Err(ApkError::Zip(ZipError::NotZip)));
    assert_eq!(Manifest::parse(b"<manifest package='a.b'/>"), Err(ApkError::Xml(XmlError::NotXml)));
    assert_eq!(Manifest::parse(b""), Err(ApkError::Xml(XmlError::NotXml)));
    // A document without an element.
    assert_eq!(Manifest::parse(&[3, 0, 8, 0, 8, 0, 0, 0]), Err(ApkError::Manifest("manifest")));
}

#[test]
fn every_truncation_of_a_manifest_is_refused() {
    let whole = manifest();
    for cut in 0..whole.len() {
        assert!(Manifest::parse(&whole[..cut]).is_err(), "{cut}");
        // A document that says so itself ends within a chunk, or between two before it names the package.
        let mut short = whole[..cut].to_vec();
        if cut >= 8 {
            short[4..8].copy_from_slice(&(cut as u32).to_le_bytes());
            let _ = Manifest::parse(&short);
        }
    }
}

/// The manifest with a string replaced by another of the same length.
fn renamed(from: &str, to: &str) -> Result<Manifest, ApkError> {
    let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
    let mut bytes = manifest();
    let (narrow, from_wide) = (from.as_bytes(), wide(from));
    let at = |needle: &[u8]| bytes.windows(needle.len()).position(|window| window == needle);
    if let Some(at) = at(&from_wide) {
        bytes[at..at + from_wide.len()].copy_from_slice(&wide(to));
    } else {
        let at = at(narrow).expect("the string is in the manifest");
        bytes[at..at + narrow.len()].copy_from_slice(to.as_bytes());
    }
    Manifest::parse(&bytes)
}

#[test]
fn a_package_name_goes_into_commands_and_must_be_one() {
    assert_eq!(renamed("org.example.kiosk", "com.example.kiosk").unwrap().package, "com.example.kiosk");
    for name in
        ["org.example.kio;k", "org.example.$iosk", "../../data/kiosks", "org..xample.kiosk", "1rg.example.kiosk"]
    {
        assert_eq!(renamed("org.example.kiosk", name), Err(ApkError::Manifest("package name")), "{name}");
    }
    assert_eq!(renamed("manifest", "document"), Err(ApkError::Manifest("manifest")));
}

#[test]
fn strings_that_lie_are_refused_or_left_out() {
    let whole = manifest();
    let pool = 8;
    for (field, value) in [(8, u32::MAX), (8, 1 << 19), (20, u32::MAX), (4, u32::MAX), (4, 7)] {
        let mut bytes = whole.clone();
        bytes[pool + field..pool + field + 4].copy_from_slice(&value.to_le_bytes());
        assert!(matches!(Manifest::parse(&bytes), Err(ApkError::Xml(_))), "{field} {value}");
    }
    // Every string somewhere else: no name is found.
    let mut bytes = whole;
    let head = usize::from(u16::from_le_bytes([bytes[pool + 2], bytes[pool + 3]]));
    bytes[pool + head..pool + head + 80].fill(0xff);
    assert!(Manifest::parse(&bytes).is_err());
}

#[test]
fn a_broken_block_of_signatures_is_refused() {
    let magic = BASE.windows(16).rposition(|window| window == b"APK Sig Block 42").unwrap();
    for len in [0_u64, 23, 24, 1 << 20, u64::MAX] {
        let mut file = BASE.to_vec();
        file[magic - 8..magic].copy_from_slice(&len.to_le_bytes());
        assert_eq!(read(&file), Err(ApkError::Signatures), "{len}");
    }
    // The lengths within, first to last, each made longer than what it is in.
    let start = magic - 8 - (u64::from_le_bytes(BASE[magic - 8..magic].try_into().unwrap()) as usize - 24);
    for at in [start - 8, start] {
        let mut file = BASE.to_vec();
        file[at..at + 8].fill(0xff);
        assert_eq!(read(&file), Err(ApkError::Signatures), "{at}");
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(noise in prop::collection::vec(any::<u8>(), 1..60), at in any::<prop::sample::Index>()) {
        let _ = Manifest::parse(&noise);
        for file in [BASE, SPLIT] {
            let mut file = file.to_vec();
            let at = at.index(file.len());
            let end = (at + noise.len()).min(file.len());
            file[at..end].copy_from_slice(&noise[..end - at]);
            let _ = read(&file);
        }
        let mut bytes = manifest();
        let at = at.index(bytes.len());
        let end = (at + noise.len()).min(bytes.len());
        bytes[at..end].copy_from_slice(&noise[..end - at]);
        let _ = Manifest::parse(&bytes);
    }
}
