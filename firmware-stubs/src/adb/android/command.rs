//! Runs what a shell is given.

use super::commands;
use super::syntax::{Append, Compound, Piece, Quoted, Redirect, Script, Simple, When, Word, parse};
use super::{Place, System};
use crate::usb::Stop;
use protocols::adb::message::sync::Follow;
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};

/// Most commands inside of commands.
const MOST_DEPTH: usize = 16;

/// What a command printed, in order, and how it ended.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Output (1) and errors (2).
    pub(crate) printed: Vec<(u8, Vec<u8>)>,
    pub(crate) code: u8,
}

/// How much of what the host sends a command waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    None,
    All,
    Bytes(u64),
}

/// How much input the script waits for before it does anything.
pub(crate) fn needs_input(script: &[u8]) -> Input {
    const READERS: [&[u8]; 10] =
        [b"cat", b"xargs", b"sha256sum", b"dd", b"head", b"tail", b"wc", b"tee", b"sh", b"base64"];
    let Ok(script) = parse(script) else { return Input::None };
    for (_, pipeline) in &script {
        let Some(simple) = pipeline.first() else { continue };
        let words: Vec<&[u8]> = simple.words.iter().filter_map(|word| plain(word)).collect();
        let sized = words.iter().position(|word| *word == b"-S").and_then(|at| words.get(at + 1));
        let sized = sized.and_then(|size| std::str::from_utf8(size).ok()?.parse().ok());
        // A session that is begun says how much will come, and takes none of it.
        let takes = words.iter().any(|word| *word == b"install" || *word == b"install-write");
        match (words.first(), sized.filter(|_| takes)) {
            (Some(&(b"pm" | b"cmd")), Some(size)) => return Input::Bytes(size),
            (Some(name), _) if READERS.contains(name) => {
                let redirected = simple.redirects.iter().any(|it| matches!(it, Redirect::Input(_)));
                let operands = words.iter().skip(1).any(|word| word.first() != Some(&b'-') || word.starts_with(b"if="));
                let waits = matches!(*name, b"xargs" | b"tee") || !operands || words.iter().any(|word| *word == b"-");
                let dd = *name == b"dd" && !words.iter().any(|word| word.starts_with(b"if="));
                if !redirected && (waits || dd) {
                    return Input::All;
                }
            }
            _ => {}
        }
    }
    Input::None
}

fn plain(word: &Word) -> Option<&[u8]> {
    match word.as_slice() {
        [Piece::Text(text)] => Some(text),
        _ => None,
    }
}

/// Runs a script, with all of its input at hand.
pub(crate) fn run(system: &mut System, script: &[u8], input: &[u8]) -> Result<Outcome, Stop> {
    let variables = [("HOME", "/"), ("TMPDIR", "/data/local/tmp"), ("PATH", "/product/bin:/system/bin:/vendor/bin")];
    let mut shell = Shell {
        system,
        variables: variables.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).into(),
        folder: b"/".to_vec(),
        last: 0,
        ended: false,
        depth: 0,
    };
    shell.script(script, input)
}

/// A shell while it runs something.
pub(super) struct Shell<'a> {
    pub(super) system: &'a mut System,
    pub(super) variables: BTreeMap<String, Vec<u8>>,
    pub(super) folder: Vec<u8>,
    /// How the last command ended.
    pub(super) last: u8,
    /// `exit` was called.
    pub(super) ended: bool,
    depth: usize,
}

/// One command with its arguments, its input and what it prints.
pub(super) struct Call<'a> {
    pub(super) name: String,
    pub(super) args: Vec<Vec<u8>>,
    pub(super) input: &'a [u8],
    pub(super) printed: Vec<(u8, Vec<u8>)>,
}

impl Call<'_> {
    pub(super) fn out(&mut self, bytes: impl AsRef<[u8]>) {
        self.printed.push((1, bytes.as_ref().to_vec()));
    }

    pub(super) fn line(&mut self, text: impl AsRef<[u8]>) {
        self.printed.push((1, [text.as_ref(), b"\n"].concat()));
    }

    /// Prints an error as the unit's tools do.
    pub(super) fn complain(&mut self, text: impl AsRef<[u8]>) -> u8 {
        self.printed.push((2, [self.name.as_bytes(), b": ", text.as_ref(), b"\n"].concat()));
        1
    }

    pub(super) fn fails(&mut self, path: &[u8], error: &io::Error) -> u8 {
        self.complain([path, b": ", reason(error).as_bytes()].concat())
    }

    /// The arguments as text.
    pub(super) fn words(&self) -> Vec<String> {
        self.args.iter().map(|arg| String::from_utf8_lossy(arg).into_owned()).collect()
    }
}

/// What C calls an error.
pub(crate) fn reason(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(code) => nix::errno::Errno::from_raw(code).desc().to_owned(),
        None => error.to_string(),
    }
}

