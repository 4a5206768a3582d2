use super::support::Bench;

#[test]
fn wrong_usage_is_told_to_people_and_to_programs() {
    let bench = Bench::new();
    let ran = bench.run(&["detekt"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""));
    assert!(ran.stderr.contains("detekt") && ran.stderr.contains("detect"), "{}", ran.stderr);
    let (line, code) = bench.last(&["detekt"]);
    assert_eq!((code, line["type"].as_str(), line["kind"].as_str()), (2, Some("error"), Some("invalid")));
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    let bench = Bench::new();
    let mut child = bench.command(&["completions", "bash"]).stdout(std::process::Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn an_error_says_what_was_done_why_it_failed_and_what_to_do() {
    let bench = Bench::new();
    bench.write(
        "p.yaml",
        "format: 1\nname: t\nversion: 1.0.0\nmatch: { model: t }\nsteps:\n  - file: { put: { /a: { text: a } } }\n",
    );
    insta::assert_snapshot!("error-unknown-key", bench.run(&["profile", "check", "p.yaml"]).golden());
    insta::assert_snapshot!("error-unknown-key-json", bench.run(&["profile", "check", "p.yaml", "--json"]).golden());
    insta::assert_snapshot!("error-no-such-unit", bench.run(&["info", "-d", "tty:/nonexistent/port"]).golden());
    insta::assert_snapshot!("error-no-address", bench.run(&["info", "-d", "foo:bar"]).golden());
    insta::assert_snapshot!(
        "error-several-meant",
        bench.run(&["apply", "p.yaml", "--all", "-d", "tty:/dev/null"]).golden()
    );
}
