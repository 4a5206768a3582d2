//! `profile schema`: the JSON Schema that editors use. It says what a key is for; the loader says what is wrong.
//!
//! These types exist for their descriptions only. A test holds their keys to those that the loader knows.
#![expect(dead_code, reason = "the fields are read by the schema's derivation, not by code")]

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Value as Json, json};

use super::model::{Answer, Limit, Once};
use super::read_step::KINDS;
use crate::device::{Activate, Level, Mode, Proof};

/// The JSON Schema (draft 2020-12) of a profile.
#[must_use]
pub fn schema() -> Json {
    let mut schema: Json = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Profile>().into();
    drop_null(&mut schema);
    // A kind without needs may stand without a body: `- reboot:`.
    for kind in ["diagnose", "backup", "reboot"] {
        if let Some(body) = schema.pointer_mut(&format!("/$defs/Step/properties/{kind}")) {
            *body = json!({ "anyOf": [body.take(), { "type": "null" }] });
        }
    }
    if let Some(step) = schema.pointer_mut("/$defs/Step") {
        step["oneOf"] = KINDS.iter().map(|(kind, _)| json!({ "required": [kind] })).collect();
    }
    if let Some(modes) = schema.pointer_mut("/$defs/Match/properties/modes") {
        modes["propertyNames"] = json!({ "$ref": "#/$defs/Mode" });
        modes["minProperties"] = 1.into();
    }
    if let Some(inputs) = schema.pointer_mut("/properties/inputs") {
        inputs["propertyNames"] = json!({ "pattern": "^[A-Za-z_][A-Za-z0-9_]*$" });
    }
    // A file that extends another may leave to it what it does not give.
    schema["anyOf"] = json!([{ "required": ["extends"] }, { "required": ["name", "version", "match", "steps"] }]);
    schema
}

/// A key may be left away, but `null` is no value for it.
fn drop_null(schema: &mut Json) {
    match schema {
        Json::Object(map) => {
            if let Some(Json::Array(types)) = map.get_mut("type") {
                types.retain(|t| t != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    map.insert("type".into(), only);
                }
            }
            if let Some(Json::Array(any)) = map.get_mut("anyOf") {
                any.retain(|s| *s != json!({ "type": "null" }));
                if let [only] = any.as_slice() {
                    let only = only.clone();
                    map.remove("anyOf");
                    if let Json::Object(only) = only {
                        map.extend(only);
                    }
                }
            }
            map.retain(|key, value| key != "default" || !value.is_null());
            map.values_mut().for_each(drop_null);
        }
        Json::Array(items) => items.iter_mut().for_each(drop_null),
        _ => {}
    }
}

/// A Hardwire profile: which units it fits, and what must be true of them afterwards.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, title = "Hardwire profile")]
struct Profile {
    /// The format of this file.
    #[schemars(extend("const" = 1))]
    format: u32,
    /// The profile's name.
    #[schemars(length(min = 1, max = 128))]
    name: Option<String>,
    /// The profile's version; in quotes when it looks like a number.
    #[schemars(length(min = 1, max = 128))]
    version: Option<String>,
    /// A profile, relative to this one, that gives what this one does not. `inputs`, `artifacts` and `link` are merged entry by entry, everything else is replaced.
    extends: Option<String>,
    /// The units that are meant: every entry must hold.
    #[schemars(extend("minProperties" = 1))]
    r#match: Option<Match>,
    /// How a link is opened.
    link: Option<Link>,
    /// The least level of evidence for every step (default: digest).
    verify: Option<Level>,
    /// By what a unit is known: where one without a serial number of its own keeps one, and how sure it must be.
    identity: Option<Identity>,
    /// The values that differ from unit to unit.
    inputs: Option<BTreeMap<String, Input>>,
    /// The files, pinned by their digest.
    artifacts: Option<BTreeMap<String, Artifact>>,
    /// What differs for some of the units; at most one may fit.
    variants: Option<Vec<Variant>>,
    /// What must be true, in order.
    #[schemars(length(min = 1))]
    steps: Option<Vec<Step>>,
}

