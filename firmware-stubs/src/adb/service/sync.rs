//! `sync`: files to and from the unit.

use super::super::android::{Place, System, entries, mode, reason};
use super::super::codec::{Decoder, Encoder};
use super::super::fault::Fault;
use super::{Output, Service, part};
use crate::usb::Stop;
use protocols::adb::message::sync::{
    DryRun, Entry, FileKind, Follow, MAX_DATA, Mode, Request, RequestPart, Requests, Stat, Version, data_header, done,
    fail, okay,
};
use sha2::{Digest as _, Sha256};
use std::ffi::OsStr;
use std::fs::{self, File, FileTimes, Metadata, Permissions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// A file that comes.
struct Incoming {
    decoder: Decoder,
    target: Target,
    mode: Mode,
    hasher: Sha256,
}

enum Target {
    File(File, PathBuf),
    /// What a link is to lead to.
    Link(Vec<u8>, PathBuf),
    Nowhere,
}

/// A file that goes.
struct Outgoing {
    file: File,
    encoder: Encoder,
    ready: Vec<u8>,
}

/// One conversation about files.
#[derive(Default)]
pub(super) struct Sync {
    requests: Requests,
    incoming: Option<Incoming>,
    outgoing: Option<Outgoing>,
    /// Requests that came while a file was going.
    waiting: Vec<u8>,
    out: Vec<u8>,
    /// A send failed: what comes of it is thrown away, then the stream ends.
    failed: bool,
    ended: bool,
}

impl Service for Sync {
    fn input(&mut self, system: &mut System, bytes: &[u8]) -> Result<(), Stop> {
        self.waiting.extend_from_slice(bytes);
        self.work(system)
    }

    fn output(&mut self, system: &mut System, room: usize) -> Result<Output, Stop> {
        while self.out.len() < room && self.outgoing.is_some() {
            if let Err(error) = self.go_on(system) {
                self.outgoing = None;
                self.out.extend(fail(reason(&error).as_bytes()));
            }
            if self.outgoing.is_none() {
                self.work(system)?;
            }
        }
        Ok(match (self.out.is_empty(), self.ended) {
            (false, _) => Output::Bytes(part(&mut self.out, room)),
            (true, true) => Output::End,
            (true, false) => Output::Nothing,
        })
    }
}

impl Sync {
    /// Takes what came, as far as it can be answered now.
    fn work(&mut self, system: &mut System) -> Result<(), Stop> {
        let waiting = std::mem::take(&mut self.waiting);
        let mut rest = waiting.as_slice();
        while self.outgoing.is_none() && !self.ended {
            match self.requests.next(&mut rest) {
                Ok(Some(RequestPart::Request(request))) => self.request(system, request),
                Ok(Some(RequestPart::Data(data))) => self.data(system, data)?,
                Ok(Some(RequestPart::Done(mtime))) => self.done(system, mtime)?,
                Ok(None) => break,
                Err(error) => {
                    self.out.extend(fail(error.to_string().as_bytes()));
                    self.ended = true;
                }
            }
        }
        self.waiting = rest.to_vec();
        Ok(())
    }

    fn request(&mut self, system: &mut System, request: Request) {
        match request {
            Request::Quit => self.ended = true,
            Request::Stat { version, follow, path } => {
                self.out.extend(stat(system, &path, follow, version).to_bytes(version, follow));
            }
            Request::List { version, path } => self.list(system, &path, version),
            Request::Send { path, mode, flags, .. } => {
                let target = match flags.dry_run {
                    DryRun::Yes => Ok(Target::Nowhere),
                    DryRun::No => target(system, &path, mode),
                };
                let begun = target.and_then(|target| Ok((target, Decoder::new(flags.compression)?)));
                match begun {
                    Ok((target, decoder)) => {
                        self.incoming = Some(Incoming { decoder, target, mode, hasher: Sha256::new() });
                    }
                    Err(error) => self.refuse(&error),
                }
            }
            Request::Receive { path, flags, .. } => {
                let opened = system.tree.resolve(b"/", &path, Follow::Yes).and_then(|place| {
                    if !system.may_read(&place) {
                        return Err(io::Error::from_raw_os_error(nix::errno::Errno::EACCES as i32));
                    }
                    let file = File::open(&place.path)?;
                    if file.metadata()?.is_dir() {
                        return Err(io::Error::from_raw_os_error(nix::errno::Errno::EISDIR as i32));
                    }
                    Ok(Outgoing { file, encoder: Encoder::new(flags.compression)?, ready: Vec::new() })
                });
                match opened {
                    Ok(outgoing) => self.outgoing = Some(outgoing),
                    Err(error) => self.out.extend(fail(format!("open failed: {}", reason(&error)).as_bytes())),
                }
            }
        }
    }

    fn refuse(&mut self, error: &io::Error) {
        self.incoming = None;
        self.failed = true;
        self.out.extend(fail(format!("couldn't create file: {}", reason(error)).as_bytes()));
    }

    fn data(&mut self, system: &mut System, data: &[u8]) -> Result<(), Stop> {
        let Some(incoming) = &mut self.incoming else { return Ok(()) };
        let taken = match incoming.decoder.feed(data) {
            Ok(bytes) => incoming.store(system, &bytes)?,
            Err(error) => Err(error),
        };
        if let Err(error) = taken {
            self.refuse(&error);
        }
        Ok(())
    }

    fn done(&mut self, system: &mut System, mtime: u32) -> Result<(), Stop> {
        let Some(mut incoming) = self.incoming.take() else {
            self.ended |= self.failed;
            return Ok(());
        };
        let decoder = std::mem::replace(&mut incoming.decoder, Decoder::Plain);
        let stored = match decoder.finish() {
            Ok(rest) => incoming.store(system, &rest)?,
            Err(error) => Err(error),
        };
        match stored.and_then(|()| incoming.close(system, mtime)) {
            Ok(()) => self.out.extend(okay()),
            Err(error) => {
                self.refuse(&error);
                self.ended = true;
            }
        }
        Ok(())
    }

    fn list(&mut self, system: &System, path: &[u8], version: Version) {
        let folder = system.tree.resolve(b"/", path, Follow::Yes);
        for (name, place, metadata) in folder.and_then(|folder| entries(&folder)).unwrap_or_default() {
            self.out.extend(Entry { name, stat: looked(&place, &metadata) }.to_bytes(version));
        }
        if system.options.has(Fault::ListEscape) {
            let file = |mode| Stat { mode, size: 5, ..Stat::default() };
            let evil: [(&[u8], Stat); 6] = [
                (b"../escaped", file(Mode::file(0o644))),
                (b"/etc/passwd", file(Mode::file(0o644))),
                (b"..", file(Mode::folder(0o755))),
                (b"zero", file(Mode(0o020_666))),
                (b"red\x1b[31m\x07", file(Mode::file(0o644))),
                (b"broken\xff\xfe", file(Mode::file(0o644))),
            ];
            for (name, stat) in evil {
                self.out.extend(Entry { name: name.to_vec(), stat }.to_bytes(version));
            }
        }
        self.out.extend(Entry::end(version));
    }

    /// Puts the next piece of the file that goes into what is to be sent.
    fn go_on(&mut self, system: &System) -> io::Result<()> {
        let Some(outgoing) = &mut self.outgoing else { return Ok(()) };
        let mut buffer = vec![0; MAX_DATA];
        let mut finished = false;
        while outgoing.ready.len() < MAX_DATA && !finished {
            match outgoing.file.read(&mut buffer)? {
                0 => {
                    let encoder = std::mem::replace(&mut outgoing.encoder, Encoder::Plain);
                    outgoing.ready.extend(encoder.finish()?);
                    finished = true;
                }
                count => outgoing.ready.extend(outgoing.encoder.feed(&buffer[..count])?),
            }
        }
        let longest = if system.options.has(Fault::LongData) { MAX_DATA * 4 } else { MAX_DATA };
        while outgoing.ready.len() >= MAX_DATA || (finished && !outgoing.ready.is_empty()) {
            let piece = part(&mut outgoing.ready, MAX_DATA);
            let said = if longest > MAX_DATA { longest } else { piece.len() };
            self.out.extend(data_header(said as u32));
            self.out.extend(piece);
        }
        if finished {
            self.out.extend(done());
            self.outgoing = None;
        }
        Ok(())
    }
}

fn stat(system: &System, path: &[u8], follow: Follow, version: Version) -> Stat {
    let found = system.tree.resolve(b"/", path, follow).and_then(|place| {
        let metadata = fs::symlink_metadata(&place.path)?;
        Ok(looked(&place, &metadata))
    });
    found.unwrap_or_else(|error| {
        let error = error.raw_os_error().and_then(|code| u32::try_from(code).ok()).unwrap_or(2);
        Stat { error: if version == Version::V1 { 0 } else { error }, ..Stat::default() }
    })
}

fn looked(place: &Place, metadata: &Metadata) -> Stat {
    Stat {
        error: 0,
        dev: metadata.dev(),
        ino: metadata.ino(),
        mode: Mode(mode(place, metadata)),
        nlink: metadata.nlink() as u32,
        uid: metadata.uid(),
        gid: metadata.gid(),
        size: metadata.size(),
        atime: metadata.atime(),
        mtime: metadata.mtime(),
        ctime: metadata.ctime(),
    }
}

/// Where a file that comes is to be stored. Folders on the way are made, and what is there and no file is replaced.
fn target(system: &System, path: &[u8], mode: Mode) -> io::Result<Target> {
    let follow = if mode.kind() == FileKind::Link { Follow::No } else { Follow::Yes };
    let place = system.tree.resolve(b"/", path, follow)?;
    if !system.may_write(&place) {
        return Err(io::Error::from_raw_os_error(nix::errno::Errno::EACCES as i32));
    }
    if let Some(parent) = place.path.parent() {
        fs::create_dir_all(parent)?;
    }
    match mode.kind() {
        FileKind::Link => {
            let _ = fs::remove_file(&place.path);
            Ok(Target::Link(Vec::new(), place.path))
        }
        FileKind::File | FileKind::Nothing => {
            let file = File::options().read(true).write(true).create(true).truncate(true).open(&place.path)?;
            Ok(Target::File(file, place.path))
        }
        _ => Err(io::Error::from_raw_os_error(nix::errno::Errno::EINVAL as i32)),
    }
}

impl Incoming {
    fn store(&mut self, system: &mut System, bytes: &[u8]) -> Result<io::Result<()>, Stop> {
        self.hasher.update(bytes);
        match &mut self.target {
            Target::File(file, _) => system.store_bytes(file, bytes),
            Target::Link(to, _) if to.len() + bytes.len() > MAX_DATA => Ok(Err(io::ErrorKind::InvalidData.into())),
            Target::Link(to, _) => {
                to.extend_from_slice(bytes);
                Ok(Ok(()))
            }
            Target::Nowhere => Ok(Ok(())),
        }
    }

    fn close(self, system: &mut System, mtime: u32) -> io::Result<()> {
        match self.target {
            Target::Nowhere => Ok(()),
            Target::Link(to, path) => symlink(OsStr::from_bytes(to.strip_suffix(b"\0").unwrap_or(&to)), path),
            Target::File(mut file, path) => {
                let len = file.metadata()?.len();
                if system.options.has(Fault::LoseByte) && len > 0 {
                    let mut byte = [0];
                    file.seek(SeekFrom::Start(len / 2))?;
                    file.read_exact(&mut byte)?;
                    file.seek(SeekFrom::Start(len / 2))?;
                    file.write_all(&[byte[0] ^ 0x55])?;
                }
                file.set_permissions(Permissions::from_mode(self.mode.permissions() & 0o777))?;
                let time = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::from(mtime));
                file.set_times(FileTimes::new().set_modified(time).set_accessed(time))?;
                system.sent.insert(path, self.hasher.finalize().to_vec());
                Ok(())
            }
        }
    }
}
