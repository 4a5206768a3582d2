use super::*;
use proptest::prelude::*;
use std::error::Error as _;

const PLAIN: &[u8] = b"Hardwire DFU vector: 32 bytes.\r\n";
const SUFFIXED: &[u8] = include_bytes!("../vectors/suffix-1d50-607f.dfu");
const DFUSE: &[u8] = include_bytes!("../vectors/dfuse-two-targets.dfu");
const ANY: Suffix =
    Suffix { for_device: ForDevice { vendor: None, product: None, release: None }, version: Bcd(0x011a) };

fn read(file: &[u8]) -> Firmware {
    Firmware::read(file).unwrap()
}

fn at(address: u32, bytes: &[u8]) -> Segment {
    Segment { address: Some(address), bytes: bytes.to_vec() }
}

fn hex(text: &str) -> Result<Vec<Segment>, HexError> {
    match Firmware::read(text.as_bytes()) {
        Ok(firmware) => {
            assert_eq!(firmware.format, Format::IntelHex);
            Ok(firmware.images[0].segments.clone())
        }
        Err(FileError::Hex(error)) => Err(error),
        Err(other) => panic!("{other}"),
    }
}

fn fault(text: &str) -> (usize, HexFault) {
    let error = hex(text).unwrap_err();
    (error.line, error.fault)
}

#[test]
fn a_suffix_of_dfu_suffix() {
    let firmware = read(SUFFIXED);
    assert_eq!(firmware.format, Format::Suffixed);
    let image = &firmware.images[0];
    assert_eq!(image.segments, [Segment { address: None, bytes: PLAIN.to_vec() }]);
    let for_device = image.for_device.unwrap();
    assert_eq!(for_device.to_string(), "1d50:607f release 1.02");
    assert!(for_device.fits(UsbId::new(0x1d50, 0x607f), Bcd(0x0102)));
    assert!(!for_device.fits(UsbId::new(0x1d50, 0x607f), Bcd(0x0103)));
    assert!(!for_device.fits(UsbId::new(0x1d51, 0x607f), Bcd(0x0102)));
    let suffix = Suffix { for_device, version: Bcd(0x0100) };
    assert_eq!(append_suffix(PLAIN, suffix), SUFFIXED, "what dfu-suffix makes is what we make");

    let any = include_bytes!("../vectors/suffix-any.dfu");
    assert_eq!(split_suffix(any), Ok(Some((PLAIN, ANY))));
    assert_eq!(append_suffix(PLAIN, ANY), any);
    assert!(ANY.for_device.fits(UsbId::new(1, 2), Bcd(3)));
    assert_eq!(ANY.for_device.to_string(), "*:*");
}

#[test]
fn a_changed_file_does_not_pass_its_suffix() {
    for at in 0..SUFFIXED.len() {
        let mut file = SUFFIXED.to_vec();
        file[at] ^= 1;
        match split_suffix(&file) {
            Err(SuffixError::Crc { .. } | SuffixError::Length { .. }) => {}
            Ok(None) => assert!((40..43).contains(&at), "only without its signature is it no suffix: {at}"),
            other => panic!("byte {at}: {other:?}"),
        }
    }
    let with_length = |len| {
        let mut file = SUFFIXED.to_vec();
        file[43] = len;
        split_suffix(&file).map(|found| found.map(|(_, suffix)| suffix))
    };
    assert_eq!(with_length(15), Err(SuffixError::Length { claimed: 15, file: 48 }));
    assert_eq!(with_length(49), Err(SuffixError::Length { claimed: 49, file: 48 }));
    let error = Firmware::read(&SUFFIXED[1..]).unwrap_err();
    assert!(matches!(error, FileError::Suffix(SuffixError::Crc { claimed: 0xce80_c9c0, .. })));
    assert!(error.source().is_some());
}

