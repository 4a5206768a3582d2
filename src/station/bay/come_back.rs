//! Waiting for a unit that was told to leave its mode, and knowing it again.

use std::time::Duration;

use protocols::time::Moment;

use super::plugged::Track;
use super::{PortBay, There};
use crate::device::{Continuity, Departure, Known, Mode, Op, Proof, Returned, Unit};
use crate::error::{Error, Kind, Result};

/// Between two tries to open a unit that is coming back: short against the second that a small unit takes to boot, and
/// no longer than the kernel itself waits for a new connection to settle, so that nothing comes and goes unseen.
const TRY_AGAIN: Duration = Duration::from_millis(100);

/// How long what came back may be closed to us: udev's rules come after the node, and late on a busy machine.
const RULES_COME: Duration = Duration::from_secs(4);

impl PortBay {
    /// Has a unit that was opened become what it was asked to be, and waits for it where it leaves for that.
    pub(super) fn prepare(&mut self, mut returned: Returned, known: &Known, op: &mut Op<'_>) -> Result<Returned> {
        let Some(departure) = returned.driver.prepare(op)? else { return Ok(returned) };
        let before = returned.continuity;
        drop(returned);
        let mut again = self.come_back(known, &departure, op)?;
        if again.driver.prepare(op)?.is_some() {
            let sentence = format!("the unit left {} and came back as it was", departure.why);
            return Err(Error::new(Kind::Refused, sentence).next("restart the unit, then run the same again"));
        }
        if before == Continuity::Lost {
            again.continuity = before;
        }
        Ok(again)
    }

    pub(super) fn come_back(&mut self, known: &Known, departure: &Departure, op: &mut Op<'_>) -> Result<Returned> {
        let until = op.clock.now() + departure.within;
        let until = op.deadline.map_or(until, |deadline| until.min(deadline));
        let mut track = Track::new(self.held.clone());
        self.pause(op, op.clock.now() + departure.settle, &mut track)?;
        let (mut last, mut shut) = (None, None);
        while op.clock.now() < until {
            let mut quiet = |_| {};
            let mut attempt = Op::new(op.clock, op.cancel, &mut quiet);
            attempt.deadline = Some(until);
            attempt.asks = op.asks;
            match self.try_known(known, &departure.to, &mut track, &mut attempt) {
                // It has not left yet, or came back as something else.
                Ok(returned) if !departure.to.contains(&returned.driver.unit().mode) => {
                    let mode = returned.driver.unit().mode;
                    last = Some(match track.has_left() {
                        false => Error::new(Kind::Refused, format!("the unit is in mode {mode}")),
                        // It did not get there, or its power was cut on the way: nobody here can tell.
                        true => Error::new(Kind::Gone, format!("the unit left, and came back in mode {mode}")),
                    });
                }
                Ok(mut returned) => {
                    if let Some(usb) = &self.target.usb_id {
                        returned.driver.met_as(usb);
                    }
                    return Ok(returned);
                }
                // That the time was over says less than what was seen before.
                Err(error) if error.kind() == Kind::NotPermitted => {
                    let since = *shut.get_or_insert(op.clock.now());
                    if op.clock.now().saturating_since(since) >= RULES_COME {
                        return Err(may_not_open(departure, error));
                    }
                    last = Some(error);
                }
                Err(error) if is_passing(error.kind()) => {
                    shut = None;
                    last = last.filter(|_| op.clock.now() >= until).or(Some(error));
                }
                Err(error) => return Err(error),
            }
            self.pause(op, op.clock.now() + TRY_AGAIN, &mut track)?;
        }
        Err(stayed_away(departure, last))
    }

