//! `hardwire profile`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::context::Context;
use super::exit::Exit;
use super::report::Outcome;
use crate::profile;

/// Check, show and write profiles
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  hardwire profile check thermostat.yaml")]
pub(super) struct ProfileCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Check a profile and its artifacts without any unit
    #[command(after_help = "Example:\n  hardwire profile check thermostat.yaml")]
    Check {
        /// The profile
        profile: PathBuf,
    },
}

#[derive(Serialize)]
struct ProfileLine<'a> {
    r#type: &'static str,
    name: &'a str,
    version: &'a str,
    digest: &'a str,
    steps: usize,
}

impl ProfileCommand {
    pub(super) fn run(self, cx: &Context) -> Outcome {
        match self.action {
            Action::Check { profile } => {
                let prepared = profile::load(&profile)?.prepare()?;
                let reference = prepared.reference();
                let steps = prepared.profile().len();
                cx.voice.object(&ProfileLine {
                    r#type: "profile",
                    name: &reference.name,
                    version: &reference.version,
                    digest: &reference.digest,
                    steps,
                });
                cx.voice.line(format_args!(
                    "{} {}: {steps} steps, all artifacts as pinned, digest {}",
                    reference.name, reference.version, reference.digest
                ));
                Ok(Exit::PASSED)
            }
        }
    }
}
