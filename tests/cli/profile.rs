use super::support::Bench;

const PROFILE: &str = "\
format: 1
name: thermostat
version: 1.0.0
match: { model: thermostat }
steps:
  - settings: { set: { net/host: here } }
";

#[test]
fn a_good_profile_is_named_with_its_digest() {
    let bench = Bench::new();
    bench.write("p.yaml", PROFILE);
    let (line, code) = bench.last(&["profile", "check", "p.yaml"]);
    assert_eq!(
        (line["type"].as_str(), line["name"].as_str(), line["steps"].as_u64(), code),
        (Some("profile"), Some("thermostat"), Some(1), 0)
    );
    assert_eq!(line["digest"].as_str().map(str::len), Some(64));
}

#[test]
fn a_bad_profile_is_named_by_file_and_line() {
    let bench = Bench::new();
    let with_artifact = PROFILE.replace("steps:", "artifacts:\n  app: { file: none.bin, sha256: 00 }\nsteps:");
    let wrong_digest = PROFILE
        .replace("steps:", &format!("artifacts:\n  app: {{ file: p.yaml, sha256: {} }}\nsteps:", "0".repeat(64)));
    for (name, text) in [
        ("unknown key", PROFILE.replace("steps:", "stops:")),
        ("a tab", PROFILE.replace("  - settings", "\t- settings")),
        ("an empty match", PROFILE.replace("{ model: thermostat }", "{}")),
        ("a missing artifact", with_artifact),
        ("a wrong digest", wrong_digest),
        ("a template that names nothing", PROFILE.replace("here", "\"{{ nothing }}\"")),
        ("a bare number", PROFILE.replace("here", "5")),
        (
            "a pathless file",
            PROFILE.replace("settings: { set: { net/host: here } }", "files: { put: { \"../x\": { text: a } } }"),
        ),
    ] {
        bench.write("p.yaml", text);
        let ran = bench.run(&["profile", "check", "p.yaml"]);
        assert_eq!(ran.code, 2, "{name}: {}", ran.stderr);
        assert!(ran.stderr.contains("p.yaml"), "{name}: {}", ran.stderr);
        let (line, _) = bench.last(&["profile", "check", "p.yaml"]);
        assert_eq!((line["type"].as_str(), line["kind"].as_str()), (Some("error"), Some("invalid")), "{name}");
    }
    let (line, code) = bench.last(&["profile", "check", "not-there.yaml"]);
    assert_eq!((line["kind"].as_str(), code), (Some("invalid"), 2));
}
