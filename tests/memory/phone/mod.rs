//! A phone through Android and its bootloader: the real drivers, the stand-in's engines, no kernel and no time.

mod factory;
mod rig;
mod shipped;

use firmware_stubs::phone::Mode as Is;
use hardwire::device::{Activate, Level, Mode};
use hardwire::digest::Digest;
use hardwire::error::Kind;
use hardwire::profile::model::{Answer, AskStep, Body, EraseStep, FirmwareStep, Payload, Place, RebootStep, Step};
use hardwire::run::report::{Outcome, Report, StepOutcome};
use rig::{BOOTLOADER, Rig};

const BOOT: [u8; 300] = [0xb0; 300];
const DTBO: [u8; 200] = [0xd7; 200];

fn flash(slot: &str, image: &[u8]) -> Step {
    let image = Payload::new(image.to_vec(), false);
    let body = FirmwareStep { artifact: slot.to_owned(), image, slot: Some(slot.to_owned()), activate: Activate::None };
    Step::plain(slot, Body::Firmware(body), Level::Digest)
}

/// Two partitions are written in the bootloader and one is erased; back in Android all three are proven.
fn steps() -> Vec<Step> {
    let there = |step: Step| Step { place: Some(Place::Mode(BOOTLOADER)), proved_by: Some("back".to_owned()), ..step };
    let erase = Step::plain("erase", Body::Erase(EraseStep { slot: "metadata".to_owned() }), Level::Digest);
    let ask = Body::Ask(AskStep { say: "does it start?".to_owned(), answer: Answer::PassFail });
    let back = Step { place: Some(Place::Mode(Mode::Application)), ..Step::plain("back", ask, Level::Link) };
    vec![there(flash("boot", &BOOT)), there(flash("dtbo", &DTBO)), there(erase), back]
}

fn outcomes(report: &Report) -> Vec<StepOutcome> {
    report.steps.iter().map(|step| step.outcome).collect()
}

fn is_done(rig: &Rig) -> bool {
    let blank = rig.held("metadata", 4096);
    rig.held("boot_a", 300) == BOOT
        && rig.held("dtbo_a", 200) == DTBO
        && (blank.iter().all(|byte| *byte == 0) || blank.iter().all(|byte| *byte == 0xff))
}

#[test]
fn what_fastboot_writes_android_proves_and_a_second_run_does_not_leave_android() {
    let rig = Rig::new(None, |_| {});
    let first = rig.run(steps()).unwrap();
    assert_eq!((first.outcome, first.level), (Outcome::Pass, Some(Level::Digest)), "{:?}", first.error);
    assert_eq!(first.returns.iter().map(|back| back.mode).collect::<Vec<_>>(), [BOOTLOADER, Mode::Application]);
    assert!(is_done(&rig));
    let second = rig.run(steps()).unwrap();
    assert_eq!(second.outcome, Outcome::Pass, "{:?}", second.error);
    assert_eq!(outcomes(&second)[..3], [StepOutcome::Already; 3]);
    assert!(second.returns.is_empty() && second.steps.iter().all(|step| step.sent == 0));
}

#[test]
fn without_a_place_a_step_goes_there_and_comes_back() {
    let rig = Rig::new(None, |_| {});
    let report = rig.run(vec![flash("boot", &BOOT)]).unwrap();
    assert_eq!((report.outcome, report.level), (Outcome::Pass, Some(Level::Digest)), "{:?}", report.error);
    assert_eq!((rig.mode(), report.mode), (Is::Android, Some(Mode::Application)));
}

#[test]
fn a_phone_is_restarted_from_another_slot_and_says_so() {
    let rig = Rig::new(None, |_| {});
    let body = Body::Reboot(RebootStep { to: Mode::Application, slot: Some('b') });
    let there = Step { place: Some(Place::Mode(BOOTLOADER)), ..Step::plain("b", body.clone(), Level::Link) };
    let report = rig.run(vec![there]).unwrap();
    assert_eq!((report.outcome, report.mode), (Outcome::Pass, Some(Mode::Application)), "{:?}", report.error);
    let second = rig.run(vec![flash("boot", &BOOT)]).unwrap();
    assert_eq!(second.outcome, Outcome::Pass, "{:?}", second.error);
    assert_eq!(rig.held("boot_b", 300), BOOT, "the slot that runs is b");
    // Android itself does not choose.
    let report = rig.run(vec![Step::plain("b", body, Level::Link)]).unwrap();
    assert_eq!((report.outcome, rig.mode()), (Outcome::Fail, Is::Android));
}

