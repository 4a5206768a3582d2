//! What is wrong, where, and what to do: golden texts.

use super::{Bench, HEAD};

/// The error of loading and preparing `text`, with its place.
fn wrong(text: &str) -> String {
    wrong_with(text, &[])
}

fn wrong_with(text: &str, files: &[(&str, &str)]) -> String {
    let mut all = vec![("p.yaml", text)];
    all.extend_from_slice(files);
    let bench = Bench::new(&all);
    let error = bench.prepare().err().expect("this profile must be refused");
    assert_eq!(error.kind(), crate::error::Kind::Invalid);
    bench.said(&error)
}

fn step(body: &str) -> String {
    wrong(&format!("{HEAD}steps:\n{body}\n"))
}

#[test]
fn an_unknown_key_names_the_nearest() {
    insta::assert_snapshot!(wrong("format: 1\nname: t\nversion: 1.0.0\nmach: { model: m }\nsteps: []\n"), @"p.yaml:4:1: a profile knows no key `mach` (did you mean `match`?); it takes `format`, `name`, `version`, `extends`, `match`, `link`, `verify`, `identity`, `inputs`, `artifacts`, `variants` or `steps`");
    insta::assert_snapshot!(step("  - settings: { set: { a: b } }\n    retires: 3"), @"p.yaml:7:5: step 1 knows no key `retires` (did you mean `retries`?); it takes `firmware`, `settings`, `files`, `apps`, `ask`, `diagnose`, `backup`, `restore`, `reboot`, `console`, `erase`, `name`, `when`, `verify`, `proved_by`, `in`, `retries`, `timeout`, `always`, `once`, `check` or `on_fail`");
    insta::assert_snapshot!(step("  - firmware: { artefact: app }"), @"p.yaml:6:17: `firmware` knows no key `artefact` (did you mean `artifact`?); it takes `artifact`, `slot`, `activate`, `layout`, `wipe` or `loaders`");
    insta::assert_snapshot!(step("  - files:\n    put: { /a: { text: b } }"), @"p.yaml:7:5: `put` belongs below `files`; indent it further");
    insta::assert_snapshot!(step("  - setings: { set: { a: b } }"), @"p.yaml:6:5: step 1 knows no key `setings` (did you mean `settings`?); it takes `firmware`, `settings`, `files`, `apps`, `ask`, `diagnose`, `backup`, `restore`, `reboot`, `console`, `erase`, `name`, `when`, `verify`, `proved_by`, `in`, `retries`, `timeout`, `always`, `once`, `check` or `on_fail`");
}

#[test]
fn a_factory_archive_is_written_as_it_can_be() {
    let firmware = |rest: &str, more: &str| {
        wrong(&format!(
            "{HEAD}artifacts: {{ all: {{ file: all.zip }} }}\nsteps:\n  - firmware: {{ artifact: all, {rest} }}\n{more}"
        ))
    };
    for (rest, more, says) in [
        ("wipe: true", "", "`wipe` is for a factory archive: say `layout: factory`"),
        ("layout: image, loaders: true", "", "`loaders` is for a factory archive"),
        ("layout: factory, activate: test", "", "a phone cannot run its images on trial"),
        ("layout: factory, slot: boot_a", "", "`slot` of a factory archive"),
        ("layout: zip", "", "`layout`"),
        ("layout: factory", "    in: bootloader\n", "a factory archive says itself in which mode"),
    ] {
        let said = firmware(rest, more);
        assert!(said.starts_with("p.yaml:") && said.contains(says), "{said}");
    }
}

#[test]
fn what_a_secret_command_leaves_is_not_kept() {
    let secret = "inputs: { key: { from: literal, value: k, secret: true } }\nsteps:\n  - console: { run: \"oem {{ key }}\", take: out }\n";
    let said = wrong(&format!("{HEAD}{secret}"));
    assert!(said.contains("p.yaml:7:") && said.contains("may well repeat it"), "{said}");
    let said = step("  - console: { run: oem x, take: \"a b\" }");
    assert!(said.contains("`a b` names no report"), "{said}");
}

