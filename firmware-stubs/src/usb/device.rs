//! What a stand-in on USB is to its transport.

use protocols::time::Moment;
use protocols::usb::Setup;
use std::time::Duration;
use thiserror::Error;

/// How fast a unit is on the bus, in the kernel's numbers (`enum usb_device_speed`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Speed {
    /// 1.5 Mbit/s.
    Low = 1,
    /// 12 Mbit/s.
    Full = 2,
    /// 480 Mbit/s.
    #[default]
    High = 3,
}

/// How a transfer ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Bytes to the host, or the number of bytes that were taken from it is that which was sent. More than the host
    /// asked for are cut off.
    Data(Vec<u8>),
    /// All that the host sent was taken, or there is nothing to send.
    Ack,
    /// The endpoint stalls.
    Stall,
    /// More bytes than the host asked for: the host controller ends the transfer with "babble".
    Babble,
    /// Not now: the transfer is handed to the device again when something happened. On endpoint 0 this is
    /// [`Answer::Never`], since a setup packet comes once.
    Later,
    /// Never: the host waits until it gives up.
    Never,
}

/// What happens on the bus after an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Then {
    /// Nothing.
    #[default]
    Stay,
    /// The unit leaves the bus by itself and comes back to the same port.
    Leave {
        /// How long it is away.
        away: Duration,
    },
}

/// An answer, and what follows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// How the transfer ends.
    pub answer: Answer,
    /// What happens on the bus after that.
    pub then: Then,
}

impl From<Answer> for Reply {
    fn from(answer: Answer) -> Self {
        Self { answer, then: Then::Stay }
    }
}

/// Why a device stops in the middle of what it does.
#[derive(Debug, Error)]
pub enum Stop {
    /// It was unplugged, as a fault demanded: the transfer gets no answer.
    #[error("unplugged")]
    Unplugged,
    /// The computer under it failed.
    #[error(transparent)]
    Broken(#[from] Box<dyn std::error::Error + Send + Sync>),
}

/// A transfer over an endpoint other than 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transfer<'a> {
    /// The host waits for at most so many bytes.
    In {
        /// Number of the endpoint, 1 to 15.
        endpoint: u8,
        /// Most bytes that the host takes.
        room: usize,
    },
    /// The host sends these bytes.
    Out {
        /// Number of the endpoint, 1 to 15.
        endpoint: u8,
        /// What it sends.
        data: &'a [u8],
    },
}

/// A unit without its cable: transfers in, answers out.
///
/// It chooses its descriptors itself, since it answers `GET_DESCRIPTOR`. Two things it does not see: its address, which
/// the host controller keeps to itself, and a reset of the port as such. See [`is_enumeration`] for the latter.
pub trait Device: Send {
    /// How fast it is; asked whenever it comes to the bus.
    fn speed(&self) -> Speed {
        Speed::High
    }

    /// Power comes, after none: the unit starts from what it keeps.
    ///
    /// # Errors
    /// [`Stop`], as for a transfer.
    fn power_on(&mut self, now: Moment) -> Result<(), Stop>;

    /// A control transfer over endpoint 0. `data` is what the host sent.
    ///
    /// # Errors
    /// [`Stop`] when the unit is unplugged before it answers, or cannot go on.
    fn control(&mut self, now: Moment, setup: Setup, data: &[u8]) -> Result<Reply, Stop>;

    /// A bulk or interrupt transfer. A unit without such endpoints stalls.
    ///
    /// # Errors
    /// As [`Device::control`].
    fn transfer(&mut self, now: Moment, transfer: Transfer<'_>) -> Result<Reply, Stop> {
        let _ = (now, transfer);
        Ok(Answer::Stall.into())
    }

    /// Time passed.
    ///
    /// # Errors
    /// As [`Device::control`].
    fn tick(&mut self, now: Moment) -> Result<Then, Stop> {
        let _ = now;
        Ok(Then::Stay)
    }

    /// When [`Device::tick`] should be called at the latest.
    fn wakes_at(&self) -> Option<Moment> {
        None
    }
}

/// Whether this request begins an enumeration, and so tells of a reset of the port, which itself is not passed on.
///
/// After a reset Linux asks an unaddressed device for its device descriptor, 64 bytes (or 8 in the old order of
/// things); whoever wants the descriptor afterwards asks for the 18 that it has.
#[must_use]
pub fn is_enumeration(setup: Setup) -> bool {
    let Setup { request_type, request, value, index, length } = setup;
    (request_type, request, value, index) == (0x80, 6, 0x0100, 0) && matches!(length, 64 | 8)
}
