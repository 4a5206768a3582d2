//! Asks the person at the terminal, one question at a time, with the progress bars out of the way.

use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indicatif::MultiProgress;
use protocols::time::Moment;

use super::safe;
#[cfg(unix)]
use super::terminal::{Hush, Hushed};
use crate::clock::Clock;
use crate::device::Cancel;
use crate::error::{Error, Kind, Result};
use crate::profile::model::Answer;
use crate::run::person::{Consent, Person, Question, is_yes};

/// How often a wait for an answer looks for a request to stop.
const LOOK: Duration = Duration::from_millis(100);

/// The longest line that is taken, in bytes.
const MAX_LINE: usize = 1 << 20;

/// Whether somebody can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asking {
    /// There is a terminal with somebody at it.
    Terminal,
    /// Nobody: no terminal, or `--no-input`.
    Nobody,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Echo {
    Shown,
    Hidden,
}

/// The person at this terminal.
pub struct AtTerminal {
    asking: Asking,
    /// `--yes`: all that must be meant is meant.
    meant: bool,
    screen: Option<MultiProgress>,
    clock: Arc<dyn Clock>,
    cancel: Cancel,
    /// What was typed and not asked for yet. Who holds it is the one who asks.
    typed: Mutex<Vec<u8>>,
}

impl AtTerminal {
    /// The person at this terminal; `meant` says beforehand what they would say to every request for consent, `cancel`
    /// is how they leave one unanswered.
    #[must_use]
    pub fn new(
        asking: Asking,
        meant: bool,
        screen: Option<MultiProgress>,
        clock: Arc<dyn Clock>,
        cancel: Cancel,
    ) -> AtTerminal {
        AtTerminal { asking, meant, screen, clock, cancel, typed: Mutex::new(Vec::new()) }
    }

    /// Asks for one line; `None` when the input ended.
    ///
    /// # Errors
    /// `cancelled`, `timed-out`.
    pub fn ask(&self, prompt: &str, deadline: Option<Moment>, cancel: &Cancel) -> Result<Option<String>> {
        self.ask_with(Echo::Shown, prompt, deadline, cancel)
    }

    fn ask_with(&self, echo: Echo, prompt: &str, deadline: Option<Moment>, cancel: &Cancel) -> Result<Option<String>> {
        let mut typed = self.typed.lock().unwrap_or_else(PoisonError::into_inner);
        let mut read = || {
            eprint!("{prompt} ");
            let _ = io::stderr().flush();
            #[cfg(unix)]
            let _unseen = (echo == Echo::Hidden).then(|| Hushed::begin(Hush::Echo));
            self.read_line(&mut typed, deadline, cancel)
        };
        match &self.screen {
            Some(screen) => screen.suspend(read),
            None => read(),
        }
    }

    /// One line of stdin, whatever it is connected to, without a prompt; `None` when it ended.
    ///
    /// # Errors
    /// `cancelled`.
    pub fn next_line(&self, cancel: &Cancel) -> Result<Option<String>> {
        let mut typed = self.typed.lock().unwrap_or_else(PoisonError::into_inner);
        self.read_line(&mut typed, None, cancel)
    }

