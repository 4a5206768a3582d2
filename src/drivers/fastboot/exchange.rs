//! Exchanges over a link: packets on USB, frames on TCP.

use std::time::Duration;

use protocols::fastboot::message::Command;
use protocols::fastboot::session::{Exchange, Failure, Line, Reply, Step};
use protocols::fastboot::wire::{Deframer, HANDSHAKE, INTERFACE, header};
use protocols::usb::Class;

use super::refusal;
use crate::device::{Op, Progress, UnitText};
use crate::error::{Error, Kind, Result};
use crate::link::Link;
use crate::link::usb::{self, Ending, Pipes};

/// Between two looks at whether a wait is still wanted.
const SLICE: Duration = Duration::from_millis(50);
/// How long a unit on TCP may take to greet.
const GREETING: Duration = Duration::from_secs(5);
/// How long a command may take to go out.
const SEND: Duration = Duration::from_secs(10);
/// What is read at once: at least a transfer of the link.
const READ: usize = 64 << 10;

/// The link to a unit.
pub(super) struct Wire {
    link: Link,
    /// What takes packets out of the stream, on TCP.
    deframer: Option<Deframer>,
    buf: Vec<u8>,
}

/// What ended an exchange early.
pub(super) enum Ended {
    /// The unit, or its silence.
    Failed(Box<Failure>),
    /// The link, or who asked for it to stop.
    Broken(Error),
}

/// Where the data of an exchange come from, and where they go.
pub(super) trait Payload {
    /// The next `length` bytes of what is sent.
    fn give(&mut self, _length: u64) -> Result<Vec<u8>> {
        Err(Error::new(Kind::Garbled, "the unit asks for data of a command that has none"))
    }

    /// The next bytes of what is received.
    fn take(&mut self, _bytes: &[u8]) -> Result<()> {
        Err(Error::new(Kind::Garbled, "the unit sends data for a command that has none"))
    }

    /// How far it is, where that is of interest.
    fn progress(&self) -> Option<Progress> {
        None
    }
}

/// An exchange without data.
struct Nothing;

impl Payload for Nothing {}

impl Wire {
    /// Over the bulk endpoints of the unit's fastboot interface.
    pub(super) fn over_usb(device: Box<dyn usb::Device>) -> Result<Wire> {
        let about = device.about();
        let [class, subclass, protocol] = INTERFACE;
        let wanted = Class::new(class, subclass, protocol);
        let found = about.configuration.interfaces.iter().find(|interface| interface.class == wanted);
        let interface = found.ok_or_else(|| {
            Error::new(Kind::Unsupported, format!("the device on {} shows no fastboot interface", about.address()))
                .next("see that it is in its bootloader (often: hold Volume Down while it starts)")
        })?;
        // It counts the bytes of a download, and takes no packet without a byte for its end.
        let pipes = Pipes::of(interface, Ending::Counted)?;
        Ok(Wire::over_packets(device.stream(&pipes)?))
    }

    /// Over a link on which each send and each receive is a packet.
    pub(super) fn over_packets(link: Link) -> Wire {
        Wire { link, deframer: None, buf: vec![0; READ] }
    }

    /// Over a stream, with the handshake that both sides begin with.
    pub(super) fn over_tcp(link: Link, op: &mut Op<'_>) -> Result<Wire> {
        if link.address.starts_with("tty:") {
            return Err(Error::new(Kind::Unsupported, "fastboot is spoken over USB and TCP, not over a serial port"));
        }
        let mut wire = Wire { link, deframer: Some(Deframer::new()), buf: vec![0; READ] };
        wire.link.sender.send(&HANDSHAKE, SEND)?;
        let until = op.clock.now() + GREETING;
        while !wire.deframer.as_ref().is_some_and(Deframer::is_greeted) {
            let left = until.saturating_since(op.clock.now());
            if left.is_zero() {
                let sentence = format!("{} does not greet as fastboot does", wire.link.address);
                return Err(Error::new(Kind::TimedOut, sentence));
            }
            op.check()?;
            wire.receive(left.min(SLICE), &mut |_, _| {})?;
        }
        Ok(wire)
    }

    /// Asks, of a unit that may say no.
    pub(super) fn ask(&mut self, command: &Command, op: &mut Op<'_>) -> std::result::Result<Reply, Ended> {
        let exchange = Exchange::new(command).map_err(|error| Ended::Broken(refusal::unsendable(command, error)))?;
        self.drive(exchange, &mut Nothing, op)
    }

    /// Asks for what it says in lines: they are the answer, and nothing that is said besides.
    pub(super) fn inquire(&mut self, command: &Command, op: &mut Op<'_>) -> std::result::Result<Reply, Ended> {
        let said = op.said.take();
        let reply = self.ask(command, op);
        op.said = said;
        reply
    }

    /// Tells, of a unit that must do it.
    pub(super) fn require(&mut self, command: &Command, op: &mut Op<'_>) -> Result<Reply> {
        self.ask(command, op).map_err(refusal::error)
    }

