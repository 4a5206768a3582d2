//! DFU, the USB class for firmware upgrades, with the extensions of STMicroelectronics ("DfuSe") for memories that have
//! addresses.
//!
//! Specifications: USB Device Class Specification for Device Firmware Upgrade 1.1
//! (<https://www.usb.org/sites/default/files/DFU_1.1.pdf>) and ST's application note AN3156, "USB DFU protocol used in
//! the STM32 bootloader". Section numbers without a name are those of DFU 1.1. Left out: DFU 1.0 units that need
//! another order of requests, the prefixes of TI and NXP in files, and ST's compressed and Motorola S-record files.

pub mod file;
pub mod message;
pub mod session;
pub mod wire;
