//! How requests end that do not end well.

use crate::Error;
use protocols::smp::{Group, Version};
use thiserror::Error;

/// Why the device stops in the middle of what it does.
#[derive(Debug, Error)]
pub enum Stop {
    /// Its power is gone, as a fault demanded.
    #[error("power lost")]
    PowerLost,
    /// The computer under it failed.
    #[error(transparent)]
    Broken(#[from] Error),
}

/// How a command ends that does not end well.
pub(super) enum Fail {
    /// An error of the framework, told as `rc` in both protocol versions.
    Rc(u8),
    /// An error of a group.
    Group(Group, u8),
    /// An error of a group with a named number beside it, which only version 2 tells.
    GroupWith(Group, u8, &'static str, u64),
    Stop(Stop),
}

impl From<Stop> for Fail {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

impl From<Error> for Fail {
    fn from(error: Error) -> Self {
        Self::Stop(Stop::Broken(error))
    }
}

/// Framework codes (`mcumgr_err_t` in Zephyr's `mgmt.h`).
pub(super) mod rc {
    pub(in super::super) const EUNKNOWN: u8 = 1;
    pub(in super::super) const EINVAL: u8 = 3;
    pub(in super::super) const EMSGSIZE: u8 = 7;
    pub(in super::super) const ENOTSUP: u8 = 8;
    pub(in super::super) const ECORRUPT: u8 = 9;
}

/// Body of a failed answer in the shape that the request's version asks for.
pub(super) fn body(version: Version, fail: &Fail) -> Vec<u8> {
    let mut out = super::body::Out::new();
    match (version, fail) {
        (_, Fail::Stop(_)) => {}
        (_, Fail::Rc(code)) => {
            out.uint("rc", u64::from(*code));
        }
        // Zephyr 4.4 was tried: whatever the group's code, version 1 is told "unknown".
        (Version::V1, Fail::Group(..) | Fail::GroupWith(..)) => {
            out.uint("rc", u64::from(rc::EUNKNOWN));
        }
        (Version::V2, Fail::Group(group, code)) => error_map(&mut out, *group, *code),
        (Version::V2, Fail::GroupWith(group, code, name, value)) => {
            error_map(&mut out, *group, *code);
            out.uint(name, *value);
        }
    }
    out.finish()
}

fn error_map(out: &mut super::body::Out, group: Group, code: u8) {
    out.key("err").begin_map().uint("group", u64::from(group.0)).uint("rc", u64::from(code)).end();
}
