//! Commands that look at files.

use super::super::command::{Call, Shell};
use super::super::{Place, STORAGE};
use super::{has, letters};
use protocols::adb::message::sync::Follow;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};

/// Mode of a partition.
const BLOCK_MODE: u32 = 0o060_600;

/// Type and permissions as the unit shows them.
pub(crate) fn mode(place: &Place, metadata: &Metadata) -> u32 {
    if place.block { BLOCK_MODE } else { metadata.mode() }
}

pub(super) fn ls(shell: &mut Shell<'_>, call: &mut Call<'_>) -> u8 {
    let (options, mut paths) = letters(&call.args, b"");
    if paths.is_empty() {
        paths.push(b".".to_vec());
    }
    let many = paths.len() > 1;
    let mut code = 0;
    for path in paths {
        let looked = shell.place(&path, if has(&options, b'l') { Follow::No } else { Follow::Yes });
        let looked = looked.and_then(|place| fs::symlink_metadata(&place.path).map(|it| (place, it)));
        let (place, metadata) = match looked {
            Ok(looked) => looked,
            Err(error) => {
                code = call.fails(&path, &error);
                continue;
            }
        };
        if !metadata.is_dir() || has(&options, b'd') {
            row(call, &options, &path, &place, &metadata);
            continue;
        }
        if many {
            call.line([path.as_slice(), b":"].concat());
        }
        for (name, place, metadata) in entries(&place).unwrap_or_default() {
            if name.first() != Some(&b'.') || has(&options, b'a') || has(&options, b'A') {
                row(call, &options, &name, &place, &metadata);
            }
        }
    }
    code
}

/// What is in a folder, by name.
pub(crate) fn entries(folder: &Place) -> io::Result<Vec<(Vec<u8>, Place, Metadata)>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(&folder.path)? {
        let entry = entry?;
        let name = entry.file_name().as_bytes().to_vec();
        let whole = [folder.name.strip_suffix(b"/").unwrap_or(&folder.name), b"/", &name].concat();
        let block = folder.name == b"/dev/block/by-name";
        all.push((name, Place { path: entry.path(), name: whole, block }, entry.metadata()?));
    }
    all.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(all)
}

fn row(call: &mut Call<'_>, options: &[(u8, Vec<u8>)], name: &[u8], place: &Place, metadata: &Metadata) {
    if !has(options, b'l') {
        return call.line(name);
    }
    let mode = mode(place, metadata);
    let (letters, links) = (permissions(mode), metadata.nlink());
    let head = format!("{letters} {links} root root {} {} ", metadata.len(), time(metadata.mtime(), 0, Zone::No));
    call.line([head.as_bytes(), name].concat());
}

