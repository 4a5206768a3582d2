//! `ask`: a question to the person at the bench.

use super::person::Question;
use super::{Action, Bench, Effect, Observed, Stage, StepKind};
use crate::device::{Capability, Driver};
use crate::error::{Error, Kind, Result};
use crate::profile::model::{Answer, AskStep};

impl StepKind for AskStep {
    fn describe(&self) -> String {
        "asking the operator".to_owned()
    }

    fn needs(&self) -> Option<Capability> {
        None
    }

    fn action(&self) -> Option<Action> {
        Some(Action::Ask)
    }

    fn execute(&self, _: &mut dyn Driver, _: Stage, _: &Observed, bench: &mut Bench<'_, '_>) -> Result<Effect> {
        let question =
            Question { bay: bench.bay, unit: bench.unit.clone(), say: self.say.clone(), answer: self.answer };
        let answer = bench.person.answer(&question, bench.op.deadline, bench.op.cancel)?;
        let verdict = (self.answer == Answer::PassFail && answer != "pass")
            .then(|| Error::new(Kind::Refused, format!("the operator answered fail to: {}", self.say)));
        Ok(Effect { answer: Some(answer), verdict, ..Effect::default() })
    }
}
