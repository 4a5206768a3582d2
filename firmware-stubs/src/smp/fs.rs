//! The file system group: one file open at a time, for writing or for reading, as in Zephyr.

use super::body::{Body, Out};
use super::device::Device;
use super::fail::{Fail, rc};
use super::files::{Name, code, fail};
use super::{Durability, Limits};
use protocols::smp::Group;
use sha2::{Digest as _, Sha256};
use std::time::Duration;

/// Longest name of a hash that Zephyr copies.
const HASH_NAME_LEN: usize = 8;

/// How long a file stays open when nothing asks for it (tried on Zephyr 4.4: between 4.0 and 4.3 s).
const IDLE_CLOSE: Duration = Duration::from_secs(4);

/// The file that is open between requests. A reset forgets it, and what of it is not durable yet.
pub(super) struct Transfer {
    kind: Kind,
    name: Name,
    /// Where the next chunk is expected.
    off: u64,
    /// Length that the first chunk of an upload announced, or of the file that is read. Not known for an upload
    /// that was resumed.
    len: Option<u64>,
    /// With [`Durability::Close`]: the content that closing will put in place, when it differs.
    unsaved: Option<Vec<u8>>,
    touched: Duration,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Upload,
    Download,
}

impl Transfer {
    fn is_complete(&self) -> bool {
        self.len.is_some_and(|len| len > 0 && self.off >= len)
    }
}

impl Device {
    pub(super) fn fs_upload(&mut self, body: &Body<'_>) -> Result<Out, Fail> {
        let off = body.uint("off")?.ok_or(Fail::Rc(rc::EINVAL))?;
        let len = body.uint("len")?;
        let data = body.bytes("data")?.unwrap_or_default();
        if off == 0 && len.is_none() {
            return Err(Fail::Rc(rc::EINVAL));
        }
        let name = Name::of(body, code::MOUNT_POINT_NOT_FOUND)?;
        let mut transfer = match self.take_open(Kind::Upload, &name)? {
            Some(open) => open,
            None => {
                self.files.create(&name)?;
                self.opened(Kind::Upload, name.clone(), None)
            }
        };
        if off == 0 {
            // Zephyr does not set back the offset of a file that is open: the answer then counts on from it.
            transfer.len = len;
        } else if transfer.off == 0 {
            transfer.off = self.files.len(&name)?;
        }
        if off > 0 && off != transfer.off {
            let expected = transfer.off;
            self.close(transfer)?;
            return Err(Fail::GroupWith(Group::FS, code::OFFSET_NOT_VALID, "len", expected));
        }
        self.fs_store(&mut transfer, off, data)?;
        transfer.off += data.len() as u64;
        let mut out = Out::new();
        out.uint("off", transfer.off);
        self.keep_open(transfer)?;
        Ok(out)
    }

    /// Put a chunk where it belongs: at the beginning, or at the end of what is there.
    fn fs_store(&mut self, transfer: &mut Transfer, off: u64, data: &[u8]) -> Result<(), Fail> {
        if data.is_empty() {
            return Ok(());
        }
        let at = match &transfer.unsaved {
            _ if off == 0 => 0,
            Some(unsaved) => unsaved.len() as u64,
            None => self.files.len(&transfer.name)?,
        };
        let unsaved = transfer.unsaved.as_ref().map_or(0, |content| content.len() as u64);
        if self.files.free() < unsaved + data.len() as u64 {
            // The old content is cut off before the new is refused.
            if at == 0 {
                self.files.write_at(&transfer.name, 0, &[])?;
            }
            return Err(fail(code::WRITE_FAILED));
        }
        self.files.note_sent(&transfer.name, at, data)?;
        let worn = self.flash.worn(data, at, transfer.len.map(|len| len / 2));
        match self.files.durability {
            Durability::Write => {
                let (files, name) = (&self.files, &transfer.name);
                self.flash.store(&worn, |data| files.write_at(name, at, data))?;
            }
            Durability::Close => {
                let mut content = match transfer.unsaved.take() {
                    _ if at == 0 => Vec::new(),
                    Some(unsaved) => unsaved,
                    None => self.files.read(&transfer.name, 0, at)?,
                };
                self.flash.store(&worn, |_| Ok(()))?;
                content.extend_from_slice(&worn);
                transfer.unsaved = Some(content);
            }
        }
        Ok(())
    }

    fn opened(&self, kind: Kind, name: Name, len: Option<u64>) -> Transfer {
        Transfer { kind, name, off: 0, len, unsaved: None, touched: self.now() }
    }

