//! Units that an adb server holds: a server in memory, each of whose connections is one conversation.

use std::collections::VecDeque;

use protocols::adb::message::shell::{self, Kind as Part};
use protocols::adb::server::{self, Answer};
use protocols::time::Moment;

use super::*;
use crate::link::Behind;
use crate::link::memory::Peer;

/// What the server knows, and what became of it.
struct Held {
    /// What it lists, in turn; the last stays.
    lists: VecDeque<String>,
    state: &'static str,
    /// What a service of the unit answers.
    service: fn(&str) -> Answered,
    asked: Vec<String>,
}

/// What comes of a service.
enum Answered {
    Refused,
    /// These bytes, then the end of the stream.
    Ends(Vec<u8>),
}

/// One connection to it.
struct Conversation {
    held: Arc<Mutex<Held>>,
    came: Vec<u8>,
    out: Vec<u8>,
    chosen: bool,
    ended: bool,
}

impl Peer for Conversation {
    fn take(&mut self, _: Moment, bytes: &[u8]) -> Result<()> {
        self.came.extend_from_slice(bytes);
        let came = self.came.clone();
        let mut rest = came.as_slice();
        while let (false, Some(name)) = (self.ended, server::take(&mut rest).expect("the driver keeps to the protocol"))
        {
            let name = String::from_utf8_lossy(name).into_owned();
            let mut held = self.held.lock().unwrap();
            held.asked.push(name.clone());
            let answer = match name.as_str() {
                "host:devices-l" => {
                    let list = if held.lists.len() > 1 { held.lists.pop_front() } else { held.lists.front().cloned() };
                    Answer::Text(list.unwrap().into_bytes())
                }
                "host-transport-id:7:features" => Answer::Text(b"shell_v2,stat_v2,delayed_ack".to_vec()),
                "host-transport-id:7:get-state" if held.state.is_empty() => Answer::Failed(b"no device".to_vec()),
                "host-transport-id:7:get-state" => Answer::Text(held.state.as_bytes().to_vec()),
                "host:transport-id:7" if held.state.is_empty() => Answer::Failed(b"no device\x1b[2J".to_vec()),
                "host:transport-id:7" => {
                    self.chosen = true;
                    Answer::Okay
                }
                service if self.chosen => match (held.service)(service) {
                    Answered::Refused => Answer::Failed(b"closed".to_vec()),
                    Answered::Ends(bytes) => {
                        self.ended = true;
                        self.out.extend(Answer::Okay.to_bytes());
                        self.out.extend(bytes);
                        return Ok(());
                    }
                },
                other => panic!("{other}"),
            };
            self.out.extend(answer.to_bytes());
        }
        self.came = rest.to_vec();
        Ok(())
    }

    fn give(&mut self, _: Moment) -> Result<Vec<u8>> {
        if self.out.is_empty() && self.ended {
            return Err(Error::new(Kind::Gone, "the other side hung up"));
        }
        Ok(std::mem::take(&mut self.out))
    }
}

fn android(service: &str) -> Answered {
    let part = |part, data: &[u8]| shell::packet(part, data);
    if service.contains("for p in") {
        let printed = "-hardwire-\n2000\n-hardwire-\n-hardwire-\n[ro.product.model]: [Kiosk One]\n-hardwire-\n";
        return Answered::Ends([part(Part::Stdout, printed.as_bytes()), part(Part::Exit, &[0])].concat());
    }
    match service {
        "shell,v2,raw:hello" => Answered::Ends([part(Part::Stdout, b"hi\n"), part(Part::Exit, &[3])].concat()),
        "shell,v2,raw:cut" => Answered::Ends(part(Part::Stdout, b"half")),
        "reboot:" => Answered::Ends(Vec::new()),
        _ => Answered::Refused,
    }
}

const LISTED: &str =
    "PH-0421                device usb:1-2.3 product:kiosk model:Kiosk_One device:kiosk transport_id:7\n";

/// Opens the unit `name` of a server that lists this, and asks `ask` of the driver.
fn through<T>(
    lists: &[&str],
    name: &str,
    options: &[(&str, &str)],
    ask: impl FnOnce(&mut dyn Driver, &Mutex<Held>, &mut Op<'_>) -> T,
) -> (Result<T>, Vec<String>) {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new());
    let (cancel, mut quiet) = (Cancel::default(), |_| {});
    let mut op = Op::new(&*clock, &cancel, &mut quiet);
    let lists = lists.iter().map(|list| (*list).to_owned()).collect();
    let held = Arc::new(Mutex::new(Held { lists, state: "device", service: android, asked: Vec::new() }));
    let behind = Behind::new(name, "server:PH-0421", {
        let (held, clock) = (Arc::clone(&held), Arc::clone(&clock));
        move || {
            let held = Arc::clone(&held);
            let conversation = Conversation { held, came: Vec::new(), out: Vec::new(), chosen: false, ended: false };
            Ok(memory::served(&Arc::new(Mutex::new(conversation)), &clock))
        }
    });
    let options = options.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let opened = Adb.open(Opened::Behind(behind), Opening::unknown(&options), &mut op);
    let done = opened.map(|mut driver| ask(&mut *driver, &held, &mut op));
    let asked = held.lock().unwrap().asked.clone();
    (done, asked)
}

