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
