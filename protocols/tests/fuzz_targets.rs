//! The fuzz targets on a stable compiler: over the codecs' vectors, and over mutations of them that are the same in
//! every run.

#[path = "../fuzz/src/lib.rs"]
#[allow(missing_docs, clippy::unwrap_used, reason = "a fuzz target panics when a promise does not hold")]
mod targets;

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Mutations of each target and run; more by `HARDWIRE_FUZZ_ROUNDS`.
const ROUNDS: usize = 3000;

/// A small generator: what is tried must not change from run to run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

/// Bytes of every vector: messages, frames, images, and nothing.
fn corpus() -> Vec<Vec<u8>> {
    let mut corpus = vec![Vec::new()];
    for text in [
        include_str!("../src/smp/vectors/zephyr-4.4.0-native.txt"),
        include_str!("../src/smp/vectors/smpclient-7.3.0.txt"),
        include_str!("../src/smp/vectors/documentation.txt"),
    ] {
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            for column in line.split(' ').skip(1) {
                let bytes = hex::decode(column).expect("vectors are hexadecimal");
                // With a first byte before it for the targets that take a parameter, and the body alone.
                corpus.push([&[7], bytes.as_slice()].concat());
                corpus.push(bytes.get(8..).unwrap_or_default().to_vec());
                corpus.push(bytes);
            }
        }
    }
    for line in include_str!("../src/usb/vectors/devices.txt").lines().filter(|line| !line.starts_with('#')) {
        corpus.extend(line.split(' ').skip(1).map(|column| hex::decode(column).expect("vectors are hexadecimal")));
    }
    for line in include_str!("../src/dfu/vectors/layouts.txt").lines().filter(|line| !line.starts_with('#')) {
        corpus.extend(line.split('|').nth(1).map(|layout| layout.as_bytes().to_vec()));
    }
    // The answers of a unit in the middle of a download, busy and not, and such a unit as a script.
    corpus.extend([vec![0, 0, 0, 0, 5, 0], vec![0, 10, 0, 0, 4, 0], [[1, 6, 7].as_slice(), &[7; 60]].concat()]);
    // What phones say of themselves, line by line and as a whole; a unit that takes data, and one that gives them.
    for text in [
        include_str!("../src/fastboot/vectors/session.txt"),
        include_str!("../src/fastboot/vectors/getvar-xperia-x.txt"),
        include_str!("../src/fastboot/vectors/getvar-xperia-1-v.txt"),
    ] {
        corpus.push(text.as_bytes().to_vec());
        corpus.extend(text.lines().map(|line| line.trim_start_matches(['<', '>', ' ']).as_bytes().to_vec()));
    }
    corpus.extend([vec![2, 1, 2, 1, 0], vec![3, 3, 15, 15, 15, 15, 0], vec![1, 1, 17, 0]]);
    let dfuse = include_bytes!("../src/dfu/vectors/dfuse-two-targets.dfu").as_slice();
    // Without its suffix too: the target puts one behind it that fits.
    corpus.extend([dfuse.to_vec(), dfuse[..dfuse.len() - 16].to_vec()]);
    for file in [
        include_bytes!("../src/dfu/vectors/suffix-1d50-607f.dfu").as_slice(),
        include_bytes!("../src/dfu/vectors/objcopy-linear.hex"),
        include_bytes!("../src/dfu/vectors/objcopy-segment.hex"),
    ] {
        corpus.push(file.to_vec());
    }
    // The small one as it is; of the field's, the chunks that hold no data.
    let sparse = include_bytes!("../src/android/sparse/vectors/checksums.simg").as_slice();
    let piece = include_bytes!("../src/android/sparse/vectors/simg2simg-8192.0.simg").as_slice();
    corpus.extend([sparse.to_vec(), piece.to_vec()]);
    // What foreign daemons and hosts sent, and the data of their packets alone; a connection with its streams as a script.
    for capture in [
        include_bytes!("../src/adb/vectors/adbd34.host.bin").as_slice(),
        include_bytes!("../src/adb/vectors/adbd34.unit.bin"),
        include_bytes!("../src/adb/vectors/adbd34-delayed-ack.host.bin"),
    ] {
        corpus.push([&[9], capture].concat());
        corpus.extend(
            capture
                .windows(4)
                .enumerate()
                .filter(|(_, word)| *word == b"WRTE")
                .map(|(at, _)| capture[(at + 24).min(capture.len())..(at + 400).min(capture.len())].to_vec()),
        );
    }
    corpus.push([[8, 0, 0, 0], [0, 9, 1, 4], [10, 0, 7, 3], [0x10, 9, 1, 60], [0x20, 9, 1, 0], [12, 0, 0, 0]].concat());
    corpus.push(b"require board=a|b*\nrequire-for-product:a version-bootloader=1\nreject hw-revision=2\n".to_vec());
    corpus.push(
        b"version 1\nflash --apply-vbmeta vbmeta\nif-wipe erase userdata\nreboot fastboot\nupdate-super\n".to_vec(),
    );
    corpus.push(include_bytes!("../src/android/apk/vectors/v1.apk").to_vec());
    for image in [
        include_bytes!("../src/android/avb/vectors/vbmeta-disabled.img").as_slice(),
        include_bytes!("../src/android/avb/vectors/vbmeta_system.img"),
    ] {
        corpus.push(image.to_vec());
    }
    for image in [
        include_bytes!("../src/mcuboot/vectors/imgtool-protected.bin").as_slice(),
        include_bytes!("../src/mcuboot/vectors/imgtool-sha512.bin"),
        include_bytes!("../src/mcuboot/vectors/imgtool-encrypted.bin"),
    ] {
        corpus.push(image.to_vec());
    }
    corpus
}

fn mutated(corpus: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut bytes = corpus[random.below(corpus.len())].clone();
    for _ in 0..=random.below(6) {
        let at = random.below(bytes.len() + 1);
        match random.below(6) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            1 if at < bytes.len() => bytes[at] = random.next() as u8,
            2 => bytes.insert(at, random.next() as u8),
            3 => bytes.truncate(at),
            4 => {
                let other = &corpus[random.below(corpus.len())];
                let start = random.below(other.len() + 1);
                bytes.splice(at.., other[start..].iter().copied());
            }
            _ => {
                let random_bytes: Vec<u8> = (0..random.below(40)).map(|_| random.next() as u8).collect();
                bytes.splice(at..at, random_bytes);
            }
        }
    }
    bytes
}

#[test]
fn every_target_over_the_vectors_and_mutations_of_them() {
    let rounds = std::env::var("HARDWIRE_FUZZ_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(ROUNDS);
    let corpus = corpus();
    for (index, (name, target)) in targets::ALL.iter().enumerate() {
        let mut random = Random(0x5eed_0000 + index as u64);
        let mutations: Vec<_> = (0..rounds).map(|_| mutated(&corpus, &mut random)).collect();
        for input in corpus.iter().chain(&mutations) {
            if catch_unwind(AssertUnwindSafe(|| target(input))).is_err() {
                panic!("{name} fails on {}", hex::encode(input));
            }
        }
    }
}
