//! What else stands on a line that a shell and a log share with SMP.

use std::time::Duration;

/// A log's lines and a shell's prompt, in an order that is the same every time.
#[derive(Default)]
pub(super) struct Chatter {
    lines: u32,
    answers: u32,
}

impl Chatter {
    /// How often a log line comes by itself.
    pub(super) const INTERVAL: Duration = Duration::from_secs(1);

    pub(super) fn log_line(&mut self, uptime: Duration) -> Vec<u8> {
        self.lines += 1;
        let (seconds, micros) = (uptime.as_secs(), uptime.subsec_micros());
        let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        let what = match self.lines % 3 {
            0 => "\x1b[1;33m<wrn> sensor: humidity out of range\x1b[0m",
            1 => "<inf> thermostat: target 21.5 C, measured 20.9 C",
            _ => "<dbg> net: link quality 87",
        };
        let (millis, micros) = (micros / 1000, micros % 1000);
        format!("[{hours:02}:{minutes:02}:{seconds:02}.{millis:03},{micros:03}] {what}\r\n").into_bytes()
    }

    /// What stands right before the next answer, and what right after it.
    pub(super) fn around_answer(&mut self, uptime: Duration) -> (Vec<u8>, Vec<u8>) {
        self.answers += 1;
        let before = match self.answers % 5 {
            1 => self.log_line(uptime),
            3 => b"uart:~$ ".to_vec(),
            _ => Vec::new(),
        };
        let after = if self.answers.is_multiple_of(4) { self.log_line(uptime) } else { Vec::new() };
        (before, after)
    }
}
