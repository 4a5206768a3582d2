use super::super::model::{Body, Once, Place};
use super::super::{Fit, Given, Inputs, Prepared, Sources, UnitNames};
use super::{Bench, HEAD, facts, no_inputs};
use crate::device::{Level, Mode};

fn full() -> Bench {
    let bench = Bench::new(&[
        ("p.yaml", include_str!("full.yaml")),
        ("app.bin", "test"),
        ("app-b.bin", "test2"),
        ("ca.pem", "test2"),
    ]);
    std::fs::create_dir(bench.path("media")).unwrap();
    std::fs::write(bench.path("media/a.txt"), "test2").unwrap();
    bench
}

fn inputs(prepared: &Prepared) -> Inputs {
    let mut given = Given::default();
    given.add("serial=TH-1").unwrap();
    given.add("mac=02:00:00:00:00:0a").unwrap();
    let mut sources = Sources {
        given: &given,
        unit: &UnitNames::default(),
        env: &|_| Some("hunter2".into()),
        ask: &mut |_| Ok(None),
    };
    prepared.profile().gather(&mut sources).unwrap()
}

fn thermostat() -> super::Facts {
    super::Facts {
        model: Some("thermostat".into()),
        usb: Some("2fe3:0100".into()),
        hardware: Some("A".into()),
        ..facts()
    }
}

#[test]
fn the_whole_format_resolves() {
    let prepared = full().prepare().unwrap();
    assert_eq!(prepared.fits(&thermostat()), Fit::Yes);
    let inputs = inputs(&prepared);
    let resolved = prepared.resolve(&thermostat(), &inputs).unwrap();
    assert_eq!((resolved.variant.as_deref(), resolved.identity.setting.as_deref()), (None, Some("prov/serial")));
    let names: Vec<&str> = resolved.steps.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "1-firmware",
            "config",
            "3-files",
            "4-apps",
            "5-ask",
            "check",
            "7-backup",
            "8-backup",
            "9-console",
            "10-erase",
            "11-reboot",
            "12-files",
            "13-apps"
        ]
    );
    let step = |index: usize| &resolved.steps[index];
    assert_eq!((step(0).verify, step(0).retries, step(1).verify), (Level::Booted, 2, Level::Digest));
    assert_eq!(step(4).timeout, Some(std::time::Duration::from_secs(60)));
    assert_eq!(step(3).skip.as_deref(), Some("`when: unit.driver == \"adb\"` does not hold"));
    assert_eq!(step(3).place, Some(Place::Driver("adb".into())));
    assert_eq!((&step(9).place, step(9).once), (&Some(Place::Mode(Mode::Application)), Once::Tag));
    assert!(step(10).always && !step(10).check && step(11).check);
    let Body::Files(emptied) = &step(11).body else { panic!() };
    assert_eq!((emptied.put.len(), emptied.empty.as_slice()), (0, &["/lfs1/old".to_owned()][..]));
    assert_eq!(step(1).on_fail.as_deref(), Some("Put TH-1 into the red bin"));

    let Body::Settings(settings) = &step(1).body else { panic!() };
    let set: Vec<_> = settings.set.iter().map(|(k, v)| (k.as_str(), v.content.to_vec().unwrap(), v.secret)).collect();
    assert_eq!(
        set,
        [
            ("net/host", b"th-1.local".to_vec(), false),
            ("wifi/psk", b"hunter2".to_vec(), true),
            ("net/port", vec![0x5b, 0x07, 0, 0], false),
            ("net/mac", vec![2, 0, 0, 0, 0, 10], false),
            ("net/conf", br#"{"id":"TH-1","list":[1,true,null,1.5]}"#.to_vec(), false),
        ]
    );
    let Body::Files(files) = &step(2).body else { panic!() };
    assert_eq!(files.put[1].1.content.to_vec().unwrap(), b"TH-1\n");
    assert!(files.put[2].1.secret);
    assert!(!format!("{resolved:?}").contains("hunter2"));

    let Body::Backup(named) = &step(6).body else { panic!() };
    assert_eq!((named.implied, &named.secrets), (false, &vec!["/lfs1/psk".to_owned()]));
    assert_eq!(named.label.as_deref(), Some("as-shipped TH-1"));
    let Body::Backup(implied) = &step(7).body else { panic!() };
    assert_eq!((implied.implied, implied.files.len(), implied.settings.len()), (true, 4, 5));
    assert_eq!(implied.secrets, ["wifi/psk", "/lfs1/psk"]);
}

