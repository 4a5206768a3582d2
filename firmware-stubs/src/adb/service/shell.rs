//! `shell` in both versions, and `exec`.

use super::super::android::{Input, Outcome, System, User, needs_input, run};
use super::super::fault::Fault;
use super::{Output, Service, part};
use crate::usb::Stop;
use protocols::adb::message::shell::{Kind, Part, Reader, packet};
use protocols::adb::message::{Features, feature};
use std::collections::VecDeque;

/// Most bytes that a command is handed.
const MOST_INPUT: usize = 512 << 20;
/// Most bytes of data in a packet from the unit.
const PIECE: usize = 32 << 10;

/// How output, errors and the exit code go to the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// Apart.
    Packets,
    /// Output and errors as they come, no exit code.
    Raw,
}

/// A command, before, while and after it runs.
struct Command {
    form: Form,
    script: Vec<u8>,
    wants: Input,
    input: Vec<u8>,
    reader: Reader,
    out: Vec<u8>,
    ended: bool,
}

pub(super) fn open(
    system: &mut System,
    arguments: &str,
    script: &[u8],
    features: &Features,
) -> Result<Box<dyn Service>, Stop> {
    let packets = arguments.split(',').any(|word| word == "v2") && features.has(feature::SHELL_V2);
    let form = if packets { Form::Packets } else { Form::Raw };
    if script.is_empty() {
        return Ok(Box::new(Prompt::new(system, form)));
    }
    start(system, form, script.to_vec())
}

/// `exec`: as a raw shell, and input is not typed by a person.
pub(super) fn exec(system: &mut System, script: Vec<u8>) -> Result<Box<dyn Service>, Stop> {
    start(system, Form::Raw, script)
}

fn start(system: &mut System, form: Form, script: Vec<u8>) -> Result<Box<dyn Service>, Stop> {
    let wants = needs_input(&script);
    let mut command =
        Command { form, script, wants, input: Vec::new(), reader: Reader::default(), out: Vec::new(), ended: false };
    if wants == Input::None || wants == Input::Bytes(0) {
        command.run(system)?;
    }
    Ok(Box::new(command))
}

impl Command {
    fn run(&mut self, system: &mut System) -> Result<(), Stop> {
        let input = std::mem::take(&mut self.input);
        let mut outcome = run(system, &self.script, &input)?;
        if system.options.has(Fault::LieExit) {
            outcome.code = 0;
        }
        print(&outcome, self.form, &mut self.out);
        if self.form == Form::Packets {
            self.out.extend(packet(Kind::Exit, &[outcome.code]));
        }
        self.ended = true;
        Ok(())
    }

    fn take(&mut self, system: &mut System, bytes: &[u8]) -> Result<(), Stop> {
        if self.ended || self.input.len() + bytes.len() > MOST_INPUT {
            return Ok(());
        }
        self.input.extend_from_slice(bytes);
        match self.wants {
            Input::Bytes(wanted) if self.input.len() as u64 >= wanted => {
                self.input.truncate(wanted as usize);
                self.run(system)
            }
            _ => Ok(()),
        }
    }
}

/// What a command printed, as it goes to the host.
fn print(outcome: &Outcome, form: Form, out: &mut Vec<u8>) {
    for (stream, bytes) in &outcome.printed {
        match form {
            Form::Raw => out.extend_from_slice(bytes),
            Form::Packets => {
                let kind = if *stream == 2 { Kind::Stderr } else { Kind::Stdout };
                for piece in bytes.chunks(PIECE) {
                    out.extend(packet(kind, piece));
                }
            }
        }
    }
}

impl Service for Command {
    fn input(&mut self, system: &mut System, mut bytes: &[u8]) -> Result<(), Stop> {
        if self.form == Form::Raw {
            return self.take(system, bytes);
        }
        loop {
            match self.reader.next(&mut bytes) {
                Ok(Some(Part { kind: Kind::Stdin, data })) => self.take(system, data)?,
                Ok(Some(Part { kind: Kind::CloseStdin, .. })) if !self.ended => self.run(system)?,
                Ok(Some(_)) => {}
                Ok(None) => return Ok(()),
                Err(_) => {
                    self.ended = true;
                    return Ok(());
                }
            }
        }
    }

    fn output(&mut self, _: &mut System, room: usize) -> Result<Output, Stop> {
        Ok(match (self.out.is_empty(), self.ended) {
            (false, _) => Output::Bytes(part(&mut self.out, room)),
            (true, true) => Output::End,
            (true, false) => Output::Nothing,
        })
    }
}

/// A shell that a person types into.
struct Prompt {
    form: Form,
    reader: Reader,
    line: Vec<u8>,
    out: VecDeque<Outcome>,
    bytes: Vec<u8>,
    code: Option<u8>,
    last: u8,
}

impl Prompt {
    fn new(system: &System, form: Form) -> Self {
        let mut prompt = Self {
            form,
            reader: Reader::default(),
            line: Vec::new(),
            out: VecDeque::new(),
            bytes: Vec::new(),
            code: None,
            last: 0,
        };
        prompt.ask(system);
        prompt
    }

    fn ask(&mut self, system: &System) {
        let sign = if system.user == User::Root { '#' } else { '$' };
        self.say(format!("{}:/ {sign} ", system.options.product).as_bytes());
    }

    fn say(&mut self, bytes: &[u8]) {
        self.out.push_back(Outcome { printed: vec![(1, bytes.to_vec())], code: 0 });
    }

    fn typed(&mut self, system: &mut System, bytes: &[u8]) -> Result<(), Stop> {
        for byte in bytes {
            match byte {
                // Ctrl-D.
                4 => self.code = Some(self.last),
                b'\r' | b'\n' => {
                    self.say(b"\r\n");
                    let line = std::mem::take(&mut self.line);
                    let exit = line.trim_ascii().strip_prefix(b"exit");
                    let mut outcome = run(system, &line, &[])?;
                    self.last = outcome.code;
                    for (_, bytes) in &mut outcome.printed {
                        let text: Vec<u8> = bytes
                            .iter()
                            .flat_map(|byte| if *byte == b'\n' { vec![b'\r', b'\n'] } else { vec![*byte] })
                            .collect();
                        *bytes = text;
                    }
                    self.out.push_back(outcome);
                    match exit {
                        Some(_) => self.code = Some(self.last),
                        None => self.ask(system),
                    }
                }
                byte if self.line.len() < 4096 => {
                    self.line.push(*byte);
                    self.say(&[*byte]);
                }
                _ => {}
            }
        }
        Ok(())
    }
}

impl Service for Prompt {
    fn input(&mut self, system: &mut System, mut bytes: &[u8]) -> Result<(), Stop> {
        if self.form == Form::Raw {
            return self.typed(system, bytes);
        }
        while let Ok(Some(Part { kind, data })) = self.reader.next(&mut bytes) {
            match kind {
                Kind::Stdin => self.typed(system, data)?,
                Kind::CloseStdin => self.code = Some(self.last),
                _ => {}
            }
        }
        Ok(())
    }

    fn output(&mut self, _: &mut System, room: usize) -> Result<Output, Stop> {
        while let Some(outcome) = self.out.pop_front() {
            print(&outcome, self.form, &mut self.bytes);
        }
        if self.bytes.is_empty() {
            let Some(code) = self.code else { return Ok(Output::Nothing) };
            if self.form == Form::Raw || code == u8::MAX {
                return Ok(Output::End);
            }
            self.bytes = packet(Kind::Exit, &[code]);
            self.code = Some(u8::MAX);
        }
        Ok(Output::Bytes(part(&mut self.bytes, room)))
    }
}
