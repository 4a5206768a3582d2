//! A unit's "no", as an error that says what to do.

use protocols::smp::Group;
use protocols::smp::message::codes::{common, fs, image, settings, shell};
use protocols::smp::message::{Origin, Refusal};

use crate::error::{Error, Kind};

/// The error for a request called `name` that the unit refused.
pub(super) fn error(name: &str, refusal: Refusal) -> Error {
    let kind = kind(&refusal);
    let sentence = match kind {
        Kind::Unsupported => format!("the unit does not know the command: {name}"),
        Kind::Busy => format!("the unit is too busy for: {name}"),
        _ => format!("the unit refused: {name}"),
    };
    let error = match remedy(&refusal) {
        Some(next) => Error::new(kind, sentence).next(next),
        None => Error::new(kind, sentence),
    };
    error.because(refusal)
}

/// What a refusal means for whoever has to branch on it.
pub(super) fn kind(refusal: &Refusal) -> Kind {
    match (refusal.origin, refusal.code) {
        (Origin::Common, common::TIMEOUT) => Kind::TimedOut,
        (Origin::Common, common::NOT_SUPPORTED | common::TOO_OLD | common::TOO_NEW) => Kind::Unsupported,
        (Origin::Common, common::BUSY) => Kind::Busy,
        (Origin::Common, common::ACCESS_DENIED) => Kind::Unauthorized,
        (Origin::Group(Group::FS), fs::HASH_NOT_FOUND) => Kind::Unsupported,
        _ => Kind::Refused,
    }
}

fn remedy(refusal: &Refusal) -> Option<&'static str> {
    Some(match (refusal.origin, refusal.code) {
        (Origin::Common, common::NOT_SUPPORTED) => "see `hardwire info` for what this unit's build offers",
        (Origin::Common, common::BUSY | common::NO_MEMORY) => "wait until the unit is idle, then apply again",
        (Origin::Common, common::TOO_LARGE) => "the unit's buffer is too small for this answer: ask for less",
        (Origin::Group(Group::FS), fs::WRITE_FAILED) => {
            "make the file smaller or free space on the unit (its storage may also be worn out)"
        }
        (Origin::Group(Group::FS), fs::MOUNT_POINT_NOT_FOUND | fs::INVALID_NAME) => {
            "begin the path with a mount point of the unit's file system, such as /lfs1"
        }
        (Origin::Group(Group::FS), fs::IS_DIRECTORY) => "name a file, not a folder",
        (Origin::Group(Group::FS), fs::READ_ONLY) => "name a path on a file system that the unit can write",
        (Origin::Group(Group::SETTINGS), settings::ROOT_KEY_NOT_FOUND) => {
            "use a key that this firmware knows, or flash firmware that knows this one"
        }
        (Origin::Group(Group::SETTINGS), settings::KEY_TOO_LONG) => "use a shorter key",
        (Origin::Group(Group::IMAGE), image::TOO_LARGE) => "use an image that fits the slot",
        (Origin::Group(Group::IMAGE), image::CURRENT_IS_NEWER) => "use a newer image; this unit refuses older ones",
        (Origin::Group(Group::IMAGE), image::ALREADY_PENDING | image::NO_FREE_SLOT) => {
            "restart the unit so that the waiting image is booted or dropped, then apply again"
        }
        (Origin::Group(Group::IMAGE), image::INVALID_MAGIC | image::INVALID_IMAGE_HEADER) => {
            "give a signed MCUboot image (often `*.signed.bin`)"
        }
        (Origin::Group(Group::SHELL), shell::COMMAND_TOO_LONG) => "use a shorter command",
        _ => return None,
    })
}

/// Whether the unit says that there is no such file.
pub(super) fn no_such_file(refusal: &Refusal) -> bool {
    refusal.is(Group::FS, fs::NOT_FOUND) || refusal.is_common(common::NOT_FOUND)
}

/// Whether the unit says that the file has no content.
pub(super) fn file_is_empty(refusal: &Refusal) -> bool {
    refusal.is(Group::FS, fs::FILE_EMPTY)
}

/// Whether the unit says that there is no such key.
pub(super) fn no_such_key(refusal: &Refusal) -> bool {
    let group = |code| refusal.is(Group::SETTINGS, code);
    group(settings::KEY_NOT_FOUND) || group(settings::ROOT_KEY_NOT_FOUND) || refusal.is_common(common::NOT_FOUND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_refused_with_a_remedy() {
        let error = error("file upload", Refusal::group(Group::FS, fs::WRITE_FAILED));
        assert_eq!(error.kind(), Kind::Refused);
        assert!(error.causes()[0].contains("full"), "{:?}", error.causes());
        assert!(error.remedy().is_some());
    }

    #[test]
    fn a_command_that_was_not_built_in_is_unsupported_and_a_hash_not_found_is_not() {
        assert_eq!(kind(&Refusal::common(common::NOT_SUPPORTED)), Kind::Unsupported);
        assert_eq!(kind(&Refusal::group(Group::IMAGE, image::HASH_NOT_FOUND)), Kind::Refused);
        assert_eq!(kind(&Refusal::common(4711)), Kind::Refused);
    }
}
