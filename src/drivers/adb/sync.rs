//! The stream `sync:`: requests go out in large packets, answers are taken as they come.
//!
//! One stream serves one operation after another, so that none of them waits for it to open. After the unit's `FAIL` it
//! is closed: daemons end it.

use std::io;
use std::time::Duration;

use protocols::adb::message;
use protocols::adb::message::sync::{self, Asked, Replies, Reply, Request};
use protocols::adb::session::StreamId;

use super::wire::{Received, Wire};
use crate::device::{Content, Op, UnitText};
use crate::error::{Error, Kind, Result};

/// How long the unit may say nothing: slow storage takes its time over what it was sent.
const SILENT: Duration = Duration::from_secs(60);

/// An answer without the data before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    Stat(sync::Stat),
    Entry(sync::Entry),
    Done,
    /// The unit says no, and why.
    Failed(UnitText),
}

/// An open stream.
pub(super) struct Sync {
    stream: StreamId,
    replies: Replies,
    /// What came, and how much of it was taken.
    came: Vec<u8>,
    taken: usize,
    /// What waits to be sent: a packet at most.
    out: Vec<u8>,
}

impl Sync {
    pub(super) fn open(wire: &mut Wire, op: &mut Op<'_>) -> Result<Sync> {
        let stream = wire.open(&message::sync(), op)?;
        Ok(Sync { stream, replies: Replies::default(), came: Vec::new(), taken: 0, out: Vec::new() })
    }

    pub(super) fn close(self, wire: &mut Wire, op: &mut Op<'_>) {
        wire.close(self.stream, op);
    }

    /// Puts a request behind what waits.
    pub(super) fn ask(&mut self, request: &Request, wire: &mut Wire, op: &mut Op<'_>) -> Result<()> {
        let mut bytes = Vec::new();
        request.write(&mut bytes);
        self.put(&bytes, wire, op)
    }

    /// Puts bytes behind what waits, and sends every packet that is full.
    pub(super) fn put(&mut self, mut bytes: &[u8], wire: &mut Wire, op: &mut Op<'_>) -> Result<()> {
        while !bytes.is_empty() {
            let room = self.room(wire, op)?;
            let (part, rest) = bytes.split_at(room.min(bytes.len()));
            self.out.extend_from_slice(part);
            bytes = rest;
        }
        Ok(())
    }

    /// Puts `len` bytes of `content` behind what waits: they are read into the packet that carries them.
    pub(super) fn put_content(
        &mut self,
        content: &dyn Content,
        mut offset: u64,
        mut len: usize,
        wire: &mut Wire,
        op: &mut Op<'_>,
    ) -> Result<()> {
        while len > 0 {
            let room = self.room(wire, op)?;
            let part = room.min(len);
            let begin = self.out.len();
            self.out.resize(begin + part, 0);
            let into = self.out.get_mut(begin..).unwrap_or_default();
            content.read_exact_at(offset, into).map_err(super::shell::unreadable)?;
            offset += part as u64;
            len -= part;
        }
        Ok(())
    }

    /// Room in the packet that waits; a full one is sent.
    fn room(&mut self, wire: &mut Wire, op: &mut Op<'_>) -> Result<usize> {
        if self.out.len() >= wire.max_payload() {
            self.flush(wire, op)?;
        }
        if self.out.capacity() == 0 {
            self.out.reserve(64 << 10);
        }
        Ok(wire.max_payload() - self.out.len())
    }

    /// Sends what waits.
    pub(super) fn flush(&mut self, wire: &mut Wire, op: &mut Op<'_>) -> Result<()> {
        if self.out.is_empty() {
            return Ok(());
        }
        op.check()?;
        if wire.room(self.stream, op)? == 0 {
            return Err(wire.explain(ended(), op));
        }
        let full = self.out.len() >= wire.max_payload();
        let next = Vec::with_capacity(if full { wire.max_payload() } else { 0 });
        wire.send(self.stream, std::mem::replace(&mut self.out, next), op)
    }

    /// The next answer; data before it goes to `take`.
    pub(super) fn answer(
        &mut self,
        asked: Asked,
        wire: &mut Wire,
        op: &mut Op<'_>,
        take: &mut dyn FnMut(&[u8]) -> Result<()>,
    ) -> Result<Answer> {
        loop {
            if let Some(answer) = self.came(asked, take)? {
                return Ok(answer);
            }
            self.more(SILENT, wire, op)?;
        }
    }

    /// The next answer, if it has come already.
    pub(super) fn answered(&mut self, asked: Asked, wire: &mut Wire, op: &mut Op<'_>) -> Result<Option<Answer>> {
        if self.taken >= self.came.len() && !self.more(Duration::ZERO, wire, op)? {
            return Ok(None);
        }
        self.came(asked, &mut |_| Ok(()))
    }

    /// Takes in what comes; `false` when nothing did in time and that is no fault.
    fn more(&mut self, within: Duration, wire: &mut Wire, op: &mut Op<'_>) -> Result<bool> {
        match wire.receive(self.stream, within, op)? {
            Received::Data(data) => {
                self.came = data;
                self.taken = 0;
                Ok(true)
            }
            Received::Nothing if within.is_zero() => Ok(false),
            Received::Nothing => {
                let sentence = format!("the unit says nothing to what it was asked for {} s", within.as_secs());
                Err(Error::new(Kind::TimedOut, sentence)
                    .next("see whether the unit still runs, then run the same again"))
            }
            Received::Closed => Err(wire.explain(ended(), op)),
        }
    }

