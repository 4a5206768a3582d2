//! One request and its reply.

use super::line::Again;
use super::{Cause, Failure, Limits, Line, RetryPolicy, Session, Step};
use crate::smp::message::{Message, Refusal, ReplyError, Request, codes};
use crate::time::Moment;
use std::time::Duration;

/// Pause before a busy unit is asked again: some requests of another transport.
const BUSY_PAUSE: Duration = Duration::from_millis(100);
/// A request is not sent more often than this: its sequence numbers must not come round.
const MAX_SENT: usize = 128;

/// One request and its reply.
///
/// Every try has its own sequence number; an answer to any of them will do, for they ask the same. Answers to
/// anything else are ignored, and nothing that comes but the answer moves a deadline. A unit that says it is busy is
/// asked again after a pause, which is no failed try, until as much time has passed as all tries would have taken.
#[derive(Debug)]
pub struct Exchange<'line, R: Request> {
    line: &'line mut Line,
    request: R,
    policy: RetryPolicy,
    limit: usize,
    /// Sequence numbers of all that was sent.
    sent: Vec<u8>,
    tries: u32,
    /// The unit was busy: its words, and when to ask again.
    busy: Option<(Refusal, Moment)>,
    began: Moment,
    deadline: Option<Moment>,
    garbled_before: u64,
    outcome: Option<Result<R::Reply, Cause>>,
    over: bool,
}

impl<'line, R: Request> Exchange<'line, R> {
    /// Ask `request`, with nothing known about the length of message that the unit takes.
    pub fn new(line: &'line mut Line, request: R, policy: RetryPolicy) -> Self {
        let garbled_before = line.garbled();
        Self {
            line,
            request,
            policy,
            limit: usize::MAX,
            sent: Vec::new(),
            tries: 0,
            busy: None,
            began: Moment::START,
            deadline: None,
            garbled_before,
            outcome: None,
            over: false,
        }
    }

    /// Do not send what is longer than the unit takes: units drop such requests without an answer, and some hang.
    #[must_use]
    pub fn within(mut self, limits: Limits) -> Self {
        self.limit = limits.message;
        self
    }

    fn send(&mut self, now: Moment) -> Step<R::Reply> {
        let (seq, message) = match self.line.encode(&self.request) {
            Ok(encoded) => encoded,
            Err(error) => return self.fail(now, Cause::Unframeable(error)),
        };
        if message.len() > self.limit {
            return self.fail(now, Cause::RequestTooLong { len: message.len(), limit: self.limit });
        }
        let again = if self.tries == 0 || self.busy.is_some() { Again::No } else { Again::Yes };
        let framed = match self.line.frame(&message, again) {
            Ok(framed) => framed,
            Err(error) => return self.fail(now, Cause::Unframeable(error)),
        };
        if self.sent.is_empty() {
            self.began = now;
        }
        self.sent.push(seq);
        if self.busy.take().is_none() {
            self.tries += 1;
        }
        self.deadline = Some(now + self.policy.timeout + self.line.time_for(framed.len()));
        Step::Send(framed)
    }

    /// Whether a busy unit may be asked again.
    fn may_wait(&self, now: Moment) -> bool {
        now.saturating_since(self.began) < self.policy.timeout.saturating_mul(self.policy.tries)
            && self.sent.len() < MAX_SENT
    }

    fn fail(&mut self, now: Moment, cause: Cause) -> Step<R::Reply> {
        self.over = true;
        Step::Failed(Failure {
            command: R::NAME,
            seq: self.sent.last().copied().unwrap_or_default(),
            tries: self.tries,
            waited: now.saturating_since(self.began),
            at: None,
            cause,
        })
    }
}

impl<R: Request> Session for Exchange<'_, R> {
    type Output = R::Reply;

    fn on_bytes(&mut self, now: Moment, bytes: &[u8]) {
        for message in self.line.receive(bytes) {
            let Ok(message) = Message::parse(&message) else { continue };
            let header = message.header;
            let ours = header.op == R::OP.reply() && header.group == R::GROUP && header.id == R::ID;
            if !ours || !self.sent.contains(&header.seq) || self.outcome.is_some() {
                continue;
            }
            self.outcome = match message.reply::<R>() {
                Ok(reply) => Some(Ok(reply)),
                Err(ReplyError::Refused(refusal)) if refusal.is_common(codes::common::BUSY) && self.may_wait(now) => {
                    // Asked before the pause was over, or answered twice: one pause is enough.
                    self.busy.get_or_insert((refusal, now + BUSY_PAUSE));
                    None
                }
                Err(ReplyError::Refused(refusal)) => Some(Err(Cause::Refused(refusal))),
                Err(ReplyError::Malformed(error)) => Some(Err(Cause::Malformed(error))),
            };
        }
    }

    fn next(&mut self, now: Moment) -> Step<R::Reply> {
        if let Some(text) = self.line.next_noise() {
            return Step::Noise(text);
        }
        if self.over {
            return self.fail(now, Cause::Over);
        }
        match self.outcome.take() {
            Some(Ok(reply)) => {
                self.over = true;
                return Step::Done(reply);
            }
            Some(Err(cause)) => return self.fail(now, cause),
            None => {}
        }
        if let Some((_, until)) = self.busy {
            return if now < until { Step::WaitUntil(until) } else { self.send(now) };
        }
        match self.deadline {
            Some(deadline) if now < deadline => Step::WaitUntil(deadline),
            Some(_) if self.tries >= self.policy.tries => {
                let garbled = self.line.garbled().saturating_sub(self.garbled_before);
                self.fail(now, Cause::NoReply { garbled: u32::try_from(garbled).unwrap_or(u32::MAX) })
            }
            _ => self.send(now),
        }
    }
}
