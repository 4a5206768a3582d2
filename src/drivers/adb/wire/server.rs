//! Streams through an adb server: a connection to it for each.
//!
//! The unit is held by the server's number of its connection: one that left and came back is another until it was known
//! again. The server has the key that the unit knows, and shows its own to units that do not.

use std::collections::BTreeMap;
use std::time::Duration;

use protocols::adb::message::{Banner, Features, feature};
use protocols::adb::server::{self, Answer, Answers, Listed, Request, State, Transport};
use protocols::adb::session::StreamId;

use super::super::options::AdbOptions;
use super::{
    Carrier, LOOK_UP, OPEN_WITHIN, READ_AT_ONCE, Received, SEND_WITHIN, no_answer, no_service, takes_nothing, within,
};
use crate::device::{Op, UnitText};
use crate::error::{Error, Kind, Result};
use crate::link::{Behind, Link};

/// How long a server may take over a unit that it has just met.
const CONNECTS_WITHIN: Duration = Duration::from_secs(3);
/// Bytes that are written at once: the server cuts them into packets.
const WRITE_AT_ONCE: usize = 256 << 10;

/// A unit that a server holds.
pub(super) struct Server {
    behind: Behind,
    unit: Transport,
    /// The serial number in its USB descriptor.
    shown: Option<String>,
    banner: Banner,
    features: Features,
    streams: BTreeMap<StreamId, Stream>,
    last: u32,
    buf: Vec<u8>,
}

struct Stream {
    link: Link,
    /// What came behind the answer that opened it.
    early: Vec<u8>,
    closed: bool,
}

impl Server {
    /// Finds the unit among those that the server knows, and waits for one that it is about to meet.
    pub(super) fn open(behind: Behind, options: &AdbOptions, op: &mut Op<'_>) -> Result<Server> {
        let since = op.clock.now();
        let listed = loop {
            let listed = find(&behind, op)?;
            let patience = match listed.state {
                State::Online(_) => break listed,
                State::Unauthorized => options.auth_wait,
                State::Connecting => options.auth_wait.max(CONNECTS_WITHIN),
                _ => CONNECTS_WITHIN,
            };
            if op.clock.now().saturating_since(since) >= patience {
                return Err(unusable(&listed));
            }
            op.check()?;
            op.clock.sleep(LOOK_UP);
        };
        let Some(unit) = listed.transport else {
            return Err(Error::new(Kind::Unsupported, "the adb server is too old: it does not number its connections")
                .next("end it (`adb kill-server`), or start one of Android's platform tools of 2018 or later"));
        };
        let State::Online(system) = listed.state else { return Err(unusable(&listed)) };
        let features = match ask(&behind, Request::Features(unit), op)? {
            Answer::Text(text) => server::features(&text),
            other => return Err(gone(&other)),
        };
        // The window is between the server and the unit.
        let ours = Banner::host().features.shared(&features);
        let ours = ours.names().filter(|name| *name != feature::DELAYED_ACK).collect();
        Ok(Server {
            behind,
            unit,
            shown: listed.port.and(Some(listed.serial)),
            banner: Banner { system, properties: BTreeMap::new(), features },
            features: ours,
            streams: BTreeMap::new(),
            last: 0,
            buf: vec![0; READ_AT_ONCE],
        })
    }

    /// The serial number in the unit's USB descriptor.
    pub(super) fn shown(&self) -> Option<&str> {
        self.shown.as_deref()
    }

    fn stream(&mut self, stream: StreamId) -> Option<&mut Stream> {
        self.streams.get_mut(&stream).filter(|stream| !stream.closed)
    }
}

impl Carrier for Server {
    fn banner(&self) -> &Banner {
        &self.banner
    }

    fn features(&self) -> &Features {
        &self.features
    }

    fn max_payload(&self) -> usize {
        WRITE_AT_ONCE
    }

    fn open(&mut self, service: &[u8], op: &mut Op<'_>) -> Result<StreamId> {
        let mut link = self.behind.dial()?;
        let mut early = Vec::new();
        match converse(&mut link, Request::Transport(self.unit), &mut early, op)? {
            Answer::Okay => {}
            other => return Err(gone(&other)),
        }
        match converse(&mut link, Request::Service(service), &mut early, op)? {
            Answer::Okay => {}
            _ => return Err(self.left(op).unwrap_or_else(|| no_service(service))),
        }
        self.last = self.last.wrapping_add(1);
        let stream = StreamId::of(self.last);
        self.streams.insert(stream, Stream { link, early, closed: false });
        Ok(stream)
    }

    fn close(&mut self, stream: StreamId, _: &mut Op<'_>) {
        self.streams.remove(&stream);
    }

    fn room(&mut self, stream: StreamId, op: &mut Op<'_>) -> Result<usize> {
        hear(op)?;
        Ok(self.stream(stream).map_or(0, |_| WRITE_AT_ONCE))
    }

    fn send(&mut self, stream: StreamId, data: Vec<u8>, op: &mut Op<'_>) -> Result<()> {
        let within = within(SEND_WITHIN, op);
        let Some(stream) = self.stream(stream) else { return Ok(()) };
        match stream.link.sender.send(&data, within) {
            Ok(()) => Ok(()),
            // What the unit said before it closed the stream may still be there to be read.
            Err(error) if error.kind() == Kind::Gone => {
                stream.closed = true;
                Ok(())
            }
            Err(error) if error.kind() == Kind::TimedOut => Err(takes_nothing().because(error)),
            Err(error) => Err(error),
        }
    }

