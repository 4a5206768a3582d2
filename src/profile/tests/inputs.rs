use super::super::{Given, Prompt, Sources, UnitNames};
use super::{Bench, HEAD};
use crate::error::Result;
use crate::profile::Inputs;

const INPUTS: &str = "inputs:
  serial: { from: pool, pool: p, field: serial }
  mac: { from: scan, say: Scan the label, pattern: '[0-9a-f]{4}' }
  psk: { from: env, var: PSK, secret: true }
  site: { from: literal, value: north }
steps:
  - reboot:
";

fn bench() -> Bench {
    Bench::new(&[("p.yaml", &format!("{HEAD}{INPUTS}"))])
}

fn gather(bench: &Bench, given: &Given, unit: &UnitNames, asked: &mut Vec<Prompt>) -> Result<Inputs> {
    let mut ask = |prompt: &Prompt| {
        asked.push(prompt.clone());
        Ok(Some("12ab".to_owned()))
    };
    let env = |name: &str| (name == "PSK").then(|| "hunter2".to_owned());
    bench.load().unwrap().gather(&mut Sources { given, unit, env: &env, ask: &mut ask })
}

fn unit() -> UnitNames {
    UnitNames {
        serial: Some("S1".into()),
        bay: Some("3".into()),
        addresses: vec!["tty:/dev/pts/4".into(), "smp@tty:/dev/pts/4,baud=9600".into()],
    }
}

#[test]
fn what_is_given_wins_by_unit_then_for_all_then_by_table() {
    let bench = bench();
    std::fs::write(bench.path("i.csv"), "bay,serial,site\n2,S2,south\n3,\"S,3\",west\n").unwrap();
    let mut given = Given::default();
    given.read_csv(&bench.path("i.csv")).unwrap();
    let mut asked = Vec::new();
    let inputs = gather(&bench, &given, &unit(), &mut asked).unwrap();
    assert_eq!(inputs.get("serial").unwrap().reveal(), "S,3");
    assert_eq!(inputs.get("site").unwrap().reveal(), "west");
    assert_eq!(asked.len(), 1);
    assert_eq!((asked[0].say.as_str(), asked[0].scan), ("Scan the label", true));
    assert_eq!(format!("{:?}", inputs.get("psk").unwrap()), "(secret)");
    assert!(!format!("{inputs:?}").contains("hunter2"));

    given.add("site=all=of/them").unwrap();
    given.add("smp@tty:/dev/pts/4,baud=9600/serial=mine").unwrap();
    given.add("serial:S9/serial=other").unwrap();
    let inputs = gather(&bench, &given, &unit(), &mut asked).unwrap();
    assert_eq!(inputs.get("site").unwrap().reveal(), "all=of/them");
    assert_eq!(inputs.get("serial").unwrap().reveal(), "mine");
    assert_eq!(given.units().collect::<Vec<_>>(), ["smp@tty:/dev/pts/4,baud=9600", "serial:S9"]);
}

#[test]
fn a_missing_value_says_how_to_give_it() {
    let bench = bench();
    let mut given = Given::default();
    let mut asked = Vec::new();
    let error = gather(&bench, &given, &unit(), &mut asked).unwrap_err();
    insta::assert_snapshot!(bench.said(&error), @r#"
    p.yaml:6:11: input `serial` has no value: identity pools are not available yet (pool `p`)
      next: give it with `--input serial=VALUE`, or in a column `serial` of `--inputs FILE.csv`
    "#);
    assert!(asked.is_empty(), "people are asked last");
    given.add("serial=x").unwrap();
    let profile = bench.load().unwrap();
    let mut nobody = |_: &Prompt| Ok(None);
    let mut sources = Sources { given: &given, unit: &unit(), env: &|_| None, ask: &mut nobody };
    insta::assert_snapshot!(bench.said(&profile.gather(&mut sources).unwrap_err()), @r#"
    p.yaml:8:8: input `psk` has no value: the environment variable PSK is not set
      next: set PSK, or give it with `--input psk=VALUE`, or in a column `psk` of `--inputs FILE.csv`
    "#);
    sources.env = &|_| Some("x".into());
    insta::assert_snapshot!(bench.said(&profile.gather(&mut sources).unwrap_err()), @r#"
    p.yaml:7:8: input `mac` has no value: it comes from a person, and nobody can be asked
      next: give it with `--input mac=VALUE`, or in a column `mac` of `--inputs FILE.csv`
    "#);
    given.add("mac=zz").unwrap();
    insta::assert_snapshot!(bench.said(&gather(&bench, &given, &unit(), &mut asked).unwrap_err()), @r#"
    input `mac`: `zz` does not match its pattern `[0-9a-f]{4}`
      next: give it with `--input mac=VALUE`, or in a column `mac` of `--inputs FILE.csv`
    "#);
    let mut given = Given::default();
    given.add("seriel=x").unwrap();
    insta::assert_snapshot!(bench.said(&gather(&bench, &given, &unit(), &mut asked).unwrap_err()), @r#"
    --input seriel: profile t has no input `seriel` (did you mean `serial`?)
      next: `hardwire profile show PROFILE` lists its inputs
    "#);
    insta::assert_snapshot!(bench.said(&given.add("=x").unwrap_err()), @r#"
    an --input has no NAME=VALUE
      next: write --input NAME=VALUE, or --input DEV/NAME=VALUE for one unit
    "#);
}

#[test]
fn tables_are_refused_when_they_are_ambiguous() {
    let bench = bench();
    let wrong = |text: &str| {
        std::fs::write(bench.path("i.csv"), text).unwrap();
        let mut given = Given::default();
        let read = given.read_csv(&bench.path("i.csv"));
        let error = read.and_then(|()| gather(&bench, &given, &unit(), &mut Vec::new())).unwrap_err();
        bench.said(&error)
    };
    insta::assert_snapshot!(wrong("site\na\nb\n"), @r#"
    i.csv has 2 rows and nothing says which unit each is for
      next: add a column `unit`, `bay` or `serial`
    "#);
    insta::assert_snapshot!(wrong("bay,serial,sight\n3,a,b\n"), @"i.csv:1: profile t has no input `sight`");
    insta::assert_snapshot!(wrong("bay,serial\n3,a\n3,b\n"), @"i.csv: two rows are for the same unit");
    insta::assert_snapshot!(wrong("bay,bay\n3,a\n"), @"i.csv:1: column `bay` stands twice");
    insta::assert_snapshot!(wrong("bay,serial\n3\n"), @"i.csv:2: not a CSV row like its header");
    insta::assert_snapshot!(wrong("bay,serial\n"), @"i.csv has no row below its header");
}

#[test]
fn a_file_gives_its_text_without_the_last_newline() {
    let text = format!("{HEAD}inputs: {{ key: {{ from: file, file: key.txt, secret: true }} }}\nsteps:\n  - reboot:\n");
    let bench = Bench::new(&[("p.yaml", &text), ("key.txt", "a\nb\n\n")]);
    let inputs = gather(&bench, &Given::default(), &unit(), &mut Vec::new()).unwrap();
    assert_eq!(inputs.get("key").unwrap().reveal(), "a\nb\n");
    std::fs::remove_file(bench.path("key.txt")).unwrap();
    let error = gather(&bench, &Given::default(), &unit(), &mut Vec::new()).unwrap_err();
    assert!(
        bench.said(&error).starts_with("p.yaml:5:16: input `key` has no value: see key.txt"),
        "{}",
        bench.said(&error)
    );
}
