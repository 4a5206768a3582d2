//! From one fastboot to the other.

use super::*;
use crate::usb::Then;
use std::time::Duration;

#[test]
fn userspace_knows_what_the_bootloader_does_not() {
    let mut bench = Bench::new(|_| {});
    assert_eq!(bench.say("getvar:is-userspace"), "OKAYno");
    assert_eq!(bench.say("reboot-fastboot"), "OKAY");
    assert!(matches!(bench.host.pass(Duration::from_millis(200)).unwrap(), Then::Leave { .. }));
    bench.host.enumerate().unwrap();
    assert_eq!(bench.host.device.mode(), Mode::Fastbootd);
    let all = bench.variables();
    assert_eq!(all.get("is-userspace"), Some("yes"));
    assert_eq!(all.get("super-partition-name"), Some("super"));
    assert_eq!(all.of("is-logical", "system_a"), Some("yes"));
    assert_eq!(all.of("is-logical", "boot_a"), Some("no"));
    bench.download(&pattern(5000));
    assert_eq!(bench.say("flash:system_b"), "OKAY");
    assert_eq!(bench.held("system_b")[..5000], pattern(5000));
    assert_eq!(bench.say("flashing lock"), "FAILCommand not supported in userspace");
    assert_eq!(bench.say("reboot-bootloader"), "OKAY");
    bench.host.pass(Duration::from_millis(200)).unwrap();
    bench.host.enumerate().unwrap();
    assert_eq!(bench.say("getvar:is-userspace"), "OKAYno");
    // What was downloaded does not outlive it.
    assert_eq!(bench.say("flash:boot_a"), "FAILno image was downloaded");
}

#[test]
fn logical_partitions_come_and_go() {
    let mut bench = Bench::within(Mode::Fastbootd, |_| {});
    assert_eq!(bench.say("create-logical-partition:product_a:8192"), "OKAY");
    assert_eq!(bench.say("create-logical-partition:product_a:8192"), "FAILPartition already exists");
    bench.download(&[9; 8193]);
    assert!(bench.say("flash:product_a").starts_with("FAILResize it first"));
    assert_eq!(bench.say("resize-logical-partition:product_a:16384"), "OKAY");
    assert_eq!(bench.say("flash:product_a"), "OKAY");
    assert_eq!(bench.say("getvar:partition-size:product_a"), "OKAY0x4000");
    assert_eq!(bench.say("delete-logical-partition:boot_a"), "FAILboot_a is not a logical partition");
    assert_eq!(bench.say("create-logical-partition:../../x:1"), "FAILLogical partitions are not known here");
    assert_eq!(bench.say("delete-logical-partition:product_a"), "OKAY");
    assert_eq!(bench.say("getvar:partition-size:product_a"), "FAILUnknown variable");
}

#[test]
fn it_leaves_also_when_nobody_takes_its_answer() {
    let mut bench = Bench::new(|_| {});
    bench.host.write(1, b"reboot-fastboot").unwrap();
    assert_eq!(bench.host.pass(Duration::from_millis(100)).unwrap(), Then::Stay);
    assert!(matches!(bench.host.pass(Duration::from_secs(1)).unwrap(), Then::Leave { .. }));
}
