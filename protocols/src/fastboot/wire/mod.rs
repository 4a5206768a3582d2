//! Bytes to responses and back, and the frames around them on TCP.
//!
//! On USB a packet of the protocol is a transfer of the bus. On TCP each is led by its length; both sides begin with four
//! bytes that name the version.

mod frame;
mod response;
#[cfg(test)]
mod tests;

pub use frame::{Deframer, FrameError, HANDSHAKE, Part, header};
pub use response::{Payload, Response, ResponseError, Text};

/// Most bytes of a command (AOSP `FB_COMMAND_SZ`).
pub const MAX_COMMAND: usize = 4096;
/// Most bytes of a response; older units stay below 64.
pub const MAX_RESPONSE: usize = 256;
/// Class, subclass and protocol of a fastboot interface on USB.
pub const INTERFACE: [u8; 3] = [0xff, 0x42, 0x03];
/// Port of a unit that listens on TCP.
pub const TCP_PORT: u16 = 5554;
