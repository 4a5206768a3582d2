//! Files compressed on their way. LZ4 to the unit pays off on USB 2; from the unit none does, as its processor is the
//! slower of the two.

use std::io::{self, Read, Write};

use protocols::adb::message::Features;
use protocols::adb::message::feature;
use protocols::adb::message::sync::{Compression, Flags, MAX_DATA};

use super::shell::unreadable;
use super::sync::{Answer, Reading, Writing};
use crate::device::{Content, Op};
use crate::error::{Error, Kind, Result};

/// Files up to this size are sent as they are.
const WORTH_IT: u64 = 64 << 10;
/// As Google's client has it: fast before small.
const BROTLI_QUALITY: i32 = 1;
const ZSTD_LEVEL: i32 = 1;
/// The largest window that a frame from a unit may ask for: 2²⁷ bytes are what zstd itself allows by default.
const ZSTD_WINDOW_LOG: u32 = 27;
const PIECE: usize = 128 << 10;

/// What was asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Choice {
    /// What seems best for a file.
    #[default]
    Auto,
    /// This, where the unit has it.
    Fixed(Compression),
}

impl Choice {
    /// The flags with which to send `content`.
    pub(super) fn to_send(self, content: &dyn Content, features: &Features) -> Flags {
        let compression = match self {
            Choice::Fixed(compression) if has(compression, features) => compression,
            Choice::Auto if has(Compression::Lz4, features) && shrinks(content) => Compression::Lz4,
            _ => Compression::None,
        };
        Flags { compression, ..Flags::default() }
    }

    /// The flags with which to receive.
    pub(super) fn to_receive(self, features: &Features) -> Flags {
        let compression = match self {
            Choice::Fixed(compression) if has(compression, features) => compression,
            _ => Compression::None,
        };
        Flags { compression, ..Flags::default() }
    }
}

fn has(compression: Compression, features: &Features) -> bool {
    features.has(feature::SENDRECV_V2)
        && match compression {
            Compression::None => true,
            Compression::Brotli => features.has(feature::SENDRECV_V2_BROTLI),
            Compression::Lz4 => features.has(feature::SENDRECV_V2_LZ4),
            Compression::Zstd => features.has(feature::SENDRECV_V2_ZSTD),
        }
}

/// Whether a piece out of the middle loses a quarter at least.
fn shrinks(content: &dyn Content) -> bool {
    if content.len() <= WORTH_IT {
        return false;
    }
    let mut piece = vec![0; WORTH_IT as usize];
    if content.read_exact_at((content.len() - WORTH_IT) / 2, &mut piece).is_err() {
        return false;
    }
    lz4_flex::block::compress(&piece).len() < piece.len() / 4 * 3
}

/// Sends all of `content` as records of compressed data; the bytes that went out. `told` hears how far it is.
pub(super) fn send<'a, 'b>(
    compression: Compression,
    content: &dyn Content,
    writing: Writing<'a, 'b>,
    told: &mut dyn FnMut(u64, &mut Op<'b>),
) -> Result<u64> {
    let spoilt = |error: io::Error| Error::new(Kind::Garbled, "the file cannot be compressed").because(error);
    let mut writing = match compression {
        Compression::None => through(writing, content, |writing| writing, told)?,
        Compression::Lz4 => {
            let encoder = lz4_flex::frame::FrameEncoder::new(writing);
            let encoder = through(encoder, content, |encoder| encoder.get_mut(), told)?;
            encoder.finish().map_err(|error| spoilt(io::Error::other(error)))?
        }
        Compression::Zstd => {
            let encoder = zstd::stream::write::Encoder::new(writing, ZSTD_LEVEL).map_err(spoilt)?;
            through(encoder, content, |encoder| encoder.get_mut(), told)?.finish().map_err(spoilt)?
        }
        Compression::Brotli => {
            let params = brotli::enc::BrotliEncoderParams { quality: BROTLI_QUALITY, ..Default::default() };
            let encoder = brotli::CompressorWriter::with_params(writing, MAX_DATA, &params);
            through(encoder, content, |encoder| encoder.get_mut(), told)?.into_inner()
        }
    };
    if let Some(error) = writing.failed.take() {
        return Err(error);
    }
    writing.record()?;
    Ok(writing.sent)
}

/// Writes all of `content` to `encoder`; `inside` is what it writes to itself.
fn through<'a, 'b, E: Write>(
    mut encoder: E,
    content: &dyn Content,
    inside: fn(&mut E) -> &mut Writing<'a, 'b>,
    told: &mut dyn FnMut(u64, &mut Op<'b>),
) -> Result<E>
where
    'b: 'a,
{
    let mut piece = vec![0; PIECE.min(usize::try_from(content.len()).unwrap_or(PIECE))];
    let mut at = 0;
    while at < content.len() {
        let len = usize::try_from(content.len() - at).unwrap_or(PIECE).min(PIECE);
        let piece = piece.get_mut(..len).unwrap_or_default();
        content.read_exact_at(at, piece).map_err(unreadable)?;
        at += len as u64;
        if let Err(error) = encoder.write_all(piece) {
            let failed = inside(&mut encoder).failed.take();
            return Err(
                failed.unwrap_or_else(|| Error::new(Kind::Garbled, "the file cannot be compressed").because(error))
            );
        }
        told(at, inside(&mut encoder).op);
    }
    Ok(encoder)
}

/// Receives a file of compressed data; what comes of it goes to `take`. How it ended.
pub(super) fn receive(
    compression: Compression,
    mut reading: Reading<'_, '_>,
    take: &mut dyn FnMut(&[u8]) -> Result<()>,
) -> Result<Answer> {
    let damaged = |error: io::Error| {
        Error::new(Kind::Garbled, "what the unit compressed cannot be read").because(error).next("run the same again")
    };
    let mut copy = |from: &mut dyn Read| {
        let mut piece = vec![0; PIECE];
        loop {
            match from.read(&mut piece) {
                Ok(0) => return Ok(()),
                Ok(count) => take(piece.get(..count).unwrap_or_default())?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(damaged(error)),
            }
        }
    };
    let copied = match compression {
        Compression::None => copy(&mut reading),
        Compression::Lz4 => copy(&mut lz4_flex::frame::FrameDecoder::new(&mut reading)),
        Compression::Brotli => copy(&mut brotli::Decompressor::new(&mut reading, MAX_DATA)),
        Compression::Zstd => {
            let decoder = zstd::stream::read::Decoder::new(&mut reading).and_then(|mut decoder| {
                decoder.window_log_max(ZSTD_WINDOW_LOG)?;
                Ok(decoder)
            });
            decoder.map_err(damaged).and_then(|mut decoder| copy(&mut decoder))
        }
    };
    if let Some(failed) = reading.failed.take() {
        return Err(failed);
    }
    match (copied, reading.ended()) {
        // A refusal in the middle looks like a file cut short.
        (Err(_), Some(Answer::Failed(_))) | (Ok(()), _) => reading.finish(),
        (Err(error), _) => Err(error),
    }
}
