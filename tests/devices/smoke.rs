//! The devices themselves: they start, answer, reset and stop, before Hardwire is blamed for anything.
//!
//! The bytes are captures of a foreign client, so that nothing of ours stands between a test and its device.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::support::mcuboot::{Build, Mcuboot};
use crate::support::zephyr::{Variant, Zephyr};
use crate::support::{Need, wanted};

const ECHO: &[u8] = b"\x06\tABMKAAAJAAAAAKFhZGVoZWxsb6J/\n";
const ECHOED: &str = "\u{6}\tABQLAAAKAAAAAL9hcmVoZWxsb//3UQ==\n";
/// Operating system information, format `i`; MCUboot does not know the command.
const BOARD: &[u8] = b"\x06\tABQIAAAKAAADB6FmZm9ybWF0YWmLwA==\n";
const NOT_SUPPORTED: &str = "\u{6}\tABAJAAAGAAADB79icmMI/ylA\n";
const RESET: &[u8] = b"\x06\tAAsKAAABAACuBaBGug==\n";

/// Sends `request` until `expected` comes back, as a device that still boots drops what it gets.
fn ask(link: &mut (impl Read + Write), request: &[u8], expected: &str) {
    let until = Instant::now() + Duration::from_secs(20);
    let mut heard = String::new();
    while Instant::now() < until {
        link.write_all(request).expect("device takes a request");
        let patience = Instant::now() + Duration::from_secs(1);
        while Instant::now() < patience {
            let mut some = [0; 256];
            let count = link.read(&mut some).unwrap_or(0);
            heard += &String::from_utf8_lossy(&some[..count]);
            if heard.contains(expected) {
                return;
            }
        }
    }
    panic!("no {expected:?} in {heard:?}");
}

fn serial(unit: &Zephyr) -> impl Read + Write + use<> {
    let tty = unit.tty().canonicalize().expect("link to the pseudo-terminal");
    serialport::new(tty.to_string_lossy(), 115_200)
        .timeout(Duration::from_millis(100))
        .open()
        .expect("pseudo-terminal opens")
}

fn tcp(unit: &Mcuboot) -> TcpStream {
    let address = unit.address();
    let link = TcpStream::connect(address.strip_prefix("tcp:").expect("a TCP address")).expect("UART connects");
    link.set_read_timeout(Some(Duration::from_millis(100))).expect("timeout is set");
    link
}

#[test]
fn every_native_variant_answers() {
    if !wanted(Need::Zephyr) {
        return;
    }
    for variant in Variant::ALL {
        let unit = Zephyr::start(variant);
        ask(&mut serial(&unit), ECHO, ECHOED);
        unit.assert_alive();
    }
}

#[test]
fn a_native_unit_comes_back_from_a_reset_on_the_same_path() {
    if !wanted(Need::Zephyr) {
        return;
    }
    let unit = Zephyr::start(Variant::Plain);
    serial(&unit).write_all(RESET).expect("device takes a reset");
    let until = Instant::now() + Duration::from_secs(10);
    while unit.resets() == 0 {
        assert!(Instant::now() < until, "no reset");
        std::thread::sleep(Duration::from_millis(20));
    }
    ask(&mut serial(&unit), ECHO, ECHOED);
    unit.assert_alive();
}

#[test]
fn the_emulated_unit_runs_its_image_and_keeps_it_over_a_reset() {
    if !wanted(Need::Mcuboot) {
        return;
    }
    let image = Build::Current.image((1, 2, 3, 4));
    let unit = Mcuboot::start(Build::Current, Some(&image));
    ask(&mut tcp(&unit), ECHO, ECHOED);
    unit.reset();
    ask(&mut tcp(&unit), ECHO, ECHOED);
    assert!(unit.slot0(image.bytes.len()) == image.bytes, "slot 0 is as it was");
}

#[test]
fn the_emulated_unit_without_an_image_waits_in_recovery() {
    if !wanted(Need::Mcuboot) {
        return;
    }
    for build in [Build::Current, Build::Buf512] {
        let unit = Mcuboot::start(build, None);
        ask(&mut tcp(&unit), BOARD, NOT_SUPPORTED);
    }
}
