//! Firmware in alternate settings: written, read back, read out.

use std::io::Write;

use protocols::dfu::file::Image;
use protocols::dfu::session::{
    After, DfuseDownload, DfusePlan, Download, End, Erase, PlanError, Policy, Upload as Reading, Uploaded, Want,
};
use protocols::dfu::wire::{Access, Layout};

use super::DfuDriver;
use super::exchange::Part;
use super::image;
use super::slots::{self, Place};
use crate::device::{Activate, Content, Firmware, Held, ImageFile, Level, Op, SlotState, Tells, Upload, Written};
use crate::digest::Digest;
use crate::error::{Error, Kind, Result};

/// More than this is not read from a unit that does not say how much it holds.
const MAX_SLOT: u64 = 64 << 20;
const POLICY: Policy = Policy::DEFAULT;

impl Firmware for DfuDriver {
    fn tells(&self) -> Tells {
        Tells::Nothing
    }

    fn expected(&self, slot: &str, file: ImageFile<'_>) -> Result<Digest> {
        Ok(image::digest(&self.image(slot, file.content)?.1))
    }

    fn fits(&self, slot: &str, content: &dyn Content) -> Result<()> {
        self.image(slot, content).map(drop)
    }

    fn slots(&mut self, _: &mut Op<'_>) -> Result<Vec<SlotState>> {
        Ok(self.unit.firmware.clone())
    }

    fn writable(&self) -> Vec<String> {
        let can = self.survey.attributes().can_download();
        self.survey.slots.iter().filter(|_| can).map(|slot| slot.name.clone()).collect()
    }

    fn takes(&self, slot: &str) -> bool {
        self.survey.attributes().can_download() && slots::place(slot, &self.survey.slots).is_ok()
    }

    fn erases(&self, _: &str) -> bool {
        false
    }

    fn usual(&self) -> Option<String> {
        match self.survey.slots.as_slice() {
            [only] => Some(only.name.clone()),
            _ => None,
        }
    }

    fn room(&self, slot: &str) -> Option<u64> {
        let place = slots::place(slot, &self.survey.slots).ok()?;
        place.slot.layout.as_ref().map(Layout::bytes)
    }

    fn activations(&self) -> &[Activate] {
        &[Activate::None, Activate::Confirm]
    }

    fn upload(&mut self, slot: &str, content: &dyn Content, op: &mut Op<'_>) -> Result<Upload> {
        let (place, image) = self.image(slot, content)?;
        let (alternate, layout) = (place.slot.alternate, place.slot.layout.clone());
        self.wire.ready(alternate, op)?;
        self.wire.sent = 0;
        let left = match layout {
            Some(layout) => self.write_memory(&image, &layout, op).map(|()| None),
            None => self.write_slot(&image, op),
        };
        let left = left.map_err(|error| error.while_doing(format!("writing slot {slot}")))?;
        let written = Written { sent: self.wire.sent, resumed_at: 0 };
        Ok(Upload { written, matched: None, left })
    }

    fn held(&mut self, slot: &str, file: ImageFile<'_>, _: Level, op: &mut Op<'_>) -> Result<Option<Held>> {
        if !self.survey.attributes().can_upload() {
            return Ok(None);
        }
        let (place, image) = self.image(slot, file.content)?;
        let (alternate, layout) = (place.slot.alternate, place.slot.layout.clone());
        let expected = image::digest(&image);
        self.wire.ready(alternate, op)?;
        self.start = start(&image);
        let doing = |error: Error| error.while_doing(format!("reading slot {slot} back"));
        let mut bytes = Vec::with_capacity(image.len());
        let total = image.len() as u64;
        for segment in &image.segments {
            let len = segment.bytes.len() as u64;
            let part = Part { before: bytes.len() as u64, total };
            let read = match (&layout, segment.address) {
                (Some(layout), Some(address)) => self.read_memory((address, len), layout, part, op),
                _ => self.read_slot(len, part, op).map(|read| read.bytes),
            };
            bytes.extend(read.map_err(doing)?);
        }
        Ok(Some(Held { expected, observed: Digest::sha256(&bytes), level: Level::Readback }))
    }

    fn read(&mut self, slot: &str, into: &mut dyn Write, op: &mut Op<'_>) -> Result<Option<u64>> {
        if !self.survey.attributes().can_upload() {
            return Ok(None);
        }
        let Place { slot: found, address } = slots::place(slot, &self.survey.slots)?;
        let (alternate, layout) = (found.alternate, found.layout.clone());
        let doing = |error: Error| error.while_doing(format!("reading slot {slot}"));
        self.wire.ready(alternate, op)?;
        let bytes = match &layout {
            Some(layout) => {
                let (start, len) = whole(layout, address).map_err(doing)?;
                self.read_memory((start, len), layout, Part { before: 0, total: len }, op).map_err(doing)?
            }
            None => {
                let read = self.read_slot(MAX_SLOT, Part { before: 0, total: MAX_SLOT }, op).map_err(doing)?;
                if read.end == End::Full {
                    let sentence = format!("slot {slot} does not end within {MAX_SLOT} bytes");
                    return Err(Error::new(Kind::Unsupported, sentence));
                }
                read.bytes
            }
        };
        into.write_all(&bytes)
            .map_err(|cause| Error::new(Kind::Storage, "what was read cannot be kept").because(cause))?;
        Ok(Some(bytes.len() as u64))
    }

