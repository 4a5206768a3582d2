//! The parts of console framing that have no state: checksum and base64 of one line.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use crc::{CRC_16_XMODEM, Crc};

pub(super) const LENGTH_LEN: usize = 2;
pub(super) const CRC_LEN: usize = 2;

const XMODEM: Crc<u16> = Crc::<u16>::new(&CRC_16_XMODEM);

/// Servers pad the last line, some pad none; bits beyond the last byte carry nothing either way.
const TOLERANT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

pub(super) fn crc(message: &[u8]) -> u16 {
    XMODEM.checksum(message)
}

pub(super) fn decode_base64(text: &[u8]) -> Option<Vec<u8>> {
    TOLERANT.decode(text).ok()
}
