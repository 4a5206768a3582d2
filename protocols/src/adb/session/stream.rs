//! One stream, and what either side may send on it.

use super::{Failure, WINDOW};

/// A stream of this connection. Numbers are never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub(super) u32);

impl StreamId {
    /// The stream of this number, for who carries streams without a connection of packets.
    #[must_use]
    pub const fn of(number: u32) -> StreamId {
        StreamId(number)
    }
}

#[derive(Debug)]
pub(super) struct Stream {
    /// The unit's number of it, once it is open.
    pub(super) remote: Option<u32>,
    flow: Flow,
}

#[derive(Debug)]
enum Flow {
    /// One packet at a time each way.
    Turns {
        /// The unit has acknowledged our last packet.
        ours: bool,
        /// Its last packet waits for our acknowledgement.
        theirs: bool,
    },
    /// Bytes are counted.
    Window {
        /// What we may send.
        ours: i64,
        /// What the unit may send.
        theirs: i64,
        /// What we have taken and not acknowledged.
        taken: u64,
        /// What the unit may send before any of it is acknowledged.
        window: u32,
    },
}

impl Stream {
    /// On its way; `window` is 0 where each side waits for its turn.
    pub(super) fn opening(window: u32) -> Self {
        let flow = if window > 0 {
            Flow::Window { ours: 0, theirs: i64::from(window), taken: 0, window }
        } else {
            Flow::Turns { ours: false, theirs: false }
        };
        Self { remote: None, flow }
    }

    pub(super) fn may_send(&self) -> bool {
        self.remote.is_some()
            && match self.flow {
                Flow::Turns { ours, .. } => ours,
                Flow::Window { ours, .. } => ours > 0,
            }
    }

    /// A packet goes out; the unit's number of the stream.
    pub(super) fn sent(&mut self, len: usize) -> u32 {
        match &mut self.flow {
            Flow::Turns { ours, .. } => *ours = false,
            Flow::Window { ours, .. } => *ours = ours.saturating_sub_unsigned(len as u64),
        }
        self.remote.unwrap_or_default()
    }

    /// The unit opens the stream, or takes more.
    pub(super) fn okay(&mut self, remote: u32, acknowledged: Option<u32>) -> Result<(), Failure> {
        self.is(remote)?;
        match (&mut self.flow, acknowledged) {
            // Daemons acknowledge a large packet once for every part that they could pass on.
            (Flow::Turns { ours, .. }, None) => *ours = true,
            (Flow::Window { ours, .. }, Some(bytes)) => *ours = ours.saturating_add(i64::from(bytes)),
            (Flow::Turns { .. }, Some(_)) => return Err(Failure::Acknowledgement(4)),
            (Flow::Window { .. }, None) => return Err(Failure::Acknowledgement(0)),
        }
        self.remote = Some(remote);
        Ok(())
    }

    /// A packet came.
    pub(super) fn received(&mut self, remote: u32, len: usize) -> Result<(), Failure> {
        if self.remote.is_none() {
            return Err(Failure::OtherStream);
        }
        self.is(remote)?;
        match &mut self.flow {
            Flow::Turns { theirs: true, .. } => return Err(Failure::BeyondWindow),
            Flow::Turns { theirs, .. } => *theirs = len > 0,
            Flow::Window { theirs, .. } if *theirs <= 0 => return Err(Failure::BeyondWindow),
            Flow::Window { theirs, taken, window, .. } => {
                *theirs = theirs.saturating_sub_unsigned(len as u64);
                // It cut its packet to what it may send, where AOSP's daemon overdraws: a small window would cut all of them.
                if *theirs == 0 {
                    *taken += u64::from(WINDOW.saturating_sub(*window));
                    *window = WINDOW.max(*window);
                }
            }
        }
        Ok(())
    }

    /// What came was handed out. An acknowledgement that is due: the unit's number of the stream, and how many bytes.
    pub(super) fn taken(&mut self, len: usize) -> Option<(u32, Option<u32>)> {
        let remote = self.remote?;
        match &mut self.flow {
            Flow::Turns { theirs, .. } => {
                *theirs = false;
                Some((remote, None))
            }
            Flow::Window { theirs, taken, window, .. } => {
                *taken += len as u64;
                // A part of the window, so that the unit need not wait.
                if *taken < u64::from(*window / 8) || *taken == 0 {
                    return None;
                }
                let bytes = u32::try_from(*taken).unwrap_or(u32::MAX);
                *theirs = theirs.saturating_add(i64::from(bytes));
                *taken -= u64::from(bytes);
                Some((remote, Some(bytes)))
            }
        }
    }

    fn is(&self, remote: u32) -> Result<(), Failure> {
        if remote == 0 || self.remote.is_some_and(|known| known != remote) {
            return Err(Failure::OtherStream);
        }
        Ok(())
    }
}
