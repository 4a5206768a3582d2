//! ZIP archives for tests, well made and ill made.

use crc::{CRC_32_ISO_HDLC, Crc};
use miniz_oxide::deflate::compress_to_vec;

/// A file that goes into an archive, with numbers to lie about.
#[derive(Clone)]
pub struct Packed {
    name: String,
    method: u16,
    len: u32,
    checksum: u32,
    bytes: Vec<u8>,
}

impl Packed {
    #[allow(dead_code, reason = "not every test program needs one that lies")]
    /// The same, of which the directory says that it has so many bytes.
    pub fn claiming(self, len: u32) -> Packed {
        Packed { len, ..self }
    }
}

pub fn stored(name: &str, bytes: &[u8]) -> Packed {
    let checksum = Crc::<u32>::new(&CRC_32_ISO_HDLC).checksum(bytes);
    Packed { name: name.to_owned(), method: 0, len: bytes.len() as u32, checksum, bytes: bytes.to_vec() }
}

pub fn deflated(name: &str, bytes: &[u8]) -> Packed {
    Packed { method: 8, bytes: compress_to_vec(bytes, 6), ..stored(name, bytes) }
}

/// An archive of these files.
pub fn archive(files: &[Packed]) -> Vec<u8> {
    let (mut all, mut directory) = (Vec::new(), Vec::new());
    for file in files {
        let at = (all.len() as u32).to_le_bytes();
        let common = [
            &[0; 2][..],
            &file.method.to_le_bytes(),
            &[0; 4],
            &file.checksum.to_le_bytes(),
            &(file.bytes.len() as u32).to_le_bytes(),
            &file.len.to_le_bytes(),
            &(file.name.len() as u16).to_le_bytes(),
        ]
        .concat();
        all.extend([b"PK\x03\x04\x14\0", common.as_slice(), &[0; 2], file.name.as_bytes(), &file.bytes].concat());
        directory.extend([b"PK\x01\x02\x14\0\x14\0", common.as_slice(), &[0; 12], &at, file.name.as_bytes()].concat());
    }
    let count = (files.len() as u16).to_le_bytes();
    let [len, at] = [directory.len() as u32, all.len() as u32].map(u32::to_le_bytes);
    all.extend(&directory);
    all.extend([b"PK\x05\x06\0\0\0\0", &count[..], &count, &len, &at, &[0; 2]].concat());
    all
}
