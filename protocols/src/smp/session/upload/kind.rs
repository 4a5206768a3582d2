//! What images and files do differently.

use super::{ImageTarget, VersionRule};
use crate::mcuboot;
use crate::smp::message::{Request, fs, image};
use sha2::{Digest, Sha256};

/// What images and files do differently.
pub(super) trait Kind {
    type Request: Request;

    /// Whether the unit may stand anywhere at the beginning, and be followed backwards.
    const FOLLOWS_UNIT: bool;
    /// Least bytes of the first piece.
    const MIN_FIRST: usize;

    fn request(&self, off: u64, data: &[u8], total: u64) -> Self::Request;

    /// Offset wanted next, and whether the content matches.
    fn answer(reply: &<Self::Request as Request>::Reply) -> (Option<u64>, Option<bool>);
}

#[derive(Debug)]
pub(super) struct ImageKind {
    target: ImageTarget,
    sha: Vec<u8>,
}

impl ImageKind {
    pub(super) fn new(target: ImageTarget, image: &[u8]) -> Self {
        Self { target, sha: Sha256::digest(image).to_vec() }
    }
}

impl Kind for ImageKind {
    type Request = image::Upload;
    const FOLLOWS_UNIT: bool = true;
    /// Servers look at the image header before anything else, and do not put pieces together for that.
    const MIN_FIRST: usize = mcuboot::Header::LEN;

    fn request(&self, off: u64, data: &[u8], total: u64) -> image::Upload {
        let piece = image::Upload { off, data: data.into(), ..image::Upload::default() };
        if off > 0 {
            return piece;
        }
        image::Upload {
            image: self.target.image,
            len: Some(total),
            sha: Some(self.sha.clone().into()),
            upgrade: (self.target.versions == VersionRule::OnlyNewer).then_some(true),
            ..piece
        }
    }

    fn answer(reply: &image::UploadReply) -> (Option<u64>, Option<bool>) {
        (reply.off, reply.matches)
    }
}

#[derive(Debug)]
pub(super) struct FileKind {
    path: String,
}

impl FileKind {
    pub(super) fn new(path: String) -> Self {
        Self { path }
    }
}

impl Kind for FileKind {
    type Request = fs::Upload;
    const FOLLOWS_UNIT: bool = false;
    const MIN_FIRST: usize = 0;

    fn request(&self, off: u64, data: &[u8], total: u64) -> fs::Upload {
        fs::Upload { off, data: data.into(), name: self.path.clone(), len: (off == 0).then_some(total) }
    }

    fn answer(reply: &fs::UploadReply) -> (Option<u64>, Option<bool>) {
        (Some(reply.off), None)
    }
}
