//! Files under absolute paths, one by one and many at once.

use std::io::{self, Write};
use std::ops::Range;

use super::super::{Content, Op};
use super::{Marks, Trees};
use crate::digest::{Algorithm, Digest};
use crate::error::{Error, Kind, Result};

/// What the unit says of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileStat {
    /// Its length in bytes.
    pub len: u64,
}

/// What a transfer did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Written {
    /// Payload bytes that were put on the link, retries included.
    pub sent: u64,
    /// The offset at which the unit let us continue; 0 from the start.
    pub resumed_at: u64,
}

/// One of many files that are written at once.
#[derive(Clone, Copy)]
pub struct Put<'a> {
    /// Its absolute path on the unit.
    pub path: &'a str,
    /// What it shall hold.
    pub content: &'a dyn Content,
    /// How it shall be marked. Only a unit with [`Files::trees`] is asked for more than nothing.
    pub marks: Marks,
}

/// Where many files go that are read at once: they come one after the other, in the order in which they were named.
pub trait Take {
    /// The next bytes of file number `index`.
    ///
    /// # Errors
    /// `storage`; reading ends with it.
    fn bytes(&mut self, index: usize, bytes: &[u8]) -> Result<()>;

    /// File number `index` is there and the unit will not give it: `why`. What came of it is void, and reading goes on.
    ///
    /// # Errors
    /// `refused` where every file is needed, which is so unless it is said; reading ends with it.
    fn refuse(&mut self, _index: usize, why: &str) -> Result<()> {
        Err(Error::new(Kind::Refused, why))
    }

    /// File number `index` is complete; `false` when there is no such file.
    ///
    /// # Errors
    /// `storage`; reading ends with it.
    fn end(&mut self, index: usize, there: bool) -> Result<()>;
}

