//! Flash behind the alternate settings, in files: written through at once, so that a kill leaves what was stored.

use super::options::Memory as Kind;
use super::{Error, Fault, Firmware, Options};
use crate::error::lock;
use crate::usb::Stop;
use protocols::dfu::message::Status;
use protocols::dfu::wire::{Access, Layout};
use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;

/// What an erased byte reads.
const ERASED: u8 = 0xff;

/// How a command on memory ends that the unit refuses.
pub(super) enum Fail {
    Status(Status),
    Stop(Stop),
}

impl From<Stop> for Fail {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

impl From<Error> for Fail {
    fn from(error: Error) -> Self {
        Self::Stop(Stop::Broken(error.into()))
    }
}

/// The memory of a unit.
pub(super) struct Memory {
    parts: Vec<Part>,
    /// Bytes stored since the process started.
    stored: u64,
    unplug_at: Option<u64>,
    worn: Vec<u64>,
    lies: bool,
    /// Held so that two processes never share a state folder.
    _lock: File,
}

struct Part {
    path: PathBuf,
    file: File,
    /// What is stored. A slot holds what was written since it was erased, addressed memory always all of itself.
    cells: Vec<u8>,
    /// What was sent.
    sent: Vec<u8>,
    layout: Option<Layout>,
    size: usize,
}

impl Memory {
    /// The memory as the folder keeps it.
    pub(super) fn open(options: &Options) -> Result<Self, Error> {
        let folder = &options.state;
        fs::create_dir_all(folder).map_err(Error::state(folder))?;
        let lock = lock(&folder.join("lock"))?;
        let parts: Vec<(Option<Layout>, u64)> = match &options.memory {
            Kind::Slots(slots) => slots.iter().map(|slot| (None, u64::from(slot.size))).collect(),
            Kind::Addressed(layouts) => layouts.iter().map(|layout| (Some(layout.clone()), layout.bytes())).collect(),
        };
        let factory = options.factory_image();
        let parts = parts.into_iter().enumerate().map(|(number, (layout, size))| {
            let path = folder.join(format!("memory-{number}"));
            let image = if number == 0 { factory.as_deref() } else { None };
            Part::open(path, layout, size as usize, image.unwrap_or_default())
        });
        let unplug = options.faults.iter().filter_map(|fault| match fault {
            Fault::UnplugByte(n) => Some(*n),
            _ => None,
        });
        let worn = options.faults.iter().filter_map(|fault| match fault {
            Fault::LoseByte(n) => Some(*n - 1),
            _ => None,
        });
        Ok(Self {
            parts: parts.collect::<Result<_, _>>()?,
            stored: 0,
            unplug_at: unplug.min(),
            worn: worn.collect(),
            lies: options.has(Fault::LieUpload),
            _lock: lock,
        })
    }

    /// The firmware that would run.
    pub(super) fn firmware(&self) -> Option<Firmware> {
        Firmware::read(&self.parts.first()?.cells)
    }

    /// The layout of addressed memory.
    pub(super) fn layout(&self, alternate: u8) -> Option<&Layout> {
        self.parts.get(usize::from(alternate))?.layout.as_ref()
    }

    fn part(&mut self, alternate: u8) -> Result<&mut Part, Fail> {
        self.parts.get_mut(usize::from(alternate)).ok_or(Fail::Status(Status::Target))
    }

    /// Empty a slot.
    pub(super) fn erase_slot(&mut self, alternate: u8) -> Result<(), Fail> {
        let part = self.part(alternate)?;
        part.cells.clear();
        part.sent.clear();
        part.file.set_len(0).map_err(Error::state(&part.path))?;
        Ok(())
    }

    /// Write behind what is in a slot.
    pub(super) fn append(&mut self, alternate: u8, data: &[u8]) -> Result<(), Fail> {
        let part = self.part(alternate)?;
        let at = part.cells.len();
        if at + data.len() > part.size {
            return Err(Fail::Status(Status::Address));
        }
        self.store(alternate, at, data)
    }

    /// Erase the page at an address.
    pub(super) fn erase_page(&mut self, alternate: u8, address: u32) -> Result<(), Fail> {
        let part = self.part(alternate)?;
        let page = part.layout.as_ref().and_then(|layout| layout.page_at(u64::from(address)));
        let page = page.ok_or(Fail::Status(Status::Address))?;
        if !page.access.allows(Access::ERASE) {
            return Err(Fail::Status(Status::Erase));
        }
        let offset = part.offset(page.start).ok_or(Fail::Status(Status::Address))?;
        part.blank(offset, page.len as usize)?;
        Ok(())
    }

    /// Erase all that can be erased.
    pub(super) fn mass_erase(&mut self, alternate: u8) -> Result<(), Fail> {
        let part = self.part(alternate)?;
        let regions = part.layout.as_ref().map(|layout| layout.regions.clone()).unwrap_or_default();
        for region in regions.iter().filter(|region| region.access().allows(Access::ERASE)) {
            if let Some(offset) = part.offset(u64::from(region.start())) {
                part.blank(offset, (region.end() - u64::from(region.start())) as usize)?;
            }
        }
        Ok(())
    }

