//! A phone in its bootloader on real USB: Google's client and Hardwire write the same partitions.

use firmware_stubs::fastboot::{Mode, Options, Unit};
use firmware_stubs::usb::{self, Port};
use tempfile::TempDir;

use super::noise;
use crate::devices::google::{Generation, fastboot};
use crate::devices::station::Station;
use crate::devices::{Need, sha256, wanted};
use crate::support::bench::in_the_bench;
use crate::support::stand_in::SOON;
use crate::support::wait_for;

const SERIAL: &str = "FB-0421";

struct Phone {
    _unit: usb::Unit,
    folder: TempDir,
}

impl Phone {
    fn plug(change: impl FnOnce(&mut Options)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut options = Options::new(folder.path().join("unit"));
        options.serial = SERIAL.to_owned();
        change(&mut options);
        let unit = Unit::open(options, Mode::Bootloader).unwrap();
        let unit = usb::Unit::plug(Box::new(unit), Port(0)).unwrap();
        let phone = Self { _unit: unit, folder };
        wait_for("enumeration", SOON, || Port(0).is_enumerated().unwrap().then_some(()));
        phone
    }

    fn address(&self) -> String {
        format!("usb:{}", Port(0).bus_id().unwrap())
    }

    fn held(&self, partition: &str) -> Vec<u8> {
        std::fs::read(self.folder.path().join("unit/partitions").join(partition)).unwrap()
    }
}

#[test]
fn googles_client_writes_raw_and_sparse_images_over_usb() {
    if !wanted(Need::Android) || !in_the_bench!() {
        return;
    }
    for generation in Generation::BOTH {
        let phone = Phone::plug(|options| options.max_download = 1 << 20);
        let good = |args: &[&str]| {
            let done = fastboot(generation, &[&["-s", SERIAL], args].concat());
            assert_eq!(done.code, 0, "{generation:?} fastboot {args:?}: {done:#?}");
            done.stderr
        };
        assert!(good(&["getvar", "product"]).contains("product: kiosk"));
        let image = noise(3 << 20);
        let file = phone.folder.path().join("boot.img");
        std::fs::write(&file, &image).unwrap();
        good(&["flash", "boot", file.to_str().unwrap()]);
        assert_eq!(phone.held("boot_a")[..image.len()], image, "{generation:?}");
        good(&["set_active", "b"]);
        good(&["reboot", "fastboot"]);
        assert!(good(&["getvar", "is-userspace"]).contains("is-userspace: yes"));
        good(&["flash", "system", file.to_str().unwrap()]);
        assert_eq!(phone.held("system_b")[..image.len()], image, "{generation:?}");
    }
}

#[test]
fn hardwire_writes_every_length_over_usb_and_follows_into_fastbootd() {
    if !in_the_bench!() {
        return;
    }
    let phone = Phone::plug(|options| options.max_download = 1 << 20);
    let station = Station::default();
    let device = phone.address();
    let info = station.run(&["info", "-d", &device]).exits(0);
    let info = info.line("info");
    assert_eq!((info["driver"].as_str(), info["mode"].as_str()), (Some("fastboot"), Some("bootloader")));
    assert_eq!((info["serial"].as_str(), info["model"].as_str()), (Some(SERIAL), Some("kiosk")));
    let lengths =
        [1, 511, 512, 513, 16 << 10, (64 << 10) - 1, 64 << 10, (1 << 20) - 8, 1 << 20, (1 << 20) + 1, 5 << 20];
    for length in lengths {
        let image = noise(length);
        let file = station.file("boot.img", &image);
        let args = ["flash", &file, "--slot", "boot", "--activate", "none", "--verify", "link", "-d", &device];
        let said = station.run(&args).exits(0);
        let run = said.line("run");
        assert_eq!((run["outcome"].as_str(), run["level"].as_str()), (Some("pass"), Some("link")), "{length}");
        assert_eq!(run["steps"][0]["items"][0]["expected"].as_str(), Some(sha256(&image).as_str()));
        assert_eq!(phone.held("boot_a")[..length], image, "{length}");
    }
    station.run(&["reboot", "-d", &device, "fastbootd"]).exits(0);
    let info = station.run(&["info", "-d", &device]).exits(0);
    assert_eq!(info.line("info")["mode"], "fastbootd");
    assert_eq!(info.line("info")["limits"]["max_download_size"], 8 << 20);
    let image = noise(9 << 20);
    let file = station.file("system.img", &image);
    let args = ["flash", &file, "--slot", "system", "--activate", "none", "--verify", "link", "-d", &device];
    station.run(&args).exits(0);
    assert_eq!(phone.held("system_a")[..image.len()], image);
}
