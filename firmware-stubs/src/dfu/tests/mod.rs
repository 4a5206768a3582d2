//! The unit on a host in memory.

mod addressed;
mod faults;
mod sessions;

use super::*;
use crate::usb::host::{Host, Trouble};
use crate::usb::{Device as _, Stop, Then};
use protocols::dfu::message::{State, Status};
use protocols::dfu::wire::{BlockNumber, Command, Layout, PollTimeout, Request, StatusReply, find_functional};
use protocols::usb::{Bcd, Configuration, DeviceDescriptor, Setup, UsbId, decode_string, kind};
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

const LAYOUT: &str = "@Flash/0x08000000/04*001Kg,01*002Ka";
const START: u32 = 0x0800_0000;

struct Bench {
    folder: TempDir,
    host: Host<Unit>,
}

fn options(folder: &Path) -> Options {
    Options { transfer_size: 64, ..Options::new(folder.to_owned()) }
}

impl Bench {
    fn new(change: impl FnOnce(&mut Options)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut options = options(folder.path());
        change(&mut options);
        let mut host = Host::plug(Unit::open(options).unwrap()).unwrap();
        host.enumerate().unwrap();
        Self { folder, host }
    }

    fn addressed(change: impl FnOnce(&mut Options)) -> Self {
        Self::new(|options| {
            options.memory = Memory::Addressed(vec![Layout::parse(LAYOUT).unwrap()]);
            options.factory = Factory::Blank;
            change(options);
        })
    }

    fn ask(&mut self, request: Request) -> Result<Vec<u8>, Trouble> {
        self.host.control(request.setup(0), &[])
    }

    fn status(&mut self) -> StatusReply {
        StatusReply::parse(&self.ask(Request::GetStatus).unwrap()).unwrap()
    }

    fn send(&mut self, block: u16, data: &[u8]) -> Result<Vec<u8>, Trouble> {
        let request = Request::Download { block: BlockNumber(block), length: data.len() as u16 };
        self.host.control(request.setup(0), data)
    }

    /// Send a block and ask until it is stored; how the unit ended up.
    fn store(&mut self, block: u16, data: &[u8]) -> StatusReply {
        self.send(block, data).unwrap();
        loop {
            let status = self.status();
            if status.state != State::DownloadBusy {
                return status;
            }
            self.host.pass(status.poll_timeout.duration()).unwrap();
        }
    }

    fn command(&mut self, command: Command) -> StatusReply {
        self.store(0, &command.to_bytes())
    }

    fn upload(&mut self, block: u16) -> Result<Vec<u8>, Trouble> {
        self.ask(Request::Upload { block: BlockNumber(block), length: 64 })
    }

    /// Detach, and be in DFU mode.
    fn detach(&mut self) {
        self.ask(Request::Detach { timeout: 1000 }).unwrap();
        assert_ne!(self.host.pass(Duration::ZERO).unwrap(), Then::Stay);
        self.host.enumerate().unwrap();
        assert_eq!(self.status().state, State::Idle);
    }

    fn download(&mut self, image: &[u8]) {
        for (block, data) in (0..).zip(image.chunks(64)) {
            assert_eq!(self.store(block, data).state, State::DownloadIdle, "block {block}");
        }
        self.send(u16::try_from(image.len().div_ceil(64)).unwrap(), &[]).unwrap();
        assert_eq!(self.status().state, State::Manifest);
    }

    fn device(&mut self) -> DeviceDescriptor {
        DeviceDescriptor::parse(&self.host.control(Setup::get_descriptor(kind::DEVICE, 0, 0, 18), &[]).unwrap())
            .unwrap()
    }

    fn configuration(&mut self) -> Configuration {
        let setup = Setup::get_descriptor(kind::CONFIGURATION, 0, 0, 4096);
        Configuration::parse(&self.host.control(setup, &[]).unwrap()).unwrap()
    }

    fn string(&mut self, number: u8) -> String {
        let setup = Setup::get_descriptor(kind::STRING, number, 0x0409, 255);
        decode_string(&self.host.control(setup, &[]).unwrap()).unwrap()
    }

    fn memory(&self) -> Vec<u8> {
        std::fs::read(self.folder.path().join("memory-0")).unwrap()
    }
}

fn image(version: u16, len: usize) -> Vec<u8> {
    let body: Vec<u8> = (0..len).map(|at| (at * 7) as u8).collect();
    Firmware::build(Bcd(version), &body)
}

