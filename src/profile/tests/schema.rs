//! The schema and the loader say the same.

use serde_json::{Value, json};

use super::super::schema::schema;
use super::super::{facts, read, read_step, value};
use super::HEAD;

/// Judges by the keywords that our schema uses, and by no others: a new one must be added here.
fn valid(root: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    let Some(schema) = schema.as_object() else { return Ok(()) };
    let all = |key: &str| schema.get(key).and_then(Value::as_array).into_iter().flatten();
    let matching = |key: &str| all(key).filter(|s| valid(root, s, value).is_ok()).count();
    for (keyword, operand) in schema {
        let good = match keyword.as_str() {
            "$schema" | "$defs" | "title" | "description" | "format" | "default" => true,
            "$ref" => {
                let path = operand.as_str().unwrap().strip_prefix('#').unwrap();
                valid(root, root.pointer(path).unwrap(), value)?;
                true
            }
            "type" => {
                let is = |t: &str| match t {
                    "object" => value.is_object(),
                    "array" => value.is_array(),
                    "string" => value.is_string(),
                    "boolean" => value.is_boolean(),
                    "integer" => value.is_i64() || value.is_u64(),
                    "number" => value.is_number(),
                    "null" => value.is_null(),
                    other => panic!("type {other}"),
                };
                match operand {
                    Value::String(t) => is(t),
                    Value::Array(types) => types.iter().any(|t| is(t.as_str().unwrap())),
                    _ => panic!(),
                }
            }
            "const" => value == operand,
            "enum" => all("enum").any(|v| v == value),
            "anyOf" => matching("anyOf") > 0,
            "oneOf" => matching("oneOf") == 1,
            "required" => {
                value.as_object().is_none_or(|map| all("required").all(|k| map.contains_key(k.as_str().unwrap())))
            }
            "properties" => {
                for (key, schema) in operand.as_object().unwrap() {
                    if let Some(value) = value.get(key) {
                        valid(root, schema, value).map_err(|e| format!("{key}: {e}"))?;
                    }
                }
                true
            }
            "additionalProperties" => {
                let known = schema.get("properties").and_then(Value::as_object);
                for (key, value) in value.as_object().into_iter().flatten() {
                    if known.is_some_and(|known| known.contains_key(key)) {
                        continue;
                    }
                    if operand == &json!(false) {
                        return Err(format!("unknown key {key}"));
                    }
                    valid(root, operand, value).map_err(|e| format!("{key}: {e}"))?;
                }
                true
            }
            "propertyNames" => {
                value.as_object().is_none_or(|m| m.keys().all(|k| valid(root, operand, &json!(k)).is_ok()))
            }
            "items" => {
                for value in value.as_array().into_iter().flatten() {
                    valid(root, operand, value)?;
                }
                true
            }
            "minProperties" => value.as_object().is_none_or(|m| m.len() as u64 >= operand.as_u64().unwrap()),
            "maxProperties" => value.as_object().is_none_or(|m| m.len() as u64 <= operand.as_u64().unwrap()),
            "minItems" => value.as_array().is_none_or(|m| m.len() as u64 >= operand.as_u64().unwrap()),
            "minLength" => value.as_str().is_none_or(|m| m.chars().count() as u64 >= operand.as_u64().unwrap()),
            "maxLength" => value.as_str().is_none_or(|m| m.chars().count() as u64 <= operand.as_u64().unwrap()),
            "minimum" => value.as_f64().is_none_or(|v| v >= operand.as_f64().unwrap()),
            "maximum" => value.as_f64().is_none_or(|v| v <= operand.as_f64().unwrap()),
            "pattern" => {
                value.as_str().is_none_or(|v| regex::Regex::new(operand.as_str().unwrap()).unwrap().is_match(v))
            }
            other => panic!("keyword {other}"),
        };
        if !good {
            return Err(format!("{keyword} {operand} does not hold for {value}"));
        }
    }
    Ok(())
}

fn judge(text: &str) -> Result<(), String> {
    let schema = schema();
    valid(&schema, &schema, &serde_yaml::from_str(text).unwrap())
}

