use super::*;
use proptest::prelude::*;

#[test]
fn the_commands_of_the_specification_are_read_and_written_alike() {
    for (text, command) in [
        ("getvar:version", Command::GetVar("version".into())),
        ("getvar:partition-size:boot_a", Command::GetVar("partition-size:boot_a".into())),
        ("download:00001234", Command::Download(0x1234)),
        ("flash:bootloader", Command::Flash("bootloader".into())),
        ("erase:userdata", Command::Erase("userdata".into())),
        ("set_active:b", Command::SetActive("b".into())),
        ("powerdown", Command::PowerDown),
        ("reboot", Command::Reboot),
        ("reboot-bootloader", Command::RebootBootloader),
        ("reboot-fastboot", Command::RebootFastbootd),
        ("reboot-recovery", Command::RebootRecovery),
        ("continue", Command::Continue),
        ("upload", Command::Upload),
        ("fetch:vendor_boot", Command::Fetch { partition: "vendor_boot".into(), part: None }),
        (
            "fetch:vendor_boot_a:0x00001000:0x00100000",
            Command::Fetch { partition: "vendor_boot_a".into(), part: Some((0x1000, 0x10_0000)) },
        ),
        ("flashing get_unlock_ability", Command::Flashing(Lock::GetUnlockAbility)),
        ("flashing unlock", Command::Flashing(Lock::Unlock)),
        ("oem device-info", Command::Oem("device-info".into())),
        ("update-super:super:wipe", Command::UpdateSuper { partition: "super".into(), wipe: true }),
        ("update-super:super", Command::UpdateSuper { partition: "super".into(), wipe: false }),
        ("create-logical-partition:system_a:4096", Command::CreateLogical("system_a".into(), 4096)),
        ("resize-logical-partition:system_a:0", Command::ResizeLogical("system_a".into(), 0)),
        ("delete-logical-partition:system_a", Command::DeleteLogical("system_a".into())),
        ("snapshot-update:cancel", Command::Other("snapshot-update:cancel".into())),
        ("download:1234", Command::Other("download:1234".into())),
        ("flashing everything", Command::Other("flashing everything".into())),
    ] {
        assert_eq!(Command::parse(text.as_bytes()), Ok(command.clone()), "{text}");
        assert_eq!(command.to_bytes().unwrap(), text.as_bytes());
    }
}

#[test]
fn what_no_unit_takes_is_not_sent() {
    assert_eq!(Command::Other(String::new()).to_bytes(), Err(CommandError::Empty));
    assert_eq!(Command::Flash("boot\n".into()).to_bytes(), Err(CommandError::Control));
    assert_eq!(Command::Oem("x".repeat(5000)).to_bytes(), Err(CommandError::Long(5004)));
    assert_eq!(Command::parse(&[0xff, 0xfe]), Err(CommandError::Text));
    assert_eq!(Command::parse(b"getvar:a\0b"), Err(CommandError::Control));
}

fn variables(text: &str) -> Variables {
    text.lines().collect()
}

#[test]
fn what_phones_say_of_themselves_is_understood() {
    let old = variables(include_str!("../vectors/getvar-xperia-x.txt"));
    assert_eq!(old.get("max-download-size").and_then(size), Some(0x2000_0000));
    assert_eq!(old.of("partition-size", "userdata").and_then(partition_size), Some(0x5_2cc0_0000));
    assert_eq!(old.get("version-bootloader"), Some("1299-4841 S1_Boot_MSM8956_LA1.0.1_N_164"));
    assert_eq!(old.each("partition-type").count(), 3);
    assert_eq!(old.get("secure").and_then(yes_no), Some(true));

    let newer = variables(include_str!("../vectors/getvar-xperia-xz-premium.txt"));
    assert_eq!(newer.get("max-download-size"), None);
    assert_eq!(newer.get("variant"), Some("MSM UFS"));
    let sizes: Vec<_> = newer.each("partition-size").map(|(name, text)| (name, partition_size(text))).collect();
    assert_eq!(sizes, [("fsc", Some(0x1000)), ("modemst2", Some(0x20_0000))]);

    let userspace = variables(include_str!("../vectors/getvar-xperia-1-v.txt"));
    assert_eq!(userspace.of("is-logical", "boot_b").and_then(yes_no), Some(false));
    assert_eq!(userspace.get("super-partition-name"), Some("super"));

    let empty = variables(include_str!("../vectors/getvar-tab-s7.txt"));
    assert_eq!(empty.get("version-bootloader"), None);
    assert_eq!(empty.get("parallel-download-flash"), Some("yes"));
}

#[test]
fn numbers_are_read_as_each_variable_means_them() {
    for (text, wanted) in [
        ("0x10000000", Some(0x1000_0000)),
        ("268435456", Some(0x1000_0000)),
        (" 0XfF ", Some(0xff)),
        ("0x", None),
        ("", None),
        ("-1", None),
        ("+1", None),
        ("0x+1", None),
        ("10000000000000000000000", None),
        ("ff", None),
    ] {
        assert_eq!(size(text), wanted, "{text:?}");
    }
    assert_eq!(partition_size("10"), Some(0x10));
    assert_eq!(partition_size("0x10"), Some(0x10));
    assert_eq!(partition_size("0x1ffffffffffffffff"), None);
}

#[test]
fn lines_that_are_no_variables_are_left_out_and_many_are_bounded() {
    for line in ["", "no colon", ": value", "two words: x", "partition-size:boot", "a\u{1b}b:c"] {
        assert_eq!(Variable::parse(line), None, "{line:?}");
    }
    let lines: Vec<String> = (0..9000).map(|n| format!("v{n}:x")).collect();
    let many: Variables = lines.iter().map(String::as_str).collect();
    assert_eq!(many.iter().count(), Variables::MAX);
    assert_eq!(variables("a:1\na:2").get("a"), Some("1"));
}

proptest! {
    #[test]
    fn a_command_that_was_read_is_written_as_it_came(text in "\\PC{0,60}") {
        if let Ok(command) = Command::parse(text.as_bytes()) {
            prop_assert_eq!(Command::parse(&command.to_bytes().unwrap()), Ok(command));
        }
    }
}
