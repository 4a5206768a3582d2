//! The state machine that images and files share. Here what answers do to it; in `send` what goes out, and what silence
//! does.

mod send;

use super::flight::{InFlight, What, offset_in};
use super::kind::Kind;
use super::{Finish, Uploaded};
use crate::smp::message::{Message, ReplyError, fs};
use crate::smp::session::patience::Patience;
use crate::smp::session::window::Window;
use crate::smp::session::{Cause, Limits, Line, TransferPolicy};
use crate::time::Moment;
use std::collections::VecDeque;

/// Lines that every unit is taken to hold: Zephyr's UART drivers have a pool of two in the smallest builds.
const FEW_LINES: usize = 2;

/// Pieces end on a multiple of this at a unit that took only a part of one: it can write whole flash words only.
const ALIGNMENT: usize = 32;

/// A transfer ends when it has sent its content so many times over. Restarts and losses cost a few rounds at most; a unit
/// that creeps forward between going back would keep us for the square of what there is to send.
const MAX_ROUNDS: u64 = 16;

#[derive(Debug)]
pub(super) struct Engine<'a, K> {
    line: &'a mut Line,
    kind: K,
    data: &'a [u8],
    limits: Limits,
    policy: TransferPolicy,
    window: Window,
    in_flight: VecDeque<InFlight>,
    epoch: u32,
    /// Offset up to which the unit has everything.
    acked: u64,
    /// Offset of the piece to be sent next.
    next: u64,
    /// End of what was ever sent.
    high: u64,
    /// Highest `acked` ever: progress is what lies beyond.
    best: u64,
    opening: Opening,
    /// Requests that were in flight when those were sent whose fate the last answer told.
    crowd: usize,
    /// Pieces end on a multiple of this.
    grain: usize,
    answers: Answers,
    stalls: u32,
    busy: u32,
    pause_until: Option<Moment>,
    patience: Patience,
    last_seq: u8,
    garbled_before: u64,
    report: bool,
    stats: Uploaded,
    end: Option<Result<(), Cause>>,
    over: bool,
}

/// Whether a file that the unit may hold open has to be closed before a piece at offset 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Opening {
    Ready,
    Close,
    Closing,
}

/// Whether pieces were answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answers {
    Never,
    /// Not since the transfer began again from zero.
    BeforeRestart,
    Flowing,
}

impl<'a, K: Kind> Engine<'a, K> {
    pub(super) fn new(line: &'a mut Line, kind: K, data: &'a [u8], limits: Limits, policy: TransferPolicy) -> Self {
        let garbled_before = line.garbled();
        Self {
            line,
            kind,
            data,
            limits,
            policy,
            window: Window::new(limits.window.min(Limits::MAX_WINDOW)),
            in_flight: VecDeque::new(),
            epoch: 0,
            acked: 0,
            next: 0,
            high: 0,
            best: 0,
            opening: Opening::Ready,
            crowd: 1,
            grain: 1,
            answers: Answers::Never,
            stalls: 0,
            busy: 0,
            pause_until: None,
            patience: Patience::new(policy.soonest),
            last_seq: 0,
            garbled_before,
            report: false,
            stats: Uploaded {
                total: data.len() as u64,
                sent: 0,
                resumed_at: None,
                restarts: 0,
                losses: 0,
                matched: None,
                finish: Finish::Acknowledged,
                limits,
            },
            end: None,
            over: false,
        }
    }

    pub(super) fn close_first(&mut self) {
        self.opening = Opening::Close;
    }

    pub(super) fn start_at(&mut self, offset: u64) {
        let offset = offset.min(self.total());
        (self.acked, self.next, self.high, self.best) = (offset, offset, offset, offset);
        self.stats.resumed_at = Some(offset);
        self.opening = Opening::Ready;
        if offset == self.total() {
            self.answers = Answers::Flowing;
            self.end = Some(Ok(()));
        }
    }

    fn answered(&self) -> bool {
        self.answers == Answers::Flowing
    }

    fn total(&self) -> u64 {
        self.stats.total
    }

    pub(super) fn on_bytes(&mut self, now: Moment, bytes: &[u8]) {
        for message in self.line.receive(bytes) {
            if self.end.is_some() || self.over {
                return;
            }
            let Ok(message) = Message::parse(&message) else { continue };
            let Some(index) = self.in_flight.iter().position(|request| request.is_answered_by::<K>(&message.header))
            else {
                continue;
            };
            // The unit works in order: whatever was sent before this was lost, or its answer was.
            let settled: Vec<_> = self.in_flight.drain(..=index).collect();
            self.crowd = settled.iter().map(|request| request.alongside).max().unwrap_or(1);
            let Some(request) = settled.last() else { continue };
            self.patience.answered(now, request.sent);
            match request.what {
                What::Close if is_congestion(&message) => {
                    self.opening = Opening::Close;
                    self.on_busy(now, request.epoch);
                }
                What::Close => {
                    // A server without this command holds nothing open either.
                    self.opening = Opening::Ready;
                    self.patience.progressed();
                    if self.is_complete() {
                        self.end = Some(Ok(()));
                    }
                }
                What::Piece { off, end } => self.on_answer(now, &message, request.epoch, off, end),
            }
        }
    }

