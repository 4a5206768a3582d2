//! The OS group.

use super::body::{Body, Out};
use super::device::Device;
use super::fail::{Fail, rc};
use jiff::civil::DateTime;
use protocols::smp::Group;
use std::time::Duration;

const INVALID_FORMAT: u8 = 2;
const QUERY_YIELDS_NO_ANSWER: u8 = 3;
const RTC_NOT_SET: u8 = 4;

/// MCUboot's number for "swap using move", which keeps test, confirm and revert.
const MODE_SWAP_USING_MOVE: i64 = 3;

/// Boot mode of the reset command that leads into the bootloader.
const BOOT_MODE_RECOVERY: u64 = 1;

/// A clock that was set: the time it was set to, and when that was.
#[derive(Clone, Copy)]
pub(super) struct Clock {
    set_to: DateTime,
    at: Duration,
}

/// Name, priority, stack size and most used so far, in words of four bytes as Zephyr tells them. A thread need not
/// have a name.
const TASKS: [(&str, u64, u64, u64); 4] =
    [("main", 0, 512, 188), ("idle", 15, 80, 24), ("", 255, 256, 76), ("mcumgr smp", 3, 512, 301)];

fn fail(code: u8) -> Fail {
    Fail::Group(Group::OS, code)
}

impl Device {
    pub(super) fn os_echo(&mut self, body: &Body<'_>) -> Result<Out, Fail> {
        let mut out = Out::new();
        out.text("r", body.text("d")?.unwrap_or_default());
        Ok(out)
    }

    pub(super) fn os_tasks(&mut self) -> Out {
        let mut out = Out::new();
        out.key("tasks").begin_map();
        for (id, (name, priority, size, used)) in TASKS.into_iter().enumerate() {
            out.key(name).begin_map().uint("prio", priority).uint("tid", id as u64).uint("state", 0);
            out.uint("stkuse", used).uint("stksiz", size).end();
        }
        out.end();
        out
    }

    pub(super) fn os_memory(&mut self) -> Out {
        let limits = self.options.limits;
        let mut out = Out::new();
        out.key("mcumgr").begin_map().uint("blksiz", u64::from(limits.buf_size));
        let blocks = u64::from(limits.buf_count);
        out.uint("nblks", blocks).uint("nfree", blocks - 1).uint("min", 0).end();
        out
    }

    pub(super) fn os_clock(&mut self) -> Result<Out, Fail> {
        let clock = self.ram.clock.ok_or_else(|| fail(RTC_NOT_SET))?;
        let elapsed = self.now().saturating_sub(clock.at);
        let time = clock.set_to.checked_add(elapsed).map_err(|_| fail(RTC_NOT_SET))?;
        let mut out = Out::new();
        out.text("datetime", &time.strftime("%Y-%m-%dT%H:%M:%S").to_string());
        Ok(out)
    }

    pub(super) fn os_set_clock(&mut self, body: &Body<'_>) -> Result<Out, Fail> {
        let text = body.text("datetime")?.unwrap_or_default();
        // Zephyr's limits; a time zone has no place in them.
        if !(19..26).contains(&text.len()) {
            return Err(Fail::Rc(rc::EINVAL));
        }
        let set_to = text.parse().map_err(|_| Fail::Rc(rc::EINVAL))?;
        self.ram.clock = Some(Clock { set_to, at: self.now() });
        Ok(Out::new())
    }

    pub(super) fn os_reset(&mut self, bytes: &[u8]) -> Out {
        self.ram.reset_asked = true;
        self.boot_mode_asked(bytes);
        Out::new()
    }

    /// A body that cannot be read is no reason not to reset.
    pub(super) fn boot_mode_asked(&mut self, bytes: &[u8]) {
        let mode = Body::parse(bytes).ok().and_then(|body| body.uint("boot_mode").ok().flatten());
        self.recovery_asked = mode == Some(BOOT_MODE_RECOVERY);
    }

    pub(super) fn os_parameters(&mut self) -> Out {
        let limits = self.options.limits;
        let mut out = Out::new();
        out.uint("buf_size", u64::from(limits.buf_size)).uint("buf_count", u64::from(limits.buf_count));
        out
    }

    pub(super) fn os_info(&mut self, body: &Body<'_>) -> Result<Out, Fail> {
        let format = body.text("format")?.filter(|format| !format.is_empty()).unwrap_or("s");
        let platform = self.options.identity.platform();
        let fields: [(char, &str); 9] = [
            ('s', "Zephyr"),
            ('n', "unknown"),
            ('r', "684c9e8f32e4"),
            ('v', "4.4.0"),
            ('b', "Wed Jun  3 22:19:37 2026"),
            ('m', "arm"),
            ('p', "cortex-m4"),
            ('i', &platform),
            ('o', "Zephyr"),
        ];
        if format.chars().any(|asked| asked != 'a' && fields.iter().all(|(letter, _)| *letter != asked)) {
            return Err(fail(INVALID_FORMAT));
        }
        let all = format.contains('a');
        let words: Vec<&str> =
            fields.iter().filter(|(letter, _)| all || format.contains(*letter)).map(|(_, word)| *word).collect();
        let mut out = Out::new();
        out.text("output", &words.join(" "));
        Ok(out)
    }

    pub(super) fn os_bootloader(&mut self, body: &Body<'_>) -> Result<Out, Fail> {
        let mut out = Out::new();
        match body.text("query")? {
            None => out.text("bootloader", "MCUboot"),
            Some("mode") => out.int("mode", MODE_SWAP_USING_MOVE),
            Some(_) => return Err(fail(QUERY_YIELDS_NO_ANSWER)),
        };
        Ok(out)
    }
}
