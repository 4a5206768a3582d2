//! While the unit writes a piece, the next one is read and hashed.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use firmware_stubs::fastboot::{Mode as StubMode, PartitionSpec};
use protocols::android::sparse::Image;
use protocols::fastboot::message::Variables;
use protocols::time::Moment;

use super::super::super::partition::Artifact;
use super::super::exchange::Wire;
use super::super::open;
use super::super::options::FastbootOptions;
use super::super::rollback;
use super::bench::{Bench, Framing, Phone, pattern};
use crate::clock::Clock;
use crate::device::{Content, Driver};
use crate::error::Result;
use crate::link::memory::{self, Peer};

/// How long a reader that never comes is waited for.
const PATIENCE: Duration = Duration::from_secs(20);
/// Bytes of a download.
const LIMIT: u32 = 1 << 20;
/// Bytes of the image.
const LEN: u64 = 5 << 20;

/// How many bytes of an image were read.
#[derive(Default)]
struct Read {
    bytes: Mutex<u64>,
    moved: Condvar,
}

impl Read {
    fn bytes(&self) -> MutexGuard<'_, u64> {
        self.bytes.lock().unwrap()
    }
}

/// An image that knows how much of it was read.
struct Watched {
    bytes: Vec<u8>,
    read: Arc<Read>,
}

impl Content for Watched {
    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        *self.read.bytes() += buf.len() as u64;
        self.read.moved.notify_all();
        self.bytes.read_exact_at(offset, buf)
    }
}

/// A unit that has written a piece only when more of the image was read than all pieces that it has.
struct Waits {
    phone: Arc<Mutex<Phone>>,
    read: Arc<Read>,
    /// What was read before the first piece: what the image is, and where it is cut.
    before: u64,
    pieces: u64,
    ahead: Arc<Mutex<Vec<bool>>>,
}

impl Peer for Waits {
    fn take(&mut self, now: Moment, bytes: &[u8]) -> Result<()> {
        if bytes.starts_with(b"flash:") {
            self.pieces += 1;
            let had = self.before + (self.pieces * u64::from(LIMIT)).min(LEN - 1);
            let read = self.read.bytes();
            let (read, _) = self.read.moved.wait_timeout_while(read, PATIENCE, |read| *read <= had).unwrap();
            self.ahead.lock().unwrap().push(*read > had);
        }
        self.phone.lock().unwrap().take(now, bytes)
    }

    fn give(&mut self, now: Moment) -> Result<Vec<u8>> {
        self.phone.lock().unwrap().give(now)
    }
}

#[test]
fn the_next_piece_is_read_before_the_unit_has_written_the_last() {
    let mut bench = Bench::new(Framing::Transfers, StubMode::Bootloader, |options| {
        options.max_download = LIMIT;
        options.partitions = vec![PartitionSpec::slotted("boot", 8 << 20)];
    });
    let read = Arc::new(Read::default());
    let image = Watched { bytes: pattern(LEN as usize), read: Arc::clone(&read) };
    rollback::check(&Artifact::read(&image).unwrap(), None, &image, &Variables::default()).unwrap();
    Image::read_plain(&image as &dyn Content).unwrap();
    let before = std::mem::take(&mut *read.bytes());
    assert!(before >= LEN);

    let (phone, ahead) = (Arc::clone(&bench.phone), Arc::default());
    let peer = Waits { phone, read, before, pieces: 0, ahead: Arc::clone(&ahead) };
    let clock: Arc<dyn Clock> = Arc::clone(&bench.clock) as Arc<dyn Clock>;
    let link = memory::served(&Arc::new(Mutex::new(peer)), &clock);
    let options = FastbootOptions::default();
    let mut driver = bench.with(|op| open::open(Wire::over_packets(link), None, &options, op)).unwrap();
    let upload = bench.with(|op| driver.firmware().expect("firmware").upload("boot", &image, op)).unwrap();
    assert!(upload.written.sent >= LEN);
    let ahead = ahead.lock().unwrap();
    assert!(ahead.len() >= 5 && ahead.iter().all(|ahead| *ahead), "{ahead:?}");
    assert_eq!(bench.held("boot_a")[..LEN as usize], image.bytes);
}
