//! The part of a shell's language that tools use: words, quotes, variables, `;`, `&&`, `||`, pipes, redirections.

/// A part of a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Text(Vec<u8>),
    /// A variable, and whether it stands in quotes.
    Variable(String, Quoted),
    /// The output of commands.
    Output(Vec<u8>, Quoted),
}

impl Piece {
    /// The same, as it is between quotes.
    pub(super) fn whole(&self) -> Piece {
        match self {
            Piece::Text(text) => Piece::Text(text.clone()),
            Piece::Variable(name, _) => Piece::Variable(name.clone(), Quoted::Yes),
            Piece::Output(script, _) => Piece::Output(script.clone(), Quoted::Yes),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quoted {
    Yes,
    No,
}

pub(super) type Word = Vec<Piece>;

/// Where input comes from, or output goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Redirect {
    Input(Word),
    Output(u8, Word, Append),
    /// `2>&1` and the like.
    Same(u8, u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Append {
    Yes,
    No,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Simple {
    pub(super) words: Vec<Word>,
    pub(super) redirects: Vec<Redirect>,
    /// Instead of words.
    pub(super) compound: Option<Compound>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Compound {
    /// `for NAME in WORDS; do SCRIPT; done`
    For(String, Vec<Word>, Script),
    /// `if SCRIPT; then SCRIPT; else SCRIPT; fi`
    If(Script, Script, Script),
}

/// When a pipeline is run, by what the one before it ended with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    Always,
    Good,
    Bad,
}

pub(super) type Script = Vec<(When, Vec<Simple>)>;

/// Reads a script; what is wrong with it, otherwise.
pub(super) fn parse(text: &[u8]) -> Result<Script, String> {
    let mut reader = Reader { text, at: 0, depth: 0 };
    reader.script(&[]).map(|(script, _)| script)
}

/// Most loops in loops.
const MOST_DEPTH: usize = 16;

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a [u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.rest().first().copied()
    }

    fn take(&mut self) -> Option<u8> {
        let byte = self.peek();
        self.at += usize::from(byte.is_some());
        byte
    }

    fn takes(&mut self, text: &[u8]) -> bool {
        let has = self.rest().starts_with(text);
        self.at += if has { text.len() } else { 0 };
        has
    }

    fn skip(&mut self, wanted: impl Fn(u8) -> bool) {
        while self.peek().is_some_and(&wanted) {
            self.at += 1;
        }
    }

    /// What ends a pipeline here, if anything does.
    fn operator(&mut self) -> Option<When> {
        if self.takes(b"&&") {
            Some(When::Good)
        } else if self.takes(b"||") {
            Some(When::Bad)
        } else if self.peek().is_none() || self.takes(b";") || self.takes(b"\n") || self.takes(b"&") {
            Some(When::Always)
        } else {
            None
        }
    }

    /// Whether this word of the language stands here; it is passed over then.
    fn keyword(&mut self, word: &[u8]) -> bool {
        let ends = |byte: Option<&u8>| byte.is_none_or(|byte| b" \t\n;&|".contains(byte));
        let has = self.rest().strip_prefix(word).is_some_and(|rest| ends(rest.first()));
        self.at += if has { word.len() } else { 0 };
        has
    }

    /// A loop or a choice, if one stands here.
    fn compound(&mut self) -> Result<Option<Compound>, String> {
        if self.keyword(b"if") {
            let (condition, _) = self.script(&["then"])?;
            let (good, end) = self.script(&["else", "fi"])?;
            let bad = if end == "else" { self.script(&["fi"])?.0 } else { Script::new() };
            return Ok(Some(Compound::If(condition, good, bad)));
        }
        if !self.keyword(b"for") {
            return Ok(None);
        }
        self.skip(|byte| byte == b' ');
        let len = self.rest().iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
        let name = String::from_utf8_lossy(&self.rest()[..len]).into_owned();
        self.at += len;
        self.skip(|byte| byte == b' ');
        if name.is_empty() || !self.keyword(b"in") {
            return Err("syntax error: bad for loop".to_owned());
        }
        let mut words = Vec::new();
        loop {
            self.skip(|byte| byte == b' ' || byte == b'\t');
            if self.takes(b";") || self.takes(b"\n") || self.peek().is_none() {
                break;
            }
            match self.word()? {
                word if word.is_empty() => return Err("syntax error: bad for loop".to_owned()),
                word => words.push(word),
            }
        }
        self.skip(|byte| byte.is_ascii_whitespace());
        if !self.keyword(b"do") {
            return Err("syntax error: expected do".to_owned());
        }
        let (body, _) = self.script(&["done"])?;
        Ok(Some(Compound::For(name, words, body)))
    }

    /// Commands until one of these words, or to the end where none is given; and the word.
    fn script(&mut self, until: &[&'static str]) -> Result<(Script, &'static str), String> {
        self.depth += 1;
        if self.depth > MOST_DEPTH {
            return Err("syntax error: too deep".to_owned());
        }
        let (mut script, mut when) = (Script::new(), When::Always);
        let (mut pipeline, mut simple) = (Vec::new(), Simple::default());
        loop {
            self.skip(|byte| byte == b' ' || byte == b'\t');
            if simple == Simple::default() {
                if let Some(word) = until.iter().find(|word| self.keyword(word.as_bytes())) {
                    self.depth -= 1;
                    return Ok((script, word));
                }
                simple.compound = self.compound()?;
                if simple.compound.is_some() {
                    continue;
                }
            }
            let end = self.peek().is_none();
            if end && !until.is_empty() {
                return Err(format!("syntax error: no {}", until[0]));
            }
            let next = self.operator();
            if next.is_some() || self.peek() == Some(b'|') {
                let empty = simple == Simple::default();
                let open = !pipeline.is_empty() || (end && when != When::Always);
                if empty && (next != Some(When::Always) || open) {
                    return Err("syntax error: unexpected operator".to_owned());
                }
                if !empty {
                    pipeline.push(std::mem::take(&mut simple));
                }
                let Some(next) = next else {
                    self.at += 1;
                    continue;
                };
                if !pipeline.is_empty() {
                    script.push((when, std::mem::take(&mut pipeline)));
                    when = next;
                }
                if end {
                    self.depth -= 1;
                    return Ok((script, ""));
                }
            } else if self.peek() == Some(b'#') {
                self.skip(|byte| byte != b'\n');
            } else if let Some(redirect) = self.redirect()? {
                simple.redirects.push(redirect);
            } else {
                let word = self.word()?;
                if word.is_empty() || simple.compound.is_some() {
                    return Err("syntax error: unexpected word".to_owned());
                }
                simple.words.push(word);
            }
        }
    }

    fn redirect(&mut self) -> Result<Option<Redirect>, String> {
        let from = self.at;
        let mut stream = 1;
        if let Some([digit @ b'0'..=b'2', b'<' | b'>']) = self.rest().first_chunk() {
            stream = digit - b'0';
            self.at += 1;
        }
        if self.takes(b"<") {
            return Ok(Some(Redirect::Input(self.target()?)));
        }
        if !self.takes(b">") {
            self.at = from;
            return Ok(None);
        }
        if self.takes(b"&") {
            return match self.take() {
                Some(digit @ b'0'..=b'2') => Ok(Some(Redirect::Same(stream, digit - b'0'))),
                _ => Err("syntax error: bad redirection".to_owned()),
            };
        }
        let append = if self.takes(b">") { Append::Yes } else { Append::No };
        Ok(Some(Redirect::Output(stream, self.target()?, append)))
    }

    fn target(&mut self) -> Result<Word, String> {
        self.skip(|byte| byte == b' ');
        match self.word()? {
            word if word.is_empty() => Err("syntax error: unexpected end of redirection".to_owned()),
            word => Ok(word),
        }
    }

    fn word(&mut self) -> Result<Word, String> {
        let mut word = Word::new();
        let mut text = Vec::new();
        // An empty pair of quotes is a word.
        let mut is_word = false;
        while let Some(byte) = self.peek() {
            match byte {
                b' ' | b'\t' | b'\n' | b';' | b'&' | b'|' | b'<' | b'>' => break,
                b'(' | b')' | b'`' => return Err(format!("syntax error: unexpected '{}'", char::from(byte))),
                b'\\' => {
                    self.at += 1;
                    text.extend(self.take());
                }
                b'\'' => {
                    self.at += 1;
                    is_word = true;
                    let rest = self.rest();
                    let len = rest.iter().position(|byte| *byte == b'\'').ok_or("syntax error: no closing quote")?;
                    text.extend_from_slice(&rest[..len]);
                    self.at += len + 1;
                }
                b'"' => {
                    self.at += 1;
                    is_word = true;
                    self.quoted(&mut word, &mut text)?;
                }
                b'$' => self.dollar(&mut word, &mut text, Quoted::No)?,
                _ => {
                    self.at += 1;
                    text.push(byte);
                }
            }
        }
        if !text.is_empty() || (word.is_empty() && is_word) {
            word.push(Piece::Text(text));
        }
        Ok(word)
    }

    fn quoted(&mut self, word: &mut Word, text: &mut Vec<u8>) -> Result<(), String> {
        loop {
            match self.peek() {
                None => return Err("syntax error: no closing quote".to_owned()),
                Some(b'$') => {
                    self.dollar(word, text, Quoted::Yes)?;
                    continue;
                }
                _ => {}
            }
            match self.take() {
                Some(b'"') => return Ok(()),
                Some(b'\\') => match self.take() {
                    Some(byte @ (b'"' | b'\\' | b'$' | b'`')) => text.push(byte),
                    Some(byte) => text.extend([b'\\', byte]),
                    None => return Err("syntax error: no closing quote".to_owned()),
                },
                byte => text.extend(byte),
            }
        }
    }

    fn dollar(&mut self, word: &mut Word, text: &mut Vec<u8>, quoted: Quoted) -> Result<(), String> {
        self.at += 1;
        let rest = self.rest();
        let name = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let piece = match rest.first() {
            Some(b'(') => {
                let len = nested(rest).ok_or("syntax error: no closing parenthesis")?;
                self.at += len + 1;
                Piece::Output(rest[1..len].to_vec(), quoted)
            }
            Some(b'{') => {
                let len = rest.iter().position(|byte| *byte == b'}').ok_or("syntax error: no closing brace")?;
                self.at += len + 1;
                Piece::Variable(name(&rest[1..len]), quoted)
            }
            Some(b'?' | b'$' | b'0'..=b'9' | b'@' | b'#') => {
                self.at += 1;
                Piece::Variable(name(&rest[..1]), quoted)
            }
            _ => {
                let len = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
                if len == 0 {
                    text.push(b'$');
                    return Ok(());
                }
                self.at += len;
                Piece::Variable(name(&rest[..len]), quoted)
            }
        };
        if !text.is_empty() {
            word.push(Piece::Text(std::mem::take(text)));
        }
        word.push(piece);
        Ok(())
    }
}

/// Where the parenthesis closes that `text` begins with. Quotes inside are looked at, but not what is in them.
fn nested(text: &[u8]) -> Option<usize> {
    let (mut depth, mut quote) = (0_usize, None);
    for (at, byte) in text.iter().enumerate() {
        match (quote, byte) {
            (None, b'(') => depth += 1,
            (None, b')') => {
                depth -= 1;
                if depth == 0 {
                    return Some(at);
                }
            }
            (None, b'\'' | b'"') => quote = Some(*byte),
            (Some(open), byte) if open == *byte => quote = None,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<Word> {
        let script = parse(text.as_bytes()).unwrap();
        script.into_iter().flat_map(|(_, pipeline)| pipeline).flat_map(|simple| simple.words).collect()
    }

    #[test]
    fn quotes_and_escapes_make_one_word() {
        for same in [r#"stat "it is""#, r"stat it\ is", r"stat 'it'\ 'is'"] {
            assert_eq!(words(same), words("stat 'it is'"), "{same}");
        }
        assert_eq!(words("echo ''").len(), 2);
        assert_eq!(words(r"echo 'a'\''b'"), words(r#"echo "a'b""#));
    }

    #[test]
    fn lists_and_pipes_are_told_apart() {
        let script = parse(b"a && b | c || d; e\nf # g").unwrap();
        let shape: Vec<_> = script.iter().map(|(when, pipeline)| (*when, pipeline.len())).collect();
        let always = (When::Always, 1);
        assert_eq!(shape, [always, (When::Good, 2), (When::Bad, 1), always, always]);
        for wrong in ["a &&", "| a", "'a", "a > ", "$(b", "(a)"] {
            assert!(parse(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn loops_and_choices_are_one_command() {
        let script = parse(b"for p in a 'b c'; do x $p && y; done; if t; then u; else v; fi 2>/dev/null | w").unwrap();
        assert_eq!(script.len(), 2);
        let Some(Compound::For(name, words, body)) = &script[0].1[0].compound else { panic!("{script:?}") };
        assert_eq!((name.as_str(), words.len(), body.len()), ("p", 2, 2));
        assert!(
            matches!(&script[1].1[0].compound, Some(Compound::If(_, good, bad)) if good.len() == 1 && bad.len() == 1)
        );
        assert_eq!((script[1].1[0].redirects.len(), script[1].1.len()), (1, 2));
        for wrong in ["for x in a; do b", "for in a; do b; done", "if a; then b", "done_ | ", "if ".repeat(50).as_str()]
        {
            assert!(parse(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn redirections_are_no_words() {
        let script = parse(b"a 2>&1 >/x 2>>y <z").unwrap();
        assert_eq!((script[0].1[0].words.len(), script[0].1[0].redirects.len()), (1, 4));
        assert_eq!(words("echo 2 x").len(), 3);
    }
}
