//! What goes wrong, and what is left then.

use super::*;

fn with(fault: Fault) -> Bench {
    Bench::new(|options| options.faults.push(fault))
}

#[test]
fn answers_go_wrong_as_told() {
    assert!(matches!(with(Fault::Stall(1)).try_ask("getvar:version"), Err(Trouble::Stall)));
    assert!(matches!(with(Fault::Silence(1)).try_ask("getvar:version"), Err(Trouble::Silence)));
    assert_eq!(with(Fault::Fail(1)).say("getvar:version"), "FAILtold to fail");
    assert_eq!(with(Fault::EarlyOkay(1)).say("download:00001000"), "OKAY");
    assert_eq!(with(Fault::DataLength(1)).say("download:00001000"), "DATA00000800");
    assert!(with(Fault::Garbage(1)).say("getvar:version").starts_with('\u{1b}'));
    let mut bench = with(Fault::LongFail(2));
    assert_eq!(bench.say("getvar:version"), "OKAY0.4");
    bench.host.write(1, b"getvar:version").unwrap();
    assert_eq!(bench.host.read(1, 65536).unwrap().len(), 4 + 5 * 1024);
    let mut bench = with(Fault::Drop(1));
    assert!(matches!(bench.try_ask("set_active:b"), Err(Trouble::Silence)));
    assert_eq!(bench.say("getvar:current-slot"), "OKAYb");
}

#[test]
fn a_download_that_is_cut_short_is_called_good() {
    let mut bench = with(Fault::Short(1));
    let image = pattern(64 << 10);
    bench.download(&image);
    assert_eq!(bench.say("flash:boot_a"), "OKAY");
    let held = bench.held("boot_a");
    assert_eq!(held[..32 << 10], image[..32 << 10]);
    assert!(held[32 << 10..].iter().all(|byte| *byte == 0));
}

#[test]
fn a_byte_that_lies_is_the_only_one() {
    let mut bench = with(Fault::FlipByte(1001));
    let image = pattern(5000);
    bench.download(&image);
    assert_eq!(bench.say("flash:boot_a"), "OKAY");
    let held = bench.held("boot_a");
    let wrong: Vec<usize> = (0..5000).filter(|at| held[*at] != image[*at]).collect();
    assert_eq!((wrong.as_slice(), held[1000]), ([1000].as_slice(), image[1000] ^ 1));
}

#[test]
fn unplugged_at_a_byte_it_holds_exactly_so_many_and_goes_on_when_it_is_back() {
    let mut bench = with(Fault::UnplugByte(3000));
    let image = pattern(5000);
    bench.download(&image);
    assert!(matches!(bench.try_ask("flash:boot_a"), Err(Trouble::Unplugged)));
    let held = bench.held("boot_a");
    assert_eq!(held[..3000], image[..3000]);
    assert!(held[3000..5000].iter().all(|byte| *byte == 0));
    bench.host.replug().unwrap();
    bench.host.enumerate().unwrap();
    bench.download(&image);
    assert_eq!(bench.say("flash:boot_a"), "OKAY");
    assert_eq!(bench.held("boot_a")[..5000], image);
}

#[test]
fn unplugged_at_a_command_nothing_of_it_is_done_or_all() {
    let mut bench = with(Fault::UnplugCommand(2));
    assert_eq!(bench.say("getvar:version"), "OKAY0.4");
    assert!(matches!(bench.try_ask("set_active:b"), Err(Trouble::Unplugged)));
    assert_eq!(bench.host.device.store().current_slot(), Slot::A);
    let mut bench = with(Fault::UnplugAnswer(1));
    assert!(matches!(bench.try_ask("set_active:b"), Err(Trouble::Unplugged)));
    assert_eq!(bench.host.device.store().current_slot(), Slot::B);
}

#[test]
fn who_it_is_may_change_or_not_show() {
    let mut bench = Bench::within(Mode::Fastbootd, |options| options.faults.push(Fault::OtherSerial));
    assert_eq!(bench.say("getvar:serialno"), "OKAYXFB-0001");
    assert_eq!(with(Fault::NoSerial).say("getvar:serialno"), "OKAY");
}

#[test]
fn what_is_said_to_be_erased_may_be_there() {
    let mut bench = with(Fault::NoErase);
    bench.download(b"something");
    assert_eq!(bench.say("flash:misc"), "OKAY");
    assert_eq!(bench.say("erase:misc"), "OKAY");
    assert!(bench.held("misc").starts_with(b"something"));
}
