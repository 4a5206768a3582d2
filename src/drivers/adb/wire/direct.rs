//! Streams in one connection: packets over a link to the unit itself.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use protocols::adb::message::{Banner, Features};
use protocols::adb::session::{Connection, Event, Failure, Policy, Step, StreamId, WINDOW};
use protocols::usb::Interface;
use tracing::{debug, trace};

use super::super::auth::Asked;
use super::super::failure::failed;
use super::super::options::AdbOptions;
use super::{
    Carrier, LOOK_UP, OPEN_WITHIN, READ_AT_ONCE, Received, SEND_WITHIN, no_answer, no_service, takes_nothing, within,
};
use crate::device::Op;
use crate::drivers::Keys;
use crate::error::{Error, Kind, Result};
use crate::link::usb::{self, Ending, Pipes};
use crate::link::{Address, Link};

/// Packets up to this size are joined with their header where the link knows no transfers.
const JOINED: usize = 16 << 10;

/// The window of a unit on USB, where an answer is there at once. A daemon makes a packet of every few bytes that a service
/// of it writes, as long as it may send: let it wait for its turn, and the answers to two thousand questions come in a few.
const NEAR: u32 = 1;

/// Whether header and payload are sent as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Parts {
    /// Each is a transfer of its own, as USB wants it.
    Apart,
    /// The link knows no transfers.
    Joined,
}

/// A connection to a unit.
pub(super) struct Direct {
    link: Link,
    parts: Parts,
    connection: Connection,
    banner: Banner,
    streams: BTreeMap<StreamId, Inbox>,
    buf: Vec<u8>,
    began_anew: bool,
}

#[derive(Debug, Default)]
struct Inbox {
    data: VecDeque<Vec<u8>>,
    state: State,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Opening,
    Open,
    Refused,
    Closed,
}

impl Carrier for Direct {
    fn banner(&self) -> &Banner {
        &self.banner
    }

    fn features(&self) -> &Features {
        self.connection.features()
    }

    fn max_payload(&self) -> usize {
        self.connection.max_payload()
    }

    fn open(&mut self, service: &[u8], op: &mut Op<'_>) -> Result<StreamId> {
        op.check()?;
        let stream = self.connection.open(service).map_err(|failure| failed(failure, &self.link.address))?;
        self.streams.insert(stream, Inbox::default());
        let until = op.clock.now() + OPEN_WITHIN;
        loop {
            self.work(op)?;
            match self.streams.get(&stream).map(|inbox| &inbox.state) {
                Some(State::Opening) => {}
                Some(State::Open | State::Closed) => return Ok(stream),
                Some(State::Refused) | None => {
                    self.streams.remove(&stream);
                    return Err(no_service(service));
                }
            }
            if op.clock.now() >= until {
                self.close(stream, op);
                return Err(no_answer());
            }
            self.wait(LOOK_UP, op)?;
        }
    }

    fn close(&mut self, stream: StreamId, op: &mut Op<'_>) {
        self.streams.remove(&stream);
        self.connection.close(stream);
        // That the link is gone shows at whatever is done next.
        self.work(op).ok();
    }

    fn room(&mut self, stream: StreamId, op: &mut Op<'_>) -> Result<usize> {
        let until = op.clock.now() + SEND_WITHIN;
        loop {
            self.work(op)?;
            let room = self.connection.room(stream);
            if room > 0 || self.is_closed(stream) {
                return Ok(room);
            }
            if op.clock.now() >= until {
                return Err(takes_nothing());
            }
            self.wait(LOOK_UP, op)?;
        }
    }

    fn send(&mut self, stream: StreamId, data: Vec<u8>, op: &mut Op<'_>) -> Result<()> {
        self.connection.write(stream, data).map_err(|failure| failed(failure, &self.link.address))?;
        self.work(op)
    }

    fn receive(&mut self, stream: StreamId, within: Duration, op: &mut Op<'_>) -> Result<Received> {
        let until = op.clock.now() + within;
        if within.is_zero() {
            self.wait(within, op)?;
        }
        loop {
            self.work(op)?;
            let Some(inbox) = self.streams.get_mut(&stream) else { return Ok(Received::Closed) };
            if let Some(data) = inbox.data.pop_front() {
                return Ok(Received::Data(data));
            }
            if inbox.state == State::Closed {
                return Ok(Received::Closed);
            }
            let left = until.saturating_since(op.clock.now());
            if left.is_zero() {
                return Ok(Received::Nothing);
            }
            self.wait(left.min(LOOK_UP), op)?;
        }
    }

    fn has_begun_anew(&self) -> bool {
        self.began_anew
    }

    fn greet_again(&mut self, keys: &dyn Keys, options: &AdbOptions, op: &mut Op<'_>) -> Result<()> {
        debug!("greeting once more");
        self.connection = greeting(self.parts, options, op);
        self.streams.clear();
        self.began_anew = false;
        self.meet(keys, options, op)
    }
}

impl Direct {
    /// To a unit at the other end of a stream of bytes.
    pub(super) fn over_stream(link: Link, keys: &dyn Keys, options: &AdbOptions, op: &mut Op<'_>) -> Result<Direct> {
        Direct::connect(link, Parts::Joined, keys, options, op)
    }

