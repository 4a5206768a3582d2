//! Sessions over endpoint 0.

use std::time::Duration;

use protocols::dfu::message::Status;
use protocols::dfu::session::{self, Failure, Prepare, Session, Step, TransferError};
use protocols::dfu::wire::{BlockNumber, Request};
use protocols::usb::Setup;

use super::refusal;
use crate::device::{Op, Progress};
use crate::error::{Error, Kind, Result};
use crate::link::usb::{self, MAX_CONTROL, Transfer};

/// Between two looks at whether a wait is still wanted.
const SLICE: Duration = Duration::from_millis(50);

/// The device and what was chosen on it.
pub(super) struct Wire {
    pub device: Box<dyn usb::Device>,
    /// Number of the DFU interface.
    pub interface: u8,
    /// The alternate setting that is chosen.
    alternate: Option<u8>,
    /// The first block that carries firmware: before it DfuSe has its commands.
    pub first: BlockNumber,
    /// Bytes of firmware that were put on the link.
    pub sent: u64,
}

/// Where the bytes of a session stand in the whole.
#[derive(Clone, Copy)]
pub(super) struct Part {
    pub before: u64,
    pub total: u64,
}

/// What ended a conversation early.
pub(super) enum Ended {
    /// It failed; and what the link said last.
    Failed(Box<Failure>, Option<Error>),
    /// It was stopped.
    Stopped(Error),
}

impl Wire {
    pub(super) fn new(device: Box<dyn usb::Device>, interface: u8, first: BlockNumber) -> Wire {
        Wire { device, interface, alternate: None, first, sent: 0 }
    }

    /// Chooses an alternate setting, unless it is chosen already: choosing ends what is under way.
    pub(super) fn choose(&mut self, alternate: u8) -> Result<()> {
        if self.alternate != Some(alternate) {
            self.device.claim(self.interface, alternate)?;
            self.alternate = Some(alternate);
        }
        Ok(())
    }

    /// Brings the unit to idle with `alternate` chosen.
    pub(super) fn ready(&mut self, alternate: u8, op: &mut Op<'_>) -> Result<()> {
        self.choose(alternate)?;
        let prepared = self.require(Prepare::new(self.interface, session::Policy::DEFAULT), None, op)?;
        if let Some(error) = prepared.error {
            tracing::info!(status = %error.status, "the unit was found in an error, which was cleared");
        }
        Ok(())
    }

    /// Drives a session to its end.
    pub(super) fn require<S: Session>(&mut self, session: S, part: Option<Part>, op: &mut Op<'_>) -> Result<S::Output> {
        self.drive(session, part, op).map_err(|ended| self.explain(ended))
    }

    /// The error for what ended early, with the unit's own words where it has some.
    pub(super) fn explain(&mut self, ended: Ended) -> Error {
        match ended {
            Ended::Stopped(error) => error,
            Ended::Failed(failure, trouble) => {
                let says = failure.last.filter(|reply| reply.status == Status::Vendor && reply.string != 0);
                let vendor = says.and_then(|reply| self.device.string(reply.string).ok().flatten());
                refusal::error(*failure, vendor, trouble)
            }
        }
    }

    pub(super) fn drive<S: Session>(
        &mut self,
        mut session: S,
        part: Option<Part>,
        op: &mut Op<'_>,
    ) -> std::result::Result<S::Output, Ended> {
        let mut trouble = None;
        let mut buf = vec![0; usize::from(MAX_CONTROL)];
        loop {
            match session.next(op.clock.now()) {
                Step::Control(transfer) => {
                    // Between blocks is a sane point: a part of an image is known for what it is.
                    if is_block(transfer.setup) {
                        op.check().map_err(Ended::Stopped)?;
                    }
                    let reply = self.transfer(&transfer, &mut buf);
                    let now = op.clock.now();
                    match reply {
                        Ok(len) => {
                            trouble = None;
                            session.on_reply(now, Ok(buf.get(..len).unwrap_or_default()));
                        }
                        Err((error, cause)) => {
                            trouble = cause;
                            session.on_reply(now, Err(error));
                        }
                    }
                }
                Step::WaitUntil(at) => {
                    while op.clock.now() < at {
                        if op.cancel.is_urgent() {
                            return Err(Ended::Stopped(Error::new(Kind::Cancelled, "stopped on request")));
                        }
                        let left = at.saturating_since(op.clock.now());
                        op.clock.sleep(left.min(SLICE));
                    }
                }
                Step::Progress(progress) => {
                    if let Some(part) = part {
                        (op.progress)(Progress { bytes: part.before + progress.done, total: part.total });
                    }
                }
                Step::Done(output) => return Ok(output),
                Step::Failed(failure) => return Err(Ended::Failed(failure, trouble)),
            }
        }
    }

    /// One control transfer: the bytes that came, or how it failed and what the link said.
    fn transfer(
        &mut self,
        transfer: &session::Transfer,
        buf: &mut [u8],
    ) -> std::result::Result<usize, (TransferError, Option<Error>)> {
        let session::Transfer { setup, data, within, .. } = transfer;
        let outcome = if setup.is_in() {
            self.device.control_in(*setup, buf, *within)
        } else {
            self.device.control_out(*setup, data, *within)
        };
        match outcome {
            Ok(Transfer::Done(len)) if setup.is_in() => Ok(len),
            Ok(Transfer::Done(taken)) => {
                if matches!(Request::parse(*setup), Ok((Request::Download { block, .. }, _)) if block.0 >= self.first.0)
                {
                    self.sent += taken as u64;
                }
                if taken < data.len() { Err((TransferError::Short { taken }, None)) } else { Ok(0) }
            }
            Ok(Transfer::Stalled) => Err((TransferError::Stall, None)),
            Err(error) => {
                let kind = match error.kind() {
                    Kind::Gone => TransferError::Gone,
                    Kind::TimedOut => TransferError::TimedOut,
                    _ => TransferError::Bus,
                };
                Err((kind, Some(error)))
            }
        }
    }
}

/// Whether this carries a block of firmware.
fn is_block(setup: Setup) -> bool {
    let carries = matches!(Request::parse(setup), Ok((Request::Download { .. } | Request::Upload { .. }, _)));
    carries && setup.length > 0
}
