//! Hardwire in the guest, as a person or a program would run it.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use serde_json::Value;

/// The program.
pub const HARDWIRE: &str = env!("CARGO_BIN_EXE_hardwire");
/// How long a line that must come may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Runs `who` with `--json`, and gives its lines and its exit code. Units of this machine's real serial port are left
/// in.
pub fn json(mut who: Command, args: &[&str]) -> (Vec<Value>, i32) {
    let out = who.args(args).arg("--json").output().expect("hardwire runs");
    let text = String::from_utf8(out.stdout).expect("UTF-8");
    let lines = text.lines().map(|line| serde_json::from_str(line).expect("one object a line")).collect();
    (lines, out.status.code().expect("an exit code"))
}

/// What `hardwire detect` lists for root.
pub fn detect() -> Vec<Value> {
    let (found, code) = json(Command::new(HARDWIRE), &["detect"]);
    assert_eq!(code, 0, "{found:?}");
    found
}

/// The row of a terminal.
pub fn row(found: &[Value], tty: &Path) -> Value {
    let address = format!("tty:{}", tty.display());
    found.iter().find(|row| row["address"] == address).unwrap_or_else(|| panic!("no {address} in {found:?}")).clone()
}

/// `hardwire detect --watch`; ended when dropped.
pub struct Watch {
    child: Child,
    lines: Receiver<(Instant, Value)>,
    /// What was there when it began.
    pub began: Vec<Value>,
}

impl Watch {
    /// As root.
    pub fn start(args: &[&str]) -> Watch {
        Watch::of(Command::new(HARDWIRE), args)
    }

    /// As somebody else. It is listening when this returns.
    pub fn of(mut who: Command, args: &[&str]) -> Watch {
        let mut child = who
            .args(["detect", "--watch", "--json"])
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("hardwire runs");
        let out = BufReader::new(child.stdout.take().expect("its stdout"));
        let (tell, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                let at = Instant::now();
                let _ = tell.send((at, serde_json::from_str(&line).expect("one object a line")));
            }
        });
        let mut watch = Watch { child, lines, began: Vec::new() };
        // The machine's own serial port is always there; after its list it is silent.
        while let Ok((_, line)) =
            watch.lines.recv_timeout(Duration::from_secs(if watch.began.is_empty() { 20 } else { 1 }))
        {
            // What the test before plugged in may still be leaving.
            match line["type"].as_str() {
                Some("unit" | "arrived") => watch.began.push(line),
                Some("departed") => watch.began.retain(|row| row["address"] != line["address"]),
                _ => panic!("a watch tells of units: {line}"),
            }
        }
        watch
    }

    /// The next line of this type, and when it came; others are skipped.
    pub fn next(&mut self, kind: &str) -> (Instant, Value) {
        let until = Instant::now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let (at, line) = self.lines.recv_timeout(left).unwrap_or_else(|_| panic!("no line `{kind}`"));
            if line["type"] == kind {
                return (at, line);
            }
        }
    }

    /// Processor time that it has used, in hundredths of a second.
    pub fn ticks(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("it runs");
        // proc(5): fields 14 and 15, counted from behind the name.
        let (_, fields) = stat.rsplit_once(')').expect("a name");
        let fields: Vec<&str> = fields.split_whitespace().collect();
        fields[11].parse::<u64>().expect("utime") + fields[12].parse::<u64>().expect("stime")
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A stand-in of its own process, pulled when dropped.
pub struct Stub {
    child: Child,
    /// It ends with whoever holds this.
    _leash: Option<ChildStdin>,
    /// Its first line.
    pub first: Value,
}

impl Stub {
    /// `hardwire stub …`, plugged in and seen by the kernel.
    pub fn start(args: &[&str]) -> Stub {
        let stub = Stub::hostile(args);
        assert!(stub.first["address"].is_string(), "{}", stub.first);
        stub
    }

    /// The file through which it is opened.
    pub fn node(&self) -> PathBuf {
        let address = self.first["address"].as_str().expect("an address");
        let folder = Path::new("/sys/bus/usb/devices").join(address.strip_prefix("usb:").expect("on USB"));
        let number = |name: &str| {
            let text = std::fs::read_to_string(folder.join(name)).expect("it is there");
            text.trim().parse::<u32>().expect("a number")
        };
        format!("/dev/bus/usb/{:03}/{:03}", number("busnum"), number("devnum")).into()
    }

    /// The same for a device that may never be seen.
    pub fn hostile(args: &[&str]) -> Stub {
        let mut child = Command::new(HARDWIRE)
            .arg("stub")
            .args(args)
            .args(["--json", "--until-stdin-ends"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("hardwire runs");
        let mut first = String::new();
        BufReader::new(child.stdout.take().expect("its stdout")).read_line(&mut first).expect("its first line");
        let leash = child.stdin.take();
        Stub { child, _leash: leash, first: serde_json::from_str(&first).unwrap_or_default() }
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        let pid = nix::unistd::Pid::from_raw(self.child.id().cast_signed());
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM);
        let _ = self.child.wait();
    }
}
