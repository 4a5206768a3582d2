//! Firmware images in MCUboot's slots.

use protocols::mcuboot::Image;
use protocols::smp::message::image::{Erase, StateRead, StateWrite};
use protocols::smp::session::RetryPolicy;

use super::SmpDriver;
use super::exchange::FLASH;
use super::files::unreadable;
use super::slots::{self, Writable};
use crate::device::{Activate, Content, Firmware, ImageIdentity, Op, SlotState, Upload};
use crate::error::{Error, Kind, Result};

/// Files above this are no firmware for a unit that speaks SMP.
const MAX_IMAGE: u64 = 256 << 20;

impl Firmware for SmpDriver {
    fn identify(&self, _slot: &str, content: &dyn Content) -> Result<ImageIdentity> {
        let wrong = |sentence: &str| {
            Error::new(Kind::Invalid, sentence.to_owned())
                .next("give a signed MCUboot image as imgtool writes it (often `zephyr.signed.bin`)")
        };
        if content.len() > MAX_IMAGE {
            return Err(wrong("the file is too large for a firmware image"));
        }
        let file = content.to_vec().map_err(unreadable)?;
        let image =
            Image::parse(&file).map_err(|error| wrong("the file is no firmware for this unit").because(error))?;
        Ok(ImageIdentity { version: image.version().as_unit_writes(), hash: hex::encode(&image.hash.bytes) })
    }

    fn fits(&self, slot: &str, content: &dyn Content) -> Result<()> {
        self.identify(slot, content).map(drop)
    }

    fn slots(&mut self, op: &mut Op<'_>) -> Result<Vec<SlotState>> {
        let state = self.wire.require(&StateRead {}, FLASH, op)?;
        let slots = slots::states(&state.images);
        self.unit.firmware.clone_from(&slots);
        Ok(slots)
    }

    fn writable(&self) -> Vec<String> {
        self.survey.writable.iter().map(|slot| slot.slot.clone()).collect()
    }

    fn room(&self, slot: &str) -> Option<u64> {
        self.target(slot).ok()?.room
    }

    fn activations(&self) -> &[Activate] {
        slots::activations(self.survey.state_settable, self.survey.swap)
    }

    fn upload(&mut self, slot: &str, content: &dyn Content, op: &mut Op<'_>) -> Result<Upload> {
        let target = self.target(slot)?.clone();
        let upload = self
            .wire
            .upload_image(target.id, content, op)
            .map_err(|error| error.while_doing(format!("writing slot {slot}")))?;
        self.uploaded = Some(content.len());
        Ok(upload)
    }

    fn activate(&mut self, hash: &str, how: Activate, op: &mut Op<'_>) -> Result<()> {
        let confirm = match how {
            Activate::None => return Ok(()),
            Activate::Test => false,
            Activate::Confirm => true,
        };
        if !self.survey.state_settable {
            return Err(Error::new(Kind::Unsupported, "the unit's build does not let its image state be set")
                .next("use `activate: none`, or write the image in another mode"));
        }
        let bytes = hex::decode(hash)
            .map_err(|error| Error::new(Kind::Invalid, "an image hash is given in hex").because(error))?;
        let request = StateWrite { hash: Some(bytes.into()), confirm: Some(confirm) };
        let state = self.wire.require(&request, FLASH, op)?;
        self.unit.firmware = slots::states(&state.images);
        Ok(())
    }

    fn erase(&mut self, slot: &str, op: &mut Op<'_>) -> Result<()> {
        self.target(slot)?;
        let number = slots::number(slot)
            .ok_or_else(|| Error::new(Kind::Invalid, format!("`{}` is no slot", slot.escape_debug())))?;
        self.wire.require(&Erase { slot: Some(number) }, RetryPolicy::ERASE, op)?;
        Ok(())
    }
}

impl SmpDriver {
    fn target(&self, slot: &str) -> Result<&Writable> {
        self.survey.writable.iter().find(|writable| writable.slot == slot).ok_or_else(|| {
            Error::new(
                Kind::Unsupported,
                format!(
                    "in mode {} the unit takes no image in slot {} (it takes: {})",
                    self.unit.mode,
                    slot.escape_debug(),
                    self.writable().join(", ")
                ),
            )
        })
    }
}
