//! ADB, the Android Debug Bridge: packets, the streams in them, and what is said on those streams.
//!
//! Specification: AOSP, `packages/modules/adb`: `protocol.txt`, `SYNC.TXT`, `docs/dev/delayed_ack.md`,
//! `shell_protocol.h`, `file_sync_protocol.h`. Both directions; the host's side of a connection is `session`.
//!
//! `server` is what is said to a running adb server to be led through it to a unit.
//!
//! Left out: TLS (`STLS` is recognised), pairing, `mdns`, JDWP.

pub mod auth;
pub mod message;
pub mod server;
pub mod session;
pub mod wire;
