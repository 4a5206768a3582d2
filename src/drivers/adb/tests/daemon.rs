//! A daemon in memory: it takes packets and answers by a script.

use std::collections::BTreeMap;

use protocols::adb::auth::PublicKey;
use protocols::adb::message::AuthKind;
use protocols::adb::message::shell::{self, Kind as Part};
use protocols::adb::message::sync::{Request, RequestPart, Requests};
use protocols::adb::wire::{Command, Deframer, Header, MAX_PAYLOAD, Packet, Version};
use protocols::time::Moment;

use crate::error::Result;
use crate::link::memory::Peer;

/// What a service answers before it closes its stream.
pub(super) struct Reply(pub Vec<u8>);

impl Reply {
    pub(super) fn raw(text: &str) -> Reply {
        Reply(text.as_bytes().to_vec())
    }

    pub(super) fn bytes(bytes: &[u8]) -> Reply {
        Reply(bytes.to_vec())
    }

    /// A command that prints these bytes and succeeds.
    pub(super) fn shell_bytes(stdout: &[u8]) -> Reply {
        Reply([shell::packet(Part::Stdout, stdout), shell::packet(Part::Exit, &[0])].concat())
    }

    pub(super) fn shell(stdout: &str, stderr: &str, status: u8) -> Reply {
        let parts = [(Part::Stdout, stdout.as_bytes()), (Part::Stderr, stderr.as_bytes()), (Part::Exit, &[status])];
        Reply(parts.iter().flat_map(|(part, data)| shell::packet(*part, data)).collect())
    }
}

type Service = Box<dyn FnMut(&[u8]) -> Reply + Send>;
type Files = Box<dyn FnMut(Asked) -> Vec<u8> + Send>;

/// What was asked on the stream `sync:`.
pub(super) enum Asked {
    Request(Request),
    /// A file came whole: its path and data.
    Sent(String, Vec<u8>),
}

/// The script.
pub(super) struct Daemon {
    deframer: Deframer,
    banner: String,
    services: Vec<(String, Service)>,
    files: Option<Files>,
    /// Streams `sync:`, with what was read of them and the file that is being sent.
    syncs: BTreeMap<u32, (Requests, String, Vec<u8>)>,
    opened: Vec<String>,
    /// Our number of a stream to the host's, and what waits for the host's acknowledgement.
    streams: BTreeMap<u32, u32>,
    last: u32,
    out: Vec<u8>,
    silent: bool,
    /// So many greetings of somebody before us are answered as soon as the host says anything after its own.
    left_over: u32,
    huge: bool,
    first: Option<Command>,
    guard: Option<Guard>,
}

/// Who is let in.
pub(super) struct Guard {
    /// The key that is known beforehand.
    pub known: Option<PublicKey>,
    /// When the person at the unit accepts what is offered.
    pub accepts_at: Option<Moment>,
    pub offered: Option<PublicKey>,
}

const TOKEN: [u8; 20] = *b"twenty bytes of toke";

impl Daemon {
    pub(super) fn with_banner(banner: &str) -> Daemon {
        Daemon {
            deframer: Deframer::new(MAX_PAYLOAD, Version::CHECKSUM),
            banner: banner.to_owned(),
            services: Vec::new(),
            files: None,
            syncs: BTreeMap::new(),
            opened: Vec::new(),
            streams: BTreeMap::new(),
            last: 0,
            out: Vec::new(),
            silent: false,
            left_over: 0,
            huge: false,
            first: None,
            guard: None,
        }
    }

    /// A daemon with a shell and nothing else.
    pub(super) fn bare() -> Daemon {
        Daemon::android("", "device::ro.product.name=;ro.product.model=;features=shell_v2")
    }

    /// A daemon whose `getprop` prints this.
    pub(super) fn android(properties: &str, banner: &str) -> Daemon {
        let printed = format!("-hardwire-\n-hardwire-\n-hardwire-\n{properties}\n-hardwire-\n");
        Daemon::with_banner(banner).on("shell,v2,raw:for p in", move |_| Reply::shell(&printed, "", 0))
    }

    /// Somebody before us greeted it so often, and did not wait for its answers.
    pub(super) fn greeted_before(self, left_over: u32) -> Daemon {
        Daemon { left_over, ..self }
    }

    pub(super) fn silent() -> Daemon {
        Daemon { silent: true, ..Daemon::bare() }
    }

    pub(super) fn first(command: Command) -> Daemon {
        Daemon { first: Some(command), ..Daemon::bare() }
    }

    /// It asks who is there.
    pub(super) fn guarded(self, known: Option<PublicKey>, accepts_at: Option<Moment>) -> Daemon {
        Daemon { guard: Some(Guard { known, accepts_at, offered: None }), ..self }
    }

    /// The key that it was offered.
    pub(super) fn offered(&self) -> Option<&PublicKey> {
        self.guard.as_ref().and_then(|guard| guard.offered.as_ref())
    }

    /// It announces 4 GiB after its banner.
    pub(super) fn huge(self) -> Daemon {
        Daemon { huge: true, ..self }
    }

    /// What `service` answers; what was said last counts.
    pub(super) fn on(mut self, service: &str, reply: impl FnMut(&[u8]) -> Reply + Send + 'static) -> Daemon {
        self.services.insert(0, (service.to_owned(), Box::new(reply)));
        self
    }

    /// What is answered on the stream `sync:`, as bytes.
    pub(super) fn files(mut self, files: impl FnMut(Asked) -> Vec<u8> + Send + 'static) -> Daemon {
        self.files = Some(Box::new(files));
        self
    }

    pub(super) fn open_streams(&self) -> usize {
        self.streams.len()
    }

    /// The services that were asked for.
    pub(super) fn services(&self) -> &[String] {
        &self.opened
    }

