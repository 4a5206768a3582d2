//! What a device says of itself on endpoint 0. All of it is hostile input; what cannot be read is left out.

use std::time::Duration;

use protocols::usb::{Configuration, decode_languages, decode_string, kind};

use super::{About, MAX_CONTROL, Setup, Transfer};
use crate::error::{Kind, Result};

/// How long one descriptor may take.
const WITHIN: Duration = Duration::from_secs(1);
/// Configurations that are looked through for the active one.
const MAX_CONFIGURATIONS: u8 = 8;
/// The largest string descriptor.
const STRING: u16 = 255;
/// US English: for devices that list no language.
const ENGLISH: u16 = 0x0409;

/// A control transfer to the host.
pub(super) type Control<'a> = dyn FnMut(Setup, &mut [u8], Duration) -> Result<Transfer> + 'a;

/// What is known of a device without asking: its device descriptor, which the host read when it was plugged in.
pub(super) struct Known {
    pub vendor: u16,
    pub product: u16,
    pub release: u16,
    pub packet: u8,
    /// Indexes of the strings for manufacturer, product and serial number; 0 for none.
    pub strings: [u8; 3],
    pub configurations: u8,
    /// The value of the active configuration, if the host knows it.
    pub active: Option<u8>,
}

/// Reads the strings and the active configuration.
///
/// # Errors
/// `gone` when the device leaves meanwhile.
pub(super) fn about(port: &str, known: &Known, control: &mut Control<'_>) -> Result<About> {
    let [manufacturer, model, serial] = known.strings;
    Ok(About {
        port: port.to_owned(),
        vendor: known.vendor,
        product: known.product,
        release: known.release,
        packet: known.packet,
        manufacturer: string(manufacturer, control)?,
        model: string(model, control)?,
        serial: string(serial, control)?,
        configuration: configuration(known, control)?,
    })
}

fn configuration(known: &Known, control: &mut Control<'_>) -> Result<Configuration> {
    let mut buf = vec![0; usize::from(MAX_CONTROL)];
    for index in 0..known.configurations.min(MAX_CONFIGURATIONS) {
        // In two steps: there are devices that break off when asked for more than they have.
        let Some(head) = descriptor(kind::CONFIGURATION, index, 0, 9, &mut buf, control)? else { continue };
        let Ok(parsed) = Configuration::parse(head) else { continue };
        if known.active.is_some_and(|active| active != parsed.value) {
            continue;
        }
        let length = head.get(2..4).map_or(0, |bytes| u16::from_le_bytes([bytes[0], bytes[1]]));
        let length = length.clamp(9, MAX_CONTROL);
        let whole = descriptor(kind::CONFIGURATION, index, 0, length, &mut buf, control)?;
        let parsed = whole.and_then(|bytes| Configuration::parse(bytes).ok()).unwrap_or(parsed);
        if !parsed.faults.is_empty() {
            tracing::debug!(faults = ?parsed.faults, "the configuration descriptor is faulty");
        }
        return Ok(parsed);
    }
    Ok(Configuration::default())
}

/// The string `index`, broken UTF-16 made good; `None` for none.
pub(super) fn string(index: u8, control: &mut Control<'_>) -> Result<Option<String>> {
    if index == 0 {
        return Ok(None);
    }
    let mut buf = [0; STRING as usize];
    let languages = descriptor(kind::STRING, 0, 0, STRING, &mut buf, control)?;
    let language = languages.and_then(|bytes| decode_languages(bytes).ok()?.first().copied()).unwrap_or(ENGLISH);
    let bytes = descriptor(kind::STRING, index, language, STRING, &mut buf, control)?;
    Ok(bytes.and_then(|bytes| decode_string(bytes).ok()).filter(|text| !text.is_empty()))
}

