//! Every profile that ships, applied to a stand-in by the command line: passes, and writes nothing the second time. So does
//! what `profile new` drafts for it.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use hardwire::clock::SystemClock;
use hardwire::device::{Bay as _, Cancel, Op, Unit};
use hardwire::profile;
use hardwire::station::{Machine, PortBay, Selector, World, resolve};
use protocols::mcuboot::{ImageBuilder, Version};
use serde_json::Value;

/// A small application, as the phone's profile installs one.
const APP: &[u8] = include_bytes!("../protocols/src/android/apk/vectors/base.apk");

/// A stand-in, a station of its own, and a folder with the profile.
struct Bench {
    folder: tempfile::TempDir,
    stub: Child,
    address: String,
}

impl Bench {
    /// An SMP unit on its pseudo-terminal.
    fn new(stub: &[&str]) -> Bench {
        Bench::start(&[&["smp", "--until-stdin-ends", "--reset-delay", "50"], stub].concat())
    }

    /// A phone on the network.
    fn phone() -> Bench {
        let mut bench = Bench::start(&["adb", "--tcp", "127.0.0.1:0"]);
        bench.address = format!("adb@{}", bench.address);
        bench
    }

    fn start(stub: &[&str]) -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let mut stub = Command::new(env!("CARGO_BIN_EXE_hardwire"))
            .args(["stub", "--json"])
            .args(stub)
            .arg("--state")
            .arg(folder.path().join("state"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(stub.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap();
        Bench { folder, stub, address: ready["address"].as_str().unwrap().to_owned() }
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// A copy of a profile that ships, pinned beside an image.
    fn shipped(&self, name: &str) -> PathBuf {
        let version = Version { major: 9, minor: 9, revision: 9, build: 9 };
        self.write("app.signed.bin", ImageBuilder::new(version).build(&[0x5a; 4096]).unwrap());
        self.write("kiosk.apk", APP);
        let text = std::fs::read(format!("{}/profiles/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        let path = self.write(name, text);
        profile::lock(&path).unwrap();
        path
    }

    /// A command, with its first word and the unit.
    fn command(&self, arguments: &[&str]) -> Command {
        let (command, rest) = arguments.split_first().unwrap();
        let mut all = Command::new(env!("CARGO_BIN_EXE_hardwire"));
        all.args([command, "-d", &self.address]).args(rest).current_dir(self.folder.path());
        all.env("HARDWIRE_HOME", self.folder.path().join("home"));
        all
    }

    /// Runs it; what it printed.
    fn hardwire(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// The run's final line.
    fn apply(&self, profile: &PathBuf, arguments: &[&str]) -> Value {
        let output = Command::new(env!("CARGO_BIN_EXE_hardwire"))
            .args(["apply", "--json", "--yes", "--no-input", "-d", &self.address])
            .arg(profile)
            .args(arguments)
            .env("HARDWIRE_HOME", self.folder.path().join("home"))
            .env("WIFI_PSK", "correct horse")
            .output()
            .unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        let last: Value = serde_json::from_str(said.lines().last().unwrap_or("null")).unwrap();
        assert!(output.status.success(), "{last:#}\n{}", String::from_utf8_lossy(&output.stderr));
        assert!(!said.contains("correct horse"), "a secret was shown");
        last
    }

    /// Applies a profile twice: what was sent, and the levels of the first run's steps.
    fn twice(&self, profile: &PathBuf, arguments: &[&str]) -> Vec<Value> {
        let first = self.apply(profile, arguments);
        assert_eq!(first["outcome"], "pass");
        assert!(sent(&first) > 0, "{first:#}");
        let second = self.apply(profile, arguments);
        assert_eq!((&second["outcome"], sent(&second)), (&"pass".into(), 0), "{second:#}");
        first["steps"].as_array().unwrap().clone()
    }

    /// The unit as its driver shows it.
    fn unit(&self) -> Unit {
        let world: Arc<dyn World> = Arc::new(Machine::new(Arc::new(SystemClock::new()), None));
        let selector: Selector = self.address.parse().unwrap();
        let mut bay = PortBay::new(resolve(&selector, &[], &*world).unwrap(), Arc::clone(&world));
        let (clock, cancel) = (SystemClock::new(), Cancel::default());
        let mut quiet = |_| {};
        let mut op = Op::new(&clock, &cancel, &mut quiet);
        bay.open(&mut op).unwrap().unit().clone()
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = self.stub.kill();
        let _ = self.stub.wait();
    }
}

fn sent(run: &Value) -> u64 {
    run["steps"].as_array().unwrap().iter().map(|step| step["sent"].as_u64().unwrap_or(0)).sum()
}

#[test]
fn zephyr_smp() {
    let bench = Bench::new(&[]);
    let steps = bench.twice(&bench.shipped("zephyr-smp.yaml"), &["--input", "site=north"]);
    assert_eq!((&steps[0]["outcome"], &steps[0]["level"]), (&"done".into(), &"digest".into()));
}

#[test]
fn zephyr_settings() {
    let bench = Bench::new(&[]);
    let steps = bench.twice(&bench.shipped("zephyr-settings.yaml"), &["--input", "host=broker.example"]);
    assert_eq!(steps[0]["level"], "readback");
}

#[test]
fn mcuboot_update() {
    let bench = Bench::new(&[]);
    let steps = bench.twice(&bench.shipped("mcuboot-update.yaml"), &[]);
    assert_eq!((&steps[0]["name"], &steps[0]["level"]), (&"update".into(), &"booted".into()));
}

#[test]
fn mcuboot_recovery() {
    let bench = Bench::new(&["--recovery"]);
    let steps = bench.twice(&bench.shipped("mcuboot-recovery.yaml"), &[]);
    assert_eq!((&steps[0]["name"], &steps[0]["level"]), (&"restore".into(), &"booted".into()));
}

#[test]
fn phone_kiosk() {
    let bench = Bench::phone();
    let steps = bench.twice(&bench.shipped("phone-kiosk.yaml"), &["--input", "host=kiosk.example"]);
    let levels: Vec<_> = steps.iter().map(|step| step["level"].as_str()).collect();
    assert_eq!(levels, [None, Some("digest"), Some("readback"), Some("digest")]);
}

#[test]
fn phone_restore() {
    let bench = Bench::phone();
    let profile = bench.shipped("phone-restore.yaml");
    bench.write("a.jpg", "a picture");
    bench.hardwire(&["put", "a.jpg", "/sdcard/DCIM/a.jpg"]);
    bench.hardwire(&["install", "kiosk.apk"]);
    let backup =
        ["backup", "--path", "/sdcard/DCIM", "--app", "org.example.kiosk", "--setting", "system/screen_brightness"];
    let label = ["--label", "before-refurbishment", "--accept-omitted", "app-data"];
    bench.hardwire(&[&backup[..], &label].concat());
    // Everything is lost, and something else is there.
    bench.hardwire(&[
        "console",
        "--",
        "rm -r /sdcard/DCIM; pm uninstall org.example.kiosk; settings put system screen_brightness 7",
    ]);
    let steps = bench.twice(&profile, &[]);
    let levels: Vec<_> = steps.iter().map(|step| (step["name"].as_str().unwrap(), step["level"].as_str())).collect();
    assert_eq!(
        levels,
        [
            ("health", None),
            ("back-apps", Some("digest")),
            ("back-files", Some("digest")),
            ("back-settings", Some("readback"))
        ]
    );
    let picture = bench.hardwire(&["console", "--", "cat /sdcard/DCIM/a.jpg; settings get system screen_brightness"]);
    assert_eq!(picture, "a picture102\n");
    // What is there and differs has to be meant, and a label that no backup has is told.
    bench.hardwire(&["console", "--", "echo other > /sdcard/DCIM/a.jpg"]);
    let tried = bench.command(&["apply", "--json", "--no-input", profile.to_str().unwrap()]).output().unwrap();
    assert_eq!(tried.status.code(), Some(2), "{}", String::from_utf8_lossy(&tried.stdout));
    let other = ["apply", "--json", "--no-input", "--input", "label=none", profile.to_str().unwrap()];
    let tried = bench.command(&other).output().unwrap();
    let said = String::from_utf8(tried.stdout).unwrap();
    assert!(tried.status.code() == Some(2) && said.contains("no backup of this unit"), "{said}");
}

#[test]
fn a_draft_for_the_unit_at_hand() {
    let bench = Bench::new(&[]);
    let draft = profile::draft(&bench.unit(), &bench.address, None);
    let profile = bench.write("new.yaml", draft);
    let steps = bench.twice(&profile, &[]);
    assert_eq!((&steps[0]["kind"], &steps[0]["level"]), (&"files".into(), &"digest".into()));
}
