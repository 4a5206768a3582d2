//! Units that ask who is there.

use protocols::adb::auth::Key;
use protocols::time::Moment;

use super::daemon::Daemon;
use super::*;
use crate::drivers::Identity;

/// A station with the key of a test.
struct Station;

impl Station {
    fn key() -> Key {
        Key::from_pem(include_str!("../../../../protocols/src/adb/vectors/adbkey-of-a-test.pem")).unwrap()
    }
}

impl Keys for Station {
    fn adb(&self) -> Result<Box<dyn Identity>> {
        Ok(Box::new(Station))
    }
}

impl Identity for Station {
    fn sign(&self, token: &[u8; 20]) -> Result<Vec<u8>> {
        Ok(Station::key().sign(token, &mut |bytes| bytes.fill(7)).unwrap())
    }

    fn public(&self) -> String {
        Station::key().public().unwrap().to_text("a@b")
    }

    fn fingerprint(&self) -> String {
        Station::key().public().unwrap().fingerprint()
    }
}

fn public() -> protocols::adb::auth::PublicKey {
    Station::key().public().unwrap()
}

fn opened(daemon: Daemon, wait: &str) -> (Result<u64>, Daemon) {
    with_keys(&Station, daemon, &[("auth-wait", wait)], |_, op| op.clock.now().since_start().as_secs())
}

#[test]
fn a_unit_that_knows_the_key_asks_nobody() {
    let (opened, daemon) = opened(Daemon::bare().guarded(Some(public()), None), "0");
    assert_eq!(opened.unwrap(), 0);
    assert_eq!(daemon.offered(), None);
}

#[test]
fn a_person_is_waited_for_as_long_as_told() {
    let accepted = Daemon::bare().guarded(None, Some(Moment::from_millis(40_000)));
    let (waited, daemon) = opened(accepted, "60s");
    assert_eq!((waited.unwrap(), daemon.offered()), (40, Some(&public())));

    let accepted_too_late = Daemon::bare().guarded(None, Some(Moment::from_millis(40_000)));
    let (error, _) = opened(accepted_too_late, "30s");
    let error = error.unwrap_err();
    assert_eq!(error.kind(), Kind::Unauthorized);
    assert!(error.causes().iter().any(|cause| cause.contains("within 30 s")), "{:?}", error.causes());
    assert!(error.remedy().unwrap().contains(&public().fingerprint()), "{:?}", error.remedy());
}

#[test]
fn without_a_key_it_says_so() {
    let (error, _) = with(Daemon::bare().guarded(None, None), &[], |_, _| ());
    let error = error.unwrap_err();
    assert_eq!(error.kind(), Kind::Unauthorized);
    assert!(error.remedy().unwrap().contains("hardwire key show"));
}
