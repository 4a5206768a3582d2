use super::super::{Facts, Given, Locked, lock};
use super::{Bench, HEAD, facts};

const PIN: &str = "03ac674216f3e15c761ee1a5e255f067953623c8b388b4459e13f978d7c846f4";

fn locked(text: &str) -> (Vec<Locked>, String) {
    let bench = Bench::new(&[("p.yaml", text), ("a.bin", "1234"), ("b c.bin", "1234")]);
    let entries = lock(bench.path("p.yaml")).unwrap();
    let text = std::fs::read_to_string(bench.path("p.yaml")).unwrap();
    if text.contains("steps:") {
        bench.prepare().unwrap();
    }
    assert!(lock(bench.path("p.yaml")).unwrap().iter().all(|e| e.before.as_ref() == Some(&e.after)), "again: nothing");
    (entries, text)
}

#[test]
fn digests_are_filled_in_and_the_layout_stays() {
    let before = "# a comment
format: 1   # one
name: t
version: '1'
match: { model: m }

artifacts:
  # flow
  app: { file: a.bin }   # the application
  old: { sha256: 9f86…, file: \"b c.bin\" }
  # block
  ca:
    file: a.bin # kept
  cb:
    sha256: \"00\"
    file: 'b c.bin'
variants:
  - name: b
    match: { hardware: B }
    artifacts: { app: { file: b c.bin, sha256: \"1\" } }
steps:
  - firmware: { artifact: app }
";
    let (entries, after) = locked(before);
    assert_eq!(entries.len(), 5);
    assert!(entries.iter().all(|e| e.after == PIN));
    assert_eq!((entries[1].before.as_deref(), entries[4].variant.as_deref()), (Some("9f86…"), Some("b")));
    let expected = before
        .replace("{ file: a.bin }", &format!("{{ file: a.bin, sha256: {PIN} }}"))
        .replace("9f86…", PIN)
        .replace("a.bin # kept", &format!("a.bin # kept\n    sha256: {PIN}"))
        .replace("\"00\"", PIN)
        .replace("\"1\"", PIN);
    assert_eq!(after, expected);
}

#[test]
fn line_ends_of_another_system_stay() {
    let (_, after) = locked("format: 1\r\nartifacts:\r\n  é:\r\n    file: a.bin\r\n");
    assert_eq!(after, format!("format: 1\r\nartifacts:\r\n  é:\r\n    file: a.bin\r\n    sha256: {PIN}\r\n"));
    let (_, after) = locked("format: 1\nartifacts:\n  a:\n    file: a.bin");
    assert_eq!(after, format!("format: 1\nartifacts:\n  a:\n    file: a.bin\n    sha256: {PIN}"));
}

#[test]
fn what_cannot_be_edited_is_left_alone() {
    let text = "format: 1\nartifacts:\n  a: { file: &f a.bin }\n  b: { file: *f }\n";
    let bench = Bench::new(&[("p.yaml", text), ("a.bin", "1234")]);
    let error = lock(bench.path("p.yaml")).unwrap_err();
    assert!(
        bench.said(&error).contains(&format!("write the digests by hand: a: sha256: {PIN}")),
        "{}",
        bench.said(&error)
    );
    assert_eq!(std::fs::read_to_string(bench.path("p.yaml")).unwrap(), text);
    std::fs::write(bench.path("p.yaml"), "format: 1\nartifacts: { a: { file: none.bin } }\n").unwrap();
    insta::assert_snapshot!(bench.said(&lock(bench.path("p.yaml")).unwrap_err()), @r#"
    p.yaml:2:25: artifact `a`, file none.bin cannot be read
      caused by: No such file or directory (os error 2)
      next: put the file there, or correct the path; it is relative to the profile
    "#);
}

#[test]
fn a_profile_is_shown_as_it_is_meant() {
    let text = format!(
        "extends: base.yaml
{HEAD}inputs:
  host: {{ from: literal, value: north }}
  psk: {{ from: literal, value: hunter2, secret: true }}
  mac: {{ from: scan }}
variants:
  - {{ name: b, match: {{ hardware: B }}, artifacts: {{ app: {{ file: b.bin }} }} }}
steps:
  - settings: {{ set: {{ host: \"{{{{ host }}}}.{{{{ unit.serial }}}}\", psk: \"a{{{{ psk }}}}\", mac: {{ hex: \"{{{{ mac }}}}\" }} }} }}
  - reboot:
    name: again
"
    );
    let base = "format: 1\nartifacts: { app: { file: a.bin } }\nverify: readback\n";
    let bench = Bench::new(&[("p.yaml", &text), ("base.yaml", base)]);
    let profile = bench.load().unwrap();
    let show = |facts: &Facts| profile.show(facts, &Given::default()).unwrap().yaml().unwrap();
    insta::assert_snapshot!(show(&Facts { hardware: Some("B".into()), ..facts() }), @r#"
    format: 1
    name: t
    version: 1.0.0
    match:
      model: m
    variant: b
    verify: readback
    inputs:
      host:
        from: literal
        value: north
      psk:
        from: literal
        value: (secret)
        secret: true
      mac:
        from: scan
    artifacts:
      app:
        file: b.bin
    steps:
    - name: 1-settings
      settings:
        set:
          host: north.S1
          psk: (secret)
          mac:
            hex: '{{ mac }}'
    - name: again
      reboot: null
    "#);
    let unknown = show(&Facts::default());
    assert!(unknown.contains("name: b\n") && unknown.contains("{{ host }}.{{ unit.serial }}"), "{unknown}");
    assert!(!unknown.contains("hunter2"));
    let json = profile.show(&facts(), &Given::default()).unwrap().json().unwrap();
    assert_eq!(json["steps"][1]["name"], "again");
}
