//! What goes out next, until when an answer is awaited, and what silence does.

use super::{Answers, Engine, FEW_LINES, MAX_ROUNDS, Opening};
use crate::smp::message::{Request, fs};
use crate::smp::session::line::Again;
use crate::smp::session::patience::Known;
use crate::smp::session::upload::Uploaded;
use crate::smp::session::upload::flight::{InFlight, What, piece_len};
use crate::smp::session::upload::kind::Kind;
use crate::smp::session::{Cause, Failure, Limits, Progress, RetryPolicy, Step};
use crate::time::Moment;

impl<'a, K: Kind> Engine<'a, K> {
    fn retry(&self) -> RetryPolicy {
        if self.answered() || self.opening == Opening::Closing { self.policy.piece } else { self.policy.first }
    }

    fn unit(&self) -> Known {
        if self.answered() { Known::Answers } else { Known::NotYet }
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
        self.stats.losses += 1;
        let crowd = self.in_flight.drain(..).map(|request| request.alongside).max();
        self.window.silent(crowd.unwrap_or(1));
        if self.answers == Answers::Never && self.opening == Opening::Ready {
            // Some units drop what is longer than the few lines that their UART driver holds.
            self.limits = self.limits.within_lines(self.line.framing(), FEW_LINES);
        }
        if self.opening == Opening::Closing || !self.answered() && self.acked == 0 && !K::FOLLOWS_UNIT {
            // The first piece may have come: Zephyr would count the second after it.
            self.opening = Opening::Close;
        }
        self.go_back_to(self.acked);
    }

    pub(in super::super) fn next(&mut self, now: Moment) -> Step<Uploaded> {
        if let Some(text) = self.line.next_noise() {
            return Step::Noise(text);
        }
        if self.over {
            return self.fail(now, Cause::Over);
        }
        if std::mem::take(&mut self.report) {
            return Step::Progress(Progress { done: self.acked, total: self.total(), sent: self.stats.sent });
        }
        if self.end.is_none() && self.deadline().is_some_and(|deadline| now >= deadline) {
            self.on_timeout(now);
        }
        match self.end.take() {
            Some(Ok(())) => {
                self.over = true;
                return Step::Done(Uploaded {
                    limits: Limits { window: self.window.ceiling(), ..self.limits },
                    ..self.stats
                });
            }
            Some(Err(cause)) => return self.fail(now, cause),
            None => {}
        }
        self.pause_until = self.pause_until.filter(|until| now < *until);
        match (self.pause_until, self.deadline()) {
            (None, _) if self.may_send() => self.send(now),
            (Some(pause), Some(deadline)) => Step::WaitUntil(pause.min(deadline)),
            (Some(moment), None) | (None, Some(moment)) => Step::WaitUntil(moment),
            (None, None) => {
                // Nothing in flight and all of it sent, yet not acknowledged: ask again where the unit stands.
                self.go_back_to(self.acked);
                self.send(now)
            }
        }
    }

    fn may_send(&self) -> bool {
        if self.opening == Opening::Closing || !self.answered() && !self.in_flight.is_empty() {
            return false;
        }
        let left = self.next < self.total() || !self.answered() || self.opening == Opening::Close;
        // Stale requests count too, for the unit still holds them, but they may be lost: one of ours always may go.
        let ours = self.in_flight.iter().any(|request| request.epoch == self.epoch);
        left && (self.in_flight.len() < self.window.size() || !ours)
    }

    fn send(&mut self, now: Moment) -> Step<Uploaded> {
        if self.stats.sent > self.enough() {
            return self.fail(now, Cause::Astray { sent: self.stats.sent, total: self.total() });
        }
        let again = if self.patience.silences > 0 { Again::Yes } else { Again::No };
        let (what, encoded) = if self.opening == Opening::Close {
            self.opening = Opening::Closing;
            (What::Close, self.line.encode(&fs::Close {}))
        } else {
            let off = self.next;
            let Some(piece) = self.piece(off) else {
                return self.fail(now, Cause::LimitTooSmall { limit: self.limits.message });
            };
            let end = off + piece.len() as u64;
            (What::Piece { off, end }, self.line.encode(&self.kind.request(off, piece, self.total())))
        };
        let framed = encoded.and_then(|(seq, message)| Ok((seq, self.line.frame(&message, again)?)));
        let (seq, framed) = match framed {
            Ok(framed) => framed,
            Err(error) => return self.fail(now, Cause::Unframeable(error)),
        };
        self.last_seq = seq;
        self.patience.since.get_or_insert(now);
        if let What::Piece { off, end } = what {
            self.stats.sent += end - off;
            self.next = end;
            self.high = self.high.max(end);
        }
        let alongside = self.in_flight.len() + 1;
        self.in_flight.push_back(InFlight { seq, what, epoch: self.epoch, sent: now, wire: framed.len(), alongside });
        Step::Send(framed)
    }

    /// Payload bytes after which it is no use to send more. A full window of pieces may be sent again for each that is
    /// lost, which weighs on content that is not much longer than that.
    fn enough(&self) -> u64 {
        let window = (self.limits.message as u64).saturating_mul(self.limits.window as u64);
        self.total().saturating_add(window).saturating_mul(MAX_ROUNDS)
    }

    /// As much from `off` on as fills the unit's buffer, `None` when that is too little.
    fn piece(&self, off: u64) -> Option<&'a [u8]> {
        let rest = self.data.get(usize::try_from(off).ok()?..)?;
        let empty = self.kind.request(off, &[], self.total());
        let len = piece_len(&empty, self.limits.message, rest.len(), self.grain)?;
        let least = if off == 0 { K::MIN_FIRST.max(1) } else { 1 };
        rest.get(..len).filter(|_| len >= least.min(rest.len()))
    }

    fn fail(&mut self, now: Moment, cause: Cause) -> Step<Uploaded> {
        self.over = true;
        let closing = self.opening != Opening::Ready;
        Step::Failed(Failure {
            command: if closing { fs::Close::NAME } else { K::Request::NAME },
            seq: self.last_seq,
            tries: self.patience.silences.max(1),
            waited: self.patience.waited(now),
            at: (!closing).then_some(self.acked),
            cause,
        })
    }
}