    fn activate(&mut self, _: &str, how: Activate, _: &mut Op<'_>) -> Result<()> {
        match how {
            // What a loader was given is what it starts.
            Activate::None | Activate::Confirm => Ok(()),
            Activate::Test => Err(Error::new(Kind::Unsupported, "a DFU unit cannot run firmware on trial")),
        }
    }

    fn erase(&mut self, _: &str, _: &mut Op<'_>) -> Result<()> {
        Err(Error::new(Kind::Unsupported, "a DFU unit shows nothing by which an erased slot could be told"))
    }
}

impl DfuDriver {
    /// What of the file goes where.
    fn image(&self, slot: &str, content: &dyn Content) -> Result<(Place<'_>, Image)> {
        let place = slots::place(slot, &self.survey.slots)?;
        let file = image::read(content)?;
        image::check_unit(&file, &self.ids, self.unit.mode)?;
        Ok((place, image::for_place(file, place)?))
    }

    /// Blocks in order, at whose end the unit puts the firmware in place.
    fn write_slot(&mut self, image: &Image, op: &mut Op<'_>) -> Result<Option<crate::device::Departure>> {
        let bytes = image.segments.first().map_or(&[][..], |segment| &segment.bytes);
        let part = Part { before: 0, total: bytes.len() as u64 };
        let (block, attributes) = (self.survey.block_size, self.survey.attributes());
        let session = Download::new(self.wire.interface, bytes, block, attributes, POLICY).map_err(unplanned)?;
        let after = self.wire.require(session, Some(part), op)?.after;
        if after == After::BusReset {
            self.reset()?;
        }
        Ok((after != After::Idle).then(super::power::to_application))
    }

    /// Pages erased and pieces written. The address pointer stays where it is until all was read back.
    fn write_memory(&mut self, image: &Image, layout: &Layout, op: &mut Op<'_>) -> Result<()> {
        let pieces = image::pieces(image);
        let plan = DfusePlan::new(&pieces, layout, Erase::Touched).map_err(unplanned)?;
        let part = Part { before: 0, total: plan.bytes() };
        let block = self.survey.block_size;
        let session = DfuseDownload::new(self.wire.interface, plan, block, POLICY).map_err(unplanned)?;
        self.start = start(image);
        self.wire.require(session, Some(part), op)?;
        Ok(())
    }

    fn read_memory(&mut self, range: (u32, u64), layout: &Layout, part: Part, op: &mut Op<'_>) -> Result<Vec<u8>> {
        let (interface, block) = (self.wire.interface, self.survey.block_size);
        let session = Reading::memory(interface, range, layout, block, POLICY).map_err(unplanned)?;
        Ok(self.wire.require(session, Some(part), op)?.bytes)
    }

    fn read_slot(&mut self, most: u64, part: Part, op: &mut Op<'_>) -> Result<Uploaded> {
        let (interface, block) = (self.wire.interface, self.survey.block_size);
        let session = Reading::new(interface, Want::UpTo(most), block, POLICY).map_err(unplanned)?;
        self.wire.require(session, Some(part), op)
    }

    /// Resets the port. That the unit is not the same afterwards is what it is for.
    pub(super) fn reset(&mut self) -> Result<()> {
        match self.wire.device.reset() {
            Err(error) if error.kind() != Kind::Gone => Err(error),
            _ => Ok(()),
        }
    }
}

/// Where an image begins: there it is started.
fn start(image: &Image) -> Option<u32> {
    image.segments.iter().filter_map(|segment| segment.address).min()
}

/// All that a slot holds, in one piece.
fn whole(layout: &Layout, address: Option<u32>) -> Result<(u32, u64)> {
    let start = address.or(layout.regions.first().map(|region| region.start())).unwrap_or(0);
    let reach = layout.reach(start, Access::READ);
    let len = reach - u64::from(start);
    let beyond = layout.regions.iter().any(|region| region.end() > reach && region.access().allows(Access::READ));
    let wrong = |sentence: &str| Err(Error::new(Kind::Unsupported, sentence.to_owned()));
    match len {
        0 => wrong("its memory cannot be read"),
        _ if beyond && address.is_none() => wrong("its memory has gaps; name an address behind the slot"),
        _ if len > MAX_SLOT => wrong("it is larger than anything that is backed up over DFU"),
        len => Ok((start, len)),
    }
}

fn unplanned(cause: PlanError) -> Error {
    Error::new(Kind::Invalid, "the transfer is not possible on this unit").because(cause)
}
