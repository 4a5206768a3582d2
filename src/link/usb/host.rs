//! Through libusb (crate `rusb`).

use std::sync::Arc;
use std::time::Duration;

use rusb::{Context, DeviceHandle, UsbContext};

use super::describe::{self, Known};
use super::stream::{self, Bulk};
use super::trouble::error as failed;
use super::{About, Device, Pipes, Setup, Transfer, holder, room};
use crate::clock::Clock;
use crate::error::{Error, Kind, Result};
use crate::link::Link;

struct Host {
    handle: DeviceHandle<Context>,
    about: About,
    clock: Arc<dyn Clock>,
}

/// Opens the device on `port`.
///
/// # Errors
/// `gone` when nothing is there, `not-permitted`, `busy`.
pub(in crate::link) fn open(port: &str, clock: &Arc<dyn Clock>) -> Result<Box<dyn Device>> {
    // Never a global-context call: where the kernel has no USB, those panic.
    let context = Context::new()
        .map_err(|cause| Error::absent("this machine has no USB (its kernel offers none)").because(cause))?;
    let devices = context.devices().map_err(|cause| failed("USB devices cannot be listed", cause))?;
    let name = |device: &rusb::Device<Context>| {
        let chain: Vec<String> = device.port_numbers().ok()?.iter().map(ToString::to_string).collect();
        Some(format!("{}-{}", device.bus_number(), chain.join(".")))
    };
    let device = devices.iter().find(|device| name(device).as_deref() == Some(port)).ok_or_else(|| {
        Error::absent(format!("no USB device is on usb:{port}")).next("`hardwire detect` lists what is plugged in")
    })?;
    let sentence = format!("usb:{port} could not be opened");
    let descriptor = device.device_descriptor().map_err(|cause| failed(&sentence, cause))?;
    let handle = device.open().map_err(|cause| failed(&sentence, cause))?;
    // Not on every system; where the kernel keeps its hands off there is nothing to detach.
    handle.set_auto_detach_kernel_driver(true).ok();
    let known = Known {
        vendor: descriptor.vendor_id(),
        product: descriptor.product_id(),
        release: bcd(descriptor.device_version()),
        packet: descriptor.max_packet_size(),
        strings: [
            descriptor.manufacturer_string_index(),
            descriptor.product_string_index(),
            descriptor.serial_number_string_index(),
        ]
        .map(Option::unwrap_or_default),
        configurations: descriptor.num_configurations(),
        active: handle.active_configuration().ok(),
    };
    let about = describe::about(port, &known, &mut |setup, buf, within| read(&handle, port, setup, buf, within))?;
    Ok(Box::new(Host { handle, about, clock: Arc::clone(clock) }))
}

fn bcd(version: rusb::Version) -> u16 {
    let [major, minor, sub] = [version.major(), version.minor(), version.sub_minor()].map(u16::from);
    (((major / 10) & 0xf) << 12) | ((major % 10) << 8) | ((minor & 0xf) << 4) | (sub & 0xf)
}

/// A wait as libusb takes it: 0 would be for ever.
fn wait(within: Duration) -> Duration {
    within.clamp(Duration::from_millis(1), Duration::from_secs(24 * 60 * 60))
}

fn read(
    handle: &DeviceHandle<Context>,
    port: &str,
    setup: Setup,
    buf: &mut [u8],
    within: Duration,
) -> Result<Transfer> {
    let buf = room(setup, buf)?;
    let Setup { request_type, request, value, index, .. } = setup;
    outcome(port, handle.read_control(request_type, request, value, index, buf, wait(within)))
}

fn outcome(port: &str, result: rusb::Result<usize>) -> Result<Transfer> {
    match result {
        Ok(len) => Ok(Transfer::Done(len)),
        Err(rusb::Error::Pipe) => Ok(Transfer::Stalled),
        Err(cause) => Err(failed(&format!("a control transfer with usb:{port} failed"), cause)),
    }
}

impl Host {
    /// The error for a claim that was refused, with who has the device.
    fn unclaimed(&self, interface: u8, cause: rusb::Error) -> Error {
        let sentence = format!("interface {interface} of {} could not be claimed", self.about.address());
        let device = self.handle.device();
        match holder::of(device.bus_number(), device.address()) {
            Some(holder) if cause == rusb::Error::Busy => {
                Error::new(Kind::Busy, format!("{sentence}: {holder} holds it"))
                    .because(cause)
                    .next("close that program, then run the same again")
            }
            _ => failed(&sentence, cause),
        }
    }
}

impl Device for Host {
    fn about(&self) -> &About {
        &self.about
    }

    fn claim(&mut self, interface: u8, alternate: u8) -> Result<()> {
        self.handle.claim_interface(interface).map_err(|cause| self.unclaimed(interface, cause))?;
        // Many devices with one alternate setting refuse to be told so.
        if alternate == 0 && self.about.configuration.alternates(interface).count() < 2 {
            return Ok(());
        }
        self.handle
            .set_alternate_setting(interface, alternate)
            .map_err(|cause| failed(&format!("alternate setting {alternate} of {}", self.about.address()), cause))
    }

    fn control_in(&mut self, setup: Setup, buf: &mut [u8], within: Duration) -> Result<Transfer> {
        read(&self.handle, &self.about.port, setup, buf, within)
    }

    fn control_out(&mut self, setup: Setup, bytes: &[u8], within: Duration) -> Result<Transfer> {
        let Setup { request_type, request, value, index, .. } = setup;
        let result = self.handle.write_control(request_type, request, value, index, bytes, wait(within));
        outcome(&self.about.port, result)
    }

    fn reset(&mut self) -> Result<()> {
        self.handle.reset().map_err(|cause| failed(&format!("{} could not be reset", self.about.address()), cause))
    }

    fn stream(mut self: Box<Self>, pipes: &Pipes) -> Result<Link> {
        self.claim(pipes.interface, pipes.alternate)?;
        let address = self.about.address();
        let Host { handle, clock, .. } = *self;
        let endpoints = Endpoints { handle, pipes: *pipes, address: address.clone() };
        Ok(stream::link(endpoints, *pipes, address, &clock))
    }
}

/// A claimed pair of endpoints. libusb's synchronous calls may be made from several threads.
struct Endpoints {
    handle: DeviceHandle<Context>,
    pipes: Pipes,
    address: String,
}

impl Endpoints {
    /// A stalled endpoint stays so until it is told otherwise.
    fn failed(&self, endpoint: u8, doing: &str, cause: rusb::Error) -> Error {
        if cause == rusb::Error::Pipe {
            self.handle.clear_halt(endpoint).ok();
        }
        failed(&format!("{doing} {}", self.address), cause)
    }
}

impl Bulk for Endpoints {
    fn read(&self, buf: &mut [u8], within: Duration) -> Result<Option<usize>> {
        // What came before the time was over is returned by rusb as success.
        match self.handle.read_bulk(self.pipes.from, buf, wait(within)) {
            Ok(count) => Ok(Some(count)),
            Err(rusb::Error::Timeout | rusb::Error::Interrupted) => Ok(None),
            Err(cause) => Err(self.failed(self.pipes.from, "reading from", cause)),
        }
    }

    fn write(&self, bytes: &[u8], within: Duration) -> Result<usize> {
        match self.handle.write_bulk(self.pipes.to, bytes, wait(within)) {
            Ok(count) => Ok(count),
            Err(rusb::Error::Timeout) if !bytes.is_empty() => Ok(0),
            Err(cause) => Err(self.failed(self.pipes.to, "writing to", cause)),
        }
    }
}
