//! The file system group, and the file system: a folder on the host, mounted at `/lfs1`.
//!
//! A file grows in place, chunk by chunk, and every chunk that was answered is kept: as a file system that syncs
//! after each write.

use super::body::{Body, Out};
use super::device::Device;
use super::error::{Error, Fail, rc};
use super::{Fault, Options};
use protocols::smp::Group;
use sha2::{Digest as _, Sha256};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

const UNKNOWN: u8 = 1;
const INVALID_NAME: u8 = 2;
const NOT_FOUND: u8 = 3;
const IS_DIRECTORY: u8 = 4;
const WRITE_FAILED: u8 = 10;
const OFFSET_NOT_VALID: u8 = 11;
const OFFSET_LARGER_THAN_FILE: u8 = 12;
const HASH_NOT_FOUND: u8 = 13;
const MOUNT_POINT_NOT_FOUND: u8 = 14;
const FILE_EMPTY: u8 = 16;

/// Zephyr's default of `MCUMGR_GRP_FS_PATH_LEN`.
const PATH_LEN: usize = 64;
const MOUNT: &str = "/lfs1";
/// Longest name of a hash that Zephyr copies.
const HASH_NAME_LEN: usize = 8;

/// The mounted file system.
pub(super) struct Files {
    root: PathBuf,
    /// With [`Fault::LieHash`]: what was sent, beside what was stored.
    sent: Option<PathBuf>,
    capacity: u64,
}

/// The file that the group has open between requests. Forgotten by a reset, and when it is complete.
pub(super) struct Transfer {
    kind: Kind,
    name: String,
    /// Where the next chunk is expected.
    off: u64,
    /// Length that the first chunk announced, or of the file that is read.
    len: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Upload,
    Download,
}

impl Files {
    pub(super) fn open(folder: &Path, options: &Options) -> Result<Self, Error> {
        let root = folder.join("lfs1");
        let sent = options.faults.contains(&Fault::LieHash).then(|| folder.join("lfs1.sent"));
        for path in [Some(&root), sent.as_ref()].into_iter().flatten() {
            fs::create_dir_all(path).map_err(|source| Error::State { path: path.clone(), source })?;
        }
        let full = options.faults.contains(&Fault::DiskFull);
        Ok(Self { root, sent, capacity: if full { 0 } else { options.limits.fs_size } })
    }

    /// Bytes that more data may take.
    fn free(&self) -> u64 {
        self.capacity.saturating_sub(used(&self.root))
    }
}

fn used(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(found) if found.is_dir() => used(&entry.path()),
            Ok(found) => found.len(),
            Err(_) => 0,
        })
        .sum()
}

fn fail(code: u8) -> Fail {
    Fail::Group(Group::FS, code)
}

/// A path on the unit, taken apart: below the mount point, and safe to append to the folder on the host.
struct Name<'a> {
    text: &'a str,
    below: &'a str,
}

impl<'a> Name<'a> {
    /// `absent` is what the command at hand says of a path where nothing is mounted.
    fn of(body: &Body<'a>, absent: u8) -> Result<Self, Fail> {
        let text = body.text("name")?.unwrap_or_default();
        if text.is_empty() || text.len() > PATH_LEN {
            return Err(Fail::Rc(rc::EINVAL));
        }
        if !text.starts_with('/') || text.len() < 2 || text.contains('\0') {
            return Err(fail(INVALID_NAME));
        }
        let below = match text.strip_prefix(MOUNT) {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => rest.trim_start_matches('/'),
            _ => return Err(fail(absent)),
        };
        if below.split('/').any(|part| part == ".." || part == ".") {
            return Err(fail(INVALID_NAME));
        }
        Ok(Self { text, below })
    }

    fn in_folder(&self, folder: &Path) -> PathBuf {
        if self.below.is_empty() { folder.to_owned() } else { folder.join(self.below) }
    }
}

