//! Fastboot, the protocol of Android's bootloaders and of its userspace twin ("fastbootd").
//!
//! Specification: `fastboot/README.md` of AOSP's `platform/system/core`
//! (<https://android.googlesource.com/platform/system/core/+/refs/heads/main/fastboot/README.md>), protocol version 0.4,
//! with what its text leaves to the sources: `fetch`, `snapshot-update`, `flashing …`, slots. Left out: UDP, and
//! `boot` of an image that is only downloaded.

pub mod message;
pub mod session;
pub mod wire;