#[test]
fn firmware_comes_in_over_detach_and_download_and_runs() {
    let mut bench = Bench::new(|_| {});
    let device = bench.device();
    assert_eq!((device.id, device.release), (UsbId::new(0x1209, 1), Bcd(0x0100)));
    assert_eq!((bench.string(device.serial), bench.string(device.product)), ("DF-0001".into(), "thermostat".into()));
    assert_eq!(bench.status().state, State::AppIdle);

    bench.detach();
    let device = bench.device();
    assert_eq!((device.id, bench.string(device.serial)), (UsbId::new(0x1209, 2), "DF-0001".into()));
    let configuration = bench.configuration();
    assert_eq!(configuration.faults, []);
    let functional = find_functional(&configuration, 0).unwrap();
    assert_eq!((functional.transfer_size, functional.attributes.0, functional.is_dfuse()), (64, 0b1011, false));
    assert_eq!(bench.string(configuration.interfaces[0].string), "firmware");

    let image = image(0x0203, 1000);
    bench.download(&image);
    assert_eq!(bench.memory(), image);
    assert_ne!(bench.host.pass(Duration::ZERO).unwrap(), Then::Stay, "it leaves to start the firmware");
    bench.host.enumerate().unwrap();
    assert_eq!(bench.device().release, Bcd(0x0203));
    let name = bench.configuration().interfaces[0].string;
    let sha256 = Firmware::read(&image).unwrap().sha256;
    assert_eq!(bench.string(name), format!("Firmware 2.03 sha256:{sha256}"));
}

#[test]
fn half_an_image_does_not_run_and_uploads_as_half() {
    let mut bench = Bench::new(|options| options.boot_time = Duration::from_secs(1));
    bench.detach();
    let image = image(0x0300, 200);
    bench.store(0, &image[..64]);
    bench.store(1, &image[64..128]);
    bench.host.replug().unwrap();
    bench.host.enumerate().unwrap();
    assert_eq!((bench.status().state, bench.status().status), (State::Error, Status::Firmware));
    assert_eq!(bench.host.device.running(), None);
    bench.ask(Request::ClearStatus).unwrap();
    assert_eq!(bench.upload(0).unwrap(), image[..64]);
    assert_eq!(bench.upload(1).unwrap(), image[64..128]);
    assert_eq!(bench.upload(2).unwrap(), [0; 0]);
    assert_eq!(bench.status().state, State::Idle);
}

#[test]
fn another_process_finds_what_was_stored() {
    let bench = Bench::new(|_| {});
    let folder = bench.folder.path().to_owned();
    assert!(matches!(Unit::open(options(&folder)), Err(Error::Shared(_))));
    let Bench { folder: kept, mut host } = bench;
    host.device.power_on(host.now).unwrap();
    drop(host);
    std::fs::write(folder.join("memory-0"), image(0x0456, 9)).unwrap();
    assert_eq!(Unit::open(options(&folder)).unwrap().running().unwrap().version, Bcd(0x0456));
    let small = Options { memory: Memory::Slots(vec![Slot { name: "a".into(), size: 3 }]), ..options(&folder) };
    assert!(matches!(Unit::open(small), Err(Error::ForeignState { .. })));
    drop(kept);
}

#[test]
fn a_unit_that_needs_a_reset_to_detach_gets_one_in_time_or_stays() {
    let mut bench = Bench::new(|options| options.detach = Detach::AtReset);
    assert!(!find_functional(&bench.configuration(), 0).unwrap().attributes.will_detach());
    bench.ask(Request::Detach { timeout: 500 }).unwrap();
    assert_eq!(bench.status().state, State::AppDetach);
    bench.host.pass(Duration::from_millis(501)).unwrap();
    assert_eq!(bench.status().state, State::AppIdle);
    bench.host.enumerate().unwrap();
    assert_eq!(bench.status().state, State::AppIdle);
    bench.ask(Request::Detach { timeout: 500 }).unwrap();
    bench.host.enumerate().unwrap();
    bench.host.enumerate().unwrap();
    assert_eq!((bench.status().state, bench.device().id), (State::Idle, UsbId::new(0x1209, 2)));
    bench.host.enumerate().unwrap();
    assert_eq!(bench.status().state, State::AppIdle, "a reset in DFU mode starts the firmware");
}

#[test]
fn manifestation_is_what_the_descriptor_says() {
    let firmware = image(0x0500, 10);
    let mut bench = Bench::new(|options| {
        options.manifestation = Manifestation::Tolerant;
        options.poll_timeout = PollTimeout::from_millis(10);
    });
    bench.detach();
    assert!(find_functional(&bench.configuration(), 0).unwrap().attributes.manifestation_tolerant());
    bench.download(&firmware);
    bench.host.pass(Duration::from_millis(10)).unwrap();
    assert_eq!(bench.status().state, State::Idle);
    bench.host.enumerate().unwrap();
    assert_eq!(bench.device().release, Bcd(0x0500));

    let mut bench = Bench::new(|options| options.manifestation = Manifestation::AwaitsReset);
    bench.detach();
    bench.download(&firmware);
    bench.host.pass(Duration::from_secs(60)).unwrap();
    assert!(matches!(bench.ask(Request::Abort), Err(Trouble::Stall)));
    assert_eq!(bench.status().state, State::ManifestWaitReset);
    bench.host.enumerate().unwrap();
    assert_eq!(bench.device().release, Bcd(0x0500));
}

