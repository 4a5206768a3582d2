//! An exchange that failed, as an error that says what to do.

use protocols::fastboot::message::{Command, CommandError};
use protocols::fastboot::session::{Cause, Failure};

use super::exchange::Ended;
use crate::device::UnitText;
use crate::error::{Error, Kind};

const REPLUG: &str = "unplug the unit, plug it in again, and run the same again";

/// The error for what ended an exchange.
pub(super) fn error(ended: Ended) -> Error {
    match ended {
        Ended::Broken(error) => error,
        Ended::Failed(failure) => failed(*failure),
    }
}

/// Whether the unit said no, rather than nothing or nonsense.
pub(super) fn is_refusal(failure: &Failure) -> bool {
    matches!(failure.cause, Cause::Refused(_))
}

fn failed(failure: Failure) -> Error {
    let kind = match &failure.cause {
        Cause::Refused(_) => Kind::Refused,
        Cause::Silence(_) | Cause::Late(_) => Kind::TimedOut,
        _ => Kind::Garbled,
    };
    let mut sentence = failure.to_string();
    let next = match &failure.cause {
        Cause::Refused(text) => {
            let shown = if text.text.is_empty() { "nothing".to_owned() } else { text.to_string() };
            sentence = format!("{sentence}: the unit says `{}`", UnitText::new(&shown));
            remedy(&text.text)
        }
        Cause::Silence(_) | Cause::Late(_) => {
            "it may be waiting for the rest of a transfer, or hang: restart it by its keys, then run the same again"
        }
        _ => REPLUG,
    };
    let said = failure.said.as_deref().filter(|said| !said.is_empty());
    if let Some(said) = said.filter(|_| kind == Kind::TimedOut) {
        sentence = format!("{sentence} (it said last: `{}`)", UnitText::new(said));
    }
    Error::new(kind, sentence).because(failure.cause).next(next)
}

/// What a technician can do about a refusal. Bootloaders have no codes, only words.
fn remedy(text: &str) -> &'static str {
    let text = text.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if says(&["lock state", "locked", "unlock", "not allowed"]) {
        "its bootloader is locked, or keeps this to itself: `hardwire info` shows `unlocked`; unlocking erases what it holds"
    } else if says(&["battery", "low power"]) {
        "charge it, then run the same again"
    } else if says(&["no such partition", "partition not found", "does not exist", "invalid partition"]) {
        "`hardwire info` lists its partitions; logical ones show in mode fastbootd"
    } else if says(&["too large", "not enough", "no space", "exceeds"]) {
        "use an image that fits the partition; in mode fastbootd a logical one can be resized"
    } else {
        "look its words up in the documentation of the unit's bootloader"
    }
}

/// The error for a command that no unit takes.
pub(super) fn unsendable(command: &Command, cause: CommandError) -> Error {
    let shown: String = command.to_string().chars().take(80).flat_map(char::escape_debug).collect();
    Error::new(Kind::Invalid, format!("`{shown}` is no command that a unit takes")).because(cause)
}

#[cfg(test)]
mod tests {
    use protocols::fastboot::session::Doing;
    use protocols::fastboot::wire::Text;

    use super::*;

    fn failure(cause: Cause) -> Ended {
        let command = "flash:boot_a".to_owned();
        let said = Some("erasing\u{1b}[2J".to_owned());
        Ended::Failed(Box::new(Failure { command, doing: Doing::Command, done: 0, total: 0, said, cause }))
    }

    #[test]
    fn a_refusal_is_in_the_units_words_escaped_with_a_remedy() {
        let error = error(failure(Cause::Refused(Text::from("Device is locked\u{1b}[2J"))));
        assert_eq!(error.kind(), Kind::Refused);
        assert!(error.to_string().contains("`Device is locked\\u{1b}[2J`"), "{error}");
        assert!(error.remedy().unwrap().contains("unlock"));
    }

    #[test]
    fn silence_names_what_was_said_last() {
        let error = error(failure(Cause::Silence(std::time::Duration::from_secs(300))));
        assert_eq!(error.kind(), Kind::TimedOut);
        assert!(error.to_string().contains("it said last: `erasing\\u{1b}[2J`"), "{error}");
        assert_eq!(super::error(failure(Cause::Early)).kind(), Kind::Garbled);
    }
}
