//! Sending an image or a file in pieces, several of them in flight.
//!
//! Servers work through requests strictly in order, and answer every piece with the offset that they want next. So an
//! answer to a later piece tells that the earlier ones were lost, and when one piece is lost every one behind it is
//! answered with the same offset: we go back there once, and know the answers to what was sent before (an earlier
//! *epoch*) for what they are.

mod engine;
mod flight;
mod kind;

use super::{Limits, Line, Session, Step, TransferPolicy};
use crate::time::Moment;
use engine::Engine;
use kind::{FileKind, ImageKind};

/// Whether a unit may take any version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VersionRule {
    /// Any.
    #[default]
    Any,
    /// Only one that is higher than the running one; the unit refuses others.
    OnlyNewer,
}

/// Where an image goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImageTarget {
    /// Image number; recovery takes a slot here. `None` means the unit's first.
    pub image: Option<u32>,
    /// Which versions the unit may take.
    pub versions: VersionRule,
}

/// How an upload ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// The unit acknowledged the last byte.
    Acknowledged,
    /// The answer to the last pieces was lost, and asked again the unit said that no upload was under way, as it does
    /// after a complete one, and also after a restart. What it holds must be looked at.
    Inferred,
}

/// An upload that ended well, as far as the protocol can tell. What the unit *stores* is not proven by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uploaded {
    /// Bytes of the image or file.
    pub total: u64,
    /// Payload bytes put on the line, repetitions included.
    pub sent: u64,
    /// Offset at which the unit went on with an earlier upload.
    pub resumed_at: Option<u64>,
    /// How often it had to begin again from zero.
    pub restarts: u32,
    /// How often something was lost and sent again.
    pub losses: u32,
    /// Whether the unit found what it stored to match the SHA-256 that was announced. `None`: it did not say.
    pub matched: Option<bool>,
    /// How it ended.
    pub finish: Finish,
    /// What the unit was found to take: less than was allowed when long messages or many at once were lost. A caller does
    /// well to use these for this unit from now on.
    pub limits: Limits,
}

/// Upload of a firmware image.
///
/// Goes on where the unit says that an upload of the same file was cut off, and moves wherever else the unit asks,
/// back to zero too (a unit that restarted). Only one piece is in flight until the first was answered.
#[derive(Debug)]
pub struct ImageUpload<'a>(Engine<'a, ImageKind>);

impl<'a> ImageUpload<'a> {
    /// Upload `image`, the whole file with header and trailer.
    pub fn new(
        line: &'a mut Line,
        target: ImageTarget,
        image: &'a [u8],
        limits: Limits,
        policy: TransferPolicy,
    ) -> Self {
        Self(Engine::new(line, ImageKind::new(target, image), image, limits, policy))
    }
}

impl Session for ImageUpload<'_> {
    type Output = Uploaded;

    fn on_bytes(&mut self, now: Moment, bytes: &[u8]) {
        self.0.on_bytes(now, bytes);
    }

    fn next(&mut self, now: Moment) -> Step<Uploaded> {
        self.0.next(now)
    }
}

/// Upload of a file.
///
/// Zephyr goes on only where its file ends, so a piece that was lost costs no more than going back. Should the unit
/// stand where we never were, the upload closes the file and begins again from zero: what lies there is not ours.
#[derive(Debug)]
pub struct FileUpload<'a>(Engine<'a, FileKind>);

impl<'a> FileUpload<'a> {
    /// Write `content` to `path`. An open upload to the same file is closed first: Zephyr would mix the two.
    ///
    /// Empty content creates a file, but Zephyr does not empty one that exists: look at its size afterwards.
    pub fn new(
        line: &'a mut Line,
        path: impl Into<String>,
        content: &'a [u8],
        limits: Limits,
        policy: TransferPolicy,
    ) -> Self {
        let mut engine = Engine::new(line, FileKind::new(path.into()), content, limits, policy);
        engine.close_first();
        Self(engine)
    }

    /// Go on at `offset`, having made sure (by a hash of that range) that the unit's file holds exactly what comes
    /// before it. An offset beyond the content is taken as its end.
    #[must_use]
    pub fn resume_at(mut self, offset: u64) -> Self {
        if offset > 0 {
            self.0.start_at(offset);
        }
        self
    }
}

impl Session for FileUpload<'_> {
    type Output = Uploaded;

    fn on_bytes(&mut self, now: Moment, bytes: &[u8]) {
        self.0.on_bytes(now, bytes);
    }

    fn next(&mut self, now: Moment) -> Step<Uploaded> {
        self.0.next(now)
    }
}
