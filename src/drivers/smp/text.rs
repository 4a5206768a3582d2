//! What a shell prints, without what it does to a terminal.

use crate::device::UnitText;

/// The text without terminal control sequences, with plain line ends and without empty lines around it.
pub(super) fn plain(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len().min(UnitText::MAX_CHARS));
    let mut chars = raw.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '\u{1b}' => match chars.next() {
                // Control sequence: parameters, then a final byte from @ to ~ (ECMA-48 5.4).
                Some('[') => {
                    for next in chars.by_ref() {
                        if ('\u{40}'..='\u{7e}').contains(&next) {
                            break;
                        }
                    }
                }
                // Operating system command: up to BEL or ST.
                Some(']') => {
                    let mut last = ' ';
                    for next in chars.by_ref() {
                        if next == '\u{7}' || (last == '\u{1b}' && next == '\\') {
                            break;
                        }
                        last = next;
                    }
                }
                _ => {}
            },
            '\r' => {}
            _ => out.push(char),
        }
    }
    out.trim_matches('\n').to_owned()
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn colours_titles_and_carriage_returns_go() {
        // As Zephyr 4.4.0's shell answers an unknown command.
        assert_eq!(plain("\r\n\u{1b}[1;31mhwinfo: command not found\r\n\u{1b}[m"), "hwinfo: command not found");
        assert_eq!(plain("\u{1b}]0;owned\u{7}a\r\nb\u{1b}"), "a\nb");
        assert_eq!(plain("\u{1b}[12"), "");
    }
}
