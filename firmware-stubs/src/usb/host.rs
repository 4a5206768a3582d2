//! A host without a kernel: the other end of a USB/IP connection in memory, for tests of devices.

use super::device::{Device, Stop, Then};
use super::session::{Failure, Session};
use super::wire::{Direction, HEADER, Request, Response, Short, Submit, status};
use protocols::time::Moment;
use protocols::usb::Setup;
use std::time::Duration;
use thiserror::Error;

/// How a transfer ended that brought nothing.
#[derive(Debug, Error)]
pub enum Trouble {
    /// The endpoint stalled.
    #[error("the endpoint stalled")]
    Stall,
    /// There was no answer, and the transfer was given up.
    #[error("no answer came")]
    Silence,
    /// More bytes than were asked for.
    #[error("more bytes than were asked for")]
    Babble,
    /// The unit left the bus, whether it answered or not.
    #[error("the unit left the bus")]
    Left,
    /// A fault unplugged the unit.
    #[error("the unit was unplugged")]
    Unplugged,
    /// What must not happen.
    #[error("the stand-in failed: {0}")]
    Broken(String),
}

/// A host with one device on its only port, with a time that moves by hand.
pub struct Host<D> {
    /// The device.
    pub device: D,
    /// The time.
    pub now: Moment,
    session: Session,
    sequence: u32,
    then: Then,
}

impl<D: Device> Host<D> {
    /// Plug a device in.
    ///
    /// # Errors
    /// When it does not start.
    pub fn plug(device: D) -> Result<Self, Stop> {
        let mut host = Self { device, now: Moment::START, session: Session::default(), sequence: 0, then: Then::Stay };
        host.device.power_on(host.now)?;
        Ok(host)
    }

    /// Pull the device and plug it in again.
    ///
    /// # Errors
    /// When it does not start.
    pub fn replug(&mut self) -> Result<(), Stop> {
        self.session = Session::default();
        self.then = Then::Stay;
        self.device.power_on(self.now)
    }

    /// Let time pass, and what the device does by itself meanwhile; returns whether it left the bus, in which case it
    /// is on it again.
    ///
    /// # Errors
    /// When a fault unplugs it.
    pub fn pass(&mut self, time: Duration) -> Result<Then, Stop> {
        let end = self.now + time;
        let mut left = self.then;
        while let Some(at) = self.device.wakes_at().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            let then = self.device.tick(self.now)?;
            if then != Then::Stay {
                left = then;
            }
        }
        self.now = end;
        if left != Then::Stay {
            self.session = Session::default();
            self.then = Then::Stay;
        }
        Ok(left)
    }

    /// What a kernel does to a device after a reset of its port.
    ///
    /// # Errors
    /// As [`Host::control`].
    pub fn enumerate(&mut self) -> Result<(), Trouble> {
        self.control(Setup { request_type: 0x80, request: 6, value: 0x0100, index: 0, length: 64 }, &[])?;
        self.control(Setup { request_type: 0x00, request: 9, value: 1, index: 0, length: 0 }, &[])?;
        Ok(())
    }

    /// A control transfer: `data` are sent when the setup packet says so, else what came is returned.
    ///
    /// # Errors
    /// How it ended, when it did not end well.
    pub fn control(&mut self, setup: Setup, data: &[u8]) -> Result<Vec<u8>, Trouble> {
        let direction = if setup.request_type & 0x80 == 0 { Direction::Out } else { Direction::In };
        self.transfer(0, direction, usize::from(setup.length), setup, data)
    }

    /// Ask an endpoint for at most `room` bytes.
    ///
    /// # Errors
    /// As [`Host::control`].
    pub fn read(&mut self, endpoint: u8, room: usize) -> Result<Vec<u8>, Trouble> {
        self.transfer(endpoint, Direction::In, room, Setup::from_bytes([0; 8]), &[])
    }

    /// Send bytes to an endpoint.
    ///
    /// # Errors
    /// As [`Host::control`].
    pub fn write(&mut self, endpoint: u8, data: &[u8]) -> Result<(), Trouble> {
        self.transfer(endpoint, Direction::Out, data.len(), Setup::from_bytes([0; 8]), data).map(drop)
    }

    fn transfer(
        &mut self,
        endpoint: u8,
        direction: Direction,
        length: usize,
        setup: Setup,
        data: &[u8],
    ) -> Result<Vec<u8>, Trouble> {
        if self.then != Then::Stay {
            return Err(Trouble::Left);
        }
        self.sequence += 1;
        let sequence = self.sequence;
        let submit = Submit { sequence, direction, endpoint, short: Short::Good, length, setup };
        let mut bytes = Request::Submit(submit).to_bytes().to_vec();
        bytes.extend_from_slice(data);
        self.then = self.hand_over(&bytes)?;
        match self.take(direction)? {
            Some(answer) => answer,
            None if self.then != Then::Stay => Err(Trouble::Left),
            None => {
                // A host gives up after a while.
                self.sequence += 1;
                let unlink = Request::Unlink { sequence: self.sequence, target: sequence };
                self.hand_over(&unlink.to_bytes())?;
                self.session.output().clear();
                Err(Trouble::Silence)
            }
        }
    }

    fn hand_over(&mut self, bytes: &[u8]) -> Result<Then, Trouble> {
        self.session.on_bytes(&mut self.device, self.now, bytes).map_err(|failure| match failure {
            Failure::Stop(Stop::Unplugged) => Trouble::Unplugged,
            other => Trouble::Broken(other.to_string()),
        })
    }

    /// The answer to the transfer that was just sent, the only one under way.
    fn take(&mut self, direction: Direction) -> Result<Option<Result<Vec<u8>, Trouble>>, Trouble> {
        let output = std::mem::take(self.session.output());
        let Some((header, data)) = output.split_first_chunk::<HEADER>() else { return Ok(None) };
        let Some(Response::Ended { sequence, status, actual }) = Response::parse(header) else {
            return Err(Trouble::Broken("an answer that is none".to_owned()));
        };
        let carried = if direction == Direction::In { actual } else { 0 };
        if sequence != self.sequence || data.len() != carried {
            return Err(Trouble::Broken(format!("answer {sequence} of {} bytes, {carried} said", data.len())));
        }
        Ok(Some(match status {
            status::OK => Ok(data.to_vec()),
            status::STALL => Err(Trouble::Stall),
            status::OVERFLOW => Err(Trouble::Babble),
            other => Err(Trouble::Broken(format!("status {other}"))),
        }))
    }
}