    /// Program bytes at an address: only what is erased, or holds them already, can be.
    pub(super) fn program(&mut self, alternate: u8, address: u32, data: &[u8]) -> Result<(), Fail> {
        let part = self.part(alternate)?;
        let layout = part.layout.as_ref().ok_or(Fail::Status(Status::Address))?;
        if layout.require(address, data.len() as u64, Access::WRITE).is_err() {
            return Err(Fail::Status(if layout.page_at(address.into()).is_some() {
                Status::Write
            } else {
                Status::Address
            }));
        }
        let offset = part.offset(u64::from(address)).ok_or(Fail::Status(Status::Address))?;
        let old = part.cells.get(offset..offset + data.len()).ok_or(Fail::Status(Status::Address))?;
        if old.iter().zip(data).any(|(old, new)| *old != ERASED && old != new) {
            return Err(Fail::Status(Status::Program));
        }
        self.store(alternate, offset, data)
    }

    /// At most `room` bytes of a slot from `position` on.
    pub(super) fn read_slot(&self, alternate: u8, position: usize, room: usize) -> Vec<u8> {
        let Some(part) = self.parts.get(usize::from(alternate)) else { return Vec::new() };
        let bytes = if self.lies { &part.sent } else { &part.cells };
        let rest = bytes.get(position..).unwrap_or_default();
        rest[..room.min(rest.len())].to_vec()
    }

    /// At most `room` bytes at an address, as far as memory can be read without a gap.
    pub(super) fn read(&self, alternate: u8, address: u32, room: usize) -> Result<Vec<u8>, Fail> {
        let part = self.parts.get(usize::from(alternate)).ok_or(Fail::Status(Status::Target))?;
        let layout = part.layout.as_ref().ok_or(Fail::Status(Status::Address))?;
        let reach = layout.reach(address, Access::READ) - u64::from(address);
        let len = room.min(usize::try_from(reach).unwrap_or(usize::MAX));
        let offset = part.offset(u64::from(address)).filter(|_| len > 0).ok_or(Fail::Status(Status::Address))?;
        let bytes = if self.lies { &part.sent } else { &part.cells };
        // Regions that follow each other in address follow each other here only if they do in the layout.
        let rest = bytes.get(offset..).unwrap_or_default();
        Ok(rest[..len.min(rest.len())].to_vec())
    }

    fn store(&mut self, alternate: u8, offset: usize, data: &[u8]) -> Result<(), Fail> {
        let left = self.unplug_at.map_or(u64::MAX, |at| at.saturating_sub(self.stored));
        let kept = usize::try_from(left).map_or(data.len(), |left| left.min(data.len()));
        let cut = self.unplug_at.is_some() && kept as u64 == left;
        let mut worn = data[..kept].to_vec();
        for cell in &self.worn {
            let at = usize::try_from(*cell).ok().and_then(|cell| cell.checked_sub(offset));
            if let Some(byte) = at.and_then(|at| worn.get_mut(at)) {
                *byte = if *byte == ERASED { 0 } else { ERASED };
            }
        }
        let part = self.part(alternate)?;
        put(&mut part.sent, offset, &data[..kept]);
        part.write(offset, &worn)?;
        self.stored += kept as u64;
        if cut {
            self.unplug_at = None;
            return Err(Stop::Unplugged.into());
        }
        Ok(())
    }
}

impl Part {
    fn open(path: PathBuf, layout: Option<Layout>, size: usize, factory: &[u8]) -> Result<Self, Error> {
        let state = Error::state(&path);
        let fresh = !path.exists();
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(state)?;
        let mut cells = Vec::new();
        if fresh {
            cells = factory.to_vec();
            cells.truncate(size);
            if layout.is_some() {
                cells.resize(size, ERASED);
            }
            file.write_all(&cells).map_err(state)?;
        } else {
            let limit = size as u64 + 1;
            (&file).take(limit).read_to_end(&mut cells).map_err(state)?;
            if cells.len() > size || (layout.is_some() && cells.len() < size) {
                return Err(Error::foreign(&path)(format!("it has {} bytes", cells.len())));
            }
        }
        Ok(Self { sent: cells.clone(), path, file, cells, layout, size })
    }

    /// Where an address lies in the file.
    fn offset(&self, address: u64) -> Option<usize> {
        let mut before = 0;
        for region in &self.layout.as_ref()?.regions {
            let start = u64::from(region.start());
            if (start..region.end()).contains(&address) {
                return usize::try_from(before + address - start).ok();
            }
            before += region.end() - start;
        }
        None
    }

    fn blank(&mut self, offset: usize, len: usize) -> Result<(), Error> {
        let blank = vec![ERASED; len];
        put(&mut self.sent, offset, &blank);
        self.write(offset, &blank)
    }

    fn write(&mut self, offset: usize, bytes: &[u8]) -> Result<(), Error> {
        put(&mut self.cells, offset, bytes);
        self.file
            .seek(SeekFrom::Start(offset as u64))
            .and_then(|_| self.file.write_all(bytes))
            .map_err(Error::state(&self.path))
    }
}

fn put(cells: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if cells.len() < end {
        cells.resize(end, ERASED);
    }
    cells[offset..end].copy_from_slice(bytes);
}
