//! Digests of files.

use super::super::command::{Call, Shell};
use crate::adb::fault::Fault;
use protocols::adb::message::sync::Follow;
use sha2::{Digest as _, Sha256};
use std::io::Read as _;

pub(super) fn sha256sum(shell: &mut Shell<'_>, call: &mut Call<'_>) -> u8 {
    let brief = call.args.iter().any(|arg| arg == b"-b");
    let mut paths: Vec<Vec<u8>> = call.args.iter().filter(|arg| *arg != b"-b" && *arg != b"--").cloned().collect();
    if paths.is_empty() {
        paths.push(b"-".to_vec());
    }
    let mut code = 0;
    for path in paths {
        let found = if path == b"-" { Ok(hex::encode(Sha256::digest(call.input))) } else { of(shell, &path) };
        match found {
            Ok(digest) if brief => call.line(digest),
            Ok(digest) => call.line([digest.as_bytes(), b"  ", &path].concat()),
            Err(error) => code = call.fails(&path, &error),
        }
    }
    code
}

fn of(shell: &mut Shell<'_>, path: &[u8]) -> std::io::Result<String> {
    let place = shell.place(path, Follow::Yes)?;
    if shell.system.options.has(Fault::LieHash)
        && let Some(digest) = shell.system.sent.get(&place.path)
    {
        return Ok(hex::encode(digest));
    }
    let mut file = shell.open(&place)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex::encode(hasher.finalize())),
            count => hasher.update(&buffer[..count]),
        }
    }
}
