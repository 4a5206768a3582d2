//! The way of a test into the guest.
//!
//! On the host a test is forwarded: this very executable runs again in the guest with that one test. The repository and
//! the target folder lie at the same paths there. The machine is started where it is not up, and ends with the
//! program that started the tests. Elsewhere than in `HARDWIRE_TEST_DEVICES` with `usb` the test says it is left out.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// Says to a test executable where it is.
const PLACE: &str = "HARDWIRE_USB_BENCH";
/// How long a test may take in the guest.
pub const USUAL: Duration = Duration::from_secs(300);

/// Whether the body of the test is to run here, that is in the guest. On the host the test is run in the guest first,
/// and fails here when it failed there. A limit may be given: `in_the_bench!(Duration::from_secs(900))`.
macro_rules! in_the_bench {
    () => {
        $crate::support::bench::in_the_bench!($crate::support::bench::USUAL)
    };
    ($limit:expr) => {{
        fn here() {}
        $crate::support::bench::entered(std::any::type_name_of_val(&here), $limit)
    }};
}

pub(crate) use in_the_bench;

/// `here` is the path of a function in the test's body: by it the test knows its name.
pub fn entered(here: &str, limit: Duration) -> bool {
    if inside() {
        quiet();
        return true;
    }
    if !wanted() {
        return false;
    }
    let (_crate, path) = here.split_once("::").expect("a path within a crate");
    let name = path.strip_suffix("::here").expect("a function in the test");
    let name = name.strip_suffix("::{{closure}}").unwrap_or(name);
    let _alone = alone();
    up();
    let it = std::env::current_exe().expect("the test's own path");
    let there = run(limit, &[&it.to_string_lossy(), "--exact", name, "--nocapture", "--include-ignored"]);
    let said = String::from_utf8_lossy(&there.stdout);
    print!("{said}");
    eprint!("{}", String::from_utf8_lossy(&there.stderr));
    assert!(there.status.success(), "{name} failed in the guest: {}", there.status);
    assert!(said.contains("test result: ok. 1 passed"), "{name} was not found in the guest");
    false
}

/// Waits until what the test before plugged in has left, and udev has done with it. What a person plugged in stays, and is
/// waited for in vain.
fn quiet() {
    let until = Instant::now() + Duration::from_secs(10);
    let is_plugged = |name: String| !name.starts_with("usb") && !name.ends_with("-0:1.0");
    let plugged = || {
        let entries = std::fs::read_dir("/sys/bus/usb/devices").into_iter().flatten();
        entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).any(is_plugged)
    };
    while plugged() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(20));
    }
    settle_udev();
}

/// Waits until udev has done with all that the kernel told it: it gives a node its rights when the device comes, and once
/// more when the kernel has bound it.
pub fn settle_udev() {
    let settled = Command::new("udevadm").args(["settle", "--timeout=30"]).status().expect("udevadm runs");
    assert!(settled.success(), "udev does not settle: {settled}");
}

/// Whether this is the guest.
pub fn inside() -> bool {
    std::env::var(PLACE).as_deref() == Ok("guest")
}

/// Whether the bench is to be used: says so when it is not.
pub fn wanted() -> bool {
    let named = std::env::var("HARDWIRE_TEST_DEVICES").unwrap_or_default();
    let wanted = named.split(',').any(|word| word == "all" || word == "usb");
    if !wanted {
        eprintln!("left out: usb is not in HARDWIRE_TEST_DEVICES (see tests/devices/setup)");
    }
    wanted
}

/// Boots the machine where it is not up; it ends with the program that started this one.
pub fn up() {
    let owner = std::os::unix::process::parent_id().to_string();
    let started = bench().args(["start", "--for", &owner]).output().expect("the bench can be called");
    assert!(started.status.success(), "{}", String::from_utf8_lossy(&started.stderr));
}

/// Runs a command in the guest, as root.
pub fn run(limit: Duration, command: &[&str]) -> Output {
    let mut call = bench();
    call.args(["run", "--limit", &limit.as_secs().to_string(), "--env", &format!("{PLACE}=guest")]);
    for (name, _) in std::env::vars() {
        if (name.starts_with("HARDWIRE_") && name != PLACE)
            || name.starts_with("RUST_")
            || name.starts_with("PROPTEST_")
        {
            call.args(["--env", &name]);
        }
    }
    call.arg("--").args(command).output().expect("the bench can be called")
}

/// The bench's own command.
pub fn bench() -> Command {
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let mut command = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/usb/bench"));
    command.env("CARGO_TARGET_DIR", target.parent().expect("cargo's tmp lies in the target folder"));
    command
}

/// One test at a time has the machine: they plug into the same ports.
pub fn alone() -> File {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).with_file_name("devices").join("usb");
    let lock = File::create(folder.join("tests.lock"))
        .unwrap_or_else(|e| panic!("{}: {e}; run tests/devices/setup", folder.display()));
    lock.lock().expect("the lock can be waited for");
    lock
}