#[test]
fn a_variant_replaces_artifacts_and_is_never_guessed() {
    let prepared = full().prepare().unwrap();
    let inputs = inputs(&prepared);
    let image = |hardware: Option<&str>| {
        let resolved =
            prepared.resolve(&super::Facts { hardware: hardware.map(Into::into), ..thermostat() }, &inputs)?;
        let Body::Firmware(firmware) = &resolved.steps[0].body else { panic!() };
        Ok::<_, crate::error::Error>((resolved.variant.clone(), firmware.image.content.to_vec().unwrap()))
    };
    assert_eq!(image(Some("B1")).unwrap(), (Some("rev-b".into()), b"test2".to_vec()));
    assert_eq!(image(Some("C")).unwrap(), (None, b"test".to_vec()));
    insta::assert_snapshot!(image(None).unwrap_err(), @"whether variant `rev-b` of profile thermostat-eu fits cannot be told: the unit does not show its hardware as it is now");
}

#[test]
fn two_variants_that_fit_are_an_error() {
    let text = format!(
        "{HEAD}variants:\n  - {{ name: a, match: {{ model: m }} }}\n  - {{ name: b, match: {{ serial: S1 }} }}\nsteps:\n  - reboot:\n"
    );
    let prepared = Bench::new(&[("p.yaml", &text)]).prepare().unwrap();
    insta::assert_snapshot!(prepared.resolve(&facts(), &no_inputs()).unwrap_err(), @"variants `a` and `b` of profile t both fit this unit");
}

