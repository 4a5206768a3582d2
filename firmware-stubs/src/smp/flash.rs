//! What every kind of storage shares: power that may go at any byte, flash that may lose one, files on the host.

use super::fail::Stop;
use super::{Fault, Options};
use crate::Error;
use std::borrow::Cow;
use std::fs;
use std::io::Write as _;
use std::path::Path;

/// The power supply and the flash behind it.
pub(super) struct Flash {
    /// Payload bytes stored since the process started.
    stored: u64,
    cut_after: Option<u64>,
    loses_bytes: bool,
}

impl Flash {
    pub(super) fn new(options: &Options) -> Self {
        let cut_after = options.faults.iter().filter_map(|fault| match fault {
            Fault::CutByte(n) => Some(*n),
            _ => None,
        });
        Self { stored: 0, cut_after: cut_after.min(), loses_bytes: options.faults.contains(&Fault::LoseByte) }
    }

    /// Payload bytes stored since the process started.
    pub(super) const fn stored(&self) -> u64 {
        self.stored
    }

    /// Store `data` with `write`, as much of it as the power lasts.
    ///
    /// # Errors
    /// [`Stop::PowerLost`] when the power went with the last byte that was stored, or what `write` says.
    pub(super) fn store(&mut self, data: &[u8], write: impl FnOnce(&[u8]) -> Result<(), Error>) -> Result<(), Stop> {
        let (kept, lost) = self.grant(data.len());
        write(&data[..kept])?;
        if lost { Err(Stop::PowerLost) } else { Ok(()) }
    }

    /// Store an entry that is kept whole or not at all.
    ///
    /// # Errors
    /// As [`Flash::store`]; nothing is stored then.
    pub(super) fn store_whole(&mut self, len: usize, write: impl FnOnce() -> Result<(), Error>) -> Result<(), Stop> {
        let (_, lost) = self.grant(len);
        if lost {
            return Err(Stop::PowerLost);
        }
        Ok(write()?)
    }

    /// How many of `len` bytes the power lasts for, and whether it goes with the last of them.
    fn grant(&mut self, len: usize) -> (usize, bool) {
        let left = self.cut_after.map_or(u64::MAX, |cut| cut.saturating_sub(self.stored));
        let kept = usize::try_from(left).map_or(len, |left| left.min(len));
        self.stored += kept as u64;
        (kept, kept as u64 == left)
    }

    /// `data`, to be stored from offset `off` on, as flash will keep it: the byte at `middle` is lost.
    pub(super) fn worn<'a>(&self, data: &'a [u8], off: u64, middle: Option<u64>) -> Cow<'a, [u8]> {
        // Without a length there is no middle to know; then the first byte that comes is it.
        let at = middle.unwrap_or(off);
        let inside = at.checked_sub(off).and_then(|at| usize::try_from(at).ok()).filter(|at| *at < data.len());
        match inside {
            Some(at) if self.loses_bytes => {
                let mut data = data.to_vec();
                data[at] = if data[at] == 0xff { 0x00 } else { 0xff };
                Cow::Owned(data)
            }
            _ => Cow::Borrowed(data),
        }
    }
}

/// Put `bytes` into the file at `path`, all of them or none, whatever happens to the process.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let state = Error::state(path);
    let temporary = path.with_extension("new");
    let mut file = fs::File::create(&temporary).map_err(state)?;
    file.write_all(bytes).map_err(state)?;
    fs::rename(&temporary, path).map_err(state)
}

/// Read the file at `path`; `None` when there is none.
pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::state(path)(source)),
    }
}

/// Remove the file or folder at `path`.
pub(super) fn remove(path: &Path) -> Result<(), Error> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    removed.map_err(Error::state(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flash(fault: Fault) -> Flash {
        let mut options = Options::new("unused".into());
        options.faults.push(fault);
        Flash::new(&options)
    }

    #[test]
    fn power_goes_with_exactly_the_nth_byte() {
        let mut flash = flash(Fault::CutByte(5));
        let mut kept: Vec<u8> = Vec::new();
        let mut store = |data: &[u8]| {
            flash.store(data, |data| {
                kept.extend(data);
                Ok(())
            })
        };
        assert!(store(&[1, 2, 3]).is_ok());
        assert!(matches!(store(&[4, 5, 6]), Err(Stop::PowerLost)));
        assert_eq!(kept, [1, 2, 3, 4, 5]);
    }

    #[test]
    fn power_lost_at_the_end_of_a_write_is_lost_too() {
        let mut flash = flash(Fault::CutByte(3));
        assert!(matches!(flash.store(&[1, 2, 3], |_| Ok(())), Err(Stop::PowerLost)));
    }

    #[test]
    fn a_whole_entry_is_not_stored_in_parts() {
        let mut flash = flash(Fault::CutByte(2));
        assert!(matches!(flash.store_whole(2, || panic!("stored")), Err(Stop::PowerLost)));
    }

    #[test]
    fn the_middle_byte_is_lost_whatever_it_is() {
        let flash = flash(Fault::LoseByte);
        assert_eq!(*flash.worn(&[1, 2, 3], 4, Some(5)), [1, 0xff, 3]);
        assert_eq!(*flash.worn(&[1, 0xff, 3], 4, Some(5)), [1, 0, 3]);
        assert_eq!(*flash.worn(&[1, 2, 3], 4, Some(9)), [1, 2, 3]);
        assert_eq!(*flash.worn(&[1, 2, 3], 4, None), [0xff, 2, 3]);
    }
}
