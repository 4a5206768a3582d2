//! A pair of bulk endpoints as a link. A thread of its own reads, so that a unit that must be read before it takes more
//! never stands still with us.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::Pipes;
use crate::clock::Clock;
use crate::error::{Error, Kind, Result};
use crate::link::{Link, Receiver, Sender};

/// How long the reading thread waits for bytes before it looks whether it is still wanted.
pub(super) const SLICE: Duration = Duration::from_millis(20);
/// Bytes that are asked for at once: a multiple of every packet size, so that a full packet never overflows it.
const READ_AT_ONCE: usize = 64 << 10;
/// Bytes that go in one submission. The kernel lends all of its USB users 16 MiB together.
const WRITE_AT_ONCE: usize = 1 << 20;
/// What is taken in before anybody asks for it; beyond it the unit is left waiting.
const INBOX_MAX: usize = 1 << 20;

/// The two endpoints, for calls from two threads at once.
pub(super) trait Bulk: Send + Sync + 'static {
    /// One transfer from the device, of one read's length at most; `None` when nothing came in time. What came before
    /// the time was over is given, never dropped.
    fn read(&self, buf: &mut [u8], within: Duration) -> Result<Option<usize>>;

    /// One submission to the device; how many bytes went in time. Nothing at all is an empty packet.
    fn write(&self, bytes: &[u8], within: Duration) -> Result<usize>;
}

/// The link over `bulk`.
pub(super) fn link<B: Bulk>(bulk: B, pipes: Pipes, address: String, clock: &Arc<dyn Clock>) -> Link {
    let bulk = Arc::new(bulk);
    let inbox = Arc::new(Inbox::default());
    let pump = {
        let (bulk, inbox) = (Arc::clone(&bulk), Arc::clone(&inbox));
        std::thread::spawn(move || pump(&*bulk, &inbox))
    };
    let sender = Sending { bulk, pipes, address: address.clone(), clock: Arc::clone(clock) };
    let receiver = Receiving { inbox, pump: Some(pump), address: address.clone() };
    Link { sender: Box::new(sender), receiver: Box::new(receiver), address, bytes_per_second: None }
}

/// Transfers that came and were not asked for yet.
#[derive(Default)]
struct Inbox {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    transfers: VecDeque<Vec<u8>>,
    /// Bytes of the first transfer that were taken already.
    taken: usize,
    bytes: usize,
    /// Why no more will come; taken by whoever hears it first.
    failed: Option<Error>,
    ended: bool,
    unwanted: bool,
}

impl Inbox {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for room; `false` when nobody wants more.
    fn has_room(&self) -> bool {
        let full = |state: &mut State| state.bytes >= INBOX_MAX && !state.unwanted;
        let state = self.changed.wait_while(self.lock(), full).unwrap_or_else(PoisonError::into_inner);
        !state.unwanted
    }
}

fn pump(bulk: &dyn Bulk, inbox: &Inbox) {
    // Also when this thread falls over, whoever waits must hear of it.
    let _ended = Ended(inbox);
    let mut buf = vec![0; READ_AT_ONCE];
    while inbox.has_room() {
        match bulk.read(&mut buf, SLICE) {
            Ok(None | Some(0)) => {}
            Ok(Some(count)) => {
                let mut state = inbox.lock();
                state.transfers.push_back(buf[..count.min(READ_AT_ONCE)].to_vec());
                state.bytes += count;
                inbox.changed.notify_all();
            }
            Err(error) => {
                inbox.lock().failed = Some(error);
                return;
            }
        }
    }
}

struct Ended<'a>(&'a Inbox);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.lock().ended = true;
        self.0.changed.notify_all();
    }
}

struct Receiving {
    inbox: Arc<Inbox>,
    pump: Option<JoinHandle<()>>,
    address: String,
}

