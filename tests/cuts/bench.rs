//! One stand-in unit, one station, one profile.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use protocols::mcuboot::{ImageBuilder, Version};
use serde_json::Value;

use crate::support::process::Background;
use crate::support::station::{Said, Station};

/// A profile and its artifact.
#[derive(Clone)]
pub struct Profile {
    yaml: String,
    image: Vec<u8>,
}

/// What an undisturbed run leaves.
pub struct Model {
    pub profile: Profile,
    items: Vec<Value>,
    firmware: Vec<Value>,
}

pub struct Bench {
    station: Station,
    folder: tempfile::TempDir,
    profile: String,
}

impl Bench {
    pub fn new(profile: &Profile) -> Bench {
        let station = Station::default();
        station.file("app.bin", &profile.image);
        let path = station.file("unit.yaml", &profile.yaml);
        Bench { station, folder: tempfile::tempdir().expect("temporary folder"), profile: path }
    }

    fn address(&self) -> String {
        format!("tty:{}", self.folder.path().join("tty").display())
    }

    /// Powers the unit, with what it had in flash.
    pub fn power(&self, args: &[&str]) -> Background {
        let folder = self.folder.path();
        let (state, link) = (folder.join("state"), folder.join("tty"));
        let log = folder.join(format!("stub-{}.log", std::fs::read_dir(folder).expect("folder").count()));
        let mut command = Command::new(env!("CARGO_BIN_EXE_hardwire"));
        command.args(["stub", "smp", "--json", "--buf-size", "512", "--boot-time", "30", "--reset-delay", "20"]);
        command.arg("--state").arg(state).arg("--link").arg(link).args(args);
        let mut unit = Background::start(&mut command, &log);
        unit.wait_for("the unit's first line", Duration::from_secs(20), |said| said.contains("\"stub\"").then_some(()));
        unit
    }

    fn arguments(&self) -> [String; 4] {
        ["apply".to_owned(), self.profile.clone(), "-d".to_owned(), self.address()]
    }

    pub fn apply(&self) -> Said {
        self.station.run(&self.arguments().each_ref().map(String::as_str))
    }

    /// Applies, and kills the station at its event of this number; that event, or `None` when there were not as many.
    pub fn apply_until_event(&self, number: u32) -> Option<Value> {
        let mut child = Command::new(env!("CARGO_BIN_EXE_hardwire"))
            .args(self.arguments())
            .arg("--json")
            .env("HARDWIRE_HOME", self.station.home())
            .env_remove("HARDWIRE_DEVICE")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("hardwire starts");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let event = lines
            .map(|line| serde_json::from_str::<Value>(&line.expect("a line")).expect("JSON"))
            .filter(|line| line["type"] == "event" && line["event"] != "progress")
            .nth(number as usize - 1);
        let _ = child.kill();
        let _ = child.wait();
        event
    }

    pub fn firmware(&self) -> Vec<Value> {
        let said = self.station.run(&["info", "-d", &self.address()]).exits(0);
        said.line("info")["firmware"].as_array().expect("slots").clone()
    }

    /// The ledger's records, oldest first. The ledger is sound.
    pub fn records(&self) -> Vec<Value> {
        self.station.run(&["ledger", "verify"]).exits(0);
        let mut records: Vec<Value> = self.station.run(&["ledger", "list"]).exits(0).lines;
        records.retain(|line| line["type"] == "record");
        records.sort_by_key(|record| record["seq"].as_u64());
        records
    }

    pub fn recorded(&self) -> Vec<String> {
        self.records().iter().map(|record| record["outcome"].as_str().expect("an outcome").to_owned()).collect()
    }

    /// Unit and digests are those of an undisturbed run.
    pub fn is_as(&self, model: &Model, said: &Said, after: &str) {
        assert_eq!(items(said), model.items, "after {after}");
        assert_eq!(self.running(), model.firmware, "after {after}");
    }

    fn running(&self) -> Vec<Value> {
        let active = |slot: &Value| slot["state"].as_array().is_some_and(|state| state.contains(&"active".into()));
        self.firmware().into_iter().filter(active).collect()
    }
}

/// Path, expected and observed digest and level of every item, whatever was written or was there already.
fn items(said: &Said) -> Vec<Value> {
    let run = said.line("run");
    assert_eq!(run["outcome"], "pass", "{run:#}");
    let steps = run["steps"].as_array().expect("steps").iter();
    let mut items: Vec<Value> = steps.flat_map(|step| step["items"].as_array().expect("items").clone()).collect();
    for item in &mut items {
        item.as_object_mut().expect("an object").remove("outcome");
    }
    items
}

/// The profile and outcome of a run that nothing disturbs.
pub fn undisturbed() -> &'static Model {
    static MODEL: OnceLock<Model> = OnceLock::new();
    MODEL.get_or_init(|| {
        let profile = whole();
        let bench = Bench::new(&profile);
        let _unit = bench.power(&[]);
        let items = items(&bench.apply().exits(0));
        Model { profile, items, firmware: bench.running() }
    })
}

/// Firmware of 15 KiB, settings and files: some 60 requests.
fn whole() -> Profile {
    let version = "2.0.0".parse::<Version>().expect("a version");
    let body: Vec<u8> = (0..15 * 1024u32).map(|n| (n * 7 + n / 251) as u8).collect();
    let image = ImageBuilder::new(version).build(&body).expect("an image");
    let yaml = format!(
        "format: 1
name: cuts
version: 1.0.0
match: {{ driver: smp, model: thermostat }}
artifacts:
  app: {{ file: app.bin, sha256: {} }}
steps:
  - firmware: {{ artifact: app, slot: secondary, activate: confirm }}
    verify: booted
  - settings: {{ set: {{ net/host: gateway.local, net/port: {{ u32le: 1883 }} }} }}
  - files: {{ put: {{ /lfs1/id: {{ text: \"{{{{ unit.serial }}}}\" }}, /lfs1/table: {{ hex: \"{}\" }} }} }}
    verify: readback
",
        sha256(&image),
        "0123456789abcdef".repeat(250)
    );
    Profile { yaml, image }
}

/// One file, at this level.
pub fn files_only(level: &str) -> Profile {
    let yaml = format!(
        "format: 1
name: files
version: 1.0.0
match: {{ driver: smp, model: thermostat }}
steps:
  - files: {{ put: {{ /lfs1/notes: {{ text: \"{}\" }} }} }}
    verify: {level}
",
        "all work and no play ".repeat(40)
    );
    Profile { yaml, image: Vec::new() }
}

fn sha256(bytes: &[u8]) -> String {
    hardwire::digest::Digest::sha256(bytes).to_string()
}
