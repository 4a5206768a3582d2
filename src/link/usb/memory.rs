//! A USB device without USB: it is asked in place, in the caller's thread.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use protocols::time::Moment;
use protocols::usb::{DeviceDescriptor, kind, standard};

use super::describe::{self, Known};
use super::{About, Device, Pipes, Setup, Transfer, room};
use crate::clock::Clock;
use crate::error::{Error, Kind, Result};
use crate::link::Link;

/// What a device does with a control transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It sends these bytes; what exceeds the length that was asked for is cut off.
    Data(Vec<u8>),
    /// It took what was sent.
    Ack,
    /// It refuses.
    Stall,
    /// It does not take part: the transfer lasts as long as it may.
    Silence,
    /// It is not there any more.
    Gone,
}

/// A device that is asked in place. It answers standard requests too, `GET_DESCRIPTOR` and `SET_INTERFACE` at least.
pub trait Peripheral: Send {
    /// A control transfer; `data` is what the host sends.
    fn control(&mut self, now: Moment, setup: Setup, data: &[u8]) -> Answer;

    /// The port is reset: `Ack` when the same device is there afterwards.
    fn reset(&mut self, _now: Moment) -> Answer {
        Answer::Ack
    }
}

impl<F: FnMut(Setup, &[u8]) -> Answer + Send> Peripheral for F {
    fn control(&mut self, _now: Moment, setup: Setup, data: &[u8]) -> Answer {
        self(setup, data)
    }
}

struct Served<P> {
    device: Arc<Mutex<P>>,
    about: About,
    clock: Arc<dyn Clock>,
}

/// Opens `device` as the one on `port`. With a clock that is moved by hand, no test waits for real.
///
/// # Errors
/// `gone` when the device says so.
pub fn open<P: Peripheral + 'static>(
    port: &str,
    device: &Arc<Mutex<P>>,
    clock: &Arc<dyn Clock>,
) -> Result<Box<dyn Device>> {
    let about = About {
        port: port.to_owned(),
        vendor: 0,
        product: 0,
        release: 0,
        packet: 64,
        manufacturer: None,
        model: None,
        serial: None,
        configuration: protocols::usb::Configuration::default(),
    };
    let mut served = Served { device: Arc::clone(device), about, clock: Arc::clone(clock) };
    let mut buf = [0; 18];
    let within = Duration::from_secs(1);
    let descriptor = match served.control_in(Setup::get_descriptor(kind::DEVICE, 0, 0, 18), &mut buf, within)? {
        Transfer::Done(len) => buf.get(..len).and_then(|bytes| DeviceDescriptor::parse(bytes).ok()),
        Transfer::Stalled => None,
    };
    if let Some(descriptor) = descriptor {
        let known = Known {
            vendor: descriptor.id.vendor,
            product: descriptor.id.product,
            release: descriptor.release.0,
            packet: descriptor.max_packet_size_0,
            strings: [descriptor.manufacturer, descriptor.product, descriptor.serial],
            configurations: descriptor.configurations,
            active: None,
        };
        served.about = describe::about(port, &known, &mut |setup, buf, within| served.control_in(setup, buf, within))?;
    }
    Ok(Box::new(served))
}

impl<P: Peripheral> Served<P> {
    fn device(&self) -> MutexGuard<'_, P> {
        self.device.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask(&mut self, setup: Setup, data: &[u8], within: Duration) -> Result<Answer> {
        let now = self.clock.now();
        let answer = self.device().control(now, setup, data);
        match answer {
            Answer::Gone => Err(Error::new(Kind::Gone, "memory: the device is not there any more")),
            Answer::Silence => {
                self.clock.sleep(within);
                Err(Error::new(Kind::TimedOut, "memory: the device does not take part"))
            }
            answer => Ok(answer),
        }
    }
}

impl<P: Peripheral> Device for Served<P> {
    fn about(&self) -> &About {
        &self.about
    }

    fn claim(&mut self, interface: u8, alternate: u8) -> Result<()> {
        if alternate == 0 && self.about.configuration.alternates(interface).count() < 2 {
            return Ok(());
        }
        let (request, value) = (standard::SET_INTERFACE, u16::from(alternate));
        let setup = Setup { request_type: 1, request, value, index: u16::from(interface), length: 0 };
        match self.control_out(setup, &[], Duration::from_secs(1))? {
            Transfer::Done(_) => Ok(()),
            Transfer::Stalled => Err(Error::new(Kind::Refused, "memory: there is no such alternate setting")),
        }
    }

    fn control_in(&mut self, setup: Setup, buf: &mut [u8], within: Duration) -> Result<Transfer> {
        let buf = room(setup, buf)?;
        match self.ask(setup, &[], within)? {
            Answer::Data(bytes) => {
                let len = bytes.len().min(buf.len());
                buf[..len].copy_from_slice(&bytes[..len]);
                Ok(Transfer::Done(len))
            }
            Answer::Stall => Ok(Transfer::Stalled),
            _ => Ok(Transfer::Done(0)),
        }
    }

    fn control_out(&mut self, setup: Setup, bytes: &[u8], within: Duration) -> Result<Transfer> {
        match self.ask(setup, bytes, within)? {
            Answer::Stall => Ok(Transfer::Stalled),
            _ => Ok(Transfer::Done(bytes.len())),
        }
    }

    fn reset(&mut self) -> Result<()> {
        let now = self.clock.now();
        match self.device().reset(now) {
            Answer::Gone => Err(Error::new(Kind::Gone, "memory: another device came of the reset")),
            _ => Ok(()),
        }
    }

    fn stream(self: Box<Self>, _: &Pipes) -> Result<Link> {
        Err(Error::new(Kind::Unsupported, "memory: this device has no bulk endpoints"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    #[test]
    fn a_silent_device_costs_the_clock_alone() {
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::new());
        let device = Arc::new(Mutex::new(|setup: Setup, _: &[u8]| match setup.request {
            standard::GET_DESCRIPTOR => Answer::Stall,
            _ => Answer::Silence,
        }));
        let mut device = open("1-1", &device, &clock).unwrap();
        let setup = Setup { request_type: 0xa1, request: 5, value: 0, index: 0, length: 1 };
        let error = device.control_in(setup, &mut [0], Duration::from_secs(3600)).unwrap_err();
        assert_eq!(error.kind(), Kind::TimedOut);
        assert_eq!(clock.now().since_start(), Duration::from_secs(3600));
    }

    #[test]
    fn a_transfer_that_does_not_fit_is_not_made() {
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::new());
        let device = Arc::new(Mutex::new(|_: Setup, _: &[u8]| Answer::Data(vec![0; 99])));
        let mut device = open("1-1", &device, &clock).unwrap();
        let setup = |length| Setup { request_type: 0xa1, request: 2, value: 0, index: 0, length };
        let within = Duration::from_secs(1);
        assert_eq!(device.control_in(setup(4), &mut [0; 4], within).unwrap(), Transfer::Done(4));
        assert_eq!(device.control_in(setup(5), &mut [0; 4], within).unwrap_err().kind(), Kind::Invalid);
        assert_eq!(device.control_in(setup(5000), &mut [0; 5000], within).unwrap_err().kind(), Kind::Invalid);
    }
}
