//! MCUboot's slots: their names, what lies in them, which can be written, what can be done with an image.

use protocols::smp::message::image::{ImageState, SlotInfoReply};
use protocols::smp::message::os::BootloaderMode;

use crate::device::{Activate, Mode, SlotState, UnitText};

/// Images that are looked at; MCUboot builds have up to four.
const MAX_IMAGES: usize = 16;

/// A slot that takes an upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Writable {
    /// Its name.
    pub slot: String,
    /// What the upload's `image` must say to get there; absent for the default.
    pub id: Option<u32>,
    /// Bytes of the largest image that fits, where the unit says.
    pub room: Option<u64>,
}

/// `primary`, `secondary`, or a number; images above 0 before it.
pub(super) fn name(image: u32, slot: u32) -> String {
    let slot = match slot {
        0 => "primary".to_owned(),
        1 => "secondary".to_owned(),
        other => format!("slot{other}"),
    };
    if image == 0 { slot } else { format!("{image}/{slot}") }
}

/// The number of a slot of image 0 or of another image, as the erase command counts them: two an image.
pub(super) fn number(name: &str) -> Option<u32> {
    let (image, slot) = match name.split_once('/') {
        Some((image, slot)) => (image.parse::<u32>().ok()?, slot),
        None => (0, name),
    };
    let slot = match slot {
        "primary" => 0,
        "secondary" => 1,
        other => other.strip_prefix("slot")?.parse().ok()?,
    };
    image.checked_mul(2)?.checked_add(slot)
}

/// What the unit says lies in a slot.
pub(super) fn state(image: &ImageState) -> SlotState {
    let flags = [
        (image.active, "active"),
        (image.confirmed, "confirmed"),
        (image.pending, "pending"),
        (image.permanent, "permanent"),
        (image.bootable, "bootable"),
    ];
    SlotState {
        slot: name(image.image.unwrap_or(0), image.slot),
        version: Some(UnitText::new(image.version.raw())),
        // Recovery shows zeros while an upload is under way: that is no image's hash.
        hash: image.hash.as_ref().filter(|hash| hash.iter().any(|byte| *byte != 0)).map(|hash| hex::encode(&hash.0)),
        state: flags.into_iter().filter(|(set, _)| *set == Some(true)).map(|(_, flag)| flag).collect(),
    }
}

/// All slots that hold an image.
pub(super) fn states(images: &[ImageState]) -> Vec<SlotState> {
    images.iter().take(MAX_IMAGES * 2).map(state).collect()
}

/// The slots that take an upload in this mode.
pub(super) fn writable(
    mode: Mode,
    info: Option<&SlotInfoReply>,
    images: &[ImageState],
    swap: Option<BootloaderMode>,
) -> Vec<Writable> {
    // Ids are there only in builds that let every slot be uploaded to; sizes also in others.
    let told: Vec<Writable> = info
        .iter()
        .flat_map(|info| info.images.iter().take(MAX_IMAGES))
        .flat_map(|image| image.slots.iter().take(2).map(move |slot| (image, slot)))
        .map(|(image, slot)| Writable {
            slot: name(image.image, slot.slot),
            id: slot.upload_image_id,
            room: image.max_image_size.into_iter().chain(slot.size).min(),
        })
        .collect();
    if told.iter().any(|slot| slot.id.is_some()) {
        return told.into_iter().filter(|slot| slot.id.is_some()).collect();
    }
    let room = |name: &str| told.iter().find(|slot| slot.slot == name).and_then(|slot| slot.room);
    let numbers: std::collections::BTreeSet<u32> =
        images.iter().take(MAX_IMAGES * 2).map(|image| image.image.unwrap_or(0)).chain([0]).collect();
    numbers
        .into_iter()
        .map(|image| {
            let slot = match (mode, swap) {
                (Mode::Recovery, _) | (_, Some(BootloaderMode::SingleApplication)) => 0,
                // The unit writes the slot that does not run.
                _ => {
                    let runs = |state: &&ImageState| state.image.unwrap_or(0) == image && state.active == Some(true);
                    images.iter().find(runs).map_or(1, |state| u32::from(state.slot == 0))
                }
            };
            let slot = name(image, slot);
            Writable { room: room(&slot), slot, id: (image != 0).then_some(image) }
        })
        .collect()
}

