//! Whole trees of files: folders, modes, times.

use protocols::text::steers_screen;

use super::super::{Op, UnitText};
use crate::error::Result;

/// What an entry of a tree is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// A file.
    File,
    /// A folder.
    Folder,
}

/// How a file or folder is marked, besides what it holds. What is `None` is left as it comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Marks {
    /// Its permission bits, at most `0o7777`.
    pub mode: Option<u32>,
    /// When it was modified, in seconds since 1970.
    pub modified: Option<i64>,
}

/// One file or folder of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its path below the root of the tree, as [`relative`] allows it.
    pub path: String,
    /// What it is.
    pub kind: EntryKind,
    /// Its length in bytes; 0 for a folder.
    pub len: u64,
    /// How it is marked, where the unit says.
    pub marks: Marks,
}

/// Something in a tree that is neither a file nor a folder, or that may not be touched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Where it is, below the root of the tree; as the unit said it.
    pub path: UnitText,
    /// Why it was left out: `it is a symbolic link`, `it is a device file`, `its name leads out of the folder`.
    pub why: String,
}

/// What is below a folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// Files and folders, each folder before what is in it. Without the root itself.
    pub entries: Vec<Entry>,
    /// What was met and not followed.
    pub left_out: Vec<LeftOut>,
}

/// How far a tree is followed: a unit may say anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The most entries.
    pub entries: usize,
    /// The most folders above one another.
    pub depth: usize,
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds { entries: 200_000, depth: 64 }
    }
}

/// Whole trees of files.
pub trait Trees {
    /// What is below `root`, which may be a file itself: then the listing has one entry with an empty path. `None` when
    /// there is nothing. Symbolic links below it are never followed; what [`relative`] refuses, links, device files and what is
    /// beyond `bounds` are in [`Listing::left_out`].
    ///
    /// # Errors
    /// Link errors; `refused`.
    fn list(&mut self, root: &str, bounds: Bounds, op: &mut Op<'_>) -> Result<Option<Listing>>;

    /// Makes folders that are not there yet, and those above them.
    ///
    /// # Errors
    /// Link errors; `refused`.
    fn make_folders(&mut self, paths: &[&str], op: &mut Op<'_>) -> Result<()>;

    /// Marks files and folders that are there.
    ///
    /// # Errors
    /// Link errors; `refused` where the file system has no such marks.
    fn mark(&mut self, marks: &[(&str, Marks)], op: &mut Op<'_>) -> Result<()>;

    /// Removes files, and folders with all that is in them. What is not there is no error.
    ///
    /// # Errors
    /// Link errors; `refused`.
    fn remove(&mut self, paths: &[&str], op: &mut Op<'_>) -> Result<()>;
}

/// Whether a path below the root of a tree may be used: it stays below it, and can be shown.
///
/// # Errors
/// Why not, as the end of a sentence.
pub fn relative(path: &str) -> std::result::Result<(), &'static str> {
    if path.is_empty() || path.starts_with('/') {
        return Err("it is no path below the folder");
    }
    if path.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err("its name leads out of the folder");
    }
    if path.chars().any(steers_screen) {
        return Err("its name holds characters that steer a screen");
    }
    if path.len() > MAX_PATH || path.split('/').any(|part| part.len() > MAX_NAME) {
        return Err("its name is too long");
    }
    Ok(())
}

/// Linux's `PATH_MAX` and `NAME_MAX`, in bytes.
const MAX_PATH: usize = 4096;
const MAX_NAME: usize = 255;

#[cfg(test)]
mod tests {
    use super::relative;

    #[test]
    fn what_leaves_the_tree_or_steers_a_screen_is_refused() {
        for good in ["a", "a/b.c", "DCIM/Größe 1/…", ".hidden", "..a", "a\\b"] {
            assert_eq!(relative(good), Ok(()), "{good}");
        }
        for bad in ["", "/a", "..", "a/../b", "a//b", "./a", "a/", "a\u{1b}[2J", "a\0", "a\nb"] {
            assert!(relative(bad).is_err(), "{bad:?}");
        }
        assert!(relative(&"a".repeat(256)).is_err() && relative(&"a/".repeat(2100)).is_err());
    }
}
