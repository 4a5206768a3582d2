//! The unit's commands. Each prints what toybox or Android's own tools print.

mod apps;
mod device;
mod digest;
mod files;
mod list;
mod settings;
mod shell;

pub(crate) use device::reboot_into;
pub(crate) use list::{entries, mode};

use super::command::{Call, Shell};
use crate::adb::options::Runs;
use crate::usb::Stop;

/// What every system of the unit has.
const COMMON: &[&str] = &[
    "cat",
    "chmod",
    "chown",
    "cp",
    "date",
    "dd",
    "df",
    "echo",
    "env",
    "getprop",
    "head",
    "id",
    "ln",
    "ls",
    "mkdir",
    "mv",
    "printf",
    "pwd",
    "readlink",
    "realpath",
    "reboot",
    "rm",
    "rmdir",
    "setprop",
    "sh",
    "sha256sum",
    "sleep",
    "stat",
    "su",
    "sync",
    "tee",
    "test",
    "touch",
    "toybox",
    "true",
    "uname",
    "wc",
    "which",
    "whoami",
    "xargs",
];
/// What only Android has.
const ANDROID: &[&str] = &["bugreportz", "cmd", "dpm", "dumpsys", "logcat", "pm", "remount", "settings", "tradeinmode"];

/// Whether the unit has a command of this name.
fn knows(shell: &Shell<'_>, name: &str) -> bool {
    COMMON.contains(&name) || (shell.system.options.runs == Runs::Android && ANDROID.contains(&name))
}

/// Runs a command; how it ended.
pub(super) fn call(shell: &mut Shell<'_>, call: &mut Call<'_>) -> Result<u8, Stop> {
    let code = match call.name.as_str() {
        "echo" | "printf" | "true" | ":" | "false" | "exit" | "cd" | "pwd" | "id" | "whoami" | "env" | "sleep"
        | "uname" | "date" | "which" | "command" | "export" | "sync" => shell::plain(shell, call),
        "sh" | "su" | "toybox" | "xargs" => shell::within(shell, call)?,
        "test" | "[" => shell::test(shell, call),
        "sha256sum" => digest::sha256sum(shell, call),
        "ls" => list::ls(shell, call),
        "stat" => list::stat(shell, call),
        "df" => list::df(shell, call),
        "readlink" | "realpath" => list::real(shell, call),
        "cat" | "head" | "tail" | "wc" | "dd" | "tee" | "cp" => files::bytes(shell, call)?,
        "mkdir" | "mv" | "rm" | "rmdir" | "chmod" | "chown" | "touch" | "ln" => files::change(shell, call)?,
        "getprop" => device::getprop(shell, call),
        "setprop" => device::setprop(shell, call),
        "reboot" => device::reboot(shell, call),
        _ if shell.system.options.runs != Runs::Android => missing(call),
        "settings" => settings::settings(shell, call),
        "dpm" => settings::dpm(shell, call),
        "pm" | "cmd" => apps::pm(shell, call)?,
        "dumpsys" => device::dumpsys(shell, call),
        "logcat" => device::logcat(shell, call),
        "tradeinmode" => device::tradeinmode(shell, call),
        "remount" => device::remount(shell, call),
        "bugreportz" => device::bugreportz(shell, call),
        _ => missing(call),
    };
    Ok(code)
}

fn missing(call: &mut Call<'_>) -> u8 {
    call.printed.push((2, format!("/system/bin/sh: {}: inaccessible or not found\n", call.name).into_bytes()));
    127
}

/// Options of one letter, each with what belongs to it.
type Letters = Vec<(u8, Vec<u8>)>;

/// Splits options such as `-rf` from what follows; `with` are letters that take the next argument.
fn letters(args: &[Vec<u8>], with: &[u8]) -> (Letters, Vec<Vec<u8>>) {
    let (mut options, mut rest) = (Vec::new(), Vec::new());
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        if arg == b"--" {
            rest.extend(args.cloned());
            break;
        }
        if arg.first() != Some(&b'-') || arg.len() < 2 {
            rest.push(arg.clone());
            continue;
        }
        for (at, letter) in arg.iter().enumerate().skip(1) {
            if with.contains(letter) {
                let own = &arg[at + 1..];
                let value = if own.is_empty() { args.next().cloned().unwrap_or_default() } else { own.to_vec() };
                options.push((*letter, value));
                break;
            }
            options.push((*letter, Vec::new()));
        }
    }
    (options, rest)
}

fn has(options: &[(u8, Vec<u8>)], letter: u8) -> bool {
    options.iter().any(|(it, _)| *it == letter)
}

fn number(bytes: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (digits, unit) = match text.as_bytes().last() {
        Some(b'k' | b'K') => (&text[..text.len() - 1], 1 << 10),
        Some(b'm' | b'M') => (&text[..text.len() - 1], 1 << 20),
        Some(b'g' | b'G') => (&text[..text.len() - 1], 1 << 30),
        _ => (text, 1),
    };
    digits.parse::<u64>().ok()?.checked_mul(unit)
}
