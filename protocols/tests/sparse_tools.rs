//! Android's own tools on the sparse images that are made here, of two generations. `tests/devices/setup` fetches them; they
//! run where `HARDWIRE_TEST_DEVICES` names `android`, and where they are named and cannot run the test fails.

use protocols::android::sparse::Image;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the tools of a generation lie.
fn tools(generation: &str) -> PathBuf {
    let tmp = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    tmp.parent().expect("cargo's tmp lies in the target folder").join("devices/android").join(generation)
}

fn is_named() -> bool {
    let named = std::env::var("HARDWIRE_TEST_DEVICES").unwrap_or_default();
    named.split(',').any(|word| word == "all" || word == "android")
}

fn run(folder: &Path, program: &Path, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).current_dir(folder).output().expect("a tool that runs");
    assert!(output.status.success(), "{}: {}", program.display(), String::from_utf8_lossy(&output.stderr));
}

/// 700 blocks: noise, zeros, text and a repeated word, in runs of different lengths, and an odd end.
fn plain() -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32;
    let mut bytes = Vec::new();
    for run in 0..70_usize {
        for _ in 0..(run * 7) % 20 {
            match run % 4 {
                0 => bytes.resize(bytes.len() + 4096, 0),
                1 => bytes.extend([0xff, 0, 0xff, 1].repeat(1024)),
                2 => bytes.extend(b"a line of text, ".repeat(256)),
                _ => bytes.extend((0..1024).flat_map(|_| {
                    state ^= state << 13;
                    state ^= state >> 17;
                    state ^= state << 5;
                    state.to_le_bytes()
                })),
            }
        }
    }
    bytes.extend(b"the end");
    bytes
}

#[test]
fn what_is_made_here_is_what_the_tools_of_android_read_and_write() {
    if !is_named() {
        eprintln!("left out: android is not in HARDWIRE_TEST_DEVICES (see tests/devices/setup)");
        return;
    }
    for generation in ["29", "34"] {
        agree_with(&tools(generation));
    }
}

fn agree_with(tools: &Path) {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let plain = plain();
    fs::write(folder.join("plain"), &plain).expect("written");
    run(folder, &tools.join("img2simg"), &["plain", "theirs"]);

    let image = Image::read(&plain).expect("memory");
    let theirs = fs::read(folder.join("theirs")).expect("theirs");
    assert!(image.whole().to_vec(&plain).expect("memory") == theirs, "img2simg makes something else");

    let mut padded = plain;
    padded.resize(image.len() as usize, 0);
    let image = Image::read(&theirs).expect("theirs");
    for limit in [5_000, 50_000, 500_000, 50_000_000] {
        let mut arguments = Vec::new();
        for (index, piece) in image.pieces(limit).expect("room for a block").enumerate() {
            let name = format!("{limit}.{index}");
            fs::write(folder.join(&name), piece.to_vec(&theirs).expect("memory")).expect("written");
            arguments.push(name);
        }
        arguments.push("expanded".to_owned());
        let _ = fs::remove_file(folder.join("expanded"));
        run(folder, &tools.join("simg2img"), &arguments.iter().map(String::as_str).collect::<Vec<_>>());
        let mut expanded = fs::read(folder.join("expanded")).expect("expanded");
        // A hole at the end makes the tool's file no longer.
        expanded.resize(padded.len(), 0);
        assert!(expanded == padded, "pieces of {limit} bytes make something else");
    }
}