    /// The open file, if it is this one; any other is closed.
    fn take_open(&mut self, kind: Kind, name: &Name) -> Result<Option<Transfer>, Fail> {
        match self.ram.transfer.take() {
            Some(open) if open.kind == kind && open.name == *name => Ok(Some(open)),
            Some(other) => self.close(other).map(|()| None),
            None => Ok(None),
        }
    }

    fn keep_open(&mut self, mut transfer: Transfer) -> Result<(), Fail> {
        if transfer.is_complete() {
            return self.close(transfer);
        }
        transfer.touched = self.now();
        self.ram.transfer = Some(transfer);
        Ok(())
    }

    fn close(&self, transfer: Transfer) -> Result<(), Fail> {
        match transfer.unsaved {
            Some(content) => Ok(self.files.commit(&transfer.name, &content)?),
            None => Ok(()),
        }
    }

    /// When the open file closes by itself, as [`Device::handle`] counts time.
    #[must_use]
    pub fn closes_at(&self) -> Option<Duration> {
        self.ram.transfer.as_ref().map(|open| open.touched + IDLE_CLOSE)
    }

    /// Close the open file if nothing asked for it long enough.
    pub(super) fn close_idle(&mut self) -> Result<(), Fail> {
        match self.ram.transfer.take_if(|open| open.touched + IDLE_CLOSE <= self.now) {
            Some(open) => self.close(open),
            None => Ok(()),
        }
    }

    pub(super) fn fs_download(&mut self, body: &Body<'_>) -> Result<Out, Fail> {
        let off = body.uint("off")?.ok_or(Fail::Rc(rc::EINVAL))?;
        let name = Name::of(body, code::NOT_FOUND)?;
        let mut transfer = match self.take_open(Kind::Download, &name)? {
            Some(open) => open,
            None => {
                let len = self.files.len(&name)?;
                self.opened(Kind::Download, name, Some(len))
            }
        };
        let data = self.files.read(&transfer.name, off, self.download_chunk())?;
        transfer.off = off + data.len() as u64;
        let mut out = Out::new();
        out.uint("off", off).byte_string("data", &data);
        if off == 0 {
            out.uint("len", transfer.len.unwrap_or(0));
        }
        self.keep_open(transfer)?;
        Ok(out)
    }

    /// Bytes of a file that fit one answer beside its other fields, each at its longest.
    fn download_chunk(&self) -> u64 {
        const OTHER_FIELDS: u16 = 8 + 2 + (4 + 9) + (5 + 3) + (4 + 9);
        const { assert!(OTHER_FIELDS < Limits::MIN_BUF_SIZE) };
        u64::from(self.options.limits.buf_size - OTHER_FIELDS)
    }

    pub(super) fn fs_status(&mut self, body: &Body<'_>) -> Result<Out, Fail> {
        let name = Name::of(body, code::NOT_FOUND)?;
        let mut out = Out::new();
        out.uint("len", self.files.len(&name)?);
        Ok(out)
    }

    pub(super) fn fs_hash(&mut self, body: &Body<'_>) -> Result<Out, Fail> {
        let kind = body.text("type")?.filter(|kind| !kind.is_empty()).unwrap_or("crc32");
        let off = body.uint("off")?.unwrap_or(0);
        let len = body.uint("len")?.unwrap_or(u64::MAX);
        if kind.len() > HASH_NAME_LEN || len == 0 {
            return Err(Fail::Rc(rc::EINVAL));
        }
        let name = Name::of(body, code::NOT_FOUND)?;
        if !["crc32", "sha256"].contains(&kind) {
            return Err(fail(code::HASH_NOT_FOUND));
        }
        match self.files.len(&name)? {
            0 => return Err(fail(code::FILE_EMPTY)),
            size if size <= off => return Err(fail(code::OFFSET_LARGER_THAN_FILE)),
            _ => {}
        }
        let data = self.files.read_for_hash(&name, off, len)?;
        let mut out = Out::new();
        out.text("type", kind);
        if off != 0 {
            out.uint("off", off);
        }
        out.uint("len", data.len() as u64);
        if kind == "sha256" {
            out.byte_string("output", &Sha256::digest(&data));
        } else {
            out.uint("output", u64::from(crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC).checksum(&data)));
        }
        Ok(out)
    }

    pub(super) fn fs_hashes(&mut self) -> Out {
        let mut out = Out::new();
        out.key("types").begin_map();
        for (name, format, size) in [("crc32", 0, 4), ("sha256", 1, 32)] {
            out.key(name).begin_map().uint("format", format).uint("size", size).end();
        }
        out.end();
        out
    }

    pub(super) fn fs_close(&mut self) -> Result<Out, Fail> {
        if let Some(open) = self.ram.transfer.take() {
            self.close(open)?;
        }
        Ok(Out::new())
    }
}
