use super::*;
use crate::android::source::{FileError, Source};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

const IMG2SIMG: &[u8] = include_bytes!("vectors/img2simg.simg");
const PIECES: [&[u8]; 2] =
    [include_bytes!("vectors/simg2simg-8192.0.simg"), include_bytes!("vectors/simg2simg-8192.1.simg")];
const CUT: &[u8] = include_bytes!("vectors/img2simg-cut.simg");
const CHECKSUMS: &[u8] = include_bytes!("vectors/checksums.simg");

/// Digests that `sha256sum` gave for what `simg2img` made of the vectors.
const EXPANDED: &str = "82663a13d5ad9e7a3128d94c7af1ec594b122f73f8914536cfe0067361e89cde";
const CUT_EXPANDED: &str = "5b2f1d34b265b933415bed49143df5a0d61742307a22bd5e90fb7c0ae6172a07";
const CHECKSUMS_EXPANDED: &str = "ef946dcb8924feae6398daf985a16d6fd32c63fd9d3ab0196330a4571877fe36";

fn read(file: &[u8]) -> Result<Image, SparseError> {
    Image::read(file).map_err(FileError::into_format)
}

fn digest(image: &Image, file: &[u8], len: u64) -> String {
    hex::encode(image.sha256(file, len, Holes::Zeros).unwrap())
}

/// What a partition holds after an image was written to it, block by block.
fn flash(partition: &mut [u8], file: &[u8]) {
    let image = read(file).unwrap();
    for extent in image.extents() {
        let size = image.block_size();
        let target = &mut partition[size.of(extent.block) as usize..size.of(extent.end()) as usize];
        match extent.stored {
            Stored::Data { at, len } => {
                target.fill(0);
                target[..len as usize].copy_from_slice(&file[at as usize..(at + len) as usize]);
            }
            Stored::Fill(word) => target.chunks_mut(4).for_each(|chunk| chunk.copy_from_slice(&word)),
        }
    }
}