    /// A blocking read would not hear of a request to stop, so stdin is only read when there is something.
    fn read_line(&self, typed: &mut Vec<u8>, deadline: Option<Moment>, cancel: &Cancel) -> Result<Option<String>> {
        // As large as the buffer of std's stdin, which is then never filled behind our back.
        let mut buf = [0; 8192];
        loop {
            if let Some(end) = typed.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = typed.drain(..=end).collect();
                return Ok(Some(String::from_utf8_lossy(&line).trim().to_owned()));
            }
            self.wait_for_input(deadline, cancel)?;
            let read = io::stdin().lock().read(&mut buf);
            match read.map_err(|cause| Error::new(Kind::Invalid, "the answer cannot be read").because(cause))? {
                0 if typed.is_empty() => return Ok(None),
                0 => typed.push(b'\n'),
                _ if typed.len() > MAX_LINE => return Err(Error::new(Kind::Invalid, "the line is too long")),
                n => typed.extend_from_slice(&buf[..n]),
            }
        }
    }

    /// The same, with `None` when nobody can be asked.
    ///
    /// # Errors
    /// `cancelled`.
    pub fn ask_if_any(&self, prompt: &str, cancel: &Cancel) -> Result<Option<String>> {
        match self.asking {
            Asking::Terminal => self.ask(prompt, None, cancel),
            Asking::Nobody => Ok(None),
        }
    }

    /// The same for a secret: what is typed is not shown.
    ///
    /// # Errors
    /// `cancelled`.
    pub fn ask_unseen(&self, prompt: &str, cancel: &Cancel) -> Result<Option<String>> {
        match self.asking {
            Asking::Terminal => {
                let answer = self.ask_with(Echo::Hidden, prompt, None, cancel);
                // The newline was not shown either.
                eprintln!();
                answer
            }
            Asking::Nobody => Ok(None),
        }
    }

    #[cfg(unix)]
    fn wait_for_input(&self, deadline: Option<Moment>, cancel: &Cancel) -> Result<()> {
        use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
        use std::os::fd::AsFd;

        let stdin = io::stdin();
        loop {
            self.check(deadline, cancel)?;
            let mut fds = [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
            let timeout = PollTimeout::try_from(LOOK).unwrap_or(PollTimeout::ZERO);
            match poll(&mut fds, timeout) {
                Ok(0) | Err(nix::errno::Errno::EINTR) => {}
                Ok(_) => return Ok(()),
                Err(cause) => return Err(Error::new(Kind::Invalid, "the terminal cannot be read").because(cause)),
            }
        }
    }

    #[cfg(not(unix))]
    fn wait_for_input(&self, deadline: Option<Moment>, cancel: &Cancel) -> Result<()> {
        self.check(deadline, cancel)
    }

    fn check(&self, deadline: Option<Moment>, cancel: &Cancel) -> Result<()> {
        if cancel.is_asked() {
            return Err(Error::new(Kind::Cancelled, "stopped on request while a person was asked"));
        }
        if deadline.is_some_and(|deadline| self.clock.now() >= deadline) {
            return Err(Error::new(Kind::TimedOut, "nobody answered in time"));
        }
        Ok(())
    }

    fn nobody(&self, what: &str, remedy: &str) -> Result<()> {
        match self.asking {
            Asking::Terminal => Ok(()),
            Asking::Nobody => Err(Error::new(Kind::Invalid, format!("{what}, and nobody can be asked")).next(remedy)),
        }
    }
}

impl Person for AtTerminal {
    fn can_answer(&self) -> bool {
        self.asking == Asking::Terminal
    }

    fn consent(&self, unit: &str, what: &[Consent]) -> Result<bool> {
        if self.meant || what.is_empty() {
            return Ok(true);
        }
        let list: Vec<String> = what.iter().map(|consent| safe(&consent.say)).collect();
        self.nobody(&format!("this must be meant: {}", list.join("; ")), "run it at a terminal, or say --yes")?;
        let prompt = format!("{}: {}. Is that meant? [y/N]", safe(unit), list.join("; "));
        let answer = self.ask(&prompt, None, &self.cancel)?;
        Ok(answer.is_some_and(|answer| is_yes(&answer)))
    }

    fn answer(&self, question: &Question, deadline: Option<Moment>, cancel: &Cancel) -> Result<String> {
        let place = question.bay.map(|bay| format!("bay {bay}, ")).unwrap_or_default();
        let say = safe(&question.say);
        self.nobody(&format!("a person must answer: {say}"), "run it at a terminal, without --no-input")?;
        let hint = match question.answer {
            Answer::PassFail => "[y/n]",
            Answer::Done => "[Enter]",
            Answer::Text => ">",
        };
        loop {
            let prompt = format!("{place}{}: {say} {hint}", safe(&question.unit));
            let Some(answer) = self.ask(&prompt, deadline, cancel)? else {
                return Err(Error::new(Kind::Cancelled, "the terminal was closed instead of an answer"));
            };
            if let Some(answer) = question.take(&answer) {
                return Ok(answer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    fn person(meant: bool) -> AtTerminal {
        AtTerminal::new(Asking::Nobody, meant, None, Arc::new(ManualClock::new()), Cancel::default())
    }

    #[test]
    fn what_must_be_meant_is_refused_where_nobody_is_asked() {
        let wipe = [Consent { say: "wipes the slot".into() }];
        let error = person(false).consent("TH-1", &wipe).unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid);
        assert!(error.to_string().contains("wipes the slot") && error.remedy().unwrap().contains("--yes"));
        assert!(person(true).consent("TH-1", &wipe).unwrap());
        assert!(person(false).consent("TH-1", &[]).unwrap());
    }

    #[test]
    fn yes_answers_no_question() {
        let question = Question { bay: None, unit: "TH-1".into(), say: "green?".into(), answer: Answer::PassFail };
        assert_eq!(person(true).answer(&question, None, &Cancel::default()).unwrap_err().kind(), Kind::Invalid);
    }
}