fn permissions(mode: u32) -> String {
    let kind = match mode & 0o170_000 {
        0o040_000 => 'd',
        0o120_000 => 'l',
        0o060_000 => 'b',
        0o020_000 => 'c',
        0o010_000 => 'p',
        0o140_000 => 's',
        _ => '-',
    };
    let mut text = kind.to_string();
    for (bit, letter) in (0..9).rev().zip("rwxrwxrwx".chars()) {
        text.push(if mode & (1 << bit) == 0 { '-' } else { letter });
    }
    text
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Zone {
    Yes,
    No,
}

fn time(seconds: i64, nanoseconds: i64, zone: Zone) -> String {
    let time = jiff::Timestamp::new(seconds, i32::try_from(nanoseconds).unwrap_or(0)).unwrap_or_default();
    let time = time.to_zoned(jiff::tz::TimeZone::UTC);
    match zone {
        Zone::Yes => time.strftime("%Y-%m-%d %H:%M:%S.%9f +0000").to_string(),
        Zone::No => time.strftime("%Y-%m-%d %H:%M").to_string(),
    }
}

pub(super) fn stat(shell: &mut Shell<'_>, call: &mut Call<'_>) -> u8 {
    let (options, paths) = letters(&call.args, b"c");
    let format = options.iter().find(|(letter, _)| *letter == b'c').map(|(_, format)| format.clone());
    let format = format.unwrap_or_else(|| b"  File: %N\n  Size: %s\t Blocks: %b\t IO Blocks: 512\t%F".to_vec());
    let follow = if has(&options, b'L') { Follow::Yes } else { Follow::No };
    let mut code = 0;
    for path in paths {
        let looked = shell.place(&path, follow);
        match looked.and_then(|place| fs::symlink_metadata(&place.path).map(|it| (place, it))) {
            Ok((place, metadata)) => call.line(formatted(&format, &path, &place, &metadata)),
            Err(error) => code = call.fails(&path, &error),
        }
    }
    code
}

fn formatted(format: &[u8], path: &[u8], place: &Place, metadata: &Metadata) -> Vec<u8> {
    let mode = mode(place, metadata);
    let mut text = Vec::new();
    let mut bytes = format.iter();
    while let Some(byte) = bytes.next() {
        if *byte != b'%' {
            text.push(*byte);
            continue;
        }
        let value = match bytes.next() {
            Some(b'a') => format!("{:o}", mode & 0o7777),
            Some(b'A') => permissions(mode),
            Some(b'b') => metadata.blocks().to_string(),
            Some(b'd') => metadata.dev().to_string(),
            Some(b'f') => format!("{mode:x}"),
            Some(b'F') => kind(place, metadata).to_owned(),
            Some(b'g') => metadata.gid().to_string(),
            Some(b'h') => metadata.nlink().to_string(),
            Some(b'i') => metadata.ino().to_string(),
            Some(b'n' | b'N') => {
                text.extend_from_slice(path);
                continue;
            }
            Some(b's') => metadata.len().to_string(),
            Some(b'u') => metadata.uid().to_string(),
            Some(b'X') => metadata.atime().to_string(),
            Some(b'Y') => metadata.mtime().to_string(),
            Some(b'Z') => metadata.ctime().to_string(),
            Some(b'y') => time(metadata.mtime(), metadata.mtime_nsec(), Zone::Yes),
            Some(other) => char::from(*other).to_string(),
            None => "%".to_owned(),
        };
        text.extend_from_slice(value.as_bytes());
    }
    text
}

fn kind(place: &Place, metadata: &Metadata) -> &'static str {
    let it = metadata.file_type();
    match () {
        () if place.block || it.is_block_device() => "block device",
        () if it.is_dir() => "directory",
        () if it.is_symlink() => "symbolic link",
        () if it.is_fifo() => "fifo",
        () if it.is_char_device() => "character device",
        () => "regular file",
    }
}

pub(super) fn df(shell: &mut Shell<'_>, call: &mut Call<'_>) -> u8 {
    let (_, paths) = letters(&call.args, b"");
    let used = size(&shell.system.tree.root().join("data")) + (1 << 30);
    let (total, used) = (STORAGE / 1024, used.div_ceil(1024));
    call.line("Filesystem     1K-blocks    Used Available Use% Mounted on");
    let rows: [(&str, u64, u64, &str); 3] = [
        ("/dev/block/dm-5", 2_097_152, 2_094_000, "/system"),
        ("/dev/block/dm-9", total, used, "/data"),
        ("/dev/fuse", total, used, "/storage/emulated"),
    ];
    let mut code = 0;
    let mut wanted = Vec::new();
    for path in &paths {
        match shell.place(path, Follow::Yes) {
            Ok(place) if place.path.exists() => {
                let data = place.is_below(b"/data") || place.is_below(b"/storage");
                wanted.push(if data { "/data" } else { "/system" });
            }
            _ => code = call.complain([path.as_slice(), b": No such file or directory"].concat()),
        }
    }
    for (device, total, used, at) in rows {
        if paths.is_empty() || wanted.contains(&at) {
            let percent = (used * 100).div_ceil(total);
            call.line(format!(
                "{device:<14} {total:>9} {used:>7} {:>9} {percent:>3}% {at}",
                total.saturating_sub(used)
            ));
        }
    }
    code
}

/// Bytes of all files below a folder.
fn size(folder: &std::path::Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => size(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}

pub(super) fn real(shell: &mut Shell<'_>, call: &mut Call<'_>) -> u8 {
    let (options, paths) = letters(&call.args, b"");
    let mut code = 0;
    for path in paths {
        if call.name == "realpath" || has(&options, b'f') {
            match shell.place(&path, Follow::Yes) {
                Ok(place) if place.path.exists() => call.line(&place.name),
                Ok(_) => code = call.complain([path.as_slice(), b": No such file or directory"].concat()),
                Err(error) => code = call.fails(&path, &error),
            }
        } else {
            match shell.place(&path, Follow::No).and_then(|place| fs::read_link(place.path)) {
                Ok(target) => call.line(target.as_os_str().as_bytes()),
                Err(_) => code = 1,
            }
        }
    }
    code
}
