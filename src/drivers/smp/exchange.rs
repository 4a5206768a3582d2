//! The one place where a session meets a link, a clock and the wish to stop.

use std::num::NonZeroU32;
use std::result::Result as Answer;
use std::time::Duration;

use protocols::smp::message::codes::common::NO_MEMORY;
use protocols::smp::message::{Refusal, Request};
use protocols::smp::session::{Cause, Exchange, Failure, Limits as Bounds, Line, RetryPolicy, Session, Step};
use protocols::smp::wire::Framing;
use tracing::{debug, trace};

use super::limits::Limits;
use super::options::SmpOptions;
use super::refusal;
use crate::device::{Mode, Op, Progress};
use crate::error::{Error, Kind, Result};
use crate::link::Link;

/// How long a unit may take to accept a frame: the longest one at 9600 baud takes 90 s.
const SEND_WITHIN: Duration = Duration::from_secs(100);
/// How long a wait goes on before a look at the wish to stop.
const LOOK_UP: Duration = Duration::from_millis(100);
/// How often a unit without a free buffer is asked again, after how long each: it answers late what it holds.
const FULL_TRIES: u32 = 5;
const FULL_PAUSE: Duration = Duration::from_millis(100);
/// After this much silence nothing more is expected of what is in the line; some units never fall silent.
const QUIET: Duration = Duration::from_millis(50);
const QUIET_WITHIN: Duration = Duration::from_millis(500);
const READ_AT_ONCE: usize = 4096;

/// What a shell command may take. Asked once: it may do anything.
pub(super) const SHELL: RetryPolicy = RetryPolicy::new(Duration::from_secs(15), 1);
/// What reads or writes flash: a file system may first have to collect its garbage.
pub(super) const FLASH: RetryPolicy = RetryPolicy::new(Duration::from_secs(5), 3);
/// What a unit answers from memory.
pub(super) const QUICK: RetryPolicy = RetryPolicy::COMMAND;

/// An open link with SMP on it.
pub(super) struct Wire {
    pub link: Link,
    pub line: Line,
    /// What the unit takes.
    pub limits: Limits,
}

/// How a session ended that did not succeed, or why it could not go on.
pub(super) enum Ended {
    /// The unit said no.
    Refused(Refusal),
    /// Anything else.
    Error(Error),
}

impl From<Error> for Ended {
    fn from(error: Error) -> Ended {
        Ended::Error(error)
    }
}

impl Ended {
    /// As an error; `name` is what the unit refused.
    pub(super) fn into_error(self, name: &str) -> Error {
        match self {
            Ended::Refused(refusal) => refusal::error(name, refusal),
            Ended::Error(error) => error,
        }
    }
}

impl Wire {
    /// SMP over `link`, with nothing known of the unit yet.
    pub(super) fn new(link: Link, framing: Framing, op: &Op<'_>) -> Wire {
        let limits = Limits::new(&SmpOptions { framing, ..SmpOptions::default() }, None, Mode::Application);
        // Answers to an earlier session that are still under way carry its sequence numbers.
        let start = op.clock.now().since_start().subsec_micros().to_le_bytes()[0];
        let line = Line::new(framing).with_sequence(start).with_bytes_per_second(link.bytes_per_second);
        Wire { link, line, limits }
    }

    pub(super) fn address(&self) -> &str {
        &self.link.address
    }

    /// Takes in what is in the line already, so that it is not taken for an answer.
    pub(super) fn listen(&mut self, op: &Op<'_>) -> Result<()> {
        let until = op.clock.now() + QUIET_WITHIN;
        let mut buf = [0; READ_AT_ONCE];
        while op.clock.now() < until {
            op.check()?;
            if self.link.receiver.receive(&mut buf, within(QUIET, op))? == 0 {
                break;
            }
        }
        self.line.reset();
        Ok(())
    }

    /// Asks `request` and waits for its reply, or the unit's refusal.
    ///
    /// # Errors
    /// Link errors; `timed-out` without an answer, `garbled` with one that cannot be read; `cancelled`; `invalid` when
    /// the request is longer than the unit takes.
    pub(super) fn ask<R: Request + Clone>(
        &mut self,
        request: &R,
        policy: RetryPolicy,
        op: &mut Op<'_>,
    ) -> Result<Answer<R::Reply, Refusal>> {
        let policy = self.paced(policy);
        let mut full = 0;
        loop {
            let bounds = self.limits.bounds();
            let session = Exchange::new(&mut self.line, request.clone(), policy).within(bounds);
            let mut sent = 0;
            let outcome = drive(&mut self.link, session, &mut sent, op);
            op.retries += sent.saturating_sub(1);
            match outcome {
                Ok(reply) => return Ok(Ok(reply)),
                Err(Ended::Refused(refusal)) if refusal.is_common(NO_MEMORY) && full < FULL_TRIES => {
                    full += 1;
                    op.retries += 1;
                    debug!(name = R::NAME, %refusal, "the unit has no buffer free, asking again");
                    op.clock.sleep(within(FULL_PAUSE, op));
                }
                Err(Ended::Refused(refusal)) => return Ok(Err(refusal)),
                Err(Ended::Error(error)) => return Err(error),
            }
        }
    }

