//! The host's side of a connection: the way in, then several streams at once. Bytes and `now` in; packets and events out.
//!
//! Ask [`Connection::next`] after every call that changes something, until it says [`Step::Wait`]: it hands out what is
//! to be sent before what came. Data counts as taken by us when its [`Event::Data`] was handed out, so whoever asks for
//! no more is sent no more than a window.
//!
//! With delayed acknowledgement (`docs/dev/delayed_ack.md`) a side sends while what it was allowed is positive, so a
//! window may be overdrawn by one packet. It is used whenever the unit announces it. Without it every packet waits for
//! the acknowledgement of the one before.

mod connect;
mod failure;
mod stream;
#[cfg(test)]
mod tests;

pub use connect::Policy;
pub use failure::Failure;
pub use stream::StreamId;

use std::collections::{BTreeMap, VecDeque};

use connect::Connect;
use stream::Stream;

use super::message::{AuthKind, Banner, Features, TOKEN_LEN, feature};
use super::wire::{Command, Deframer, Header, MAX_PAYLOAD, Packet, Version};
use crate::time::Moment;

/// Bytes that a unit may send on a stream before any of them is acknowledged, as AOSP has it (`INITIAL_DELAYED_ACK_BYTES`).
pub const WINDOW: u32 = 32 << 20;
/// Streams that are open at once at most.
pub const MAX_STREAMS: usize = 64;
/// Least payload that a unit must take: less would not hold the name of a service.
const LEAST_PAYLOAD: u32 = 256;

/// One packet to be sent. On USB its two parts are transfers of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// The header.
    pub header: [u8; Header::LEN],
    /// The payload, possibly empty.
    pub payload: Vec<u8>,
}

/// What the unit did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// It asks who we are: sign this token ([`Connection::sign`]) or show a key ([`Connection::offer`]).
    Token([u8; TOKEN_LEN]),
    /// It is there.
    Connected(Banner),
    /// The stream is open.
    Opened(StreamId),
    /// It does not have the service, or will not give it.
    Refused(StreamId),
    /// Data came on the stream.
    Data(StreamId, Vec<u8>),
    /// The stream takes more than it did.
    Writable(StreamId),
    /// It closed the stream. What came before was handed out before.
    Closed(StreamId),
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Send this packet.
    Send(Outgoing),
    /// This happened.
    Event(Event),
    /// Wait for bytes, but not beyond this moment; then ask again.
    WaitUntil(Moment),
    /// Wait for bytes.
    Wait,
    /// The connection is of no use any more. Said every time from now on.
    Failed(Failure),
}

/// The host's side of a connection.
#[derive(Debug)]
pub struct Connection {
    deframer: Deframer,
    connect: Option<Connect>,
    version: Version,
    /// What a unit may send on a stream before any of it is acknowledged.
    window: u32,
    /// Most bytes of a payload that the unit takes.
    payload: u32,
    features: Features,
    streams: BTreeMap<u32, Stream>,
    /// Closed by us, and the unit has not said so yet: what it still sends for these is no fault. The value is whether it
    /// was told, which it cannot be before it named its own stream.
    leaving: BTreeMap<u32, bool>,
    last: u32,
    outgoing: VecDeque<Outgoing>,
    events: VecDeque<Event>,
    failed: Option<Failure>,
}

impl Connection {
    /// A connection that begins at `now`.
    #[must_use]
    pub fn new(now: Moment, policy: Policy) -> Self {
        let mut connection = Self {
            deframer: Deframer::hunting(),
            connect: Some(Connect::new(now, policy)),
            version: Version::CHECKSUM,
            window: policy.window.max(1),
            payload: LEAST_PAYLOAD,
            features: Features::default(),
            streams: BTreeMap::new(),
            leaving: BTreeMap::new(),
            last: 0,
            outgoing: VecDeque::new(),
            events: VecDeque::new(),
            failed: None,
        };
        connection.greet();
        connection
    }

    /// Bytes that came.
    pub fn on_bytes(&mut self, now: Moment, mut bytes: &[u8]) {
        while self.failed.is_none() {
            let done = match self.deframer.next(&mut bytes) {
                Ok(Some(packet)) => self.on_packet(now, packet),
                Ok(None) => return,
                Err(error) => Err(error.into()),
            };
            if let Err(failure) = done {
                self.fail(failure);
            }
        }
    }

    /// What to do at `now`.
    pub fn next(&mut self, now: Moment) -> Step {
        if let Some(packet) = self.outgoing.pop_front() {
            return Step::Send(packet);
        }
        if let Some(event) = self.events.pop_front() {
            if let Event::Data(id, data) = &event {
                self.taken(*id, data.len());
            }
            return Step::Event(event);
        }
        if let Some(failure) = &self.failed {
            return Step::Failed(failure.clone());
        }
        let Some(connect) = &mut self.connect else { return Step::Wait };
        match connect.at(now) {
            connect::At::Wait(until) => Step::WaitUntil(until),
            connect::At::Again => {
                self.greet();
                self.outgoing.pop_front().map_or(Step::Wait, Step::Send)
            }
            connect::At::Over(failure) => {
                self.fail(failure.clone());
                Step::Failed(failure)
            }
        }
    }

