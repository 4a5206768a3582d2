//! Streams to the unit, however they are carried: in one connection of ours ([`direct`]), or each as a connection of its own
//! through an adb server that holds the unit ([`server`]).

use std::time::Duration;

use protocols::adb::message::{Banner, Features};
use protocols::adb::session::StreamId;

use super::options::AdbOptions;
use crate::device::Op;
use crate::drivers::Keys;
use crate::error::{Error, Kind, Result};
use crate::link::{Behind, Link, usb};

mod direct;
mod server;

use direct::Direct;
use server::Server;

/// How long a unit may take none of a packet: storage that is slow makes it wait.
const SEND_WITHIN: Duration = Duration::from_secs(30);
/// How long a unit may take to say whether it has a service.
const OPEN_WITHIN: Duration = Duration::from_secs(10);
/// A stop is looked for this often while nothing comes.
const LOOK_UP: Duration = Duration::from_millis(100);
/// Bytes that are taken in at once.
const READ_AT_ONCE: usize = 256 << 10;

/// What came on a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Received {
    /// Data.
    Data(Vec<u8>),
    /// Nothing in time.
    Nothing,
    /// The unit closed it, and all that it sent was received.
    Closed,
}

/// How streams get to the unit.
trait Carrier: Send {
    /// What the unit said of itself.
    fn banner(&self) -> &Banner;

    /// What both sides can.
    fn features(&self) -> &Features;

    /// Most bytes of a packet.
    fn max_payload(&self) -> usize;

