use super::*;
use crate::android::source::FileError;
use miniz_oxide::deflate::compress_to_vec;
use proptest::prelude::*;

/// An archive as other programs made it: Debian's aapt, zipalign and apksigner.
const APK: &[u8] = include_bytes!("../apk/vectors/base.apk");

/// A file that goes into an archive, with numbers to lie about.
#[derive(Clone)]
pub(crate) struct Packed {
    name: Vec<u8>,
    local_name: Vec<u8>,
    method: u16,
    flags: u16,
    len: u32,
    checksum: u32,
    bytes: Vec<u8>,
}

pub(crate) fn stored(name: &str, bytes: &[u8]) -> Packed {
    let checksum = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC).checksum(bytes);
    let (name, len) = (name.as_bytes().to_vec(), bytes.len() as u32);
    Packed { local_name: name.clone(), name, method: 0, flags: 0, len, checksum, bytes: bytes.to_vec() }
}

pub(crate) fn deflated(name: &str, bytes: &[u8]) -> Packed {
    Packed { method: 8, bytes: compress_to_vec(bytes, 6), ..stored(name, bytes) }
}

pub(crate) fn archive(files: &[Packed]) -> Vec<u8> {
    let (mut all, mut directory) = (Vec::new(), Vec::new());
    for file in files {
        let at = all.len() as u32;
        let [len, packed] = [file.len, file.bytes.len() as u32].map(u32::to_le_bytes);
        let common = [
            &file.flags.to_le_bytes()[..],
            &file.method.to_le_bytes(),
            &[0; 4],
            &file.checksum.to_le_bytes(),
            &packed,
            &len,
        ]
        .concat();
        let name_len = (file.local_name.len() as u16).to_le_bytes();
        all.extend(
            [b"PK\x03\x04\x14\0", common.as_slice(), &name_len, &[0; 2], &file.local_name, &file.bytes].concat(),
        );
        let name_len = (file.name.len() as u16).to_le_bytes();
        directory.extend(
            [b"PK\x01\x02\x14\0\x14\0", common.as_slice(), &name_len, &[0; 12], &at.to_le_bytes(), &file.name].concat(),
        );
    }
    let at = all.len() as u32;
    all.extend(&directory);
    let count = (files.len() as u16).to_le_bytes();
    let [len, at] = [directory.len() as u32, at].map(u32::to_le_bytes);
    all.extend([b"PK\x05\x06\0\0\0\0", &count[..], &count, &len, &at, &[0; 2]].concat());
    all
}

fn open(file: &[u8]) -> Result<Archive, ZipError> {
    Archive::open(file).map_err(FileError::into_format)
}

fn read(file: &[u8], name: &str) -> Result<Vec<u8>, ZipError> {
    open(file)?.read(file, name, 1 << 20).map_err(FileError::into_format)
}

#[test]
fn an_archive_of_other_programs() {
    let archive = open(APK).unwrap();
    let entries: Vec<_> = archive.entries().map(|entry| (entry.name.as_str(), entry.method, entry.len)).collect();
    assert_eq!(
        entries,
        [
            ("AndroidManifest.xml", Method::Deflated, 1568),
            ("lib/arm64-v8a/libkiosk.so", Method::Stored, 8),
            ("lib/x86_64/libkiosk.so", Method::Stored, 8)
        ]
    );
    assert_eq!(read(APK, "lib/x86_64/libkiosk.so").as_deref(), Ok(b"not code".as_slice()));
    assert_eq!(read(APK, "AndroidManifest.xml").unwrap().len(), 1568);
    assert_eq!(read(APK, "classes.dex"), Err(ZipError::Absent("classes.dex".to_owned())));
    let limited = archive.read(APK, "AndroidManifest.xml", 1567).map_err(FileError::into_format);
    assert_eq!(limited, Err(ZipError::TooLarge { name: "AndroidManifest.xml".to_owned(), len: 1568, limit: 1567 }));
}

#[test]
fn what_is_no_archive_is_refused() {
    for file in [b"".as_slice(), b"PK", b"not an archive at all, and long enough to be one", &APK[..APK.len() - 1]] {
        assert_eq!(open(file), Err(ZipError::NotZip));
    }
    assert!(open(&[APK, b"something behind"].concat()).is_err());
    let empty = archive(&[]);
    assert_eq!(open(&empty).unwrap().entries().count(), 0);
}

