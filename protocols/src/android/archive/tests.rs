use super::*;
use crate::android::source::Window;
use crate::android::zip::tests::{archive, deflated, stored};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// As the factory archives of the field have them.
const INFO: &str = "require board=oriole|raven\n\
    require version-bootloader=slider-14.5-11677881\n\
    require version-baseband=g5123b-135085-240517-B-11857288\n\
    require-for-product:raven version-bootloader=slider-*|other\n\
    require partition-exists=vendor_kernel_boot\n\
    reject hw-revision=proto1|dvt*\n";

/// As a build of AOSP writes it.
const ORDER: &str = "# fastboot-info for aosp\nversion 1\nflash boot\nflash --apply-vbmeta vbmeta\n\
    flash --slot-other system system_other.img\n\nreboot fastboot\nupdate-super\nflash product\n\
    if-wipe erase userdata\nif-wipe erase metadata\nreboot\n";

struct Unit(BTreeMap<&'static str, &'static str>);

impl Reports for Unit {
    fn variable(&self, name: &str) -> Option<&str> {
        self.0.get(name).copied()
    }
    fn has_partition(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }
}

fn unmet(text: &str, unit: &[(&'static str, &'static str)]) -> Vec<usize> {
    let unit = Unit(unit.iter().copied().collect());
    let requirements = Requirement::parse_all(text.as_bytes()).unwrap();
    requirements.iter().filter_map(|one| one.check(&unit).err()).map(|unmet| unmet.line).collect()
}

#[test]
fn a_unit_is_held_against_what_is_required() {
    let unit = [
        ("product", "oriole"),
        ("version-bootloader", "slider-14.5-11677881"),
        ("version-baseband", "g5123b-135085-240517-B-11857288"),
        ("vendor_kernel_boot", ""),
        ("hw-revision", "mp1"),
    ];
    assert_eq!(unmet(INFO, &unit), []);
    let other = |name, value| [unit.as_slice(), &[(name, value)]].concat();
    assert_eq!(unmet(INFO, &other("product", "bluejay")), [1]);
    assert_eq!(unmet(INFO, &other("version-bootloader", "slider-1")), [2]);
    // For another product the beginning is enough there.
    assert_eq!(unmet(INFO, &[other("product", "raven").as_slice(), &[("version-bootloader", "x")]].concat()), [2, 4]);
    assert_eq!(unmet(INFO, &other("hw-revision", "dvt2")), [6]);
    assert_eq!(unmet(INFO, &other("hw-revision", "proto12")), []);
    // What a unit does not say is not what is required, and what is rejected is not known to be absent.
    assert_eq!(unmet(INFO, &[]), [1, 2, 3, 5, 6]);
}

#[test]
fn what_is_unmet_says_what_is_demanded_and_found() {
    let unit = Unit(BTreeMap::from([("product", "bluejay")]));
    let shown: Vec<_> = Requirement::parse_all(INFO.as_bytes())
        .unwrap()
        .iter()
        .filter_map(|requirement| requirement.check(&unit).err())
        .map(|unmet| unmet.to_string())
        .collect();
    assert_eq!(shown[0], "line 1 of android-info.txt demands product=oriole|raven; the unit has bluejay");
    assert_eq!(shown[3], "line 5 of android-info.txt demands a partition vendor_kernel_boot; the unit has none");
}

#[test]
fn lines_that_are_no_requirement_are_named() {
    let fault = |text: &str| Requirement::parse_all(text.as_bytes()).unwrap_err();
    for line in [
        "require",
        "require board",
        "board=",
        "=a",
        "reject  =a",
        "require board=a||b",
        "demand board=a",
        "require-for-product:a=b",
        "require-for-product: a require b=c",
        "reject partition-exists=a",
        "require partition-exists=a|b",
    ] {
        assert_eq!(
            fault(&format!("\n# fine\nboard = a\n{line}")),
            LineError { line: 4, fault: Fault::NoRequirement },
            "{line}"
        );
    }
    let partition = fault("require partition-exists=../a");
    assert_eq!(partition, LineError { line: 1, fault: Fault::Partition("../a".to_owned()) });
    assert_eq!(fault("board=\u{1b}[2J"), LineError { line: 1, fault: Fault::NoText });
    assert_eq!(Requirement::parse_all(b"\xff").unwrap_err().fault, Fault::NoText);
    assert_eq!(Requirement::parse_all(b"\r\n require\tboard=a | b \r\n").unwrap()[0].demand.to_string(), "product=a|b");
}

#[test]
fn the_order_of_a_build() {
    let order = Order::parse(ORDER.as_bytes()).unwrap();
    let flash = |partition: &str, file: &str, slot, apply_vbmeta| {
        let (partition, file) = (partition.to_owned(), file.to_owned());
        (When::Always, Command::Flash { partition, file, slot, apply_vbmeta })
    };
    let commands: Vec<_> = order.commands().map(|(when, command)| (when, command.clone())).collect();
    assert_eq!(
        commands,
        [
            flash("boot", "boot.img", Slot::Current, false),
            flash("vbmeta", "vbmeta.img", Slot::Current, true),
            flash("system", "system_other.img", Slot::Other, false),
            (When::Always, Command::Reboot(Some("fastboot".to_owned()))),
            (When::Always, Command::UpdateSuper),
            flash("product", "product.img", Slot::Current, false),
            (When::Wiping, Command::Erase("userdata".to_owned())),
            (When::Wiping, Command::Erase("metadata".to_owned())),
            (When::Always, Command::Reboot(None)),
        ]
    );
    assert_eq!(order.lines().map(|(line, _)| line).collect::<Vec<_>>(), [3, 4, 5, 7, 8, 9, 10, 11, 12]);
}

