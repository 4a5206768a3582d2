//! A hub with a unit behind it: QEMU's own, since the kernel's virtual ports have none.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde_json::Value;

use crate::devices::sha256;
use crate::devices::station::Station;
use crate::devices::stub::Stub;
use crate::support::bench::in_the_bench;
use crate::support::monitor::{self, Plugged};
use crate::support::wait_for;

const SOON: Duration = Duration::from_secs(20);

/// A unit's terminal joined to the far end of an adapter's wire, byte for byte, until it is dropped.
struct Joint {
    over: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Joint {
    fn new(unit: &Path, wire: &Path) -> Joint {
        let open = |path: &Path| {
            let flags = nix::fcntl::OFlag::O_NONBLOCK | nix::fcntl::OFlag::O_NOCTTY;
            let file = File::options().read(true).write(true).custom_flags(flags.bits()).open(path);
            file.unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        };
        let (mut unit, mut wire) = (open(unit), open(wire));
        let over = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&over);
        let thread = std::thread::spawn(move || {
            while !seen.load(Ordering::Relaxed) {
                let mut ends = [&unit, &wire].map(|end| PollFd::new(end.as_fd(), PollFlags::POLLIN));
                poll(&mut ends, PollTimeout::from(100_u8)).expect("poll");
                pass(&mut unit, &mut wire);
                pass(&mut wire, &mut unit);
            }
        });
        Joint { over, thread: Some(thread) }
    }
}

impl Drop for Joint {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Hands on what is there. What the other end has no room for is lost, as it would be on a wire.
fn pass(from: &mut File, to: &mut File) {
    let mut some = [0; 1024];
    if let Ok(count) = from.read(&mut some) {
        let _ = to.write_all(&some[..count]);
    }
}

/// The terminal of an adapter.
fn tty(adapter: &Plugged) -> PathBuf {
    let folder = adapter.folder();
    let name = folder.file_name().expect("a name").to_string_lossy().into_owned();
    wait_for("terminal", SOON, || {
        let entries = std::fs::read_dir(folder.join(format!("{name}:1.0"))).ok()?;
        let mut names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let node = Path::new("/dev").join(names.find(|name| name.starts_with("ttyUSB"))?);
        node.exists().then_some(node)
    })
}

#[test]
fn a_hub_pulled_in_the_middle_of_a_run_ends_it_as_gone_and_the_unit_passes_when_it_is_back() {
    if !in_the_bench!() {
        return;
    }
    let station = Station::default();
    let content = vec![0x42; 6000];
    station.file("large.bin", &content);
    let profile = format!(
        "format: 1\nname: hub\nversion: 1.0.0\nmatch: {{ driver: smp, model: thermostat }}\nartifacts:\n  \
         large: {{ file: large.bin, sha256: {} }}\nsteps:\n  \
         - files: {{ put: {{ /lfs1/large.bin: {{ artifact: large }} }} }}\n",
        sha256(&content)
    );
    let profile = station.file("hub.yaml", profile);
    let mut unit = Stub::start(&["--serial", "HU-1", "--write-time", "300"]);
    let plug = || {
        let hub = monitor::hub("hub", "1");
        hub.folder();
        let (adapter, wire) = monitor::ftdi("uart", "1.2");
        let tty = tty(&adapter);
        (hub, adapter, wire, format!("tty:{}", tty.display()))
    };
    let (hub, adapter, wire, address) = plug();
    let _joint = Joint::new(&unit.tty(), &wire);
    let mut run = station.start(&["apply", &profile, "-d", &address]);
    run.wait_for("progress", SOON, |said| said.contains(r#""event":"progress""#).then_some(()));
    let pulled = Instant::now();
    hub.pull();
    assert_eq!(run.finish(SOON), 7, "{}", run.printed());
    println!("the run ended {:?} after the hub was pulled", pulled.elapsed());
    let printed = run.printed();
    let line = printed.lines().find(|line| line.starts_with('{') && line.contains(r#""type":"run""#));
    let line: Value = serde_json::from_str(line.unwrap_or_else(|| panic!("{printed}"))).expect("an object");
    assert_eq!((&line["outcome"], &line["error"]["kind"]), (&"error".into(), &"gone".into()), "{line:#}");
    assert_eq!(line["serial"], "HU-1");
    drop(adapter);
    unit.assert_alive();

    let (_hub, _adapter, _, address) = plug();
    let said = station.run(&["apply", &profile, "-d", &address]).exits(0);
    let item = &said.line("run")["steps"][0]["items"][0];
    assert_eq!((&item["outcome"], &item["observed"]), (&"done".into(), &sha256(&content).into()), "{said:#?}");
    station.run(&["ledger", "verify"]).exits(0);
}
