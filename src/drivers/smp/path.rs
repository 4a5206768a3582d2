//! Paths on a unit, checked before they are sent: a unit that trusts its host would follow them anywhere.

use crate::error::{Error, Kind, Result};

/// Longest path in bytes that is sent; Zephyr takes 63 by default and says so itself.
const MAX_PATH: usize = 1024;

/// Accepts an absolute path without tricks.
///
/// # Errors
/// `invalid` for anything else.
pub(super) fn check(path: &str) -> Result<()> {
    let wrong = |why: &str| {
        Err(Error::new(Kind::Invalid, format!("`{}` is no path for a unit: {why}", path.escape_debug()))
            .next("give an absolute path such as /lfs1/name, without `..`"))
    };
    if !path.starts_with('/') {
        return wrong("it does not begin with /");
    }
    if path.len() > MAX_PATH {
        return wrong("it is too long");
    }
    if path.chars().any(char::is_control) {
        return wrong("it holds a control character");
    }
    if path.split('/').any(|part| part == ".." || part == ".") {
        return wrong("it holds `.` or `..`");
    }
    if path.ends_with('/') {
        return wrong("it names a folder");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_absolute_paths_pass() {
        assert!(check("/lfs1/ca.pem").is_ok());
        assert!(check("/lfs1/a..b/.hidden").is_ok());
        for path in ["", "x", "/lfs1/../etc", "/..", "/lfs1/./a", "/lfs1/\u{1b}[2J", "/a\0b", "/lfs1/", "/"] {
            assert_eq!(check(path).unwrap_err().kind(), Kind::Invalid, "{path:?}");
        }
        assert!(check(&format!("/{}", "a".repeat(1024))).is_err());
    }
}