#[test]
fn lines_that_are_no_command_are_named() {
    for (line, fault) in [
        ("format userdata", Fault::NoCommand),
        ("if-wipe", Fault::NoCommand),
        ("if-wipe if-wipe erase userdata", Fault::NoCommand),
        ("version 1", Fault::Version),
        ("flash", Fault::Words("flash")),
        ("flash a b c", Fault::Words("flash")),
        ("flash --force boot", Fault::Option("--force".to_owned())),
        ("flash boot ../boot.img", Fault::File("../boot.img".to_owned())),
        ("flash boot /boot.img", Fault::File("/boot.img".to_owned())),
        ("flash bo:ot", Fault::Partition("bo:ot".to_owned())),
        ("erase", Fault::Words("erase")),
        ("erase -a", Fault::Partition("-a".to_owned())),
        ("reboot edl", Fault::Mode("edl".to_owned())),
        ("reboot a b", Fault::Words("reboot")),
        ("update-super now", Fault::Words("update-super")),
    ] {
        let text = format!("version 1\n{line}\n");
        assert_eq!(Order::parse(text.as_bytes()), Err(LineError { line: 2, fault }), "{line}");
    }
    for text in ["", "flash boot", "version 2", "version", "# nothing"] {
        assert_eq!(Order::parse(text.as_bytes()), Err(LineError { line: 1, fault: Fault::Version }), "{text}");
    }
}

fn open(file: &[u8]) -> Result<Factory, FactoryError> {
    Factory::open(file).map_err(FileError::into_format)
}

#[test]
fn a_factory_archive() {
    let images =
        ["boot", "vbmeta", "product", "system_other"].map(|name| stored(&format!("{name}.img"), name.as_bytes()));
    let texts = [deflated("android-info.txt", INFO.as_bytes()), deflated("fastboot-info.txt", ORDER.as_bytes())];
    let file = archive(&[texts.as_slice(), &images].concat());
    let factory = open(&file).unwrap();
    assert_eq!((factory.requirements.len(), factory.order.as_ref().map(|order| order.lines().count())), (6, Some(9)));
    assert_eq!(factory.partitions().collect::<Vec<_>>(), ["boot", "product", "system_other", "vbmeta"]);
    assert_eq!(factory.image("boot").unwrap().to_vec(&file, 10).unwrap(), b"boot");
    assert_eq!(factory.image("dtbo"), None);

    let without = archive(&[texts.as_slice(), &images[..3]].concat());
    assert_eq!(open(&without), Err(FactoryError::Missing { line: 5, file: "system_other.img".to_owned() }));
    let no_info = archive(&images);
    assert_eq!(open(&no_info), Err(FactoryError::Zip(ZipError::Absent("android-info.txt".to_owned()))));
    let escape = archive(&[deflated("android-info.txt", b""), stored("../boot.img", b"")]);
    assert!(matches!(open(&escape), Err(FactoryError::Zip(ZipError::Name(_)))));
    let broken = archive(&[deflated("android-info.txt", b"board=a\nnonsense")]);
    let error = LineError { line: 2, fault: Fault::NoRequirement };
    assert_eq!(open(&broken), Err(FactoryError::Text { file: "android-info.txt", error }));
    let endless = archive(&[deflated("android-info.txt", &vec![b'\n'; 300_000])]);
    assert!(matches!(open(&endless), Err(FactoryError::Zip(ZipError::TooLarge { .. }))));
}

#[test]
fn the_archive_of_images_within_what_is_offered_for_download() {
    let inner = archive(&[stored("android-info.txt", b"board=a"), stored("boot.img", b"boot")]);
    let outer = archive(&[stored("oriole-1/bootloader.img", b"b"), stored("oriole-1/image-oriole-1.zip", &inner)]);
    let outer_archive = Archive::open(&outer).unwrap();
    let entry = images_within(&outer_archive).unwrap();
    let window = Window::new(&outer, entry.data_at(&outer).unwrap(), entry.len).unwrap();
    let factory = Factory::open(&window).unwrap();
    assert_eq!(factory.image("boot").unwrap().to_vec(&window, 10).unwrap(), b"boot");
    assert_eq!(loader_beside(&outer_archive, "bootloader").unwrap().name, "oriole-1/bootloader.img");
    assert_eq!(loader_beside(&outer_archive, "radio"), None);
    assert_eq!(images_within(&Archive::open(&inner).unwrap()), None);
    let two = archive(&[deflated("image-a.zip", &inner), stored("b/image-b.zip", &inner)]);
    assert_eq!(images_within(&Archive::open(&two).unwrap()), None, "which of them is meant?");
}

proptest! {
    #[test]
    fn no_text_panics(text in "[a-z#|=*: \n./-]{0,80}", bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        for text in [text.as_bytes(), &bytes, format!("version 1\n{text}").as_bytes()] {
            let _ = Requirement::parse_all(text);
            let _ = Order::parse(text);
        }
    }
}
