//! The unit's side of a connection: packets in, packets out, and the streams between.

use super::android::System;
use super::auth::Keys;
use super::fault::Fault;
use super::options::{Age, Authorisation, Options, Prompt, Runs};
use super::service::{self, Output, Service};
use crate::usb::Stop;
use protocols::adb::message::{AuthKind, Banner, Features, SystemKind, TOKEN_LEN, feature};
use protocols::adb::wire::{Command, Deframer, MAX_PAYLOAD, MAX_PAYLOAD_V1, Packet, Version};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, VecDeque};

/// What the unit offers of a stream before anything was acknowledged (AOSP: `INITIAL_DELAYED_ACK_BYTES`).
const WINDOW: u32 = 32 << 20;
/// Most streams at once.
const MOST_STREAMS: usize = 256;

/// What may be sent on a stream.
enum Credit {
    /// The last packet was acknowledged, or was not.
    Packet(bool),
    /// So many bytes, once bytes are what is acknowledged.
    Bytes(i64),
}

struct Stream {
    remote: u32,
    service: Box<dyn Service>,
    credit: Credit,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    /// Nothing was said yet.
    Silent,
    /// A token was sent, to be signed.
    Asked([u8; TOKEN_LEN]),
    Online,
}

/// One host that speaks to the unit.
pub struct Connection {
    deframer: Deframer,
    state: State,
    version: Version,
    most: u32,
    features: Features,
    streams: BTreeMap<u32, Stream>,
    last_stream: u32,
    last_token: u64,
    out: VecDeque<Packet>,
    /// Streams that ended, for a unit that goes on about them.
    closed: Vec<(u32, u32)>,
    hangs: bool,
    garbage: bool,
}

impl Default for Connection {
    fn default() -> Self {
        Self {
            deframer: Deframer::hunting(),
            state: State::Silent,
            version: Version::CHECKSUM,
            most: MAX_PAYLOAD_V1,
            features: Features::default(),
            streams: BTreeMap::new(),
            last_stream: 0,
            last_token: 0,
            out: VecDeque::new(),
            closed: Vec::new(),
            hangs: false,
            garbage: false,
        }
    }
}

/// Why a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The host sent what is no packet.
    Garbled,
}

impl Connection {
    /// Bytes of the host, in whatever pieces.
    ///
    /// # Errors
    /// [`Stop`] when the unit goes.
    pub fn on_bytes(&mut self, system: &mut System, mut bytes: &[u8]) -> Result<Result<(), Ended>, Stop> {
        loop {
            match self.deframer.next(&mut bytes) {
                Ok(Some(packet)) => self.on_packet(system, &packet)?,
                Ok(None) => return Ok(Ok(())),
                Err(error) => {
                    tracing::debug!("the host sent no packet: {error}");
                    return Ok(Err(Ended::Garbled));
                }
            }
        }
    }

