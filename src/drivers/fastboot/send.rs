//! An image on its way: cut into pieces that the unit takes, each prepared and hashed while the one before is written.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use protocols::android::source::FileError;
use protocols::android::sparse::{Image, Piece};
use protocols::fastboot::message::Command;
use protocols::fastboot::session::Exchange;
use sha2::{Digest as _, Sha256};

use super::super::partition::{Artifact, unreadable};
use super::exchange::{Payload, Wire};
use super::refusal;
use crate::device::{Content, Op, Progress};
use crate::error::{Error, Kind, Result};

/// Bytes that are read and sent together: what an exchange asks for at once.
const PART: u64 = 1 << 20;
/// Parts that are read ahead: enough to keep the link busy, and little memory for sixteen units at once.
const AHEAD: usize = 8;

/// How an image goes to the unit.
enum Plan {
    /// As the file that it is.
    Whole(u64),
    /// In sparse images.
    Cut(Image),
}

/// What is downloaded and then written.
enum Load {
    File(u64),
    Piece(Piece),
}

impl Load {
    fn len(&self) -> u64 {
        match self {
            Load::File(len) => *len,
            Load::Piece(piece) => piece.len(),
        }
    }
}

impl Plan {
    fn of(artifact: Artifact, content: &dyn Content, limit: u64) -> Result<Plan> {
        match artifact {
            // Not every partition of a bootloader takes a sparse image.
            Artifact::Plain if content.len() <= limit => Ok(Plan::Whole(content.len())),
            Artifact::Plain => match Image::read_plain(content) {
                Ok(image) => Ok(Plan::Cut(image)),
                Err(FileError::Read(cause)) => Err(unreadable(cause)),
                Err(FileError::Format(cause)) => {
                    Err(Error::new(Kind::Invalid, "the file is too large for an image").because(cause))
                }
            },
            Artifact::Sparse(image) => Ok(Plan::Cut(image)),
        }
    }

    fn loads(&self, limit: u64) -> Result<Box<dyn Iterator<Item = Load> + Send + '_>> {
        match self {
            Plan::Whole(len) => Ok(Box::new(std::iter::once(Load::File(*len)))),
            Plan::Cut(image) => {
                let pieces = image.pieces(limit).map_err(|cause| {
                    let sentence = format!("the unit takes {limit} bytes at once, too few for an image");
                    Error::new(Kind::Unsupported, sentence).because(cause)
                })?;
                Ok(Box::new(pieces.map(Load::Piece)))
            }
        }
    }
}

/// Writes an artifact to `partition`, in downloads of at most `limit` bytes; the bytes that were put on the link.
pub(super) fn flash(
    wire: &mut Wire,
    partition: &str,
    artifact: Artifact,
    content: &dyn Content,
    limit: u64,
    op: &mut Op<'_>,
) -> Result<u64> {
    let plan = Plan::of(artifact, content, limit)?;
    let total = plan.loads(limit)?.map(|load| load.len()).sum();
    let (loads, ahead) = (plan.loads(limit)?, plan.loads(limit)?);
    let (parts, prepared) = sync_channel(AHEAD);
    std::thread::scope(|scope| {
        scope.spawn(move || prepare(ahead, content, &parts));
        let mut feed = Feed { prepared, sent: 0, total };
        for load in loads {
            // Between two pieces is a sane point: what was written so far is known for what it is.
            op.check()?;
            let length = u32::try_from(load.len());
            let length = length.map_err(|_| Error::new(Kind::Invalid, "more than 4 GiB in one download"))?;
            wire.drive(Exchange::download(length), &mut feed, op).map_err(refusal::error)?;
            wire.require(&Command::Flash(partition.to_owned()), op)?;
        }
        Ok(feed.sent)
    })
}

/// Leaves a file with the unit, in one download, for the command that comes next; the bytes that were put on the link.
pub(super) fn stage(wire: &mut Wire, content: &dyn Content, limit: u64, op: &mut Op<'_>) -> Result<u64> {
    let length = u32::try_from(content.len()).ok().filter(|length| u64::from(*length) <= limit);
    let length = length.ok_or_else(|| {
        let sentence = format!("the file has {} bytes, and the unit takes {limit} at once", content.len());
        Error::new(Kind::Invalid, sentence)
    })?;
    let (parts, prepared) = sync_channel(AHEAD);
    std::thread::scope(|scope| {
        scope.spawn(move || prepare(std::iter::once(Load::File(length.into())), content, &parts));
        let mut feed = Feed { prepared, sent: 0, total: length.into() };
        wire.drive(Exchange::download(length), &mut feed, op).map_err(refusal::error)?;
        Ok(feed.sent)
    })
}

/// Reads and hashes what will be sent, as far ahead as there is room, until nobody wants more.
fn prepare(loads: impl Iterator<Item = Load>, content: &dyn Content, parts: &SyncSender<io::Result<Vec<u8>>>) {
    for (number, load) in loads.enumerate() {
        let len = load.len();
        let mut piece = match load {
            Load::File(_) => None,
            Load::Piece(piece) => Some(piece.reader(content)),
        };
        let mut hash = tracing::enabled!(tracing::Level::DEBUG).then(Sha256::new);
        let mut at = 0;
        while at < len {
            let mut part = vec![0; (len - at).min(PART) as usize];
            let read = match &mut piece {
                None => content.read_exact_at(at, &mut part),
                Some(piece) => match piece.read(&mut part) {
                    Ok(count) if count < part.len() => Err(io::ErrorKind::UnexpectedEof.into()),
                    read => read.map(drop),
                },
            };
            if let Some(hash) = &mut hash {
                hash.update(&part);
            }
            at += part.len() as u64;
            let failed = read.is_err();
            if parts.send(read.map(|()| part)).is_err() || failed {
                return;
            }
        }
        let sha256 = hash.map(|hash| hex::encode(hash.finalize()));
        tracing::debug!(piece = number, bytes = len, sha256, "prepared");
    }
}

/// What was prepared, in the order in which it is sent.
struct Feed {
    prepared: Receiver<io::Result<Vec<u8>>>,
    sent: u64,
    total: u64,
}

impl Payload for Feed {
    fn give(&mut self, length: u64) -> Result<Vec<u8>> {
        let part =
            self.prepared.recv().unwrap_or_else(|_| Err(io::ErrorKind::BrokenPipe.into())).map_err(unreadable)?;
        if part.len() as u64 != length {
            return Err(unreadable(io::ErrorKind::InvalidData.into()));
        }
        self.sent += length;
        Ok(part)
    }

    fn progress(&self) -> Option<Progress> {
        Some(Progress { bytes: self.sent, total: self.total })
    }
}
