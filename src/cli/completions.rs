//! `hardwire completions`.

use std::io::Write;

use clap::Args;
use clap_complete::Shell;

use super::context::Context;
use super::exit::Exit;
use super::report::Outcome;
use crate::error::{Error, Kind};

/// Print a completion script for a shell
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  hardwire completions bash > ~/.local/share/bash-completion/completions/hardwire")]
pub(super) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub(super) fn run(&self, cx: &Context, command: &mut clap::Command) -> Outcome {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, command, "hardwire", &mut script);
        let mut out = cx.voice.raw();
        let written = out.write_all(&script).and_then(|()| out.flush());
        written.map_err(|cause| Error::new(Kind::Storage, "the script cannot be written").because(cause))?;
        Ok(Exit::PASSED)
    }
}