    /// The version in which packets are written.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    fn on_packet(&mut self, system: &mut System, packet: &Packet) -> Result<(), Stop> {
        system.packets += 1;
        let count = system.packets;
        if system.options.has(Fault::UnplugPacket(count)) {
            return Err(Stop::Unplugged);
        }
        self.hangs |= system.options.has(Fault::Hang(count));
        self.garbage |= system.options.has(Fault::Garbage(count));
        if self.hangs {
            return Ok(());
        }
        self.carry_out(system, packet)?;
        if system.options.has(Fault::UnplugAnswer(count)) { Err(Stop::Unplugged) } else { Ok(()) }
    }

    fn carry_out(&mut self, system: &mut System, packet: &Packet) -> Result<(), Stop> {
        match packet.command {
            Command::CNXN => self.connect(system, packet),
            Command::AUTH => self.authorise(system, packet),
            _ if self.state != State::Online => {}
            Command::OPEN => return self.open(system, packet),
            Command::OKAY => self.acknowledged(packet),
            Command::CLSE if self.streams.remove(&packet.arg1).is_some() => {
                self.closed.push((packet.arg1, packet.arg0));
                self.send(Command::CLSE, packet.arg1, packet.arg0, []);
            }
            Command::WRTE => return self.written(system, packet),
            _ => {}
        }
        Ok(())
    }

    fn send(&mut self, command: Command, arg0: u32, arg1: u32, payload: impl Into<Vec<u8>>) {
        self.out.push_back(Packet::new(command, arg0, arg1, payload));
    }

    /// A connection begins anew, whatever was before.
    fn connect(&mut self, system: &System, packet: &Packet) {
        let options = &system.options;
        let last_token = self.last_token;
        *self = Self { last_token, garbage: self.garbage, ..Self::default() };
        let (version, most, features) = offered(options);
        self.version = version.min(Version(packet.arg0));
        self.most = most.min(packet.arg1).max(MAX_PAYLOAD_V1);
        self.deframer.agree(most, self.version);
        self.features = features.shared(&Banner::parse(&packet.payload).features);
        match options.authorisation {
            Authorisation::None => self.online(options),
            Authorisation::Keys(_) => self.ask(options),
        }
    }

    fn ask(&mut self, options: &Options) {
        self.last_token += 1;
        let seed = Sha256::digest(format!("{} {}", options.serial, self.last_token));
        let mut token = [0; TOKEN_LEN];
        token.copy_from_slice(&seed[..TOKEN_LEN]);
        self.state = State::Asked(token);
        self.send(Command::AUTH, AuthKind::Token.code(), 0, token);
    }

    fn authorise(&mut self, system: &System, packet: &Packet) {
        let options = &system.options;
        let (State::Asked(token), Authorisation::Keys(prompt)) = (&self.state, options.authorisation) else { return };
        let keys = Keys::of(&options.state);
        match AuthKind::from_code(packet.arg0) {
            AuthKind::Signature if keys.believe(token, &packet.payload) => self.online(options),
            AuthKind::Signature => self.ask(options),
            AuthKind::PublicKey if prompt == Prompt::Accept && keys.install(&packet.payload).is_ok() => {
                self.online(options);
            }
            _ => {}
        }
    }

    fn online(&mut self, options: &Options) {
        self.state = State::Online;
        let (version, most, features) = offered(options);
        let most = if options.has(Fault::HugePayload) { u32::MAX } else { most };
        let banner = banner(options, features);
        self.send(Command::CNXN, version.0, most, banner.to_bytes());
    }

    fn delayed(&self) -> bool {
        self.features.has(feature::DELAYED_ACK)
    }

    fn open(&mut self, system: &mut System, packet: &Packet) -> Result<(), Stop> {
        let remote = packet.arg0;
        let name = packet.payload.strip_suffix(b"\0").unwrap_or(&packet.payload);
        let full = self.streams.len() >= MOST_STREAMS;
        let service = if full { None } else { service::open(system, name, &self.features)? };
        let Some(service) = service else {
            self.send(Command::CLSE, 0, remote, []);
            return Ok(());
        };
        self.last_stream += 1;
        let credit = if self.delayed() { Credit::Bytes(i64::from(packet.arg1)) } else { Credit::Packet(true) };
        self.streams.insert(self.last_stream, Stream { remote, service, credit });
        let window = if self.delayed() { WINDOW.to_le_bytes().to_vec() } else { Vec::new() };
        self.send(Command::OKAY, self.last_stream, remote, window);
        Ok(())
    }

    fn acknowledged(&mut self, packet: &Packet) {
        let Some(stream) = self.streams.get_mut(&packet.arg1).filter(|stream| stream.remote == packet.arg0) else {
            return;
        };
        match &mut stream.credit {
            Credit::Packet(may) => *may = true,
            Credit::Bytes(left) => {
                if let Some(count) = packet.payload.first_chunk::<4>() {
                    *left = left.saturating_add(i64::from(u32::from_le_bytes(*count)));
                }
            }
        }
    }

    fn written(&mut self, system: &mut System, packet: &Packet) -> Result<(), Stop> {
        let local = packet.arg1;
        let Some(stream) = self.streams.get_mut(&local).filter(|stream| stream.remote == packet.arg0) else {
            if system.options.has(Fault::OkayClosed) {
                self.send(Command::OKAY, local, packet.arg0, []);
            } else {
                self.send(Command::CLSE, 0, packet.arg0, []);
            }
            return Ok(());
        };
        stream.service.input(system, &packet.payload)?;
        let taken = packet.payload.len() as u32;
        let taken = if self.delayed() { taken.to_le_bytes().to_vec() } else { Vec::new() };
        self.send(Command::OKAY, local, packet.arg0, taken);
        if system.options.has(Fault::OkayClosed)
            && let Some((local, remote)) = self.closed.last().copied()
        {
            self.send(Command::OKAY, local, remote, []);
        }
        Ok(())
    }

    /// The next packet for the host. What streams have to say is made only now, so that a large file is never all in
    /// memory.
    ///
    /// # Errors
    /// [`Stop`] when the unit goes.
    pub fn next(&mut self, system: &mut System) -> Result<Option<Packet>, Stop> {
        if self.out.is_empty() && !self.hangs {
            self.speak(system)?;
        }
        Ok(self.out.pop_front())
    }

    /// Whether the next packet begins with bytes that are none. Asked once.
    pub(super) fn take_garbage(&mut self) -> bool {
        std::mem::take(&mut self.garbage)
    }

    fn speak(&mut self, system: &mut System) -> Result<(), Stop> {
        let ignores = system.options.has(Fault::IgnoreWindow);
        let locals: Vec<u32> = self.streams.keys().copied().collect();
        for local in locals {
            let Some(stream) = self.streams.get_mut(&local) else { continue };
            let room = match stream.credit {
                _ if ignores => self.most as usize,
                Credit::Packet(true) => self.most as usize,
                // The last packet may be more than what is left, as AOSP's daemon has it.
                Credit::Bytes(left) if left > 0 => self.most as usize,
                _ => continue,
            };
            let remote = stream.remote;
            match stream.service.output(system, room)? {
                Output::Nothing => {}
                Output::Bytes(bytes) => {
                    match &mut stream.credit {
                        Credit::Packet(may) => *may = false,
                        Credit::Bytes(left) => *left -= bytes.len() as i64,
                    }
                    self.send(Command::WRTE, local, remote, bytes);
                }
                Output::End => {
                    self.streams.remove(&local);
                    self.closed.push((local, remote));
                    self.send(Command::CLSE, local, remote, []);
                }
            }
        }
        Ok(())
    }
}

