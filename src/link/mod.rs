//! How bytes get to a unit and back: serial, TCP, memory, and wrappers that capture or disturb them.

use std::time::Duration;

use crate::error::Result;

/// The sending half of a link.
pub trait Sender: Send {
    /// Sends all of `bytes`, or fails once `within` has passed.
    ///
    /// # Errors
    /// `gone` when the other side left, `timed-out` when it takes nothing.
    fn send(&mut self, bytes: &[u8], within: Duration) -> Result<()>;
}

/// The receiving half of a link.
pub trait Receiver: Send {
    /// Waits up to `within` for bytes; the number received, 0 when none came in time.
    ///
    /// # Errors
    /// `gone` when the other side left.
    fn receive(&mut self, buf: &mut [u8], within: Duration) -> Result<usize>;
}

/// Both directions to one unit. The halves part, so that a driver can read while it writes.
pub struct Link {
    /// To the unit.
    pub sender: Box<dyn Sender>,
    /// From the unit.
    pub receiver: Box<dyn Receiver>,
    /// Where it leads, as `-d` takes it.
    pub address: String,
}
