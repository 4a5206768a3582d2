//! The shell group: a few commands of Zephyr's shell, run without a terminal.

use super::body::{Body, Out};
use super::device::Device;
use super::fail::{Fail, rc};
use protocols::smp::Group;
use std::fmt::Write as _;

const COMMAND_TOO_LONG: u8 = 2;
const EMPTY_COMMAND: u8 = 3;

/// Zephyr's `SHELL_CMD_BUFF_SIZE`.
const LINE_LEN: usize = 256;

/// What Zephyr's shell returns for a command it does not know.
const ENOEXEC: i64 = -8;
/// What it returns when it printed help instead.
const HELP_PRINTED: i64 = 1;

const HELP: &str = "Please press the <Tab> button to see all available commands.\n\
                    Available commands:\n  \
                    help    : Prints the help message.\n  \
                    hwinfo  : HWINFO commands\n  \
                    kernel  : Kernel commands\n";
const KERNEL_HELP: &str = "kernel - Kernel commands\nSubcommands:\n  \
                           reboot   : Reboot.\n  \
                           uptime   : Kernel uptime. Can be called with the -p or --pretty options\n  \
                           version  : Kernel version.\n";
const HWINFO_HELP: &str = "hwinfo - HWINFO commands\nSubcommands:\n  devid  : Show device id\n";

impl Device {
    pub(super) fn shell(&mut self, body: &Body<'_>) -> Result<Out, Fail> {
        let argv = body.texts("argv")?.ok_or(Fail::Rc(rc::EINVAL))?;
        let line = argv.join(" ");
        if line.len() >= LINE_LEN {
            return Err(Fail::Group(Group::SHELL, COMMAND_TOO_LONG));
        }
        if argv.is_empty() {
            return Err(Fail::Group(Group::SHELL, EMPTY_COMMAND));
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        let (output, ret) = self.run(&words);
        let mut out = Out::new();
        // The shell ends the command line first, and its lines as a terminal wants them.
        out.text("o", &format!("\r\n{}", output.replace('\n', "\r\n"))).int("ret", ret);
        Ok(out)
    }

    fn run(&mut self, words: &[&str]) -> (String, i64) {
        match words {
            [] => (String::new(), ENOEXEC),
            ["help"] => (HELP.to_owned(), 0),
            ["kernel", "version"] => ("Zephyr version 4.4.0\n".to_owned(), 0),
            ["kernel", "uptime"] => (format!("Uptime: {} ms\n", self.uptime().as_millis()), 0),
            ["kernel", "reboot"] | ["kernel", "reboot", "warm" | "cold"] => {
                self.ram.reset_asked = true;
                self.recovery_asked = false;
                (String::new(), 0)
            }
            ["kernel", ..] => (KERNEL_HELP.to_owned(), HELP_PRINTED),
            ["hwinfo", "devid"] => (self.device_id(), 0),
            ["hwinfo", ..] => (HWINFO_HELP.to_owned(), HELP_PRINTED),
            // An error is red: escape sequences come with it.
            [unknown, ..] => (format!("\x1b[1;31m{unknown}: command not found\n\x1b[m"), ENOEXEC),
        }
    }

    fn device_id(&self) -> String {
        let id = self.options.identity.serial.as_bytes();
        let mut text = format!("Length: {}\nID: 0x", id.len());
        for byte in id {
            // Writing to a string does not fail.
            let _ = write!(text, "{byte:02x}");
        }
        text.push('\n');
        text
    }
}