/// One value, or several of which any is good.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum AnyOf {
    One(String),
    Any(Vec<String>),
}

/// Every entry must hold; what a mode cannot show is unknown there, not false.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Match {
    /// The model that the unit reports.
    model: Option<AnyOf>,
    /// The hardware revision.
    hardware: Option<AnyOf>,
    /// The serial number.
    serial: Option<AnyOf>,
    /// The driver that speaks to it.
    driver: Option<AnyOf>,
    /// The USB id, such as "2fe3:0100".
    usb: Option<AnyOf>,
    /// The modes in which the unit may be met, and what holds in each.
    modes: Option<BTreeMap<Mode, ModeMatch>>,
}

/// What holds in one mode.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct ModeMatch {
    /// The model that the unit reports.
    model: Option<AnyOf>,
    /// The hardware revision.
    hardware: Option<AnyOf>,
    /// The serial number.
    serial: Option<AnyOf>,
    /// The driver that speaks to it.
    driver: Option<AnyOf>,
    /// The USB id, such as "2fe3:0100".
    usb: Option<AnyOf>,
}

/// How a link is opened; what `-d` says wins.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Link {
    /// Bits a second.
    #[schemars(range(min = 50, max = 20_000_000))]
    baud: Option<u32>,
    /// Flow control.
    flow: Option<Flow>,
    /// The DTR line.
    dtr: Option<Line>,
    /// The RTS line.
    rts: Option<Line>,
    /// Who an Android unit's daemon runs as: it begins anew where it does not.
    root: Option<Root>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
