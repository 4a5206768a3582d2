//! `console`: a command on the unit's shell.

use super::evidence::Attached;
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
        let mut sent = 0;
        if let Some(stage) = &self.stage {
            sent = console
                .stage(stage.content.as_ref(), bench.op)
                .map_err(|error| error.while_doing("giving the unit a file for the command"))?;
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
        let mut attachments = Vec::new();
        if let Some(name) = self.take.as_ref().filter(|_| reply.status == 0) {
            let mut incoming = bench.keep.incoming()?;
            let bytes = console
                .take(&mut incoming, bench.op)
                .map_err(|error| error.while_doing("taking what the command left"))?;
            attachments.push(Attached { name: name.clone(), bytes, sha256: incoming.finish()? });
        }
        Ok(Effect { answer, verdict, attachments, sent, ..Effect::default() })
    }
}
