//! The driver against a daemon in memory that follows a script.

mod apps;
mod auth;
mod daemon;
mod diagnostics;
mod files;
mod firmware;
mod server;
mod settings;

use std::sync::{Arc, Mutex};

use daemon::{Daemon, Reply};

use super::*;
use crate::clock::{Clock, ManualClock};
use crate::device::Cancel;
use crate::drivers::{Keys, NoKeys};
use crate::error::{Error, Kind};
use crate::link::memory;

/// Opens `daemon` and asks `ask` of the driver.
fn with<T>(
    daemon: Daemon,
    options: &[(&str, &str)],
    ask: impl FnOnce(&mut dyn Driver, &mut Op<'_>) -> T,
) -> (Result<T>, Daemon) {
    with_keys(&NoKeys, daemon, options, ask)
}

/// The same, by a station with these keys.
fn with_keys<T>(
    keys: &dyn Keys,
    daemon: Daemon,
    options: &[(&str, &str)],
    ask: impl FnOnce(&mut dyn Driver, &mut Op<'_>) -> T,
) -> (Result<T>, Daemon) {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new());
    let (cancel, mut quiet) = (Cancel::default(), |_| {});
    let mut op = Op::new(&*clock, &cancel, &mut quiet);
    let daemon = Arc::new(Mutex::new(daemon));
    let options = options.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let opened = Adb.open(memory::served(&daemon, &clock).into(), Opening { options: &options, keys }, &mut op);
    let done = opened.map(|mut driver| ask(&mut *driver, &mut op));
    let daemon = Arc::into_inner(daemon).expect("the driver is closed").into_inner().expect("no panic");
    (done, daemon)
}

#[test]
fn a_bare_daemon_offers_what_it_has() {
    let (unit, daemon) = with(Daemon::bare(), &[], |driver, _| driver.unit().clone());
    let unit = unit.unwrap();
    assert_eq!((unit.mode, &unit.serial, &unit.model), (Mode::Application, &None, &None));
    assert!(unit.can(Capability::Console) && unit.can(Capability::Power) && !unit.can(Capability::Settings));
    assert_eq!(daemon.open_streams(), 0, "every stream is closed");
}

#[test]
fn greetings_that_somebody_before_us_left_unanswered_are_answered_first() {
    for left_over in [1, 3] {
        let (unit, daemon) = with(Daemon::bare().greeted_before(left_over), &[], |driver, _| driver.unit().clone());
        assert!(unit.unwrap().can(Capability::Console), "{left_over}");
        assert_eq!(daemon.open_streams(), 0);
    }
    // One that greets for ever begins anew for ever.
    let error = with(Daemon::bare().greeted_before(u32::MAX), &[], |_, _| ()).0.unwrap_err();
    assert_eq!((error.kind(), error.remedy()), (Kind::Gone, Some("run the same again")));
}

#[test]
fn android_says_who_it_is() {
    let properties = "[ro.serialno]: [R5CT1\u{1b}[2J]\n[ro.product.model]: [Pixel 8]\n[ro.boot.hardware.revision]: [MP1.0]\n\
                      [ro.boot.slot_suffix]: [_b]\n[ro.build.fingerprint]: [google/shiba/shiba:14]\n\
                      [ro.boot.vbmeta.digest]: [ABCD]\n[ro.build.version.sdk]: [34]\n[sys.boot_completed]: [1]";
    let daemon = Daemon::android(properties, "device::ro.product.model=;features=shell_v2,delayed_ack");
    let unit = with(daemon, &[], |driver, _| driver.unit().clone()).0.unwrap();
    assert_eq!(unit.model.unwrap().untrusted(), "Pixel 8");
    assert!(!unit.serial.unwrap().to_string().contains('\u{1b}'));
    assert_eq!(unit.hardware.unwrap().untrusted(), "MP1.0");
    let slots: Vec<_> = unit.firmware.iter().map(|slot| (slot.slot.as_str(), slot.hash.as_deref())).collect();
    assert_eq!(slots, [("system_b", None), ("vbmeta_b", Some("abcd"))]);
    assert_eq!(unit.limits["window"], 32 << 20);
}

#[test]
fn android_is_given_time_to_start() {
    let mut asked = 0;
    let daemon = Daemon::bare().on("shell,v2,raw:", move |_| {
        asked += 1;
        let booted = if asked > 5 { "[sys.boot_completed]: [1]\n" } else { "" };
        let printed = format!("-hardwire-\n-hardwire-\n-hardwire-\n[ro.build.version.sdk]: [34]\n{booted}-hardwire-\n");
        Reply::shell(&printed, "", 0)
    });
    assert!(with(daemon, &[], |_, op| op.clock.now().since_start().as_secs()).0.unwrap() >= 2);
}

#[test]
fn recovery_and_sideload_are_modes_of_their_own() {
    let recovery = Daemon::android("[ro.serialno]: [A1]", "recovery::features=shell_v2");
    assert_eq!(with(recovery, &[], |driver, _| driver.unit().mode).0.unwrap(), Mode::Recovery);
    // Nothing runs there but the sideload itself.
    let (unit, _) = with(Daemon::with_banner("sideload::"), &[], |driver, _| driver.unit().clone());
    let unit = unit.unwrap();
    assert_eq!((unit.mode, unit.can(Capability::Console)), (Mode::Sideload, false));
}

#[test]
fn commands_end_with_their_exit_code() {
    let shell = |banner: &str, reply: fn(&[u8]) -> Reply| {
        let daemon = Daemon::with_banner(banner).on("shell", reply);
        with(daemon, &[], |driver, op| driver.console().expect("a shell").run("false", op)).0.unwrap()
    };
    let v2 = shell("device::features=shell_v2", |service| match service.windows(7).any(|word| word == b"getprop") {
        true => Reply::shell("-hardwire-\n-hardwire-\n-hardwire-\n-hardwire-\n", "", 0),
        false => Reply::shell("out\n", "err\n", 3),
    });
    let v2 = v2.unwrap();
    assert_eq!((v2.output.untrusted(), v2.status), ("out\nerr\n", 3));
    // The first shell protocol tells no exit code, so the shell is asked to print it.
    let v1 = shell("device::", |service| match service.windows(7).any(|word| word == b"getprop") {
        true => Reply::raw("-hardwire-\r\n-hardwire-\r\n-hardwire-\r\n-hardwire-\r\n"),
        false if service.ends_with(b"false\necho hardwire-exit-code:$?\0") => {
            Reply::raw("out\r\nhardwire-exit-code:1\r\n")
        }
        false => Reply::raw(""),
    });
    let v1 = v1.unwrap();
    assert_eq!((v1.output.untrusted(), v1.status), ("out\n", 1));
}

#[test]
fn a_restart_is_a_departure_and_a_refusal_is_told() {
    let restarts = Daemon::bare().on("reboot:", |_| Reply::raw(""));
    let (departure, daemon) =
        with(restarts, &[], |driver, op| driver.power().expect("power").restart(Mode::Fastbootd, op).unwrap());
    let departure = departure.unwrap();
    assert_eq!((departure.to, departure.within.as_secs()), (vec![Mode::Fastbootd], 90));
    assert!(daemon.services().contains(&"reboot:fastboot".to_owned()));
    let refuses = Daemon::bare().on("reboot:", |_| Reply::raw("reboot (bootloader) failed\n"));
    let (error, _) =
        with(refuses, &[], |driver, op| driver.power().expect("power").restart(Mode::Bootloader, op).unwrap_err());
    assert_eq!(error.unwrap().kind(), Kind::Refused);
}

#[test]
fn what_breaks_the_rules_is_told_and_what_is_silent_is_given_up() {
    let open = |daemon: Daemon| with(daemon, &[], |_, _| ()).0.unwrap_err();
    assert_eq!(open(Daemon::silent()).kind(), Kind::TimedOut);
    assert_eq!(open(Daemon::bare().huge()).kind(), Kind::Garbled);
    let tls = open(Daemon::first(protocols::adb::wire::Command::STLS));
    assert_eq!(tls.kind(), Kind::Unsupported);
    assert!(tls.remedy().unwrap().contains("cable"));
    assert_eq!(with(Daemon::bare(), &[("buf", "1")], |_, _| ()).0.unwrap_err().kind(), Kind::Invalid);
}

#[test]
fn a_daemon_begins_anew_as_root_where_its_build_lets_it() {
    let asked = |said: &'static str, root: &str| {
        let daemon = Daemon::bare().on("root:", move |_| Reply::raw(said));
        let (departure, daemon) = with(daemon, &[("root", root)], |driver, op| driver.prepare(op));
        (departure.unwrap(), daemon.services().iter().filter(|service| *service == "root:").count())
    };
    let (departure, _) = asked("restarting adbd as root\n", "yes");
    assert_eq!(departure.unwrap().unwrap().to, [Mode::Application]);
    assert_eq!(asked("adbd is already running as root\n", "yes").0.unwrap(), None);
    let (kept, times) = asked("restarting adbd as root\n", "keep");
    assert_eq!((kept.unwrap(), times), (None, 0));
    let error = asked("adbd cannot run as root in production builds\x1b[2J\n", "yes").0.unwrap_err();
    assert_eq!(error.kind(), Kind::Unsupported);
    assert!(error.to_string().contains("production builds") && !error.to_string().contains('\x1b'), "{error}");
    let none = with(Daemon::bare(), &[("root", "yes")], |driver, op| driver.prepare(op)).0.unwrap().unwrap_err();
    assert_eq!(none.kind(), Kind::Unsupported, "a daemon without the service");
}

#[test]
fn a_daemon_that_is_root_gives_it_up_when_it_is_asked_to() {
    let printed = "-hardwire-\n0\n-hardwire-\n-hardwire-\n-hardwire-\n";
    let root = || {
        let daemon = Daemon::with_banner("device::features=shell_v2");
        let daemon = daemon.on("shell,v2,raw:for p in", |_| Reply::shell(printed, "", 0));
        daemon.on("unroot:", |_| Reply::raw("restarting adbd as non root\n"))
    };
    assert_eq!(with(root(), &[("root", "yes")], |driver, op| driver.prepare(op)).0.unwrap().unwrap(), None);
    assert!(with(root(), &[("root", "no")], |driver, op| driver.prepare(op)).0.unwrap().unwrap().is_some());
}
