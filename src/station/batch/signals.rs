//! Commands for stack lights and buzzers: told what happens in a bay, never waited for by the line.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, PoisonError};
use std::thread::Scope;
use std::time::Duration;

use uuid::Uuid;

use crate::clock::Clock;
use crate::device::BayId;
use crate::error::{Error, Kind, Result};

/// How long a command may take.
const LONGEST: Duration = Duration::from_secs(10);
/// How often a running command is looked at.
const LOOK: Duration = Duration::from_millis(20);
/// How many signals of one bay may wait for the one before.
const WAITING: usize = 8;

/// When a command is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lamp {
    /// A unit passed.
    Pass,
    /// A unit did not pass.
    Fail,
    /// A person is asked for something.
    Waiting,
}

impl Lamp {
    /// All of them.
    pub const ALL: [Lamp; 3] = [Lamp::Pass, Lamp::Fail, Lamp::Waiting];
}

impl fmt::Display for Lamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Lamp::Pass => "pass",
            Lamp::Fail => "fail",
            Lamp::Waiting => "waiting",
        })
    }
}

/// What a command is told, in its environment.
#[derive(Debug, Clone)]
pub struct Signal {
    /// Why it is run.
    pub lamp: Lamp,
    /// `HARDWIRE_BAY`.
    pub bay: BayId,
    /// `HARDWIRE_RUN`.
    pub run: Option<Uuid>,
    /// `HARDWIRE_SERIAL`, escaped as on the screen.
    pub serial: Option<String>,
    /// `HARDWIRE_OUTCOME`: pass, fail, error or waiting.
    pub outcome: String,
}

/// The commands, by what they are run for: program and arguments, no shell.
pub type Commands = BTreeMap<Lamp, Vec<String>>;

/// A command as it is written in one text: words apart by blanks. What needs quotes or a shell is written as a list.
#[must_use]
pub fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// Runs the commands, those of one bay in order, on threads of `scope`.
pub(super) struct Signals<'scope, 'env> {
    scope: &'scope Scope<'scope, 'env>,
    commands: Arc<Commands>,
    clock: Arc<dyn Clock>,
    bays: BTreeMap<BayId, SyncSender<Signal>>,
    warn: Arc<Warn>,
}

/// Says once what is wrong with a command.
struct Warn {
    said: Mutex<BTreeSet<Lamp>>,
    tell: Box<dyn Fn(Error) + Send + Sync>,
}

impl Warn {
    fn once(&self, lamp: Lamp, error: Error) {
        if self.said.lock().unwrap_or_else(PoisonError::into_inner).insert(lamp) {
            (self.tell)(error);
        }
    }
}

impl<'scope, 'env> Signals<'scope, 'env> {
    pub(super) fn new(
        scope: &'scope Scope<'scope, 'env>,
        commands: Commands,
        clock: Arc<dyn Clock>,
        tell: impl Fn(Error) + Send + Sync + 'static,
    ) -> Signals<'scope, 'env> {
        let warn = Arc::new(Warn { said: Mutex::default(), tell: Box::new(tell) });
        Signals { scope, commands: Arc::new(commands), clock, bays: BTreeMap::new(), warn }
    }

    /// Gives the signal, when there is a command for it. Returns at once.
    pub(super) fn give(&mut self, signal: Signal) {
        if !self.commands.contains_key(&signal.lamp) {
            return;
        }
        let lamp = signal.lamp;
        let bay = self.bays.entry(signal.bay).or_insert_with(|| {
            let (send, receive) = sync_channel::<Signal>(WAITING);
            let (commands, clock, warn) = (Arc::clone(&self.commands), Arc::clone(&self.clock), Arc::clone(&self.warn));
            let spawned = std::thread::Builder::new()
                .name("signal".into())
                .spawn_scoped(self.scope, move || serve(&receive, &commands, &*clock, &warn));
            if let Err(cause) = spawned {
                self.warn.once(lamp, Error::new(Kind::Storage, "no thread for signals").because(cause));
            }
            send
        });
        if bay.try_send(signal).is_err() {
            self.warn
                .once(lamp, Error::new(Kind::Busy, format!("the signal `{lamp}` falls behind; some are left out")));
        }
    }
}

fn serve(signals: &Receiver<Signal>, commands: &Commands, clock: &dyn Clock, warn: &Warn) {
    for signal in signals {
        if let Some(command) = commands.get(&signal.lamp)
            && let Err(error) = run(command, &signal, clock)
        {
            warn.once(signal.lamp, error);
        }
    }
}

