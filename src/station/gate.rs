//! Where the runs of one command wait for each other, between the last plan and the first write.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};

use crate::error::{Error, Kind, Result};
use crate::run::Gate;

/// The runs of one command. None of them writes before each has its plan; when the plan of one is refused, none writes
/// at all. A run that ends for another reason (its unit went away) holds nobody up.
pub struct Together {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    expected: usize,
    refused: bool,
}

impl Together {
    /// A gate for `count` runs.
    #[must_use]
    pub fn of(count: usize) -> Together {
        Together { state: Mutex::new(State { expected: count, refused: false }), changed: Condvar::new() }
    }

    /// Does `run`, which is one of them.
    ///
    /// # Errors
    /// What `run` returns.
    pub fn gather<T>(&self, run: impl FnOnce(&dyn Gate) -> Result<T>) -> Result<T> {
        let ticket = Ticket { gate: self, arrived: AtomicBool::new(false) };
        let result = run(&ticket);
        let refused = matches!(&result, Err(error) if matches!(error.kind(), Kind::Invalid | Kind::Unsupported));
        ticket.arrive(refused);
        result
    }
}

struct Ticket<'a> {
    gate: &'a Together,
    arrived: AtomicBool,
}

impl Ticket<'_> {
    fn arrive(&self, refused: bool) {
        if self.arrived.swap(true, Ordering::Relaxed) {
            return;
        }
        let mut state = self.gate.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.expected = state.expected.saturating_sub(1);
        state.refused |= refused;
        self.gate.changed.notify_all();
    }
}

impl Gate for Ticket<'_> {
    fn pass(&self) -> Result<()> {
        self.arrive(false);
        let state = self.gate.state.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = |state: &mut State| state.expected > 0 && !state.refused;
        let state = self.gate.changed.wait_while(state, waiting).unwrap_or_else(PoisonError::into_inner);
        if state.refused {
            return Err(Error::new(
                Kind::Invalid,
                "another unit of this command was refused before anything was written",
            )
            .next("see why, or leave that unit out; nothing was written to this one either"));
        }
        Ok(())
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        // A run that fell over must not keep the others waiting.
        self.arrive(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run_all(ends: &[fn(&dyn Gate) -> Result<()>]) -> Vec<Option<Kind>> {
        let together = Together::of(ends.len());
        std::thread::scope(|scope| {
            let threads: Vec<_> = ends
                .iter()
                .map(|end| {
                    let together = &together;
                    scope.spawn(move || together.gather(end))
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().ok().and_then(|end| end.err().map(|e| e.kind()))).collect()
        })
    }

    #[test]
    fn one_refusal_stops_all_before_they_write() {
        let refused = run_all(&[|gate| gate.pass(), |_| Err(Error::new(Kind::Unsupported, "no")), |gate| gate.pass()]);
        assert_eq!(refused, [Some(Kind::Invalid), Some(Kind::Unsupported), Some(Kind::Invalid)]);
    }

    #[test]
    fn a_unit_that_goes_away_or_a_run_that_falls_over_holds_nobody_up() {
        let ends = run_all(&[|gate| gate.pass(), |_| Err(Error::new(Kind::Gone, "gone")), |_| panic!("a fault")]);
        assert_eq!(ends, [None, Some(Kind::Gone), None]);
    }

    #[test]
    fn what_fails_after_the_gate_is_that_units_own() {
        let late = |gate: &dyn Gate| gate.pass().and_then(|()| Err(Error::new(Kind::Unsupported, "late")));
        assert_eq!(run_all(&[|gate| gate.pass(), late]), [None, Some(Kind::Unsupported)]);
    }
}