/// What the unit says that it can do.
fn offered(options: &Options) -> (Version, u32, Features) {
    if options.age == Age::Old {
        return (Version::CHECKSUM, MAX_PAYLOAD_V1, Features::default());
    }
    let mut names = vec![
        feature::SHELL_V2,
        feature::STAT_V2,
        feature::LS_V2,
        feature::FIXED_PUSH_MKDIR,
        feature::FIXED_PUSH_SYMLINK_TIMESTAMP,
        feature::SENDRECV_V2,
        feature::SENDRECV_V2_BROTLI,
        feature::SENDRECV_V2_LZ4,
        feature::SENDRECV_V2_ZSTD,
        feature::SENDRECV_V2_DRY_RUN_SEND,
        feature::DELAYED_ACK,
    ];
    if options.runs == Runs::Android {
        names.extend([feature::CMD, feature::ABB_EXEC, feature::REMOUNT_SHELL]);
    }
    (Version::NO_CHECKSUM, MAX_PAYLOAD, Features::of(&names))
}

fn banner(options: &Options, features: Features) -> Banner {
    let system = match options.runs {
        Runs::Android => SystemKind::Device,
        Runs::Recovery => SystemKind::Recovery,
        Runs::Sideload => SystemKind::Sideload,
    };
    let properties =
        [("name", &options.product), ("model", &options.model), ("device", &options.product)].map(|(name, value)| {
            // The banner's own separators, as the daemon replaces them.
            let value = value.replace([';', '=', ':'], "_");
            (format!("ro.product.{name}"), value)
        });
    Banner { system, properties: properties.into(), features }
}
