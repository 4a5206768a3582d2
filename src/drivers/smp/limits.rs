//! What a unit takes: how long a message may be, and how many may be under way.

use std::collections::BTreeMap;

use protocols::smp::message::os::ParametersReply;
use protocols::smp::session::Limits as Bounds;
use protocols::smp::wire::{CONSOLE_OVERHEAD, Framing};

use super::options::{MAX_BUF, MAX_WINDOW, MIN_BUF, SmpOptions};
use crate::device::Mode;

/// Zephyr's default buffer (`CONFIG_MCUMGR_TRANSPORT_NETBUF_SIZE`).
const ZEPHYR_BUF: u32 = 384;
/// The smallest buffer that MCUboot's serial recovery was ever shipped with by default.
const MCUBOOT_BUF: u32 = 512;

/// Limits of one unit in one mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    /// Bytes of the largest message, header included.
    pub message: usize,
    /// Requests in flight at most.
    pub window: u32,
    /// Whether a message of that length was seen to get through.
    pub proven: bool,
    buf_size: Option<u32>,
    buf_count: Option<u32>,
    line: Option<usize>,
}

impl Limits {
    /// The limits from what was asked for by hand, what the unit says, and what is known of its kind.
    pub(super) fn new(options: &SmpOptions, said: Option<&ParametersReply>, mode: Mode) -> Limits {
        // A unit may say anything; what cannot be is as good as nothing said.
        let buf_size = said.map(|said| said.buf_size).filter(|size| *size >= MIN_BUF).map(|size| size.min(MAX_BUF));
        let buf_count = said.map(|said| said.buf_count).filter(|count| *count >= 1);
        let guess = if mode == Mode::Recovery { MCUBOOT_BUF } else { ZEPHYR_BUF };
        let buf = options.buf_size.or(buf_size).unwrap_or(guess) as usize;
        let (message, line) = match options.framing {
            Framing::Console(line) => (buf - CONSOLE_OVERHEAD, Some(line.bytes())),
            Framing::Raw => (buf, None),
        };
        // One buffer is left for the answer that the unit is making, which Zephyr takes from the same pool. A request
        // that then finds the pool empty is not merely lost: Zephyr 4.4 resets the buffer before it looks whether it got
        // one (`mcumgr_serial_process_frag`), and crashes. Seen with `buf_count` 4, a slow command, and three more.
        let spare = buf_count.map(|count| (count - 1).max(1));
        let window = options.window.or(spare).unwrap_or(1).min(MAX_WINDOW);
        Limits { message, window, proven: false, buf_size, buf_count, line }
    }

    /// As a session takes them.
    pub(super) fn bounds(&self) -> Bounds {
        Bounds { message: self.message, window: self.window as usize }
    }

    /// Takes back what the unit announced: messages of `message` bytes, one by one.
    pub(super) fn shrink(&mut self, message: usize) {
        self.message = message;
        self.window = 1;
    }

    /// Takes over what a transfer found the unit to take.
    pub(super) fn learn(&mut self, found: Bounds) {
        self.message = self.message.min(found.message);
        self.window = self.window.min(u32::try_from(found.window).unwrap_or(u32::MAX)).max(1);
    }

    /// By name, for people: what the unit said, and what is made of it.
    pub(super) fn named(&self) -> BTreeMap<&'static str, u64> {
        let mut named = BTreeMap::from([("message", self.message as u64), ("window", u64::from(self.window))]);
        named.extend(self.buf_size.map(|size| ("buf_size", u64::from(size))));
        named.extend(self.buf_count.map(|count| ("buf_count", u64::from(count))));
        named.extend(self.line.map(|line| ("line", line as u64)));
        named
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(said: Option<(u32, u32)>, mode: Mode) -> Limits {
        let said = said.map(|(buf_size, buf_count)| ParametersReply { buf_size, buf_count });
        Limits::new(&SmpOptions::default(), said.as_ref(), mode)
    }

    #[test]
    fn what_the_unit_says_counts_and_silence_is_taken_carefully() {
        let said = limits(Some((2048, 4)), Mode::Application);
        assert_eq!((said.message, said.window), (2044, 3));
        assert_eq!(limits(Some((1024, 1)), Mode::Recovery).window, 1);
        assert_eq!((limits(None, Mode::Application).message, limits(None, Mode::Application).window), (380, 1));
        assert_eq!(limits(None, Mode::Recovery).message, 508);
    }

    #[test]
    fn absurd_limits_are_bounded() {
        assert_eq!(
            limits(Some((0, 0)), Mode::Application),
            Limits { buf_size: None, buf_count: None, ..limits(None, Mode::Application) }
        );
        let huge = limits(Some((u32::MAX, u32::MAX)), Mode::Application);
        assert_eq!((huge.message, huge.window), (65_531, 64));
    }

    #[test]
    fn a_person_knows_better() {
        let options = SmpOptions { buf_size: Some(256), window: Some(2), ..SmpOptions::default() };
        let said = ParametersReply { buf_size: 2048, buf_count: 8 };
        let limits = Limits::new(&options, Some(&said), Mode::Application);
        assert_eq!((limits.message, limits.window), (252, 2));
        assert_eq!(limits.named()["buf_size"], 2048);
    }
}
