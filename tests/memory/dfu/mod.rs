//! A DFU unit in memory, brought from its application into its loader and back by a run.

mod harm;
mod rig;

use firmware_stubs::dfu::{Detach, Factory, Firmware, Manifestation, Memory, Options, Slot, Upload};
use hardwire::device::{Activate, Level, Mode, Offer};
use hardwire::error::{Kind, Result};
use hardwire::profile::model::{BackupStep, Body, FirmwareStep, KeptSlot, Payload, RebootStep, Step};
use hardwire::run::report::{Outcome, Report, StepOutcome};
use protocols::dfu::file::{ForDevice, Image, Segment, Suffix, append_suffix, encode_dfuse, encode_hex};
use protocols::dfu::wire::Layout;
use protocols::usb::Bcd;
use rig::Rig;

const FLASH: &str = "@Internal Flash  /0x08000000/16*001Kg";

/// Firmware of some 8 KiB that runs.
fn app() -> Vec<u8> {
    let body: Vec<u8> = (0..8000_u32).map(|n| (n * 7 + n / 251) as u8).collect();
    Firmware::build(Bcd(0x0207), &body)
}

fn sha256(image: &[u8]) -> String {
    hardwire::digest::Digest::sha256(image).to_string()
}

fn firmware(file: &[u8], activate: Activate, verify: Level) -> Step {
    let image = Payload::new(file.to_vec(), false);
    let body = FirmwareStep { artifact: "app".to_owned(), image, slot: None, activate };
    Step::plain("app", Body::Firmware(body), verify)
}

fn confirmed(file: &[u8]) -> Vec<Step> {
    vec![firmware(file, Activate::Confirm, Level::Digest)]
}

fn plain(options: &mut Options) {
    options.transfer_size = 512;
}

fn dfuse(options: &mut Options) {
    options.transfer_size = 512;
    options.memory = Memory::Addressed(vec![Layout::parse(FLASH).unwrap()]);
}

fn tolerant(options: &mut Options) {
    plain(options);
    options.manifestation = Manifestation::Tolerant;
}

fn by_reset(options: &mut Options) {
    plain(options);
    options.manifestation = Manifestation::AwaitsReset;
    options.detach = Detach::AtReset;
}

/// What makes a unit one of its kind.
type Adjust = fn(&mut Options);

const KINDS: [(&str, Adjust); 4] = [("plain", plain), ("dfuse", dfuse), ("tolerant", tolerant), ("by reset", by_reset)];

fn kind(result: Result<Report>) -> Kind {
    result.expect_err("it is refused").kind()
}

fn failed(report: &Report) -> String {
    report.error.as_ref().map(|error| format!("{error:?}")).unwrap_or_default()
}

#[test]
fn a_run_crosses_into_the_loader_and_back_and_writes_nothing_the_second_time() {
    for (name, adjust) in KINDS {
        let rig = Rig::new(adjust);
        let old = rig.running().unwrap();
        let report = rig.run(confirmed(&app())).unwrap();
        assert_eq!(report.outcome, Outcome::Pass, "{name}: {}", failed(&report));
        assert_eq!((report.level, report.mode), (Some(Level::Readback), Some(Mode::Application)), "{name}");
        let step = &report.steps[0];
        assert_eq!((step.outcome, step.sent), (StepOutcome::Done, app().len() as u64), "{name}");
        assert_eq!(step.items[0].observed.as_deref(), Some(sha256(&app()).as_str()), "{name}");
        assert_ne!(rig.running().unwrap(), old, "{name}");
        assert_eq!(rig.running().unwrap(), sha256(&app()), "{name}");
        assert!(report.returns.len() >= 2, "{name}: {:?}", report.returns);
        assert_eq!(report.firmware[0].version.as_ref().unwrap().untrusted(), "2.07", "{name}");

        let again = rig.run(confirmed(&app())).unwrap();
        assert_eq!((again.outcome, again.mode), (Outcome::Pass, Some(Mode::Application)), "{name}");
        assert_eq!((again.steps[0].outcome, again.steps[0].sent), (StepOutcome::Already, 0), "{name}");
        assert_eq!(rig.recorded(), ["pass", "pass"], "{name}");
    }
}