#[test]
fn a_phone_in_its_bootloader_is_finished() {
    let rig = Rig::new(None, |options| options.first = Is::Bootloader);
    let report = rig.run(steps()).unwrap();
    assert_eq!((report.outcome, report.level), (Outcome::Pass, Some(Level::Digest)), "{:?}", report.error);
    assert!(is_done(&rig) && rig.mode() == Is::Android);
}

#[test]
fn a_flipped_byte_in_flash_fails_and_names_what_it_found() {
    let rig = Rig::new(None, |options| options.fastboot.faults.push(firmware_stubs::fastboot::Fault::FlipByte(1)));
    let report = rig.run(steps()).unwrap();
    let error = report.error.unwrap();
    assert_eq!((report.outcome, error.kind), (Outcome::Fail, Kind::Mismatch), "{error:?}");
    let said = error.causes.join("; ");
    assert!(said.contains("boot") && said.contains(&Digest::sha256(&BOOT).to_string()), "{said}");
    let item = &report.steps[0].items[0];
    assert!(item.outcome == StepOutcome::Failed && item.observed.is_some() && item.observed != item.expected);
}

/// Cuts the cable at every packet whose number leaves `share` when divided by [`SHARES`]: a test for each share, so that
/// they run side by side.
fn cut(share: u64) {
    let whole = Rig::new(None, |_| {});
    assert_eq!(whole.run(steps()).unwrap().outcome, Outcome::Pass);
    let packets = whole.packets();
    assert!(packets > 60, "only {packets} packets");
    for cut in (1..=packets).filter(|cut| cut % SHARES == share) {
        let rig = Rig::new(Some(cut), |_| {});
        match rig.run(steps()) {
            Ok(report) => {
                let kind = report.error.as_ref().map(|error| error.kind);
                assert_eq!(report.outcome, Outcome::Error, "packet {cut}: {kind:?}");
            }
            Err(error) => assert!(
                matches!(error.kind(), Kind::Gone | Kind::TimedOut | Kind::Unsupported),
                "packet {cut}: {error}"
            ),
        }
        rig.replug();
        let again = rig.run(steps()).unwrap_or_else(|error| panic!("packet {cut}: {error} {:?}", error.causes()));
        assert_eq!(again.outcome, Outcome::Pass, "packet {cut}: {:?}", again.error);
        assert!(is_done(&rig), "packet {cut}");
    }
}

#[test]
fn a_package_is_handed_to_recovery_and_android_comes_back() {
    let package = [b"PK\x03\x04".as_slice(), &[7; 150_000]].concat();
    let step = |content: &[u8]| {
        let image = Payload::new(content.to_vec(), false);
        let slot = Some("sideload".to_owned());
        let body = FirmwareStep { artifact: "ota".to_owned(), image, slot, activate: Activate::None };
        let place = Some(Place::Mode(Mode::Sideload));
        let ask = Body::Ask(AskStep { say: "does it start?".to_owned(), answer: Answer::PassFail });
        let back = Step { place: Some(Place::Mode(Mode::Application)), ..Step::plain("back", ask, Level::Link) };
        vec![Step { place, ..Step::plain("ota", Body::Firmware(body), Level::Link) }, back]
    };
    let rig = Rig::new(None, |_| {});
    let report = rig.run(step(&package)).unwrap();
    // It is the unit's word, and says so.
    assert_eq!((report.outcome, report.level), (Outcome::Pass, Some(Level::Link)), "{:?}", report.error);
    let modes: Vec<_> = report.returns.iter().map(|back| back.mode).collect();
    assert_eq!(modes, [Mode::Sideload, Mode::Recovery, Mode::Application]);
    assert!(std::fs::read(rig.path("/cache/package.zip")).unwrap() == package);
    assert_eq!(report.steps[0].sent, package.len() as u64);
    // What recovery does not take is told, in its words.
    let refused = rig.run(step(&[1; 70_000])).unwrap();
    let error = refused.error.unwrap();
    assert_eq!((refused.outcome, error.kind), (Outcome::Fail, Kind::Refused), "{error:?}");
    assert!(error.causes.iter().any(|cause| cause.contains("did not install")), "{:?}", error.causes);
}

const SHARES: u64 = 4;

#[test]
fn the_cable_is_cut_at_every_packet_and_the_next_run_finishes_1() {
    cut(0);
}

#[test]
fn the_cable_is_cut_at_every_packet_and_the_next_run_finishes_2() {
    cut(1);
}

#[test]
fn the_cable_is_cut_at_every_packet_and_the_next_run_finishes_3() {
    cut(2);
}

#[test]
fn the_cable_is_cut_at_every_packet_and_the_next_run_finishes_4() {
    cut(3);
}
