//! The bench itself: ports, gadgets, hotplug, users and limits, before Hardwire is blamed for anything.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::process::Stdio;
use std::sync::mpsc;
use std::time::Duration;

use rusb::UsbContext;

use crate::support::bench::{self, in_the_bench};
use crate::support::gadget::{Descriptors, Gadget, OtherPorts, Port, Speed};
use crate::support::kernel::KernelLog;
use crate::support::{monitor, person, wait_for};

const SOON: Duration = Duration::from_secs(10);

#[test]
fn eight_ports_and_a_controller_for_remote_units_are_there() {
    if !in_the_bench!() {
        return;
    }
    for port in Port::ALL {
        assert!(fs::exists(format!("/sys/class/udc/{}", port.controller())).unwrap(), "{port:?}");
        assert_eq!(port.plugged(), None);
    }
    assert!(fs::exists("/sys/devices/platform/vhci_hcd.0/status").unwrap());
}

#[test]
fn other_ports_take_the_place_of_the_usual_ones() {
    if !in_the_bench!() {
        return;
    }
    let speed = |port: Port| fs::read_to_string(port.plugged().unwrap().join("speed")).unwrap();
    {
        let _ports = OtherPorts::new(2, Speed::Super);
        let gadget = Gadget::new("fast", &Descriptors::default(), &["acm.a"]);
        gadget.plug(Port(1));
        assert_eq!(speed(Port(1)).trim(), "5000");
    }
    {
        let _ports = OtherPorts::new(32, Speed::High);
        let gadget = Gadget::new("last", &Descriptors::default(), &["acm.a"]);
        gadget.plug(Port(31));
        assert_eq!(speed(Port(31)).trim(), "480");
    }
    assert_eq!(fs::read_dir("/sys/class/udc").unwrap().count(), Port::ALL.len());
}

#[test]
fn bytes_pass_both_ways_through_a_serial_gadget() {
    if !in_the_bench!() {
        return;
    }
    let gadget = Gadget::new("serial", &Descriptors::default(), &["acm.a"]);
    gadget.plug(Port(0));
    let mut host = serialport::new(Port(0).tty().to_string_lossy(), 115_200).timeout(SOON).open().expect("host side");
    let own = gadget.own_tty("acm.a");
    let mut unit = serialport::new(own.to_string_lossy(), 115_200).timeout(SOON).open().expect("unit side");
    let mut heard = [0; 8];
    host.write_all(b"question").unwrap();
    unit.read_exact(&mut heard).unwrap();
    assert_eq!(&heard, b"question");
    unit.write_all(b"answered").unwrap();
    host.read_exact(&mut heard).unwrap();
    assert_eq!(&heard, b"answered");
}

#[test]
fn libusb_reads_the_strings_of_a_gadget_and_misses_it_when_it_is_pulled() {
    if !in_the_bench!() {
        return;
    }
    let descriptors = Descriptors { serial: "SN 12/ü".into(), ..Descriptors::default() };
    let gadget = Gadget::new("strings", &descriptors, &["acm.a"]);
    let mut log = KernelLog::from_now();
    gadget.plug(Port(3));
    assert!(log.new_lines().iter().any(|line| line.contains("SerialNumber: SN 12/ü") || line.contains("SN 12/")));
    let context = rusb::Context::new().expect("libusb starts");
    let find = || {
        context.devices().unwrap().iter().find(|device| {
            let known = device.device_descriptor().unwrap();
            (known.vendor_id(), known.product_id()) == (descriptors.vendor, descriptors.product)
        })
    };
    let device = find().expect("the gadget is listed");
    let handle = device.open().expect("root may open it");
    let known = device.device_descriptor().unwrap();
    assert_eq!(handle.read_serial_number_string_ascii(&known).unwrap().len(), descriptors.serial.chars().count());
    assert_eq!(handle.read_product_string_ascii(&known).unwrap(), descriptors.name);
    assert_eq!(format!("{}-1", device.bus_number()), Port(3).socket());
    drop(handle);
    gadget.pull();
    wait_for("departure", SOON, || find().is_none().then_some(()));
    assert_eq!(Port(3).plugged(), None);
}

