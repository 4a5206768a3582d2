//! Bytes that are read where they are needed, so that no image of gigabytes has to lie in memory.

use std::convert::Infallible;
use thiserror::Error;

/// Bytes of a known length that can be read at any offset: a file, a block device, memory. Who reads does no I/O here.
pub trait Source {
    /// Why bytes cannot be read.
    type Error;

    /// How many bytes there are.
    fn len(&self) -> u64;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Fills `buf` with the bytes from `offset` on.
    ///
    /// # Errors
    /// When they cannot be read. Callers stay within [`Source::len`].
    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), Self::Error>;
}

/// Bytes in memory. What is asked for beyond their end reads as zeros, which no caller here does.
impl Source for [u8] {
    type Error = Infallible;

    fn len(&self) -> u64 {
        <[u8]>::len(self) as u64
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), Infallible> {
        buf.fill(0);
        let rest = usize::try_from(offset).ok().and_then(|start| self.get(start..)).unwrap_or_default();
        buf.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        Ok(())
    }
}

impl Source for Vec<u8> {
    type Error = Infallible;

    fn len(&self) -> u64 {
        Source::len(self.as_slice())
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), Infallible> {
        self.as_slice().read_exact_at(offset, buf)
    }
}

impl<S: Source + ?Sized> Source for &S {
    type Error = S::Error;

    fn len(&self) -> u64 {
        (**self).len()
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), Self::Error> {
        (**self).read_exact_at(offset, buf)
    }
}

/// A part of a source, which is a source too.
#[derive(Debug)]
pub struct Window<'a, S: ?Sized> {
    source: &'a S,
    at: u64,
    len: u64,
}

impl<S: ?Sized> Clone for Window<'_, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S: ?Sized> Copy for Window<'_, S> {}

impl<'a, S: Source + ?Sized> Window<'a, S> {
    /// The `len` bytes of `source` from `at` on; `None` when it has not that many.
    pub fn new(source: &'a S, at: u64, len: u64) -> Option<Self> {
        at.checked_add(len).filter(|end| *end <= source.len()).map(|_| Self { source, at, len })
    }
}

impl<S: Source + ?Sized> Source for Window<'_, S> {
    type Error = S::Error;

    fn len(&self) -> u64 {
        self.len
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), Self::Error> {
        self.source.read_exact_at(self.at.saturating_add(offset), buf)
    }
}

/// Why a file gave nothing: it cannot be read (`E`), or it is not what it should be (`F`).
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum FileError<F, E> {
    /// It cannot be read.
    #[error("the file cannot be read")]
    Read(#[source] E),
    /// It is not what it should be.
    #[error(transparent)]
    Format(F),
}

impl<F> FileError<F, Infallible> {
    /// What is wrong with bytes that lie in memory.
    pub fn into_format(self) -> F {
        match self {
            Self::Format(format) => format,
            Self::Read(never) => match never {},
        }
    }
}