    /// As [`Wire::ask`], with a refusal as an error.
    ///
    /// # Errors
    /// As [`Wire::ask`], and the refusal's own kind.
    pub(super) fn require<R: Request + Clone>(
        &mut self,
        request: &R,
        policy: RetryPolicy,
        op: &mut Op<'_>,
    ) -> Result<R::Reply> {
        self.ask(request, policy, op)?.map_err(|refusal| refusal::error(R::NAME, refusal))
    }

    /// The unit's bounds for a session.
    pub(super) fn bounds(&self) -> Bounds {
        self.limits.bounds()
    }

    /// `policy` with time for the longest answer on the line; a session adds that of the request itself.
    pub(super) fn paced(&self, policy: RetryPolicy) -> RetryPolicy {
        const ENCODED_PER_MILLE: u64 = 1400;
        let rate = self.link.bytes_per_second.map_or(u32::MAX, NonZeroU32::get);
        let millis = (self.limits.message as u64 * ENCODED_PER_MILLE) / u64::from(rate);
        RetryPolicy { timeout: policy.timeout + Duration::from_millis(millis), ..policy }
    }

    /// Lets what is in flight end, so that the next request does not meet a unit whose buffers are full. A link that
    /// is gone shows at the next request.
    pub(super) fn settle(&mut self, op: &Op<'_>) {
        let until = op.clock.now() + QUIET_WITHIN;
        let mut buf = [0; READ_AT_ONCE];
        while op.clock.now() < until {
            match self.link.receiver.receive(&mut buf, QUIET) {
                Ok(0) | Err(_) => return,
                Ok(count) => self.line.on_idle_bytes(&buf[..count]),
            }
        }
    }
}

/// Runs `session` over `link` to its end. A stop that was asked for is heard before a request is sent, never within a
/// frame; one that was asked for twice, and the end of the time given, also while an answer is awaited.
///
/// `sent` counts the requests.
pub(super) fn drive<S: Session>(
    link: &mut Link,
    mut session: S,
    sent: &mut u64,
    op: &mut Op<'_>,
) -> Answer<S::Output, Ended> {
    let mut buf = [0; READ_AT_ONCE];
    loop {
        let now = op.clock.now();
        match session.next(now) {
            Step::Send(bytes) => {
                op.check()?;
                trace!(bytes = bytes.len(), "request");
                link.sender.send(&bytes, within(SEND_WITHIN, op))?;
                *sent += 1;
            }
            Step::Noise(text) => trace!(%text, "noise"),
            Step::Progress(progress) => {
                (op.progress)(Progress { bytes: progress.done, total: progress.total });
            }
            Step::WaitUntil(moment) => {
                if op.cancel.is_urgent() || op.deadline.is_some_and(|deadline| now >= deadline) {
                    op.check()?;
                }
                let wait = moment.saturating_since(now).min(LOOK_UP);
                let count = link.receiver.receive(&mut buf, within(wait, op))?;
                session.on_bytes(op.clock.now(), &buf[..count]);
            }
            Step::Done(output) => return Ok(output),
            Step::Failed(failure) => return Err(failed(failure)),
        }
    }
}

fn within(wait: Duration, op: &Op<'_>) -> Duration {
    op.deadline.map_or(wait, |deadline| wait.min(deadline.saturating_since(op.clock.now())))
}

fn failed(failure: Failure) -> Ended {
    let sentence = failure.to_string();
    let (kind, next) = match failure.cause {
        Cause::Refused(refusal) => return Ended::Refused(refusal),
        Cause::NoReply { garbled: 0 } => (
            Kind::TimedOut,
            "see that the unit still runs and the cable is in; then apply again, what the unit holds is kept",
        ),
        Cause::NoReply { .. } => (Kind::Garbled, "check baud rate, flow control and cable; then apply again"),
        Cause::Malformed(_) => {
            (Kind::Garbled, "apply again; if it happens again the unit's software is not one that we know")
        }
        Cause::RequestTooLong { .. } | Cause::Unframeable(_) | Cause::LimitTooSmall { .. } => {
            (Kind::Invalid, "shorten what is sent; `hardwire info` shows the unit's limits (`message`, in bytes)")
        }
        Cause::Busy { .. } => (Kind::Busy, "wait until the unit is idle, then apply again"),
        Cause::TooLarge { .. } => (Kind::Refused, "name a smaller file"),
        Cause::Offset { .. } | Cause::Stuck { .. } | Cause::Astray { .. } => {
            (Kind::Garbled, "apply again; `,window=1` sends slower to a unit that loses what comes fast")
        }
        Cause::Over => (Kind::Garbled, "this is a fault of Hardwire: please report it"),
    };
    let error = Error::new(kind, sentence).next(next);
    Ended::Error(match failure.cause {
        Cause::NoReply { .. } => error,
        cause => error.because(cause),
    })
}
