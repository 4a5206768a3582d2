use super::*;
use crate::clock::ManualClock;
use crate::detect::{Usb, named};

fn of_path(path: &Path) -> (Access, Option<String>) {
    let mut found = named(format!("tty:{}", path.display()));
    look(&mut [&mut found]);
    (found.access, found.hint)
}

#[test]
fn a_port_that_is_not_there_is_offline() {
    assert_eq!(of_path(Path::new("/nonexistent/port")).0, Access::Offline);
    let mut new = named("tty:/nonexistent/port".into());
    look_at_arrivals(&mut [&mut new]);
    assert_eq!(new.access, Access::Offline);
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_that_another_process_holds_is_busy() {
    let file = tempfile::NamedTempFile::new().unwrap();
    assert_eq!(of_path(file.path()).0, Access::Ok);
    let mut holder = std::process::Command::new("cat")
        .arg("-")
        .arg(file.path())
        .stdin(std::process::Stdio::piped())
        .stdout(file.reopen().unwrap())
        .spawn()
        .unwrap();
    let (access, hint) = of_path(file.path());
    let mut new = named(format!("tty:{}", file.path().display()));
    look_at_arrivals(&mut [&mut new]);
    drop(holder.stdin.take());
    holder.kill().unwrap();
    holder.wait().unwrap();
    assert_eq!(access, Access::Busy);
    assert_eq!(new.access, Access::Ok, "of an arrival no process is asked");
    assert!(hint.unwrap().contains(&format!("process {} (cat)", holder.id())));
}

#[cfg(target_os = "linux")]
#[test]
fn a_usb_device_is_opened_by_its_number_on_its_bus() {
    let mut found = named("usb:3-2.1".into());
    assert_eq!(node(&found), None);
    found.usb = Some(Usb { number: Some(12), ..Usb::new(1, 2).on("3-2.1") });
    assert_eq!(node(&found), Some(PathBuf::from("/dev/bus/usb/003/012")));
}

#[test]
fn what_was_there_already_is_not_waited_for() {
    // The manual clock stands at 1970: every file is of the future then, and of no known age.
    let clock = ManualClock::new();
    let mut found = [Found { access: Access::Denied, ..named("tty:/dev/null".into()) }];
    wait_for_rules(&mut found, &clock);
    assert_eq!(clock.now().since_start(), Duration::ZERO);
}