#[test]
fn a_tab_is_explained() {
    insta::assert_snapshot!(step("\t- settings: { set: { a: b } }"), @r#"
    p.yaml:6:1: a tab: YAML indents with spaces only
      next: put spaces where the tab is
    "#);
}

#[test]
fn what_is_not_yaml_is_placed() {
    insta::assert_snapshot!(step("  - settings: { set: { a: b }"), @"p.yaml:7:1: did not find expected ',' or '}', while parsing a flow mapping");
    insta::assert_snapshot!(wrong(""), @"p.yaml:1:1: a profile is a map that starts with `format: 1`, not nothing");
    insta::assert_snapshot!(wrong("- 1\n"), @"p.yaml:1:1: a profile is a map that starts with `format: 1`, not a list");
    insta::assert_snapshot!(step("  - settings: { set: { a: b, a: c } }"), @"p.yaml:6:30: key `a` stands here twice");
    insta::assert_snapshot!(step("  - settings: { set: { 1: b } }"), @"p.yaml:6:24: a key that is not text; put it in quotes");
    insta::assert_snapshot!(step("  - settings: !x { set: { a: b } }"), @"p.yaml:6:15: a tag (`!…`) has no place in a profile; quote text that starts with `!`");
}

#[test]
fn yaml_beyond_one_plain_document_is_refused() {
    insta::assert_snapshot!(wrong(&format!("{HEAD}steps:\n  - reboot:\n---\na: b\n")), @"p.yaml:1:1: a profile is one document; a line `---` starts a second");
    insta::assert_snapshot!(step("  - console: { run: *nothing }"), @"p.yaml:6:21: an alias to no anchor; quote text that starts with `*`");
    insta::assert_snapshot!(step("  - console: { run: \"a }"), @"p.yaml:7:1: found unexpected end of stream, while scanning a quoted scalar");
    insta::assert_snapshot!(step("  - console: { run: @a }"), @"p.yaml:6:21: text cannot start with this character; put it in quotes");
    insta::assert_snapshot!(step("  - reboot:\n - reboot:"), @"p.yaml:7:2: this line does not fit those above it; check its indentation");
    insta::assert_snapshot!(step("  - settings:\n      set:\n\t    a: b"), @r#"
    p.yaml:8:1: a tab: YAML indents with spaces only
      next: put spaces where the tab is
    "#);
    insta::assert_snapshot!(step("  - console:\n      run: a: b"), @"p.yaml:7:13: a `:` that cannot stand here; put text that holds one in quotes, or check the indentation");
    insta::assert_snapshot!(step("  - console: { run: {{ unit.serial }} }"), @r#"p.yaml:6:22: braces in braces; a template stands in quotes: "{{ … }}""#);
    insta::assert_snapshot!(step("  - << : { reboot: {} }"), @"p.yaml:6:5: step 1 knows no key `<<`; it takes `firmware`, `settings`, `files`, `apps`, `ask`, `diagnose`, `backup`, `restore`, `reboot`, `console`, `erase`, `name`, `when`, `verify`, `proved_by`, `in`, `retries`, `timeout`, `always`, `once`, `check` or `on_fail`");
}

#[test]
fn formats_and_matches() {
    insta::assert_snapshot!(wrong("name: t\n"), @"p.yaml:1:1: a profile lacks its `format`; this Hardwire reads `format: 1`");
    insta::assert_snapshot!(wrong("format: 2\nname: t\n"), @"p.yaml:1:9: format 2 is newer than this Hardwire, which reads 1");
    insta::assert_snapshot!(wrong("format: 1\nname: t\nversion: 1.0.0\nmatch: {}\nsteps: []\n"), @"p.yaml:4:8: `match` is empty and would fit every unit; name a model, a driver or a USB id");
    insta::assert_snapshot!(wrong("format: 1\nname: t\nversion: 1.0.0\nmatch: { modes: { recovery: {} } }\nsteps: []\n"), @"p.yaml:4:8: `match` is empty and would fit every unit; name a model, a driver or a USB id");
    insta::assert_snapshot!(wrong("format: 1\nname: t\nversion: 1.0.0\nmatch: { usb: 2fe3-0100 }\nsteps: []\n"), @r#"p.yaml:4:15: `2fe3-0100` is no USB id; it looks like "2fe3:0100""#);
    insta::assert_snapshot!(wrong("format: 1\nname: t\nversion: 1.0\nmatch: { model: m }\nsteps: []\n"), @"p.yaml:3:10: `version` must be text, not a number; put it in quotes");
    insta::assert_snapshot!(wrong(&format!("{HEAD}link: {{ baud: fast }}\nsteps: []\n")), @"p.yaml:5:15: `link.baud` must be a whole number, not text");
}

#[test]
fn settings_carry_their_type() {
    insta::assert_snapshot!(step("  - settings:\n      set:\n        net/port: 1883"), @r#"p.yaml:8:19: setting `net/port`: a bare number says nothing about its width; write { u32le: 1883 } or the like, or "1883" for text"#);
    insta::assert_snapshot!(step("  - settings: { set: { a: { u8: 256 } } }"), @"p.yaml:6:33: 256 is not within u8 (0 to 255)");
    insta::assert_snapshot!(step("  - settings: { set: { a: { u32: 1 } } }"), @"p.yaml:6:29: setting `a` knows no key `u32` (did you mean `u32le`?); it takes `str`, `hex`, `u8`, `u16le`, `u32le`, `u64le`, `i8`, `i16le`, `i32le`, `i64le`, `f32le`, `bool` or `json`");
    insta::assert_snapshot!(step("  - settings: { set: { a: { u16le: x } } }"), @"p.yaml:6:36: `x` does not suit u16le");
    insta::assert_snapshot!(step("  - settings: { set: { a: { hex: abc } } }"), @"p.yaml:6:34: `abc` does not suit hex: hex is pairs of 0-9 and a-f");
    insta::assert_snapshot!(step("  - settings: { set: { a: true } }"), @r#"p.yaml:6:27: setting `a`: a bare true has no layout; write { bool: true }, or "true" for text"#);
    insta::assert_snapshot!(step("  - { reboot: {}, check: true }"), @"p.yaml:6:26: `reboot` is no state that `check` could look at");
    insta::assert_snapshot!(step("  - restore: { backup: 3f, label: a }"), @"p.yaml:6:35: `label` chooses the newest backup that has it, and `backup` names one");
    insta::assert_snapshot!(step("  - files: {}"), @"p.yaml:6:12: `files` does nothing; give it `put` or `empty`");
    insta::assert_snapshot!(step("  - files: { empty: [/] }"), @"p.yaml:6:22: the unit's path `/` may not hold `.`, `..` or empty parts");
    insta::assert_snapshot!(step("  - files: { empty: [/a/../b] }"), @"p.yaml:6:22: the unit's path `/a/../b` may not hold `.`, `..` or empty parts");
    insta::assert_snapshot!(step("  - settings: {}"), @"p.yaml:6:15: `settings` does nothing; give it `set` or `delete`");
}

#[test]
fn steps_are_checked_against_each_other() {
    let two = "  - { reboot: {}, name: a }\n  - { reboot: {}, name: ";
    insta::assert_snapshot!(step(&format!("{two}a }}")), @"p.yaml:7:5: steps 1 and 2 are both called `a`");
    insta::assert_snapshot!(step("  - reboot:\n  - { diagnose: {}, name: 1-reboot }"), @"p.yaml:7:5: steps 1 and 2 are both called `1-reboot`");
    insta::assert_snapshot!(step(&format!("{two}b, proved_by: a }}")), @"p.yaml:7:39: `a` runs before `b`; only a later step can prove one");
    insta::assert_snapshot!(step("  - { reboot: {}, name: a, proved_by: chek }\n  - { diagnose: {}, name: check }"), @"p.yaml:6:39: `chek` names no step (did you mean `check`?)");
    insta::assert_snapshot!(step("  - { reboot: {}, timeout: 60 }"), @"p.yaml:6:28: `timeout` needs its unit: write `60s` for seconds");
    insta::assert_snapshot!(step("  - { reboot: {}, timeout: 1 minute }"), @"p.yaml:6:28: `timeout` is a time such as `500ms`, `60s` or `5m`, not `1 minute`");
    insta::assert_snapshot!(step("  - { reboot: {}, in: recvery }"), @"p.yaml:6:23: `in` is a mode or a driver, not `recvery` (did you mean `recovery`?)");
    insta::assert_snapshot!(step("  - { reboot: {}, erase: { slot: a } }"), @"p.yaml:6:26: step 1 is both `reboot` and `erase`; make two steps of it");
    insta::assert_snapshot!(step("  - { name: a }"), @"p.yaml:6:5: step 1 has no kind; it is one of `firmware`, `settings`, `files`, `apps`, `ask`, `diagnose`, `backup`, `restore`, `reboot`, `console` or `erase`");
}

#[test]
fn templates_name_what_exists() {
    insta::assert_snapshot!(step("  - settings: { set: { a: '{{ serail }}' } }"), @"p.yaml:6:27: `serail` names no input; declare it under `inputs`");
    let inputs =
        format!("{HEAD}inputs: {{ serial: {{ from: prompt }}, psk: {{ from: env, var: P, secret: true }} }}\nsteps:\n");
    insta::assert_snapshot!(wrong(&format!("{inputs}  - settings: {{ set: {{ a: '{{{{ serail }}}}' }} }}")), @"p.yaml:7:27: `serail` names no input (did you mean `serial`?); declare it under `inputs`");
    insta::assert_snapshot!(step("  - settings: { set: { a: '{{ unit.serail }}' } }"), @"p.yaml:6:27: a unit has no `serail` (did you mean `serial`?); it has serial, model, hardware, mode, driver");
    insta::assert_snapshot!(step("  - settings: { set: { a: '{{ 1 +' } }"), @r#"p.yaml:6:27: `{{` has no `}}`; literal braces are written {{ "{{" }}"#);
    insta::assert_snapshot!(step("  - settings: { set: { a: '{{ \"x\" * 9 }}' } }"), @r#"p.yaml:6:27: `"x" * 9` multiplies; values are text"#);
    insta::assert_snapshot!(step("  - settings: { set: { a: '{{ range(9) }}' } }"), @"p.yaml:6:27: `range` names no input; declare it under `inputs`");
    insta::assert_snapshot!(wrong(&format!("{inputs}  - ask: {{ say: 'Is {{{{ psk }}}} right?' }}")), @"p.yaml:7:17: `say` would show a secret");
    insta::assert_snapshot!(wrong(&format!("{inputs}  - reboot: {{}}\n    on_fail: 'Was {{{{ psk }}}}'")), @"p.yaml:8:14: `on_fail` would show a secret");
    insta::assert_snapshot!(
        wrong(&format!("{inputs}  - settings: {{ set: {{ k: '{{{{ psk }}}}' }} }}\n  - backup: {{ settings: [k] }}")),
        @r#"
        p.yaml:8:26: setting `k` holds a secret and cannot be backed up until the vault can encrypt
          next: take it out of this `backup`
        "#
    );
}

#[test]
fn artifacts_are_what_they_were() {
    let one = |spec: &str| format!("{HEAD}artifacts:\n  app: {spec}\nsteps:\n  - firmware: {{ artifact: app }}\n");
    let pin = "03ac674216f3e15c761ee1a5e255f067953623c8b388b4459e13f978d7c846f4";
    let pinned = one(&format!("{{ file: a.bin, sha256: {pin} }}"));
    insta::assert_snapshot!(wrong(&pinned), @r#"
    p.yaml:6:16: artifact `app`, file a.bin cannot be read
      caused by: No such file or directory (os error 2)
      next: put the file there, or correct the path; it is relative to the profile
    "#);
    insta::assert_snapshot!(wrong_with(&pinned, &[("a.bin", "other")]), @r#"
    p.yaml:6:16: artifact `app` (a.bin) is not the pinned file: expected sha256 03ac674216f3e15c761ee1a5e255f067953623c8b388b4459e13f978d7c846f4, found d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa
      next: bring back the right file, or, if the new one is meant, pin it with `hardwire profile lock p.yaml`
    "#);
    insta::assert_snapshot!(wrong_with(&one("{ file: a.bin }"), &[("a.bin", "1234")]), @r#"
    p.yaml:6:16: artifact `app` (a.bin) is not pinned: it has no `sha256`
      next: pin what lies there now with `hardwire profile lock p.yaml`
    "#);
    insta::assert_snapshot!(wrong(&one("{ file: ../a.bin }")), @r#"
    p.yaml:6:16: `../a.bin` leaves the profile's folder (`..`)
      next: put the file beside the profile or below it
    "#);
    insta::assert_snapshot!(wrong(&one("{ file: /a.bin }")), @r#"
    p.yaml:6:16: `/a.bin` is absolute; files are named relative to the profile
      next: put the file, or a symbolic link to it, beside the profile
    "#);
    insta::assert_snapshot!(wrong(&one("{ file: a.bin, sha256: 9f86… }")), @r#"
    p.yaml:6:31: `sha256` of artifact `app` must be 64 hex digits
      next: `hardwire profile lock PROFILE` fills it in
    "#);
    insta::assert_snapshot!(step("  - firmware: { artifact: app }"), @"p.yaml:6:27: `app` names no artifact; declare it under `artifacts`");
}

#[test]
fn files_name_clean_paths() {
    insta::assert_snapshot!(step("  - files: { put: { lfs1/a: { text: b } } }"), @"p.yaml:6:21: the unit's path `lfs1/a` must start with /");
    insta::assert_snapshot!(step("  - files: { put: { /lfs1/../a: { text: b } } }"), @"p.yaml:6:21: the unit's path `/lfs1/../a` may not hold `.`, `..` or empty parts");
    insta::assert_snapshot!(step("  - files: { put: { \"/lfs1/\\e[2J\": { text: b } } }"), @r#"p.yaml:6:21: the unit's path `/lfs1/\u{1b}[2J` holds a control character"#);
    insta::assert_snapshot!(step("  - files: { put: { /lfs1/a: hello } }"), @r#"p.yaml:6:30: the content of /lfs1/a needs its kind: { artifact: NAME } or { text: "hello" }"#);
    insta::assert_snapshot!(step("  - files: { put: { /lfs1/a: { text: a, hex: b } } }"), @"p.yaml:6:30: the content of /lfs1/a is exactly one of `artifact`, `text`, `hex` or `tree`");
}

#[test]
fn extends_finds_its_way() {
    let child = "format: 1\nextends: b.yaml\n";
    insta::assert_snapshot!(wrong(child), @r#"
    p.yaml:2:10: `extends: b.yaml` cannot be followed
      caused by: cannot read profile b.yaml
      caused by: No such file or directory (os error 2)
      next: check the path; `hardwire profile new -d DEV` writes a first profile for a unit
    "#);
    insta::assert_snapshot!(wrong_with(child, &[("b.yaml", "format: 1\nextends: p.yaml\n")]), @"b.yaml:2:10: `extends: p.yaml` leads back to a file that it came from");
    // The mistake is told in the file that holds it.
    insta::assert_snapshot!(wrong_with(child, &[("b.yaml", &format!("{HEAD}steps:\n  - reboot: {{ too: dfu }}\n"))]), @"b.yaml:6:15: `reboot` knows no key `too` (did you mean `to`?); it takes `to` or `slot`");
    insta::assert_snapshot!(wrong_with(child, &[("b.yaml", "format: 1\nname: t\n")]), @"p.yaml:1:1: a profile lacks its `version`");
}

#[test]
fn what_is_no_profile_at_all() {
    let bench = Bench::new(&[]);
    insta::assert_snapshot!(bench.said(&bench.load().unwrap_err()), @r#"
    cannot read profile p.yaml
      caused by: No such file or directory (os error 2)
      next: check the path; `hardwire profile new -d DEV` writes a first profile for a unit
    "#);
    let long = format!("{HEAD}# {}", "x".repeat(300 * 1024));
    insta::assert_snapshot!(wrong(&long), @"profile p.yaml is longer than 256 KiB");
}

#[test]
fn a_file_that_is_too_large_is_refused_unread() {
    let pin = "0".repeat(64);
    let text = format!(
        "{HEAD}artifacts: {{ a: {{ file: a.bin, sha256: \"{pin}\" }} }}\nsteps:\n  - firmware: {{ artifact: a }}\n"
    );
    let bench = Bench::new(&[("p.yaml", &text)]);
    let file = std::fs::File::create(bench.path("a.bin")).unwrap();
    file.set_len(17 * 1024 * 1024 * 1024).unwrap();
    insta::assert_snapshot!(bench.said(&bench.prepare().err().unwrap()), @"p.yaml:5:25: artifact `a`, file a.bin is 18253611008 bytes long; at most 16 GiB are taken");
}

#[test]
fn applications_are_named_as_they_are() {
    let head = format!("{HEAD}artifacts: {{ a: {{ file: a.apk, sha256: {} }} }}\nsteps:\n  - apps: ", "0".repeat(64));
    for (body, said) in [
        ("{ install: [] }", "`apps` does nothing: nothing is installed or removed"),
        ("{ install: [[]] }", "an application is made of one artifact at least"),
        ("{ install: [[a, aa]] }", "`aa` names no artifact (did you mean `a`?); declare it under `artifacts`"),
        ("{ remove: [com..x] }", "`com..x` is no package name; it looks like `com.example.app`"),
        ("{ remove: [\"com.x; reboot\"] }", "`com.x; reboot` is no package name"),
        ("{ remove: [com.x], downgrade: maybe }", "`downgrade` must be true or false"),
        ("{ remove: [com.x], grants: true }", "did you mean `grant`?"),
    ] {
        let bench = Bench::new(&[("p.yaml", &format!("{head}{body}\n"))]);
        let error = bench.load().unwrap_err();
        let shown = bench.said(&error);
        assert!(shown.contains(said) && shown.contains("p.yaml:"), "{body}: {shown}");
    }
}

#[test]
fn backups_and_diagnoses_name_what_there_is() {
    for (step, said) in [
        ("backup: { apps: [\"com x\"] }", "`com x` is no package name"),
        ("backup: { apps: [] }", "`backup` names nothing"),
        ("diagnose: { attach: [log cat] }", "`log cat` names no report; it looks like `logcat`"),
        ("diagnose: { attach: [{ report: logcat, last: 30 }] }", "`last` needs its unit: write `30s` for seconds"),
        ("diagnose: { attach: [logcat, { report: logcat }] }", "report `logcat` is attached twice"),
        ("diagnose: { attach: [{ name: logcat }] }", "knows no key `name`"),
    ] {
        let bench = Bench::new(&[("p.yaml", &format!("{HEAD}steps:\n  - {step}\n"))]);
        let said_of = bench.said(&bench.load().unwrap_err());
        assert!(said_of.contains(said), "{step}: {said_of}");
    }
}
