//! What the modes share, and the way from one to the next.

use super::{Mode, Options};
use crate::Error;
use crate::adb::{Restart, Runs, System};
use crate::fastboot::{self, Engine, Outcome, Store};
use protocols::adb::message::Reboot;
use protocols::android::avb::{Descriptor, Vbmeta, chain_digest};
use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

/// Both halves of a phone.
pub(super) fn open(options: Options) -> Result<(System, Engine), Error> {
    let Options { adb, mut fastboot, .. } = options;
    fastboot.state.clone_from(&adb.state);
    fastboot.serial.clone_from(&adb.serial);
    fastboot.product.clone_from(&adb.product);
    let store = Store::open(&fastboot)?;
    let engine = Engine::new(fastboot, store, fastboot::Mode::Bootloader);
    Ok((System::open(adb)?, engine))
}

/// What a half is in this mode; the other one is off.
pub(super) enum Half {
    Adb(Runs),
    Fastboot(fastboot::Mode),
}

impl Mode {
    pub(super) const fn half(self) -> Half {
        match self {
            Self::Android => Half::Adb(Runs::Android),
            Self::Recovery => Half::Adb(Runs::Recovery),
            Self::Sideload => Half::Adb(Runs::Sideload),
            Self::Bootloader => Half::Fastboot(fastboot::Mode::Bootloader),
            Self::Fastbootd => Half::Fastboot(fastboot::Mode::Fastbootd),
        }
    }
}

/// Starts a mode; what was under way in another is over.
pub(super) fn start(mode: Mode, system: &mut System, engine: &mut Engine) -> Result<(), Error> {
    match mode.half() {
        Half::Fastboot(mode) => engine.start(mode),
        Half::Adb(runs) => {
            system.boot(runs);
            if runs == Runs::Android {
                engine.store().mark_successful()?;
                user_data(system, engine.store())?;
            }
            let slot = engine.store().current_slot();
            system.show("ro.boot.slot_suffix", &format!("_{slot}"));
            if let Some(digest) = verified(engine.store()) {
                system.show("ro.boot.vbmeta.digest", &digest);
            }
        }
    }
    Ok(())
}

/// Where F2FS says what it is, and how.
const F2FS: (u64, [u8; 4]) = (1024, [0x10, 0x20, 0xf5, 0xf2]);

/// Android makes a file system where there is none, and is then as it left the factory.
fn user_data(system: &mut System, store: &Store) -> Result<(), Error> {
    let Some(partition) = store.partition("userdata") else { return Ok(()) };
    if partition.read(F2FS.0, F2FS.1.len())? == F2FS.1 {
        return Ok(());
    }
    system.user_data_is_gone()?;
    partition.mark(F2FS.0, &F2FS.1)
}

/// The digest over all that verified boot read, if there is anything to read.
fn verified(store: &Arc<Store>) -> Option<String> {
    let slot = store.current_slot();
    let read = |name: &str| {
        let partition = store.partition(&format!("{name}_{slot}")).or_else(|| store.partition(name))?;
        Vbmeta::read(fs::read(partition.path()).ok()?.as_slice()).ok()
    };
    let top = read("vbmeta")?;
    let chains = top.descriptors.iter().filter_map(|descriptor| match descriptor {
        Descriptor::Chain(chain) => Some((chain.partition.clone(), read(&chain.partition)?)),
        _ => None,
    });
    let chained: BTreeMap<String, Vbmeta> = chains.collect();
    Some(hex::encode(chain_digest(&top, |name| chained.get(name)).ok()?))
}

/// What follows an ADB daemon or unit that begins anew.
pub(super) fn after(restart: Restart, now: Mode) -> Mode {
    match restart {
        Restart::Daemon => now,
        Restart::Unit(Reboot::System) => Mode::Android,
        Restart::Unit(Reboot::Bootloader) => Mode::Bootloader,
        Restart::Unit(Reboot::Fastboot) => Mode::Fastbootd,
        Restart::Unit(Reboot::Recovery) => Mode::Recovery,
        Restart::Unit(Reboot::Sideload) => Mode::Sideload,
    }
}

/// What follows fastboot. A phone that is off is started by its charger.
pub(super) const fn started(outcome: Outcome) -> Mode {
    match outcome {
        Outcome::System | Outcome::Off => Mode::Android,
        Outcome::Bootloader => Mode::Bootloader,
        Outcome::Fastbootd => Mode::Fastbootd,
        Outcome::Recovery => Mode::Recovery,
    }
}