#[test]
fn names_that_lead_out_are_refused() {
    for name in ["../a", "a/../b", "/a", "a//b", "./a", "a\\b", "..", ".", "", "/", "a/..", "a\u{1b}[2J", "a\u{202e}b"]
    {
        let refused = open(&archive(&[stored("fine", b"1"), stored(name, b"2")]));
        assert!(matches!(refused, Err(ZipError::Name(_))), "{name:?}: {refused:?}");
    }
    let not_text = Packed { name: vec![0xff, 0xfe], ..stored("a", b"") };
    assert!(matches!(open(&archive(&[not_text])), Err(ZipError::Name(_))));
    let folders = archive(&[stored("a/", b""), stored("a/b..c", b"2"), stored("...", b"3")]);
    let names: Vec<_> = open(&folders).unwrap().entries().map(|entry| entry.name.clone()).collect();
    assert_eq!(names, ["...", "a/b..c"]);
    assert_eq!(open(&archive(&[stored("a", b"1"), stored("a", b"2")])), Err(ZipError::Twice("a".to_owned())));
}

#[test]
fn a_bomb_ends_where_the_directory_says() {
    let zeros = vec![0; 1 << 20];
    let honest = archive(&[deflated("bomb", &zeros)]);
    assert!(honest.len() < 2000);
    let limited = open(&honest).unwrap().read(honest.as_slice(), "bomb", 1000).map_err(FileError::into_format);
    assert!(matches!(limited, Err(ZipError::TooLarge { limit: 1000, .. })));
    for len in [0, 1, 1000, (1 << 20) - 1, (1 << 20) + 1, u32::MAX - 1] {
        let lying = archive(&[Packed { len, ..deflated("bomb", &zeros) }]);
        let error = open(&lying).unwrap().read(lying.as_slice(), "bomb", u64::MAX).map_err(FileError::into_format);
        assert_eq!(error, Err(ZipError::Broken("bomb".to_owned())), "{len}");
    }
}

#[test]
fn entries_that_share_bytes_are_refused() {
    let mut file = archive(&[stored("aa", b"12345678"), stored("bb", b"12345678")]);
    let second = file.windows(4).rposition(|bytes| bytes == b"PK\x01\x02").unwrap();
    file[second + 42..second + 46].fill(0);
    assert_eq!(open(&file), Err(ZipError::Overlap("bb".to_owned())));
}

#[test]
fn entries_that_are_not_what_the_directory_says() {
    let one = |packed: Packed| read(&archive(&[packed]), "a");
    assert_eq!(one(deflated("a", b"")), Ok(Vec::new()));
    assert_eq!(one(stored("a", b"")), Ok(Vec::new()));
    assert_eq!(one(Packed { checksum: 1, ..deflated("a", b"text") }), Err(ZipError::Checksum("a".to_owned())));
    assert_eq!(one(Packed { checksum: 1, ..stored("a", b"") }), Err(ZipError::Checksum("a".to_owned())));
    assert_eq!(one(Packed { len: 5, ..stored("a", b"text") }), Err(ZipError::Broken("a".to_owned())));
    assert_eq!(one(Packed { flags: 1, ..stored("a", b"text") }), Err(ZipError::Encrypted("a".to_owned())));
    let method = Packed { method: 12, ..stored("a", b"text") };
    assert_eq!(one(method), Err(ZipError::Method { name: "a".to_owned(), method: 12 }));
    let noise = Packed { bytes: vec![0xff; 40], ..deflated("a", b"some text") };
    assert_eq!(one(noise), Err(ZipError::Broken("a".to_owned())));
    let mut cut = deflated("a", &[b"some text", [7; 200].as_slice()].concat());
    cut.bytes.truncate(cut.bytes.len() - 3);
    assert_eq!(one(cut), Err(ZipError::Broken("a".to_owned())));
    let mut long = deflated("a", b"some text");
    long.bytes.extend([0; 10]);
    // Bytes behind the packed ones are in nobody's way, as long as they were read with them.
    assert!(one(long).is_ok());
    let elsewhere = Packed { local_name: b"b".to_vec(), ..stored("a", b"text") };
    assert_eq!(one(elsewhere), Err(ZipError::Misplaced("a".to_owned())));
}