#[test]
fn raw_bytes_and_nothing_at_all() {
    let firmware = read(PLAIN);
    assert_eq!((firmware.format, firmware.images[0].for_device), (Format::Raw, None));
    assert_eq!(firmware.images[0].len(), 32);
    assert_eq!(read(b":").format, Format::Raw);
    assert_eq!(read(b":not hexadecimal").format, Format::Raw);
    assert_eq!(Firmware::read(&[]), Err(FileError::Empty));
    for foreign in [&b"\x7fELF\x01\x01\x01"[..], b"S00600004844521B\r\n"] {
        assert!(matches!(Firmware::read(foreign), Err(FileError::Foreign(_))));
        assert_eq!(read(&append_suffix(foreign, ANY)).images[0].segments[0].bytes, foreign);
    }
    assert_eq!(Firmware::read(&append_suffix(&[], ANY)), Err(FileError::Empty));
}

#[test]
fn a_dfuse_file_of_dfuse_pack() {
    let firmware = read(DFUSE);
    assert_eq!((firmware.format, firmware.images.len()), (Format::Dfuse, 2));
    let [flash, options] = &firmware.images[..] else { panic!("two images") };
    assert_eq!(flash.segments, [at(0x0800_0000, b"first piece"), at(0x0800_4000, b"second, further up")]);
    assert_eq!((flash.alternate, flash.name.as_deref()), (Some(0), Some("ST...")));
    assert_eq!(options.segments, [at(0x1fff_c000, b"option")]);
    assert_eq!(
        (options.alternate, options.for_device.unwrap().to_string()),
        (Some(1), "0483:df11 release 0.00".into())
    );
    let suffix = Suffix { for_device: options.for_device.unwrap(), version: Bcd(0x011a) };
    let ours = encode_dfuse(&firmware.images, suffix).unwrap();
    assert_eq!(read(&ours), firmware);
    // The same file but for its length, in which ST does not count the suffix, and the checksum over that.
    let len = DFUSE.len();
    assert_eq!((&ours[..6], &ours[10..len - 4]), (&DFUSE[..6], &DFUSE[10..len - 4]));
    assert_eq!(
        (ours[6..10].to_vec(), DFUSE[6..10].to_vec()),
        ((len - 16).to_le_bytes()[..4].to_vec(), len.to_le_bytes()[..4].to_vec())
    );
}