struct Told(mpsc::Sender<(&'static str, u8)>);

impl<C: UsbContext> rusb::Hotplug<C> for Told {
    fn device_arrived(&mut self, device: rusb::Device<C>) {
        self.0.send(("arrived", device.bus_number())).expect("the test listens");
    }

    fn device_left(&mut self, device: rusb::Device<C>) {
        self.0.send(("left", device.bus_number())).expect("the test listens");
    }
}

#[test]
fn libusb_tells_of_arrivals_and_departures() {
    if !in_the_bench!() {
        return;
    }
    let context = rusb::Context::new().expect("libusb starts");
    let (tell, told) = mpsc::channel();
    let registered = rusb::HotplugBuilder::new().register(&context, Box::new(Told(tell))).expect("hotplug is there");
    let gadget = Gadget::new("hotplug", &Descriptors::default(), &["acm.a"]);
    let heard = || {
        wait_for("event", SOON, || {
            context.handle_events(Some(Duration::from_millis(50))).unwrap();
            told.try_recv().ok()
        })
    };
    gadget.plug(Port(1));
    let (what, bus) = heard();
    assert_eq!((what, format!("{bus}-1")), ("arrived", Port(1).socket()));
    gadget.pull();
    assert_eq!(heard(), ("left", bus));
    context.unregister_callback(registered);
}

#[test]
fn another_user_may_not_open_what_root_may() {
    if !in_the_bench!() {
        return;
    }
    let gadget = Gadget::new("rights", &Descriptors::default(), &["acm.a"]);
    gadget.plug(Port(2));
    let tty = Port(2).tty();
    File::open(&tty).expect("root may open it");
    let out = person::tester("head").args(["-c", "0"]).arg(&tty).output().unwrap();
    assert!(!out.status.success());
    assert!(String::from_utf8_lossy(&out.stderr).contains("Permission denied"), "{out:?}");
    let out = person::tester("id").arg("--user").arg("--name").output().unwrap();
    assert_eq!(String::from_utf8_lossy(&out.stdout).trim(), person::TESTER);
}

#[test]
fn a_hub_goes_with_what_hangs_on_it() {
    if !in_the_bench!() {
        return;
    }
    for _ in 0..2 {
        let hub = monitor::hub("hub", "1");
        hub.folder();
        let (unit, far) = monitor::ftdi("uart", "1.2");
        let folder = unit.folder();
        let tty = wait_for("terminal", SOON, || {
            let name = folder.file_name()?.to_string_lossy().into_owned();
            let tty = fs::read_dir(folder.join(format!("{name}:1.0"))).ok()?.find_map(|entry| {
                entry.ok()?.file_name().into_string().ok().filter(|name| name.starts_with("ttyUSB"))
            })?;
            fs::exists(format!("/dev/{tty}")).unwrap().then_some(format!("/dev/{tty}"))
        });
        let mut near = serialport::new(&tty, 115_200).timeout(SOON).open().expect("the UART opens");
        let mut far = File::options().read(true).write(true).open(far).expect("the wire's far end opens");
        let mut heard = [0; 5];
        near.write_all(b"there").unwrap();
        far.read_exact(&mut heard).unwrap();
        assert_eq!(&heard, b"there");
        far.write_all(b"again").unwrap();
        near.read_exact(&mut heard).unwrap();
        assert_eq!(&heard, b"again");
        hub.pull();
        wait_for("departure", SOON, || (!folder.exists()).then_some(()));
        assert!(!fs::exists(&tty).unwrap() || near.write_all(b"?").is_err());
        drop((near, far));
        drop(unit);
    }
}

#[test]
fn codes_come_back_and_what_hangs_is_ended() {
    if bench::inside() || !bench::wanted() {
        return;
    }
    let _alone = bench::alone();
    bench::up();
    let long = Duration::from_secs(60);
    let said = bench::run(long, &["bash", "-c", "echo out; echo err >&2; exit 42"]);
    assert_eq!(said.status.code(), Some(42), "{said:?}");
    assert_eq!((&*said.stdout, &*said.stderr), (&b"out\n"[..], &b"err\n"[..]));
    let hung = bench::run(Duration::from_secs(1), &["sleep", "100"]);
    assert_eq!(hung.status.code(), Some(124), "{hung:?}");
    // What a command leaves in the background ends with it.
    bench::run(long, &["bash", "-c", "setsid flock /run/left sleep 4242 & until [ -e /run/left ]; do :; done"]);
    assert!(!is_held("/run/left"));
}

#[test]
fn what_was_just_built_is_what_runs() {
    if bench::inside() || !bench::wanted() {
        return;
    }
    let _alone = bench::alone();
    bench::up();
    let it = std::env::current_exe().unwrap();
    let folder = tempfile::Builder::new().prefix("bench-").tempdir_in(it.parent().unwrap()).unwrap();
    let built = it.with_file_name(format!("{}-probe", folder.path().file_name().unwrap().to_string_lossy()));
    let mut seen = Vec::new();
    for word in ["first", "other"] {
        // As a linker and cargo do: a new file in the place of the old one.
        let new = folder.path().join("new");
        fs::write(&new, word).unwrap();
        fs::rename(&new, &built).unwrap();
        seen.push(bench::run(SOON, &["cat", &built.to_string_lossy()]).stdout);
    }
    fs::remove_file(&built).unwrap();
    assert_eq!(seen, [&b"first"[..], &b"other"[..]]);
}

#[test]
fn a_command_of_whoever_was_killed_is_ended() {
    if bench::inside() || !bench::wanted() {
        return;
    }
    let _alone = bench::alone();
    bench::up();
    let mut caller = bench::bench()
        .args(["run", "--", "flock", "/run/held", "sleep", "4343"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_for("command", SOON, || is_held("/run/held").then_some(()));
    caller.kill().unwrap();
    caller.wait().unwrap();
    wait_for("end of the command", SOON, || (!is_held("/run/held")).then_some(()));
}

/// Whether a command in the guest holds a lock.
fn is_held(lock: &str) -> bool {
    let said = bench::run(SOON, &["flock", "--nonblock", lock, "true"]);
    assert!(matches!(said.status.code(), Some(0 | 1)), "{said:?}");
    !said.status.success()
}
