use super::support::Bench;

#[test]
fn help_is_documentation() {
    let bench = Bench::new();
    for command in [
        "",
        "detect",
        "info",
        "plan",
        "apply",
        "batch",
        "diagnose",
        "backup",
        "restore",
        "flash",
        "put",
        "install",
        "get",
        "console",
        "reboot",
        "profile",
        "profile new",
        "ledger",
        "ledger list",
        "bay",
        "bay learn",
        "udev",
        "udev install",
        "demo",
        "stub",
        "stub dfu",
        "stub adb",
        "stub fastboot",
        "stub bridge",
        "stub usb",
        "stub firmware",
    ] {
        let args: Vec<&str> = command.split_whitespace().chain(["--help"]).collect();
        let ran = bench.run(&args);
        let name = if command.is_empty() { "hardwire".to_owned() } else { command.replace(' ', "-") };
        insta::assert_snapshot!(format!("help-{name}"), ran.golden());
    }
}

#[test]
fn completions_are_written_for_each_shell() {
    let bench = Bench::new();
    for (shell, mark) in [("bash", "complete -F"), ("zsh", "#compdef hardwire"), ("fish", "complete -c hardwire")] {
        let ran = bench.run(&["completions", shell]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert!(ran.stdout.contains(mark), "{shell}");
    }
}
