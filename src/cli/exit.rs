//! The exit codes: documented constants, in one place.

use crate::error::Kind;
use crate::run::report::{Outcome, Report};

/// How the process ends, as a shell sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit(u8);

impl Exit {
    /// All passed; an empty `detect` too.
    pub const PASSED: Exit = Exit(0);
    /// A unit failed: it refused, or is out of limits.
    pub const UNIT_FAILED: Exit = Exit(1);
    /// Usage, profile, artifact or capability invalid; nothing was written.
    pub const INVALID: Exit = Exit(2);
    /// No such unit.
    pub const NO_SUCH_UNIT: Exit = Exit(3);
    /// A unit holds something else than it should, or `verify` found damage.
    pub const MISMATCH: Exit = Exit(4);
    /// A person stopped it.
    pub const CANCELLED: Exit = Exit(5);
    /// Ledger or vault could not be written.
    pub const STORAGE: Exit = Exit(6);
    /// Station, link or access: the unit's state is unknown.
    pub const STATION: Exit = Exit(7);
    /// `hardwire stub` only: a fault cut the stand-in's power.
    pub const STUB_LOST_POWER: Exit = Exit(firmware_stubs::smp::End::POWER_LOST_STATUS);

    /// Which code stands for several units: the first of these that occurs.
    const FIRST_OF: [Exit; 7] = [
        Exit::STORAGE,
        Exit::MISMATCH,
        Exit::UNIT_FAILED,
        Exit::STATION,
        Exit::CANCELLED,
        Exit::NO_SUCH_UNIT,
        Exit::INVALID,
    ];

    /// The code of a failure of `kind`.
    #[must_use]
    pub fn of(kind: Kind) -> Exit {
        match kind {
            Kind::Invalid | Kind::Unsupported => Exit::INVALID,
            Kind::Refused => Exit::UNIT_FAILED,
            Kind::Mismatch => Exit::MISMATCH,
            Kind::Cancelled => Exit::CANCELLED,
            Kind::Storage => Exit::STORAGE,
            Kind::Gone
            | Kind::Busy
            | Kind::NotPermitted
            | Kind::Unauthorized
            | Kind::TimedOut
            | Kind::Garbled
            | Kind::Interrupted => Exit::STATION,
        }
    }

    /// The code of a run that began: what it came to, and for what reason.
    #[must_use]
    pub fn of_run(report: &Report) -> Exit {
        match (report.outcome, report.error.as_ref().map(|error| error.kind)) {
            (Outcome::Pass, _) => Exit::PASSED,
            (Outcome::Cancelled, _) | (_, Some(Kind::Cancelled)) => Exit::CANCELLED,
            (_, Some(Kind::Mismatch)) => Exit::MISMATCH,
            (_, Some(Kind::Storage)) => Exit::STORAGE,
            // Something was written by now: what turns out to be impossible makes the unit fail.
            (Outcome::Fail, _) => Exit::UNIT_FAILED,
            (Outcome::Error, _) => Exit::STATION,
        }
    }

    /// One code for several units.
    #[must_use]
    pub fn combine(exits: impl IntoIterator<Item = Exit>) -> Exit {
        let exits: Vec<Exit> = exits.into_iter().collect();
        Exit::FIRST_OF.into_iter().find(|exit| exits.contains(exit)).unwrap_or(Exit::PASSED)
    }

    /// The number.
    #[must_use]
    pub fn code(self) -> u8 {
        self.0
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        exit.0.into()
    }
}

#[cfg(test)]
mod tests {
    use super::Exit;

    #[test]
    fn over_several_units_the_gravest_code_stands() {
        let in_order = [6, 4, 1, 7, 5, 3, 2, 0].map(Exit);
        for (at, &expected) in in_order.iter().enumerate() {
            assert_eq!(Exit::combine(in_order[at..].iter().rev().copied()), expected);
        }
        assert_eq!(Exit::combine([]), Exit::PASSED);
    }
}