#[test]
fn numbers_that_lie_are_refused() {
    let whole = archive(&[stored("a", b"text")]);
    let lie = |from_end: usize, bytes: &[u8]| {
        let mut file = whole.clone();
        let at = file.len() - from_end;
        file[at..at + bytes.len()].copy_from_slice(bytes);
        open(&file)
    };
    assert_eq!(lie(12, &[2, 0]), Err(ZipError::Entries { announced: 2 }));
    assert_eq!(lie(12, &[0, 0]), Err(ZipError::Entries { announced: 0 }));
    assert_eq!(lie(18, &[1, 0]), Err(ZipError::Spread));
    assert_eq!(lie(10, &[0xff, 0, 0, 0]), Err(ZipError::Outside("the directory")));
    assert_eq!(lie(6, &[0xff, 0xff, 0, 0]), Err(ZipError::Outside("the directory")));
    assert_eq!(lie(10, &[0xff; 8]), Err(ZipError::Outside("the directory")));
    let directory = 22 + 46 + 1;
    assert_eq!(lie(directory - 20, &[0xff, 0xff, 0xff, 0x7f]), Err(ZipError::Outside("an entry")));
    assert_eq!(lie(directory - 42, &[0xff; 4]), Err(ZipError::Outside("an entry")));
    assert_eq!(lie(directory - 28, &[0xff; 2]), Err(ZipError::Entries { announced: 1 }));
}

#[test]
fn large_numbers_stand_in_a_record_and_a_field_of_their_own() {
    // The same archive with every number in its long form.
    let small = archive(&[stored("a", b"text")]);
    let directory_at = small.len() - 22 - 47;
    let mut file = small[..directory_at].to_vec();
    let mut entry = small[directory_at..directory_at + 47].to_vec();
    entry[20..28].fill(0xff);
    entry[42..46].fill(0xff);
    entry[30] = 28;
    entry.extend([&[1, 0, 24, 0][..], &4_u64.to_le_bytes(), &4_u64.to_le_bytes(), &0_u64.to_le_bytes()].concat());
    let record_at = (directory_at + entry.len()) as u64;
    file.extend(&entry);
    let [one, len, at] = [1, entry.len() as u64, directory_at as u64].map(u64::to_le_bytes);
    file.extend([b"PK\x06\x06", &44_u64.to_le_bytes()[..], &[0; 12], &one, &one, &len, &at].concat());
    file.extend([b"PK\x06\x07\0\0\0\0", &record_at.to_le_bytes()[..], &[1, 0, 0, 0]].concat());
    file.extend([b"PK\x05\x06\0\0\0\0", &[0xff; 12][..], &[0; 2]].concat());
    assert_eq!(read(&file, "a").as_deref(), Ok(b"text".as_slice()));
    let mut lying = file;
    let at = lying.len() - 22 - 20 + 8;
    lying[at..at + 8].fill(0xff);
    assert_eq!(open(&lying), Err(ZipError::Outside("the end record")));
}

proptest! {
    #[test]
    fn what_was_packed_comes_out_in_steps_of_any_size(
        bytes in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..1000),
            prop::collection::vec(0..3_u8, 0..20_000),
        ],
        step in 1..9000_usize,
    ) {
        let file = archive(&[stored("a/stored", &bytes), deflated("a/deflated", &bytes)]);
        let archive = open(&file).unwrap();
        for entry in archive.entries() {
            let mut reader = entry.reader(&file).unwrap();
            let (mut read, mut buf) = (Vec::new(), vec![0; step]);
            loop {
                let n = reader.read(&mut buf).unwrap();
                read.extend_from_slice(&buf[..n]);
                if n == 0 { break; }
            }
            prop_assert!(read == bytes);
        }
    }

    #[test]
    fn no_bytes_panic(noise in prop::collection::vec(any::<u8>(), 1..100), at in any::<prop::sample::Index>()) {
        let _ = open(&noise);
        let mut file = archive(&[stored("one", b"text"), deflated("two/three", &[1; 300])]);
        let at = at.index(file.len());
        let end = (at + noise.len()).min(file.len());
        file[at..end].copy_from_slice(&noise[..end - at]);
        for name in ["one", "two/three"] {
            let _ = read(&file, name);
        }
    }
}
