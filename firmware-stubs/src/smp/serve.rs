//! The device on its line, in time: one thread that sleeps until a byte or a moment comes.

use super::cable::Cable;
use super::device::{Device, Effect};
use super::fail::Stop;
use super::noise::Chatter;
use super::uart::{Receiver, Transmitter};
use super::{End, Noise, Options, Place};
use crate::Error;
use crate::clock::now;
use crate::lifetime::{Pulls, Wish, Wishes};
use nix::errno::Errno;
use nix::sys::select::{FdSet, select};
use nix::sys::time::{TimeVal, TimeValLike as _};
use std::collections::VecDeque;
use std::path::Path;
use std::time::{Duration, Instant};

/// Put a device on a pseudo-terminal, or on USB as [`Options::place`] says, and serve it until its power is cut or the
/// process is asked to end (SIGTERM, SIGINT, or as [`Options::lifetime`] says). On USB, SIGUSR1 pulls it and SIGUSR2
/// pushes it in again. `ready` is told the path to open, once it can be opened; `None` when it is another computer's.
///
/// # Errors
/// [`Error`] when the options make no sense, the state folder cannot be used, or no terminal is to be had.
pub fn run(options: Options, ready: impl FnOnce(Option<&Path>)) -> Result<End, Error> {
    let pulls = if matches!(options.place, Place::Gadget(_)) { Pulls::Wanted } else { Pulls::None };
    let wishes = Wishes::catch(options.lifetime, pulls)
        .map_err(|source| Error::Terminal { doing: "left on a signal", source })?;
    let place = options.place.clone();
    let device = match Device::open(options) {
        Ok(device) => device,
        Err(Stop::Broken(error)) => return Err(error),
        Err(Stop::PowerLost) => return Ok(End::PowerLost),
    };
    let mut cable = Cable::lay(&place)?;
    ready(cable.address().as_deref());
    match Bench::new(device).serve(&mut cable, &wishes) {
        Ok(()) => Ok(End::Asked),
        Err(Stop::PowerLost) => Ok(End::PowerLost),
        Err(Stop::Broken(error)) => Err(error),
    }
}

/// How long the line waits for a client that does not read before bytes are lost, as they are without a listener.
const PATIENCE: Duration = Duration::from_secs(1);

/// How soon into a silence the line looks whether its client is still there, and how often when it lasts.
const SOONEST_LOOK: Duration = Duration::from_millis(20);
const LATEST_LOOK: Duration = Duration::from_secs(1);

struct Bench {
    device: Device,
    started: Instant,
    receiver: Receiver,
    transmitter: Transmitter,
    chatter: Option<Chatter>,
    /// Requests that wait in a buffer, with the time at which they arrived.
    waiting: VecDeque<(Instant, Vec<u8>)>,
    /// Until when the device is at work (writing flash, hanging, booting) and takes up nothing.
    busy_until: Instant,
    /// Until when what arrives is lost, because the device boots.
    deaf_until: Instant,
    reset_at: Option<Instant>,
    next_chat: Instant,
    /// Bytes that the client's end has no room for yet, and since when it took none.
    unsent: Vec<u8>,
    blocked_since: Option<Instant>,
    /// When the client last wrote, and when to look again whether it is still there.
    heard: Instant,
    next_look: Instant,
    /// Where the device is, when it can be pulled.
    bus: Bus,
}

/// Where a device on USB is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bus {
    /// Plugged in, and its terminal open.
    On,
    /// It starts, and is not on the bus while it does.
    Starting,
    /// Pulled.
    Pulled,
}

impl Bench {
    fn new(device: Device) -> Self {
        let now = now();
        let options = device.options();
        Self {
            started: now,
            receiver: Receiver::new(&options.line, &options.limits, device.buffers(), now),
            transmitter: Transmitter::new(&options.line, &options.limits, now),
            chatter: (options.line.noise == Noise::Chatty).then(Chatter::default),
            waiting: VecDeque::new(),
            busy_until: now,
            deaf_until: now,
            reset_at: None,
            next_chat: now + Chatter::INTERVAL,
            unsent: Vec::new(),
            blocked_since: None,
            heard: now,
            next_look: now + SOONEST_LOOK,
            bus: Bus::On,
            device,
        }
    }

    fn serve(mut self, cable: &mut Cable, wishes: &Wishes) -> Result<(), Stop> {
        loop {
            self.take_input(cable)?;
            let now = now();
            self.advance(now)?;
            self.follow(cable, now)?;
            self.give_output(cable, now)?;
            if self.next_look <= now {
                cable.release_if_abandoned();
                self.next_look = now + (now - self.heard).clamp(SOONEST_LOOK, LATEST_LOOK);
            }
            self.sleep(cable, wishes)?;
            match wishes.take() {
                Some(Wish::End) => return Ok(()),
                Some(Wish::Pull) => {
                    self.bus = Bus::Pulled;
                    cable.pull();
                }
                Some(Wish::Push) if self.bus == Bus::Pulled => {
                    self.bus = Bus::Starting;
                    self.reset(now)?;
                }
                Some(Wish::Push) | None => {}
            }
        }
    }

    /// A device that starts leaves the bus, and comes back when its application runs.
    fn follow(&mut self, cable: &mut Cable, now: Instant) -> Result<(), Error> {
        if self.bus == Bus::Starting {
            cable.pull();
            if self.deaf_until <= now {
                cable.plug()?;
                self.bus = Bus::On;
            }
        }
        Ok(())
    }

    fn take_input(&mut self, cable: &mut Cable) -> Result<(), Error> {
        let mut buffer = [0; 1024];
        while self.receiver.has_room() {
            let count = cable.read(&mut buffer)?;
            if count == 0 {
                break;
            }
            let now = now();
            self.receiver.push(now, &buffer[..count]);
            self.heard = now;
            self.next_look = now + SOONEST_LOOK;
        }
        Ok(())
    }

