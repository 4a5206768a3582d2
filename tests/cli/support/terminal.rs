use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Stdio};

use super::Bench;

/// A command at a terminal, and the person there.
pub struct Terminal {
    child: Child,
    screen: File,
    /// All that was shown so far, escape sequences included.
    pub shown: String,
}

impl Terminal {
    pub fn start(bench: &Bench, args: &[&str]) -> Terminal {
        let pty = nix::pty::openpty(None, None).unwrap();
        let slave = || Stdio::from(pty.slave.try_clone().unwrap());
        let mut command = bench.command(args);
        command.env("TERM", "xterm").stdin(slave()).stderr(slave()).stdout(slave());
        let child = command.spawn().unwrap();
        Terminal { child, screen: File::from(pty.master), shown: String::new() }
    }

    /// Reads until `text` is shown; false when the command ended without.
    pub fn sees(&mut self, text: &str) -> bool {
        let mut buf = [0; 4096];
        while !self.shown.contains(text) {
            match self.screen.read(&mut buf) {
                // The other side is closed when the command has ended (EIO).
                Ok(0) | Err(_) => return false,
                Ok(n) => self.shown.push_str(&String::from_utf8_lossy(&buf[..n])),
            }
        }
        true
    }

    /// Waits for a question and answers it.
    pub fn answer(&mut self, question: &str, line: &str) {
        assert!(self.sees(question), "{question:?} was not asked: {}", self.shown);
        self.shown.clear();
        self.screen.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    /// Ctrl-C.
    pub fn interrupt(&self) {
        let pid = nix::unistd::Pid::from_raw(self.child.id().try_into().unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
    }

    /// Reads to the end; the code.
    pub fn end(&mut self) -> Option<i32> {
        self.sees("\0 never shown");
        self.child.wait().unwrap().code()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
