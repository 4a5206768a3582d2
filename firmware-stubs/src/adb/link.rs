//! Packets as transfers: the header is one, the payload another, and what the host does not take at once remains.

use super::android::System;
use super::connection::{Connection, Ended};
use crate::usb::Stop;

/// Bytes that are no packet.
const GARBAGE: [u8; 24] = [0xa5; 24];

/// A connection, and what of its packets is still to go.
#[derive(Default)]
pub(crate) struct Link {
    connection: Connection,
    /// Parts still to be sent, the next one last.
    parts: Vec<Vec<u8>>,
    sent: usize,
}

impl Link {
    /// Bytes of the host.
    pub(crate) fn take(&mut self, system: &mut System, bytes: &[u8]) -> Result<Result<(), Ended>, Stop> {
        self.connection.on_bytes(system, bytes)
    }

    /// At most `room` bytes of the next part, if there is any.
    pub(crate) fn give(&mut self, system: &mut System, room: usize) -> Result<Option<Vec<u8>>, Stop> {
        if self.parts.is_empty() {
            let Some(packet) = self.connection.next(system)? else { return Ok(None) };
            let header = packet.header(self.connection.version()).to_bytes().to_vec();
            if !packet.payload.is_empty() {
                self.parts.push(packet.payload);
            }
            self.parts.push(header);
            if self.connection.take_garbage() {
                self.parts.push(GARBAGE.to_vec());
            }
        }
        let Some(part) = self.parts.last() else { return Ok(None) };
        let end = part.len().min(self.sent.saturating_add(room));
        let bytes = part[self.sent..end].to_vec();
        self.sent = end;
        if end == part.len() {
            self.parts.pop();
            self.sent = 0;
        }
        Ok(Some(bytes))
    }

    /// Whether a packet was begun and not sent to its end.
    pub(crate) fn is_between(&self) -> bool {
        self.parts.is_empty()
    }
}
