//! Paths on the unit.

use crate::error::{Error, Kind, Result};

/// Bytes of a path: what the daemon takes, less what is put before and behind it.
const MAX_PATH: usize = 960;

/// Refuses a path that is not absolute, leads through `..`, or cannot be shown.
pub(super) fn check(path: &str) -> Result<()> {
    let wrong = |why: &str| {
        let sentence = format!("`{}` is no path on the unit: {why}", path.escape_debug());
        Err(Error::new(Kind::Invalid, sentence).next("give an absolute path, as in /data/local/tmp/a.bin"))
    };
    if !path.starts_with('/') || path.len() < 2 {
        return wrong("it is not absolute");
    }
    if path.len() > MAX_PATH {
        return wrong("it is too long");
    }
    if path.chars().any(char::is_control) {
        return wrong("it holds a control character");
    }
    if path.split('/').skip(1).any(|part| part == "..") {
        return wrong("it leads through `..`");
    }
    Ok(())
}

/// The folder that a checked path lies in, and its name there.
pub(super) fn split(path: &str) -> (&str, &str) {
    let path = path.trim_end_matches('/');
    match path.rsplit_once('/') {
        Some(("", name)) => ("/", name),
        Some((folder, name)) => (folder, name),
        None => ("/", path),
    }
}

/// `name` in `folder`.
pub(super) fn join(folder: &str, name: &str) -> String {
    format!("{}/{name}", folder.trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_path_is_refused() {
        for good in ["/a", "/data/local/tmp/a b", "/sdcard/Größe/..a", "/a/./b"] {
            check(good).unwrap();
        }
        for bad in ["", "/", "a/b", "/a/../b", "/a\0", "/a\nb", "/\u{1b}[2J", &format!("/{}", "a".repeat(2000))] {
            assert_eq!(check(bad).unwrap_err().kind(), Kind::Invalid, "{bad:?}");
        }
        assert_eq!((split("/a"), split("/a/b/"), join("/", "a")), (("/", "a"), ("/a", "b"), "/a".to_owned()));
    }
}