enum Root {
    Keep,
    Yes,
    No,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
enum Flow {
    None,
    RtsCts,
    XonXoff,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
enum Line {
    Keep,
    On,
    Off,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Identity {
    /// The settings key that holds the serial number.
    settings: Option<String>,
    /// What a unit must show, at the least, to be known again after a restart (default: port).
    proof: Option<Proof>,
}

/// A value that differs from unit to unit, and where it comes from. `--input NAME=VALUE` wins over all of these.
#[derive(JsonSchema)]
#[schemars(tag = "from", rename_all = "lowercase", deny_unknown_fields)]
enum Input {
    /// A row of an identity pool; a value is never handed out twice.
    Pool { pool: String, field: String, secret: Option<bool>, pattern: Option<String> },
    /// A person types it.
    Prompt { say: Option<String>, secret: Option<bool>, pattern: Option<String> },
    /// A person scans it.
    Scan { say: Option<String>, secret: Option<bool>, pattern: Option<String> },
    /// An environment variable.
    Env { var: String, secret: Option<bool>, pattern: Option<String> },
    /// The text of a file, without the newline at its end.
    File { file: String, secret: Option<bool>, pattern: Option<String> },
    /// This very text.
    Literal { value: String, secret: Option<bool>, pattern: Option<String> },
}

/// A file, or a folder with all that is in it.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Artifact {
    File(ArtifactFile),
    Tree(ArtifactTree),
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct ArtifactFile {
    /// The file, beside the profile or below it.
    file: String,
    /// SHA-256 in hex; `hardwire profile lock` fills it in.
    #[schemars(regex(pattern = "^[0-9a-fA-F]{64}$"))]
    sha256: Option<String>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct ArtifactTree {
    /// The folder, beside the profile or below it.
    tree: String,
    /// SHA-256 in hex over what is in it; `hardwire profile lock` fills it in.
    #[schemars(regex(pattern = "^[0-9a-fA-F]{64}$"))]
    sha256: Option<String>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Variant {
    /// What the record calls it.
    name: String,
    /// The units that it is for.
    r#match: Match,
    /// Artifacts that stand in for those of the profile.
    artifacts: Option<BTreeMap<String, Artifact>>,
}

/// One step: exactly one kind, and how it is carried out.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Step {
    /// A unique name (default: number and kind).
    #[schemars(length(min = 1, max = 64))]
    name: Option<String>,
    /// A condition over inputs and `unit.*`; the step is skipped when it does not hold.
    when: Option<String>,
    /// The least level of evidence.
    verify: Option<Level>,
    /// A later step that proves this one.
    proved_by: Option<String>,
    /// The mode or driver that it needs.
    r#in: Option<String>,
    /// How often it is tried again.
    #[schemars(range(max = 100))]
    retries: Option<u32>,
    /// How long it may take: `500ms`, `60s`, `5m`.
    #[schemars(regex(pattern = "^[0-9]+(ms|s|m|h)$"))]
    timeout: Option<String>,
    /// Whether it runs after failure and cancellation too.
    always: Option<bool>,
    /// How often an action that is no state is done (default: run).
    once: Option<Once>,
    /// Whether it is only looked at, when its turn comes: what is not so ends the run.
    check: Option<bool>,
    /// What a person at the line reads instead of the error when it fails: what to do with the unit.
    on_fail: Option<String>,
    /// A firmware image in a slot.
    firmware: Option<Firmware>,
    /// Settings that have these values, or are gone.
    settings: Option<Settings>,
    /// Files that have this content.
    files: Option<Files>,
    /// Applications that are installed, or gone.
    apps: Option<Apps>,
    /// A question to the person at the bench.
    ask: Option<Ask>,
    /// Measurements, judged by limits.
    diagnose: Option<Diagnose>,
    /// A backup into the vault; without lists: what the profile names.
    backup: Option<Backup>,
    /// A backup of this unit, put back.
    restore: Option<Restore>,
    /// A restart.
    reboot: Option<Reboot>,
    /// A command on the unit's shell.
    console: Option<Console>,
    /// A firmware slot that is empty.
    erase: Option<Erase>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Firmware {
    /// The artifact that holds the image.
    artifact: String,
    /// The slot: `secondary`, `primary`, `1/secondary`, or as `hardwire info` names it (default: secondary; the only
    /// one of a unit that has one).
    slot: Option<String>,
    /// What is done with it (default: confirm).
    activate: Option<Activate>,
    /// What the artifact is: an image, or a factory archive of a phone with an image for each partition (default: image).
    layout: Option<Layout>,
    /// Of a factory archive: user data are erased when other images are written (default: false).
    wipe: Option<bool>,
    /// Of a factory archive: the bootloader and the radio that it brings are written too, which nothing but the unit's
    /// word shows (default: false).
    loaders: Option<bool>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
#[expect(dead_code, reason = "the schema is made of it")]
enum Layout {
    Image,
    Factory,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("minProperties" = 1))]
struct Settings {
    /// Key to value.
    set: Option<BTreeMap<String, SettingValue>>,
    /// Keys that must not exist.
    delete: Option<Vec<String>>,
}

/// Text as it is, or a typed value. A bare number says nothing about its width.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum SettingValue {
    Text(String),
    Typed(Box<Typed>),
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("minProperties" = 1, "maxProperties" = 1))]
struct Typed {
    /// UTF-8, without a terminator.
    str: Option<String>,
    /// Bytes in hex; `:`, `-` and blanks do not count.
    hex: Option<String>,
    /// One byte.
    u8: Option<Number>,
    /// Two bytes, least significant first.
    u16le: Option<Number>,
    /// Four bytes, least significant first.
    u32le: Option<Number>,
    /// Eight bytes, least significant first.
    u64le: Option<Number>,
    /// One byte, two's complement.
    i8: Option<Number>,
    /// Two bytes, two's complement, least significant first.
    i16le: Option<Number>,
    /// Four bytes, two's complement, least significant first.
    i32le: Option<Number>,
    /// Eight bytes, two's complement, least significant first.
    i64le: Option<Number>,
    /// IEEE 754 single precision, least significant byte first.
    f32le: Option<Fraction>,
    /// One byte, 1 or 0.
    bool: Option<Truth>,
    /// Compact JSON; its texts may be templates.
    #[schemars(default, schema_with = "anything")]
    json: Json,
}

/// A number, or text that renders to one.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Number {
    Number(i128),
    Text(String),
}

/// A number, or text that renders to one.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Fraction {
    Number(f64),
    Text(String),
}

/// True or false, or text that renders to one of them.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Truth {
    Bool(bool),
    Text(String),
}

