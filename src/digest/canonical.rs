//! JSON that is written one way only, so that its bytes can be hashed: RFC 8785, without floats.
//!
//! Keys are sorted by UTF-16 code units, nothing stands between tokens, integers keep all their digits (RFC 8785
//! section 3.2.2.3 would round above 2^53; here an integer is exact or it is refused).

use serde_json::Value;

/// The deepest nesting that is written: well below what `serde_json` reads back.
pub const MAX_DEPTH: usize = 64;

/// Why a value has no canonical form.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum NotCanonical {
    /// A number that is no integer of 64 bits.
    #[error("{0} is not an integer")]
    Float(String),
    /// Arrays and objects within each other beyond [`MAX_DEPTH`].
    #[error("{0} is nested too deep")]
    Depth(String),
}

/// The canonical bytes of `value`; they hold no line break.
///
/// # Errors
/// A float anywhere, or nesting beyond [`MAX_DEPTH`]; the path to it is named.
pub fn to_bytes(value: &Value) -> Result<Vec<u8>, NotCanonical> {
    let mut bytes = Vec::new();
    write(value, &mut bytes, &mut Vec::new())?;
    Ok(bytes)
}

fn write<'a>(value: &'a Value, into: &mut Vec<u8>, path: &mut Vec<Place<'a>>) -> Result<(), NotCanonical> {
    if path.len() > MAX_DEPTH {
        return Err(NotCanonical::Depth(spell(path)));
    }
    match value {
        Value::Null => into.extend_from_slice(b"null"),
        Value::Bool(true) => into.extend_from_slice(b"true"),
        Value::Bool(false) => into.extend_from_slice(b"false"),
        Value::Number(number) if number.is_i64() || number.is_u64() => {
            into.extend_from_slice(number.to_string().as_bytes());
        }
        Value::Number(_) => return Err(NotCanonical::Float(spell(path))),
        Value::String(text) => string(text, into),
        Value::Array(values) => {
            into.push(b'[');
            for (index, value) in values.iter().enumerate() {
                if index > 0 {
                    into.push(b',');
                }
                path.push(Place::Index(index));
                write(value, into, path)?;
                path.pop();
            }
            into.push(b']');
        }
        Value::Object(map) => {
            // A feature of serde_json that any dependency may switch on decides the map's own order.
            let mut entries: Vec<(&String, &Value)> = map.iter().collect();
            entries.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            into.push(b'{');
            for (index, (key, value)) in entries.into_iter().enumerate() {
                if index > 0 {
                    into.push(b',');
                }
                string(key, into);
                into.push(b':');
                path.push(Place::Key(key));
                write(value, into, path)?;
                path.pop();
            }
            into.push(b'}');
        }
    }
    Ok(())
}

/// Escapes as RFC 8785 section 3.2.2.2 does, which is also how `serde_json` does it.
fn string(text: &str, into: &mut Vec<u8>) {
    into.push(b'"');
    for c in text.chars() {
        match c {
            '"' => into.extend_from_slice(b"\\\""),
            '\\' => into.extend_from_slice(b"\\\\"),
            '\u{8}' => into.extend_from_slice(b"\\b"),
            '\t' => into.extend_from_slice(b"\\t"),
            '\n' => into.extend_from_slice(b"\\n"),
            '\u{c}' => into.extend_from_slice(b"\\f"),
            '\r' => into.extend_from_slice(b"\\r"),
            c if c < ' ' => into.extend_from_slice(format!("\\u{:04x}", u32::from(c)).as_bytes()),
            c => into.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    into.push(b'"');
}

enum Place<'a> {
    Key(&'a str),
    Index(usize),
}

fn spell(path: &[Place<'_>]) -> String {
    let mut text = String::from("$");
    for place in path {
        match place {
            Place::Key(key) => {
                text.push('.');
                text.extend(key.escape_debug());
            }
            Place::Index(index) => text.push_str(&format!("[{index}]")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_are_sorted_by_utf16_and_control_characters_escaped() {
        // RFC 8785 section 3.2.3: the emoji's surrogates sort before U+FB33.
        let value = json!({"\u{20ac}": 1, "\r": 2, "\u{fb33}": 3, "1": 4, "\u{1f600}": 5, "\u{80}": 6, "\u{f6}": 7});
        let text = String::from_utf8(to_bytes(&value).unwrap()).unwrap();
        assert_eq!(text, "{\"\\r\":2,\"1\":4,\"\u{80}\":6,\"\u{f6}\":7,\"\u{20ac}\":1,\"\u{1f600}\":5,\"\u{fb33}\":3}");
        assert_eq!(to_bytes(&json!("\u{1b}[2J\n")).unwrap(), br#""\u001b[2J\n""#);
    }

    #[test]
    fn a_float_is_refused_by_its_path() {
        let error = to_bytes(&json!({"steps": [{"ok": 1}, {"mv": 3.3}]})).unwrap_err();
        assert_eq!(error, NotCanonical::Float("$.steps[1].mv".into()));
        assert_eq!(to_bytes(&json!([u64::MAX, i64::MIN])).unwrap(), b"[18446744073709551615,-9223372036854775808]");
    }

    #[test]
    fn nesting_that_could_not_be_read_back_is_refused() {
        let mut value = json!(1);
        for _ in 0..MAX_DEPTH {
            value = json!([value]);
        }
        assert!(to_bytes(&value).is_ok());
        assert!(matches!(to_bytes(&json!([value])), Err(NotCanonical::Depth(_))));
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..6)
                    .prop_map(|map| Value::from(map.into_iter().collect::<serde_json::Map<_, _>>())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_was_written_reads_back_the_same_and_stands_on_one_line(value in values()) {
            let bytes = to_bytes(&value).unwrap();
            prop_assert!(!bytes.contains(&b'\n'));
            let back: Value = serde_json::from_slice(&bytes).unwrap();
            prop_assert_eq!(&back, &value);
            prop_assert_eq!(to_bytes(&back).unwrap(), bytes);
        }
    }
}