impl Receiver for Receiving {
    fn receive(&mut self, buf: &mut [u8], within: Duration) -> Result<usize> {
        let idle = |state: &mut State| state.transfers.is_empty() && !state.ended;
        let waited = self.inbox.changed.wait_timeout_while(self.inbox.lock(), within, idle);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let taken = state.taken;
        let Some(transfer) = state.transfers.front() else {
            if state.ended && !buf.is_empty() {
                let failed = state.failed.take();
                return Err(failed.unwrap_or_else(|| Error::new(Kind::Gone, format!("{} went away", self.address))));
            }
            return Ok(0);
        };
        let rest = transfer.get(taken..).unwrap_or_default();
        let count = rest.len().min(buf.len());
        buf[..count].copy_from_slice(&rest[..count]);
        let is_through = count == rest.len();
        state.bytes -= count;
        state.taken = if is_through { 0 } else { taken + count };
        if is_through {
            state.transfers.pop_front();
        }
        self.inbox.changed.notify_all();
        Ok(count)
    }
}

impl Drop for Receiving {
    fn drop(&mut self) {
        self.inbox.lock().unwanted = true;
        self.inbox.changed.notify_all();
        // The device must be closed when the link is: whoever opens it next would find it busy.
        if let Some(pump) = self.pump.take() {
            pump.join().ok();
        }
    }
}

struct Sending<B> {
    bulk: Arc<B>,
    pipes: Pipes,
    address: String,
    clock: Arc<dyn Clock>,
}

impl<B: Bulk> Sender for Sending<B> {
    fn send(&mut self, bytes: &[u8], within: Duration) -> Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let until = self.clock.now() + within;
        let left = || until.saturating_since(self.clock.now());
        let mut sent = 0;
        while sent < bytes.len() {
            // A part in the middle is of full packets, so that to the unit it is one transfer all the same.
            let packet = usize::from(self.pipes.packet.max(1));
            let at_once = WRITE_AT_ONCE - WRITE_AT_ONCE % packet;
            let part = &bytes[sent..bytes.len().min(sent + at_once)];
            let went = self.bulk.write(part, left())?;
            sent += went.min(part.len());
            if went < part.len() {
                return Err(self.late(sent, bytes.len()));
            }
        }
        if self.pipes.wants_empty(bytes.len()) {
            self.bulk.write(&[], left()).map_err(|error| error.while_doing("ending a transfer"))?;
        }
        Ok(())
    }
}

impl<B> Sending<B> {
    fn late(&self, sent: usize, of: usize) -> Error {
        let sentence = format!("{} took {sent} of {of} bytes in the time given", self.address);
        Error::new(Kind::TimedOut, sentence).next("unplug the unit, plug it in again, and run the same again")
    }
}

#[cfg(test)]
mod tests {
    use super::super::Ending;
    use super::*;
    use crate::clock::SystemClock;

    const PIPES: Pipes =
        Pipes { interface: 0, alternate: 0, to: 1, from: 0x81, packet: 512, ending: Ending::ShortPacket };

    /// A device that answers every transfer with the same bytes, and does not take more while its answers wait.
    #[derive(Default)]
    struct Echo {
        state: Mutex<(VecDeque<Vec<u8>>, Vec<usize>)>,
        changed: Condvar,
        room: usize,
        leaves_after: Option<usize>,
    }

    impl Bulk for Arc<Echo> {
        fn read(&self, buf: &mut [u8], within: Duration) -> Result<Option<usize>> {
            let empty = |state: &mut (VecDeque<Vec<u8>>, Vec<usize>)| state.0.is_empty();
            let (mut state, _) = self.changed.wait_timeout_while(self.state.lock().unwrap(), within, empty).unwrap();
            if self.leaves_after.is_some_and(|count| state.1.len() >= count) && state.0.is_empty() {
                return Err(Error::new(Kind::Gone, "the script says so"));
            }
            let Some(transfer) = state.0.pop_front() else { return Ok(None) };
            buf[..transfer.len()].copy_from_slice(&transfer);
            self.changed.notify_all();
            Ok(Some(transfer.len()))
        }

        fn write(&self, bytes: &[u8], within: Duration) -> Result<usize> {
            let full = |state: &mut (VecDeque<Vec<u8>>, Vec<usize>)| state.0.len() >= self.room;
            let (mut state, waited) =
                self.changed.wait_timeout_while(self.state.lock().unwrap(), within, full).unwrap();
            state.1.push(bytes.len());
            if waited.timed_out() {
                return Ok(bytes.len() / 2);
            }
            // It answers in pieces of its own size.
            state.0.extend(bytes.chunks(READ_AT_ONCE).map(<[u8]>::to_vec));
            self.changed.notify_all();
            Ok(bytes.len())
        }
    }

