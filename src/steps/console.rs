//! `console`: a command on the unit's shell.

use super::{Action, Bench, Effect, Observed, Stage, StepKind, lacking, unreadable, veiled};
use crate::device::{Capability, Driver};
use crate::error::{Error, Kind, Result};
use crate::profile::model::ConsoleStep;

impl StepKind for ConsoleStep {
    fn describe(&self) -> String {
        "running a command on the unit".to_owned()
    }

    fn needs(&self) -> Option<Capability> {
        Some(Capability::Console)
    }

    fn action(&self) -> Option<Action> {
        Some(Action::Write)
    }

    fn execute(&self, driver: &mut dyn Driver, _: Stage, _: &Observed, bench: &mut Bench<'_, '_>) -> Result<Effect> {
        let console = driver.console().ok_or_else(|| lacking(Capability::Console))?;
        let command = String::from_utf8(self.run.content.to_vec().map_err(unreadable)?)
            .map_err(|_| Error::new(Kind::Invalid, "the command is not UTF-8"))?;
        if self.run.secret {
            bench.op.said = None;
        }
        let reply =
            console.run(&command, bench.op).map_err(|error| veiled(error, self.run.secret, "running a command"))?;
        let wanted = self.expect.as_deref();
        let verdict = if reply.status != 0 {
            Some(Error::new(Kind::Refused, format!("the command returned {}", reply.status)))
        } else if wanted.is_some_and(|wanted| !reply.output.untrusted().contains(wanted)) {
            Some(Error::new(Kind::Refused, format!("the command's output lacks `{}`", wanted.unwrap_or_default())))
        } else {
            None
        };
        // What a secret command prints may well repeat it.
        let answer = (!self.run.secret).then(|| reply.output.to_string());
        Ok(Effect { answer, verdict, ..Effect::default() })
    }
}
