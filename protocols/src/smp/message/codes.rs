//! Names and meanings of the status codes, per group, as Zephyr 4.4 lists them.

use crate::smp::header::Group;

/// A status code that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// The number on the wire.
    pub code: i64,
    /// Its name in the specification, in lower case and without prefix.
    pub name: &'static str,
    /// What it means, as a clause.
    pub sentence: &'static str,
}

macro_rules! codes {
    ($($(#[$meta:meta])* $module:ident { $($constant:ident = $code:literal, $name:literal, $sentence:literal;)* })*) => {$(
        $(#[$meta])*
        pub mod $module {
            use super::Code;
            $(#[doc = concat!("`", $name, "`: ", $sentence, ".")] pub const $constant: i64 = $code;)*
            /// All codes of this list.
            pub const ALL: &[Code] = &[$(Code { code: $code, name: $name, sentence: $sentence },)*];
        }
    )*};
}

codes! {
    /// Codes in `rc`, common to all groups (`enum mcumgr_err_t`).
    common {
        UNKNOWN = 1, "unknown", "the unit gives no reason";
        NO_MEMORY = 2, "no memory", "the unit is out of memory or buffers";
        INVALID = 3, "invalid", "the unit does not accept a value of the request";
        TIMEOUT = 4, "timeout", "the operation took too long inside the unit";
        NOT_FOUND = 5, "no entry", "there is no such entry on the unit";
        BAD_STATE = 6, "bad state", "the unit's state does not allow this now";
        TOO_LARGE = 7, "message size", "the answer does not fit the unit's buffer";
        NOT_SUPPORTED = 8, "not supported", "the unit was built without this command";
        CORRUPT = 9, "corrupt", "data on the unit is corrupt";
        BUSY = 10, "busy", "the unit is busy with another command";
        ACCESS_DENIED = 11, "access denied", "the unit denies access";
        TOO_OLD = 12, "unsupported, too old", "the unit wants a newer protocol version";
        TOO_NEW = 13, "unsupported, too new", "the unit wants an older protocol version";
    }
    /// Codes of group os.
    os {
        UNKNOWN = 1, "unknown", "the unit gives no reason";
        INVALID_FORMAT = 2, "invalid format", "the format of the request is not valid";
        NO_ANSWER = 3, "query yields no answer", "the bootloader has no answer to this query";
        RTC_NOT_SET = 4, "rtc not set", "the unit's clock has not been set";
        RTC_FAILED = 5, "rtc command failed", "the unit's clock failed";
        NO_BACKEND = 6, "query response value not valid", "the bootloader's answer is not valid";
    }
    /// Codes of group image.
    image {
        UNKNOWN = 1, "unknown", "the unit gives no reason";
        FLASH_CONFIG_QUERY_FAIL = 2, "flash config query fail", "the unit cannot read its flash layout";
        NO_IMAGE = 3, "no image", "there is no image in the slot";
        NO_TLVS = 4, "no tlvs", "the image in the slot has no trailer";
        INVALID_TLV = 5, "invalid tlv", "the image's trailer has an entry that is not valid";
        MULTIPLE_HASHES = 6, "multiple hashes found", "the image's trailer has more than one hash";
        TLV_INVALID_SIZE = 7, "tlv invalid size", "an entry of the image's trailer has the wrong size";
        HASH_NOT_FOUND = 8, "hash not found", "no image with this hash is in a slot";
        NO_FREE_SLOT = 9, "no free slot", "there is no free slot for the image";
        FLASH_OPEN_FAILED = 10, "flash open failed", "the unit cannot open its flash";
        FLASH_READ_FAILED = 11, "flash read failed", "the unit cannot read its flash";
        FLASH_WRITE_FAILED = 12, "flash write failed", "the unit cannot write its flash";
        FLASH_ERASE_FAILED = 13, "flash erase failed", "the unit cannot erase its flash";
        INVALID_SLOT = 14, "invalid slot", "there is no such slot";
        NO_FREE_MEMORY = 15, "no free memory", "the unit is out of memory";
        CONTEXT_ALREADY_SET = 16, "flash context already set", "the unit's flash is in use";
        CONTEXT_NOT_SET = 17, "flash context not set", "the unit's flash was not prepared";
        AREA_DEVICE_NULL = 18, "flash area device null", "the unit has no device for the slot";
        INVALID_PAGE_OFFSET = 19, "invalid page offset", "the unit met a wrong offset in its flash";
        INVALID_OFFSET = 20, "invalid offset", "the offset is missing or not valid";
        INVALID_LENGTH = 21, "invalid length", "the length is missing or not valid";
        INVALID_IMAGE_HEADER = 22, "invalid image header", "the first chunk is shorter than an image header";
        INVALID_MAGIC = 23, "invalid image header magic", "this is not an MCUboot image";
        INVALID_HASH = 24, "invalid hash", "the hash is not valid";
        INVALID_FLASH_ADDRESS = 25, "invalid flash address", "the image was linked for another address";
        VERSION_GET_FAILED = 26, "version get failed", "the unit cannot tell the running version";
        CURRENT_IS_NEWER = 27, "current version is newer", "the running image is newer than this one";
        ALREADY_PENDING = 28, "image already pending", "another image is waiting to be booted";
        INVALID_VECTOR_TABLE = 29, "invalid image vector table", "the image's vector table is not valid";
        TOO_LARGE = 30, "invalid image too large", "the image does not fit the slot";
        DATA_OVERRUN = 31, "invalid image data overrun", "more data came than the image was announced with";
        CONFIRMATION_DENIED = 32, "image confirmation denied", "the unit refuses to confirm this image";
        TEST_ACTIVE_DENIED = 33, "setting test to active denied", "the running image cannot be set for test";
        ACTIVE_SLOT_NOT_KNOWN = 34, "active slot not known", "the unit cannot tell which slot runs";
    }
    /// Codes of group statistics.
    statistics {
        UNKNOWN = 1, "unknown", "the unit gives no reason";
        INVALID_GROUP = 2, "invalid group", "there is no such statistics group";
        INVALID_NAME = 3, "invalid stat name", "the name of a statistic is not valid";
        INVALID_SIZE = 4, "invalid stat size", "the size of a statistic is not valid";
        WALK_ABORTED = 5, "walk aborted", "the unit stopped in the middle of the list";
    }
    /// Codes of group settings.
    settings {
        UNKNOWN = 1, "unknown", "the unit gives no reason";
        KEY_TOO_LONG = 2, "key too long", "the key is too long";
        KEY_NOT_FOUND = 3, "key not found", "there is no such key";
        READ_NOT_SUPPORTED = 4, "read not supported", "this key cannot be read";
        ROOT_KEY_NOT_FOUND = 5, "root key not found", "no part of the unit owns this key";
        WRITE_NOT_SUPPORTED = 6, "write not supported", "this key cannot be written";
        DELETE_NOT_SUPPORTED = 7, "delete not supported", "this key cannot be deleted";
        SAVE_NOT_SUPPORTED = 8, "save not supported", "this key cannot be saved";
    }
    /// Codes of group fs.
    fs {
        UNKNOWN = 1, "unknown", "the unit gives no reason";
        INVALID_NAME = 2, "file invalid name", "the file name is not valid";
        NOT_FOUND = 3, "file not found", "the file does not exist";
        IS_DIRECTORY = 4, "file is directory", "this is a directory, not a file";
        OPEN_FAILED = 5, "file open failed", "the file cannot be opened";
        SEEK_FAILED = 6, "file seek failed", "the offset in the file cannot be reached";
        READ_FAILED = 7, "file read failed", "the file cannot be read";
        TRUNCATE_FAILED = 8, "file truncate failed", "the file cannot be emptied";
        DELETE_FAILED = 9, "file delete failed", "the file cannot be deleted";
        WRITE_FAILED = 10, "file write failed", "the file cannot be written: the file system is full or worn out";
        OFFSET_NOT_VALID = 11, "file offset not valid", "the offset is not where the unit's file ends";
        OFFSET_LARGER_THAN_FILE = 12, "file offset larger than file", "the offset lies beyond the file";
        HASH_NOT_FOUND = 13, "checksum hash not found", "the unit cannot compute this kind of checksum";
        MOUNT_POINT_NOT_FOUND = 14, "mount point not found", "no file system is mounted there";
        READ_ONLY = 15, "read only filesystem", "the file system is read-only";
        FILE_EMPTY = 16, "file empty", "the file is empty";
        CLOSE_FAILED = 17, "file close failed", "the file cannot be closed";
    }
    /// Codes of group shell.
    shell {
        UNKNOWN = 1, "unknown", "the unit gives no reason";
        COMMAND_TOO_LONG = 2, "command too long", "the command is too long for the unit";
        EMPTY_COMMAND = 3, "empty command", "the command is empty";
    }
    /// Codes of group enumeration.
    enumeration {
        UNKNOWN = 1, "unknown", "the unit gives no reason";
        TOO_MANY_ENTRIES = 2, "too many group entries", "more groups were asked for than the unit lists at once";
        INSUFFICIENT_HEAP = 3, "insufficient heap for entries", "the unit is out of memory";
        INDEX_TOO_LARGE = 4, "index too large", "there is no group with this index";
    }
    /// Codes of Zephyr's basic group.
    zephyr {
        UNKNOWN = 1, "unknown", "the unit gives no reason";
        FLASH_OPEN_FAILED = 2, "flash open failed", "the unit cannot open its storage";
        FLASH_CONFIG_QUERY_FAIL = 3, "flash config query fail", "the unit cannot read its flash layout";
        FLASH_ERASE_FAILED = 4, "flash erase failed", "the unit cannot erase its storage";
    }
}

/// The common code with this number, `None` when the specification lists none.
#[must_use]
pub fn common(code: i64) -> Option<&'static Code> {
    common::ALL.iter().find(|entry| entry.code == code)
}

/// The code of `group` with this number, `None` when the specification lists none.
#[must_use]
pub fn of_group(group: Group, code: i64) -> Option<&'static Code> {
    let all = match group {
        Group::OS => os::ALL,
        Group::IMAGE => image::ALL,
        Group::STATISTICS => statistics::ALL,
        Group::SETTINGS => settings::ALL,
        Group::FS => fs::ALL,
        Group::SHELL => shell::ALL,
        Group::ENUMERATION => enumeration::ALL,
        Group::ZEPHYR_BASIC => zephyr::ALL,
        _ => return None,
    };
    all.iter().find(|entry| entry.code == code)
}

/// The common code by which a server answers version 1 where version 2 would get a code of a group.
#[must_use]
pub fn nearest_common(group: Group, code: i64) -> i64 {
    match (group, code) {
        (Group::OS, os::NO_ANSWER) | (Group::FS, fs::NOT_FOUND | fs::MOUNT_POINT_NOT_FOUND) => common::NOT_FOUND,
        (Group::SETTINGS, settings::KEY_NOT_FOUND) => common::NOT_FOUND,
        (Group::IMAGE, image::NO_IMAGE) | (Group::STATISTICS, statistics::INVALID_GROUP | statistics::INVALID_NAME) => {
            common::NOT_FOUND
        }
        (Group::OS, os::INVALID_FORMAT) | (Group::SETTINGS, settings::KEY_TOO_LONG) => common::INVALID,
        (Group::IMAGE, image::HASH_NOT_FOUND | image::INVALID_SLOT | image::INVALID_OFFSET..=image::INVALID_HASH) => {
            common::INVALID
        }
        (Group::FS, fs::INVALID_NAME | fs::IS_DIRECTORY | fs::OFFSET_NOT_VALID | fs::OFFSET_LARGER_THAN_FILE) => {
            common::INVALID
        }
        (Group::SHELL, shell::COMMAND_TOO_LONG | shell::EMPTY_COMMAND) => common::INVALID,
        (Group::IMAGE, image::NO_FREE_SLOT | image::NO_FREE_MEMORY | image::TOO_LARGE) => common::NO_MEMORY,
        (Group::IMAGE, image::CURRENT_IS_NEWER | image::ALREADY_PENDING) => common::BAD_STATE,
        (Group::IMAGE, image::CONFIRMATION_DENIED | image::TEST_ACTIVE_DENIED) => common::BAD_STATE,
        (
            Group::SETTINGS,
            settings::READ_NOT_SUPPORTED | settings::WRITE_NOT_SUPPORTED | settings::DELETE_NOT_SUPPORTED,
        )
        | (Group::FS, fs::HASH_NOT_FOUND) => common::NOT_SUPPORTED,
        _ => common::UNKNOWN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_list_is_in_order_and_without_zero() {
        for list in [
            common::ALL,
            os::ALL,
            image::ALL,
            statistics::ALL,
            settings::ALL,
            fs::ALL,
            shell::ALL,
            enumeration::ALL,
            zephyr::ALL,
        ] {
            for (index, entry) in list.iter().enumerate() {
                assert_eq!(entry.code, index as i64 + 1, "{entry:?}");
            }
        }
    }
}