    fn open(echo: Echo) -> (Link, Arc<Echo>) {
        let echo = Arc::new(echo);
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        (link(Arc::clone(&echo), PIPES, "usb:1-1".into(), &clock), echo)
    }

    #[test]
    fn it_reads_while_it_writes_and_loses_nothing() {
        let (mut link, _) = open(Echo { room: 1, ..Echo::default() });
        let all: Vec<u8> = (0..300_000_u32).map(|i| (i % 251) as u8).collect();
        // The device takes no transfer while its answer to the one before waits: only a thread of its own reads these.
        for part in all.chunks(1000) {
            link.sender.send(part, Duration::from_secs(5)).unwrap();
        }
        let mut got = Vec::new();
        let mut buf = [0; 700];
        while got.len() < all.len() {
            let count = link.receiver.receive(&mut buf, Duration::from_secs(5)).unwrap();
            assert!(count > 0, "{} bytes came", got.len());
            got.extend_from_slice(&buf[..count]);
        }
        assert_eq!(got, all);
    }

    #[test]
    fn a_receive_never_joins_two_transfers() {
        let (mut link, _) = open(Echo { room: 9, ..Echo::default() });
        link.sender.send(b"OKAY", Duration::from_secs(1)).unwrap();
        link.sender.send(b"FAIL", Duration::from_secs(1)).unwrap();
        let mut buf = [0; 64];
        assert_eq!(link.receiver.receive(&mut buf, Duration::from_secs(5)).unwrap(), 4);
        assert_eq!(&buf[..4], b"OKAY");
        assert_eq!(link.receiver.receive(&mut buf[..3], Duration::from_secs(5)).unwrap(), 3);
        assert_eq!(link.receiver.receive(&mut buf, Duration::from_secs(5)).unwrap(), 1);
        assert_eq!(link.receiver.receive(&mut buf, Duration::ZERO).unwrap(), 0);
    }

    #[test]
    fn full_packets_are_followed_by_an_empty_one_and_large_sends_go_in_few_submissions() {
        let (mut link, echo) = open(Echo { room: 99, ..Echo::default() });
        link.sender.send(&[1; 1024], Duration::from_secs(1)).unwrap();
        link.sender.send(&[1; 1023], Duration::from_secs(1)).unwrap();
        link.sender.send(&vec![1; (1 << 20) + 7], Duration::from_secs(5)).unwrap();
        assert_eq!(echo.state.lock().unwrap().1, [1024, 0, 1023, 1 << 20, 7]);
    }

    #[test]
    fn a_unit_that_takes_no_more_is_late_and_one_that_left_is_gone() {
        let (mut link, _) = open(Echo::default());
        let error = link.sender.send(&[0; 100], Duration::from_millis(5)).unwrap_err();
        assert_eq!(error.kind(), Kind::TimedOut);
        assert!(error.to_string().contains("50 of 100"), "{error}");

        let (mut link, _) = open(Echo { room: 9, leaves_after: Some(1), ..Echo::default() });
        link.sender.send(b"last", Duration::from_secs(1)).unwrap();
        let mut buf = [0; 64];
        // What came before it left is given first; that it left is said every time.
        assert_eq!(link.receiver.receive(&mut buf, Duration::from_secs(5)).unwrap(), 4);
        assert_eq!(link.receiver.receive(&mut buf, Duration::from_secs(5)).unwrap_err().kind(), Kind::Gone);
        assert_eq!(link.receiver.receive(&mut buf, Duration::from_secs(5)).unwrap_err().kind(), Kind::Gone);
    }

    #[test]
    fn a_flood_that_nobody_reads_is_bounded_and_closing_waits_for_nobody() {
        let (mut link, echo) = open(Echo { room: 1, ..Echo::default() });
        let mut took = 0;
        while link.sender.send(&[7; READ_AT_ONCE - 1], Duration::from_millis(50)).is_ok() {
            took += READ_AT_ONCE - 1;
            assert!(took < 2 * INBOX_MAX, "it takes in all that comes");
        }
        drop(link);
        assert_eq!(Arc::strong_count(&echo), 1, "the device is still open");
    }
}