#[test]
fn a_unit_is_met_through_its_server_by_name_and_by_port() {
    for name in ["PH-0421", "usb:1-2.3"] {
        let list = format!("OTHER device transport_id:3\n{LISTED}");
        let (unit, asked) = through(&[&list], name, &[], |driver, _, _| driver.unit().clone());
        let unit = unit.unwrap();
        assert_eq!((unit.mode, unit.driver), (Mode::Application, "adb"));
        assert_eq!(unit.serial.unwrap().untrusted(), "PH-0421", "as its USB descriptor says");
        assert_eq!(unit.model.unwrap().untrusted(), "Kiosk One", "in its own words, not in the server's");
        assert!(!unit.limits.contains_key("window"), "the server acknowledges");
        assert!(asked.iter().all(|asked| !asked.contains("transport-id:3")), "{asked:?}");
    }
    let recovery = "PH-0421 recovery usb:1-2.3 transport_id:7\n";
    assert_eq!(through(&[recovery], "PH-0421", &[], |driver, _, _| driver.unit().mode).0.unwrap(), Mode::Recovery);
}

#[test]
fn each_command_is_a_connection_of_its_own() {
    let (reply, asked) =
        through(&[LISTED], "PH-0421", &[], |driver, _, op| driver.console().expect("a shell").run("hello", op));
    let reply = reply.unwrap().unwrap();
    assert_eq!((reply.output.untrusted(), reply.status), ("hi\n", 3));
    assert_eq!(asked[asked.len() - 2..], ["host:transport-id:7", "shell,v2,raw:hello"]);
    let (error, _) =
        through(&[LISTED], "PH-0421", &[], |driver, _, op| driver.files().expect("files").stat("/sdcard/a", op));
    assert_eq!(error.unwrap().unwrap_err().kind(), Kind::Unsupported, "there is no `sync:`");
}

#[test]
fn a_unit_that_left_is_gone_and_no_bad_unit() {
    let (error, _) = through(&[LISTED], "PH-0421", &[], |driver, held, op| {
        held.lock().unwrap().state = "offline";
        driver.console().expect("a shell").run("cut", op).unwrap_err()
    });
    let error = error.unwrap();
    assert_eq!((error.kind(), error.to_string()), (Kind::Gone, "the unit left the adb server: offline".to_owned()));
    let (error, _) = through(&[LISTED], "PH-0421", &[], |driver, held, op| {
        held.lock().unwrap().state = "";
        driver.console().expect("a shell").run("hello", op).unwrap_err()
    });
    let error = error.unwrap();
    assert!(error.kind() == Kind::Gone && !error.to_string().contains('\x1b'), "{error}");
}

#[test]
fn a_restart_through_the_server_is_a_departure() {
    let (departure, _) = through(&[LISTED], "PH-0421", &[], |driver, _, op| {
        driver.power().expect("power").restart(Mode::Application, op).unwrap()
    });
    assert!(departure.unwrap().to.contains(&Mode::Application));
}

#[test]
fn a_unit_that_the_server_is_about_to_meet_is_waited_for() {
    let at = |state: &str| format!("PH-0421 {state} usb:1-2.3 transport_id:7\n");
    let (offline, asks) = (at("offline"), at("unauthorized"));
    let seconds = |lists: &[&str], wait| {
        through(lists, "PH-0421", &[("auth-wait", wait)], |_, _, op| op.clock.now().since_start().as_secs())
    };
    assert!(seconds(&[&offline, &offline, LISTED], "0").0.is_ok());
    let error = seconds(&[&offline], "0").0.unwrap_err();
    assert_eq!(error.kind(), Kind::Gone);
    let accepted: Vec<&str> = std::iter::repeat_n(asks.as_str(), 400).chain([LISTED]).collect();
    assert_eq!(seconds(&accepted, "60s").0.unwrap(), 40);
    let error = seconds(&accepted, "30s").0.unwrap_err();
    assert_eq!(error.kind(), Kind::Unauthorized);
    assert!(error.remedy().unwrap().contains("auth-wait"), "{error:?}");
}

#[test]
fn what_the_server_does_not_hold_or_holds_twice_is_told() {
    let open = |list: &str| through(&[list], "PH-0421", &[], |_, _, _| ()).0.unwrap_err();
    assert!(open("PH-042 device usb:1-2 transport_id:7\n").is_absent());
    let twice = open("PH-0421 device usb:1-2 transport_id:7\nPH-0421 device usb:1-3 transport_id:8\n");
    assert_eq!(twice.kind(), Kind::Invalid);
    assert!(twice.remedy().unwrap().contains("server:usb:"));
    assert_eq!(open("PH-0421 no permissions (udev?); see [x] usb:1-2 transport_id:7\n").kind(), Kind::NotPermitted);
    assert_eq!(open("PH-0421 device\n").kind(), Kind::Unsupported);
}
