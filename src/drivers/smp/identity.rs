//! Who a unit is, from what it says of itself.

use super::text::plain;
use crate::device::UnitText;

/// Longest chip id that is believed; Zephyr's drivers give at most 16 bytes.
const MAX_ID: usize = 64;

/// A unit's own serial number, and the chip id that it comes from as lower-case hex.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ChipId {
    pub serial: UnitText,
    pub hwid: String,
}

/// Reads what the shell command `hwinfo devid` prints: `Length: 8`, `ID: 0x…`.
///
/// Where every byte is printable, the board stores its serial number there as text; otherwise the serial number is
/// the upper-case hex that Zephyr also shows as its USB serial number.
pub(super) fn chip_id(output: &str) -> Option<ChipId> {
    let output = plain(output);
    let hex = output.lines().find_map(|line| line.trim().strip_prefix("ID:")?.trim().strip_prefix("0x"))?;
    let bytes = hex::decode(hex.trim()).ok().filter(|bytes| !bytes.is_empty() && bytes.len() <= MAX_ID)?;
    // An id of one repeated value is what unprogrammed fuses read as, the same on every board.
    if bytes.iter().all(|byte| *byte == 0) || bytes.iter().all(|byte| *byte == 0xff) {
        return None;
    }
    let text =
        bytes.iter().all(u8::is_ascii_graphic).then(|| bytes.iter().copied().map(char::from).collect::<String>());
    let serial = text.unwrap_or_else(|| hex::encode_upper(&bytes));
    Some(ChipId { serial: serial.into(), hwid: hex::encode(bytes) })
}

/// A hardware platform as OS information gives it: `board[@revision][/qualifiers]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Board {
    pub model: UnitText,
    pub revision: Option<UnitText>,
}

/// Reads a hardware platform.
pub(super) fn board(platform: &str) -> Option<Board> {
    let target = platform.trim().split('/').next().unwrap_or_default();
    let (model, revision) = match target.split_once('@') {
        Some((model, revision)) => (model, Some(revision).filter(|revision| !revision.is_empty())),
        None => (target, None),
    };
    (!model.is_empty()).then(|| Board { model: model.into(), revision: revision.map(UnitText::from) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chip_id_of_text_is_the_serial_number() {
        let id = chip_id("\r\nLength: 7\r\nID: 0x54482d30343231\r\n").unwrap();
        assert_eq!((id.serial.untrusted(), id.hwid.as_str()), ("TH-0421", "54482d30343231"));
    }

    #[test]
    fn any_other_chip_id_is_the_serial_number_in_hex() {
        let id = chip_id("Length: 4\nID: 0xdeadBEef").unwrap();
        assert_eq!((id.serial.untrusted(), id.hwid.as_str()), ("DEADBEEF", "deadbeef"));
    }

    #[test]
    fn what_is_no_id_is_none() {
        let long = format!("ID: 0x{}", "ab".repeat(65));
        for output in ["", "hwinfo: command not found", "ID: 0x", "ID: 0xzz", "ID: 0x0000", "ID: 0xffff", &long] {
            assert_eq!(chip_id(output), None, "{output}");
        }
    }

    #[test]
    fn a_board_has_a_model_and_perhaps_a_revision() {
        let read = |platform| board(platform).map(|b| (b.model.untrusted().to_owned(), b.revision));
        assert_eq!(read("native_sim/native"), Some(("native_sim".to_owned(), None)));
        assert_eq!(read("thermostat@B/soc"), Some(("thermostat".to_owned(), Some("B".into()))));
        assert_eq!(read("mps2"), Some(("mps2".to_owned(), None)));
        assert_eq!(read("x@"), Some(("x".to_owned(), None)));
        assert_eq!(read("@B/x"), None);
        assert_eq!(read(" "), None);
    }
}
