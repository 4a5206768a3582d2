//! `sideload-host`: recovery asks the host for a package, block by block.

use super::super::android::{Restart, System};
use super::{Output, Service};
use crate::usb::Stop;
use protocols::adb::message::{Reboot, Sideload, Wanted};
use std::fs;

/// Most bytes of a package.
const MOST: u64 = 512 << 20;
/// What a package begins with: it is a zip.
const MAGIC: &[u8] = b"PK\x03\x04";

pub(super) fn open(text: &str) -> Option<Box<dyn Service>> {
    let (size, block) = text.split_once(':')?;
    let offer = Sideload { size: size.parse().ok()?, block: block.parse().ok().filter(|block| *block > 0)? };
    (offer.size <= MOST).then(|| Box::new(Loading { offer, package: Vec::new(), asked: None, done: false }) as _)
}

struct Loading {
    offer: Sideload,
    package: Vec<u8>,
    /// Bytes that the package has once the block came that was asked for.
    asked: Option<u64>,
    done: bool,
}

impl Service for Loading {
    fn input(&mut self, _: &mut System, bytes: &[u8]) -> Result<(), Stop> {
        let Some(until) = self.asked else { return Ok(()) };
        let wanted = (until as usize).saturating_sub(self.package.len());
        self.package.extend_from_slice(&bytes[..bytes.len().min(wanted)]);
        if self.package.len() as u64 >= until {
            self.asked = None;
        }
        Ok(())
    }

    fn output(&mut self, system: &mut System, _: usize) -> Result<Output, Stop> {
        if self.done {
            return Ok(Output::End);
        }
        if self.asked.is_some() {
            return Ok(Output::Nothing);
        }
        let number = (self.package.len() as u64).div_ceil(u64::from(self.offer.block));
        if let Some((offset, len)) = self.offer.block(number) {
            self.asked = Some(offset + u64::from(len));
            return Ok(Output::Bytes(Wanted::Block(number).to_bytes().to_vec()));
        }
        self.done = true;
        // Whatever came of it, recovery shows its menu again.
        system.restart(Restart::Unit(Reboot::Recovery));
        let installed = self.package.starts_with(MAGIC)
            && fs::write(system.tree.root().join("cache/package.zip"), &self.package).is_ok();
        let verdict = if installed { Wanted::Done } else { Wanted::Failed };
        Ok(Output::Bytes(verdict.to_bytes().to_vec()))
    }
}