/// Files under absolute paths.
pub trait Files {
    /// What the unit says of `path`, or `None` when there is no such file.
    ///
    /// # Errors
    /// Link errors; `refused`.
    fn stat(&mut self, path: &str, op: &mut Op<'_>) -> Result<Option<FileStat>>;

    /// The algorithms in which the unit computes digests over what it stored, best first.
    fn algorithms(&self) -> &[Algorithm];

    /// The unit's digest over `path`, or over `range` of it; `None` when there is no such file.
    ///
    /// # Errors
    /// Link errors; `refused`; `unsupported` for an algorithm not in [`Files::algorithms`].
    fn digest(
        &mut self,
        path: &str,
        algorithm: Algorithm,
        range: Option<Range<u64>>,
        op: &mut Op<'_>,
    ) -> Result<Option<Digest>>;

    /// Reads `path` into `into`; the number of bytes, or `None` when there is no such file.
    ///
    /// # Errors
    /// Link errors; `refused`; `storage` when `into` cannot be written.
    fn read(&mut self, path: &str, into: &mut dyn Write, op: &mut Op<'_>) -> Result<Option<u64>>;

    /// Writes `content` to `path`, replacing what is there.
    ///
    /// # Errors
    /// Link errors; `refused` (full, no such folder).
    fn write(&mut self, path: &str, content: &dyn Content, op: &mut Op<'_>) -> Result<Written>;

    /// The unit's digests over many files, in their order; `None` for a file that is not there.
    ///
    /// # Errors
    /// As [`Files::digest`].
    fn digests(&mut self, paths: &[&str], algorithm: Algorithm, op: &mut Op<'_>) -> Result<Vec<Option<Digest>>> {
        paths.iter().map(|path| self.digest(path, algorithm, None, op)).collect()
    }

    /// Writes many files, replacing what is there. Folders above them are made where the unit has [`Files::trees`].
    /// After an error any of them may be written, or half written.
    ///
    /// # Errors
    /// As [`Files::write`], naming the file.
    fn write_many(&mut self, files: &[Put<'_>], op: &mut Op<'_>) -> Result<Written> {
        let total = files.iter().map(|file| file.content.len()).sum();
        let mut all = Written::default();
        let mut done = 0;
        for file in files {
            op.check()?;
            let written = op.part(done, total, |op| self.write(file.path, file.content, op));
            all.sent += written.map_err(|error| error.while_doing(format!("writing {}", file.path)))?.sent;
            done += file.content.len();
        }
        Ok(all)
    }

    /// Reads many files, at most `most` bytes of each. One that the unit refuses, or that is longer, is for `into` to
    /// refuse in turn.
    ///
    /// # Errors
    /// As [`Files::read`], naming the file; what `into` answers.
    fn read_many(&mut self, paths: &[&str], most: u64, into: &mut dyn Take, op: &mut Op<'_>) -> Result<()> {
        for (index, path) in paths.iter().enumerate() {
            op.check()?;
            let mut tap = Tap { into: &mut *into, index, left: most, failed: None };
            let read = self.read(path, &mut tap, op);
            let ended = match tap.failed.map_or(read, Err) {
                Ok(read) => into.end(index, read.is_some()),
                Err(error) if error.kind() == Kind::Refused => into.refuse(index, &error.to_string()),
                Err(error) => Err(error),
            };
            ended.map_err(|error| error.while_doing(format!("reading {path}")))?;
        }
        Ok(())
    }

    /// Whole trees, if the unit knows folders, modes and times.
    fn trees(&mut self) -> Option<&mut dyn Trees> {
        None
    }
}

/// One file's share of a [`Take`].
struct Tap<'a> {
    into: &'a mut dyn Take,
    index: usize,
    left: u64,
    failed: Option<Error>,
}

impl Write for Tap<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = match self.left.checked_sub(bytes.len() as u64) {
            Some(left) => {
                self.left = left;
                self.into.bytes(self.index, bytes)
            }
            None => Err(Error::new(Kind::Refused, "the file is longer than what may be read of one")),
        };
        taken.map(|()| bytes.len()).map_err(|error| {
            self.failed.get_or_insert(error);
            io::Error::other("what was read is not taken")
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::clock::ManualClock;
    use crate::device::Cancel;
    use crate::device::Progress;

    /// A unit that knows one file at a time.
    struct Plain(BTreeMap<String, Vec<u8>>);

    impl Files for Plain {
        fn stat(&mut self, path: &str, _: &mut Op<'_>) -> Result<Option<FileStat>> {
            Ok(self.0.get(path).map(|file| FileStat { len: file.len() as u64 }))
        }
        fn algorithms(&self) -> &[Algorithm] {
            &[Algorithm::Sha256]
        }
        fn digest(
            &mut self,
            path: &str,
            _: Algorithm,
            _: Option<Range<u64>>,
            _: &mut Op<'_>,
        ) -> Result<Option<Digest>> {
            Ok(self.0.get(path).map(|file| Digest::sha256(file)))
        }
        fn read(&mut self, path: &str, into: &mut dyn Write, _: &mut Op<'_>) -> Result<Option<u64>> {
            let Some(file) = self.0.get(path) else { return Ok(None) };
            for piece in file.chunks(2) {
                into.write_all(piece).map_err(|error| Error::new(Kind::Storage, "cannot keep it").because(error))?;
            }
            Ok(Some(file.len() as u64))
        }
        fn write(&mut self, path: &str, content: &dyn Content, op: &mut Op<'_>) -> Result<Written> {
            let bytes = content.to_vec().expect("memory");
            (op.progress)(Progress { bytes: content.len(), total: content.len() });
            self.0.insert(path.to_owned(), bytes);
            Ok(Written { sent: content.len(), resumed_at: 0 })
        }
    }

    #[derive(Default)]
    struct Taken(Vec<u8>, Vec<(usize, bool, usize)>);

    impl Take for Taken {
        fn bytes(&mut self, _: usize, bytes: &[u8]) -> Result<()> {
            self.0.extend_from_slice(bytes);
            Ok(())
        }
        fn end(&mut self, index: usize, there: bool) -> Result<()> {
            self.1.push((index, there, self.0.len()));
            Ok(())
        }
    }

    #[test]
    fn many_files_are_one_after_the_other_where_a_unit_knows_no_better() {
        let (clock, cancel) = (ManualClock::new(), Cancel::default());
        let mut seen = Vec::new();
        let mut progress = |at: Progress| seen.push((at.bytes, at.total));
        let mut op = Op::new(&clock, &cancel, &mut progress);
        let mut unit = Plain(BTreeMap::new());
        let (one, two) = (b"one".to_vec(), b"three".to_vec());
        let put = |path, content| Put { path, content, marks: Marks::default() };
        assert_eq!(unit.write_many(&[put("/a", &one), put("/b", &two)], &mut op).unwrap().sent, 8);
        let mut taken = Taken::default();
        unit.read_many(&["/b", "/none", "/a"], 5, &mut taken, &mut op).unwrap();
        assert_eq!(taken.0, b"threeone");
        assert_eq!(taken.1, [(0, true, 5), (1, false, 5), (2, true, 8)]);
        let digests = unit.digests(&["/a", "/none"], Algorithm::Sha256, &mut op).unwrap();
        assert_eq!(digests, [Some(Digest::sha256(b"one")), None]);
        assert_eq!(seen, [(3, 8), (8, 8)]);
    }

    #[test]
    fn a_file_that_grows_is_not_read_for_ever() {
        let (clock, cancel, mut quiet) = (ManualClock::new(), Cancel::default(), |_| {});
        let mut unit = Plain(BTreeMap::from([("/a".to_owned(), vec![7; 9])]));
        let mut taken = Taken::default();
        let mut op = Op::new(&clock, &cancel, &mut quiet);
        let error = unit.read_many(&["/a"], 8, &mut taken, &mut op).unwrap_err();
        assert_eq!((error.kind(), taken.0.len(), taken.1.len()), (Kind::Refused, 8, 0));
    }
}
