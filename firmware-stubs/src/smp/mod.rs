//! An SMP unit as Zephyr's server with MCUboot makes it, on a pseudo-terminal.
//!
//! [`Device`] is the unit without its line: messages in, answers out, its state in a folder. [`run`] puts it on a
//! pseudo-terminal whose other end is a serial port to anybody who opens it, or on USB.
//!
//! What is kept when the power goes, at any moment: of an image, every byte that was written (a slot is erased before);
//! of a file, what [`Durability`] says; a settings entry whole, once it was saved; the bootloader's decisions whole.
//! What is forgotten: settings that were not saved, the clock, how far an upload was, which file was open.
//!
//! Left out of the model: signatures (the bootloader checks the hash only), more than one image,
//! the log group, time that erasing takes.

mod body;
mod boot;
mod cable;
mod device;
mod fail;
mod fault;
mod files;
mod flash;
mod fs;
mod image;
mod images;
mod noise;
mod options;
mod os;
mod pty;
mod recovery;
mod report;
mod serve;
mod settings;
mod shell;
mod slots;
mod uart;

pub use crate::Error;
pub use crate::lifetime::{End, Lifetime};
pub use device::{Banner, Buffers, Device, Effect, Mode, Reply};
pub use fail::Stop;
pub use fault::Fault;
pub use options::{Durability, Identity, Limits, Line, Noise, Options, Place, Recovery};
pub use serve::run;