/// Length of the file at `path`.
fn file_len(path: &Path) -> Result<u64, Fail> {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => Err(fail(IS_DIRECTORY)),
        Ok(found) => Ok(found.len()),
        Err(error) => Err(fail(if is_absent(&error) { NOT_FOUND } else { UNKNOWN })),
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Write `data` at `off`, cutting off what was there from `off` on when `off` is 0.
fn write_at(path: &Path, off: u64, data: &[u8]) -> Result<(), Error> {
    let state = |source| Error::State { path: path.to_owned(), source };
    let mut file = OpenOptions::new().write(true).create(true).truncate(off == 0).open(path).map_err(state)?;
    file.seek(SeekFrom::Start(off)).map_err(state)?;
    file.write_all(data).map_err(state)
}

impl Device {
    pub(super) fn fs_upload(&mut self, body: &Body<'_>) -> Result<Out, Fail> {
        let off = body.uint("off")?.ok_or(Fail::Rc(rc::EINVAL))?;
        let len = body.uint("len")?;
        let data = body.bytes("data")?.unwrap_or_default();
        if off == 0 && len.is_none() {
            return Err(Fail::Rc(rc::EINVAL));
        }
        let name = Name::of(body, MOUNT_POINT_NOT_FOUND)?;
        let path = name.in_folder(&self.files.root);

        let known = self.ram.transfer.take().filter(|open| open.kind == Kind::Upload && open.name == name.text);
        let mut transfer = match known {
            Some(open) => open,
            None => {
                open_for_writing(&path)?;
                Transfer { kind: Kind::Upload, name: name.text.to_owned(), off: 0, len: None }
            }
        };
        if off == 0 {
            transfer.len = len;
            transfer.off = 0;
        } else if transfer.off == 0 {
            transfer.off = file_len(&path)?;
        }
        if off > 0 && off != transfer.off {
            // Zephyr closes the file, and so does this: `transfer` is not put back.
            return Err(Fail::GroupWith(Group::FS, OFFSET_NOT_VALID, "len", transfer.off));
        }
        self.fs_store(&name, &path, &transfer, data)?;
        transfer.off += data.len() as u64;

        let mut out = Out::new();
        out.uint("off", transfer.off);
        if transfer.len.is_none_or(|len| len == 0 || transfer.off < len) {
            self.ram.transfer = Some(transfer);
        }
        Ok(out)
    }

    fn fs_store(&mut self, name: &Name<'_>, path: &Path, transfer: &Transfer, data: &[u8]) -> Result<(), Fail> {
        if data.is_empty() {
            return Ok(());
        }
        if transfer.off == 0 {
            write_at(path, 0, &[])?;
        }
        if self.files.free() < data.len() as u64 {
            return Err(fail(WRITE_FAILED));
        }
        if let Some(sent) = &self.files.sent {
            let path = name.in_folder(sent);
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder).map_err(|source| Error::State { path: folder.to_owned(), source })?;
            }
            write_at(&path, transfer.off, data)?;
        }
        let worn = self.flash.worn(data, transfer.off, transfer.len.map(|len| len / 2));
        self.flash.store(&worn, |data| write_at(path, transfer.off, data))?;
        Ok(())
    }

    pub(super) fn fs_download(&mut self, body: &Body<'_>) -> Result<Out, Fail> {
        let off = body.uint("off")?.ok_or(Fail::Rc(rc::EINVAL))?;
        let name = Name::of(body, NOT_FOUND)?;
        let path = name.in_folder(&self.files.root);
        let known = self.ram.transfer.take().filter(|open| open.kind == Kind::Download && open.name == name.text);
        let len = match known.and_then(|open| open.len) {
            Some(len) => len,
            None => file_len(&path)?,
        };
        let chunk = self.download_chunk();
        let data = read_range(&path, off, chunk)?;
        let next = off + data.len() as u64;
        if next < len {
            let (kind, name) = (Kind::Download, name.text.to_owned());
            self.ram.transfer = Some(Transfer { kind, name, off: next, len: Some(len) });
        }
        let mut out = Out::new();
        out.uint("off", off).byte_string("data", &data);
        if off == 0 {
            out.uint("len", len);
        }
        Ok(out)
    }

    /// Bytes of a file that fit one answer beside its other fields, each at its longest.
    fn download_chunk(&self) -> u64 {
        const OTHER_FIELDS: u16 = 8 + 2 + (4 + 9) + (5 + 3) + (4 + 9);
        u64::from(self.options.limits.buf_size - OTHER_FIELDS)
    }

    pub(super) fn fs_status(&mut self, body: &Body<'_>) -> Result<Out, Fail> {
        let name = Name::of(body, NOT_FOUND)?;
        let mut out = Out::new();
        out.uint("len", file_len(&name.in_folder(&self.files.root))?);
        Ok(out)
    }

    pub(super) fn fs_hash(&mut self, body: &Body<'_>) -> Result<Out, Fail> {
        let kind = body.text("type")?.filter(|kind| !kind.is_empty()).unwrap_or("crc32");
        let off = body.uint("off")?.unwrap_or(0);
        let len = body.uint("len")?.unwrap_or(u64::MAX);
        if kind.len() > HASH_NAME_LEN || len == 0 {
            return Err(Fail::Rc(rc::EINVAL));
        }
        let name = Name::of(body, NOT_FOUND)?;
        if !["crc32", "sha256"].contains(&kind) {
            return Err(fail(HASH_NOT_FOUND));
        }
        let stored = name.in_folder(&self.files.root);
        match file_len(&stored)? {
            0 => return Err(fail(FILE_EMPTY)),
            size if size <= off => return Err(fail(OFFSET_LARGER_THAN_FILE)),
            _ => {}
        }
        // Files that were there before the lie began are answered for as they are.
        let sent = self.files.sent.as_ref().map(|sent| name.in_folder(sent)).filter(|sent| sent.is_file());
        let data = read_range(&sent.unwrap_or(stored), off, len)?;
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

    pub(super) fn fs_close(&mut self) -> Out {
        self.ram.transfer = None;
        Out::new()
    }
}

/// What Zephyr does before the first chunk: open the file, making it when it is not there.
fn open_for_writing(path: &Path) -> Result<(), Fail> {
    match OpenOptions::new().write(true).create(true).truncate(false).open(path) {
        Ok(_) => Ok(()),
        Err(error) if is_absent(&error) => Err(fail(MOUNT_POINT_NOT_FOUND)),
        Err(_) => Err(fail(UNKNOWN)),
    }
}

fn read_range(path: &Path, off: u64, len: u64) -> Result<Vec<u8>, Fail> {
    let read = || -> io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(off))?;
        let mut data = Vec::new();
        file.take(len).read_to_end(&mut data)?;
        Ok(data)
    };
    read().map_err(|error| fail(if is_absent(&error) { NOT_FOUND } else { UNKNOWN }))
}
