//! Port paths with wildcards.

use std::fmt;

/// A USB port path, or many by one pattern: `*` is any text, `?` any one character.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PortPattern(String);

impl PortPattern {
    /// The longest that is taken, in bytes.
    pub(super) const MAX: usize = 200;

    /// A pattern that matches what `text` says.
    #[must_use]
    pub fn new(text: impl Into<String>) -> PortPattern {
        PortPattern(text.into())
    }

    /// Whether it matches `path`.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        // A path has no wildcard in it, so meeting it is matching it.
        self.meets(&PortPattern(path.to_owned()))
    }

    /// Whether some path matches both.
    #[must_use]
    pub fn meets(&self, other: &PortPattern) -> bool {
        let (a, b): (Vec<char>, Vec<char>) = (self.0.chars().collect(), other.0.chars().collect());
        let is_any = |text: &[char], at: usize| text.get(at) == Some(&'*');
        // `row[j]`: the rest of `a` from `i` meets the rest of `b` from `j`.
        let mut below = vec![false; b.len() + 1];
        for i in (0..=a.len()).rev() {
            let mut row = vec![false; b.len() + 1];
            for j in (0..=b.len()).rev() {
                row[j] = if i == a.len() && j == b.len() {
                    true
                } else if is_any(&a, i) {
                    below[j] || (j < b.len() && row[j + 1])
                } else if is_any(&b, j) {
                    row[j + 1] || (i < a.len() && below[j])
                } else {
                    let same = |a: char, b: char| a == b || a == '?' || b == '?';
                    i < a.len() && j < b.len() && same(a[i], b[j]) && below[j + 1]
                };
            }
            below = row;
        }
        below[0]
    }
}

impl fmt::Display for PortPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_meet_where_a_path_matches_both() {
        for (a, b, meet) in [
            ("0:2.1", "0:2.1", true),
            ("0:2.1", "0:2.11", false),
            ("0:2.*", "0:2.3.1", true),
            ("0:2.?", "0:2.3", true),
            ("0:2.?", "0:2.31", false),
            ("usbv?-0:2.*", "usb*2.4", true),
            ("usbv?-0:2.1", "usb*-0:3.?", false),
            ("*", "", true),
            ("a*", "*b", true),
            ("a*c", "a*b", false),
            ("?", "", false),
            ("*?", "?*", true),
        ] {
            let (a, b) = (PortPattern::new(a), PortPattern::new(b));
            assert_eq!((a.meets(&b), b.meets(&a)), (meet, meet), "{a} and {b}");
        }
    }
}