    /// Let everything happen that happens until `now`, in order.
    fn advance(&mut self, now: Instant) -> Result<(), Stop> {
        for (at, message) in self.receiver.arrived(now) {
            self.work(at)?;
            let held = self.waiting.len() + usize::from(self.busy_until > at);
            if at < self.deaf_until {
                tracing::debug!("a request arrived while the device boots");
            } else if held >= usize::from(self.device.buffers().count) {
                tracing::debug!("a request found no buffer");
            } else {
                self.waiting.push_back((at, message));
            }
        }
        self.work(now)?;
        self.device.idle(now.saturating_duration_since(self.started))?;
        if let Some(chatter) = &mut self.chatter
            && self.next_chat <= now
            && self.deaf_until <= now
        {
            self.next_chat = now + Chatter::INTERVAL;
            let line = chatter.log_line(now - self.started);
            self.transmitter.push(now, &line);
        }
        Ok(())
    }

    /// When the next waiting request is taken up.
    fn next_work(&self) -> Option<Instant> {
        self.waiting.front().map(|(at, _)| self.busy_until.max(*at))
    }

    /// Take up requests and carry out resets until `until`.
    fn work(&mut self, until: Instant) -> Result<(), Stop> {
        loop {
            let next = self.next_work();
            if let Some(at) = self.reset_at.filter(|at| *at <= until && next.is_none_or(|next| *at <= next)) {
                self.reset(at)?;
                continue;
            }
            match next.filter(|at| *at <= until) {
                Some(at) => {
                    if let Some((_, message)) = self.waiting.pop_front() {
                        self.handle(at, &message)?;
                    }
                }
                None => return Ok(()),
            }
        }
    }

    fn handle(&mut self, at: Instant, message: &[u8]) -> Result<(), Stop> {
        let uptime = at.saturating_duration_since(self.started);
        let reply = self.device.handle(message, uptime)?;
        let options = self.device.options();
        let (line, reset_delay, stall) = (options.line, options.reset_delay, options.stall_time);
        let writing = Duration::from_secs_f64(line.write_time.as_secs_f64() * reply.written as f64);
        self.busy_until = at + writing;
        match reply.effect {
            Effect::Stall => self.busy_until += stall,
            Effect::Reset => self.reset_at = Some(self.busy_until + reset_delay),
            Effect::None | Effect::Corrupt => {}
        }
        let Some(answer) = reply.answer else { return Ok(()) };
        let mut frame = self.transmitter.frame(&answer);
        if reply.effect == Effect::Corrupt {
            let middle = frame.len() / 2;
            frame[middle] ^= 0x01;
        }
        let ready = self.busy_until + line.latency;
        match self.chatter.as_mut().map(|chatter| chatter.around_answer(uptime)) {
            Some((before, after)) => self.transmitter.push(ready, &[before, frame, after].concat()),
            None => self.transmitter.push(ready, &frame),
        }
        Ok(())
    }

    fn reset(&mut self, at: Instant) -> Result<(), Stop> {
        self.reset_at = None;
        self.waiting.clear();
        let banner = self.device.reset(at.saturating_duration_since(self.started))?;
        self.receiver.reset(&self.device.options().limits, self.device.buffers());
        self.deaf_until = at + self.device.options().boot_time;
        self.busy_until = self.deaf_until;
        if self.bus == Bus::On {
            self.bus = Bus::Starting;
        }
        for line in banner {
            self.transmitter.push(at, format!("{line}\r\n").as_bytes());
        }
        Ok(())
    }

    fn give_output(&mut self, cable: &mut Cable, now: Instant) -> Result<(), Error> {
        self.unsent.extend(self.transmitter.due(now));
        if self.unsent.is_empty() {
            return Ok(());
        }
        let count = cable.write(&self.unsent)?;
        self.unsent.drain(..count);
        if self.unsent.is_empty() || count > 0 {
            self.blocked_since = None;
        } else if now - *self.blocked_since.get_or_insert(now) >= PATIENCE {
            tracing::debug!("nobody reads: {} bytes are lost", self.unsent.len());
            self.unsent.clear();
            self.blocked_since = None;
            cable.discard_unread();
        }
        Ok(())
    }

    /// When something happens by itself next.
    fn next_moment(&self) -> Option<Instant> {
        [
            self.receiver.next_arrival(),
            self.next_work(),
            self.reset_at,
            self.transmitter.next_due(),
            self.chatter.as_ref().map(|_| self.next_chat.max(self.deaf_until)),
            self.blocked_since.map(|since| since + PATIENCE),
            Some(self.next_look),
            (self.bus == Bus::Starting).then_some(self.deaf_until),
            self.device.closes_at().map(|at| self.started + at),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Sleep until there is something to do.
    fn sleep(&self, cable: &Cable, wishes: &Wishes) -> Result<(), Error> {
        let mut readable = FdSet::new();
        wishes.fds().for_each(|fd| readable.insert(fd));
        let mut writable = FdSet::new();
        if let Some(fd) = cable.fd() {
            if self.receiver.has_room() {
                readable.insert(fd);
            }
            if !self.unsent.is_empty() {
                writable.insert(fd);
            }
        }
        let mut timeout = self.next_moment().map(|at| {
            let micros = at.saturating_duration_since(now()).as_nanos().div_ceil(1000);
            TimeVal::microseconds(i64::try_from(micros).unwrap_or(i64::MAX))
        });
        match select(None, &mut readable, &mut writable, None, timeout.as_mut()) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(errno) => Err(Error::Terminal { doing: "waited for", source: errno.into() }),
        }
    }
}
