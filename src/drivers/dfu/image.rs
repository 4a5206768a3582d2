//! From a file to what goes where.

use protocols::dfu::file::{Firmware, Format, Image};
use protocols::dfu::session::{DfusePlan, Erase, Piece};
use protocols::usb::UsbId;

use super::SIGNATURES;
use super::slots::Place;
use crate::device::{Content, Mode};
use crate::digest::Digest;
use crate::error::{Error, Kind, Result};

/// Files above this are no firmware for a unit that speaks DFU.
const MAX_FILE: u64 = 256 << 20;

/// Reads a file of any format; what is broken is refused.
pub(super) fn read(content: &dyn Content) -> Result<Firmware> {
    let wrong = |sentence: &str| {
        Error::new(Kind::Invalid, sentence.to_owned())
            .next("give a raw binary, a .dfu file or Intel HEX; a broken file has to be built or copied again")
    };
    if content.len() > MAX_FILE {
        return Err(wrong("the file is too large for a firmware image"));
    }
    let bytes = content.to_vec().map_err(|cause| wrong("an artifact can no longer be read").because(cause))?;
    Firmware::read(&bytes).map_err(|cause| wrong("the file is no firmware for this unit").because(cause))
}

/// Refuses a file whose suffix names another device. Of a unit in its application the ids of its loader are not known:
/// what may be meant by these is left for later.
pub(super) fn check_unit(file: &Firmware, ids: &[UsbId], mode: Mode) -> Result<()> {
    for target in file.images.iter().filter_map(|image| image.for_device) {
        let is = |wanted: Option<u16>, found: u16| wanted.is_none_or(|wanted| wanted == found);
        let fits = |id: &UsbId| is(target.vendor, id.vendor) && is(target.product, id.product);
        let of_a_loader = mode != Mode::Dfu
            && (ids.iter().any(|id| is(target.vendor, id.vendor))
                || SIGNATURES.iter().any(|signature| {
                    let shown = |number: Option<u16>| number.is_some_and(|number| target.vendor == Some(number));
                    shown(signature.pattern.vendor)
                }));
        if !ids.iter().any(fits) && !of_a_loader {
            let shown: Vec<String> = ids.iter().map(ToString::to_string).collect();
            let sentence = format!("the file is for {target}, and this unit is {}", shown.join(" or "));
            return Err(Error::new(Kind::Invalid, sentence).next(
                "use the file for this unit; when the suffix names the unit as it is in its other mode, say so with \
                 `-d dfu@usb:PORT,ids=VVVV:PPPP`",
            ));
        }
    }
    Ok(())
}

/// The image of a file that is for `place`, its addresses found, if it has any there.
pub(super) fn for_place(file: Firmware, place: Place<'_>) -> Result<Image> {
    let slot = place.slot;
    let wrong = |sentence: String| Error::new(Kind::Invalid, sentence);
    let format = file.format;
    let several = file.images.len() > 1;
    let fits = |image: &Image| match image.alternate {
        Some(alternate) => alternate == slot.alternate,
        None => !several,
    };
    let Some(mut image) = file.images.into_iter().find(fits) else {
        let sentence = format!("the file holds nothing for slot {} (alternate setting {})", slot.name, slot.alternate);
        return Err(wrong(sentence).next("name the slot that it is for"));
    };
    let Some(layout) = &slot.layout else {
        return match image.segments.as_mut_slice() {
            _ if format == Format::Dfuse => {
                let sentence = format!("a DfuSe file has addresses, and slot {} has none", slot.name);
                Err(wrong(sentence).next("give a raw binary, or one with a plain DFU suffix"))
            }
            [segment] => {
                segment.address = None;
                Ok(image)
            }
            segments => {
                let (count, name) = (segments.len(), &slot.name);
                Err(wrong(format!("the file holds {count} pieces with gaps between, and slot {name} has no addresses"))
                    .next("fill the gaps, or give a raw binary"))
            }
        };
    };
    let start = layout.regions.first().map_or(0, |region| region.start());
    for segment in &mut image.segments {
        match (segment.address, place.address) {
            (Some(_), Some(_)) => {
                return Err(wrong("the file has addresses of its own, and one is named behind the slot".to_owned())
                    .next("name the slot alone"));
            }
            (None, named) => segment.address = Some(named.unwrap_or(start)),
            (Some(_), None) => {}
        }
    }
    let pieces = pieces(&image);
    DfusePlan::new(&pieces, layout, Erase::Touched).map_err(|cause| {
        wrong(format!("the file does not fit slot {}", slot.name))
            .because(cause)
            .next("use firmware that is linked for this unit's memory; `hardwire info` names the slots")
    })?;
    Ok(image)
}

/// The pieces of an image that has addresses.
pub(super) fn pieces(image: &Image) -> Vec<Piece<'_>> {
    let piece = |segment: &'_ protocols::dfu::file::Segment| segment.address;
    image
        .segments
        .iter()
        .filter_map(|segment| Some(Piece { address: piece(segment)?, bytes: &segment.bytes }))
        .collect()
}

/// SHA-256 over an image's bytes, piece after piece.
pub(super) fn digest(image: &Image) -> Digest {
    let bytes: Vec<u8> = image.segments.iter().flat_map(|segment| &segment.bytes).copied().collect();
    Digest::sha256(&bytes)
}
