//! Links without hardware: a pair of ends for a device in another thread, or a device that is asked in place.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use protocols::time::Moment;

use super::{Link, Receiver, Sender};
use crate::clock::Clock;
use crate::error::{Error, Kind, Result};

fn gone() -> Error {
    Error::new(Kind::Gone, "memory: the other end was closed")
}

/// One direction: bytes under way, and whether both ends of it still exist.
#[derive(Default)]
struct Pipe {
    state: Mutex<(VecDeque<u8>, bool)>,
    changed: Condvar,
}

impl Pipe {
    fn lock(&self) -> MutexGuard<'_, (VecDeque<u8>, bool)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) {
        self.lock().1 = true;
        self.changed.notify_all();
    }
}

struct PipeSender(Arc<Pipe>);
struct PipeReceiver(Arc<Pipe>);

impl Drop for PipeSender {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Drop for PipeReceiver {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Sender for PipeSender {
    fn send(&mut self, bytes: &[u8], _within: Duration) -> Result<()> {
        let mut state = self.0.lock();
        if state.1 {
            return Err(gone());
        }
        state.0.extend(bytes);
        self.0.changed.notify_all();
        Ok(())
    }
}

impl Receiver for PipeReceiver {
    fn receive(&mut self, buf: &mut [u8], within: Duration) -> Result<usize> {
        let waited =
            self.0.changed.wait_timeout_while(self.0.lock(), within, |(bytes, closed)| bytes.is_empty() && !*closed);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let count = std::io::Read::read(&mut state.0, buf).unwrap_or(0);
        if count == 0 && state.1 && !buf.is_empty() { Err(gone()) } else { Ok(count) }
    }
}

/// Two ends joined in memory, for a device that runs in a thread of its own. Waiting takes real time; a dropped half
/// is `gone` to its other end.
#[must_use]
pub fn pair() -> (Link, Link) {
    let (there, back) = (Arc::new(Pipe::default()), Arc::new(Pipe::default()));
    let end = |to: &Arc<Pipe>, from: &Arc<Pipe>| Link {
        sender: Box::new(PipeSender(Arc::clone(to))),
        receiver: Box::new(PipeReceiver(Arc::clone(from))),
        address: "memory".to_owned(),
        bytes_per_second: None,
    };
    (end(&there, &back), end(&back, &there))
}

/// A device that is asked in place: it takes bytes and gives bytes, in the caller's thread.
pub trait Peer: Send {
    /// Bytes from the host.
    ///
    /// # Errors
    /// `gone` when the device is no more.
    fn take(&mut self, now: Moment, bytes: &[u8]) -> Result<()>;

    /// What the device has to say by `now`; empty when nothing.
    ///
    /// # Errors
    /// `gone` when the device is no more.
    fn give(&mut self, now: Moment) -> Result<Vec<u8>>;
}

impl<F: FnMut(Moment, &[u8]) -> Vec<u8> + Send> Peer for (F, Vec<u8>) {
    fn take(&mut self, now: Moment, bytes: &[u8]) -> Result<()> {
        let answer = (self.0)(now, bytes);
        self.1.extend(answer);
        Ok(())
    }

    fn give(&mut self, _now: Moment) -> Result<Vec<u8>> {
        Ok(std::mem::take(&mut self.1))
    }
}

/// How often a silent device is asked again, in the clock's time.
const ASK_EVERY: Duration = Duration::from_millis(1);

struct Served<P> {
    device: Arc<Mutex<P>>,
    clock: Arc<dyn Clock>,
    pending: VecDeque<u8>,
}

impl<P: Peer> Served<P> {
    fn device(&self) -> MutexGuard<'_, P> {
        self.device.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<P: Peer> Sender for Served<P> {
    fn send(&mut self, bytes: &[u8], _within: Duration) -> Result<()> {
        let now = self.clock.now();
        self.device().take(now, bytes)
    }
}

impl<P: Peer> Receiver for Served<P> {
    fn receive(&mut self, buf: &mut [u8], within: Duration) -> Result<usize> {
        let until = self.clock.now() + within;
        loop {
            if self.pending.is_empty() {
                let given = self.device().give(self.clock.now())?;
                self.pending.extend(given);
            }
            if !self.pending.is_empty() {
                return Ok(std::io::Read::read(&mut self.pending, buf).unwrap_or(0));
            }
            let left = until.saturating_since(self.clock.now());
            if left.is_zero() {
                return Ok(0);
            }
            self.clock.sleep(left.min(ASK_EVERY));
        }
    }
}

/// A link to a device that is asked in place. With a clock that is moved by hand, no test waits for real.
#[must_use]
pub fn served<P: Peer + 'static>(device: &Arc<Mutex<P>>, clock: &Arc<dyn Clock>) -> Link {
    let half = || Served { device: Arc::clone(device), clock: Arc::clone(clock), pending: VecDeque::new() };
    Link { sender: Box::new(half()), receiver: Box::new(half()), address: "memory".to_owned(), bytes_per_second: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    #[test]
    fn a_pair_passes_bytes_and_says_when_an_end_is_closed() {
        let (mut near, mut far) = pair();
        near.sender.send(b"ab", Duration::ZERO).unwrap();
        let mut buf = [0; 1];
        for want in *b"ab" {
            assert_eq!(far.receiver.receive(&mut buf, Duration::from_secs(1)).unwrap(), 1);
            assert_eq!(buf[0], want);
        }
        assert_eq!(far.receiver.receive(&mut buf, Duration::ZERO).unwrap(), 0);
        drop(near);
        assert_eq!(far.receiver.receive(&mut buf, Duration::from_secs(1)).unwrap_err().kind(), Kind::Gone);
        assert_eq!(far.sender.send(b"x", Duration::ZERO).unwrap_err().kind(), Kind::Gone);
    }

    #[test]
    fn waiting_for_a_silent_device_moves_the_clock_alone() {
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::new());
        let device = Arc::new(Mutex::new((|_: Moment, bytes: &[u8]| bytes.to_vec(), Vec::new())));
        let mut link = served(&device, &clock);
        let mut buf = [0; 8];
        assert_eq!(link.receiver.receive(&mut buf, Duration::from_secs(3600)).unwrap(), 0);
        assert_eq!(clock.now().since_start(), Duration::from_secs(3600));
        link.sender.send(b"echo", Duration::ZERO).unwrap();
        assert_eq!(link.receiver.receive(&mut buf, Duration::ZERO).unwrap(), 4);
        assert_eq!(&buf[..4], b"echo");
    }
}