    /// Features that both sides have. Empty before [`Event::Connected`].
    #[must_use]
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// Most bytes of a payload that the unit takes.
    #[must_use]
    pub fn max_payload(&self) -> usize {
        self.payload as usize
    }

    /// Answers a token with its signature.
    pub fn sign(&mut self, signature: Vec<u8>) {
        self.send(AuthKind::Signature.code(), 0, Command::AUTH, signature);
    }

    /// Answers a token with a public key (without the NUL at its end), which a person has to accept on the unit. From
    /// here on [`Policy::person`] counts.
    pub fn offer(&mut self, now: Moment, key: &[u8]) {
        if let Some(connect) = &mut self.connect {
            connect.offered(now);
        }
        self.send(AuthKind::PublicKey.code(), 0, Command::AUTH, [key, b"\0"].concat());
    }

    /// Opens a stream to `service`.
    ///
    /// # Errors
    /// [`Failure::NotConnected`], [`Failure::TooManyStreams`], [`Failure::ServiceTooLong`]; the connection stays as it
    /// is.
    pub fn open(&mut self, service: &[u8]) -> Result<StreamId, Failure> {
        if self.connect.is_some() || self.failed.is_some() {
            return Err(Failure::NotConnected);
        }
        if self.streams.len() >= MAX_STREAMS {
            return Err(Failure::TooManyStreams);
        }
        if service.len() >= self.max_payload() {
            return Err(Failure::ServiceTooLong { len: service.len(), most: self.max_payload() - 1 });
        }
        let id = self.last.checked_add(1).ok_or(Failure::TooManyStreams)?;
        self.last = id;
        let windowed = self.features.has(feature::DELAYED_ACK);
        let window = if windowed { self.window } else { 0 };
        self.streams.insert(id, Stream::opening(window));
        self.send(id, window, Command::OPEN, [service, b"\0"].concat());
        Ok(StreamId(id))
    }

    /// Bytes that may be written on the stream now: one packet at most.
    #[must_use]
    pub fn room(&self, stream: StreamId) -> usize {
        self.streams.get(&stream.0).map_or(0, |stream| if stream.may_send() { self.max_payload() } else { 0 })
    }

    /// Writes a packet on the stream.
    ///
    /// # Errors
    /// [`Failure::NoRoom`] when it is more than [`Connection::room`] allows, [`Failure::StreamIsClosed`]; the connection
    /// stays as it is.
    pub fn write(&mut self, stream: StreamId, data: Vec<u8>) -> Result<(), Failure> {
        let room = self.room(stream);
        let open = self.streams.get_mut(&stream.0).ok_or(Failure::StreamIsClosed)?;
        if data.len() > room {
            return Err(Failure::NoRoom { len: data.len(), room });
        }
        if data.is_empty() {
            return Ok(());
        }
        let remote = open.sent(data.len());
        self.send(stream.0, remote, Command::WRTE, data);
        Ok(())
    }

    /// Closes the stream: what comes on it from now on is dropped.
    pub fn close(&mut self, stream: StreamId) {
        let Some(open) = self.streams.remove(&stream.0) else { return };
        self.events.retain(|event| !matches!(event, Event::Data(id, _) | Event::Writable(id) if *id == stream));
        self.leaving.insert(stream.0, open.remote.is_some());
        // Some daemons never confirm.
        if self.leaving.len() > MAX_STREAMS {
            self.leaving.pop_first();
        }
        if let Some(remote) = open.remote {
            self.send(stream.0, remote, Command::CLSE, Vec::new());
        }
    }

    fn greet(&mut self) {
        let banner = Banner::host().to_bytes();
        self.send(Version::NO_CHECKSUM.0, MAX_PAYLOAD, Command::CNXN, banner);
    }

    fn send(&mut self, arg0: u32, arg1: u32, command: Command, payload: Vec<u8>) {
        let packet = Packet { command, arg0, arg1, payload };
        let header = packet.header(self.version).to_bytes();
        self.outgoing.push_back(Outgoing { header, payload: packet.payload });
    }

    fn fail(&mut self, failure: Failure) {
        self.outgoing.clear();
        self.failed = Some(failure);
    }

    /// Data was handed out: the unit may send as much again.
    fn taken(&mut self, stream: StreamId, len: usize) {
        let Some(open) = self.streams.get_mut(&stream.0) else { return };
        if let Some((remote, acknowledged)) = open.taken(len) {
            let payload = acknowledged.map(|bytes| bytes.to_le_bytes().to_vec()).unwrap_or_default();
            self.send(stream.0, remote, Command::OKAY, payload);
        }
    }

