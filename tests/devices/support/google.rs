//! Google's clients, of two generations, each with a home and a server of its own: nothing on this machine is touched,
//! and nothing listens but on loopback.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::process::{self, Background, Finished};

const SOON: Duration = Duration::from_secs(30);

/// Which of Debian's packages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generation {
    /// 29.0.6.
    Old,
    /// 34.0.5.
    New,
}

impl Generation {
    pub const BOTH: [Self; 2] = [Self::Old, Self::New];

    /// Where it was unpacked.
    pub fn folder(self) -> PathBuf {
        super::home().join("android").join(match self {
            Self::Old => "29",
            Self::New => "34",
        })
    }
}

/// `adb` with its server; both end when dropped.
pub struct Adb {
    generation: Generation,
    home: tempfile::TempDir,
    port: u16,
    _server: Background,
}

impl Adb {
    /// Starts a server that has no key yet: it makes one when it is asked for it.
    pub fn start(generation: Generation) -> Self {
        Self::start_in(generation, tempfile::tempdir().expect("temporary folder"))
    }

    /// Starts a server in a home, whose `.android/adbkey` is its key.
    pub fn start_in(generation: Generation, home: tempfile::TempDir) -> Self {
        let port = TcpListener::bind(("127.0.0.1", 0)).and_then(|it| it.local_addr()).expect("a free port").port();
        let mut command = command(generation, home.path(), port);
        let server = Background::start(command.args(["nodaemon", "server"]), &home.path().join("server.log"));
        let adb = Self { generation, home, port, _server: server };
        // The client starts a server of its own where none answers yet, which would outlive this test.
        let until = std::time::Instant::now() + SOON;
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(std::time::Instant::now() < until, "no adb server within {SOON:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
        adb
    }

    /// Its home.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// The port of its server on loopback.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The client with these arguments, not started.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = command(self.generation, self.home.path(), self.port);
        command.args(args);
        command
    }

    /// Runs the client.
    pub fn run(&self, args: &[&str]) -> Finished {
        process::run(&mut self.command(args), Duration::from_secs(120))
    }

    /// Runs the client, which must do what it is told; what it printed.
    #[track_caller]
    pub fn good(&self, args: &[&str]) -> String {
        let done = self.run(args);
        assert_eq!(done.code, 0, "adb {args:?}: {done:?}");
        done.stdout
    }

    /// Whether a unit is listed in this state, such as `device` or `unauthorized`.
    pub fn is_listed(&self, serial: &str, state: &str) -> bool {
        let listed = self.good(&["devices"]);
        listed.lines().any(|line| line.split_once('\t') == Some((serial, state)))
    }

    /// Waits until it is.
    pub fn until_listed(&self, serial: &str, state: &str) {
        let until = std::time::Instant::now() + SOON;
        while !self.is_listed(serial, state) {
            assert!(std::time::Instant::now() < until, "{serial} is not {state}: {}", self.good(&["devices"]));
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn command(generation: Generation, home: &Path, port: u16) -> Command {
    let mut command = Command::new(generation.folder().join("adb"));
    command.args(["-L", &format!("tcp:localhost:{port}")]).env("HOME", home).env("TMPDIR", home);
    for name in ["ANDROID_SERIAL", "ANDROID_ADB_SERVER_PORT", "ADB_SERVER_SOCKET", "ADB_VENDOR_KEYS"] {
        command.env_remove(name);
    }
    // It would answer and ask on the machine's network.
    command.env("ADB_MDNS", "0").env("ADB_MDNS_AUTO_CONNECT", "0");
    command
}

/// Runs `fastboot`, for a minute at most.
pub fn fastboot(generation: Generation, args: &[&str]) -> Finished {
    process::run(Command::new(generation.folder().join("fastboot")).args(args), Duration::from_secs(60))
}