#[test]
fn unknown_facts_are_named_and_conditions_must_decide() {
    let resolve = |step: &str| {
        let bench = Bench::new(&[("p.yaml", &format!("{HEAD}steps:\n  - console: {{ run: '{step}' }}\n"))]);
        let error = bench.prepare().unwrap().resolve(&facts(), &no_inputs()).unwrap_err();
        bench.said(&error)
    };
    insta::assert_snapshot!(resolve("echo {{ unit.hardware }}"), @"p.yaml:6:21: `unit.hardware` needs unit.hardware, which this unit does not show as it is now");
    insta::assert_snapshot!(resolve("echo {{ unit.serial == \"a\" }}"), @r#"p.yaml:6:21: `{{ unit.serial == "a" }}` is bool, not text"#);
    insta::assert_snapshot!(resolve("x }' , expect: '{{ unit.serial ~ unit.hardware }}"), @"p.yaml:6:37: `unit.serial ~ unit.hardware` needs unit.hardware, which this unit does not show as it is now");
    let when = |when: &str| {
        let text = format!("{HEAD}steps:\n  - reboot:\n    when: {when}\n");
        let bench = Bench::new(&[("p.yaml", &text)]);
        let resolved = bench.prepare().unwrap().resolve(&facts(), &no_inputs());
        resolved.map(|r| r.steps[0].skip.is_none()).map_err(|e| bench.said(&e))
    };
    assert_eq!(when("unit.mode == 'application'"), Ok(true));
    assert_eq!(when("unit.hardware is defined and unit.hardware == 'B'"), Ok(false));
    insta::assert_snapshot!(when("unit.serial").unwrap_err(), @"p.yaml:7:11: `when: unit.serial` is string, neither true nor false");
    insta::assert_snapshot!(when("unit.hardware == 'B'").unwrap_err(), @"p.yaml:7:11: `unit.hardware == 'B'` needs unit.hardware, which this unit does not show as it is now");
}

#[test]
fn what_is_no_template_is_taken_as_it_is() {
    let text = format!("{HEAD}steps:\n  - console: {{ run: \"a {{% x %}} {{# y #}} {{{{ '{{{{' }}}} \\n\" }}\n");
    let resolved = Bench::new(&[("p.yaml", &text)]).prepare().unwrap().resolve(&facts(), &no_inputs()).unwrap();
    let Body::Console(console) = &resolved.steps[0].body else { panic!() };
    assert_eq!(console.run.content.to_vec().unwrap(), b"a {% x %} {# y #} {{ \n");
}

#[test]
fn steps_that_undo_each_other_are_refused() {
    let resolve = |second: &str| {
        let text = format!("{HEAD}steps:\n  - settings: {{ set: {{ a: \"1\" }} }}\n  - settings: {second}\n");
        let bench = Bench::new(&[("p.yaml", &text)]);
        bench.prepare().unwrap().resolve(&facts(), &no_inputs()).map(|_| ()).map_err(|e| bench.said(&e))
    };
    insta::assert_snapshot!(resolve("{ set: { a: \"2\" } }").unwrap_err(), @r#"
    p.yaml:7:5: steps `1-settings` and `2-settings` want different things of setting `a`
      next: let one of them go, or give them a `when` that excludes the other
    "#);
    insta::assert_snapshot!(resolve("{ delete: [a] }").unwrap_err(), @r#"
    p.yaml:7:5: steps `1-settings` and `2-settings` want different things of setting `a`
      next: let one of them go, or give them a `when` that excludes the other
    "#);
    assert_eq!(resolve("{ set: { a: \"1\" } }"), Ok(()));
    assert_eq!(resolve("{ delete: [a] }\n    always: true"), Ok(()));
    assert_eq!(resolve("{ set: { a: \"2\" } }\n    when: unit.serial == 'other'"), Ok(()));
}

#[test]
fn the_digest_stands_for_the_meaning() {
    let digest = |text: &str| {
        let bench = Bench::new(&[("p.yaml", text), ("base.yaml", "format: 1\nversion: 1.0.0\nmatch: { model: m }\n")]);
        bench.prepare().unwrap().reference().digest.clone()
    };
    let one = digest(&format!("{HEAD}steps:\n  - console: {{ run: a, expect: b }}\n"));
    let same =
        "# why\nsteps:\n  - console:\n      expect: b\n      run: \"a\"\nname: t\nformat: 1\nextends: base.yaml\n";
    assert_eq!(digest(same), one);
    assert_ne!(digest(&format!("{HEAD}steps:\n  - console: {{ run: a, expect: c }}\n")), one);
    let secret = |value: &str| {
        let input = format!("inputs: {{ k: {{ from: literal, value: {value}, secret: true }} }}");
        digest(&format!("{HEAD}{input}\nsteps:\n  - reboot:\n"))
    };
    let text =
        format!("{HEAD}inputs: {{ k: {{ from: literal, value: hunter2, secret: true }} }}\nsteps:\n  - reboot:\n");
    let profile = Bench::new(&[("p.yaml", &text)]).load().unwrap();
    assert!(!format!("{profile:?} {:?}", profile.inputs).contains("hunter2"));
    assert_eq!(secret("a"), secret("b"), "a secret does not enter a plain digest");
}

#[test]
fn extends_merges_entries_and_replaces_the_rest() {
    let base = "format: 1\nname: b\nversion: 1.0.0\nmatch: { model: m, driver: smp }\nlink: { baud: 115200, flow: none }\ninputs:\n  a: { from: literal, value: base }\n  c: { from: literal, value: base }\nsteps:\n  - reboot:\n  - reboot:\n";
    let child = "format: 1\nextends: base.yaml\nname: child\nmatch: { model: n }\nlink: { baud: 9600 }\ninputs:\n  a: { from: env, var: A }\n";
    let bench = Bench::new(&[("p.yaml", child), ("base.yaml", base)]);
    let profile = bench.load().unwrap();
    assert_eq!((profile.name.as_str(), profile.version.as_str(), profile.len()), ("child", "1.0.0", 2));
    assert_eq!(profile.link.pairs(), [("baud", "9600".into()), ("flow", "none".into())]);
    assert_eq!(profile.inputs["a"].from.name(), "env");
    assert_eq!(profile.inputs["c"].from.name(), "literal");
    assert!(profile.matches.values("driver").is_empty(), "`match` is replaced whole");
}
