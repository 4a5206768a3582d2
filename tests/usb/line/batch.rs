//! A batch that is on, as whoever stands before its board sees it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::devices::station::Station;

/// What the batch has said so far.
#[derive(Debug, Default)]
pub struct Board {
    /// The bays in which a run is on, and since when.
    pub running: BTreeMap<u64, Instant>,
    /// When something was last said of a bay.
    pub heard: BTreeMap<u64, Instant>,
    /// The serial numbers of units that passed.
    pub passed: BTreeSet<String>,
    /// How long the last run that passed took.
    pub pace: Option<Duration>,
    /// The `run` lines, in order.
    pub runs: Vec<Value>,
    /// What kept runs from beginning.
    pub errors: Vec<Value>,
    /// Everything else but progress, for who wants to know what went wrong.
    events: Vec<Value>,
}

impl Board {
    fn hear(&mut self, line: Value) {
        let now = Instant::now();
        let bay = line["bay"].as_u64();
        self.heard.extend(bay.map(|bay| (bay, now)));
        match (line["type"].as_str(), bay) {
            (Some("run"), Some(bay)) => {
                let began = self.running.remove(&bay);
                if let (Some(serial), "pass") = (line["serial"].as_str(), line["outcome"].as_str().unwrap_or_default())
                {
                    self.passed.insert(serial.to_owned());
                    self.pace = began.map(|began| now - began).or(self.pace);
                }
                self.runs.push(line);
            }
            (Some("event"), Some(bay)) if line["event"] == "run-started" => {
                self.running.insert(bay, now);
                self.events.push(line);
            }
            (Some("error"), _) => self.errors.push(line),
            _ if line["event"] == "progress" => {}
            _ => self.events.push(line),
        }
    }

    /// What was said of a bay lately.
    pub fn story(&self, bay: u64) -> String {
        let all = self.events.iter().chain(&self.runs).chain(&self.errors).filter(|line| line["bay"] == bay);
        let mut lines: Vec<String> = all
            .map(|line| {
                let at = line["at"].as_str().or(line["finished"].as_str()).unwrap_or("-");
                format!("{at} {} {} {} {}", line["type"], line["event"], line["serial"], line["error"]["doing"])
            })
            .collect();
        lines.sort();
        lines.split_off(lines.len().saturating_sub(30)).join("\n")
    }
}

/// Open files of a process, and KiB of memory that it filled itself: how much of its program is in memory, the kernel decides.
#[derive(Clone, Copy, Debug)]
#[allow(dead_code, reason = "printed")]
pub struct Size {
    pub files: usize,
    pub own_memory: u64,
}

/// `hardwire batch --json`; ended when dropped.
pub struct Batch {
    child: Child,
    board: Arc<Mutex<Board>>,
    log: std::path::PathBuf,
}

impl Batch {
    pub fn start(station: &Station, args: &[&str]) -> Batch {
        let log = station.home().join("batch.log");
        let mut child = Command::new(env!("CARGO_BIN_EXE_hardwire"))
            .args(["--json", "batch"])
            .args(args)
            .env("HARDWIRE_HOME", station.home())
            .env_remove("HARDWIRE_DEVICE")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(&log).expect("its log"))
            .spawn()
            .expect("hardwire runs");
        let out = BufReader::new(child.stdout.take().expect("its stdout"));
        let board = Arc::new(Mutex::new(Board::default()));
        let seen = Arc::clone(&board);
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                let line = serde_json::from_str(&line).expect("one object a line");
                seen.lock().expect("who looks at the board lives").hear(line);
            }
        });
        Batch { child, board, log }
    }

    pub fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().expect("who writes the board lives")
    }

    /// What it takes of the machine now; `None` once it has ended.
    pub fn size(&self) -> Option<Size> {
        let folder = Path::new("/proc").join(self.child.id().to_string());
        let status = std::fs::read_to_string(folder.join("status")).ok()?;
        let own = status.lines().find_map(|line| line.strip_prefix("RssAnon:")?.trim().strip_suffix(" kB"))?;
        Some(Size { files: std::fs::read_dir(folder.join("fd")).ok()?.count(), own_memory: own.parse().ok()? })
    }

    /// Waits for its end by itself; its exit code.
    pub fn finish(&mut self, limit: Duration) -> i32 {
        let until = Instant::now() + limit;
        loop {
            if let Some(status) = self.child.try_wait().expect("it can be asked") {
                return status.code().unwrap_or(-1);
            }
            assert!(Instant::now() < until, "the batch does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- batch ---\n{}", std::fs::read_to_string(&self.log).unwrap_or_default());
        }
    }
}