#[test]
fn the_profile_that_ships_passes_from_either_mode_and_writes_once() {
    let profile = include_str!("../../../profiles/dfu-firmware.yaml");
    let target = ForDevice { vendor: Some(0x1209), product: None, release: Some(Bcd(0x0207)) };
    let file = append_suffix(&app(), Suffix { for_device: target, version: Bcd(0x0100) });
    for (name, adjust) in KINDS {
        for factory in [Factory::Firmware(Bcd(0x0100)), Factory::Blank] {
            let rig = Rig::new(|options| {
                adjust(options);
                options.factory = factory;
            });
            let report = rig.apply(profile, "app.dfu", &file).unwrap();
            assert_eq!(report.outcome, Outcome::Pass, "{name}: {}", failed(&report));
            assert_eq!((report.level, report.mode), (Some(Level::Readback), Some(Mode::Application)), "{name}");
            assert_eq!(rig.running().unwrap(), sha256(&app()), "{name}");
            let again = rig.apply(profile, "app.dfu", &file).unwrap();
            assert_eq!((again.outcome, again.steps[0].sent), (Outcome::Pass, 0), "{name}: {}", failed(&again));
        }
    }
}

#[test]
fn a_blank_unit_in_its_loader_is_brought_to_life() {
    for (name, adjust) in KINDS {
        let rig = Rig::new(|options| {
            adjust(options);
            options.factory = Factory::Blank;
        });
        assert_eq!(rig.running(), None, "{name}");
        let report = rig.run(confirmed(&app())).unwrap();
        assert_eq!(report.outcome, Outcome::Pass, "{name}: {}", failed(&report));
        assert_eq!(rig.running().unwrap(), sha256(&app()), "{name}");
    }
}

#[test]
fn what_cannot_be_read_back_is_refused_unless_the_units_word_is_enough() {
    let rig = Rig::new(|options| {
        plain(options);
        options.upload = Upload::Refused;
    });
    assert_eq!(kind(rig.run(confirmed(&app()))), Kind::Unsupported);
    assert_eq!(rig.with(|driver, _| driver.unit().mode).unwrap(), Mode::Application, "it was not even detached");
    let link = || vec![firmware(&app(), Activate::Confirm, Level::Link)];
    for _ in 0..2 {
        // What cannot be observed is written again.
        let report = rig.run(link()).unwrap();
        assert_eq!((report.outcome, report.level), (Outcome::Pass, Some(Level::Link)), "{}", failed(&report));
        assert_eq!(report.steps[0].outcome, StepOutcome::Done);
    }
    assert_eq!(rig.running().unwrap(), sha256(&app()));
}

#[test]
fn firmware_that_does_not_start_is_no_pass() {
    for (name, adjust) in KINDS {
        let rig = Rig::new(adjust);
        let mut broken = app();
        broken[5000] ^= 1;
        let report = rig.run(confirmed(&broken)).unwrap();
        assert_ne!(report.outcome, Outcome::Pass, "{name}");
        assert_eq!(rig.running(), None, "{name}");
        let report = rig.run(confirmed(&app())).unwrap();
        assert_eq!(report.outcome, Outcome::Pass, "{name}: {}", failed(&report));
    }
}

#[test]
fn files_of_every_format_lead_to_the_same_memory() {
    let at = |address| Segment { address, bytes: app() };
    let suffix = |vendor, product| Suffix {
        for_device: ForDevice { vendor: Some(vendor), product: Some(product), release: None },
        version: Bcd(0x0100),
    };
    let hex = encode_hex(&[at(Some(0x0800_0000))]).into_bytes();
    let image = Image { segments: vec![at(Some(0x0800_0000))], alternate: Some(0), ..Image::default() };
    let st = encode_dfuse(&[image], Suffix { version: Bcd(0x011a), ..suffix(0x1209, 0x0002) }).unwrap();
    for (name, file, adjust) in [
        ("raw", app(), dfuse as Adjust),
        ("hex", hex.clone(), dfuse),
        ("DfuSe", st.clone(), dfuse),
        ("named as the application is", append_suffix(&app(), suffix(0x1209, 0x0001)), plain),
        ("named as the loader is", append_suffix(&app(), suffix(0x1209, 0x0002)), plain),
        ("hex without gaps", hex, plain),
    ] {
        let rig = Rig::new(adjust);
        let report = rig.run(confirmed(&file)).unwrap();
        assert_eq!(report.outcome, Outcome::Pass, "{name}: {}", failed(&report));
        assert_eq!(rig.running().unwrap(), sha256(&app()), "{name}");
    }
}

