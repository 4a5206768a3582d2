//! Edits of a YAML text in place: comments and layout stay. Whoever edits reads the outcome again, because YAML can be
//! laid out in ways that an edit in place gets wrong.

use super::source::At;

/// Bytes of the text to be replaced.
pub(crate) struct Edit {
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) with: String,
}

/// Where a place is in the text, in bytes.
pub(crate) fn offset(at: &At) -> usize {
    let (line, column) = at.position();
    let text = at.text();
    let start: usize = text.split_inclusive('\n').take(line - 1).map(str::len).sum();
    start + text[start..].chars().take(column - 1).map(char::len_utf8).sum::<usize>()
}

/// Where the scalar that starts at `from` ends.
pub(crate) fn scalar_end(text: &str, from: usize, flow: bool) -> usize {
    let rest = &text[from..];
    let bytes = rest.as_bytes();
    match bytes.first() {
        Some(quote @ (b'"' | b'\'')) => {
            let mut index = 1;
            while let Some(byte) = bytes.get(index) {
                match byte {
                    b'\\' if *quote == b'"' => index += 1,
                    byte if byte == quote && *quote == b'\'' && bytes.get(index + 1) == Some(quote) => index += 1,
                    byte if byte == quote => return from + index + 1,
                    _ => {}
                }
                index += 1;
            }
            text.len()
        }
        _ => {
            let line = rest.lines().next().unwrap_or_default();
            let line = line.find(" #").map_or(line, |at| &line[..at]);
            let end = if flow { line.find([',', '}']).unwrap_or(line.len()) } else { line.len() };
            from + line[..end].trim_end().len()
        }
    }
}

/// The text after all `edits`.
pub(crate) fn apply(text: &str, mut edits: Vec<Edit>) -> String {
    edits.sort_by_key(|edit| std::cmp::Reverse(edit.from));
    let mut untouched = text.len();
    let mut text = text.to_owned();
    for edit in edits {
        // Aliases can lead two edits to one place; the comparison afterwards finds what is missing.
        if edit.to > untouched {
            continue;
        }
        untouched = edit.from;
        text.replace_range(edit.from..edit.to, &edit.with);
    }
    text
}
