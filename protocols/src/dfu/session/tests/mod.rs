mod dfuse;
mod download;
mod hostile;
mod others;
mod unit;

use super::*;
use crate::dfu::message::State;
use crate::dfu::wire::{Attributes, FunctionalDescriptor, Layout};
use unit::{Fault, Run, Unit as Device, Works, drive};

const INTERFACE: u8 = 3;

fn image(len: usize) -> Vec<u8> {
    (0..len).map(|n| (n * 7 + n / 251) as u8).collect()
}

const TOLERANT: Attributes = Attributes(Attributes::CAN_DOWNLOAD | Attributes::MANIFESTATION_TOLERANT);
const DETACHES: Attributes = Attributes(Attributes::CAN_DOWNLOAD | Attributes::WILL_DETACH);
const WANTS_RESET: Attributes = Attributes(Attributes::CAN_DOWNLOAD);

fn download(device: &mut Device, image: &[u8], attributes: Attributes) -> Run<Downloaded> {
    let block_size = u16::try_from(device.transfer_size).unwrap();
    drive(device, &mut Download::new(INTERFACE, image, block_size, attributes, Policy::DEFAULT).unwrap())
}

fn prepare(device: &mut Device) -> Run<Prepared> {
    drive(device, &mut Prepare::new(INTERFACE, Policy::DEFAULT))
}

fn cause<T: std::fmt::Debug>(run: Run<T>) -> Cause {
    run.outcome.expect_err("a failure").cause
}

fn milliseconds(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}
