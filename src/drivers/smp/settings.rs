//! Settings: values of bytes under keys.

use protocols::smp::message::settings::{Commit, DeleteSetting, ReadSetting, Save, WriteSetting};

use super::SmpDriver;
use super::exchange::FLASH;
use super::refusal;
use crate::device::{Op, Settings};
use crate::error::{Error, Kind, Result};

/// Longest key that is sent: Zephyr's own limit (`SETTINGS_MAX_NAME_LEN`) is far below.
const MAX_KEY: usize = 255;
/// Bytes of an answer around a value: header, map, key, string head, and the limit beside it.
const ANSWER_OVERHEAD: usize = 40;
/// Bytes of a write around key and value: header, map with two keys, and their string heads.
const WRITE_OVERHEAD: usize = 8 + 2 + 5 + 3 + 4 + 3;

fn check(key: &str) -> Result<()> {
    let wrong = |why: &str| {
        Err(Error::new(Kind::Invalid, format!("`{}` is no settings key: {why}", key.escape_debug()))
            .next("give a key such as net/host"))
    };
    if key.is_empty() {
        return wrong("it is empty");
    }
    if key.len() > MAX_KEY {
        return wrong("it is too long");
    }
    if key.chars().any(|char| char.is_control() || char == '=') {
        return wrong("it holds a control character or `=`");
    }
    Ok(())
}

impl Settings for SmpDriver {
    fn read(&mut self, key: &str, op: &mut Op<'_>) -> Result<Option<Vec<u8>>> {
        check(key)?;
        let most = u32::try_from(self.wire.limits.message.saturating_sub(ANSWER_OVERHEAD)).unwrap_or(u32::MAX);
        let request = ReadSetting { name: key.to_owned(), max_size: Some(most) };
        let reply = match self.wire.ask(&request, FLASH, op)? {
            Ok(reply) => reply,
            Err(refusal) if refusal::no_such_key(&refusal) => return Ok(None),
            Err(refusal) => return Err(refusal::error("read setting", refusal).while_doing(format!("reading {key}"))),
        };
        let shown = reply.max_size.unwrap_or(most).min(most);
        if reply.value.len() >= shown as usize {
            return Err(Error::new(
                Kind::Refused,
                format!("the unit shows at most {shown} bytes of a setting, and {key} has that many or more"),
            )
            .next("keep long values in a file"));
        }
        Ok(Some(reply.value.0))
    }

    fn write(&mut self, key: &str, value: &[u8], op: &mut Op<'_>) -> Result<()> {
        check(key)?;
        if let Some(most) = self.max_value(key).filter(|most| value.len() as u64 > *most) {
            return Err(Error::new(
                Kind::Invalid,
                format!("the value of {key} has {} bytes and the unit takes at most {most}", value.len()),
            )
            .next("shorten the value, or keep it in a file"));
        }
        self.wire.fit(value.len(), op)?;
        let request = WriteSetting { name: key.to_owned(), value: value.to_vec().into() };
        self.wire.require(&request, FLASH, op).map_err(|error| error.while_doing(format!("setting {key}")))?;
        self.deleted.remove(key);
        Ok(())
    }

    /// Zephyr takes the key out of its storage; what runs keeps the value, and shows it, until the next restart.
    fn delete(&mut self, key: &str, op: &mut Op<'_>) -> Result<()> {
        check(key)?;
        self.remove(key, op)?;
        self.deleted.insert(key.to_owned());
        Ok(())
    }

    fn save(&mut self, op: &mut Op<'_>) -> Result<()> {
        match self.wire.ask(&Commit {}, FLASH, op)? {
            Err(refusal) if !refusal.is_unsupported() => return Err(refusal::error("commit settings", refusal)),
            _ => {}
        }
        self.wire.require(&Save { name: None }, FLASH, op)?;
        // A save stores all that runs, so also what was deleted before it.
        for key in self.deleted.clone() {
            self.remove(&key, op)?;
        }
        Ok(())
    }

    fn max_value(&self, key: &str) -> Option<u64> {
        Some(self.wire.limits.message.saturating_sub(WRITE_OVERHEAD + key.len()) as u64)
    }
}

impl SmpDriver {
    fn remove(&mut self, key: &str, op: &mut Op<'_>) -> Result<()> {
        match self.wire.ask(&DeleteSetting { name: key.to_owned() }, FLASH, op)? {
            Ok(_) => Ok(()),
            Err(refusal) if refusal::no_such_key(&refusal) => Ok(()),
            Err(refusal) => Err(refusal::error("delete setting", refusal).while_doing(format!("deleting {key}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use protocols::smp::Version;
    use protocols::smp::message::encode_request;

    use super::*;

    #[test]
    fn the_overhead_of_a_write_is_no_less_than_what_it_takes() {
        for (key, value) in [(1, 0), (23, 23), (24, 300), (200, 60_000)] {
            let request = WriteSetting { name: "k".repeat(key), value: vec![0; value].into() };
            let message = encode_request(&request, Version::V2, 0).unwrap();
            assert!(message.len() <= WRITE_OVERHEAD + key + value);
            assert!(message.len() + 6 >= WRITE_OVERHEAD + key + value);
        }
    }

    #[test]
    fn a_key_with_tricks_is_refused() {
        assert!(check("prov/serial").is_ok());
        for key in ["", "a\u{1b}b", "a=b", "a\0", &"k".repeat(256)] {
            assert_eq!(check(key).unwrap_err().kind(), Kind::Invalid);
        }
    }
}
