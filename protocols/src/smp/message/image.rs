//! Group image: what lies in the firmware slots, and putting something there.

use super::macros::{record, request};
use super::{Bytes, Empty, Text};

request! {
    /// Ask what lies in the slots.
    StateRead = "image state", Read IMAGE 0 => StateReply {}
}
request! {
    /// Set an image for test or confirm it. Answered with the state afterwards.
    StateWrite = "set image state", Write IMAGE 0 => StateReply {
        /// The image's own hash, as [`ImageState::hash`]. Without one the running image is meant.
        "hash" => hash: Option<Bytes>,
        /// `true` keeps the image for good, `false` boots it once.
        "confirm" => confirm: Option<bool>,
    }
}
record! {
    /// Answer to [`StateRead`] and [`StateWrite`].
    #[derive(Default)]
    StateReply {
        /// Only slots whose image the unit takes for valid.
        "images" => images: Vec<ImageState>,
        /// Unused by Zephyr.
        "splitStatus" => split_status: Option<i64>,
    }
}
record! {
    /// One slot that holds an image.
    #[derive(Default)]
    ImageState {
        /// Number of the image; absent means 0.
        "image" => image: Option<u32>,
        /// 0 primary, 1 secondary.
        "slot" => slot: u32,
        /// Version as MCUboot writes it: `major.minor.revision[.build]`.
        "version" => version: Text,
        /// The hash in the image's trailer. What lies in flash was *not* hashed to answer this. Serial recovery may
        /// be built without.
        "hash" => hash: Option<Bytes>,
        /// The image may be booted.
        "bootable" => bootable: Option<bool>,
        /// Will be booted next.
        "pending" => pending: Option<bool>,
        /// Stays after the next restart.
        "confirmed" => confirmed: Option<bool>,
        /// Is running.
        "active" => active: Option<bool>,
        /// Will be booted next and stay.
        "permanent" => permanent: Option<bool>,
    }
}

request! {
    /// Send a piece of an image. Everything but `off` and `data` belongs to the piece at offset 0 only.
    Upload = "image upload", Write IMAGE 1 => UploadReply {
        /// Image number; recovery takes a slot here. Absent means 0.
        "image" => image: Option<u32>,
        /// Bytes of the whole file.
        "len" => len: Option<u64>,
        /// Offset of `data` in the file.
        "off" => off: u64,
        /// SHA-256 of the whole file: names the upload, so that the unit can go on with one that was cut off.
        "sha" => sha: Option<Bytes>,
        /// The piece. The first must hold the image header of 32 bytes.
        "data" => data: Bytes,
        /// Refuse unless the version is higher than the running one.
        "upgrade" => upgrade: Option<bool>,
    }
}
record! {
    /// Answer to [`Upload`].
    #[derive(Default)]
    UploadReply {
        /// Offset that the unit wants next. Anything but the end of what was sent means that it stands elsewhere.
        "off" => off: Option<u64>,
        /// After the last piece: whether the content of flash has the SHA-256 that was announced. Only from units
        /// that were built to check.
        "match" => matches: Option<bool>,
    }
}

request! {
    /// Erase a slot that is not in use.
    Erase = "image erase", Write IMAGE 5 => Empty {
        /// The slot; absent means 1.
        "slot" => slot: Option<u32>,
    }
}

request! {
    /// Ask for the slots and their sizes.
    SlotInfo = "slot information", Read IMAGE 6 => SlotInfoReply {}
}
record! {
    /// Answer to [`SlotInfo`].
    #[derive(Default)]
    SlotInfoReply {
        /// By image.
        "images" => images: Vec<ImageSlots>,
    }
}
record! {
    /// The slots of one image.
    #[derive(Default)]
    ImageSlots {
        /// Number of the image.
        "image" => image: u32,
        /// Its slots.
        "slots" => slots: Vec<Slot>,
        /// Largest image that can be run, in bytes.
        "max_image_size" => max_image_size: Option<u64>,
    }
}
record! {
    /// One slot.
    #[derive(Default)]
    Slot {
        /// Number of the slot.
        "slot" => slot: u32,
        /// Size in bytes; absent when the unit could not tell.
        "size" => size: Option<u64>,
        /// What to put in [`Upload::image`] to write here; absent when this slot cannot be uploaded to.
        "upload_image_id" => upload_image_id: Option<u32>,
    }
}