#[test]
fn what_is_not_for_the_unit_is_refused_before_a_byte_is_written() {
    let at = |address| Segment { address: Some(address), bytes: app() };
    let suffix = |vendor, product| Suffix {
        for_device: ForDevice { vendor: Some(vendor), product: Some(product), release: None },
        version: Bcd(0x0100),
    };
    let mut damaged = append_suffix(&app(), suffix(0x1209, 0x0002));
    damaged[100] ^= 1;
    let image = Image { segments: vec![at(0x0800_0000)], alternate: Some(3), ..Image::default() };
    let elsewhere = encode_dfuse(&[image], Suffix { version: Bcd(0x011a), ..suffix(0x1209, 0x0002) }).unwrap();
    for (name, file, adjust) in [
        ("a damaged suffix", damaged, plain as Adjust),
        ("another vendor", append_suffix(&app(), suffix(0x1d50, 0x0002)), plain),
        ("another product", append_suffix(&app(), suffix(0x1209, 0x0777)), plain),
        ("an ELF program", b"\x7fELF\x01\x01\x01".to_vec(), plain),
        ("below the memory", encode_hex(&[at(0x0700_0000)]).into_bytes(), dfuse),
        ("beyond the memory", encode_hex(&[at(0x0800_3000)]).into_bytes(), dfuse),
        ("gaps without addresses", encode_hex(&[at(0), at(0x1_0000)]).into_bytes(), plain),
        ("another alternate setting", elsewhere, dfuse),
    ] {
        for factory in [Factory::Firmware(Bcd(0x0100)), Factory::Blank] {
            let rig = Rig::new(|options| {
                adjust(options);
                options.factory = factory;
            });
            let before = rig.running();
            let error = match rig.run(confirmed(&file)) {
                Err(error) => error.kind(),
                Ok(report) => {
                    assert_eq!(report.steps[0].sent, 0, "{name}");
                    report.error.as_ref().unwrap().kind
                }
            };
            assert_eq!(error, Kind::Invalid, "{name}");
            assert_eq!(rig.running(), before, "{name}: the unit is as it was");
        }
    }
}

#[test]
fn an_interrupted_run_with_a_file_named_as_the_application_goes_on_when_the_ids_are_given() {
    let suffix = Suffix {
        for_device: ForDevice { vendor: Some(0x1209), product: Some(0x0001), release: None },
        version: Bcd(0x0100),
    };
    let file = append_suffix(&app(), suffix);
    let mut rig = Rig::new(|options| {
        plain(options);
        options.factory = Factory::Blank;
    });
    let error = rig.run(confirmed(&file)).unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    assert!(error.remedy().unwrap().contains("ids="), "{:?}", error.remedy());
    rig.options.insert("ids".to_owned(), "1209:0001".to_owned());
    assert_eq!(rig.run(confirmed(&file)).unwrap().outcome, Outcome::Pass);
}

#[test]
fn slots_are_named_and_an_address_may_be_given() {
    let rig = Rig::new(|options| {
        plain(options);
        let slot = |name: &str| Slot { name: name.to_owned(), size: 64 * 1024 };
        options.memory = Memory::Slots(vec![slot("firmware"), slot("Boot Logo")]);
    });
    let mut step = firmware(b"a logo", Activate::Confirm, Level::Readback);
    // Which slot is meant is not plain.
    let report = rig.run(vec![step.clone()]).unwrap();
    assert_eq!((report.outcome, report.steps[0].sent), (Outcome::Fail, 0));
    assert_eq!(rig.with(|driver, _| driver.unit().mode).unwrap(), Mode::Application, "it was brought back");
    if let Body::Firmware(body) = &mut step.body {
        body.slot = Some("boot-logo".to_owned());
    }
    let report = rig.run(vec![step]).unwrap();
    assert_eq!(report.outcome, Outcome::Pass, "{}", failed(&report));
    assert_eq!(report.steps[0].items[0].path, "boot-logo");

    let rig = Rig::new(dfuse);
    let mut step = firmware(b"data", Activate::None, Level::Readback);
    if let Body::Firmware(body) = &mut step.body {
        body.slot = Some("internal-flash/0x08003000".to_owned());
    }
    let report = rig.run(vec![step]).unwrap();
    assert_eq!((report.outcome, report.mode), (Outcome::Pass, Some(Mode::Application)), "{}", failed(&report));
    let read = rig.run(vec![Step::plain("dfu", Body::Reboot(RebootStep::to(Mode::Dfu)), Level::Link)]).unwrap();
    assert_eq!((read.outcome, read.mode), (Outcome::Pass, Some(Mode::Dfu)));
    let held = rig.with(|driver, op| {
        let mut bytes = Vec::new();
        driver.firmware().unwrap().read("internal-flash", &mut bytes, op).unwrap();
        bytes
    });
    assert_eq!(held.unwrap()[0x3000..0x3006], *b"data\xff\xff");
}

