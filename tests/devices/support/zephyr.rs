//! Zephyr's own SMP server, built for Linux: its UART is a pseudo-terminal, its flash a file.
//!
//! The program ends when it is asked to reset; a real board would come back. So a supervisor starts it again on the
//! same flash and moves a symbolic link to the new pseudo-terminal. A crash is no reset and is not repaired.

use std::os::unix::fs::symlink;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use super::process::Background;

/// The builds that differ in what a client has to cope with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// Buffers of 384 bytes; its receive pool holds two lines, whatever its parameters say.
    Plain,
    /// As `Plain`, with a receive pool that takes what the parameters promise.
    BigRx,
    /// Buffers of 96 bytes, groups os, stat and enumeration.
    Buf96,
    /// As `Buf96` with 384 bytes and without the parameters command.
    NoParams,
    /// Buffers of 2048 bytes in lines of up to 512.
    Line512,
}

impl Variant {
    /// Every variant.
    pub const ALL: [Self; 5] = [Self::Plain, Self::BigRx, Self::Buf96, Self::NoParams, Self::Line512];

    fn program(self) -> PathBuf {
        let end = match self {
            Self::Plain => "",
            Self::BigRx => "_bigrx",
            Self::Buf96 => "_buf96",
            Self::NoParams => "_noparams",
            Self::Line512 => "_line512",
        };
        super::fixture(&format!("native_sim_serial{end}.exe"))
    }

    /// Whether the build has the file system group.
    pub fn has_files(self) -> bool {
        matches!(self, Self::Plain | Self::BigRx)
    }
}

/// A running unit.
pub struct Zephyr {
    folder: tempfile::TempDir,
    program: PathBuf,
    shared: Arc<Shared>,
    supervisor: Option<JoinHandle<()>>,
}

struct Shared {
    process: Mutex<Background>,
    stop: AtomicBool,
    resets: AtomicUsize,
    crash: Mutex<Option<ExitStatus>>,
}

impl Zephyr {
    /// Starts a unit with an empty flash and waits until its UART is there.
    pub fn start(variant: Variant) -> Self {
        let folder = tempfile::tempdir().expect("temporary folder");
        let program = variant.program();
        let process = boot(&program, folder.path());
        let shared = Arc::new(Shared {
            process: Mutex::new(process),
            stop: AtomicBool::new(false),
            resets: AtomicUsize::new(0),
            crash: Mutex::new(None),
        });
        let supervisor = {
            let (shared, program, folder) = (Arc::clone(&shared), program.clone(), folder.path().to_path_buf());
            std::thread::spawn(move || supervise(&shared, &program, &folder))
        };
        Self { folder, program, shared, supervisor: Some(supervisor) }
    }

    /// The unit's serial port: the same path over its resets.
    pub fn tty(&self) -> PathBuf {
        self.folder.path().join("uart")
    }

    /// As `-d` takes it.
    pub fn address(&self) -> String {
        format!("tty:{}", self.tty().display())
    }

    /// Takes the unit's power away and gives it back at once: what was not yet in flash is gone.
    pub fn cut_power(&self) {
        let mut process = self.shared.process.lock().expect("not poisoned");
        process.kill();
        *process = boot(&self.program, self.folder.path());
    }

    /// How often the unit has restarted on request.
    pub fn resets(&self) -> usize {
        self.shared.resets.load(Ordering::SeqCst)
    }

    /// Fails when the device software died of what we sent it.
    pub fn assert_alive(&self) {
        let crash = *self.shared.crash.lock().expect("not poisoned");
        assert!(crash.is_none(), "the device crashed: {crash:?}");
    }
}

impl Drop for Zephyr {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        if let Some(supervisor) = self.supervisor.take() {
            let _ = supervisor.join();
        }
    }
}

/// Starts the program and points the link at its pseudo-terminal.
fn boot(program: &Path, folder: &Path) -> Background {
    let log = folder.join("console.log");
    let _ = std::fs::remove_file(&log);
    let mut process = Background::start(Command::new(program).current_dir(folder), &log);
    let pty = process.wait_for("pseudo-terminal", Duration::from_secs(20), |printed| {
        let (_, rest) = printed.split_once("connected to pseudotty: ")?;
        rest.split_once('\n').map(|(path, _)| PathBuf::from(path.trim()))
    });
    let fresh = folder.join("uart.new");
    let _ = std::fs::remove_file(&fresh);
    symlink(&pty, &fresh).expect("link to the pseudo-terminal");
    std::fs::rename(&fresh, folder.join("uart")).expect("link is moved");
    process
}

fn supervise(shared: &Shared, program: &Path, folder: &Path) {
    while !shared.stop.load(Ordering::SeqCst) {
        std::thread::sleep(Duration::from_millis(20));
        let mut process = shared.process.lock().expect("not poisoned");
        let Some(status) = process.ended() else { continue };
        if status.signal().is_some() {
            *shared.crash.lock().expect("not poisoned") = Some(status);
            return;
        }
        *process = boot(program, folder);
        shared.resets.fetch_add(1, Ordering::SeqCst);
    }
}
