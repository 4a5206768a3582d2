//! Commands that move bytes, and those that change what is there.

use super::super::command::{Call, Shell, reason};
use super::super::syntax::Append;
use super::{has, letters, number};
use crate::usb::Stop;
use protocols::adb::message::sync::Follow;
use std::ffi::OsStr;
use std::fs::{self, FileTimes, Permissions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::time::{Duration, SystemTime};

/// Most bytes that a command hands on: what it prints is kept until it ended.
const MOST: u64 = 256 << 20;

pub(super) fn bytes(shell: &mut Shell<'_>, call: &mut Call<'_>) -> Result<u8, Stop> {
    match call.name.as_str() {
        "dd" => dd(shell, call),
        "cp" => copy(shell, call),
        "tee" => {
            let (options, paths) = letters(&call.args, b"");
            let append = if has(&options, b'a') { Append::Yes } else { Append::No };
            call.out(call.input);
            let mut code = 0;
            for path in paths {
                if let Err(error) = shell.write(&path, call.input, append)? {
                    code = call.fails(&path, &error);
                }
            }
            Ok(code)
        }
        _ => Ok(show(shell, call)),
    }
}

/// `cat`, `head` and `wc`.
fn show(shell: &mut Shell<'_>, call: &mut Call<'_>) -> u8 {
    let (options, mut paths) = letters(&call.args, b"cn");
    let value = |letter| options.iter().find(|(it, _)| *it == letter).map(|(_, value)| value.clone());
    let count = value(b'c').and_then(|count| number(&count));
    if paths.is_empty() {
        paths.push(b"-".to_vec());
    }
    let mut code = 0;
    for path in paths {
        let most = if call.name == "head" { count.unwrap_or(MOST) } else { MOST };
        let read = match path.as_slice() {
            b"-" => Ok(call.input[..call.input.len().min(most as usize)].to_vec()),
            path => shell.place(path, Follow::Yes).and_then(|place| {
                let mut bytes = Vec::new();
                shell.open(&place)?.take(most).read_to_end(&mut bytes).map(|_| bytes)
            }),
        };
        match (read, call.name.as_str()) {
            (Err(error), _) => code = call.fails(&path, &error),
            (Ok(bytes), "wc") => {
                let lines = bytes.iter().filter(|byte| **byte == b'\n').count();
                let text = match () {
                    () if has(&options, b'l') => lines.to_string(),
                    () => bytes.len().to_string(),
                };
                call.line(text);
            }
            (Ok(bytes), "head") if count.is_none() => {
                let lines = value(b'n').and_then(|lines| number(&lines)).unwrap_or(10) as usize;
                let kept: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').take(lines).collect();
                call.out(kept.concat());
            }
            (Ok(bytes), "tail") => {
                let count = value(b'c').or_else(|| value(b'n')).unwrap_or_else(|| b"10".to_vec());
                let from_start = count.strip_prefix(b"+").and_then(number);
                let from = match (has(&options, b'c'), from_start) {
                    (true, Some(first)) => (first as usize).saturating_sub(1),
                    (true, None) => bytes.len().saturating_sub(number(&count).unwrap_or(0) as usize),
                    (false, _) => {
                        let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
                        let last = number(&count).unwrap_or(10) as usize;
                        lines[..lines.len().saturating_sub(last)].concat().len()
                    }
                };
                call.out(bytes.get(from..).unwrap_or_default());
            }
            (Ok(bytes), _) => call.out(bytes),
        }
    }
    code
}

fn dd(shell: &mut Shell<'_>, call: &mut Call<'_>) -> Result<u8, Stop> {
    let value = |name: &str| {
        let name = format!("{name}=");
        call.args.iter().rev().find_map(|arg| arg.strip_prefix(name.as_bytes())).map(<[u8]>::to_vec)
    };
    let size = |name: &str, usual| value(name).and_then(|text| number(&text)).unwrap_or(usual);
    let (block, skip, seek) = (size("bs", 512).max(1), size("skip", 0), size("seek", 0));
    let in_bytes = value("iflag").is_some_and(|flags| String::from_utf8_lossy(&flags).contains("bytes"));
    let unit = if in_bytes { 1 } else { block };
    let most = size("count", u64::MAX).saturating_mul(unit).min(MOST);
    let (from, to) = (value("if"), value("of"));
    let read = match &from {
        None => Ok(call.input[..call.input.len().min(most as usize)].to_vec()),
        Some(path) => shell.place(path, Follow::Yes).and_then(|place| {
            let mut file = shell.open(&place)?;
            file.seek(SeekFrom::Start(skip.saturating_mul(unit)))?;
            let mut bytes = Vec::new();
            file.take(most).read_to_end(&mut bytes).map(|_| bytes)
        }),
    };
    let bytes = match read {
        Ok(bytes) => bytes,
        Err(error) => return Ok(call.fails(&from.unwrap_or_default(), &error)),
    };
    match to {
        None => call.out(&bytes),
        Some(path) => {
            let opened = shell.writable(&path).and_then(|place| {
                let mut file =
                    fs::File::options().write(true).create(!place.block).truncate(false).open(&place.path)?;
                file.seek(SeekFrom::Start(seek.saturating_mul(block))).map(|_| file)
            });
            let written = match opened {
                Ok(mut file) => shell.system.store_bytes(&mut file, &bytes)?.and_then(|()| file.flush()),
                Err(error) => Err(error),
            };
            if let Err(error) = written {
                return Ok(call.fails(&path, &error));
            }
        }
    }
    let blocks = bytes.len() as u64 / block;
    call.printed.push((2, format!("{blocks}+0 records in\n{blocks}+0 records out\n").into_bytes()));
    Ok(0)
}

fn copy(shell: &mut Shell<'_>, call: &mut Call<'_>) -> Result<u8, Stop> {
    let (_, paths) = letters(&call.args, b"");
    let [from, to] = paths.as_slice() else { return Ok(call.complain("Needs 2 arguments")) };
    let read = shell.place(from, Follow::Yes).and_then(|place| shell.read(&place));
    let written = match read {
        Ok(bytes) => shell.write(&into(shell, from, to), &bytes, Append::No)?,
        Err(error) => Err(error),
    };
    Ok(written.map_or_else(|error| call.fails(from, &error), |()| 0))
}

/// Where something goes that is moved to `to`: into it, when it is a folder.
fn into(shell: &Shell<'_>, from: &[u8], to: &[u8]) -> Vec<u8> {
    let name = from.split(|byte| *byte == b'/').rfind(|part| !part.is_empty()).unwrap_or_default();
    match shell.place(to, Follow::Yes) {
        Ok(place) if place.path.is_dir() => [to, b"/", name].concat(),
        _ => to.to_vec(),
    }
}

pub(super) fn change(shell: &mut Shell<'_>, call: &mut Call<'_>) -> Result<u8, Stop> {
    let with: &[u8] = if call.name == "touch" { b"dtr" } else { b"" };
    let (options, mut paths) = letters(&call.args, with);
    let first = match call.name.as_str() {
        "chmod" | "chown" if !paths.is_empty() => paths.remove(0),
        "mv" | "ln" if paths.len() > 1 => paths.pop().unwrap_or_default(),
        "chmod" | "chown" | "mv" | "ln" => return Ok(call.complain("Needs 2 arguments")),
        _ => Vec::new(),
    };
    let mut code = 0;
    for path in paths {
        let done = match call.name.as_str() {
            "mkdir" => make(shell, &path, &options),
            "rmdir" => unlinked(shell, &path).and_then(|place| fs::remove_dir(place.path)),
            "rm" => remove(shell, &path, &options),
            "mv" => {
                let to = into(shell, &path, &first);
                unlinked(shell, &path).and_then(|from| fs::rename(from.path, unlinked(shell, &to)?.path))
            }
            "ln" => {
                let to = into(shell, &path, &first);
                unlinked(shell, &to).and_then(|to| symlink(OsStr::from_bytes(&path), to.path))
            }
            "chmod" => chmod(shell, &path, &first),
            "touch" => touch(shell, &path, &options),
            // Owners are the computer's.
            _ => shell.writable(&path).map(drop),
        };
        if let Err(error) = done {
            let what = match call.name.as_str() {
                "mkdir" => format!("'{}': {}", String::from_utf8_lossy(&path), reason(&error)),
                _ => format!("{}: {}", String::from_utf8_lossy(&path), reason(&error)),
            };
            code = call.complain(what);
        }
    }
    Ok(code)
}

/// The place of a name, where it may be changed. A link is not followed.
fn unlinked(shell: &Shell<'_>, path: &[u8]) -> io::Result<super::super::Place> {
    let place = shell.place(path, Follow::No)?;
    if shell.system.may_write(&place) {
        Ok(place)
    } else {
        Err(io::Error::from_raw_os_error(nix::errno::Errno::EACCES as i32))
    }
}

fn make(shell: &Shell<'_>, path: &[u8], options: &[(u8, Vec<u8>)]) -> io::Result<()> {
    let place = shell.writable(path)?;
    if has(options, b'p') { fs::create_dir_all(place.path) } else { fs::create_dir(place.path) }
}

fn remove(shell: &Shell<'_>, path: &[u8], options: &[(u8, Vec<u8>)]) -> io::Result<()> {
    let place = unlinked(shell, path)?;
    let all = has(options, b'r') || has(options, b'R');
    let removed = match fs::symlink_metadata(&place.path) {
        Ok(metadata) if metadata.is_dir() && all => fs::remove_dir_all(&place.path),
        Ok(_) => fs::remove_file(&place.path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound && has(options, b'f') => Ok(()),
        other => other,
    }
}

fn chmod(shell: &Shell<'_>, path: &[u8], mode: &[u8]) -> io::Result<()> {
    let place = shell.writable(path)?;
    let mode = std::str::from_utf8(mode).ok().and_then(|mode| u32::from_str_radix(mode, 8).ok());
    let mode = mode.ok_or_else(|| io::Error::from_raw_os_error(nix::errno::Errno::EINVAL as i32))?;
    fs::set_permissions(place.path, Permissions::from_mode(mode & 0o7777))
}

fn touch(shell: &Shell<'_>, path: &[u8], options: &[(u8, Vec<u8>)]) -> io::Result<()> {
    let place = shell.writable(path)?;
    let file = fs::File::options().append(true).create(!has(options, b'c')).open(&place.path);
    let file = file.or_else(|error| if place.path.is_dir() { fs::File::open(&place.path) } else { Err(error) })?;
    if let Some((_, date)) = options.iter().find(|(letter, _)| *letter == b'd') {
        let invalid = || io::Error::from_raw_os_error(nix::errno::Errno::EINVAL as i32);
        let text = String::from_utf8_lossy(date);
        let time = match text.strip_prefix('@') {
            Some(seconds) => SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.parse().map_err(|_| invalid())?),
            None => {
                let time: jiff::civil::DateTime = text.trim_end_matches('Z').parse().map_err(|_| invalid())?;
                time.to_zoned(jiff::tz::TimeZone::UTC).map_err(|_| invalid())?.timestamp().into()
            }
        };
        file.set_times(FileTimes::new().set_modified(time).set_accessed(time))?;
    }
    Ok(())
}