    /// Opens what is there, if anything is, and says how it is known.
    fn try_known(&mut self, known: &Known, to: &[Mode], track: &mut Track, op: &mut Op<'_>) -> Result<Returned> {
        let there = self.look();
        track.see(there.as_ref().ok().and_then(|there| there.plugged.as_ref()));
        let there = there?;
        let driver = self.try_open(&there, Some(to), op)?;
        // Only while the device that was looked at is still the one that is there, is it the one that was opened.
        let after = self.look();
        let after = after.as_ref().ok().and_then(|after| after.plugged.as_ref());
        track.see(after);
        if after != there.plugged.as_ref() {
            return Err(Error::new(Kind::Gone, "it left again while it was asked who it is"));
        }
        let proof = self.recognise(known, &there, driver.unit())?;
        self.shown.extend(there.shows);
        self.held = there.plugged;
        Ok(Returned { driver, proof, continuity: track.continuity() })
    }

    /// How what is there is known to be the unit that left: by what it says, else by the descriptor that it shows.
    fn recognise(&self, known: &Known, there: &There, unit: &Unit) -> Result<Proof> {
        let mut proof = known.recognise(unit)?;
        if let (Proof::Port, Some((id, serial))) = (proof, &there.shows) {
            let by = |old| Known { serial: old, hwid: None, given: known.given.clone() }.serial(serial);
            // Another USB id is another mode, which may show another number.
            let same = self.shown.values().chain(&known.serial).find(|old| *old == serial);
            proof = by(self.shown.get(id).or(same).cloned())?;
        }
        Ok(if proof == Proof::Serial && there.has_clones { Proof::Port } else { proof })
    }

    /// Lets time pass until `moment`, looks what comes and goes meanwhile, and hears a request to stop.
    fn pause(&self, op: &Op<'_>, moment: Moment, track: &mut Track) -> Result<()> {
        loop {
            op.check()?;
            let left = moment.saturating_since(op.clock.now());
            if left.is_zero() {
                return Ok(());
            }
            op.clock.sleep(left.min(TRY_AGAIN));
            if left > TRY_AGAIN && self.held.is_some() {
                track.see(self.look().ok().and_then(|there| there.plugged).as_ref());
            }
        }
    }
}

/// What happens to a port while its unit restarts: it is missing, not yet ours, held by something that probes
/// new ports (ModemManager), or speaks in boot messages; or the kernel has not got as far as to show who it is.
fn is_passing(kind: Kind) -> bool {
    use Kind::{Busy, Garbled, Gone, NotPermitted, TimedOut, Unsupported};
    matches!(kind, Gone | Busy | NotPermitted | TimedOut | Garbled | Unsupported)
}

/// It is there, and waiting on would change nothing. Often a rule names one mode of the unit and not the other.
fn may_not_open(departure: &Departure, cause: Error) -> Error {
    let sentence = format!("the unit came back, and this user may not open it now ({})", departure.why);
    let remedy =
        "`sudo hardwire udev install` opens every mode of a unit that Hardwire drives; then run the same again";
    Error::new(Kind::NotPermitted, sentence).because(cause).next(remedy)
}

fn stayed_away(departure: &Departure, last: Option<Error>) -> Error {
    let last = match last {
        Some(error) if error.kind() == Kind::NotPermitted => return may_not_open(departure, error),
        last => last,
    };
    let waited = departure.within.as_secs_f32();
    let (kind, what) = match &last {
        Some(error) if error.kind() == Kind::Refused => {
            let modes: Vec<String> = departure.to.iter().map(ToString::to_string).collect();
            (Kind::Refused, format!("the unit did not come back in mode {}", modes.join(" or ")))
        }
        // It was pulled: the port is empty at the end of the wait, or it was pushed in again and has started anew.
        Some(error) if error.kind() == Kind::Gone => {
            (Kind::Gone, "the unit did not come back as it was told to".into())
        }
        _ => (Kind::TimedOut, "the unit did not come back".to_owned()),
    };
    let error = Error::new(kind, format!("{what} within {waited:.0} s ({})", departure.why))
        .next("see whether `hardwire info` reaches it; running the same again goes on from what it holds");
    match last {
        Some(cause) => error.because(cause),
        None => error,
    }
}