    /// To a unit on USB.
    pub(super) fn over_usb(
        device: Box<dyn usb::Device>,
        keys: &dyn Keys,
        options: &AdbOptions,
        op: &mut Op<'_>,
    ) -> Result<Direct> {
        let about = device.about();
        let address = about.address();
        let is_adb = |interface: &&Interface| {
            let class = interface.class;
            (class.class, class.subclass, class.protocol) == (0xff, 0x42, 0x01)
        };
        let interface = about.configuration.interfaces.iter().find(is_adb).ok_or_else(|| {
            Error::new(Kind::Unsupported, format!("the device on {address} shows no ADB interface"))
                .next("turn on USB debugging on the unit (Settings, Developer options)")
        })?;
        let pipes = Pipes::of(interface, Ending::ShortPacket)?;
        let serial = about.serial.clone();
        let link = device.stream(&pipes).map_err(|error| held(error, serial.as_deref()))?;
        Direct::connect(link, Parts::Apart, keys, options, op)
    }

    fn connect(link: Link, parts: Parts, keys: &dyn Keys, options: &AdbOptions, op: &mut Op<'_>) -> Result<Direct> {
        let mut wire = Direct {
            link,
            parts,
            connection: greeting(parts, options, op),
            banner: Banner::parse(&[]),
            streams: BTreeMap::new(),
            buf: vec![0; READ_AT_ONCE],
            began_anew: false,
        };
        wire.meet(keys, options, op)?;
        Ok(wire)
    }

    /// Goes through the greeting until the unit takes commands.
    fn meet(&mut self, keys: &dyn Keys, options: &AdbOptions, op: &mut Op<'_>) -> Result<()> {
        let mut asked = Asked::new(options.auth_wait);
        loop {
            let step = self.step(op).map_err(|error| asked.explain(error))?;
            match step {
                Some(Event::Connected(banner)) => {
                    debug!(features = %banner.features, "connected");
                    self.banner = banner;
                    return Ok(());
                }
                Some(Event::Token(token)) => asked.answer(&token, keys, &mut self.connection, op)?,
                Some(_) => {}
                None => {
                    // A person is waited for as long as told, and nobody waits for a run that was stopped.
                    if asked.is_offered() {
                        op.check()?;
                    }
                    self.wait(LOOK_UP, op).map_err(|error| asked.explain(error))?;
                }
            }
        }
    }

    fn is_closed(&self, stream: StreamId) -> bool {
        self.streams.get(&stream).is_none_or(|inbox| inbox.state == State::Closed)
    }

    /// Sends what is to be sent and hands out what came, until there is nothing to do but to wait.
    fn work(&mut self, op: &mut Op<'_>) -> Result<()> {
        while let Some(event) = self.step(op)? {
            let (stream, state) = match event {
                Event::Data(stream, data) => {
                    if let Some(inbox) = self.streams.get_mut(&stream) {
                        inbox.data.push_back(data);
                    }
                    continue;
                }
                Event::Opened(stream) => (stream, State::Open),
                Event::Refused(stream) => (stream, State::Refused),
                Event::Closed(stream) => (stream, State::Closed),
                Event::Writable(_) | Event::Connected(_) | Event::Token(_) => continue,
            };
            if let Some(inbox) = self.streams.get_mut(&stream) {
                inbox.state = state;
            }
        }
        Ok(())
    }

    /// The next event; `None` when bytes have to be waited for.
    fn step(&mut self, op: &mut Op<'_>) -> Result<Option<Event>> {
        loop {
            match self.connection.next(op.clock.now()) {
                Step::Send(packet) => {
                    trace!(bytes = packet.payload.len(), "packet");
                    let within = within(SEND_WITHIN, op);
                    let sender = &mut self.link.sender;
                    if self.parts == Parts::Joined && packet.payload.len() <= JOINED {
                        sender.send(&[packet.header.as_slice(), &packet.payload].concat(), within)?;
                    } else {
                        sender.send(&packet.header, within)?;
                        sender.send(&packet.payload, within)?;
                    }
                }
                Step::Event(event) => return Ok(Some(event)),
                Step::WaitUntil(_) | Step::Wait => return Ok(None),
                Step::Failed(failure) => {
                    self.began_anew = failure == Failure::BeganAnew;
                    return Err(failed(failure, &self.link.address));
                }
            }
        }
    }

    /// Takes in what comes. A stop that was asked for twice is heard, and that the time given is over.
    fn wait(&mut self, wait: Duration, op: &mut Op<'_>) -> Result<()> {
        let now = op.clock.now();
        if op.cancel.is_urgent() || op.deadline.is_some_and(|deadline| now >= deadline) {
            op.check()?;
        }
        let count = self.link.receiver.receive(&mut self.buf, within(wait, op))?;
        self.connection.on_bytes(op.clock.now(), self.buf.get(..count).unwrap_or_default());
        Ok(())
    }
}

fn greeting(parts: Parts, options: &AdbOptions, op: &Op<'_>) -> Connection {
    let window = match parts {
        Parts::Apart => NEAR,
        Parts::Joined => WINDOW,
    };
    let policy = Policy { person: options.auth_wait, window, ..Policy::default() };
    Connection::new(op.clock.now(), policy)
}

/// What holds the interface is an adb server more often than not.
fn held(error: Error, serial: Option<&str>) -> Error {
    if error.kind() != Kind::Busy {
        return error;
    }
    let through = Address::server(serial.unwrap_or("SERIAL"));
    Error::new(Kind::Busy, "another program holds the unit's ADB interface, an adb server perhaps").because(error).next(
        format!(
            "stop the server (`adb kill-server`; Android Studio starts one again), or go through it with `-d {through}`, \
             then run the same again"
        ),
    )
}
