//! What a person types or scans while a board is drawn: read key by key, shown by the board and not by the terminal.

use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

#[cfg(unix)]
use super::terminal::{Hush, Hushed};
use crate::error::{Error, Kind, Result};
use crate::station::batch::Wire;

/// How often it is looked whether anybody still reads.
const LOOK: Duration = Duration::from_millis(100);
/// The longest line that is taken, in bytes.
const MAX_LINE: usize = 1 << 16;

/// Who shows what is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shows {
    /// The terminal itself.
    Terminal,
    /// The board.
    Board,
}

/// The keyboard, read until this is dropped.
pub struct Keyboard {
    typed: Arc<Mutex<Line>>,
    over: Arc<AtomicBool>,
    #[cfg(unix)]
    _keys: Option<Hushed>,
}

impl Keyboard {
    /// Reads lines from stdin and sends them over `wire`.
    ///
    /// # Errors
    /// `storage` when the machine gives no thread.
    pub fn read(shows: Shows, wire: Wire) -> Result<Keyboard> {
        #[cfg(unix)]
        let hushed = (shows == Shows::Board).then(|| Hushed::begin(Hush::Keys));
        #[cfg(not(unix))]
        let _ = shows;
        let (typed, over) = (Arc::<Mutex<Line>>::default(), Arc::<AtomicBool>::default());
        let (shared, stop) = (Arc::clone(&typed), Arc::clone(&over));
        std::thread::Builder::new()
            .name("keyboard".into())
            .spawn(move || listen(&shared, &stop, &wire))
            .map_err(|cause| Error::new(Kind::Storage, "no thread for the keyboard").because(cause))?;
        Ok(Keyboard {
            typed,
            over,
            #[cfg(unix)]
            _keys: hushed,
        })
    }

    /// What was typed since the last Enter.
    #[must_use]
    pub fn typed(&self) -> String {
        self.typed.lock().unwrap_or_else(PoisonError::into_inner).text()
    }
}

impl Drop for Keyboard {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

fn listen(typed: &Mutex<Line>, over: &AtomicBool, wire: &Wire) {
    let mut buf = [0; 1024];
    while !over.load(Ordering::Relaxed) {
        match readable() {
            Ok(false) => continue,
            Ok(true) => {}
            Err(()) => return,
        }
        let Ok(n @ 1..) = std::io::stdin().lock().read(&mut buf) else { return };
        let lines: Vec<String> = {
            let mut line = typed.lock().unwrap_or_else(PoisonError::into_inner);
            buf[..n].iter().filter_map(|byte| line.key(*byte)).collect()
        };
        for line in lines {
            wire.typed(line);
        }
        wire.redraw();
    }
}

#[cfg(unix)]
fn readable() -> std::result::Result<bool, ()> {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    use std::os::fd::AsFd;

    let stdin = std::io::stdin();
    let mut fds = [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
    match poll(&mut fds, PollTimeout::try_from(LOOK).unwrap_or(PollTimeout::ZERO)) {
        Ok(0) | Err(nix::errno::Errno::EINTR) => Ok(false),
        Ok(_) => Ok(true),
        Err(_) => Err(()),
    }
}

#[cfg(not(unix))]
fn readable() -> std::result::Result<bool, ()> {
    let _ = LOOK;
    Ok(true)
}

/// The line that is being typed.
#[derive(Default)]
struct Line(Vec<u8>);

impl Line {
    /// Takes a key in; the line, when it was Enter.
    fn key(&mut self, byte: u8) -> Option<String> {
        match byte {
            b'\r' | b'\n' => return Some(String::from_utf8_lossy(&std::mem::take(&mut self.0)).into_owned()),
            // Backspace takes a character, whatever its length.
            0x08 | 0x7f => while self.0.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {},
            // Ctrl-U takes the line.
            0x15 => self.0.clear(),
            b'\t' | 0x20..=0xff if self.0.len() < MAX_LINE => self.0.push(byte),
            _ => {}
        }
        None
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(keys: &[u8]) -> (Vec<String>, String) {
        let mut line = Line::default();
        let done = keys.iter().filter_map(|key| line.key(*key)).collect();
        (done, line.text())
    }

    #[test]
    fn lines_are_edited_and_controls_are_left_out() {
        assert_eq!(lines(b"TH-1\rTH"), (vec!["TH-1".into()], "TH".into()));
        assert_eq!(lines("aé\u{7f}b\n".as_bytes()).0, ["ab"]);
        assert_eq!(lines(b"wrong\x15right\n").0, ["right"]);
        assert_eq!(lines(b"\x7f\x1b\x07a\n").0, ["a"]);
        assert_eq!(lines(&vec![b'x'; MAX_LINE * 2]).1.len(), MAX_LINE);
    }
}
