//! Files and images in pieces, to the unit and back.

use std::io::Write;

use protocols::smp::message::fs;
use protocols::smp::session::{FileDownload, FileUpload, ImageTarget, ImageUpload, TransferPolicy, Uploaded};
use tracing::info;

use super::exchange::{Ended, FLASH, Wire, drive};
use super::files::unreadable;
use super::limits::Limits;
use super::refusal;
use crate::device::{Content, Op, Upload, Written};
use crate::error::{Error, Kind, Result};

/// What is sent is held in memory at most this far.
const MAX_CONTENT: u64 = 256 << 20;

fn in_memory(content: &dyn Content) -> Result<Vec<u8>> {
    if content.len() > MAX_CONTENT {
        return Err(Error::new(Kind::Invalid, "it is larger than anything that a unit on this protocol stores"));
    }
    content.to_vec().map_err(unreadable)
}

fn written(limits: &mut Limits, done: &Uploaded, op: &mut Op<'_>) -> Written {
    op.retries += u64::from(done.losses) + u64::from(done.restarts);
    limits.learn(done.limits);
    info!(bytes = done.total, sent = done.sent, losses = done.losses, restarts = done.restarts, "transferred");
    Written { sent: done.sent, resumed_at: done.resumed_at.unwrap_or(0) }
}

impl Wire {
    /// Writes `content` to the file `path`, whose first `from` bytes the unit holds already.
    ///
    /// # Errors
    /// Link errors; `refused`; those of [`Wire::ask`].
    pub(super) fn upload_file(
        &mut self,
        path: &str,
        from: u64,
        content: &dyn Content,
        op: &mut Op<'_>,
    ) -> Result<Written> {
        let bytes = in_memory(content)?;
        self.fit(bytes.len(), op)?;
        let bounds = self.bounds();
        let session = FileUpload::new(&mut self.line, path, &bytes, bounds, TransferPolicy::FILE).resume_at(from);
        match drive(&mut self.link, session, &mut 0, op) {
            Ok(done) => {
                // Zephyr keeps a file open and unsynced that it went on with, after a loss too, and shows its old length
                // and digest until it is closed. The session closes it; what is left is a unit without that command.
                if done.losses > 0 || done.restarts > 0 || from > 0 {
                    self.close(path, op)?;
                }
                Ok(written(&mut self.limits, &done, op))
            }
            Err(ended) => {
                self.settle(op);
                Err(ended.into_error("file upload"))
            }
        }
    }

    /// Makes the unit close whatever file it keeps open between pieces; where it has no command for that, by asking
    /// for the beginning of `path`.
    ///
    /// # Errors
    /// Link errors. A refusal is none: then nothing is open.
    pub(super) fn close(&mut self, path: &str, op: &mut Op<'_>) -> Result<()> {
        if self.ask(&fs::Close {}, FLASH, op)?.is_err_and(|refusal| refusal.is_unsupported()) {
            let _ = self.ask(&fs::Download { off: 0, name: path.to_owned() }, FLASH, op)?;
        }
        Ok(())
    }

    /// Writes an image to where `id` leads (the unit's first image when absent).
    ///
    /// # Errors
    /// As [`Wire::upload_file`].
    pub(super) fn upload_image(&mut self, id: Option<u32>, content: &dyn Content, op: &mut Op<'_>) -> Result<Upload> {
        let bytes = in_memory(content)?;
        self.fit(bytes.len(), op)?;
        let bounds = self.bounds();
        let target = ImageTarget { image: id, ..ImageTarget::default() };
        let session = ImageUpload::new(&mut self.line, target, &bytes, bounds, TransferPolicy::IMAGE);
        match drive(&mut self.link, session, &mut 0, op) {
            Ok(done) => Ok(Upload { written: written(&mut self.limits, &done, op), matched: done.matched, left: None }),
            Err(ended) => {
                self.settle(op);
                Err(ended.into_error("image upload"))
            }
        }
    }

    /// Reads the file `path` into `into`, at most `most` bytes; `None` when there is no such file.
    ///
    /// # Errors
    /// As [`Wire::upload_file`]; `storage` when `into` cannot be written.
    pub(super) fn download(
        &mut self,
        path: &str,
        most: u64,
        into: &mut dyn Write,
        op: &mut Op<'_>,
    ) -> Result<Option<u64>> {
        let bounds = self.bounds();
        let file = TransferPolicy::FILE;
        let policy = TransferPolicy { first: self.paced(file.first), piece: self.paced(file.piece), ..file };
        let session = FileDownload::new(&mut self.line, path, most, bounds, policy);
        match drive(&mut self.link, session, &mut 0, op) {
            Ok(done) => {
                self.limits.learn(done.limits);
                into.write_all(&done.content).map_err(|error| {
                    Error::new(Kind::Storage, format!("what was read from {path} could not be kept")).because(error)
                })?;
                Ok(Some(done.content.len() as u64))
            }
            Err(Ended::Refused(refusal)) if refusal::no_such_file(&refusal) => Ok(None),
            Err(ended) => {
                self.settle(op);
                Err(ended.into_error("file download"))
            }
        }
    }
}