    fn on_answer(&mut self, now: Moment, message: &Message<'_>, epoch: u32, off: u64, end: u64) {
        match message.reply::<K::Request>() {
            Ok(reply) => {
                let (wanted, matched) = K::answer(&reply);
                // A server that only says "fine" took the piece.
                let wanted = wanted.unwrap_or(end);
                if matched.is_some() && wanted == self.total() {
                    self.stats.matched = matched;
                }
                self.on_wanted(epoch, off, end, wanted);
            }
            Err(ReplyError::Refused(refusal)) if refusal.is_congestion() => self.on_busy(now, epoch),
            Err(ReplyError::Refused(refusal)) => match offset_in(&refusal) {
                Some(wanted) => self.on_wanted(epoch, off, end, wanted),
                None => self.end = Some(Err(Cause::Refused(refusal))),
            },
            Err(ReplyError::Malformed(error)) => self.end = Some(Err(Cause::Malformed(error))),
        }
    }

    /// The unit wants `wanted` after a piece from `off` to `end`.
    fn on_wanted(&mut self, epoch: u32, off: u64, end: u64, wanted: u64) {
        let stale = epoch != self.epoch;
        let first = !self.answered();
        if !K::FOLLOWS_UNIT && !stale && off == 0 && wanted > end {
            // The first piece empties the file, so no more than the piece is there. Zephyr may count it onto an offset
            // that it kept from an upload that was never closed.
            self.on_no_progress(off, wanted);
        } else if wanted > self.acked && wanted <= self.high && (wanted > off || stale) {
            // All of the piece, or more of the earlier ones than we knew, or a part of it.
            self.advance(wanted);
            if !stale && wanted < end {
                self.grain = ALIGNMENT;
                self.go_back_to(wanted);
            }
        } else if stale {
            // Sent before we went back; what it says about the offset is known already.
        } else if wanted == end {
            // An empty file.
            self.answers = Answers::Flowing;
            self.advance(wanted);
        } else if wanted > self.acked && wanted <= self.high {
            // Lost between what is acknowledged and this piece, whose predecessors' answers were lost as well.
            self.advance(wanted);
            self.lose();
            self.go_back_to(wanted);
        } else if wanted > self.high && first && K::FOLLOWS_UNIT && wanted <= self.total() {
            self.stats.resumed_at = Some(wanted);
            self.high = wanted;
            self.advance(wanted);
            self.go_back_to(wanted);
        } else {
            self.on_no_progress(off, wanted);
        }
        if self.is_complete() && self.end.is_none() {
            if self.is_left_open() {
                self.opening = Opening::Close;
            } else {
                self.end = Some(Ok(()));
            }
        }
    }

    fn is_complete(&self) -> bool {
        self.answered() && self.acked == self.total()
    }

    /// Whether the unit may not have noticed the end of the file. Zephyr forgets the length when an offset did not
    /// fit, and learns none from a transfer that goes on elsewhere than at zero, or from an empty file; until the file
    /// is closed, its size and hash are those of an earlier state.
    fn is_left_open(&self) -> bool {
        let smooth = self.stats.losses == 0 && self.stats.resumed_at.is_none() && self.total() > 0;
        !K::FOLLOWS_UNIT && !smooth
    }

    fn on_no_progress(&mut self, off: u64, wanted: u64) {
        self.stalls += 1;
        if self.stalls > self.policy.max_stalls {
            self.end = Some(Err(Cause::Stuck { answers: self.stalls }));
        } else if wanted == self.acked && self.answered() {
            self.lose();
            self.go_back_to(wanted);
        } else if wanted > self.high && K::FOLLOWS_UNIT {
            self.end = Some(Err(Cause::Offset { ours: self.acked, theirs: wanted }));
        } else if K::FOLLOWS_UNIT {
            let everything_was_sent = self.high == self.total() && self.patience.silences > 0 && off > 0;
            if wanted == 0 && everything_was_sent {
                self.stats.finish = Finish::Inferred;
                self.end = Some(Ok(()));
                return;
            }
            self.restart_at(wanted);
        } else {
            self.restart_at(0);
            self.close_first();
        }
    }

    fn restart_at(&mut self, offset: u64) {
        if offset == 0 {
            self.stats.restarts += 1;
            self.stats.resumed_at = None;
            if self.answered() {
                self.answers = Answers::BeforeRestart;
            }
        }
        self.acked = offset;
        self.go_back_to(offset);
    }

    fn advance(&mut self, to: u64) {
        self.answers = Answers::Flowing;
        self.acked = to;
        self.next = self.next.max(to);
        self.patience.progressed();
        if to > self.best {
            self.best = to;
            self.stalls = 0;
            self.busy = 0;
        }
        self.window.answered();
        self.report = true;
    }

    /// What is in flight will be answered with an offset that we know already.
    fn go_back_to(&mut self, offset: u64) {
        self.epoch += 1;
        self.next = offset;
    }

    fn lose(&mut self) {
        self.stats.losses += 1;
        self.window.lost(self.crowd);
    }

    fn on_busy(&mut self, now: Moment, epoch: u32) {
        self.pause_until = Some(now + self.policy.busy_pause);
        if epoch == self.epoch {
            self.busy += 1;
            if self.busy > self.policy.max_busy {
                self.end = Some(Err(Cause::Busy { times: self.busy }));
                return;
            }
            // What came after it was too much already: Zephyr needs a buffer for the answer as well.
            self.crowd = self.crowd.max(self.in_flight.len() + 1);
            self.lose();
            self.go_back_to(self.acked);
        }
    }
}

/// Whether the unit could not close the file just now.
fn is_congestion(answer: &Message<'_>) -> bool {
    matches!(answer.reply::<fs::Close>(), Err(ReplyError::Refused(refusal)) if refusal.is_congestion())
}
