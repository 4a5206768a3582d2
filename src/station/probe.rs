//! Asks who is at a port: listens first, since a unit that talks by itself needs no question, then speaks every protocol
//! in turn. Questions only: nothing is written to a unit.

use std::sync::Arc;
use std::time::Duration;

use super::{PortBay, Target, World, fleet, resolve};
use crate::detect::{Access, Found};
use crate::device::{Bay, Cancel, Op, UnitText};
use crate::error::{Error, Kind, Result};
use crate::link::{Address, Link, Opened};

/// How long one port may take: a unit that speaks answers in milliseconds, one that boots within seconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long to listen before the first question: a unit that booted when its port was opened talks at once.
const LISTEN: Duration = Duration::from_millis(300);
/// The most that is listened to.
const MOST_HEARD: usize = 4096;
/// The most of a line that is shown.
const MOST_SHOWN: usize = 60;

/// What units say of themselves, and what it means. The first that fits counts.
const SAYINGS: &[(&[u8], &str)] = &[
    (b"U-Boot SPL ", "U-Boot's first stage starts"),
    (b"Hit any key to stop autoboot", "U-Boot starts"),
    (b"\nU-Boot 20", "U-Boot starts"),
    (b"*** Booting Zephyr OS", "Zephyr starts"),
    (b"*** Booting MCUboot", "MCUboot starts"),
    // Zephyr's console marks the first line of an SMP frame so, and the ones that go on (MCUmgr, SMP over console).
    (b"\x06\x09", "it speaks SMP to somebody"),
    (b"ESP-ROM:", "an ESP32's ROM starts"),
    (b"Linux version ", "a Linux kernel starts"),
    (b" login: ", "a Linux system waits for a login"),
];

/// Fills in what each unit says of itself. Ports are asked at once; one that is silent keeps nobody
/// waiting but itself.
///
/// # Errors
/// `cancelled`; `storage` when the machine gives no threads.
pub fn probe<'a>(
    found: impl IntoIterator<Item = &'a mut Found>,
    world: &Arc<dyn World>,
    cancel: &Cancel,
) -> Result<()> {
    // A USB device that no driver knows has no interface to ask through.
    let may_answer = |found: &&mut Found| found.driver.is_some() || !found.address.starts_with("usb:");
    let ports: Vec<&mut Found> =
        found.into_iter().filter(|found| found.access == Access::Ok).filter(may_answer).collect();
    fleet::run(ports, cancel, |found, _| ask(found, world, cancel), |_| {})?;
    if cancel.is_asked() {
        return Err(Error::new(Kind::Cancelled, "stopped on request"));
    }
    Ok(())
}

fn ask(found: &mut Found, world: &Arc<dyn World>, cancel: &Cancel) {
    let Ok(target) = found.address.parse().and_then(|selector| resolve(&selector, &[], &**world)) else { return };
    let heard = match listen(&target, &**world) {
        Ok(heard) => heard,
        Err(error) => return refused(found, &error, None),
    };
    let mut quiet = |_| {};
    let mut op = Op::new(&**world.clock(), cancel, &mut quiet);
    op.deadline = Some(world.clock().now() + PATIENCE);
    let mut bay = PortBay::new(target, Arc::clone(world));
    match bay.open(&mut op) {
        Ok(driver) => {
            let unit = driver.unit();
            found.driver = Some(unit.driver);
            found.mode = Some(unit.mode);
            found.serial = unit.serial.clone().or(found.serial.take());
            found.model = unit.model.clone().or(found.model.take());
        }
        Err(error) => refused(found, &error, heard),
    }
}

fn refused(found: &mut Found, error: &Error, heard: Option<String>) {
    found.access = match error.kind() {
        Kind::Busy => Access::Busy,
        Kind::NotPermitted => Access::Denied,
        Kind::Unauthorized => Access::Unauthorized,
        Kind::Gone => Access::Offline,
        _ => Access::Ok,
    };
    found.hint = Some(match heard {
        Some(heard) => format!("{heard}; {error}"),
        None => error.to_string(),
    });
}

