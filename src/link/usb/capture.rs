//! A USB device whose every transfer is also written down: the setup packet with its data, and what came of it.
//!
//! ```text
//!     0.001204 > setup a1 03 00 00 00 00 06 00
//!     0.002310 < 00 00 00 00 02 00  |......|
//!     0.004100 > setup 21 01 01 00 00 00 02 00 : 41 42  |AB|
//!     0.005230 < stall
//! ```

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{About, Device, Pipes, Setup, Transfer};
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::link::Link;
use crate::link::capture::{self, Log, bytes_and_text, hex};

struct Capturing {
    inner: Box<dyn Device>,
    log: Arc<Mutex<Log>>,
}

/// The same device, with everything that passes also written to `file`.
///
/// # Errors
/// `storage` when `file` cannot be written; so do transfers later on.
pub fn wrap(device: Box<dyn Device>, file: Box<dyn Write + Send>, clock: &Arc<dyn Clock>) -> Result<Box<dyn Device>> {
    let log = Log::start(&device.about().address(), file, clock)?;
    Ok(Box::new(Capturing { inner: device, log }))
}

impl Capturing {
    fn write(&self, direction: char, text: &str) -> Result<()> {
        capture::write(&self.log, direction, text)
    }

    fn answered(&self, result: Result<Transfer>, shown: impl FnOnce(usize) -> String) -> Result<Transfer> {
        let text = match &result {
            Ok(Transfer::Done(len)) => shown(*len),
            Ok(Transfer::Stalled) => " stall".to_owned(),
            Err(error) => failure(error),
        };
        self.write('<', &text)?;
        result
    }
}

fn failure(error: &Error) -> String {
    format!(" ({})", error.kind())
}

impl Device for Capturing {
    fn about(&self) -> &About {
        self.inner.about()
    }

    fn claim(&mut self, interface: u8, alternate: u8) -> Result<()> {
        self.write('>', &format!(" claim interface {interface}, alternate setting {alternate}"))?;
        self.inner.claim(interface, alternate)
    }

    fn control_in(&mut self, setup: Setup, buf: &mut [u8], within: Duration) -> Result<Transfer> {
        self.write('>', &format!(" setup{}", hex(&setup.to_bytes())))?;
        let result = self.inner.control_in(setup, buf, within);
        self.answered(result, |len| bytes_and_text(buf.get(..len).unwrap_or_default()))
    }

    fn control_out(&mut self, setup: Setup, bytes: &[u8], within: Duration) -> Result<Transfer> {
        // Before the act: what was tried belongs in the capture, also when it failed.
        let data = if bytes.is_empty() { String::new() } else { format!(" :{}", bytes_and_text(bytes)) };
        self.write('>', &format!(" setup{}{data}", hex(&setup.to_bytes())))?;
        let result = self.inner.control_out(setup, bytes, within);
        self.answered(result, |len| format!(" {len} taken"))
    }

    fn reset(&mut self) -> Result<()> {
        self.write('>', " reset")?;
        let result = self.inner.reset();
        let text = result.as_ref().map_or_else(failure, |()| " done".to_owned());
        self.write('<', &text)?;
        result
    }

    fn stream(self: Box<Self>, pipes: &Pipes) -> Result<Link> {
        let Capturing { inner, log } = *self;
        inner.stream(pipes).map(|link| capture::over(link, log))
    }
}

#[cfg(test)]
mod tests {
    use super::super::memory::{self, Answer};
    use super::*;
    use crate::clock::ManualClock;
    use crate::link::capture::tests::Sink;

    #[test]
    fn setup_data_and_stall_are_lines() {
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::new());
        let mut answers = vec![Answer::Stall, Answer::Ack, Answer::Data(b"hi".to_vec())];
        let device = Arc::new(Mutex::new(move |setup: Setup, _: &[u8]| match setup.request {
            6 => Answer::Stall,
            _ => answers.pop().unwrap_or(Answer::Gone),
        }));
        let sink = Sink::default();
        let device = memory::open("1-2", &device, &clock).unwrap();
        let mut device = wrap(device, Box::new(sink.clone()), &clock).unwrap();
        let within = Duration::from_secs(1);
        let ask = Setup { request_type: 0xa1, request: 3, value: 0, index: 0, length: 6 };
        device.claim(0, 0).unwrap();
        assert_eq!(device.control_in(ask, &mut [0; 6], within).unwrap(), Transfer::Done(2));
        let tell = Setup { request_type: 0x21, request: 1, value: 1, index: 0, length: 2 };
        assert_eq!(device.control_out(tell, b"AB", within).unwrap(), Transfer::Done(2));
        assert_eq!(device.control_in(ask, &mut [0; 6], within).unwrap(), Transfer::Stalled);
        assert!(device.control_in(ask, &mut [0; 6], within).is_err());
        assert_eq!(
            sink.lines(),
            [
                "# usb:1-2, seconds since the link was opened; > to the unit, < from it",
                "    0.000000 > claim interface 0, alternate setting 0",
                "    0.000000 > setup a1 03 00 00 00 00 06 00",
                "    0.000000 < 68 69  |hi|",
                "    0.000000 > setup 21 01 01 00 00 00 02 00 : 41 42  |AB|",
                "    0.000000 < 2 taken",
                "    0.000000 > setup a1 03 00 00 00 00 06 00",
                "    0.000000 < stall",
                "    0.000000 > setup a1 03 00 00 00 00 06 00",
                "    0.000000 < (gone)",
            ]
        );
    }
}
