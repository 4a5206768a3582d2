//! What a unit says in words while it works: as much of it as a record can hold.

use std::collections::VecDeque;

use crate::device::UnitText;

/// Characters of a line that are kept, before they are escaped.
const MAX_LINE: usize = 256;
/// Lines that are kept from the beginning, and as many from the end: what went wrong is said last.
const LINES: usize = 64;
/// Bytes of each of the two.
const BYTES: usize = 16 << 10;

/// The first and the last lines.
#[derive(Debug, Default)]
pub(super) struct Said {
    first: Vec<String>,
    last: VecDeque<String>,
    /// Bytes of both.
    bytes: (usize, usize),
    left_out: u64,
}

impl Said {
    /// Keeps a line; how it can be shown, when there is anything to show.
    pub(super) fn add(&mut self, text: &UnitText) -> Option<String> {
        let text = text.untrusted().trim();
        let shown = text.char_indices().nth(MAX_LINE).map_or(text, |(at, _)| text.get(..at).unwrap_or(text));
        if shown.is_empty() {
            return None;
        }
        let line = UnitText::new(shown).to_string();
        if !self.is_long() && self.first.len() < LINES && self.bytes.0 + line.len() <= BYTES {
            self.bytes.0 += line.len();
            self.first.push(line.clone());
            return Some(line);
        }
        self.bytes.1 += line.len();
        self.last.push_back(line.clone());
        while self.last.len() > LINES || self.bytes.1 > BYTES {
            self.bytes.1 -= self.last.pop_front().map_or(0, |line| line.len());
            self.left_out += 1;
        }
        Some(line)
    }

    /// Whether it is more than a few lines.
    pub(super) fn is_long(&self) -> bool {
        !self.last.is_empty()
    }

    /// The lines, and how many between the first and the last were not kept.
    pub(super) fn into_lines(self) -> (Vec<String>, u64) {
        (self.first.into_iter().chain(self.last).collect(), self.left_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(lines: impl Iterator<Item = String>) -> (Vec<String>, u64) {
        let mut said = Said::default();
        lines.for_each(|line| _ = said.add(&UnitText::new(&line)));
        said.into_lines()
    }

    #[test]
    fn a_few_lines_are_kept_as_they_are_and_nothing_steers_a_screen() {
        let (lines, left_out) = after(["erasing\u{1b}[2J", " ", "done\n"].into_iter().map(str::to_owned));
        assert_eq!((lines, left_out), (vec!["erasing\\u{1b}[2J".to_owned(), "done".to_owned()], 0));
    }

    #[test]
    fn of_many_lines_the_first_and_the_last_are_kept() {
        let (lines, left_out) = after((0..10_000).map(|n| n.to_string()));
        assert_eq!((lines.len(), left_out), (2 * LINES, 10_000 - 2 * LINES as u64));
        assert_eq!((lines[0].as_str(), lines[LINES].as_str()), ("0", "9936"));
        assert_eq!(lines.last().map(String::as_str), Some("9999"));
    }

    #[test]
    fn long_lines_are_cut_and_are_no_more_bytes_than_a_record_holds() {
        let (lines, left_out) = after((0..500).map(|_| "\u{202e}".repeat(4000)));
        assert!(lines.iter().map(String::len).sum::<usize>() <= 2 * BYTES && lines.len() > 4);
        assert_eq!(lines.len() as u64 + left_out, 500);
    }
}