/// What the unit says unasked; `None` when it is silent. Only serial ports: a listener that leaves may be all that a
/// server on the network waits for.
fn listen(target: &Target, world: &dyn World) -> Result<Option<String>> {
    if !matches!(target.address, Address::Tty(_)) {
        return Ok(None);
    }
    let Opened::Stream(mut link) = world.open(&target.address, &target.serial)? else { return Ok(None) };
    Ok(meaning(&hear(&mut link, world)))
}

fn hear(link: &mut Link, world: &dyn World) -> Vec<u8> {
    let until = world.clock().now() + LISTEN;
    let mut heard = Vec::new();
    let mut some = [0; 512];
    while heard.len() < MOST_HEARD {
        let left = until.saturating_since(world.clock().now());
        match link.receiver.receive(&mut some, left) {
            Ok(count) if count > 0 => heard.extend_from_slice(some.get(..count).unwrap_or_default()),
            // Silent to the end, or gone: the question will tell which.
            _ => break,
        }
    }
    heard
}

/// What was heard, for people: what it means where that is known, and its last line.
fn meaning(heard: &[u8]) -> Option<String> {
    let means = |(mark, meaning): &&(&[u8], &'static str)| {
        heard.windows(mark.len()).any(|part| part == *mark).then_some(*meaning)
    };
    let known = SAYINGS.iter().find_map(|saying| means(&saying));
    let text = String::from_utf8_lossy(heard);
    let last = text.lines().map(str::trim).rfind(|line| !line.is_empty())?;
    let shown: String = last.chars().take(MOST_SHOWN).collect();
    let shown = UnitText::new(&shown);
    Some(match known {
        Some(known) => format!("{known}: it says `{shown}`"),
        None => format!("it says `{shown}`"),
    })
}

#[cfg(test)]
mod tests {
    use super::super::fake::Script;
    use super::*;
    use crate::detect;

    #[test]
    fn a_unit_that_answers_is_named_and_one_that_does_not_is_left_as_it_was() {
        for (line, driver, access) in [
            (Ok("A1"), Some("fake"), Access::Ok),
            (Err(Kind::TimedOut), None, Access::Ok),
            (Err(Kind::Busy), None, Access::Busy),
        ] {
            // The port is opened to listen, and again to ask.
            let world: Arc<dyn World> = Arc::new(Script::new(&[line, line]));
            let mut found = [detect::named("tty:/dev/unit".into())];
            probe(&mut found, &world, &Cancel::default()).unwrap();
            assert_eq!((found[0].driver, found[0].access), (driver, access));
            assert_eq!(found[0].hint.is_some(), driver.is_none());
        }
    }

    #[test]
    fn what_a_unit_says_unasked_is_understood_or_quoted_and_never_steers_the_screen() {
        for (heard, expected) in [
            (&b""[..], None),
            (b"\r\n \r\n", None),
            (
                b"\xff\x00\r\n\r\nU-Boot 2023.01 (Jan 09)\r\nDRAM: 128 MiB\r\n",
                Some("U-Boot starts: it says `DRAM: 128 MiB`"),
            ),
            (
                b"*** Booting Zephyr OS build v4.4.0 ***\n",
                Some("Zephyr starts: it says `*** Booting Zephyr OS build v4.4.0 ***`"),
            ),
            (b"buildroot login: ", Some("a Linux system waits for a login: it says `buildroot login:`")),
            (b"temp=21\x1b[2J\n", Some("it says `temp=21\\u{1b}[2J`")),
        ] {
            assert_eq!(meaning(heard).as_deref(), expected);
        }
        let long = [b'x'; MOST_HEARD];
        assert!(meaning(&long).unwrap().len() < 100);
    }
}
