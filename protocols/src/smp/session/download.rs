//! Reading a file in pieces, several of them in flight.

use super::line::Again;
use super::patience::{Known, Patience};
use super::window::Window;
use super::{Cause, Failure, Limits, Line, Progress, RetryPolicy, Session, Step, TransferPolicy};
use crate::smp::header::Header;
use crate::smp::message::{DecodeError, Message, ReplyError, Request, fs};
use crate::time::Moment;
use std::collections::VecDeque;

/// Reading a file in pieces, several of them in flight once the unit has shown how long its pieces are.
///
/// The unit says how long the file is with the first piece. A file that changes meanwhile cannot be recognised here:
/// compare a hash.
#[derive(Debug)]
pub struct FileDownload<'a> {
    line: &'a mut Line,
    path: String,
    policy: TransferPolicy,
    limits: Limits,
    max_len: u64,
    window: Window,
    in_flight: VecDeque<InFlight>,
    /// Ranges to ask for again, before anything new.
    redo: VecDeque<Range>,
    /// Where nothing was asked for yet.
    cursor: u64,
    /// What the first answer told.
    shape: Option<Shape>,
    content: Vec<u8>,
    received: u64,
    losses: u32,
    stalls: u32,
    busy: u32,
    pause_until: Option<Moment>,
    patience: Patience,
    last_seq: u8,
    garbled_before: u64,
    report: bool,
    end: Option<Result<(), Cause>>,
    over: bool,
}

/// A file that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileDownloaded {
    /// The content.
    pub content: Vec<u8>,
    /// How often something was lost and asked for again.
    pub losses: u32,
    /// What the unit was found to take: see [`Uploaded::limits`](super::Uploaded::limits).
    pub limits: Limits,
}

#[derive(Clone, Copy, Debug)]
struct Shape {
    total: u64,
    /// Bytes of a piece.
    piece: u64,
}

#[derive(Clone, Copy, Debug)]
struct Range {
    off: u64,
    len: u64,
}

#[derive(Debug)]
struct InFlight {
    seq: u8,
    range: Range,
    sent: Moment,
    /// Bytes on the line, of the request and of the answer that is expected.
    wire: usize,
    /// Requests in flight when it was sent, itself included.
    alongside: usize,
}

impl<'a> FileDownload<'a> {
    /// Read `path`, which may have at most `max_len` bytes. Of the limits, only the window bounds a download: the unit
    /// fits its answers to its buffers.
    pub fn new(
        line: &'a mut Line,
        path: impl Into<String>,
        max_len: u64,
        limits: Limits,
        policy: TransferPolicy,
    ) -> Self {
        let garbled_before = line.garbled();
        Self {
            line,
            path: path.into(),
            policy,
            limits,
            max_len,
            window: Window::new(limits.window.min(Limits::MAX_WINDOW)),
            in_flight: VecDeque::new(),
            redo: VecDeque::new(),
            cursor: 0,
            shape: None,
            content: Vec::new(),
            received: 0,
            losses: 0,
            stalls: 0,
            busy: 0,
            pause_until: None,
            patience: Patience::new(policy.soonest),
            last_seq: 0,
            garbled_before,
            report: false,
            end: None,
            over: false,
        }
    }

    fn on_answer(&mut self, now: Moment, message: &Message<'_>, request: &InFlight) {
        let (range, alongside) = (request.range, request.alongside);
        match message.reply::<fs::Download>() {
            Ok(reply) => self.on_piece(range, &reply),
            Err(ReplyError::Refused(refusal)) if refusal.is_congestion() => {
                self.busy += 1;
                if self.busy > self.policy.max_busy {
                    self.end = Some(Err(Cause::Busy { times: self.busy }));
                }
                self.pause_until = Some(now + self.policy.busy_pause);
                self.window.lost(alongside.max(self.in_flight.len() + 1));
                self.again(range);
            }
            Err(ReplyError::Refused(refusal)) => self.end = Some(Err(Cause::Refused(refusal))),
            Err(ReplyError::Malformed(error)) => self.end = Some(Err(Cause::Malformed(error))),
        }
    }

