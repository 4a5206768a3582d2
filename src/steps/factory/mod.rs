//! What a factory archive is made of: images that are written together, partitions that are emptied, the system that
//! runs in the end. A profile says `firmware` with `layout: factory`, and gets these steps.

mod images;
mod start;
mod wipe;