fn expanded(file: &[u8]) -> Vec<u8> {
    let mut partition = vec![0; read(file).unwrap().len() as usize];
    flash(&mut partition, file);
    partition
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

#[test]
fn images_of_the_field_expand_as_its_own_tool_expands_them() {
    for (file, wanted) in [(IMG2SIMG, EXPANDED), (CUT, CUT_EXPANDED), (CHECKSUMS, CHECKSUMS_EXPANDED)] {
        let image = read(file).unwrap();
        assert_eq!(digest(&image, file, image.len()), wanted);
        assert_eq!(sha256(&expanded(file)), wanted);
        assert_eq!(image.check(file), Ok(()));
    }
    let mut partition = vec![0xff; 16 * 4096];
    for piece in PIECES {
        flash(&mut partition, piece);
    }
    assert_eq!(sha256(&partition), EXPANDED);
}

#[test]
fn what_is_made_of_a_plain_image_is_what_the_field_makes_of_it() {
    for file in [IMG2SIMG, CUT] {
        let plain = expanded(file);
        // The field's tool was given 100 bytes of the last block, and calls them data.
        let plain = if file == CUT { &plain[..4096 + 100] } else { &plain };
        let made = read(plain).unwrap().whole();
        assert_eq!(made.to_vec(plain).unwrap(), file);
        assert_eq!(made.len(), file.len() as u64);
    }
}

#[test]
fn pieces_are_no_larger_than_allowed_and_hold_as_much_as_fits() {
    let image = read(IMG2SIMG).unwrap();
    let least = image.pieces(0).unwrap_err().least;
    assert_eq!(least, 28 + 12 + (12 + 4096) + 12);
    assert!(image.pieces(least - 1).is_err());
    // Room for a hole behind is kept in every piece, so that the whole, of 8308 bytes, needs 12 more.
    for (limit, count) in [(least, 5), (least + 1, 5), (8192, 2), (8308 + 11, 2), (8308 + 12, 1), (1 << 20, 1)] {
        let pieces: Vec<_> = image.pieces(limit).unwrap().map(|piece| piece.to_vec(IMG2SIMG).unwrap()).collect();
        assert_eq!(pieces.len(), count, "{limit}");
        let mut partition = vec![0xff; 16 * 4096];
        for piece in &pieces {
            assert!(piece.len() as u64 <= limit);
            assert_eq!(read(piece).unwrap().blocks(), 16);
            flash(&mut partition, piece);
        }
        assert_eq!(sha256(&partition), EXPANDED);
    }
}

#[test]
fn a_long_extent_is_cut_where_a_piece_is_full() {
    let plain: Vec<u8> = (0..40 * 4096_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let image = read(&plain).unwrap();
    let limit = 28 + 12 + (12 + 3 * 4096) + 12;
    let data: Vec<_> = image.pieces(limit).unwrap().map(|piece| piece.data_len()).collect();
    assert_eq!(data, [[3 * 4096; 13].as_slice(), &[4096]].concat());
    assert_eq!(image.pieces(limit).unwrap().count(), 14);
}

#[test]
fn holes_stay_holes() {
    let image = read(CHECKSUMS).unwrap();
    assert!(image.has_holes());
    assert_eq!((image.data_len(), image.len()), (4096, 6 * 4096));
    let made = image.whole().to_vec(CHECKSUMS).unwrap();
    let mut partition = vec![0xff; 6 * 4096];
    flash(&mut partition, &made);
    assert_eq!(partition[4096..3 * 4096], [0xff; 2 * 4096]);
    let left = image.sha256(CHECKSUMS, image.len(), Holes::Left).unwrap();
    let there = [&partition[..4096], &partition[3 * 4096..]].concat();
    assert_eq!(hex::encode(left), sha256(&there));
}

#[test]
fn an_image_without_content_is_one_piece() {
    let nothing = FileHeader::new(BlockSize::USUAL, 0, 0).to_bytes();
    let image = read(&nothing).unwrap();
    assert!(image.is_empty());
    let pieces: Vec<_> = image.pieces(5000).unwrap().collect();
    assert_eq!(pieces.len(), 1);
    assert_eq!(pieces[0].to_vec(nothing.as_slice()).unwrap(), nothing);

    let header = FileHeader::new(BlockSize::USUAL, 7, 1).to_bytes();
    let hole = ChunkHeader { kind: ChunkKind::DontCare, blocks: 7, len: 12 }.to_bytes();
    let holes = [header.as_slice(), &hole].concat();
    let pieces: Vec<_> = read(&holes).unwrap().pieces(5000).unwrap().collect();
    assert_eq!(pieces.len(), 1);
    assert_eq!(pieces[0].to_vec(&holes).unwrap(), holes);
}

#[test]
fn a_wrong_checksum_is_found() {
    let image = read(CHECKSUMS).unwrap();
    let mut changed = CHECKSUMS.to_vec();
    changed[100] ^= 1;
    let error = image.check(&changed).unwrap_err().into_format();
    assert_eq!(error.blocks, 3);
    assert_ne!(error.claimed, error.computed);
}

#[test]
fn every_truncation_and_every_byte_too_much_is_refused() {
    for whole in [IMG2SIMG, CHECKSUMS, PIECES[0]] {
        for cut in (0..200).chain(whole.len() - 200..whole.len()) {
            let Some(short) = whole.get(..cut) else { continue };
            assert!(Image::read_sparse(short).is_err(), "{cut} of {}", whole.len());
        }
        let long = [whole, &[0]].concat();
        assert_eq!(read(&long), Err(SparseError::Loose { at: whole.len() as u64, len: 1 }));
    }
}

fn changed(at: usize, bytes: &[u8]) -> Result<Image, SparseError> {
    let mut file = IMG2SIMG.to_vec();
    file[at..at + bytes.len()].copy_from_slice(bytes);
    read(&file)
}

#[test]
fn headers_that_lie_are_refused() {
    assert_eq!(changed(4, &[2, 0]), Err(SparseError::Version(2)));
    assert_eq!(changed(8, &[27, 0]), Err(SparseError::HeaderSize(27)));
    assert_eq!(changed(10, &[11, 0]), Err(SparseError::HeaderSize(11)));
    assert_eq!(changed(12, &[0; 4]), Err(SparseError::BlockSize(0)));
    assert_eq!(changed(12, &[1, 16, 0, 0]), Err(SparseError::BlockSize(4097)));
    // Chunks: one too few, one too many, and more than there is room for.
    assert!(matches!(changed(20, &[5, 0, 0, 0]), Err(SparseError::Blocks { found: 12, blocks: 16 })));
    assert!(matches!(changed(20, &[7, 0, 0, 0]), Err(SparseError::Cut { .. })));
    assert!(matches!(changed(20, &[0xff; 4]), Err(SparseError::Cut { .. })));
    // Blocks: fewer and more than the chunks make.
    assert_eq!(changed(16, &[15, 0, 0, 0]), Err(SparseError::Beyond { at: 8292, blocks: 15 }));
    assert_eq!(changed(16, &[0xff; 4]), Err(SparseError::Blocks { found: 16, blocks: u32::MAX }));
    // The block size of another image: no raw chunk has its length.
    assert!(matches!(changed(12, &[0, 32, 0, 0]), Err(SparseError::ChunkLength { .. })));
}

#[test]
fn chunks_that_lie_are_refused() {
    assert_eq!(changed(28, &[0xc5, 0xca]), Err(SparseError::Kind { at: 28, kind: 0xcac5 }));
    for claimed in [0, 11, 15, 17, u32::MAX] {
        let lie = changed(36, &claimed.to_le_bytes());
        assert_eq!(lie, Err(SparseError::ChunkLength { at: 28, claimed, expected: 16 }));
    }
    // A raw chunk with a length that fits its blocks, and neither fits the file.
    let raw = [0xff_u8, 0xff, 0xf, 0, 0x0c, 0xf0, 0xff, 0xff];
    assert_eq!(changed(48, &raw), Err(SparseError::Cut { at: 44 }));
    // Blocks that overflow when they are added up.
    assert_eq!(changed(32, &[0xff; 4]), Err(SparseError::Beyond { at: 28, blocks: 16 }));
    // A checksum makes no blocks, whatever it says.
    assert!(matches!(changed(28, &[0xc4, 0xca]), Err(SparseError::Blocks { found: 13, .. })));
}

#[test]
fn a_file_that_cannot_be_read_says_so() {
    struct Broken;
    impl Source for Broken {
        type Error = &'static str;
        fn len(&self) -> u64 {
            1 << 30
        }
        fn read_exact_at(&self, _: u64, _: &mut [u8]) -> Result<(), &'static str> {
            Err("pulled")
        }
    }
    assert_eq!(Image::read(&Broken), Err(FileError::Read("pulled")));
    assert_eq!(read(IMG2SIMG).unwrap().sha256(&Broken, 65536, Holes::Zeros), Err("pulled"));
}

/// A plain image of blocks of few kinds, and an end that is no whole block.
fn plain() -> impl Strategy<Value = Vec<u8>> {
    let block = prop_oneof![
        Just(vec![0; 4096]),
        Just([0xde, 0xad, 0xbe, 0xef].repeat(1024)),
        any::<u8>().prop_map(|n| (0..=255_u8).map(|byte| byte ^ n).cycle().take(4096).collect()),
    ];
    (prop::collection::vec(block, 0..20), 0..4096_usize).prop_map(|(blocks, cut)| {
        let mut all = blocks.concat();
        all.truncate(all.len().saturating_sub(cut));
        all
    })
}

proptest! {
    #[test]
    fn a_plain_image_comes_back_from_its_pieces(plain in plain(), blocks in 1..6_u64, odd in 0..4096_u64, len in 0..100_000_u64) {
        let image = read(&plain).unwrap();
        let mut padded = plain.clone();
        padded.resize(image.len() as usize, 0);
        let mut partition = vec![0xaa; padded.len()];
        for piece in image.pieces(64 + blocks * 4096 + odd).unwrap() {
            let made = piece.to_vec(&plain).unwrap();
            prop_assert_eq!(made.len() as u64, piece.len());
            prop_assert!(piece.len() <= 64 + blocks * 4096 + odd);
            flash(&mut partition, &made);
            // A piece of a piece is the piece, and it is cut again as the whole is.
            prop_assert_eq!(read(&made).unwrap().whole().to_vec(&made).unwrap(), made);
        }
        prop_assert_eq!(&partition, &padded);
        let mut first = padded;
        first.resize(len as usize, 0);
        prop_assert_eq!(digest(&image, &plain, len), sha256(&first));
    }

    #[test]
    fn an_image_is_read_anywhere_as_it_will_lie_in_a_partition(plain in plain(), at in 0..90_000_usize, len in 0..9000_usize) {
        let image = read(&plain).unwrap();
        let sparse = image.whole().to_vec(&plain).unwrap();
        let image = read(&sparse).unwrap();
        let mut wanted = plain;
        wanted.resize(image.len().max(100_000) as usize, 0);
        let mut found = vec![0xaa; len];
        image.expanded(&sparse).read_exact_at(at as u64, &mut found).unwrap();
        prop_assert_eq!(&found, &wanted[at..at + len]);
    }

    #[test]
    fn a_piece_is_read_the_same_in_steps_of_any_size(plain in plain(), step in 1..5000_usize) {
        let image = read(&plain).unwrap();
        let piece = image.whole();
        let whole = piece.to_vec(&plain).unwrap();
        let mut reader = piece.reader(&plain);
        let (mut read, mut buf) = (Vec::new(), vec![0; step]);
        loop {
            let n = reader.read(&mut buf).unwrap();
            read.extend_from_slice(&buf[..n]);
            if n < step { break; }
        }
        prop_assert_eq!(read, whole);
    }

    #[test]
    fn no_bytes_panic(noise in prop::collection::vec(any::<u8>(), 0..200), at in 0_usize..100) {
        let _ = read(&noise);
        let mut image = CHECKSUMS.to_vec();
        image[at..at + noise.len()].copy_from_slice(&noise);
        let _ = read(&image);
    }
}