    fn on_piece(&mut self, range: Range, reply: &fs::DownloadReply) {
        let shape = match (self.shape, reply.len) {
            (Some(shape), _) => shape,
            (None, None) => {
                self.end = Some(Err(Cause::Malformed(DecodeError::Missing("len"))));
                return;
            }
            (None, Some(total)) if total > self.max_len => {
                self.end = Some(Err(Cause::TooLarge { len: total, limit: self.max_len }));
                return;
            }
            (None, Some(total)) => Shape { total, piece: reply.data.len() as u64 },
        };
        let range = Range { len: range.len.min(shape.total.saturating_sub(range.off)), ..range };
        let got = reply.data.get(..reply.data.len().min(to_usize(range.len))).unwrap_or_default();
        if reply.off != range.off || got.is_empty() && range.len > 0 {
            self.stalls += 1;
            if self.stalls > self.policy.max_stalls {
                self.end = Some(Err(Cause::Stuck { answers: self.stalls }));
            }
            self.again(range);
            return;
        }
        if self.shape.is_none() {
            self.shape = Some(shape);
            self.cursor = got.len() as u64;
        }
        self.keep(range.off, got);
        let left = range.len - got.len() as u64;
        // The first request asked for all that there is; the cursor knows where it ended.
        if left > 0 && range.off + (got.len() as u64) < self.cursor {
            self.redo.push_front(Range { off: range.off + got.len() as u64, len: left });
        }
        if self.received == shape.total {
            self.end = Some(Ok(()));
        }
    }

    fn keep(&mut self, off: u64, got: &[u8]) {
        let (start, end) = (to_usize(off), to_usize(off) + got.len());
        if self.content.len() < end {
            self.content.resize(end, 0);
        }
        if let Some(place) = self.content.get_mut(start..end) {
            place.copy_from_slice(got);
        }
        self.received += got.len() as u64;
        self.patience.progressed();
        self.stalls = 0;
        self.busy = 0;
        self.window.answered();
        self.report = true;
    }

    fn again(&mut self, range: Range) {
        self.losses += 1;
        if self.shape.is_some() {
            self.redo.push_front(range);
        }
    }

    fn retry(&self) -> RetryPolicy {
        if self.shape.is_some() { self.policy.piece } else { self.policy.first }
    }

    fn unit(&self) -> Known {
        if self.shape.is_some() { Known::Answers } else { Known::NotYet }
    }

    fn deadline(&self) -> Option<Moment> {
        let oldest = self.in_flight.front()?;
        let wire: usize = self.in_flight.iter().map(|request| request.wire).sum();
        Some(
            oldest.sent.max(self.patience.heard)
                + self.patience.timeout(self.retry(), self.unit())
                + self.line.time_for(wire),
        )
    }

    fn on_timeout(&mut self, now: Moment) {
        if self.patience.is_over(now, self.retry(), self.unit()) {
            let garbled = self.line.garbled().saturating_sub(self.garbled_before);
            self.end = Some(Err(Cause::NoReply { garbled: u32::try_from(garbled).unwrap_or(u32::MAX) }));
            return;
        }
        self.window.silent(self.in_flight.iter().map(|request| request.alongside).max().unwrap_or(1));
        while let Some(lost) = self.in_flight.pop_back() {
            self.again(lost.range);
        }
    }

    /// What to ask for now.
    fn wanted(&self) -> Option<Range> {
        let Some(shape) = self.shape else {
            let all = Range { off: 0, len: u64::MAX };
            return self.in_flight.is_empty().then_some(all);
        };
        if self.in_flight.len() >= self.window.size() {
            return None;
        }
        if let Some(range) = self.redo.front() {
            return Some(*range);
        }
        let len = shape.piece.min(shape.total.saturating_sub(self.cursor));
        (len > 0).then_some(Range { off: self.cursor, len })
    }

