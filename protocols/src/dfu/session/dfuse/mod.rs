//! Writing memory that has addresses, as ST's bootloaders have it (AN3156).

mod download;
mod leave;
mod plan;

pub(super) use download::{COMMAND, FIRST};
pub use download::{DfuseDownload, DfuseDownloaded};
pub use leave::Leave;
pub use plan::{Blocks, DfusePlan, Erase, Piece};
