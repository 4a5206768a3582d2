use super::line::Again;
use super::{Cause, Failure, Limits, Line, RetryPolicy, Session, Step};
use crate::smp::message::{Message, ReplyError, Request};
use crate::time::Moment;

/// One request and its reply.
///
/// Every try has its own sequence number; an answer to any of them will do, for they ask the same. Answers to
/// anything else are ignored, and nothing that comes but the answer moves a deadline.
#[derive(Debug)]
pub struct Exchange<'line, R: Request> {
    line: &'line mut Line,
    request: R,
    policy: RetryPolicy,
    limit: usize,
    tries: Vec<u8>,
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
            tries: Vec::new(),
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
        let again = if self.tries.is_empty() { Again::No } else { Again::Yes };
        let framed = match self.line.frame(&message, again) {
            Ok(framed) => framed,
            Err(error) => return self.fail(now, Cause::Unframeable(error)),
        };
        if self.tries.is_empty() {
            self.began = now;
        }
        self.tries.push(seq);
        self.deadline = Some(now + self.policy.timeout + self.line.time_for(framed.len()));
        Step::Send(framed)
    }

    fn fail(&mut self, now: Moment, cause: Cause) -> Step<R::Reply> {
        self.over = true;
        Step::Failed(Failure {
            command: R::NAME,
            seq: self.tries.last().copied().unwrap_or_default(),
            tries: self.tries.len() as u32,
            waited: now.saturating_since(self.began),
            at: None,
            cause,
        })
    }
}

impl<R: Request> Session for Exchange<'_, R> {
    type Output = R::Reply;

    fn on_bytes(&mut self, _now: Moment, bytes: &[u8]) {
        for message in self.line.receive(bytes) {
            let Ok(message) = Message::parse(&message) else { continue };
            let header = message.header;
            let ours = header.op == R::OP.reply() && header.group == R::GROUP && header.id == R::ID;
            if !ours || !self.tries.contains(&header.seq) || self.outcome.is_some() {
                continue;
            }
            self.outcome = Some(message.reply::<R>().map_err(|error| match error {
                ReplyError::Refused(refusal) => Cause::Refused(refusal),
                ReplyError::Malformed(error) => Cause::Malformed(error),
            }));
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
        match self.deadline {
            Some(deadline) if now < deadline => Step::WaitUntil(deadline),
            Some(_) if self.tries.len() as u32 >= self.policy.tries => {
                let garbled = self.line.garbled().saturating_sub(self.garbled_before);
                self.fail(now, Cause::NoReply { garbled: u32::try_from(garbled).unwrap_or(u32::MAX) })
            }
            _ => self.send(now),
        }
    }
}