    fn send(&mut self, command: Command, arg0: u32, arg1: u32, payload: &[u8]) {
        let packet = Packet::new(command, arg0, arg1, payload);
        self.out.extend_from_slice(&packet.to_bytes(Version::NO_CHECKSUM));
    }

    fn on_packet(&mut self, packet: &Packet) {
        match packet.command {
            Command::CNXN if self.silent => {}
            Command::CNXN if self.guard.is_some() => self.send(Command::AUTH, 1, 0, &TOKEN),
            Command::AUTH => self.on_auth(packet),
            Command::CNXN => {
                self.deframer.agree(MAX_PAYLOAD, Version::NO_CHECKSUM);
                let banner = self.banner.clone();
                let command = self.first.unwrap_or(Command::CNXN);
                self.send(command, Version::NO_CHECKSUM.0, MAX_PAYLOAD, banner.as_bytes());
                if self.huge {
                    let header = Header { command: Command::WRTE, arg0: 1, arg1: 1, len: u32::MAX, check: 0 };
                    self.out.extend_from_slice(&header.to_bytes());
                }
            }
            Command::OPEN if self.left_over > 0 => {
                self.left_over -= 1;
                self.greet();
            }
            Command::OPEN => {
                let name = String::from_utf8_lossy(packet.payload.strip_suffix(b"\0").unwrap()).into_owned();
                self.opened.push(name.clone());
                if name == "sync:" && self.files.is_some() {
                    self.last += 1;
                    self.streams.insert(self.last, packet.arg0);
                    self.syncs.insert(self.last, Default::default());
                    let window = if packet.arg1 > 0 { (32_u32 << 20).to_le_bytes().to_vec() } else { Vec::new() };
                    return self.send(Command::OKAY, self.last, packet.arg0, &window);
                }
                let found = self.services.iter_mut().find(|(service, _)| name.starts_with(service.as_str()));
                let Some((_, service)) = found else { return self.send(Command::CLSE, 0, packet.arg0, &[]) };
                let Reply(reply) = service(&packet.payload);
                self.last += 1;
                let (ours, theirs) = (self.last, packet.arg0);
                self.streams.insert(ours, theirs);
                let window = if packet.arg1 > 0 { (32_u32 << 20).to_le_bytes().to_vec() } else { Vec::new() };
                self.send(Command::OKAY, ours, theirs, &window);
                // All at once: short enough for one packet.
                if !reply.is_empty() {
                    self.send(Command::WRTE, ours, theirs, &reply);
                }
                self.send(Command::CLSE, ours, theirs, &[]);
            }
            Command::WRTE => self.on_sync(packet),
            Command::CLSE => {
                self.streams.remove(&packet.arg1);
                self.syncs.remove(&packet.arg1);
            }
            _ => {}
        }
    }
}

impl Daemon {
    fn on_auth(&mut self, packet: &Packet) {
        let Some(guard) = &mut self.guard else { return };
        match AuthKind::from_code(packet.arg0) {
            AuthKind::Signature if guard.known.as_ref().is_some_and(|key| key.verify(&TOKEN, &packet.payload)) => {
                self.let_in();
            }
            AuthKind::Signature => self.send(Command::AUTH, 1, 0, &TOKEN),
            AuthKind::PublicKey => guard.offered = Some(PublicKey::parse(&packet.payload).expect("a key").0),
            other => panic!("{other:?}"),
        }
    }

    fn let_in(&mut self) {
        self.guard = self.guard.take().map(|guard| Guard { accepts_at: None, ..guard });
        self.deframer.agree(MAX_PAYLOAD, Version::NO_CHECKSUM);
        self.greet();
    }

    fn greet(&mut self) {
        let banner = self.banner.clone();
        self.send(Command::CNXN, Version::NO_CHECKSUM.0, MAX_PAYLOAD, banner.as_bytes());
    }

    fn on_sync(&mut self, packet: &Packet) {
        let (Some((reader, path, data)), Some(files)) = (self.syncs.get_mut(&packet.arg1), self.files.as_mut()) else {
            return;
        };
        let (mut rest, mut reply) = (packet.payload.as_slice(), Vec::new());
        while let Some(part) = reader.next(&mut rest).expect("the driver keeps to the protocol") {
            match part {
                RequestPart::Request(request) => {
                    if let Request::Send { path: sent, .. } = &request {
                        *path = String::from_utf8(sent.clone()).expect("a path");
                    }
                    reply.extend(files(Asked::Request(request)));
                }
                RequestPart::Data(bytes) => data.extend_from_slice(bytes),
                RequestPart::Done(_) => reply.extend(files(Asked::Sent(std::mem::take(path), std::mem::take(data)))),
            }
        }
        let acknowledged = (packet.payload.len() as u32).to_le_bytes();
        let windowed = self.banner.contains("delayed_ack");
        self.send(Command::OKAY, packet.arg1, packet.arg0, if windowed { &acknowledged } else { &[] });
        for reply in reply.chunks(MAX_PAYLOAD as usize) {
            self.send(Command::WRTE, packet.arg1, packet.arg0, reply);
        }
    }
}

impl Peer for Daemon {
    fn take(&mut self, _: Moment, mut bytes: &[u8]) -> Result<()> {
        while let Some(packet) = self.deframer.next(&mut bytes).expect("the driver keeps to the protocol") {
            self.on_packet(&packet);
        }
        Ok(())
    }

    fn give(&mut self, now: Moment) -> Result<Vec<u8>> {
        let accepts = |guard: &Guard| guard.offered.is_some() && guard.accepts_at.is_some_and(|at| now >= at);
        if self.guard.as_ref().is_some_and(accepts) {
            self.let_in();
        }
        Ok(std::mem::take(&mut self.out))
    }
}
