//! The image group: what is in the slots, uploads, and what the bootloader shall do next.

use super::body::{Body, Out};
use super::boot::Next;
use super::device::Device;
use super::fail::Fail;
use super::slots::Slot;
use super::{Limits, image};
use protocols::smp::Group;
use sha2::{Digest as _, Sha256};

const HASH_NOT_FOUND: u8 = 8;
const NO_FREE_SLOT: u8 = 9;
const INVALID_SLOT: u8 = 14;
const INVALID_OFFSET: u8 = 20;
const INVALID_LENGTH: u8 = 21;
const INVALID_IMAGE_HEADER: u8 = 22;
const INVALID_IMAGE_HEADER_MAGIC: u8 = 23;
const INVALID_HASH: u8 = 24;
const CURRENT_VERSION_IS_NEWER: u8 = 27;
const IMAGE_ALREADY_PENDING: u8 = 28;
const INVALID_IMAGE_TOO_LARGE: u8 = 30;
const INVALID_IMAGE_DATA_OVERRUN: u8 = 31;
const SETTING_TEST_TO_ACTIVE_DENIED: u8 = 33;

const SHA_LEN: usize = 32;

/// The upload that is going on. Kept in memory, as in Zephyr: a reset forgets it.
pub(super) struct Upload {
    off: u64,
    size: u64,
    /// Where a byte is lost, if one is.
    middle: u64,
    sha: Vec<u8>,
}

fn fail(code: u8) -> Fail {
    Fail::Group(Group::IMAGE, code)
}

impl Device {
    pub(super) fn image_state(&mut self) -> Result<Out, Fail> {
        let (primary, secondary): (&[&str], &[&str]) = match self.boot.next() {
            Next::Stay => (&["active", "confirmed"], &[]),
            Next::Test => (&["active", "confirmed"], &["pending"]),
            Next::Permanent => (&["active", "confirmed"], &["pending", "permanent"]),
            Next::Revert => (&["active"], &["confirmed"]),
        };
        let mut out = Out::new();
        out.key("images").begin_list();
        for (number, slot, flags) in [(0, Slot::Primary, primary), (1, Slot::Secondary, secondary)] {
            let Some(info) = self.slots.inspect(self.boot.bank(slot))? else { continue };
            out.begin_map().uint("slot", number).text("version", &info.version_text());
            out.byte_string("hash", &info.hash).bool("bootable", info.bootable);
            for flag in ["pending", "confirmed", "active", "permanent"] {
                out.bool(flag, flags.contains(&flag));
            }
            out.end();
        }
        out.end().uint("splitStatus", 0);
        Ok(out)
    }

    pub(super) fn image_set_state(&mut self, body: &Body<'_>) -> Result<Out, Fail> {
        let confirm = body.bool("confirm")?.unwrap_or(false);
        let slot = match body.bytes("hash")?.filter(|hash| !hash.is_empty()) {
            None if confirm => Slot::Primary,
            None => return Err(fail(INVALID_HASH)),
            Some(hash) if hash.len() != SHA_LEN => return Err(fail(INVALID_HASH)),
            Some(hash) => self.slot_of(hash)?,
        };
        let next = match (self.boot.next(), slot, confirm) {
            (_, Slot::Primary, false) => return Err(fail(SETTING_TEST_TO_ACTIVE_DENIED)),
            // What is asked for is already so.
            (Next::Test, Slot::Secondary, false)
            | (Next::Stay, Slot::Primary, true)
            | (Next::Permanent | Next::Revert, Slot::Secondary, true) => self.boot.next(),
            (Next::Test | Next::Permanent, ..) | (Next::Revert, Slot::Secondary, false) => {
                return Err(fail(IMAGE_ALREADY_PENDING));
            }
            (Next::Revert, Slot::Primary, true) => Next::Stay,
            (Next::Stay, Slot::Secondary, true) => Next::Permanent,
            (Next::Stay, Slot::Secondary, false) => Next::Test,
        };
        self.boot.set_next(next)?;
        self.image_state()
    }

    fn slot_of(&self, hash: &[u8]) -> Result<Slot, Fail> {
        for slot in [Slot::Primary, Slot::Secondary] {
            if self.slots.inspect(self.boot.bank(slot))?.is_some_and(|info| info.hash == hash) {
                return Ok(slot);
            }
        }
        Err(fail(HASH_NOT_FOUND))
    }

    /// Whether the secondary slot's image may not be overwritten, because the bootloader counts on it.
    fn secondary_in_use(&self) -> bool {
        self.boot.next() != Next::Stay
    }