    fn on_packet(&mut self, now: Moment, packet: Packet) -> Result<(), Failure> {
        if self.connect.is_some() {
            return self.on_the_way_in(now, &packet);
        }
        match packet.command {
            Command::OKAY => self.on_okay(&packet),
            Command::WRTE => self.on_write(packet),
            Command::CLSE => self.on_close(&packet),
            // A unit that asks for a stream to us (reverse forwarding) is told that there is none.
            Command::OPEN if packet.arg0 != 0 => {
                self.send(0, packet.arg0, Command::CLSE, Vec::new());
                Ok(())
            }
            Command::CNXN | Command::AUTH | Command::STLS => Err(Failure::BeganAnew),
            other => Err(Failure::Unexpected(other)),
        }
    }

    fn on_the_way_in(&mut self, now: Moment, packet: &Packet) -> Result<(), Failure> {
        let Some(connect) = &mut self.connect else { return Ok(()) };
        match packet.command {
            Command::CNXN => {
                if packet.arg1 < LEAST_PAYLOAD {
                    return Err(Failure::SmallPayload(packet.arg1));
                }
                self.version = Version(packet.arg0.min(Version::NO_CHECKSUM.0));
                self.payload = packet.arg1.min(MAX_PAYLOAD);
                self.deframer.agree(MAX_PAYLOAD, self.version);
                let banner = Banner::parse(&packet.payload);
                self.features = Banner::host().features.shared(&banner.features);
                self.connect = None;
                self.events.push_back(Event::Connected(banner));
            }
            Command::AUTH => match AuthKind::from_code(packet.arg0) {
                AuthKind::Token => {
                    let token = packet.payload.as_slice().try_into();
                    let token = token.map_err(|_| Failure::Token(packet.payload.len()))?;
                    connect.asked(now)?;
                    // A unit that was greeted twice asks twice: the last token is the one that counts.
                    self.events.retain(|event| !matches!(event, Event::Token(_)));
                    self.events.push_back(Event::Token(token));
                }
                other => return Err(Failure::AuthKind(other)),
            },
            Command::STLS => return Err(Failure::Tls),
            // Left over from whoever was here before us.
            _ => {}
        }
        Ok(())
    }

    /// The stream of ours that a packet is for; `None` when it is one that may still be spoken of.
    fn ours(&mut self, packet: &Packet) -> Result<Option<&mut Stream>, Failure> {
        let id = packet.arg1;
        if self.leaving.contains_key(&id) {
            return Ok(None);
        }
        match self.streams.get_mut(&id) {
            Some(stream) => Ok(Some(stream)),
            None if id != 0 && id <= self.last => Err(Failure::StreamWasClosed(packet.command)),
            None => Err(Failure::UnknownStream { command: packet.command, id }),
        }
    }

    fn on_okay(&mut self, packet: &Packet) -> Result<(), Failure> {
        let (id, remote) = (packet.arg1, packet.arg0);
        let Some(stream) = self.ours(packet)? else {
            self.opened_too_late(id, remote);
            return Ok(());
        };
        let acknowledged = match packet.payload.as_slice() {
            [] => None,
            &[a, b, c, d] => Some(u32::from_le_bytes([a, b, c, d])),
            other => return Err(Failure::Acknowledgement(other.len())),
        };
        let was_open = stream.remote.is_some();
        let could = stream.may_send();
        stream.okay(remote, acknowledged)?;
        let can = stream.may_send();
        if !was_open {
            self.events.push_back(Event::Opened(StreamId(id)));
        } else if can && !could {
            self.events.push_back(Event::Writable(StreamId(id)));
        }
        Ok(())
    }

    /// A stream that was closed before it was open: only now is it known how the unit calls it.
    fn opened_too_late(&mut self, id: u32, remote: u32) {
        if let Some(told @ false) = self.leaving.get_mut(&id) {
            *told = true;
            self.send(id, remote, Command::CLSE, Vec::new());
        }
    }

    fn on_write(&mut self, mut packet: Packet) -> Result<(), Failure> {
        let id = StreamId(packet.arg1);
        let Some(stream) = self.ours(&packet)? else { return Ok(()) };
        stream.received(packet.arg0, packet.payload.len())?;
        if !packet.payload.is_empty() {
            self.events.push_back(Event::Data(id, std::mem::take(&mut packet.payload)));
        }
        Ok(())
    }

    fn on_close(&mut self, packet: &Packet) -> Result<(), Failure> {
        let id = packet.arg1;
        // A daemon says so up to three times.
        let Some(stream) = self.streams.get(&id) else {
            self.leaving.remove(&id);
            let known = id != 0 && id <= self.last;
            return if known { Ok(()) } else { Err(Failure::UnknownStream { command: Command::CLSE, id }) };
        };
        let Some(remote) = stream.remote else {
            self.streams.remove(&id);
            self.events.push_back(Event::Refused(StreamId(id)));
            return Ok(());
        };
        // Daemons before 2013 named no stream of their own.
        if packet.arg0 != 0 && packet.arg0 != remote {
            return Err(Failure::OtherStream);
        }
        self.streams.remove(&id);
        self.send(id, remote, Command::CLSE, Vec::new());
        self.events.push_back(Event::Closed(StreamId(id)));
        Ok(())
    }
}