#[test]
fn blocks_take_the_time_that_the_unit_asks_for() {
    let mut bench = Bench::new(|options| {
        options.poll_timeout = PollTimeout::from_millis(10);
        options.write_time = Some(Duration::from_millis(15));
    });
    bench.detach();
    bench.send(0, &[1; 64]).unwrap();
    let status = bench.status();
    assert_eq!((status.state, status.poll_timeout), (State::DownloadBusy, PollTimeout::from_millis(10)));
    bench.host.pass(Duration::from_millis(10)).unwrap();
    assert_eq!(bench.status().state, State::DownloadBusy);
    bench.host.pass(Duration::from_millis(10)).unwrap();
    assert_eq!(bench.status().state, State::DownloadIdle);
    bench.send(1, &[1; 64]).unwrap();
    bench.status();
    bench.host.pass(Duration::from_millis(9)).unwrap();
    assert!(matches!(bench.ask(Request::GetStatus), Err(Trouble::Stall)), "it was asked too early");
    assert_eq!((bench.status().state, bench.status().status), (State::Error, Status::Stalled));
}

#[test]
fn what_a_state_does_not_allow_stalls_and_has_to_be_cleared() {
    let mut bench = Bench::new(|_| {});
    assert!(matches!(bench.send(0, &[1]), Err(Trouble::Stall)));
    assert_eq!(bench.status().state, State::AppIdle);
    bench.detach();
    for wrong in [
        Request::Download { block: BlockNumber(0), length: 0 },
        Request::Upload { block: BlockNumber(0), length: 65 },
        Request::Upload { block: BlockNumber(1), length: 64 },
        Request::ClearStatus,
        Request::Detach { timeout: 1 },
    ] {
        assert!(matches!(bench.ask(wrong), Err(Trouble::Stall)), "{}", wrong.name());
        assert_eq!(bench.status().state, State::Error);
        bench.ask(Request::ClearStatus).unwrap();
    }
    assert!(matches!(bench.send(0, &[1; 65]), Err(Trouble::Stall)), "longer than a block");
    bench.ask(Request::ClearStatus).unwrap();
    assert!(!bench.memory().is_empty(), "and nothing was erased for it");
    bench.send(0, &[1; 64]).unwrap();
    assert!(matches!(bench.send(1, &[1; 64]), Err(Trouble::Stall)), "a block before the last was asked for");
    let other = bench.host.control(Request::GetStatus.setup(1), &[]);
    assert!(matches!(other, Err(Trouble::Stall)), "another interface");
}

#[test]
fn block_numbers_go_round_and_a_slot_has_an_end() {
    let mut bench = Bench::new(|options| {
        options.transfer_size = 1;
        options.memory = Memory::Slots(vec![Slot { name: "big".into(), size: 65_538 }]);
    });
    bench.detach();
    for block in 0..65_538_u32 {
        assert_eq!(bench.store(block as u16, &[block as u8]).status, Status::Ok);
    }
    assert_eq!(bench.memory().len(), 65_538);
    assert_eq!(bench.store(2, &[1]).status, Status::Address);
}

#[test]
fn alternate_settings_are_slots_of_their_own() {
    let mut bench = Bench::new(|options| {
        let slot = |name: &str| Slot { name: name.into(), size: 1000 };
        options.memory = Memory::Slots(vec![slot("firmware"), slot("settings")]);
    });
    bench.detach();
    let names: Vec<_> = bench.configuration().interfaces.iter().map(|alternate| alternate.string).collect();
    assert_eq!((bench.string(names[0]), bench.string(names[1])), ("firmware".into(), "settings".into()));
    let choose = |alternate| Setup { request_type: 1, request: 11, value: alternate, index: 0, length: 0 };
    assert!(matches!(bench.host.control(choose(2), &[]), Err(Trouble::Stall)));
    bench.host.control(choose(1), &[]).unwrap();
    bench.store(0, b"settings");
    assert_eq!(std::fs::read(bench.folder.path().join("memory-1")).unwrap(), b"settings");
    assert!(Firmware::read(&bench.memory()).is_some());
}

#[test]
fn impossible_options_are_refused() {
    let refused = |change: fn(&mut Options)| {
        let folder = tempfile::tempdir().unwrap();
        let mut options = options(folder.path());
        change(&mut options);
        matches!(Unit::open(options), Err(Error::Options(_)))
    };
    let layout = |text: &str| Memory::Addressed(vec![Layout::parse(text).unwrap()]);
    assert!(refused(|options| options.memory = Memory::Slots(Vec::new())));
    assert!(refused(|options| options.memory = Memory::Slots(vec![Slot { name: "a".into(), size: 0 }])));
    assert!(refused(|options| options.transfer_size = 0));
    assert!(
        [layout("@F/0x0/1*1Kg/0x0/1*1Kg"), layout("@F/0x0/2*40Mg"), layout("@F/0x0/1*1Kg,x")]
            .into_iter()
            .all(|memory| Options { memory, ..Options::new("unused".into()) }.check().is_err())
    );
    assert!(matches!(Stop::from(Box::from("x")), Stop::Broken(_)));
}