#[test]
fn a_reboot_leads_into_the_loader_and_back() {
    for (name, adjust) in KINDS {
        let rig = Rig::new(adjust);
        for mode in [Mode::Dfu, Mode::Application] {
            let report = rig.run(vec![Step::plain("r", Body::Reboot(RebootStep::to(mode)), Level::Link)]).unwrap();
            assert_eq!((report.outcome, report.mode), (Outcome::Pass, Some(mode)), "{name}: {}", failed(&report));
        }
    }
}

#[test]
fn what_the_unit_offers_is_what_its_descriptors_say() {
    let levels = |offers: &[Offer]| {
        offers.iter().map(|offer| (offer.capability.to_string(), offer.levels.len())).collect::<Vec<_>>()
    };
    let rig = Rig::new(dfuse);
    let unit = rig.with(|driver, _| driver.unit().clone()).unwrap();
    assert_eq!((unit.mode, levels(&unit.offers)), (Mode::Application, vec![("power".to_owned(), 0)]));
    assert_eq!(unit.firmware[0].version.as_ref().unwrap().untrusted(), "1.00");
    let ahead = levels(&unit.ahead[&Mode::Dfu]);
    assert_eq!(ahead, [("firmware".to_owned(), 2), ("backup".to_owned(), 0), ("power".to_owned(), 0)]);
    let rig = Rig::new(|options| {
        dfuse(options);
        options.factory = Factory::Blank;
        options.upload = Upload::Refused;
    });
    let unit = rig.with(|driver, _| driver.unit().clone()).unwrap();
    assert_eq!((unit.mode, unit.firmware[0].slot.as_str()), (Mode::Dfu, "internal-flash"));
    assert_eq!(levels(&unit.offers), [("firmware".to_owned(), 1), ("power".to_owned(), 0)]);
}

#[test]
fn what_a_slot_held_is_backed_up_and_can_be_put_back() {
    for (name, adjust) in KINDS {
        let rig = Rig::new(adjust);
        let old = rig.running();
        let body = |firmware| BackupStep {
            files: Vec::new(),
            apps: Vec::new(),
            settings: Vec::new(),
            firmware,
            secrets: Vec::new(),
            implied: false,
            label: None,
        };
        let backup = Step::plain("backup", Body::Backup(body(vec![KeptSlot::Written(None)])), Level::Link);
        let report = rig.run(vec![backup.clone(), firmware(&app(), Activate::Confirm, Level::Digest)]).unwrap();
        assert_eq!(
            (report.outcome, report.mode),
            (Outcome::Pass, Some(Mode::Application)),
            "{name}: {}",
            failed(&report)
        );
        assert_eq!(rig.running().unwrap(), sha256(&app()), "{name}");
        let kept = rig.station.vault.find(report.steps[0].backup.as_deref().unwrap()).unwrap();
        let [item] = kept.manifest.items.as_slice() else { panic!("{name}: {:?}", kept.manifest.items) };
        let held = rig.station.vault.get_checked(&item.sha256).unwrap();
        let mut bytes = vec![0; usize::try_from(item.bytes).unwrap()];
        held.read_exact_at(0, &mut bytes).unwrap();
        let report = rig.run(confirmed(&bytes)).unwrap();
        assert_eq!(report.outcome, Outcome::Pass, "{name}: {}", failed(&report));
        assert_eq!(rig.running(), old, "{name}");
    }
    let rig = Rig::new(|options| options.upload = Upload::Refused);
    let body = BackupStep {
        files: Vec::new(),
        apps: Vec::new(),
        settings: Vec::new(),
        firmware: vec![KeptSlot::Written(None)],
        secrets: Vec::new(),
        implied: false,
        label: None,
    };
    let error = rig.run(vec![Step::plain("backup", Body::Backup(body), Level::Link)]).unwrap_err();
    assert_eq!(error.kind(), Kind::Unsupported, "its application says already that it cannot be read");
}
