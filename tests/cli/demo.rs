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