    fn came(&mut self, asked: Asked, take: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<Option<Answer>> {
        let mut rest = self.came.get(self.taken..).unwrap_or_default();
        let answer = loop {
            match self.replies.next(asked, &mut rest).map_err(|error| {
                Error::new(Kind::Garbled, "what the unit says of its files makes no sense")
                    .because(error)
                    .next("run the same again; if it happens again the unit's daemon is damaged")
            })? {
                Some(Reply::Data(data)) => take(data)?,
                Some(Reply::Stat(stat)) => break Some(Answer::Stat(stat)),
                Some(Reply::Entry(entry)) => break Some(Answer::Entry(entry)),
                Some(Reply::Done) => break Some(Answer::Done),
                Some(Reply::Failed(why)) => {
                    break Some(Answer::Failed(UnitText::new(&String::from_utf8_lossy(&why))));
                }
                None => break None,
            }
        };
        self.taken = self.came.len() - rest.len();
        Ok(answer)
    }
}

fn ended() -> Error {
    Error::new(Kind::Refused, "the unit ended the transfer without saying why")
        .next("see whether its storage is full, then run the same again")
}

/// The files that a unit sends, as something to read from: for what has to be decompressed.
pub(super) struct Reading<'a, 'b> {
    pub sync: &'a mut Sync,
    pub wire: &'a mut Wire,
    pub op: &'a mut Op<'b>,
    held: Vec<u8>,
    at: usize,
    end: Option<Answer>,
    /// What went wrong, as `io::Error` cannot say it.
    pub failed: Option<Error>,
}

impl<'a, 'b> Reading<'a, 'b> {
    pub(super) fn new(sync: &'a mut Sync, wire: &'a mut Wire, op: &'a mut Op<'b>) -> Reading<'a, 'b> {
        Reading { sync, wire, op, held: Vec::new(), at: 0, end: None, failed: None }
    }

    /// How the file ended: reads what is left of it.
    pub(super) fn finish(&mut self) -> Result<Answer> {
        while self.end.is_none() {
            self.fill()?;
        }
        Ok(self.end.take().unwrap_or(Answer::Done))
    }

    /// How the file ended, if it has.
    pub(super) fn ended(&self) -> Option<&Answer> {
        self.end.as_ref()
    }

    fn fill(&mut self) -> Result<()> {
        self.op.check()?;
        self.held.clear();
        self.at = 0;
        let held = &mut self.held;
        let came = self.sync.came(Asked::Receive, &mut |data| {
            held.extend_from_slice(data);
            Ok(())
        })?;
        self.end = came;
        if self.end.is_none() && self.held.is_empty() {
            self.sync.more(SILENT, self.wire, self.op)?;
        }
        Ok(())
    }
}

impl io::Read for Reading<'_, '_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while self.at >= self.held.len() {
            if self.end.is_some() {
                return Ok(0);
            }
            if let Err(error) = self.fill() {
                self.failed = Some(error);
                return Err(io::Error::other("the file does not come"));
            }
        }
        let rest = self.held.get(self.at..).unwrap_or_default();
        let count = rest.len().min(buf.len());
        buf[..count].copy_from_slice(&rest[..count]);
        self.at += count;
        Ok(count)
    }
}

/// A file on its way to the unit, as something to write to: for what is compressed.
pub(super) struct Writing<'a, 'b> {
    pub sync: &'a mut Sync,
    pub wire: &'a mut Wire,
    pub op: &'a mut Op<'b>,
    held: Vec<u8>,
    /// Bytes of data that went out.
    pub sent: u64,
    /// What went wrong, as `io::Error` cannot say it.
    pub failed: Option<Error>,
}

impl<'a, 'b> Writing<'a, 'b> {
    pub(super) fn new(sync: &'a mut Sync, wire: &'a mut Wire, op: &'a mut Op<'b>) -> Writing<'a, 'b> {
        Writing { sync, wire, op, held: Vec::with_capacity(sync::MAX_DATA), sent: 0, failed: None }
    }

    /// Sends what is held as one record.
    pub(super) fn record(&mut self) -> Result<()> {
        if self.held.is_empty() {
            return Ok(());
        }
        let len = u32::try_from(self.held.len()).unwrap_or(u32::MAX);
        self.sync.put(&sync::data_header(len), self.wire, self.op)?;
        self.sync.put(&self.held, self.wire, self.op)?;
        self.sent += u64::from(len);
        self.held.clear();
        Ok(())
    }
}

impl io::Write for Writing<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let part = bytes.len().min(sync::MAX_DATA - self.held.len());
        self.held.extend_from_slice(&bytes[..part]);
        if self.held.len() >= sync::MAX_DATA
            && let Err(error) = self.record()
        {
            self.failed = Some(error);
            return Err(io::Error::other("the file does not go"));
        }
        Ok(part)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
