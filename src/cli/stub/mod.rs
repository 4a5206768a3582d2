//! `hardwire stub`.

mod adb;
mod bridge;
mod dfu;
mod fastboot;
mod firmware;
mod folder;
mod smp;
mod usb;

use clap::{Args, Subcommand};
use firmware_stubs::End;
use protocols::usb::UsbId;
use serde::Serialize;

use super::exit::Exit;
use super::report::{Outcome, Voice};

/// Run one stand-in device, for tests and for driver authors
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  hardwire stub smp --state /tmp/th-1 --link /tmp/th-1.tty --serial TH-0421")]
pub(super) struct Stub {
    #[command(subcommand)]
    kind: StubKind,
}

#[derive(Debug, Subcommand)]
enum StubKind {
    Smp(smp::SmpStub),
    Dfu(dfu::DfuStub),
    Adb(adb::AdbStub),
    Fastboot(fastboot::FastbootStub),
    Usb(usb::UsbStub),
    Bridge(bridge::BridgeStub),
    Firmware(firmware::Make),
}

impl Stub {
    pub(super) fn run(self, voice: &Voice) -> Outcome {
        match self.kind {
            StubKind::Smp(stub) => stub.run(voice),
            StubKind::Dfu(stub) => stub.run(voice),
            StubKind::Adb(stub) => stub.run(voice),
            StubKind::Fastboot(stub) => stub.run(voice),
            StubKind::Usb(stub) => stub.run(voice),
            StubKind::Bridge(stub) => stub.run(voice),
            StubKind::Firmware(make) => make.run(voice),
        }
    }
}

#[derive(Serialize)]
struct Ready<'a> {
    r#type: &'static str,
    kind: &'static str,
    address: Option<&'a str>,
}

/// The first line: where the unit is, if this computer can see it.
fn announce(voice: &Voice, kind: &'static str, address: Option<&str>) {
    voice.object(&Ready { r#type: "stub", kind, address });
}

fn ended(end: End) -> Exit {
    match end {
        End::Asked => Exit::PASSED,
        End::PowerLost => Exit::STUB_LOST_POWER,
    }
}

/// `0483:df11`.
fn usb_id(text: &str) -> Result<UsbId, String> {
    let number = |digits: &str| match digits.len() {
        4 => u16::from_str_radix(digits, 16).ok(),
        _ => None,
    };
    text.split_once(':')
        .and_then(|(vendor, product)| Some(UsbId::new(number(vendor)?, number(product)?)))
        .ok_or_else(|| format!("{text:?} is no vendor and product number: four hex digits each, as 0483:df11"))
}