#[test]
fn the_whole_format_and_what_ships_are_valid() {
    judge(include_str!("full.yaml")).unwrap();
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/profiles")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "yaml") {
            judge(&std::fs::read_to_string(&path).unwrap()).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        }
    }
}

#[test]
fn keys_are_those_of_the_loader() {
    let schema = schema();
    let keys = |pointer: &str| -> Vec<String> {
        let map = schema.pointer(pointer).and_then(Value::as_object).unwrap_or_else(|| panic!("{pointer}"));
        map.keys().cloned().collect()
    };
    let sorted = |names: &[&str]| {
        let mut names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
        names.sort();
        names
    };
    let same =
        |def: &str, names: &[&str]| assert_eq!(keys(&format!("/$defs/{def}/properties")), sorted(names), "{def}");
    assert_eq!(keys("/properties"), sorted(&read::TOP));
    same("Match", &read::MATCH);
    same("ModeMatch", &facts::FIELDS);
    same("Link", &read::LINK);
    same("Identity", &read::IDENTITY);
    same("ArtifactFile", &read::ARTIFACT.into_iter().filter(|key| *key != "tree").collect::<Vec<_>>());
    same("ArtifactTree", &read::ARTIFACT.into_iter().filter(|key| *key != "file").collect::<Vec<_>>());
    same("Variant", &read::VARIANT);
    let kinds = read_step::KINDS.map(|(kind, _)| kind);
    let step: Vec<&str> = kinds.iter().chain(&read_step::COMMON).copied().collect();
    same("Step", &step);
    for (kind, names) in read_step::KINDS {
        let name = kind[..1].to_uppercase() + &kind[1..];
        same(&name, names);
    }
    same("Typed", &value::TYPES.map(|(name, _)| name));
    let sources = schema.pointer("/$defs/Input/oneOf").and_then(Value::as_array).unwrap();
    assert_eq!(sources.len(), read::SOURCES.len());
    for (source, (name, own)) in sources.iter().zip(read::SOURCES) {
        let known: Vec<&str> = own.iter().chain(&["from", "secret", "pattern"]).copied().collect();
        let found: Vec<String> = source["properties"].as_object().unwrap().keys().cloned().collect();
        assert_eq!(found, sorted(&known), "{name}");
        assert_eq!(source["properties"]["from"]["const"], name);
    }
}

#[test]
fn what_the_loader_refuses_the_schema_refuses() {
    for steps in [
        "- settings: { set: { a: 1 } }",
        "- settings: { set: { a: { u8: 1, hex: '00' } } }",
        "- settings: {}",
        "- files: { put: { /a: text } }",
        "- files: { put: { /a: { tree: b, text: c } } }",
        "- files: { put: { /a: { text: c, keep: [modes] } } }",
        "- apps: { install: [[{ a: b }]] }",
        "- apps: { remove: [com.x], grant: yes please }",
        "- reboot: {}\n  erase: { slot: a }",
        "- { name: a }",
        "- { reboot: {}, timeout: 60 }",
        "- { reboot: {}, verify: good }",
        "- firmware:",
        "- reboot: { too: dfu }",
    ] {
        let text = format!("{HEAD}steps:\n{steps}\n");
        assert!(super::super::load_text(&text, "p.yaml").is_err(), "loader: {steps}");
        assert!(judge(&text).is_err(), "schema: {steps}");
    }
    for top in [
        "match: {}",
        "match: { modes: { recvery: {} } }",
        "inputs: { a-b: { from: prompt } }",
        "inputs: { a: { from: env } }",
        "inputs: { a: { from: env, var: A, file: b } }",
        "link: { baud: 1 }",
        "artifacts: { a: { file: b, sha256: c } }",
    ] {
        let head = if top.starts_with("match") { HEAD.replace("match: { model: m }\n", "") } else { HEAD.to_owned() };
        let text = format!("{head}{top}\nsteps:\n- reboot:\n");
        assert!(super::super::load_text(&text, "p.yaml").is_err(), "loader: {top}");
        assert!(judge(&text).is_err(), "schema: {top}");
    }
}
