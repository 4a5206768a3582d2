//! The sessions of `protocols::dfu` against the unit, which was not made with them in mind.

use super::*;
use protocols::dfu::session::{
    After, Cause, Detach as DetachSession, DfuseDownload, DfusePlan, Download, Erase, Failure, Leave, Piece, Policy,
    Prepare, Session, Step, TransferError, Upload as UploadSession, Want,
};
use protocols::dfu::wire::FunctionalDescriptor;

impl Bench {
    fn drive<S: Session>(&mut self, mut session: S) -> Result<S::Output, Failure> {
        loop {
            match session.next(self.host.now) {
                Step::Control(transfer) => {
                    let reply = self.host.control(transfer.setup, &transfer.data).map_err(|trouble| match trouble {
                        Trouble::Stall => TransferError::Stall,
                        Trouble::Silence => TransferError::TimedOut,
                        Trouble::Left | Trouble::Unplugged => TransferError::Gone,
                        Trouble::Babble | Trouble::Broken(_) => TransferError::Bus,
                    });
                    let _ = self.host.pass(Duration::from_millis(1));
                    session.on_reply(self.host.now, reply.as_deref().map_err(|error| *error));
                }
                Step::WaitUntil(until) => {
                    let _ = self.host.pass(until - self.host.now);
                }
                Step::Progress(_) => {}
                Step::Done(output) => return Ok(output),
                Step::Failed(failure) => return Err(*failure),
            }
        }
    }

    fn functional(&mut self) -> FunctionalDescriptor {
        find_functional(&self.configuration(), 0).unwrap()
    }

    /// Power it up, and bring it from whatever it is in to DFU mode, idle.
    fn make_ready(&mut self) -> Result<(), Failure> {
        self.host.replug().unwrap();
        self.host.enumerate().unwrap();
        let prepared = self.drive(Prepare::new(0, Policy::DEFAULT)).map(|_| ());
        if !matches!(&prepared, Err(failure) if matches!(failure.cause, Cause::Runtime(_))) {
            return prepared;
        }
        let functional = self.functional();
        assert_ne!(self.drive(DetachSession::new(0, functional, Policy::DEFAULT))?.after, After::BusReset);
        let _ = self.host.pass(Duration::from_secs(1));
        self.host.enumerate().unwrap();
        self.drive(Prepare::new(0, Policy::DEFAULT)).map(|_| ())
    }

    fn write(&mut self, image: &[u8]) -> Result<(After, u32), Failure> {
        let functional = self.functional();
        let block_size = functional.block_size(64, 4096);
        let session = Download::new(0, image, block_size, functional.attributes, Policy::DEFAULT).unwrap();
        self.drive(session).map(|downloaded| (downloaded.after, downloaded.transfers))
    }
}

#[test]
fn a_download_ends_as_the_attributes_say() {
    let image = image(0x0203, 1000);
    let blocks = image.len().div_ceil(64) as u32;
    for (manifestation, detach, after) in [
        (Manifestation::Tolerant, Detach::ByItself, After::Idle),
        (Manifestation::AwaitsReset, Detach::AtReset, After::BusReset),
        (Manifestation::Leaves, Detach::ByItself, After::Detaches),
    ] {
        for (poll, each) in [(0, 2), (10, 3)] {
            let mut bench = Bench::new(|options| {
                (options.manifestation, options.detach) = (manifestation, detach);
                options.factory = Factory::Blank;
                options.poll_timeout = PollTimeout::from_millis(poll);
            });
            bench.make_ready().unwrap();
            let (ended, transfers) = bench.write(&image).unwrap();
            assert_eq!(ended, after, "{manifestation:?}");
            let end = if after == After::Idle { 3 } else { 2 };
            assert_eq!(transfers, blocks * each + end, "{manifestation:?}, {poll} ms");
            assert_eq!(bench.memory(), image);
        }
    }
}

#[test]
fn memory_with_addresses_is_written_read_and_started() {
    let mut bench = Bench::addressed(|options| options.poll_timeout = PollTimeout::from_millis(5));
    bench.make_ready().unwrap();
    let functional = bench.functional();
    assert!(functional.is_dfuse());
    let text = bench.configuration().interfaces[0].string;
    let layout = Layout::parse(&bench.string(text)).unwrap();
    let image = image(0x0203, 1500);
    for _ in 0..2 {
        bench.drive(Prepare::new(0, Policy::DEFAULT)).unwrap();
        let pieces = [Piece { address: START, bytes: &image }];
        let plan = DfusePlan::new(&pieces, &layout, Erase::Touched).unwrap();
        bench.drive(DfuseDownload::new(0, plan, functional.transfer_size, Policy::DEFAULT).unwrap()).unwrap();
        let range = (START, image.len() as u64);
        let read = UploadSession::memory(0, range, &layout, functional.transfer_size, Policy::DEFAULT).unwrap();
        assert_eq!(bench.drive(read).unwrap().bytes, image);
    }
    let after = bench.drive(Leave::new(0, Some(START), functional.attributes, Policy::DEFAULT)).unwrap();
    assert_eq!(after, After::Detaches);
    bench.host.pass(Duration::from_secs(1)).unwrap();
    bench.host.enumerate().unwrap();
    assert_eq!(bench.host.device.running().unwrap().version, Bcd(0x0203));
}

#[test]
fn whatever_fails_is_told_and_done_again() {
    let image = image(0x0203, 400);
    // Not `Short`: this host does not tell how much of its data a unit took, so nobody could notice.
    let kinds: [fn(u64) -> Fault; 5] =
        [Fault::Stall, Fault::Hang, Fault::GarbageStatus, Fault::UnplugControl, Fault::UnplugAnswer];
    for kind in kinds {
        let mut failed = 0;
        for at in 1..=25 {
            let mut bench = Bench::new(|options| {
                options.manifestation = Manifestation::Tolerant;
                options.faults = vec![kind(at)];
            });
            // A fault comes once, so that the second attempt must not fail.
            let first = bench.make_ready().and_then(|()| bench.write(&image));
            failed += u32::from(first.is_err());
            if first.is_err() {
                bench.make_ready().and_then(|()| bench.write(&image)).unwrap();
            }
            assert_eq!(bench.memory(), image, "{:?}", kind(at));
        }
        assert!(failed > 5, "{:?} was hardly met", kind(0));
    }
}

#[test]
fn a_slot_is_read_until_it_has_no_more() {
    let image = image(0x0203, 1000);
    let mut bench = Bench::new(|options| options.manifestation = Manifestation::Tolerant);
    bench.make_ready().unwrap();
    bench.write(&image).unwrap();
    let read = UploadSession::new(0, Want::UpTo(1 << 20), 64, Policy::DEFAULT).unwrap();
    assert_eq!(bench.drive(read).unwrap().bytes, image);
    assert_eq!(bench.status().state, State::Idle);
}
