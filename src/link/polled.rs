//! Both halves of a link over one non-blocking descriptor.
//!
//! While the other side takes nothing, the sending half takes in what it sends: a unit that will not read before its
//! answer is read (a small pseudoterminal buffer, a single-threaded emulator) would otherwise stand still with us.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::{Link, Receiver, Sender};
use crate::clock::Clock;
use crate::error::{Error, Kind, Result};

/// What is taken in at most while a send waits; beyond it the unit is left waiting too.
const INBOX_MAX: usize = 1 << 20;
const READ_AT_ONCE: usize = 4096;

struct Port<S> {
    stream: S,
    inbox: Mutex<VecDeque<u8>>,
    address: String,
    clock: Arc<dyn Clock>,
    /// Whatever must stay open as long as the stream does (a lock on the port).
    _held: Option<Box<dyn Send + Sync>>,
}

struct Half<S>(Arc<Port<S>>);

/// A link over `stream`, which must not block.
pub(super) fn link<S>(stream: S, held: Option<Box<dyn Send + Sync>>, address: String, clock: &Arc<dyn Clock>) -> Link
where
    S: AsFd + Send + Sync + 'static,
    for<'a> &'a S: Read + Write,
{
    let inbox = Mutex::new(VecDeque::new());
    let port = Arc::new(Port { stream, inbox, address: address.clone(), clock: Arc::clone(clock), _held: held });
    Link { sender: Box::new(Half(Arc::clone(&port))), receiver: Box::new(Half(port)), address, bytes_per_second: None }
}

enum Took {
    Bytes(usize),
    Nothing,
}

impl<S> Port<S>
where
    S: AsFd,
    for<'a> &'a S: Read + Write,
{
    fn lock(&self) -> MutexGuard<'_, VecDeque<u8>> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, doing: &str, error: io::Error) -> Error {
        let kind = match error.kind() {
            ErrorKind::PermissionDenied => Kind::NotPermitted,
            _ => Kind::Gone,
        };
        Error::new(kind, format!("{} went away while {doing}", self.address))
            .because(error)
            .next("see that the cable is in, that the unit has power, and that `hardwire detect` lists it")
    }

    /// Waits for `events`, a hang-up included; `false` when `within` passed before any.
    fn wait(&self, events: PollFlags, within: Duration) -> io::Result<bool> {
        // Rounded up: a wait of less than the poll's grain must not become a busy loop.
        let millis = within.as_nanos().div_ceil(1_000_000);
        let timeout = PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(self.stream.as_fd(), events)], timeout) {
            Ok(ready) => Ok(ready > 0),
            Err(Errno::EINTR) => Ok(false),
            Err(errno) => Err(errno.into()),
        }
    }

    fn read(&self, buf: &mut [u8]) -> Result<Took> {
        loop {
            match (&self.stream).read(buf) {
                Ok(0) => {
                    let end = io::Error::new(ErrorKind::UnexpectedEof, "the other side hung up");
                    return Err(self.failed("reading", end));
                }
                Ok(count) => return Ok(Took::Bytes(count)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Took::Nothing),
                Err(error) => return Err(self.failed("reading", error)),
            }
        }
    }

    /// Takes in what has come, unless the receiving half is at it already. Whether there is room for more.
    fn drain(&self) -> bool {
        let mut inbox = match self.inbox.try_lock() {
            Ok(inbox) => inbox,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return false,
        };
        if inbox.len() >= INBOX_MAX {
            return false;
        }
        let mut buf = [0; READ_AT_ONCE];
        // A failure here is met again by whoever reads or writes next.
        if let Ok(Took::Bytes(count)) = self.read(&mut buf) {
            inbox.extend(&buf[..count]);
        }
        true
    }
}

impl<S> Sender for Half<S>
where
    S: AsFd + Send + Sync,
    for<'a> &'a S: Read + Write,
{
    fn send(&mut self, bytes: &[u8], within: Duration) -> Result<()> {
        let port = &*self.0;
        let until = port.clock.now() + within;
        let mut rest = bytes;
        let mut listen = true;
        while !rest.is_empty() {
            match (&port.stream).write(rest) {
                Ok(0) => return Err(port.failed("sending", ErrorKind::WriteZero.into())),
                Ok(count) => {
                    rest = &rest[count..];
                    continue;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(port.failed("sending", error)),
            }
            let left = until.saturating_since(port.clock.now());
            if left.is_zero() {
                let sent = bytes.len() - rest.len();
                return Err(Error::new(
                    Kind::TimedOut,
                    format!("{} took only {sent} of {} bytes within {within:?}", port.address, bytes.len()),
                )
                .next("see that the unit runs, and that flow control is set as on the unit (flow=none)"));
            }
            let events = if listen { PollFlags::POLLOUT | PollFlags::POLLIN } else { PollFlags::POLLOUT };
            port.wait(events, left).map_err(|error| port.failed("sending", error))?;
            listen = port.drain();
        }
        Ok(())
    }
}

impl<S> Receiver for Half<S>
where
    S: AsFd + Send + Sync,
    for<'a> &'a S: Read + Write,
{
    fn receive(&mut self, buf: &mut [u8], within: Duration) -> Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        let port = &*self.0;
        let until = port.clock.now() + within;
        let mut inbox = port.lock();
        if !inbox.is_empty() {
            return Ok(inbox.read(buf).unwrap_or(0));
        }
        loop {
            if let Took::Bytes(count) = port.read(buf)? {
                return Ok(count);
            }
            let left = until.saturating_since(port.clock.now());
            if left.is_zero() {
                return Ok(0);
            }
            port.wait(PollFlags::POLLIN, left).map_err(|error| port.failed("reading", error))?;
        }
    }
}
