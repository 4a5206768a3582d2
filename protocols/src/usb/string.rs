//! String descriptors: UTF-16 in at most 255 bytes.

use super::device::{DescriptorError, expect};
use super::encode::TooLong;
use super::kind;

/// Most UTF-16 units that a string descriptor holds.
pub const MAX_UNITS: usize = 126;

/// Bytes before the first unit.
const HEAD: usize = 2;

/// The text of a string descriptor (USB 2.0 §9.6.7). It is untrusted: escape it before it is shown.
///
/// Halves of surrogate pairs become U+FFFD, an odd last byte is dropped, and a descriptor that says it is longer than
/// what came ends there.
///
/// # Errors
/// When this is no string descriptor.
pub fn decode_string(bytes: &[u8]) -> Result<String, DescriptorError> {
    Ok(char::decode_utf16(units(bytes)?).map(|char| char.unwrap_or(char::REPLACEMENT_CHARACTER)).collect())
}

/// The language numbers in string descriptor 0.
///
/// # Errors
/// When this is no string descriptor.
pub fn decode_languages(bytes: &[u8]) -> Result<Vec<u16>, DescriptorError> {
    Ok(units(bytes)?.collect())
}

fn units(bytes: &[u8]) -> Result<impl Iterator<Item = u16>, DescriptorError> {
    expect(bytes, kind::STRING, HEAD)?;
    let end = usize::from(bytes.first().copied().unwrap_or_default()).min(bytes.len());
    let units = bytes.get(HEAD..end).unwrap_or_default();
    Ok(units.as_chunks::<2>().0.iter().map(|unit| u16::from_le_bytes(*unit)))
}

/// The string descriptor that holds this text.
///
/// # Errors
/// When it has more than [`MAX_UNITS`] UTF-16 units.
pub fn encode_string(text: &str) -> Result<Vec<u8>, TooLong> {
    encode(&text.encode_utf16().collect::<Vec<_>>())
}

/// String descriptor 0, which lists these languages: `0x0409` is US English.
///
/// # Errors
/// When there are more than [`MAX_UNITS`].
pub fn encode_languages(languages: &[u16]) -> Result<Vec<u8>, TooLong> {
    encode(languages)
}

fn encode(units: &[u16]) -> Result<Vec<u8>, TooLong> {
    if units.len() > MAX_UNITS {
        return Err(TooLong { len: units.len(), limit: MAX_UNITS });
    }
    let mut out = vec![(HEAD + 2 * units.len()) as u8, kind::STRING];
    out.extend(units.iter().flat_map(|unit| unit.to_le_bytes()));
    Ok(out)
}