/// One descriptor; `None` when the device refuses it or does not answer.
fn descriptor<'b>(
    kind: u8,
    index: u8,
    language: u16,
    length: u16,
    buf: &'b mut [u8],
    control: &mut Control<'_>,
) -> Result<Option<&'b [u8]>> {
    let setup = Setup::get_descriptor(kind, index, language, length);
    match control(setup, buf, WITHIN) {
        Ok(Transfer::Done(len)) => Ok(buf.get(..len)),
        Ok(Transfer::Stalled) => Ok(None),
        Err(error) if error.kind() == Kind::TimedOut || error.kind() == Kind::Garbled => {
            tracing::debug!(%error, kind, index, "a descriptor was not given");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use protocols::usb::encode_string;

    use super::*;
    use crate::error::Error;

    const KNOWN: Known = Known {
        vendor: 0x0483,
        product: 0xdf11,
        release: 0x2200,
        packet: 64,
        strings: [1, 2, 3],
        configurations: 1,
        active: Some(1),
    };

    /// A device whose descriptors are these: type, index, bytes.
    fn read(known: &Known, given: &[(u8, u8, Vec<u8>)]) -> Result<About> {
        about("1-2", known, &mut |setup, buf, _| {
            let [index, kind] = setup.value.to_le_bytes();
            let Some((.., bytes)) = given.iter().find(|(k, i, _)| (*k, *i) == (kind, index)) else {
                return Ok(Transfer::Stalled);
            };
            let len = bytes.len().min(usize::from(setup.length));
            buf[..len].copy_from_slice(&bytes[..len]);
            Ok(Transfer::Done(len))
        })
    }

    #[test]
    fn strings_that_are_broken_are_made_good_or_left_out() {
        let given = [
            (3, 0, vec![4, 3, 9, 4]),
            // A lone half of a pair, and an odd byte behind it.
            (3, 1, vec![7, 3, b'A', 0, 0x3d, 0xd8, 1]),
            (3, 2, encode_string("\u{1b}[2J board").unwrap()),
            (3, 3, vec![4, 9, b'B', 0]),
        ];
        let about = read(&KNOWN, &given).unwrap();
        assert_eq!(about.manufacturer.as_deref(), Some("A\u{fffd}"));
        assert_eq!(about.model.as_deref(), Some("\u{1b}[2J board"));
        assert_eq!(about.serial, None);
        assert_eq!(about.configuration, Configuration::default());
    }

    #[test]
    fn a_configuration_that_lies_about_its_length_is_read_as_far_as_it_goes() {
        let mut bytes = vec![9, 2, 0xff, 0xff, 9, 1, 0, 0x80, 50];
        bytes.extend([9, 4, 0, 0, 0, 0xfe, 1, 2, 0, 0, 0]);
        let about = read(&KNOWN, &[(2, 0, bytes)]).unwrap();
        assert_eq!(about.configuration.interfaces.len(), 1);
        assert!(!about.configuration.faults.is_empty());
    }

    #[test]
    fn the_active_configuration_is_the_one_that_is_read() {
        let other = vec![9, 2, 9, 0, 0, 2, 0, 0x80, 50];
        let active = vec![9, 2, 18, 0, 1, 1, 0, 0x80, 50, 9, 4, 7, 0, 0, 0xff, 0x42, 1, 0];
        let known = Known { configurations: 200, ..KNOWN };
        let about = read(&known, &[(2, 0, other), (2, 1, active)]).unwrap();
        assert_eq!(about.configuration.interfaces[0].number, 7);
        let none = read(&Known { active: Some(9), ..known }, &[]).unwrap();
        assert_eq!(none.configuration.interfaces, []);
    }

    #[test]
    fn a_device_that_leaves_meanwhile_is_gone_and_one_that_is_silent_has_no_strings() {
        let ends = |kind| about("1-2", &KNOWN, &mut |_, _, _| Err(Error::new(kind, "the script says so")));
        assert_eq!(ends(Kind::Gone).unwrap_err().kind(), Kind::Gone);
        assert_eq!(ends(Kind::TimedOut).unwrap().serial, None);
    }
}
