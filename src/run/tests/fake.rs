//! A unit in memory, behind the capability traits alone: no protocol, no link.

use std::collections::BTreeMap;
use std::io::Write;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::device::{
    Activate, Bay, BayId, Capability, Console, ConsoleReply, Content, Continuity, Departure, Driver, FileStat, Files,
    Firmware, ImageIdentity, Known, Level, Mode, ModeSpec, Offer, Op, Power, Proof, Returned, Settings, SlotState,
    Unit, Upload, Written,
};
use crate::digest::{Algorithm, Digest};
use crate::error::{Error, Kind, Result};

/// What the unit holds, shared with the test.
#[expect(clippy::struct_excessive_bools, reason = "each is a knob of its own")]
#[derive(Default)]
pub struct State {
    pub files: BTreeMap<String, Vec<u8>>,
    pub settings: BTreeMap<String, Vec<u8>>,
    pub primary: Vec<u8>,
    pub secondary: Option<Vec<u8>>,
    pub pending: bool,
    pub confirmed: bool,
    /// Every file write loses its last byte.
    pub loses_byte: bool,
    /// Digests answer for what was sent.
    pub lies: bool,
    pub sent: BTreeMap<String, Vec<u8>>,
    /// The bootloader refuses whatever is pending.
    pub refuses_boot: bool,
    /// The unit refuses settings and commands, and repeats them.
    pub refuses_words: bool,
    /// The link breaks after this many questions.
    pub breaks_after: Option<u32>,
    pub writes: u32,
    pub restarts: u32,
    /// How long the unit was waited for, each time.
    pub awaited: Vec<Duration>,
}

pub type Shared = Arc<Mutex<State>>;

pub const MODES: &[ModeSpec] = &[];

pub struct FakeBay {
    pub state: Shared,
    pub returns: Returns,
}

/// What comes back after a restart.
#[derive(Clone, Copy)]
pub struct Returns {
    pub serial: &'static str,
    pub proof: Proof,
    pub continuity: Continuity,
}

pub fn driver(state: &Shared, serial: &str) -> Box<dyn Driver> {
    let unit = Unit {
        driver: "fake",
        mode: Mode::Application,
        serial: (!serial.is_empty()).then(|| serial.into()),
        hwid: None,
        model: Some("fake".into()),
        hardware: None,
        locked: None,
        firmware: Vec::new(),
        offers: vec![
            Offer::new(Capability::Files, &[Level::Digest, Level::Readback]),
            Offer::new(Capability::Settings, &[Level::Readback]),
            Offer::new(Capability::Firmware, &[Level::Link, Level::Booted]),
            Offer::new(Capability::Backup, &[]),
            Offer::new(Capability::Power, &[]),
            Offer::new(Capability::Console, &[]),
        ],
        ahead: BTreeMap::new(),
        limits: BTreeMap::new(),
    };
    Box::new(Fake { unit, state: Arc::clone(state) })
}

impl Bay for FakeBay {
    fn id(&self) -> Option<BayId> {
        Some(BayId(3))
    }

    fn address(&self) -> &str {
        "tty:/dev/fake"
    }

    fn open(&mut self, _: &mut Op<'_>) -> Result<Box<dyn Driver>> {
        Ok(driver(&self.state, "F1"))
    }

    fn wait(&mut self, _: &Known, departure: &Departure, _: &mut Op<'_>) -> Result<Returned> {
        self.state.lock().expect("no test panics while it holds the unit").awaited.push(departure.within);
        let Returns { serial, proof, continuity } = self.returns;
        Ok(Returned { driver: driver(&self.state, serial), proof, continuity })
    }
}

struct Fake {
    unit: Unit,
    state: Shared,
}

impl Fake {
    fn ask(&self) -> Result<std::sync::MutexGuard<'_, State>> {
        let mut state = self.state.lock().expect("no test panics while it holds the unit");
        if let Some(left) = &mut state.breaks_after {
            match left.checked_sub(1) {
                Some(less) => *left = less,
                None => return Err(Error::new(Kind::Gone, "the fake unit left")),
            }
        }
        Ok(state)
    }
}

impl Driver for Fake {
    fn unit(&self) -> &Unit {
        &self.unit
    }
    fn settings(&mut self) -> Option<&mut dyn Settings> {
        Some(self)
    }
    fn files(&mut self) -> Option<&mut dyn Files> {
        Some(self)
    }
    fn firmware(&mut self) -> Option<&mut dyn Firmware> {
        Some(self)
    }
    fn power(&mut self) -> Option<&mut dyn Power> {
        Some(self)
    }
    fn console(&mut self) -> Option<&mut dyn Console> {
        Some(self)
    }
}

fn refused(words: &str) -> Error {
    Error::new(Kind::Refused, "the unit refuses it").because(Error::new(Kind::Refused, words))
}

impl Console for Fake {
    fn run(&mut self, command: &str, _: &mut Op<'_>) -> Result<ConsoleReply> {
        Err(refused(command))
    }
}

