//! Child processes that never outlive a test.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// A device or server in the background: its output goes to a file that is shown when the test fails.
pub struct Background {
    child: Child,
    log: PathBuf,
}

impl Background {
    /// Starts `command`; both its output streams go to `log`.
    pub fn start(command: &mut Command, log: &Path) -> Self {
        let out = File::options().create(true).append(true).open(log).expect("log opens");
        let err = out.try_clone().expect("log is shared");
        let child = command
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .spawn()
            .unwrap_or_else(|e| panic!("{command:?} does not start: {e}"));
        Self { child, log: log.to_path_buf() }
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has printed so far.
    pub fn printed(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("child can be asked")
    }

    /// Ends it at once, as a power cut would.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits for its end and returns its exit code; -1 when a signal ended it.
    pub fn finish(&mut self, limit: Duration) -> i32 {
        let until = Instant::now() + limit;
        loop {
            if let Some(status) = self.ended() {
                return status.code().unwrap_or(-1);
            }
            assert!(Instant::now() < until, "still running after {limit:?}:\n{}", self.printed());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until `look` finds something, failing when the process ends before or `limit` passes.
    pub fn wait_for<T>(&mut self, what: &str, limit: Duration, mut look: impl FnMut(&str) -> Option<T>) -> T {
        let until = Instant::now() + limit;
        loop {
            if let Some(found) = look(&self.printed()) {
                return found;
            }
            if let Some(status) = self.ended() {
                panic!("ended ({status}) before {what}:\n{}", self.printed());
            }
            assert!(Instant::now() < until, "no {what} within {limit:?}:\n{}", self.printed());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("--- {} ---\n{}", self.log.display(), self.printed());
        }
    }
}

/// How a command ended and what it said.
#[derive(Debug)]
pub struct Finished {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// Runs a command to its end; one that takes longer than `limit` is killed and fails the test.
pub fn run(command: &mut Command, limit: Duration) -> Finished {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (out, err) = (folder.path().join("stdout"), folder.path().join("stderr"));
    let mut child = command
        .stdin(Stdio::null())
        .stdout(File::create(&out).expect("stdout file"))
        .stderr(File::create(&err).expect("stderr file"))
        .spawn()
        .unwrap_or_else(|e| panic!("{command:?} does not start: {e}"));
    let read = |path: &Path| String::from_utf8_lossy(&std::fs::read(path).expect("output")).into_owned();
    let until = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait().expect("child can be asked") {
            return Finished { code: status.code().unwrap_or(-1), stdout: read(&out), stderr: read(&err) };
        }
        if Instant::now() > until {
            let _ = child.kill();
            let _ = child.wait();
            panic!("{command:?} took longer than {limit:?}\n{}\n{}", read(&out), read(&err));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
