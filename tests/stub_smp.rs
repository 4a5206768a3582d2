//! `hardwire stub smp` as a process: its pseudo-terminal, its link, its line in time, and how it ends.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]
#![expect(clippy::disallowed_methods, reason = "this tests a process, in real time")]

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use protocols::smp::Version;
use protocols::smp::message::{Bytes, Empty, Message, Request, encode_request, fs, image, os, settings};
use protocols::smp::wire::{Deframer, Framer, Framing, Received};
use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

struct Stub {
    child: Child,
    address: String,
}

impl Stub {
    fn start(folder: &TempDir, args: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_hardwire"))
            .args(["stub", "smp", "--json", "--until-stdin-ends"])
            .arg("--state")
            .arg(folder.path().join("state"))
            .arg("--link")
            .arg(link(folder))
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&ready["type"], &ready["kind"]), (&"stub".into(), &"smp".into()));
        Self { child, address: ready["address"].as_str().unwrap().to_owned() }
    }

    fn signal(&self, signal: nix::sys::signal::Signal) {
        let pid = nix::unistd::Pid::from_raw(self.child.id() as i32);
        nix::sys::signal::kill(pid, signal).unwrap();
    }

    fn wait(mut self) -> ExitStatus {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(started.elapsed() < PATIENCE, "the stub does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn link(folder: &TempDir) -> PathBuf {
    folder.path().join("tty")
}

/// A client at the other end.
struct Client {
    port: File,
    deframer: Deframer,
    received: VecDeque<Received>,
    noise: Vec<u8>,
    seq: u8,
}

impl Client {
    fn open(folder: &TempDir) -> Self {
        let port = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(nix::fcntl::OFlag::O_NOCTTY.bits())
            .open(link(folder))
            .unwrap();
        let deframer = Deframer::new(Framing::default(), 4096);
        Self { port, deframer, received: VecDeque::new(), noise: Vec::new(), seq: 0 }
    }

    /// Whether bytes came before `until`.
    fn read(&mut self, until: Instant) -> bool {
        let left = until.saturating_duration_since(Instant::now()).as_millis().min(60_000) as u16;
        let mut waiting = [PollFd::new(self.port.as_fd(), PollFlags::POLLIN)];
        if poll(&mut waiting, PollTimeout::from(left)).unwrap() == 0 {
            return false;
        }
        let mut buffer = [0; 1024];
        let count = self.port.read(&mut buffer).unwrap_or(0);
        self.received.extend(self.deframer.push(&buffer[..count]));
        count > 0
    }

    fn send<R: Request>(&mut self, request: &R) -> Vec<u8> {
        self.seq = self.seq.wrapping_add(1);
        let message = encode_request(request, Version::V2, self.seq).unwrap();
        self.port.write_all(&Framer::default().frame(&message).unwrap()).unwrap();
        message
    }

    fn receive(&mut self, within: Duration) -> Option<Vec<u8>> {
        let until = Instant::now() + within;
        loop {
            match self.received.pop_front() {
                Some(Received::Frame(message)) => return Some(message),
                Some(Received::Noise(text)) => self.noise.extend([&text[..], b"\n"].concat()),
                Some(Received::Error(_)) => {}
                None if self.read(until) => {}
                None => return None,
            }
        }
    }

    fn ask<R: Request>(&mut self, request: &R) -> R::Reply {
        let asked = self.send(request);
        let answer = self.receive(PATIENCE).expect("an answer");
        let (asked, answer) = (Message::parse(&asked).unwrap(), Message::parse(&answer).unwrap());
        assert!(answer.answers(&asked.header));
        answer.reply::<R>().unwrap()
    }

    fn echo(&mut self, text: &str) {
        assert_eq!(self.ask(&os::Echo { text: text.into() }).text.raw(), text);
    }

    fn put(&mut self, name: &str, content: &[u8]) {
        for (index, chunk) in content.chunks(256).enumerate() {
            let off = index as u64 * 256;
            let len = (off == 0).then_some(content.len() as u64);
            self.ask(&fs::Upload { off, data: Bytes(chunk.to_vec()), name: name.into(), len });
        }
    }
}

#[test]
fn a_client_may_close_and_come_back() {
    let folder = TempDir::new().unwrap();
    let stub = Stub::start(&folder, &[]);
    assert_eq!(stub.address, format!("tty:{}", link(&folder).display()));
    Client::open(&folder).echo("one");
    Client::open(&folder).echo("two");
}

#[test]
fn killed_and_started_again_it_is_the_same_unit_at_the_same_path() {
    let folder = TempDir::new().unwrap();
    let stub = Stub::start(&folder, &[]);
    let mut client = Client::open(&folder);
    client.put("/lfs1/f", &[3; 1000]);
    stub.signal(nix::sys::signal::Signal::SIGKILL);
    stub.wait();
    let _stub = Stub::start(&folder, &[]);
    let len = Client::open(&folder).ask(&fs::Status { name: "/lfs1/f".into() }).len;
    assert_eq!(len, 1000);
}

#[test]
fn asked_to_end_it_ends_well_and_takes_its_link_along() {
    let folder = TempDir::new().unwrap();
    for signal in [nix::sys::signal::Signal::SIGTERM, nix::sys::signal::Signal::SIGINT] {
        let stub = Stub::start(&folder, &[]);
        stub.signal(signal);
        assert_eq!(stub.wait().code(), Some(0));
        assert!(link(&folder).symlink_metadata().is_err());
    }
    let mut stub = Stub::start(&folder, &[]);
    drop(stub.child.stdin.take());
    assert_eq!(stub.wait().code(), Some(0));
}

#[test]
fn power_that_is_cut_ends_it_with_a_status_of_its_own() {
    let folder = TempDir::new().unwrap();
    let stub = Stub::start(&folder, &["--fault", "cut-byte:300"]);
    let mut client = Client::open(&folder);
    let chunk = |off: u64| fs::Upload {
        off,
        data: Bytes(vec![9; 200]),
        name: "/lfs1/f".into(),
        len: (off == 0).then_some(400),
    };
    assert_eq!(client.ask(&chunk(0)).off, 200);
    client.send(&chunk(200));
    assert_eq!(stub.wait().code(), Some(75));
    let _stub = Stub::start(&folder, &[]);
    let mut client = Client::open(&folder);
    assert_eq!(client.ask(&fs::Status { name: "/lfs1/f".into() }).len, 300);
    assert_eq!(client.ask(&chunk(300)).off, 500);
}

#[test]
fn a_reset_answers_goes_on_for_a_moment_and_forgets() {
    let folder = TempDir::new().unwrap();
    let _stub = Stub::start(&folder, &["--reset-delay", "1000", "--boot-time", "20"]);
    let mut client = Client::open(&folder);
    client.ask(&settings::WriteSetting { name: "a/b".into(), value: Bytes(vec![1]) });
    let Empty {} = client.ask(&os::Reset { force: None, boot_mode: None });
    client.echo("not yet");
    std::thread::sleep(Duration::from_millis(1200));
    client.send(&settings::ReadSetting { name: "a/b".into(), max_size: None });
    let answer = client.receive(PATIENCE).unwrap();
    assert!(Message::parse(&answer).unwrap().reply::<settings::ReadSetting>().is_err());
    let banner = String::from_utf8_lossy(&client.noise).into_owned();
    assert!(banner.contains("*** Booting MCUboot") && banner.contains("application v1.0.0"), "{banner}");
}

#[test]
fn what_comes_while_it_boots_is_lost() {
    let folder = TempDir::new().unwrap();
    let _stub = Stub::start(&folder, &["--reset-delay", "20", "--boot-time", "2000"]);
    let mut client = Client::open(&folder);
    client.ask(&os::Reset { force: None, boot_mode: None });
    std::thread::sleep(Duration::from_millis(200));
    client.send(&os::Echo { text: "lost".into() });
    assert_eq!(client.receive(Duration::from_millis(2500)), None);
    client.echo("there again");
}

#[test]
fn noise_stands_between_the_frames_and_harms_none() {
    let folder = TempDir::new().unwrap();
    let _stub = Stub::start(&folder, &["--noise"]);
    let mut client = Client::open(&folder);
    for round in 0..20 {
        client.echo(&format!("round {round}"));
    }
    assert!(client.noise.windows(4).any(|text| text == b"<inf"));
}

#[test]
fn the_line_is_never_faster_than_its_rate() {
    let folder = TempDir::new().unwrap();
    let _stub = Stub::start(&folder, &["--baud", "115200", "--buf-size", "2048"]);
    let mut client = Client::open(&folder);
    let text = "x".repeat(1500);
    let echo = os::Echo { text };
    let started = Instant::now();
    for _ in 0..4 {
        client.send(&echo);
    }
    for _ in 0..4 {
        client.receive(PATIENCE).unwrap();
    }
    let message = encode_request(&echo, Version::V2, 0).unwrap().len();
    // Four requests one after the other; the last answer follows the last request.
    let bytes = 5 * Framing::default().wire_len(message);
    let least = Duration::from_secs_f64(bytes as f64 * 10.0 / 115_200.0);
    let took = started.elapsed();
    assert!(took >= least.mul_f64(0.99), "{took:?} for {bytes} bytes, at least {least:?}");
}

#[test]
fn latency_delays_each_answer_and_holds_up_none() {
    let folder = TempDir::new().unwrap();
    let latency = Duration::from_millis(400);
    let _stub = Stub::start(&folder, &["--latency", "400"]);
    let mut client = Client::open(&folder);
    let started = Instant::now();
    for _ in 0..4 {
        client.send(&os::Echo { text: "x".into() });
    }
    for _ in 0..4 {
        client.receive(PATIENCE).unwrap();
        assert!(started.elapsed() >= latency);
    }
    assert!(started.elapsed() < latency * 3, "{:?}", started.elapsed());
}

#[test]
fn writing_flash_takes_its_time_and_fills_the_buffers() {
    let folder = TempDir::new().unwrap();
    let _stub = Stub::start(&folder, &["--write-time", "2000", "--buf-count", "2"]);
    let mut client = Client::open(&folder);
    let started = Instant::now();
    client.send(&fs::Upload { off: 0, data: Bytes(vec![1; 250]), name: "/lfs1/f".into(), len: Some(250) });
    for _ in 0..3 {
        client.send(&os::Echo { text: "x".into() });
    }
    assert!(client.receive(PATIENCE).is_some());
    assert!(started.elapsed() >= Duration::from_millis(500));
    assert!(client.receive(PATIENCE).is_some());
    assert_eq!(client.receive(Duration::from_millis(300)), None, "the others found no buffer");
}

#[test]
fn an_image_goes_through_and_boots() {
    let folder = TempDir::new().unwrap();
    let _stub = Stub::start(&folder, &["--reset-delay", "20", "--boot-time", "20"]);
    let mut client = Client::open(&folder);
    let version = protocols::mcuboot::Version { major: 2, ..Default::default() };
    let file = protocols::mcuboot::ImageBuilder::new(version).build(&[8; 5000]).unwrap();
    let mut off = 0;
    while off < file.len() {
        let end = file.len().min(off + 300);
        let reply = client.ask(&image::Upload {
            image: None,
            len: (off == 0).then_some(file.len() as u64),
            off: off as u64,
            sha: None,
            data: Bytes(file[off..end].to_vec()),
            upgrade: None,
        });
        off = reply.off.unwrap() as usize;
    }
    let hash = file[file.len() - 32..].to_vec();
    client.ask(&image::StateWrite { hash: Some(Bytes(hash.clone())), confirm: Some(false) });
    client.ask(&os::Reset { force: None, boot_mode: None });
    std::thread::sleep(Duration::from_millis(300));
    let running = client.ask(&image::StateRead {}).images.remove(0);
    assert_eq!((running.hash.unwrap().0, running.confirmed), (hash, Some(false)));
}

#[test]
fn a_stub_that_cannot_run_says_why() {
    let folder = TempDir::new().unwrap();
    let _stub = Stub::start(&folder, &[]);
    let second = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_hardwire"))
            .args(["stub", "smp", "--json", "--state"])
            .arg(folder.path().join("state"))
            .args(args)
            .output()
            .unwrap();
        let error: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        (output.status.code(), error["causes"][0].as_str().unwrap_or_default().to_owned())
    };
    let (code, cause) = second(&[]);
    assert_eq!(code, Some(7));
    assert!(cause.contains("another stand-in"), "{cause}");
    let (code, cause) = second(&["--slot-size", "1000"]);
    assert_eq!(code, Some(2));
    assert!(cause.contains("4096"), "{cause}");
}

#[cfg(target_os = "linux")]
#[test]
fn at_rest_it_costs_nothing() {
    let folder = TempDir::new().unwrap();
    let stub = Stub::start(&folder, &["--baud", "921600"]);
    Client::open(&folder).echo("awake");
    let ticks = || -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", stub.child.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    };
    let before = ticks();
    std::thread::sleep(Duration::from_secs(1));
    assert!(ticks() - before <= 1);
}