/// The vector with its body changed and a good suffix put behind it again.
fn damaged(change: impl FnOnce(&mut Vec<u8>)) -> Result<Firmware, DfuseError> {
    let mut body = DFUSE[..DFUSE.len() - 16].to_vec();
    change(&mut body);
    match Firmware::read(&append_suffix(&body, ANY)) {
        Ok(firmware) => Ok(firmware),
        Err(FileError::Dfuse(error)) => Err(error),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn broken_dfuse_files() {
    // Places in the file: prefix 11, target prefix 274 (alternate 6, named 7, name 11, size 266, elements 270).
    const FIRST: usize = 11;
    let put = |at: usize, value: u32| move |body: &mut Vec<u8>| body[at..at + 4].copy_from_slice(&value.to_le_bytes());
    assert_eq!(Firmware::read(&DFUSE[..600]), Err(FileError::Dfuse(DfuseError::NoSuffix)));
    assert_eq!(damaged(|body| body[5] = 2), Err(DfuseError::Version(2)));
    assert_eq!(damaged(put(6, 7)), Err(DfuseError::Length { claimed: 7, present: 618 }));
    assert_eq!(damaged(put(6, 618)).unwrap().images.len(), 2, "with and without the suffix");
    assert_eq!(damaged(|body| body[10] = 1), Err(DfuseError::Loose { at: 330, len: 288 }));
    assert_eq!(damaged(|body| body[10] = 255), Err(DfuseError::Cut { at: 618 }));
    assert_eq!(damaged(|body| body[FIRST] = b'X'), Err(DfuseError::NoTarget { at: FIRST }));
    assert_eq!(damaged(put(FIRST + 266, u32::MAX)), Err(DfuseError::Cut { at: FIRST + 274 }));
    assert_eq!(damaged(put(FIRST + 266, 44)), Err(DfuseError::Cut { at: 312 }));
    assert_eq!(damaged(put(FIRST + 270, u32::MAX)), Err(DfuseError::Cut { at: 330 }));
    assert_eq!(damaged(put(FIRST + 270, 1)), Err(DfuseError::Loose { at: 304, len: 26 }));
    assert_eq!(damaged(put(FIRST + 274, u32::MAX)), Err(DfuseError::Beyond { address: u32::MAX }));
    assert_eq!(damaged(put(FIRST + 274, 0x0800_4001)), Err(DfuseError::Overlap { address: 0x0800_4001 }));
    assert_eq!(damaged(put(FIRST + 274 + 4, u32::MAX)), Err(DfuseError::Cut { at: 293 }));
    let touching = damaged(put(FIRST + 274, 0x0800_4000 - 11)).unwrap();
    assert_eq!(touching.images[0].segments, [at(0x0800_3ff5, b"first piecesecond, further up")]);
    assert_eq!(damaged(put(FIRST + 7, 0)).unwrap().images[0].name, None);
    let nothing = encode_dfuse(&[Image::default()], ANY).unwrap();
    assert_eq!(Firmware::read(&nothing), Err(FileError::Empty));
    assert_eq!(Firmware::read(&encode_dfuse(&[], ANY).unwrap()), Err(FileError::Empty));
    let long = Image { name: Some("x".repeat(255)), ..Image::default() };
    assert!(encode_dfuse(&[long], ANY).is_err());
    assert!(encode_dfuse(&vec![Image::default(); 256], ANY).is_err());
}

#[test]
fn intel_hex_of_objcopy() {
    let linear = include_str!("../vectors/objcopy-linear.hex");
    assert_eq!(hex(linear).unwrap(), [at(0x0800_fff0, PLAIN)]);
    assert_eq!(hex(include_str!("../vectors/objcopy-segment.hex")).unwrap(), [at(0x1_fff8, PLAIN)]);
    // All but the start address, which we do not write.
    let ours = encode_hex(&[at(0x0800_fff0, PLAIN)]);
    let theirs: Vec<_> = linear.lines().filter(|line| &line[7..9] != "05").collect();
    assert_eq!(ours.lines().collect::<Vec<_>>(), theirs);
}

#[test]
fn intel_hex_of_the_field() {
    // The last lines of a real file: option bytes far away (fwupd issue 1222). Lower case, spaces and CR LF are taken.
    let text = ":020000041fffdc\r\n:04F8000000FF55AA06\r\n\r\n:0400000508001E4F82  \r\n:00000001FF\r\n";
    assert_eq!(hex(text).unwrap(), [at(0x1fff_f800, &[0, 0xff, 0x55, 0xaa])]);
    assert_eq!(hex(&format!("\u{feff}{text}")), hex(text), "with the mark that some editors put before UTF-8");
    // Segment addresses go round at 64 KiB, linear ones do not.
    let (two, end) = (":02FFFF00AABB9B\n", ":00000001FF\n");
    let segment = format!(":020000021000EC\n{two}{end}");
    assert_eq!(hex(&segment).unwrap(), [at(0x1_0000, &[0xbb]), at(0x1_ffff, &[0xaa])]);
    let linear = format!(":020000040001F9\n{two}{end}");
    assert_eq!(hex(&linear).unwrap(), [at(0x1_ffff, &[0xaa, 0xbb])]);
    // Out of order, with gaps, and touching.
    let text = ":0100100001EE\n:0100000002FD\n:0100110003EB\n:0100010004FA\n:00000001FF";
    assert_eq!(hex(text).unwrap(), [at(0, &[2, 4]), at(0x10, &[1, 3])]);
}

#[test]
fn broken_intel_hex_names_the_line() {
    let end = ":00000001FF\n";
    let after = |line: &str| fault(&format!(":0100000002FD\n{line}\n{end}"));
    assert_eq!(after("0100000002FD"), (2, HexFault::NoColon));
    assert_eq!(after(":0100000002FG"), (2, HexFault::NotHex));
    assert_eq!(after(":0100000002F"), (2, HexFault::NotHex));
    assert_eq!(after(":01000000\u{fe}2FD"), (2, HexFault::NotHex));
    assert_eq!(after(":0200000002FD"), (2, HexFault::Length { claimed: 2, present: 1 }));
    assert_eq!(after(":FF000000"), (2, HexFault::Length { claimed: 255, present: 0 }));
    assert_eq!(after(":"), (2, HexFault::Length { claimed: 0, present: 0 }));
    assert_eq!(after(":0100000002FE"), (2, HexFault::Checksum { claimed: 0xfe, computed: 0xfd }));
    assert_eq!(after(":00000006FA"), (2, HexFault::Kind(6)));
    assert_eq!(after(":0100000401FA"), (2, HexFault::DataLength { kind: 4, len: 1 }));
    assert_eq!(after(":0100000101FD"), (2, HexFault::DataLength { kind: 1, len: 1 }));
    assert_eq!(after(":0100000003FC"), (2, HexFault::Overlap { address: 0, other: 1 }));
    assert_eq!(fault(&format!(":02000004FFFFFC\n:02FFFF00AABB9B\n{end}")), (2, HexFault::Beyond));
    assert_eq!(fault(&format!("{end}:0100000002FD\n")), (2, HexFault::AfterEnd));
    assert_eq!(fault(":0100000002FD\n\n"), (1, HexFault::NoEnd));
    assert_eq!(Firmware::read(end.as_bytes()), Err(FileError::Empty));
    assert_eq!(
        hex(":0100000002FD\n").unwrap_err().to_string(),
        "line 1: the end record is missing: the file is cut short"
    );
    // Every other byte, backwards: no two of them are next to each other.
    let many: Vec<_> = (0..65_537_u32).map(|n| at((65_537 - n) * 2, &[1])).collect();
    let limit = 65_536;
    let (line, fault) = fault(&encode_hex(&many));
    assert_eq!(fault, HexFault::TooMany { limit });
    assert!(line > limit);
}

#[test]
fn every_cut_of_a_file_is_an_error_or_a_raw_file() {
    for len in 1..DFUSE.len() {
        match Firmware::read(&DFUSE[..len]) {
            Ok(firmware) => assert!(len < 5 && firmware.format == Format::Raw),
            Err(error) => assert_eq!(error, FileError::Dfuse(DfuseError::NoSuffix)),
        }
    }
    let text = include_bytes!("../vectors/objcopy-linear.hex");
    for len in 12..text.len() - 1 {
        if let Ok(firmware) = Firmware::read(&text[..len]) {
            // Only what follows the end record may be missing.
            assert!(text[len..].trim_ascii().is_empty(), "{len}: {firmware:?}");
        }
    }
}

proptest! {
    #[test]
    fn no_file_panics(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = Firmware::read(&bytes);
    }

    #[test]
    fn no_dfuse_file_panics(changes in prop::collection::vec((0_usize..618, any::<u8>()), 0..8), cut in 100_usize..619) {
        let _ = damaged(|body| {
            for (at, value) in changes {
                body[at] = value;
            }
            // Its signature must stay, or it is a raw file.
            body[..5].copy_from_slice(b"DfuSe");
            body.truncate(cut);
        });
    }

    #[test]
    fn no_hex_file_panics(text in "(:[0-9A-Fa-f]{0,24}\r?\n){0,8}") {
        let _ = Firmware::read(text.as_bytes());
    }

    #[test]
    fn images_come_through(
        starts in prop::collection::btree_set(0_u32..0x0fff_ffff, 1..6),
        len in 1_usize..100,
        alternate in any::<u8>(),
        name in prop::option::of("[ -~]{0,40}"),
    ) {
        let mut segments: Vec<Segment> = Vec::new();
        for start in starts {
            // A byte at least lies between two of them.
            segments.push(at(start * 16, &vec![start as u8; len.min(15)]));
        }
        let for_device = ForDevice { vendor: Some(0x0483), product: None, release: None };
        let image = Image { segments: segments.clone(), alternate: Some(alternate), name, for_device: Some(for_device) };
        let file = encode_dfuse(std::slice::from_ref(&image), Suffix { for_device, version: Bcd(0x011a) }).unwrap();
        prop_assert_eq!(read(&file).images, vec![image]);
        prop_assert_eq!(hex(&encode_hex(&segments)).unwrap(), segments);
    }
}