    /// Opens a stream, which has to be closed.
    fn open(&mut self, service: &[u8], op: &mut Op<'_>) -> Result<StreamId>;

    /// Closes a stream: what comes on it from now on is dropped.
    fn close(&mut self, stream: StreamId, op: &mut Op<'_>);

    /// Waits until the unit takes more on the stream; the most bytes that [`Carrier::send`] takes at once, 0 when the unit
    /// has closed it.
    fn room(&mut self, stream: StreamId, op: &mut Op<'_>) -> Result<usize>;

    /// Sends a packet of at most [`Carrier::room`] bytes on the stream.
    fn send(&mut self, stream: StreamId, data: Vec<u8>, op: &mut Op<'_>) -> Result<()>;

    /// What came on the stream, waiting up to `within` for it.
    fn receive(&mut self, stream: StreamId, within: Duration, op: &mut Op<'_>) -> Result<Received>;

    /// Whether the unit greeted in the middle of the conversation: its daemon is another one, or what was taken for its
    /// greeting was left of somebody else's.
    fn has_begun_anew(&self) -> bool {
        false
    }

    /// Greets the unit once more on the same link. All streams are lost.
    fn greet_again(&mut self, _: &dyn Keys, _: &AdbOptions, _: &mut Op<'_>) -> Result<()> {
        Ok(())
    }

    /// Whether the unit left, where the end of a stream does not say so.
    fn left(&mut self, _op: &mut Op<'_>) -> Option<Error> {
        None
    }
}

/// A unit that streams can be opened to.
pub(super) struct Wire {
    carrier: Box<dyn Carrier>,
    /// The serial number that it shows on USB, where somebody else sees it.
    pub shown: Option<String>,
}

impl Wire {
    /// To a unit at the other end of a stream of bytes.
    pub(super) fn over_stream(link: Link, keys: &dyn Keys, options: &AdbOptions, op: &mut Op<'_>) -> Result<Wire> {
        Ok(Wire { carrier: Box::new(Direct::over_stream(link, keys, options, op)?), shown: None })
    }

    /// To a unit on USB.
    pub(super) fn over_usb(
        device: Box<dyn usb::Device>,
        keys: &dyn Keys,
        options: &AdbOptions,
        op: &mut Op<'_>,
    ) -> Result<Wire> {
        let shown = device.about().serial.clone();
        Ok(Wire { carrier: Box::new(Direct::over_usb(device, keys, options, op)?), shown })
    }

    /// To a unit that an adb server holds.
    pub(super) fn over_server(behind: Behind, options: &AdbOptions, op: &mut Op<'_>) -> Result<Wire> {
        let server = Server::open(behind, options, op)?;
        let shown = server.shown().map(str::to_owned);
        Ok(Wire { carrier: Box::new(server), shown })
    }

    /// What the unit said of itself.
    pub(super) fn banner(&self) -> &Banner {
        self.carrier.banner()
    }

    /// What both sides can.
    pub(super) fn features(&self) -> &Features {
        self.carrier.features()
    }

    /// Most bytes of a packet.
    pub(super) fn max_payload(&self) -> usize {
        self.carrier.max_payload()
    }

    /// Whether the unit greeted in the middle of the conversation: all streams are lost.
    pub(super) fn has_begun_anew(&self) -> bool {
        self.carrier.has_begun_anew()
    }

    /// Greets the unit once more on the same link.
    ///
    /// # Errors
    /// As at the first time.
    pub(super) fn greet_again(&mut self, keys: &dyn Keys, options: &AdbOptions, op: &mut Op<'_>) -> Result<()> {
        self.carrier.greet_again(keys, options, op)
    }

    /// Opens a stream, has `work` done on it, and closes it whatever came of that.
    ///
    /// # Errors
    /// Link errors; `unsupported` when the unit does not have the service; what `work` answers.
    pub(super) fn with_stream<T>(
        &mut self,
        service: &[u8],
        op: &mut Op<'_>,
        work: impl FnOnce(&mut Wire, StreamId, &mut Op<'_>) -> Result<T>,
    ) -> Result<T> {
        let stream = self.open(service, op)?;
        let done = work(self, stream, op);
        self.close(stream, op);
        done.map_err(|error| self.explain(error, op))
    }

    /// Opens a stream, which has to be closed.
    ///
    /// # Errors
    /// Link errors; `unsupported` when the unit does not have the service.
    pub(super) fn open(&mut self, service: &[u8], op: &mut Op<'_>) -> Result<StreamId> {
        op.check()?;
        self.carrier.open(service, op)
    }

    /// Closes a stream: what comes on it from now on is dropped.
    pub(super) fn close(&mut self, stream: StreamId, op: &mut Op<'_>) {
        self.carrier.close(stream, op);
    }

    /// Waits until the unit takes more on the stream; the most bytes that [`Wire::send`] takes at once, 0 when the unit
    /// has closed it.
    pub(super) fn room(&mut self, stream: StreamId, op: &mut Op<'_>) -> Result<usize> {
        self.carrier.room(stream, op)
    }

    /// Sends a packet of at most [`Wire::room`] bytes on the stream.
    pub(super) fn send(&mut self, stream: StreamId, data: Vec<u8>, op: &mut Op<'_>) -> Result<()> {
        self.carrier.send(stream, data, op)
    }

    /// What came on the stream, waiting up to `within` for it.
    pub(super) fn receive(&mut self, stream: StreamId, within: Duration, op: &mut Op<'_>) -> Result<Received> {
        self.carrier.receive(stream, within, op)
    }

    /// What is behind a stream that ended before its time: a unit that says no, or one that is no longer there.
    pub(super) fn explain(&mut self, error: Error, op: &mut Op<'_>) -> Error {
        if !matches!(error.kind(), Kind::Refused | Kind::Gone) {
            return error;
        }
        match self.carrier.left(op) {
            Some(left) => left.because(error),
            None => error,
        }
    }
}

fn within(wait: Duration, op: &Op<'_>) -> Duration {
    op.deadline.map_or(wait, |deadline| wait.min(deadline.saturating_since(op.clock.now())))
}

fn no_service(service: &[u8]) -> Error {
    let name = service.split(|byte| *byte == b':').next().unwrap_or_default();
    Error::new(Kind::Unsupported, format!("the unit has no service `{}`", name.escape_ascii()))
}

fn no_answer() -> Error {
    Error::new(Kind::TimedOut, "the unit does not say whether it has a service")
        .next("restart the unit, then run the same again")
}

fn takes_nothing() -> Error {
    Error::new(Kind::TimedOut, format!("the unit takes nothing more since {} s", SEND_WITHIN.as_secs()))
        .next("see whether its storage is full or failing, then run the same again")
}