    pub(super) fn image_upload(&mut self, body: &Body<'_>) -> Result<Out, Fail> {
        let off = body.uint("off")?.ok_or_else(|| fail(INVALID_OFFSET))?;
        let data = body.bytes("data")?.unwrap_or_default();
        if off == 0
            && let Some(answer) = self.begin_upload(body, data)?
        {
            return Ok(answer);
        }
        let upload = match &self.ram.upload {
            // Also without an upload: what is expected then is a first chunk.
            None => return Ok(progress(0)),
            Some(upload) if upload.off != off => return Ok(progress(upload.off)),
            Some(upload) => upload,
        };
        let (size, middle, end) = (upload.size, upload.middle, off.saturating_add(data.len() as u64));
        if end > size {
            return Err(fail(INVALID_IMAGE_DATA_OVERRUN));
        }
        let bank = self.boot.bank(Slot::Secondary);
        self.slots.write(bank, off, data, middle, &mut self.flash)?;
        if end < size {
            self.ram.upload.iter_mut().for_each(|upload| upload.off = end);
            return Ok(progress(end));
        }
        let sha = self.ram.upload.take().map(|upload| upload.sha).unwrap_or_default();
        Ok(self.complete(size, &sha)?)
    }

    /// The first chunk: either an answer that needs nothing stored, or an upload that begins.
    fn begin_upload(&mut self, body: &Body<'_>, data: &[u8]) -> Result<Option<Out>, Fail> {
        if data.len() < image::HEADER_LEN {
            return Err(fail(INVALID_IMAGE_HEADER));
        }
        let size = body.uint("len")?.ok_or_else(|| fail(INVALID_LENGTH))?;
        let version = image::version(data).ok_or_else(|| fail(INVALID_IMAGE_HEADER_MAGIC))?;
        let sha = body.bytes("sha")?.unwrap_or_default();
        if sha.len() > SHA_LEN {
            return Err(fail(INVALID_HASH));
        }
        if let Some(upload) = self.ram.upload.as_ref().filter(|upload| !sha.is_empty() && upload.sha == sha) {
            return Ok(Some(progress(upload.off)));
        }
        if !matches!(body.uint("image")?, None | Some(0)) || self.secondary_in_use() {
            return Err(fail(NO_FREE_SLOT));
        }
        if size > self.largest_image() {
            return Err(fail(INVALID_IMAGE_TOO_LARGE));
        }
        if body.bool("upgrade")?.unwrap_or(false) {
            let running = self.slots.inspect(self.boot.bank(Slot::Primary))?.map(|info| info.version);
            if running.is_some_and(|(major, minor, revision, _)| {
                (major, minor, revision) >= (version.0, version.1, version.2)
            }) {
                return Err(fail(CURRENT_VERSION_IS_NEWER));
            }
        }
        self.ram.upload = None;
        let bank = self.boot.bank(Slot::Secondary);
        if sha.len() == SHA_LEN && Sha256::digest(self.slots.read_for_hash(bank, size)?).as_slice() == sha {
            return Ok(Some(self.complete(size, sha)?));
        }
        self.slots.erase(bank, u32::try_from(size).unwrap_or(self.slots.size()))?;
        self.ram.upload = Some(Upload { off: 0, size, middle: image::middle(data, size), sha: sha.to_vec() });
        Ok(None)
    }

    /// The last answer: whether what is stored (or, with a lying device, what was sent) has the promised digest.
    fn complete(&self, size: u64, sha: &[u8]) -> Result<Out, crate::Error> {
        let stored = self.slots.read_for_hash(self.boot.bank(Slot::Secondary), size)?;
        let mut out = progress(size);
        out.bool("match", Sha256::digest(stored).as_slice() == sha);
        Ok(out)
    }

    pub(super) fn image_erase(&mut self, body: &Body<'_>) -> Result<Out, Fail> {
        match body.uint("slot")?.unwrap_or(1) {
            0 => return Err(fail(NO_FREE_SLOT)),
            1 => {}
            _ => return Err(fail(INVALID_SLOT)),
        }
        let bank = self.boot.bank(Slot::Secondary);
        if self.secondary_in_use() && self.slots.inspect(bank)?.is_some() {
            return Err(fail(NO_FREE_SLOT));
        }
        self.slots.erase(bank, self.slots.size())?;
        self.ram.upload = None;
        Ok(Out::new())
    }

    /// The bootloader keeps the last page of a slot for itself.
    fn largest_image(&self) -> u64 {
        u64::from(self.slots.size() - Limits::PAGE)
    }

    pub(super) fn image_slots(&mut self) -> Out {
        let size = u64::from(self.slots.size());
        let mut out = Out::new();
        out.key("images").begin_list().begin_map().uint("image", 0).key("slots").begin_list();
        for slot in [0, 1] {
            out.begin_map().uint("slot", slot).uint("size", size).end();
        }
        out.end().uint("max_image_size", self.largest_image()).end().end();
        out
    }
}

fn progress(off: u64) -> Out {
    let mut out = Out::new();
    out.uint("off", off);
    out
}
