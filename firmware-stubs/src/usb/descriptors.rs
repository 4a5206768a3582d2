//! What every device answers alike: the standard requests of USB 2.0 §9.4.

use super::device::Answer;
use protocols::usb::{RequestKind, Setup, encode_languages, encode_string, kind, standard};

/// US English, the language that everybody asks for.
const ENGLISH: u16 = 0x0409;

/// Descriptors as they go over the wire; a device that is to lie changes their bytes.
#[derive(Clone, Debug, Default)]
pub struct Descriptors {
    /// The device descriptor.
    pub device: Vec<u8>,
    /// The one configuration, with all that belongs to it.
    pub configuration: Vec<u8>,
    /// String descriptors; the first is number 0, the languages.
    pub strings: Vec<Vec<u8>>,
}

/// Strings in the order in which they were asked for, and their numbers.
#[derive(Debug)]
pub struct Strings(Vec<Vec<u8>>);

impl Default for Strings {
    fn default() -> Self {
        Self(encode_languages(&[ENGLISH]).into_iter().collect())
    }
}

impl Strings {
    /// The number of this string. What does not fit is cut off; an empty one has number 0, which means none.
    pub fn add(&mut self, text: &str) -> u8 {
        let mut text = text;
        while encode_string(text).is_err() {
            let last = text.char_indices().last().map_or(0, |(at, _)| at);
            text = &text[..last];
        }
        match (u8::try_from(self.0.len()), encode_string(text)) {
            (Ok(number), Ok(bytes)) if !text.is_empty() => {
                self.0.push(bytes);
                number
            }
            _ => 0,
        }
    }

    /// The descriptors.
    #[must_use]
    pub fn into_descriptors(self) -> Vec<Vec<u8>> {
        self.0
    }
}

impl Descriptors {
    /// The answer to a standard request that needs no more than descriptors, with `configuration` chosen; `None` for any
    /// other. The choice of a configuration is acknowledged and has to be kept by the device, as [`chosen`] tells it.
    #[must_use]
    pub fn answer(&self, setup: Setup, configuration: u8) -> Option<Answer> {
        if setup.kind() != RequestKind::Standard {
            return None;
        }
        match setup.request {
            standard::GET_DESCRIPTOR => {
                let [index, which] = setup.value.to_le_bytes();
                let found = match which {
                    kind::DEVICE => Some(&self.device),
                    kind::CONFIGURATION if index == 0 => Some(&self.configuration),
                    kind::STRING => self.strings.get(usize::from(index)),
                    _ => None,
                };
                Some(found.map_or(Answer::Stall, |bytes| Answer::Data(bytes.clone())))
            }
            standard::SET_CONFIGURATION | standard::CLEAR_FEATURE | standard::SET_FEATURE => Some(Answer::Ack),
            standard::GET_CONFIGURATION => Some(Answer::Data(vec![configuration])),
            standard::GET_STATUS => Some(Answer::Data(vec![0, 0])),
            _ => None,
        }
    }
}

/// The configuration that this request chooses, if it does.
#[must_use]
pub fn chosen(setup: Setup) -> Option<u8> {
    let [value, _] = setup.value.to_le_bytes();
    (setup.request_type == 0 && setup.request == standard::SET_CONFIGURATION).then_some(value)
}
