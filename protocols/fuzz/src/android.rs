//! Targets for Android's formats.

use protocols::android::apk::{Apk, Manifest};
use protocols::android::archive::{Factory, Order, Requirement};
use protocols::android::avb::{Descriptor, Vbmeta, chain_digest};
use protocols::android::source::FileError;
use protocols::android::sparse::{Extent, Holes, Image, Stored};
use protocols::android::zip::Archive;

/// Sparse images: what is read lies in the file and in the image, and the pieces made of it say the same.
pub fn sparse_images(data: &[u8]) {
    let Ok(image) = Image::read_sparse(data) else { return };
    let ends = |extent: &Extent| (extent.block, extent.end());
    assert!(image.extents().windows(2).all(|pair| ends(&pair[0]).1 <= ends(&pair[1]).0), "in order, none overlaps");
    for extent in image.extents() {
        assert!(extent.blocks > 0 && extent.end() <= image.blocks());
        if let Stored::Data { at, len } = extent.stored {
            assert!(at + len <= data.len() as u64 && len == image.block_size().of(extent.blocks));
        }
    }
    assert!(image.data_len() <= data.len() as u64);
    let Ok(pieces) = image.pieces(64 + 2 * u64::from(image.block_size().bytes())) else { return };
    let mut cut = Vec::new();
    for piece in pieces {
        let made = piece.to_vec(data).expect("memory");
        let again = Image::read_sparse(&made).map_err(FileError::into_format).expect("our own");
        assert_eq!((again.blocks(), made.len() as u64), (image.blocks(), piece.len()));
        cut.extend(again.extents().iter().map(ends));
    }
    let covered =
        |ends: &mut dyn Iterator<Item = (u32, u32)>| ends.map(|(start, end)| u64::from(end - start)).sum::<u64>();
    assert_eq!(covered(&mut cut.iter().copied()), covered(&mut image.extents().iter().map(ends)));
    if image.len() < 1 << 20 {
        let made = image.whole().to_vec(data).expect("memory");
        let again = Image::read_sparse(&made).map_err(FileError::into_format).expect("our own");
        for holes in [Holes::Zeros, Holes::Left] {
            assert_eq!(again.sha256(&made, image.len(), holes), image.sha256(data, image.len(), holes));
        }
        let _ = image.check(data);
    }
}

/// Metadata of verified boot: what is read is within the file, and is read the same again.
pub fn avb_metadata(data: &[u8]) {
    if let Ok(vbmeta) = Vbmeta::read(data) {
        assert!(vbmeta.bytes().len() <= data.len() && vbmeta.bytes().len() as u64 <= Vbmeta::LIMIT);
        assert_eq!(Vbmeta::parse(vbmeta.bytes()).as_ref(), Ok(&vbmeta));
        let shown = chain_digest(&vbmeta, |_| Some(&vbmeta)).map_err(|error| error.to_string());
        assert!(shown.err().is_none_or(|text| !text.contains(char::is_control)));
        for descriptor in &vbmeta.descriptors {
            if let Descriptor::Hash(hash) = descriptor {
                let _ = hash.check(data);
            }
        }
    }
}

/// Packages, as files and as manifests: what is read is bounded by the file, and what goes into commands is plain.
pub fn packages(data: &[u8]) {
    if let Ok(archive) = Archive::open(data) {
        for entry in archive.entries() {
            assert!(!entry.name.split('/').any(|part| part.is_empty() || part == "." || part == ".."));
            if let Ok(bytes) = entry.to_vec(data, 1 << 20) {
                assert_eq!(bytes.len() as u64, entry.len);
            }
        }
    }
    let manifests = [Apk::read(data).ok().map(|apk| apk.manifest), Manifest::parse(data).ok()];
    for manifest in manifests.into_iter().flatten() {
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        assert!(manifest.package.chars().all(plain) && manifest.split.is_none_or(|split| split.chars().all(plain)));
    }
}

/// The texts of factory archives, and archives that hold them: errors name a line that there is, and show nothing harmful.
pub fn factory_archives(data: &[u8]) {
    let last = data.split(|byte| *byte == b'\n').count();
    for error in [Requirement::parse_all(data).err(), Order::parse(data).err()].into_iter().flatten() {
        assert!((1..=last).contains(&error.line) && !error.to_string().contains(char::is_control));
    }
    if let Ok(factory) = Factory::open(data) {
        assert!(factory.partitions().all(|name| factory.image(name).is_some()));
    }
}
