//! Hardwire's USB link on real libusb: bytes both ways at once, claims given back, units that leave.

use std::sync::Arc;
use std::time::Duration;

use hardwire::clock::{Clock, SystemClock};
use hardwire::error::Kind;
use hardwire::link::usb::{Device, Ending, Pipes};
use hardwire::link::{self, Address, Opened, SerialOptions};

use crate::support::bench::in_the_bench;
use crate::support::gadget::{Descriptors, Gadget, Port};
use crate::support::wait_for;

const SOON: Duration = Duration::from_secs(10);

fn open(port: Port) -> Box<dyn Device> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let address = Address::Usb(port.socket());
    match link::open(&address, &SerialOptions::default(), &clock).expect("it opens") {
        Opened::Usb(device) => device,
        Opened::Stream(_) | Opened::Behind(_) => panic!("a USB address leads to a device"),
    }
}

/// The bulk endpoints of what sends back all that it is sent.
fn pipes(device: &dyn Device) -> Pipes {
    let interface = &device.about().configuration.interfaces[0];
    Pipes::of(interface, Ending::ShortPacket).expect("bulk endpoints")
}

#[test]
fn a_link_reads_while_it_writes_and_loses_nothing() {
    if !in_the_bench!() {
        return;
    }
    let gadget = Gadget::new("echo", &Descriptors::default(), &["Loopback.a"]);
    gadget.plug(Port(0));
    let device = open(Port(0));
    let pipes = pipes(&*device);
    let mut link = device.stream(&pipes).expect("a link");
    // Far more than the gadget holds back: it takes no more until it is read. Whole packets, and not.
    for len in [1, 511, 512, 4096, 100_000, 1 << 20, (1 << 20) + 513] {
        let sent: Vec<u8> = (0..len).map(|n: u32| (n.wrapping_mul(2_654_435_761) >> 11) as u8).collect();
        link.sender.send(&sent, SOON).unwrap_or_else(|error| panic!("{len} bytes: {error}, {:?}", error.causes()));
        let mut got = Vec::new();
        let mut buf = vec![0; 10_000];
        while got.len() < sent.len() {
            let count = link.receiver.receive(&mut buf, SOON).expect("an answer");
            assert!(count > 0, "{} of {len} bytes came back", got.len());
            got.extend_from_slice(&buf[..count]);
        }
        assert!(got == sent, "{len} bytes came back changed");
    }
    // What comes late is not lost to the waits in between.
    assert_eq!(link.receiver.receive(&mut [0; 64], Duration::from_millis(300)).expect("silence"), 0);
    link.sender.send(b"late", SOON).expect("sent");
    let mut buf = [0; 64];
    assert_eq!(link.receiver.receive(&mut buf, SOON).expect("an answer"), 4);
    assert_eq!(&buf[..4], b"late");
}

#[test]
fn a_unit_that_is_pulled_is_gone_to_both_halves() {
    if !in_the_bench!() {
        return;
    }
    let gadget = Gadget::new("pulled", &Descriptors::default(), &["Loopback.a"]);
    gadget.plug(Port(1));
    let device = open(Port(1));
    let pipes = pipes(&*device);
    let mut link = device.stream(&pipes).expect("a link");
    link.sender.send(b"here", SOON).expect("sent");
    drop(gadget);
    wait_for("end of the link", SOON, || match link.receiver.receive(&mut [0; 64], Duration::from_millis(100)) {
        Ok(_) => None,
        Err(error) => {
            assert_eq!(error.kind(), Kind::Gone, "{error}");
            Some(())
        }
    });
    assert_eq!(link.sender.send(b"gone", SOON).expect_err("nobody is there").kind(), Kind::Gone);
}

#[test]
fn a_claim_is_ours_alone_and_given_back_when_the_link_is_closed() {
    if !in_the_bench!() {
        return;
    }
    let gadget = Gadget::new("claimed", &Descriptors::default(), &["Loopback.a"]);
    gadget.plug(Port(2));
    let device = open(Port(2));
    let pipes = pipes(&*device);
    let link = device.stream(&pipes).expect("a link");
    let error = open(Port(2)).claim(pipes.interface, 0).expect_err("it is held");
    assert_eq!(error.kind(), Kind::Busy, "{error}");
    drop(link);
    open(Port(2)).claim(pipes.interface, 0).expect("it is free again");
}

#[test]
fn the_kernel_gets_its_driver_back_also_after_a_panic() {
    if !in_the_bench!() {
        return;
    }
    let gadget = Gadget::new("driver", &Descriptors::default(), &["acm.a"]);
    gadget.plug(Port(3));
    let tty = Port(3).tty();
    let panicked = std::panic::catch_unwind(|| {
        let mut device = open(Port(3));
        device.claim(0, 0).expect("claimed");
        wait_for("terminal to go", SOON, || (!tty.exists()).then_some(()));
        panic!("on purpose");
    });
    assert!(panicked.is_err());
    wait_for("terminal to come back", SOON, || tty.exists().then_some(()));
}