/// The ways of activation. Where nothing is reverted there is no test.
pub(super) fn activations(settable: bool, swap: Option<BootloaderMode>) -> &'static [Activate] {
    match (settable, swap.and_then(BootloaderMode::reverts)) {
        (false, _) => &[Activate::None],
        (true, Some(false)) => &[Activate::None, Activate::Confirm],
        (true, _) => &[Activate::None, Activate::Test, Activate::Confirm],
    }
}

#[cfg(test)]
mod tests {
    use protocols::smp::message::image::{ImageSlots, Slot};

    use super::*;

    fn image(number: Option<u32>, slot: u32, active: Option<bool>) -> ImageState {
        ImageState { image: number, slot, active, version: "1.0.0".into(), ..ImageState::default() }
    }

    fn names(all: &[Writable]) -> Vec<&str> {
        all.iter().map(|slot| slot.slot.as_str()).collect()
    }

    #[test]
    fn a_slot_has_a_name_and_a_number() {
        for (image, slot, want, count) in
            [(0, 0, "primary", 0), (0, 1, "secondary", 1), (1, 1, "1/secondary", 3), (0, 7, "slot7", 7)]
        {
            assert_eq!(name(image, slot), want);
            assert_eq!(number(want), Some(count));
        }
        for name in ["", "third", "x/primary", "4294967295/primary"] {
            assert_eq!(number(name), None, "{name}");
        }
    }

    #[test]
    fn an_upload_goes_where_nothing_runs() {
        let slot0 = [image(None, 0, Some(true)), image(None, 1, Some(false))];
        assert_eq!(names(&writable(Mode::Application, None, &slot0, None)), ["secondary"]);
        let slot1 = [image(None, 1, Some(true))];
        assert_eq!(names(&writable(Mode::Application, None, &slot1, None)), ["primary"]);
        assert_eq!(names(&writable(Mode::Recovery, None, &[], None)), ["primary"]);
        let two = [image(None, 0, Some(true)), image(Some(1), 0, Some(true))];
        let all = writable(Mode::Application, None, &two, None);
        assert_eq!(names(&all), ["secondary", "1/secondary"]);
        assert_eq!((all[0].id, all[1].id), (None, Some(1)));
    }

    #[test]
    fn what_the_unit_says_of_its_slots_counts_more() {
        let slot = |slot, id| Slot { slot, size: Some(4096), upload_image_id: id };
        let info = SlotInfoReply {
            images: vec![ImageSlots {
                image: 0,
                slots: vec![slot(0, None), slot(1, Some(2))],
                max_image_size: Some(4000),
            }],
        };
        let all = writable(Mode::Application, Some(&info), &[image(None, 0, Some(true))], None);
        assert_eq!(all, [Writable { slot: "secondary".to_owned(), id: Some(2), room: Some(4000) }]);
        let info = SlotInfoReply {
            images: vec![ImageSlots {
                image: 0,
                slots: vec![slot(0, None), slot(1, None)],
                max_image_size: Some(4000),
            }],
        };
        let all = writable(Mode::Application, Some(&info), &[image(None, 0, Some(true))], None);
        assert_eq!(all, [Writable { slot: "secondary".to_owned(), id: None, room: Some(4000) }]);
    }

    #[test]
    fn without_a_way_back_there_is_no_test() {
        assert_eq!(activations(false, Some(BootloaderMode::SwapMove)), [Activate::None]);
        assert_eq!(activations(true, Some(BootloaderMode::OverwriteOnly)), [Activate::None, Activate::Confirm]);
        assert_eq!(activations(true, None).len(), 3);
    }

    #[test]
    fn a_hash_of_zeros_is_none() {
        let mut upload = image(None, 0, None);
        upload.hash = Some(vec![0; 32].into());
        assert_eq!(state(&upload).hash, None);
        upload.hash = Some(vec![1; 32].into());
        assert_eq!(state(&upload).hash, Some("01".repeat(32)));
    }
}