    fn receive(&mut self, stream: StreamId, wait: Duration, op: &mut Op<'_>) -> Result<Received> {
        let until = op.clock.now() + wait;
        let Some(stream) = self.streams.get_mut(&stream) else { return Ok(Received::Closed) };
        if !stream.early.is_empty() {
            return Ok(Received::Data(std::mem::take(&mut stream.early)));
        }
        loop {
            hear(op)?;
            let left = until.saturating_since(op.clock.now());
            match stream.link.receiver.receive(&mut self.buf, within(left.min(LOOK_UP), op)) {
                Ok(0) if left.is_zero() => return Ok(Received::Nothing),
                Ok(0) => {}
                Ok(count) => return Ok(Received::Data(self.buf.get(..count).unwrap_or_default().to_vec())),
                Err(error) if error.kind() == Kind::Gone => {
                    stream.closed = true;
                    return Ok(Received::Closed);
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn left(&mut self, op: &mut Op<'_>) -> Option<Error> {
        match ask(&self.behind, Request::State(self.unit), op) {
            Ok(Answer::Text(state)) => match State::parse(&String::from_utf8_lossy(&state)) {
                State::Online(_) => None,
                _ => Some(gone(&Answer::Text(state))),
            },
            Ok(other) => Some(gone(&other)),
            Err(error) => Some(error),
        }
    }
}

/// The one unit that is called so.
fn find(behind: &Behind, op: &mut Op<'_>) -> Result<Listed> {
    let name = UnitText::new(&behind.unit);
    let list = match ask(behind, Request::Units, op)? {
        Answer::Text(list) => server::units(&list),
        _ => return Err(Error::new(Kind::Garbled, "the adb server does not list its units")),
    };
    let mut called = list.into_iter().filter(|listed| listed.is_called(&behind.unit));
    match (called.next(), called.next()) {
        (Some(listed), None) => Ok(listed),
        (None, _) => Err(Error::absent(format!("the adb server holds no unit called {name}"))
            .next("`adb devices -l` lists what it holds: by serial number or, as in `server:usb:1-2`, by port")),
        (Some(_), Some(_)) => {
            Err(Error::new(Kind::Invalid, format!("the adb server holds several units called {name}"))
                .next("name the one that is meant by its port, as in `server:usb:1-2`; `adb devices -l` lists them"))
        }
    }
}

fn unusable(listed: &Listed) -> Error {
    let (kind, how, next) = match &listed.state {
        State::Unauthorized | State::Connecting => (
            Kind::Unauthorized,
            "does not know the adb server's key".to_owned(),
            "unlock the unit and accept the key there (`,auth-wait=120s` waits longer), then run the same again",
        ),
        State::NoPermissions => (
            Kind::NotPermitted,
            "may not be opened by the adb server".to_owned(),
            "end the server (`adb kill-server`) and use the unit itself: `hardwire udev install` gives access to it",
        ),
        State::Offline | State::Online(_) => {
            (Kind::Gone, "does not answer the adb server".to_owned(), "unplug the unit and plug it in again")
        }
        State::Other(state) => (
            Kind::Unsupported,
            format!("is in a state that is not known: {}", UnitText::new(state)),
            "unplug the unit and plug it in again",
        ),
    };
    Error::new(kind, format!("the unit {} {how}", UnitText::new(&listed.serial))).next(next)
}

fn gone(answer: &Answer) -> Error {
    let said = match answer {
        Answer::Failed(said) | Answer::Text(said) => String::from_utf8_lossy(said),
        Answer::Okay => "OKAY".into(),
    };
    Error::new(Kind::Gone, format!("the unit left the adb server: {}", UnitText::new(said.trim())))
        .next("see that the cable is in and that `adb devices` lists the unit, then run the same again")
}

/// Asks in a connection of its own.
fn ask(behind: &Behind, request: Request<'_>, op: &mut Op<'_>) -> Result<Answer> {
    converse(&mut behind.dial()?, request, &mut Vec::new(), op)
}

/// Sends a request and waits for its answer; what came behind it is left in `early`.
fn converse(link: &mut Link, request: Request<'_>, early: &mut Vec<u8>, op: &mut Op<'_>) -> Result<Answer> {
    let bytes = request.to_bytes().map_err(|error| {
        Error::new(Kind::Invalid, "the command is too long for the adb server")
            .because(error)
            .next("shorten the command")
    })?;
    link.sender.send(&bytes, within(SEND_WITHIN, op))?;
    let until = op.clock.now() + OPEN_WITHIN;
    let (mut answers, mut came) = (Answers::default(), std::mem::take(early));
    let mut buf = [0; 4096];
    loop {
        let mut rest = came.as_slice();
        let answer = answers.next(request.follows(), &mut rest).map_err(|error| {
            Error::new(Kind::Garbled, format!("what answers at {} is no adb server", link.address)).because(error)
        })?;
        if let Some(answer) = answer {
            *early = rest.to_vec();
            return Ok(answer);
        }
        hear(op)?;
        if op.clock.now() >= until {
            return Err(no_answer());
        }
        let count = link.receiver.receive(&mut buf, within(LOOK_UP, op))?;
        came = buf.get(..count).unwrap_or_default().to_vec();
    }
}

/// A stop that was asked for twice is heard, and that the time given is over.
fn hear(op: &Op<'_>) -> Result<()> {
    if op.cancel.is_urgent() || op.deadline.is_some_and(|deadline| op.clock.now() >= deadline) {
        op.check()?;
    }
    Ok(())
}
