//! The seven class requests (§3, table 3.2).

use crate::usb::{Direction, Recipient, RequestKind, Setup};
use std::fmt;
use thiserror::Error;

/// Number of a block. It goes round after 65,535 (§6.1.1); DfuSe computes addresses from it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockNumber(pub u16);

impl BlockNumber {
    /// The block after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }
}

impl fmt::Display for BlockNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A class request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Request {
    /// `DFU_DETACH` (§5.1): leave the application, for units in runtime mode.
    Detach {
        /// Milliseconds that the unit waits for a bus reset.
        timeout: u16,
    },
    /// `DFU_DNLOAD` (§6.1.1): here is a block. None at all ends the download.
    Download {
        /// Number of the block.
        block: BlockNumber,
        /// Bytes that follow.
        length: u16,
    },
    /// `DFU_UPLOAD` (§6.2): send a block.
    Upload {
        /// Number of the block.
        block: BlockNumber,
        /// Bytes that it may have.
        length: u16,
    },
    /// `DFU_GETSTATUS` (§6.1.2): tell status and state; moves the unit from the sync states on.
    GetStatus,
    /// `DFU_CLRSTATUS` (§6.1.3): leave the error state.
    ClearStatus,
    /// `DFU_GETSTATE` (§6.1.5): tell the state and change nothing.
    GetState,
    /// `DFU_ABORT` (§6.1.4): back to idle.
    Abort,
}

/// Why a setup packet is not a DFU request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RequestError {
    /// It is not a class request to an interface.
    #[error("request type {0:#04x} is not a class request to an interface")]
    Foreign(u8),
    /// The class has no such request.
    #[error("DFU has no request {0}")]
    Unknown(u8),
    /// The data of this request go the other way.
    #[error("the data of request {request} go the other way")]
    Direction {
        /// Number of the request.
        request: u8,
    },
}

impl Request {
    /// Bytes of the answer to [`Request::GetStatus`].
    pub const STATUS_LEN: u16 = 6;
    /// Bytes of the answer to [`Request::GetState`].
    pub const STATE_LEN: u16 = 1;

    /// Its number, `bRequest`.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Detach { .. } => 0,
            Self::Download { .. } => 1,
            Self::Upload { .. } => 2,
            Self::GetStatus => 3,
            Self::ClearStatus => 4,
            Self::GetState => 5,
            Self::Abort => 6,
        }
    }

    /// Its name in the specification.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Detach { .. } => "DFU_DETACH",
            Self::Download { .. } => "DFU_DNLOAD",
            Self::Upload { .. } => "DFU_UPLOAD",
            Self::GetStatus => "DFU_GETSTATUS",
            Self::ClearStatus => "DFU_CLRSTATUS",
            Self::GetState => "DFU_GETSTATE",
            Self::Abort => "DFU_ABORT",
        }
    }

    /// The setup packet of this request to the interface of this number.
    #[must_use]
    pub const fn setup(self, interface: u8) -> Setup {
        let (value, length) = match self {
            Self::Detach { timeout } => (timeout, 0),
            Self::Download { block, length } | Self::Upload { block, length } => (block.0, length),
            Self::GetStatus => (0, Self::STATUS_LEN),
            Self::GetState => (0, Self::STATE_LEN),
            Self::ClearStatus | Self::Abort => (0, 0),
        };
        let request_type = match self {
            Self::Upload { .. } | Self::GetStatus | Self::GetState => Setup::CLASS_INTERFACE_IN,
            _ => Setup::CLASS_INTERFACE_OUT,
        };
        Setup { request_type, request: self.code(), value, index: interface as u16, length }
    }

    /// The request in a setup packet, and the number of the interface that it is for.
    ///
    /// Hosts send `wLength` 0 to 6 with `DFU_GETSTATUS` and values with requests that have none; that is forgiven.
    ///
    /// # Errors
    /// When the packet holds no request of this class.
    pub fn parse(setup: Setup) -> Result<(Self, u8), RequestError> {
        if setup.kind() != RequestKind::Class || setup.recipient() != Recipient::Interface {
            return Err(RequestError::Foreign(setup.request_type));
        }
        let (block, length) = (BlockNumber(setup.value), setup.length);
        let request = match setup.request {
            0 => Self::Detach { timeout: setup.value },
            1 => Self::Download { block, length },
            2 => Self::Upload { block, length },
            3 => Self::GetStatus,
            4 => Self::ClearStatus,
            5 => Self::GetState,
            6 => Self::Abort,
            unknown => return Err(RequestError::Unknown(unknown)),
        };
        let wanted = request.setup(0).direction();
        if setup.direction() != wanted && (wanted == Direction::In || length > 0) {
            return Err(RequestError::Direction { request: setup.request });
        }
        let [interface, _] = setup.index.to_le_bytes();
        Ok((request, interface))
    }
}