    fn send(&mut self, now: Moment, range: Range) -> Step<FileDownloaded> {
        let again = if self.patience.silences > 0 { Again::Yes } else { Again::No };
        let request = fs::Download { off: range.off, name: self.path.clone() };
        let (seq, message) = match self.line.encode(&request) {
            Ok(encoded) => encoded,
            Err(error) => return self.fail(now, Cause::Unframeable(error)),
        };
        if message.len() > self.limits.message {
            return self.fail(now, Cause::RequestTooLong { len: message.len(), limit: self.limits.message });
        }
        let framed = match self.line.frame(&message, again) {
            Ok(framed) => framed,
            Err(error) => return self.fail(now, Cause::Unframeable(error)),
        };
        if self.shape.is_some() && self.redo.pop_front().is_none() {
            self.cursor = range.off + range.len;
        }
        self.last_seq = seq;
        self.patience.since.get_or_insert(now);
        let answer =
            self.line.framing().wire_len(self.shape.map_or(self.limits.message, |shape| to_usize(shape.piece)));
        let alongside = self.in_flight.len() + 1;
        let wire = framed.len().saturating_add(answer);
        self.in_flight.push_back(InFlight { seq, range, sent: now, wire, alongside });
        Step::Send(framed)
    }

    fn fail(&mut self, now: Moment, cause: Cause) -> Step<FileDownloaded> {
        self.over = true;
        Step::Failed(Failure {
            command: fs::Download::NAME,
            seq: self.last_seq,
            tries: self.patience.silences.max(1),
            waited: self.patience.waited(now),
            at: Some(self.received),
            cause,
        })
    }
}

fn to_usize(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

impl InFlight {
    fn is_answered_by(&self, answer: &Header) -> bool {
        answer.seq == self.seq
            && answer.group == fs::Download::GROUP
            && answer.id == fs::Download::ID
            && answer.op == fs::Download::OP.reply()
    }
}

impl Session for FileDownload<'_> {
    type Output = FileDownloaded;

    fn on_bytes(&mut self, now: Moment, bytes: &[u8]) {
        for message in self.line.receive(bytes) {
            if self.end.is_some() || self.over {
                return;
            }
            let Ok(message) = Message::parse(&message) else { continue };
            let Some(index) = self.in_flight.iter().position(|request| request.is_answered_by(&message.header)) else {
                continue;
            };
            if index > 0 {
                // The unit works in order: those before this one were lost, or their answers were.
                let lost: Vec<_> = self.in_flight.drain(..index).collect();
                self.window.lost(lost.iter().map(|request| request.alongside).max().unwrap_or(1));
                for request in lost.into_iter().rev() {
                    self.again(request.range);
                }
            }
            if let Some(request) = self.in_flight.pop_front() {
                self.patience.answered(now, request.sent);
                self.on_answer(now, &message, &request);
            }
        }
    }

    fn next(&mut self, now: Moment) -> Step<FileDownloaded> {
        if let Some(text) = self.line.next_noise() {
            return Step::Noise(text);
        }
        if self.over {
            return self.fail(now, Cause::Over);
        }
        if std::mem::take(&mut self.report) {
            let total = self.shape.map_or(0, |shape| shape.total);
            return Step::Progress(Progress { done: self.received, total, sent: 0 });
        }
        if self.end.is_none() && self.deadline().is_some_and(|deadline| now >= deadline) {
            self.on_timeout(now);
        }
        match self.end.take() {
            Some(Ok(())) => {
                self.over = true;
                let content = std::mem::take(&mut self.content);
                let limits = Limits { window: self.window.ceiling(), ..self.limits };
                return Step::Done(FileDownloaded { content, losses: self.losses, limits });
            }
            Some(Err(cause)) => return self.fail(now, cause),
            None => {}
        }
        self.pause_until = self.pause_until.filter(|until| now < *until);
        match (self.pause_until, self.wanted(), self.deadline()) {
            (None, Some(range), _) => self.send(now, range),
            (Some(pause), _, Some(deadline)) => Step::WaitUntil(pause.min(deadline)),
            (Some(moment), _, None) | (None, None, Some(moment)) => Step::WaitUntil(moment),
            // Everything was asked for and answered, yet bytes are missing: the ranges cannot add up.
            (None, None, None) => self.fail(now, Cause::Stuck { answers: self.stalls }),
        }
    }
}
