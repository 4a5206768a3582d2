//! The command line: one file a command, which parses, calls the library and renders. Nothing imports this room.

mod apply;
mod backup;
mod batch;
mod bay;
mod bench;
mod completions;
mod console;
mod context;
mod demo;
mod detect;
mod diagnose;
pub mod exit;
mod hall;
mod info;
mod key;
mod ledger;
mod plan;
mod profile;
pub mod report;
mod restore;
mod single;
mod stub;
mod udev;
mod vault;

use std::ffi::OsString;
use std::io::IsTerminal;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::error::{Error, Kind};
use context::{Context, Global};
use exit::Exit;
use report::{Failure, Outcome, Voice};

/// Provision devices over USB and serial ports: detect, push, verify, record
///
/// Hardwire brings a unit to what a profile says, proves every step against a checksum that was read back, and
/// leaves a record that someone else can check.
///
/// Start with `hardwire detect`, or with `hardwire demo` when nothing is at hand.
#[derive(Debug, Parser)]
#[command(name = "hardwire", version, max_term_width = 100, disable_help_subcommand = true, after_help = AFTER)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

const AFTER: &str = "\
From an unknown board to a verified file on it:
  hardwire detect --probe
  hardwire profile new -d tty:/dev/ttyACM0 board.yaml
  hardwire plan board.yaml -d tty:/dev/ttyACM0
  hardwire apply board.yaml -d tty:/dev/ttyACM0

Exit codes:
  0  all passed
  1  a unit failed: it refused, or is out of limits
  2  usage, profile, artifact or capability invalid; nothing was written
  3  no such unit
  4  a unit holds something else than it should, or verify found damage
  5  cancelled
  6  ledger or vault could not be written
  7  station, link or access: the unit's state is unknown

Environment:
  HARDWIRE_HOME    ledger, vault and station secret (default: the platform's data directory)
  HARDWIRE_DEVICE  stands in for a missing -d";

#[derive(Debug, Subcommand)]
enum Command {
    Detect(detect::Detect),
    Info(info::Info),
    Plan(plan::PlanCommand),
    Apply(Box<apply::Apply>),
    Batch(Box<batch::BatchCommand>),
    Diagnose(diagnose::Diagnose),
    Backup(backup::BackupCommand),
    Restore(restore::Restore),
    Flash(single::Flash),
    Put(single::Put),
    Install(single::Install),
    Get(single::Get),
    Console(console::Console),
    Reboot(single::Reboot),
    Profile(profile::ProfileCommand),
    Ledger(ledger::LedgerCommand),
    Vault(vault::VaultCommand),
    Bay(bay::BayCommand),
    Key(key::KeyCommand),
    Udev(udev::UdevCommand),
    Demo(demo::Demo),
    Stub(Box<stub::Stub>),
    Completions(completions::Completions),
}

/// Runs the command that `args` spell, program name first.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    match Cli::try_parse_from(&args) {
        Ok(cli) => run(cli).into(),
        Err(usage) => explain_usage(&usage, &args).into(),
    }
}

fn run(cli: Cli) -> Exit {
    start_tracing(cli.global.verbose);
    let cx = Context::new(cli.global);
    let outcome: Outcome = match cli.command {
        Command::Detect(command) => command.run(&cx),
        Command::Info(command) => command.run(&cx),
        Command::Plan(command) => command.run(&cx),
        Command::Apply(command) => command.run(&cx),
        Command::Batch(command) => command.run(&cx),
        Command::Diagnose(command) => command.run(&cx),
        Command::Backup(command) => command.run(&cx),
        Command::Restore(command) => command.run(&cx),
        Command::Flash(command) => command.run(&cx),
        Command::Put(command) => command.run(&cx),
        Command::Install(command) => command.run(&cx),
        Command::Get(command) => command.run(&cx),
        Command::Console(command) => command.run(&cx),
        Command::Reboot(command) => command.run(&cx),
        Command::Demo(command) => command.run(&cx),
        Command::Profile(command) => command.run(&cx),
        Command::Ledger(command) => command.run(&cx),
        Command::Vault(command) => command.run(&cx),
        Command::Bay(command) => command.run(&cx),
        Command::Key(command) => command.run(&cx),
        Command::Udev(command) => command.run(&cx),
        Command::Stub(command) => command.run(&cx.voice),
        Command::Completions(command) => command.run(&cx, &mut Cli::command()),
    };
    outcome.unwrap_or_else(|failure| {
        cx.voice.failure(&failure);
        failure.exit
    })
}

/// Clap speaks to people well; programs get their object too. `--help` and `--version` are no failure.
fn explain_usage(usage: &clap::Error, args: &[OsString]) -> Exit {
    if !usage.use_stderr() {
        let _ = usage.print();
        return Exit::PASSED;
    }
    let failure = Failure::from(Error::new(Kind::Invalid, usage_sentence(usage)).next("see `hardwire --help`"));
    if args.iter().any(|arg| arg == "--json") {
        Voice::new(true).failure(&failure);
    } else {
        let _ = usage.print();
    }
    failure.exit
}

fn usage_sentence(usage: &clap::Error) -> String {
    let text = usage.to_string();
    let first = text.split("\n\n").next().unwrap_or_default();
    let first = first.strip_prefix("error: ").unwrap_or(first);
    first.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

fn start_tracing(verbose: u8) {
    let level = match verbose {
        0 => return,
        1 => tracing::Level::INFO,
        2 => tracing::Level::DEBUG,
        _ => tracing::Level::TRACE,
    };
    // A second subscriber in one process is a test's doing; the first keeps working.
    let _ = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .try_init();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    /// Every `hardwire …` in backticks: remedies, help and documents.
    fn named_commands(folder: &std::path::Path, found: &mut Vec<(String, Vec<String>)>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let kind = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
            if path.is_dir() {
                named_commands(&path, found);
            } else if ["rs", "md", "yaml"].contains(&kind) {
                let text = std::fs::read_to_string(&path).unwrap();
                let word = |word: &&str| word.bytes().all(|byte| byte.is_ascii_lowercase());
                found.extend(text.split("`hardwire ").skip(1).map(|rest| {
                    let rest = rest.split(['`', '\n']).next().unwrap_or_default();
                    (path.display().to_string(), rest.split(' ').take_while(word).map(str::to_owned).collect())
                }));
            }
        }
    }

    #[test]
    fn every_command_that_a_text_names_is_there() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut named = Vec::new();
        for folder in ["src", "profiles", "benches", "firmware-stubs/src"] {
            named_commands(&root.join(folder), &mut named);
        }
        assert!(named.len() > 50, "{} found", named.len());
        let cli = Cli::command();
        for (file, words) in named {
            let Some(name) = words.first() else { continue };
            let command = cli.find_subcommand(name).unwrap_or_else(|| panic!("{file}: hardwire {name}"));
            if let (true, Some(name)) = (command.has_subcommands(), words.get(1)) {
                assert!(command.find_subcommand(name).is_some(), "{file}: hardwire {}", words.join(" "));
            }
        }
    }

    #[test]
    fn every_command_begins_short_and_shows_an_example() {
        for command in Cli::command().get_subcommands() {
            let about = command.get_about().map(ToString::to_string).unwrap_or_default();
            assert!((5..=72).contains(&about.len()), "{}: {about}", command.get_name());
            let help = command.clone().render_long_help().to_string();
            let example = format!("hardwire {}", command.get_name());
            assert!(help.contains("Example") && help.contains(&example), "{}", command.get_name());
        }
    }
}
