//! `hardwire udev`.

use clap::{Args, Subcommand};
use serde::Serialize;

use super::context::Context;
use super::exit::Exit;
use super::report::Outcome;
use crate::detect::udev::{self, Finding, Plan, State};
use crate::{drivers, station};

/// Give people access to units, and keep other programs away from them
///
/// On Linux a rule of udev says who may open a device. Hardwire's rules are made of what its drivers recognise: the
/// person at the machine and the members of group `hardwire` may open it, ModemManager leaves it alone, and FTDI
/// adapters hand bytes on at once.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  hardwire udev check\n  sudo hardwire udev install")]
pub(super) struct UdevCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print the rules
    #[command(after_help = "Example:\n  hardwire udev print > 70-hardwire.rules")]
    Print,
    /// Write the rules to /etc/udev/rules.d, make group `hardwire`, and apply them to what is plugged in
    ///
    /// Needs root. What is in order already is left as it is.
    #[command(after_help = "Example:\n  sudo hardwire udev install\n  hardwire udev install --dry-run")]
    Install {
        /// Only say what would be done
        #[arg(long)]
        dry_run: bool,
    },
    /// Say whether the person who asks can open units, and what is missing
    ///
    /// Exit code 7 when anything is missing.
    #[command(after_help = "Example:\n  hardwire udev check")]
    Check,
}

#[derive(Serialize)]
struct RulesLine<'a> {
    r#type: &'static str,
    file: &'static str,
    rules: &'a str,
}

#[derive(Serialize)]
struct FindingLine<'a> {
    r#type: &'static str,
    #[serde(flatten)]
    finding: &'a Finding,
}

impl UdevCommand {
    pub(super) fn run(self, cx: &Context) -> Outcome {
        match self.action {
            Action::Print => {
                let rules = udev::generate(&station::signatures(drivers::registry()));
                cx.voice.object(&RulesLine { r#type: "udev-rules", file: udev::FILE, rules: &rules });
                cx.voice.line(rules.trim_end());
                Ok(Exit::PASSED)
            }
            Action::Install { dry_run } => {
                tell(cx, &udev::install(if dry_run { Plan::Say } else { Plan::Do })?);
                Ok(Exit::PASSED)
            }
            Action::Check => {
                let findings = udev::check();
                tell(cx, &findings);
                Ok(if findings.iter().all(Finding::is_good) { Exit::PASSED } else { Exit::STATION })
            }
        }
    }
}

fn tell(cx: &Context, findings: &[Finding]) {
    for finding in findings {
        cx.voice.object(&FindingLine { r#type: "udev", finding });
        let mark = match finding.state {
            State::Ok => "ok",
            State::Missing => "MISSING",
            State::Outdated => "OUTDATED",
            State::Done => "done",
            State::Planned => "would do",
        };
        cx.voice.line(format_args!("{mark:<8}  {}", finding.say));
        if let Some(next) = &finding.next {
            cx.voice.line(format_args!("          next: {next}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_that_ship_are_those_of_the_drivers() {
        let shipped = include_str!("../../udev/70-hardwire.rules");
        let made = udev::generate(&station::signatures(drivers::registry()));
        assert!(shipped == made, "run `cargo run -- udev print > udev/70-hardwire.rules`");
    }
}
