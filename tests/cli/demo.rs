use std::os::unix::process::CommandExt;

use super::support::Bench;

#[test]
fn the_demo_happens_as_told_and_leaves_nothing_behind() {
    let bench = Bench::new();
    let temporary = bench.path("tmp");
    std::fs::create_dir(&temporary).unwrap();
    let ran = super::support::Ran::of(bench.command(&["demo", "--json"]).env("TMPDIR", &temporary), bench.folder());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("All of it happened as told"), "{}", ran.stderr);
    let lines = ran.lines();
    let outcomes: Vec<&str> =
        lines.iter().filter(|l| l["type"] == "run").filter_map(|l| l["outcome"].as_str()).collect();
    assert_eq!(outcomes, ["pass", "pass", "fail", "pass", "pass", "pass", "pass", "pass"]);
    assert_eq!(std::fs::read_dir(&temporary).unwrap().count(), 0, "the stage is cleared away");
    assert!(!bench.path("home").exists(), "the demo's station is not the user's");
}

#[test]
fn a_demo_that_is_stopped_clears_away_all_the_same() {
    use std::io::{BufRead, BufReader};
    let bench = Bench::new();
    let temporary = bench.path("tmp");
    std::fs::create_dir(&temporary).unwrap();
    let mut demo = bench
        .command(&["demo", "--json"])
        .env("TMPDIR", &temporary)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(demo.stdout.take().unwrap()).lines();
    assert!(lines.by_ref().any(|line| line.unwrap().contains("\"event\":\"progress\"")));
    // As a terminal does it: to everyone in the foreground.
    let group = nix::unistd::Pid::from_raw(-i32::try_from(demo.id()).unwrap());
    nix::sys::signal::kill(group, nix::sys::signal::Signal::SIGINT).unwrap();
    let runs: Vec<serde_json::Value> = lines.filter_map(|line| serde_json::from_str(&line.unwrap()).ok()).collect();
    assert!(runs.iter().any(|line| line["type"] == "run" && line["outcome"] == "cancelled"), "{runs:?}");
    assert_eq!(demo.wait().unwrap().code(), Some(5));
    assert_eq!(std::fs::read_dir(&temporary).unwrap().count(), 0);
}
