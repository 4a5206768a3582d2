//! What `station.yaml` says of batches: `signals` and `quarantine_after`.
//!
//! ```yaml
//! quarantine_after: 3
//! signals:
//!   pass: lamp green                         # words apart by blanks, no shell
//!   fail: [sh, -c, "lamp red $HARDWIRE_BAY"]  # a shell where one is named
//!   waiting: lamp blue
//! ```

use std::path::Path;

use serde::Deserialize;

use super::signals::{Commands, Lamp, words};
use crate::error::{Error, Kind, Result};

/// What a station says of its batches.
#[derive(Debug, Default)]
pub struct Settings {
    /// The commands for lamps.
    pub signals: Commands,
    /// After how many errors in a row a bay is taken out.
    pub quarantine_after: Option<u32>,
}

#[derive(Deserialize)]
struct File {
    signals: Option<Signals>,
    quarantine_after: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Signals {
    pass: Option<Written>,
    fail: Option<Written>,
    waiting: Option<Written>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "a command is a text or a list of texts")]
enum Written {
    Text(String),
    List(Vec<String>),
}

impl Settings {
    /// The settings in the folder `root`; none when there is no `station.yaml`.
    ///
    /// # Errors
    /// `invalid`: they are not as they should be; says where. `storage`: the file cannot be read.
    pub fn under(root: &Path) -> Result<Settings> {
        let path = root.join("station.yaml");
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Settings::default()),
            Err(error) => {
                return Err(Error::new(Kind::Storage, format!("{} cannot be read", path.display())).because(error));
            }
        };
        let shown = path.display();
        let wrong = |what: &str| Error::new(Kind::Invalid, format!("{shown}: {what}"));
        let file: File =
            serde_yaml::from_str(&text).map_err(|error| wrong("its batch settings are wrong").because(error))?;
        if file.quarantine_after == Some(0) {
            return Err(wrong("`quarantine_after` is at least 1"));
        }
        let mut signals = Commands::new();
        let Some(written) = file.signals else {
            return Ok(Settings { signals, quarantine_after: file.quarantine_after });
        };
        for (lamp, command) in Lamp::ALL.into_iter().zip([written.pass, written.fail, written.waiting]) {
            let command = match command {
                None => continue,
                Some(Written::Text(text)) => words(&text),
                Some(Written::List(list)) => list,
            };
            if command.first().is_none_or(String::is_empty) {
                return Err(wrong(&format!("the signal `{lamp}` names no command")));
            }
            signals.insert(lamp, command);
        }
        Ok(Settings { signals, quarantine_after: file.quarantine_after })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Settings> {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("station.yaml"), text).unwrap();
        Settings::under(root.path())
    }

    #[test]
    fn commands_are_words_or_lists_and_other_keys_are_left_alone() {
        let text = "format: 1\nstation: x\nbays: []\nquarantine_after: 3\nsignals: { pass: lamp  green, fail: [sh, -c, 'a b'] }\n";
        let settings = read(text).unwrap();
        assert_eq!(settings.quarantine_after, Some(3));
        assert_eq!(settings.signals[&Lamp::Pass], ["lamp", "green"]);
        assert_eq!(settings.signals[&Lamp::Fail], ["sh", "-c", "a b"]);
        assert!(!settings.signals.contains_key(&Lamp::Waiting));
        assert!(read("format: 1\n").unwrap().signals.is_empty());
    }

    #[test]
    fn what_is_wrong_is_invalid_and_says_where() {
        for text in [
            "signals: { green: x }",
            "signals: { pass: 3 }",
            "signals: { pass: ' ' }",
            "signals: { pass: [] }",
            "quarantine_after: 0",
            "quarantine_after: three",
        ] {
            let error = read(text).unwrap_err();
            assert!(error.kind() == Kind::Invalid && error.to_string().contains("station.yaml"), "{text}: {error}");
        }
    }
}