impl Shell<'_> {
    pub(super) fn script(&mut self, script: &[u8], input: &[u8]) -> Result<Outcome, Stop> {
        self.depth += 1;
        let script: Result<Script, String> = match self.depth {
            ..=MOST_DEPTH => parse(script),
            _ => Err("too many commands inside of commands".to_owned()),
        };
        let mut outcome = Outcome::default();
        match script {
            Err(error) => {
                outcome.printed.push((2, format!("/system/bin/sh: {error}\n").into_bytes()));
                self.last = 1;
            }
            Ok(script) => outcome.printed = self.commands(&script, input)?,
        }
        self.depth -= 1;
        outcome.code = self.last;
        Ok(outcome)
    }

    fn commands(&mut self, script: &Script, input: &[u8]) -> Result<Vec<(u8, Vec<u8>)>, Stop> {
        let mut printed = Vec::new();
        for (when, pipeline) in script {
            let runs = match when {
                When::Always => true,
                When::Good => self.last == 0,
                When::Bad => self.last != 0,
            };
            if runs && !self.ended {
                printed.extend(self.pipeline(pipeline, input)?);
            }
        }
        Ok(printed)
    }

    fn compound(&mut self, compound: &Compound, input: &[u8]) -> Result<Vec<(u8, Vec<u8>)>, Stop> {
        match compound {
            Compound::If(condition, good, bad) => {
                let mut printed = self.commands(condition, input)?;
                let next = if self.last == 0 { good } else { bad };
                self.last = 0;
                printed.extend(self.commands(next, input)?);
                Ok(printed)
            }
            Compound::For(name, words, body) => {
                let mut values = Vec::new();
                for word in words {
                    values.extend(self.expand(word)?);
                }
                let mut printed = Vec::new();
                for value in values {
                    self.variables.insert(name.clone(), value);
                    printed.extend(self.commands(body, input)?);
                }
                Ok(printed)
            }
        }
    }

    fn pipeline(&mut self, pipeline: &[Simple], input: &[u8]) -> Result<Vec<(u8, Vec<u8>)>, Stop> {
        let mut printed = Vec::new();
        let mut input = input.to_vec();
        for (at, simple) in pipeline.iter().enumerate() {
            let mut now = self.simple(simple, &input)?;
            if at + 1 < pipeline.len() {
                input = now.iter().filter(|(to, _)| *to == 1).flat_map(|(_, bytes)| bytes.clone()).collect();
                now.retain(|(to, _)| *to != 1);
            }
            printed.extend(now);
        }
        Ok(printed)
    }

    fn simple(&mut self, simple: &Simple, input: &[u8]) -> Result<Vec<(u8, Vec<u8>)>, Stop> {
        let mut words = Vec::new();
        for word in &simple.words {
            // NAME=VALUE before the command: the value is one word, whatever it holds.
            let first = if let Some(Piece::Text(text)) = word.first() { assignment(text) } else { None };
            if words.is_empty() && first.is_some() {
                let whole: Word = word.iter().map(Piece::whole).collect();
                let assigned = assignment(&self.expand(&whole)?.concat());
                self.variables.extend(assigned);
                continue;
            }
            words.extend(self.expand(word)?);
        }
        let mut redirected = None;
        for redirect in &simple.redirects {
            if let Redirect::Input(word) = redirect {
                let path = self.expand(word)?.concat();
                match self.place(&path, Follow::Yes).and_then(|place| self.read(&place)) {
                    Ok(bytes) => redirected = Some(bytes),
                    Err(error) => return Ok(self.refuse(&path, &error)),
                }
            }
        }
        let mut printed = Vec::new();
        // An assignment alone ends as what it took its value from.
        let took = simple.words.iter().flatten().any(|piece| matches!(piece, Piece::Output(..)));
        if !(took && words.is_empty() && simple.compound.is_none()) {
            self.last = 0;
        }
        if let Some(compound) = &simple.compound {
            printed = self.compound(compound, redirected.as_deref().unwrap_or(input))?;
        } else if !words.is_empty() {
            let name = String::from_utf8_lossy(&words.remove(0)).into_owned();
            let name = name.rsplit('/').next().unwrap_or_default().to_owned();
            let mut call =
                Call { name, args: words, input: redirected.as_deref().unwrap_or(input), printed: Vec::new() };
            self.last = commands::call(self, &mut call)?;
            printed = call.printed;
        }
        self.redirect(&simple.redirects, printed)
    }

    fn redirect(
        &mut self,
        redirects: &[Redirect],
        mut printed: Vec<(u8, Vec<u8>)>,
    ) -> Result<Vec<(u8, Vec<u8>)>, Stop> {
        // From the last to the first: what a later one names was decided by those before it.
        for redirect in redirects.iter().rev() {
            match redirect {
                Redirect::Input(_) => {}
                Redirect::Same(from, to) => {
                    for (stream, _) in &mut printed {
                        if stream == from {
                            *stream = *to;
                        }
                    }
                }
                Redirect::Output(stream, word, append) => {
                    let bytes: Vec<u8> =
                        printed.iter().filter(|(it, _)| it == stream).flat_map(|(_, bytes)| bytes.clone()).collect();
                    printed.retain(|(it, _)| it != stream);
                    let path = self.expand(word)?.concat();
                    if let Err(error) = self.write(&path, &bytes, *append)? {
                        printed.extend(self.refuse(&path, &error));
                    }
                }
            }
        }
        Ok(printed)
    }

    fn refuse(&mut self, path: &[u8], error: &io::Error) -> Vec<(u8, Vec<u8>)> {
        self.last = 1;
        let why = format!(": {}\n", reason(error));
        vec![(2, [b"/system/bin/sh: can't open ", path, why.as_bytes()].concat())]
    }

    /// The words that a word becomes.
    fn expand(&mut self, word: &Word) -> Result<Vec<Vec<u8>>, Stop> {
        let mut words = Vec::new();
        let mut open: Option<Vec<u8>> = None;
        for piece in word {
            let (bytes, quoted) = match piece {
                Piece::Text(text) => (text.clone(), Quoted::Yes),
                Piece::Variable(name, quoted) => (self.variable(name), *quoted),
                Piece::Output(script, quoted) => {
                    let outcome = self.script(script, &[])?;
                    let mut bytes: Vec<u8> =
                        outcome.printed.into_iter().filter(|(to, _)| *to == 1).flat_map(|(_, bytes)| bytes).collect();
                    while bytes.last() == Some(&b'\n') {
                        bytes.pop();
                    }
                    (bytes, *quoted)
                }
            };
            if quoted == Quoted::Yes {
                open.get_or_insert_default().extend(bytes);
                continue;
            }
            let space = |byte: &u8| byte.is_ascii_whitespace();
            let mut parts = bytes.split(space);
            if let Some(first) = parts.next()
                && !first.is_empty()
            {
                open.get_or_insert_default().extend(first);
            }
            for part in parts {
                words.extend(open.take().filter(|word| !word.is_empty()));
                if !part.is_empty() {
                    open = Some(part.to_vec());
                }
            }
        }
        words.extend(open);
        Ok(words)
    }

    fn variable(&self, name: &str) -> Vec<u8> {
        match name {
            "?" => self.last.to_string().into_bytes(),
            "$" => b"4711".to_vec(),
            "PWD" => self.folder.clone(),
            name => self.variables.get(name).cloned().unwrap_or_default(),
        }
    }

    /// What a path leads to.
    pub(super) fn place(&self, path: &[u8], follow: Follow) -> io::Result<Place> {
        self.system.tree.resolve(&self.folder, path, follow)
    }

    /// All bytes of a file.
    pub(super) fn read(&self, place: &Place) -> io::Result<Vec<u8>> {
        self.open(place).and_then(|mut file| {
            let mut bytes = Vec::new();
            io::Read::read_to_end(&mut file, &mut bytes).map(|_| bytes)
        })
    }

    /// A file for reading.
    pub(super) fn open(&self, place: &Place) -> io::Result<fs::File> {
        if !self.system.may_read(place) {
            return Err(io::Error::from_raw_os_error(nix::errno::Errno::EACCES as i32));
        }
        if place.path.is_dir() {
            return Err(io::Error::from_raw_os_error(nix::errno::Errno::EISDIR as i32));
        }
        fs::File::open(&place.path)
    }

    /// Writes a file, made when it is not there.
    pub(super) fn write(&mut self, path: &[u8], bytes: &[u8], append: Append) -> Result<io::Result<()>, Stop> {
        if path == b"/dev/null" {
            return Ok(Ok(()));
        }
        let opened = self.writable(path).and_then(|place| {
            let mut options = fs::File::options();
            // A partition is never longer nor shorter than it is.
            options.create(!place.block).write(true).append(append == Append::Yes);
            options.truncate(append == Append::No && !place.block).open(&place.path)
        });
        match opened {
            Ok(mut file) => {
                let written = self.system.store_bytes(&mut file, bytes)?;
                Ok(written.and_then(|()| file.flush()))
            }
            Err(error) => Ok(Err(error)),
        }
    }

    /// A place that may be changed.
    pub(super) fn writable(&self, path: &[u8]) -> io::Result<Place> {
        let place = self.place(path, Follow::Yes)?;
        if self.system.may_write(&place) {
            Ok(place)
        } else {
            Err(io::Error::from_raw_os_error(nix::errno::Errno::EACCES as i32))
        }
    }
}

fn assignment(word: &[u8]) -> Option<(String, Vec<u8>)> {
    let at = word.iter().position(|byte| *byte == b'=')?;
    let name = std::str::from_utf8(&word[..at]).ok()?;
    let good = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && name.bytes().next().is_some_and(|byte| !byte.is_ascii_digit());
    good.then(|| (name.to_owned(), word[at + 1..].to_vec()))
}