fn anything(_: &mut SchemaGenerator) -> Schema {
    Schema::default()
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Files {
    /// Absolute path on the unit to content.
    #[schemars(extend("minProperties" = 1))]
    put: Option<BTreeMap<String, FileContent>>,
    /// Folders that hold no files.
    empty: Option<Vec<String>>,
}

/// What a file holds, or a folder.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum FileContent {
    File(OneFile),
    Tree(TreeContent),
}

/// Exactly one of these.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("minProperties" = 1, "maxProperties" = 1))]
struct OneFile {
    /// The bytes of an artifact.
    artifact: Option<String>,
    /// Text; may be a template.
    text: Option<String>,
    /// Bytes in hex.
    hex: Option<String>,
}

/// A folder that holds what is in an artifact.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct TreeContent {
    /// The artifact, which is a tree.
    tree: String,
    /// What else of its files is brought to the unit (default: nothing): permissions (`rwxr-xr-x` for what can be
    /// executed, `rw-r--r--` for the rest), times.
    keep: Option<Vec<Kept>>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
enum Kept {
    Modes,
    Times,
}

/// An artifact, or several of which one application is made.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum App {
    One(String),
    Split(Vec<String>),
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("minProperties" = 1))]
struct Apps {
    /// Applications to install: an artifact each, or the list of those of which one is made (a base and its splits).
    install: Option<Vec<App>>,
    /// Packages that must be gone.
    remove: Option<Vec<String>>,
    /// Whether an older version may replace a newer one (default: false).
    downgrade: Option<bool>,
    /// Whether the permissions that they ask for at run time are granted (default: false).
    grant: Option<bool>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Ask {
    /// What to ask.
    say: String,
    /// What kind of answer (default: pass-fail).
    answer: Option<Answer>,
    /// How long to wait for it.
    #[schemars(regex(pattern = "^[0-9]+(ms|s|m|h)$"))]
    timeout: Option<String>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Diagnose {
    /// Measurement to limits.
    expect: Option<BTreeMap<String, Limit>>,
    /// Reports that are kept in the vault, such as `logcat` or `bugreport`.
    attach: Option<Vec<Attach>>,
}

/// A report by its name, or with the time that it is of.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Attach {
    Named(String),
    Since(AttachSince),
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct AttachSince {
    /// The report.
    report: String,
    /// Of how long ago to now: `30m`.
    #[schemars(regex(pattern = "^[0-9]+(ms|s|m|h)$"))]
    last: Option<String>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Backup {
    /// Paths on the unit: files, or folders with all that is in them.
    files: Option<Vec<String>>,
    /// Packages of applications; `*` is every one that does not belong to the system.
    apps: Option<Vec<String>>,
    /// Settings keys.
    settings: Option<Vec<String>>,
    /// Firmware slots, of units that let them be read.
    firmware: Option<Vec<String>>,
    /// A name for it.
    label: Option<String>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Restore {
    /// Its digest, or the beginning of it (default: the newest of the unit).
    backup: Option<String>,
    /// The label that the newest must have.
    label: Option<String>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Reboot {
    /// The mode to come back in (default: application).
    to: Option<Mode>,
    /// The slot that it is to run from, of a phone in its bootloader that has two: `a` or `b`.
    slot: Option<String>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Console {
    /// The command line.
    run: String,
    /// A text that must stand in its output.
    expect: Option<String>,
    /// An artifact that the unit is given for it beforehand (fastboot's `stage`).
    stage: Option<String>,
    /// The name under which what it leaves to be taken is kept in the vault (fastboot's `get_staged`).
    take: Option<String>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Erase {
    /// The firmware slot.
    slot: String,
}