    /// Drives an exchange to its end, and tells what the unit says meanwhile.
    pub(super) fn drive(
        &mut self,
        exchange: Exchange,
        payload: &mut dyn Payload,
        op: &mut Op<'_>,
    ) -> std::result::Result<Reply, Ended> {
        let mut words = Words::default();
        let reply = self.drive_saying(exchange, payload, &mut words, op);
        words.end(op);
        reply
    }

    fn drive_saying(
        &mut self,
        mut exchange: Exchange,
        payload: &mut dyn Payload,
        words: &mut Words,
        op: &mut Op<'_>,
    ) -> std::result::Result<Reply, Ended> {
        // What an exchange that was given up left behind.
        self.receive_into(&mut exchange, Duration::ZERO, op)?;
        loop {
            match exchange.next(op.clock.now()) {
                Step::Send(bytes) => {
                    self.send(&bytes, SEND).map_err(Ended::Broken)?;
                    exchange.on_sent(op.clock.now());
                }
                Step::Payload { length, within, .. } => {
                    // In the middle of a payload is no sane point: the unit would wait for the rest.
                    self.stop_if_urgent(op)?;
                    let bytes = payload.give(length).map_err(Ended::Broken)?;
                    self.send(&bytes, within).map_err(Ended::Broken)?;
                    exchange.on_sent(op.clock.now());
                    if let Some(progress) = payload.progress() {
                        (op.progress)(progress);
                    }
                    self.receive_into(&mut exchange, Duration::ZERO, op)?;
                }
                Step::WaitUntil(until) => {
                    self.stop_if_urgent(op)?;
                    let left = until.saturating_since(op.clock.now());
                    self.receive_into(&mut exchange, left.min(SLICE), op)?;
                }
                Step::Line(line) => words.take(&line, op),
                Step::Data(bytes) => {
                    payload.take(&bytes).map_err(Ended::Broken)?;
                    if let Some(progress) = payload.progress() {
                        (op.progress)(progress);
                    }
                }
                Step::Done(reply) => return Ok(reply),
                Step::Failed(failure) => return Err(Ended::Failed(failure)),
            }
        }
    }

    fn stop_if_urgent(&self, op: &Op<'_>) -> std::result::Result<(), Ended> {
        if op.cancel.is_urgent() {
            return Err(Ended::Broken(Error::new(Kind::Cancelled, "stopped on request")));
        }
        if op.deadline.is_some_and(|deadline| op.clock.now() >= deadline) {
            return Err(Ended::Broken(Error::new(Kind::TimedOut, "the time given to the step is over")));
        }
        Ok(())
    }

    /// One packet to the unit.
    fn send(&mut self, bytes: &[u8], within: Duration) -> Result<()> {
        if self.deframer.is_none() {
            return self.link.sender.send(bytes, within);
        }
        let framed = [&header(bytes.len() as u64)[..], bytes].concat();
        self.link.sender.send(&framed, within)
    }

    fn receive_into(
        &mut self,
        exchange: &mut Exchange,
        within: Duration,
        op: &Op<'_>,
    ) -> std::result::Result<(), Ended> {
        self.receive(within, &mut |bytes, ends| exchange.on_bytes(op.clock.now(), bytes, ends)).map_err(Ended::Broken)
    }

    /// Waits for bytes and hands out the parts of packets that they make.
    fn receive(&mut self, within: Duration, sink: &mut dyn FnMut(&[u8], bool)) -> Result<()> {
        let count = self.link.receiver.receive(&mut self.buf, within)?;
        let bytes = self.buf.get(..count).unwrap_or_default();
        if bytes.is_empty() {
            return Ok(());
        }
        match &mut self.deframer {
            None => sink(bytes, true),
            Some(deframer) => {
                let parts = deframer.push(bytes).map_err(|error| {
                    let sentence = format!("{} does not speak fastboot", self.link.address);
                    Error::new(Kind::Garbled, sentence).because(error).next("see that host and port are right")
                })?;
                for part in parts {
                    sink(&part.bytes, part.ends);
                }
            }
        }
        Ok(())
    }
}

/// What the unit says while it works, made into lines: a piece of text may go on in the next.
#[derive(Default)]
struct Words {
    begun: String,
}

impl Words {
    fn take(&mut self, line: &Line, op: &Op<'_>) {
        match line {
            Line::Info(text) => {
                self.end(op);
                tell(&text.text, op);
            }
            Line::Text(text) => {
                self.begun.push_str(&text.text);
                while let Some((line, rest)) = self.begun.split_once('\n') {
                    tell(line, op);
                    self.begun = rest.to_owned();
                }
                if self.begun.len() > UnitText::MAX_CHARS {
                    self.end(op);
                }
            }
        }
    }

    fn end(&mut self, op: &Op<'_>) {
        tell(&std::mem::take(&mut self.begun), op);
    }
}

fn tell(line: &str, op: &Op<'_>) {
    let text = UnitText::new(line.trim());
    if !text.untrusted().is_empty() {
        op.say(&text);
    }
}
