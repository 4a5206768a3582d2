//! Compression of files under way, either direction, a part at a time.

use protocols::adb::message::sync::Compression;
use std::io::{self, Read as _, Write as _};

/// Most compressed bytes of one LZ4 frame: this decoder wants all of them at once.
const MOST: usize = 256 << 20;
const BUFFER: usize = 1 << 16;

/// From what came to what is stored.
pub(super) enum Decoder {
    Plain,
    Brotli(Box<brotli::DecompressorWriter<Vec<u8>>>),
    Lz4(Vec<u8>),
    Zstd(zstd::stream::write::Decoder<'static, Vec<u8>>),
}

impl Decoder {
    pub(super) fn new(compression: Compression) -> io::Result<Self> {
        Ok(match compression {
            Compression::None => Self::Plain,
            Compression::Brotli => Self::Brotli(Box::new(brotli::DecompressorWriter::new(Vec::new(), BUFFER))),
            Compression::Lz4 => Self::Lz4(Vec::new()),
            Compression::Zstd => Self::Zstd(zstd::stream::write::Decoder::new(Vec::new())?),
        })
    }

    /// What these bytes bring.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        match self {
            Self::Plain => Ok(bytes.to_vec()),
            Self::Brotli(decoder) => {
                decoder.write_all(bytes)?;
                Ok(std::mem::take(decoder.get_mut()))
            }
            Self::Lz4(all) if all.len() + bytes.len() > MOST => Err(io::ErrorKind::FileTooLarge.into()),
            Self::Lz4(all) => {
                all.extend_from_slice(bytes);
                Ok(Vec::new())
            }
            Self::Zstd(decoder) => {
                decoder.write_all(bytes)?;
                Ok(std::mem::take(decoder.get_mut()))
            }
        }
    }

    /// What is left at the end.
    pub(super) fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Plain => Ok(Vec::new()),
            Self::Brotli(mut decoder) => {
                decoder.close()?;
                Ok(std::mem::take(decoder.get_mut()))
            }
            Self::Lz4(all) => {
                let mut bytes = Vec::new();
                lz4_flex::frame::FrameDecoder::new(all.as_slice()).read_to_end(&mut bytes)?;
                Ok(bytes)
            }
            Self::Zstd(mut decoder) => {
                decoder.flush()?;
                Ok(std::mem::take(decoder.get_mut()))
            }
        }
    }
}

/// From what is stored to what is sent.
pub(super) enum Encoder {
    Plain,
    Brotli(Box<brotli::CompressorWriter<Vec<u8>>>),
    Lz4(Box<lz4_flex::frame::FrameEncoder<Vec<u8>>>),
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
}

impl Encoder {
    pub(super) fn new(compression: Compression) -> io::Result<Self> {
        Ok(match compression {
            Compression::None => Self::Plain,
            Compression::Brotli => Self::Brotli(Box::new(brotli::CompressorWriter::new(Vec::new(), BUFFER, 1, 22))),
            Compression::Lz4 => Self::Lz4(Box::new(lz4_flex::frame::FrameEncoder::new(Vec::new()))),
            Compression::Zstd => Self::Zstd(zstd::stream::write::Encoder::new(Vec::new(), 1)?),
        })
    }

    /// What these bytes become.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        match self {
            Self::Plain => Ok(bytes.to_vec()),
            Self::Brotli(encoder) => encoder.write_all(bytes).map(|()| std::mem::take(encoder.get_mut())),
            Self::Lz4(encoder) => encoder.write_all(bytes).map(|()| std::mem::take(encoder.get_mut())),
            Self::Zstd(encoder) => encoder.write_all(bytes).map(|()| std::mem::take(encoder.get_mut())),
        }
    }

    /// What is left at the end.
    pub(super) fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Plain => Ok(Vec::new()),
            Self::Brotli(encoder) => Ok(encoder.into_inner()),
            Self::Lz4(encoder) => encoder.finish().map_err(io::Error::other),
            Self::Zstd(encoder) => encoder.finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_unpacked() {
        let text: Vec<u8> = (0..200_000_u32).map(|n| (n / 7 % 251) as u8).collect();
        for compression in [Compression::None, Compression::Brotli, Compression::Lz4, Compression::Zstd] {
            let mut encoder = Encoder::new(compression).unwrap();
            let mut packed: Vec<u8> = text.chunks(10_000).flat_map(|part| encoder.feed(part).unwrap()).collect();
            packed.extend(encoder.finish().unwrap());
            let mut decoder = Decoder::new(compression).unwrap();
            let mut back: Vec<u8> = packed.chunks(777).flat_map(|part| decoder.feed(part).unwrap()).collect();
            back.extend(decoder.finish().unwrap());
            assert!(back == text, "{compression:?}");
            if compression != Compression::None {
                assert!(packed.len() < text.len() / 2, "{compression:?}: {}", packed.len());
                let mut decoder = Decoder::new(compression).unwrap();
                let bad = decoder.feed(&[0xa5; 4000]).and_then(|_| decoder.finish());
                assert!(bad.is_err(), "{compression:?}");
            }
        }
    }
}
