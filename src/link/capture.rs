//! A readable record of what went over a link: one line a chunk, with time, direction, hex and text.
//!
//! ```text
//! # tty:/dev/ttyACM0, seconds since the link was opened; > to the unit, < from it
//!     0.001204 > 06 09 41 41 0a  |..AA.|
//! ```

use std::fmt::Write as _;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use protocols::time::Moment;

use super::{Link, Receiver, Sender};
use crate::clock::Clock;
use crate::error::{Error, Kind, Result};

/// A capture file that is being written.
pub(super) struct Log {
    file: Box<dyn Write + Send>,
    clock: Arc<dyn Clock>,
    start: Moment,
}

impl Log {
    /// Begins `file` with what it is of.
    pub(super) fn start(
        address: &str,
        mut file: Box<dyn Write + Send>,
        clock: &Arc<dyn Clock>,
    ) -> Result<Arc<Mutex<Log>>> {
        writeln!(file, "# {}, seconds since the link was opened; > to the unit, < from it", address.escape_debug())
            .map_err(not_written)?;
        Ok(Arc::new(Mutex::new(Log { file, clock: Arc::clone(clock), start: clock.now() })))
    }

    fn line(&mut self, direction: char, text: &str) -> std::io::Result<()> {
        let at = self.clock.now().saturating_since(self.start);
        let line = format!("{:>5}.{:06} {direction}{text}\n", at.as_secs(), at.subsec_micros());
        self.file.write_all(line.as_bytes())
    }
}

/// Bytes in hex, each after a space.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(3 * bytes.len()), |mut text, byte| {
        let _ = write!(text, " {byte:02x}");
        text
    })
}

/// Bytes in hex and as text.
pub(super) fn bytes_and_text(bytes: &[u8]) -> String {
    let printable = |byte: &u8| if byte.is_ascii_graphic() || *byte == b' ' { char::from(*byte) } else { '.' };
    let mut text = hex(bytes);
    text.push_str("  |");
    text.extend(bytes.iter().map(printable));
    text.push('|');
    text
}

/// Adds a line: what follows direction and time.
pub(super) fn write(log: &Mutex<Log>, direction: char, text: &str) -> Result<()> {
    let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
    log.line(direction, text).map_err(not_written)
}

fn not_written(error: std::io::Error) -> Error {
    Error::new(Kind::Storage, "the capture could not be written")
        .because(error)
        .next("make room for it, name another file, or leave out --capture")
}

struct CapturingSender {
    inner: Box<dyn Sender>,
    log: Arc<Mutex<Log>>,
}

impl Sender for CapturingSender {
    fn send(&mut self, bytes: &[u8], within: Duration) -> Result<()> {
        // Before the act: what was tried belongs in the capture, also when it failed.
        write(&self.log, '>', &bytes_and_text(bytes))?;
        self.inner.send(bytes, within)
    }
}

struct CapturingReceiver {
    inner: Box<dyn Receiver>,
    log: Arc<Mutex<Log>>,
}

impl Receiver for CapturingReceiver {
    fn receive(&mut self, buf: &mut [u8], within: Duration) -> Result<usize> {
        let count = self.inner.receive(buf, within)?;
        if count > 0 {
            write(&self.log, '<', &bytes_and_text(&buf[..count]))?;
        }
        Ok(count)
    }
}

/// The same link, with everything that passes also written to `file`.
///
/// # Errors
/// `storage` when `file` cannot be written; so do sending and receiving later on.
pub fn wrap(link: Link, file: Box<dyn Write + Send>, clock: &Arc<dyn Clock>) -> Result<Link> {
    let log = Log::start(&link.address, file, clock)?;
    Ok(over(link, log))
}

/// The same link, captured in a file that was begun before.
pub(super) fn over(link: Link, log: Arc<Mutex<Log>>) -> Link {
    let Link { sender, receiver, address, bytes_per_second } = link;
    let sender = Box::new(CapturingSender { inner: sender, log: Arc::clone(&log) });
    Link { sender, receiver: Box::new(CapturingReceiver { inner: receiver, log }), address, bytes_per_second }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::memory;
    use super::*;
    use crate::clock::ManualClock;

    #[derive(Clone, Default)]
    pub(in crate::link) struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Sink {
        pub(in crate::link) fn lines(&self) -> Vec<String> {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap().lines().map(str::to_owned).collect()
        }
    }

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn each_chunk_is_a_line_with_time_direction_and_text() {
        let manual = Arc::new(ManualClock::new());
        let clock: Arc<dyn Clock> = manual.clone();
        let (near, mut far) = memory::pair();
        let sink = Sink::default();
        let mut link = wrap(near, Box::new(sink.clone()), &clock).unwrap();
        manual.advance(Duration::from_micros(1204));
        link.sender.send(b"\x06\x09AA\n", Duration::ZERO).unwrap();
        manual.advance(Duration::from_secs(2));
        far.sender.send(b"\x1b[2J", Duration::ZERO).unwrap();
        link.receiver.receive(&mut [0; 9], Duration::ZERO).unwrap();
        assert_eq!(
            sink.lines(),
            [
                "# memory, seconds since the link was opened; > to the unit, < from it",
                "    0.001204 > 06 09 41 41 0a  |..AA.|",
                "    2.001204 < 1b 5b 32 4a  |.[2J|",
            ]
        );
    }

    #[test]
    fn a_full_disk_is_said() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
                Err(std::io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::new());
        let error = wrap(memory::pair().0, Box::new(Full), &clock).unwrap_err();
        assert_eq!(error.kind(), Kind::Storage);
    }
}