/// Runs one command to its end, and no longer than it may take.
pub(super) fn run(command: &[String], signal: &Signal, clock: &dyn Clock) -> Result<()> {
    let lamp = signal.lamp;
    let wrong = |why: String| {
        Error::new(Kind::Refused, format!("the signal `{lamp}` {why}")).next("mend `signals` in station.yaml")
    };
    let [program, args @ ..] = command else { return Err(wrong("names no command".into())) };
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.env("HARDWIRE_BAY", signal.bay.to_string()).env("HARDWIRE_OUTCOME", &signal.outcome);
    command.env("HARDWIRE_RUN", signal.run.map(|run| run.to_string()).unwrap_or_default());
    command.env("HARDWIRE_SERIAL", signal.serial.as_deref().unwrap_or_default());
    #[cfg(unix)]
    // A group of its own: Ctrl-C at the line is not meant for it, and its children end with it.
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut child = command.spawn().map_err(|cause| wrong("cannot be run".into()).because(cause))?;
    let until = clock.now() + LONGEST;
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(wrong(format!("failed ({status})"))),
            Ok(None) if clock.now() < until => clock.sleep(LOOK),
            Ok(None) => {
                end(&mut child);
                return Err(wrong(format!("took longer than {} s and was ended", LONGEST.as_secs())));
            }
            Err(cause) => return Err(wrong("cannot be waited for".into()).because(cause)),
        }
    }
}

fn end(child: &mut Child) {
    #[cfg(unix)]
    if let Ok(group) = i32::try_from(child.id()) {
        let _ = nix::sys::signal::killpg(nix::unistd::Pid::from_raw(group), nix::sys::signal::Signal::SIGKILL);
    }
    let _ = child.kill();
    let _ = child.wait();
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::clock::{ManualClock, SystemClock};

    fn signal(lamp: Lamp) -> Signal {
        Signal {
            lamp,
            bay: BayId(3),
            run: Some(Uuid::from_u128(7)),
            serial: Some("TH-7".into()),
            outcome: "pass".into(),
        }
    }

    fn shell(script: &str) -> Vec<String> {
        ["sh", "-c", script].map(str::to_owned).to_vec()
    }

    #[test]
    fn a_command_is_told_bay_run_unit_and_outcome_in_its_environment() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("seen");
        let command = shell(&format!(
            "echo \"$HARDWIRE_BAY $HARDWIRE_RUN $HARDWIRE_SERIAL $HARDWIRE_OUTCOME\" > {}",
            file.display()
        ));
        run(&command, &signal(Lamp::Pass), &SystemClock::new()).unwrap();
        let seen = std::fs::read_to_string(file).unwrap();
        assert_eq!(seen, "3 00000000-0000-0000-0000-000000000007 TH-7 pass\n");
    }

    #[test]
    fn no_shell_reads_what_is_not_given_to_one() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("$(touch evil);x");
        run(&["touch".into(), file.display().to_string()], &signal(Lamp::Pass), &SystemClock::new()).unwrap();
        assert!(file.exists() && !folder.path().join("evil").exists());
        assert_eq!(words(" lamp  green 3 "), ["lamp", "green", "3"]);
    }

    #[test]
    fn a_command_that_hangs_is_ended_with_its_children() {
        // Under this clock ten seconds pass in no time.
        let error = run(&shell("sleep 1000 & sleep 1000"), &signal(Lamp::Fail), &ManualClock::new()).unwrap_err();
        assert!(error.to_string().contains("took longer than 10 s"), "{error}");
    }

    #[test]
    fn what_is_wrong_is_said_once_and_the_line_never_waits() {
        let (tell, told) = std::sync::mpsc::channel();
        let missing =
            Commands::from([(Lamp::Pass, vec!["/there/is/no/such/program".to_owned()]), (Lamp::Fail, shell("exit 3"))]);
        std::thread::scope(|scope| {
            let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
            let mut signals = Signals::new(scope, missing, clock, move |error| _ = tell.send(error.to_string()));
            for _ in 0..3 {
                signals.give(signal(Lamp::Pass));
                signals.give(signal(Lamp::Fail));
                signals.give(signal(Lamp::Waiting));
            }
        });
        let mut told: Vec<String> = told.iter().collect();
        told.sort();
        assert_eq!(told, ["the signal `fail` failed (exit status: 3)", "the signal `pass` cannot be run"]);
    }
}
