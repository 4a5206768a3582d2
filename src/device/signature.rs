//! How a unit looks before anything is asked of it.

use super::Mode;

/// A USB identity by which a driver's units are known. Data, so that looking for units needs no driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signature {
    /// The driver that speaks to it.
    pub driver: &'static str,
    /// The mode that shows this identity.
    pub mode: Mode,
    /// USB vendor and product id (`idVendor`, `idProduct`).
    pub usb: (u16, u16),
}
