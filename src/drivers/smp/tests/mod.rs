//! The driver against the stand-in, in memory and in no time, and against scripts of what the stand-in is too polite for.

mod bench;
mod capabilities;
mod links;
mod recovery;