impl Settings for Fake {
    fn read(&mut self, key: &str, _: &mut Op<'_>) -> Result<Option<Vec<u8>>> {
        Ok(self.ask()?.settings.get(key).cloned())
    }
    fn write(&mut self, key: &str, value: &[u8], _: &mut Op<'_>) -> Result<()> {
        let mut state = self.ask()?;
        if state.refuses_words {
            return Err(refused(&String::from_utf8_lossy(value)));
        }
        state.writes += 1;
        state.settings.insert(key.to_owned(), value.to_vec());
        Ok(())
    }
    fn delete(&mut self, key: &str, _: &mut Op<'_>) -> Result<()> {
        let mut state = self.ask()?;
        state.writes += 1;
        state.settings.remove(key);
        Ok(())
    }
    fn save(&mut self, _: &mut Op<'_>) -> Result<()> {
        self.ask().map(drop)
    }
    fn max_value(&self, _: &str) -> Option<u64> {
        Some(100)
    }
}

impl Files for Fake {
    fn stat(&mut self, path: &str, _: &mut Op<'_>) -> Result<Option<FileStat>> {
        Ok(self.ask()?.files.get(path).map(|file| FileStat { len: file.len() as u64 }))
    }
    fn algorithms(&self) -> &[Algorithm] {
        &[Algorithm::Sha256]
    }
    fn digest(&mut self, path: &str, _: Algorithm, _: Option<Range<u64>>, _: &mut Op<'_>) -> Result<Option<Digest>> {
        let state = self.ask()?;
        let from = if state.lies { &state.sent } else { &state.files };
        Ok(from.get(path).map(|file| Digest::sha256(file)))
    }
    fn read(&mut self, path: &str, into: &mut dyn Write, _: &mut Op<'_>) -> Result<Option<u64>> {
        let Some(file) = self.ask()?.files.get(path).cloned() else { return Ok(None) };
        into.write_all(&file).map_err(|error| Error::new(Kind::Storage, "cannot keep it").because(error))?;
        Ok(Some(file.len() as u64))
    }
    fn write(&mut self, path: &str, content: &dyn Content, _: &mut Op<'_>) -> Result<Written> {
        let mut state = self.ask()?;
        let bytes = content.to_vec().expect("memory");
        let keep = bytes.len() - usize::from(state.loses_byte);
        state.writes += 1;
        state.files.insert(path.to_owned(), bytes[..keep].to_vec());
        state.sent.insert(path.to_owned(), bytes);
        Ok(Written { sent: content.len(), resumed_at: 0 })
    }
}

fn identity(image: &[u8]) -> ImageIdentity {
    ImageIdentity {
        version: format!("{}.0.0", image.first().copied().unwrap_or(0)),
        hash: Digest::sha256(image).to_string(),
    }
}

impl Firmware for Fake {
    fn identify(&self, _slot: &str, content: &dyn Content) -> Result<ImageIdentity> {
        Ok(identity(&content.to_vec().expect("memory")))
    }
    fn fits(&self, _: &str, _: &dyn Content) -> Result<()> {
        Ok(())
    }
    fn slots(&mut self, _: &mut Op<'_>) -> Result<Vec<SlotState>> {
        let state = self.ask()?;
        let slot = |name: &str, image: &[u8], flags: Vec<&'static str>| {
            let ImageIdentity { version, hash } = identity(image);
            SlotState { slot: name.to_owned(), version: Some(version.into()), hash: Some(hash), state: flags }
        };
        let mut active = vec!["active"];
        if state.confirmed {
            active.push("confirmed");
        }
        let mut slots = vec![slot("primary", &state.primary, active)];
        slots.extend(state.secondary.as_ref().map(|image| slot("secondary", image, Vec::new())));
        Ok(slots)
    }
    fn writable(&self) -> Vec<String> {
        vec!["secondary".to_owned()]
    }
    fn activations(&self) -> &[Activate] {
        &[Activate::Test, Activate::Confirm]
    }
    fn upload(&mut self, _: &str, content: &dyn Content, _: &mut Op<'_>) -> Result<Upload> {
        let mut state = self.ask()?;
        state.writes += 1;
        state.secondary = Some(content.to_vec().expect("memory"));
        Ok(Upload { written: Written { sent: content.len(), resumed_at: 0 }, matched: None, left: None })
    }
    fn activate(&mut self, _: &str, how: Activate, _: &mut Op<'_>) -> Result<()> {
        let mut state = self.ask()?;
        match how {
            Activate::Confirm => state.confirmed = true,
            Activate::Test | Activate::None => state.pending = true,
        }
        Ok(())
    }
    fn erase(&mut self, _: &str, _: &mut Op<'_>) -> Result<()> {
        self.ask()?.secondary = None;
        Ok(())
    }
}

impl Power for Fake {
    fn reaches(&self) -> Vec<Mode> {
        vec![Mode::Application]
    }
    fn restart(&mut self, _: Mode, _: &mut Op<'_>) -> Result<Departure> {
        let mut state = self.ask()?;
        state.restarts += 1;
        if std::mem::take(&mut state.pending)
            && !state.refuses_boot
            && let Some(new) = state.secondary.take()
        {
            state.secondary = Some(std::mem::replace(&mut state.primary, new));
            state.confirmed = false;
        }
        let within = Duration::from_secs(60);
        Ok(Departure { to: vec![Mode::Application], settle: Duration::ZERO, within, why: "to restart".to_owned() })
    }
}
