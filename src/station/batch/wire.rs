//! The way to the line: everything that is told to it goes one way, in order.

use std::sync::mpsc::{Receiver, Sender, channel};

use super::incident::{Incident, Ticket};
use super::job::{Told, Worked};
use crate::device::BayId;
use crate::error::Error;
use crate::station::Sight;

/// What is told to the line.
pub(super) enum Message {
    Incident(Incident),
    Sight(BayId, Sight),
    Run(BayId, Ticket, Told),
    Ended(BayId, Ticket, Box<Worked>),
    Typed(String),
    Warned(Error),
    Redraw,
}

/// The way to the line, for who reads a keyboard.
#[derive(Clone)]
pub struct Wire(pub(super) Sender<Message>);

/// The line's end of it.
pub struct Inbox(pub(super) Receiver<Message>);

/// A way to the line.
#[must_use]
pub fn wire() -> (Wire, Inbox) {
    let (send, receive) = channel();
    (Wire(send), Inbox(receive))
}

impl Wire {
    /// A person typed or scanned a line.
    pub fn typed(&self, line: String) {
        let _ = self.0.send(Message::Typed(line));
    }

    /// What is drawn has changed.
    pub fn redraw(&self) {
        let _ = self.0.send(Message::Redraw);
    }
}
