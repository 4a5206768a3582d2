//! Units and stations that misbehave: the right code, an error that says what to do, and nothing lost.

use std::io::Write;

use super::support::{Bench, Ran, Unit};

fn put(bench: &Bench, unit: &Unit) -> (serde_json::Value, i32) {
    bench.last(&["put", "a", "/lfs1/f", "-d", &unit.address()])
}

#[test]
fn a_full_unit_says_so() {
    let bench = Bench::new();
    bench.write("a", "content");
    let unit = Unit::start(&bench, "TH-1", &["--fault", "disk-full"]);
    let (run, code) = put(&bench, &unit);
    assert_eq!(
        (run["outcome"].as_str(), run["error"]["kind"].as_str(), code),
        (Some("fail"), Some("refused"), 1),
        "{run}"
    );
    assert!(run["error"]["next"].is_string() || !run["error"]["causes"].as_array().unwrap().is_empty());
}

#[test]
fn a_unit_that_loses_power_in_the_middle_is_an_error_and_running_again_is_the_cure() {
    let bench = Bench::new();
    bench.write("a", "x".repeat(4000));
    let unit = Unit::start(&bench, "TH-1", &["--fault", "cut-byte:2000"]);
    let (run, code) = put(&bench, &unit);
    assert_eq!((run["outcome"].as_str(), code), (Some("error"), 7), "{run}");
    drop(unit);
    let unit = Unit::start(&bench, "TH-1", &[]);
    let (run, code) = put(&bench, &unit);
    assert_eq!((run["outcome"].as_str(), code), (Some("pass"), 0), "{run}");
    assert_eq!(bench.json(&["ledger", "list"]).0.len(), 2);
}

#[test]
fn lost_wrong_and_late_answers_are_lived_with() {
    let bench = Bench::new();
    bench.write("a", "x".repeat(3000));
    let unit = Unit::start(&bench, "TH-1", &["--fault", "drop:9", "--fault", "corrupt:12", "--noise"]);
    let (run, code) = put(&bench, &unit);
    assert_eq!((run["outcome"].as_str(), code), (Some("pass"), 0), "{run}");
}

#[test]
fn a_hash_command_that_lies_is_caught_by_reading_back() {
    let bench = Bench::new();
    bench.write("a", "x".repeat(300));
    let faults = ["--fault", "lie-hash", "--fault", "lose-byte"];
    let unit = Unit::start(&bench, "TH-1", &faults);
    let (run, code) = bench.last(&["put", "a", "/lfs1/f", "--verify", "readback", "-d", &unit.address()]);
    assert_eq!((run["outcome"].as_str(), code), (Some("fail"), 4), "{run}");
    let (run, code) = put(&bench, &unit);
    assert!(code == 4 || run["level"] == "digest", "{run}");
}

#[test]
fn a_file_that_is_no_image_and_a_path_that_leads_elsewhere_never_reach_the_unit() {
    let bench = Bench::new();
    bench.write("a", "no image");
    let unit = Unit::start(&bench, "TH-1", &[]);
    let device = unit.address();
    for args in [
        &["flash", "a", "-d", &device][..],
        &["flash", "none.bin", "-d", &device],
        &["put", "a", "/lfs1/../etc/passwd", "-d", &device],
        &["put", "a", "lfs1/f", "-d", &device],
        &["put", "a", "/lfs1/\u{1b}[2J", "-d", &device],
        &["get", "/lfs1/..", "x", "-d", &device],
        &["backup", "-d", &device],
        &["put", "none", "/lfs1/f", "-d", &device],
        &["install", "a", "-d", &device],
        &["install", "none.apk", "-d", &device],
        &["console", "-d", "nope@tty:/dev/null", "--", "help"],
    ] {
        let ran = bench.run(args);
        assert_eq!(ran.code, 2, "{args:?}: {}", ran.stderr);
        assert!(ran.stderr.starts_with("error: ") && !ran.stderr.contains('\u{1b}'), "{args:?}: {}", ran.stderr);
    }
    assert_eq!(bench.json(&["ledger", "list"]).0.len(), 0);
}

#[test]
fn a_unit_that_is_silent_is_timed_out() {
    let bench = Bench::new();
    let pty = nix::pty::openpty(None, None).unwrap();
    let path = nix::unistd::ttyname(&pty.slave).unwrap();
    let (line, code) = bench.last(&["info", "-d", path.to_str().unwrap()]);
    assert_eq!((line["kind"].as_str(), code), (Some("timed-out"), 7), "{line}");
    let file = bench.write("file", "no terminal");
    assert_eq!(bench.last(&["info", "-d", file.to_str().unwrap()]).1, 2);
}

#[test]
fn a_capture_keeps_what_went_over_the_link_and_no_secret_unasked() {
    let bench = Bench::new();
    bench.write("a", "content");
    let unit = Unit::start(&bench, "TH-1", &[]);
    let device = unit.address();
    assert_eq!(bench.run(&["info", "-d", &device, "--capture", "c.txt"]).code, 0);
    let capture = std::fs::read_to_string(bench.path("c.txt")).unwrap();
    assert!(capture.contains(" > 06 09 ") && capture.contains(" < "), "{capture}");
    assert_eq!(bench.run(&["info", "-d", &device, "--capture", "c.txt"]).code, 2, "it overwrote a capture");
    bench.write(
        "p.yaml",
        "format: 1\nname: t\nversion: 1.0.0\nmatch: { model: thermostat }\ninputs: { psk: { from: env, var: PSK, secret: true } }\n\
         steps:\n  - settings: { set: { wifi/psk: \"{{ psk }}\" } }\n",
    );
    let apply = ["apply", "p.yaml", "-d", &device, "--capture", "d.txt"];
    let ran = Ran::of(bench.command(&apply).env("PSK", "hunter22"), bench.folder());
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    let meant = [&apply[..], &["--capture-secrets", "--json"]].concat();
    let ran = Ran::of(bench.command(&meant).env("PSK", "hunter22"), bench.folder());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(!ran.stdout.contains("hunter22") && !ran.stderr.contains("hunter22"));
    let run = ran.lines().pop().unwrap();
    assert_eq!(run["steps"][0]["items"][0]["algorithm"], "hmac-sha256");
}

#[test]
fn ctrl_c_stops_and_leaves_a_record() {
    let bench = Bench::new();
    bench.write("a", "x".repeat(40_000));
    let unit = Unit::start(&bench, "TH-1", &["--baud", "115200"]);
    let mut child = bench
        .command(&["put", "a", "/lfs1/f", "-d", &unit.address(), "--json"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    // Not before it writes: a run that has not begun is only refused.
    assert!(lines.by_ref().any(|line| line.unwrap().contains("\"event\":\"progress\"")));
    let pid = nix::unistd::Pid::from_raw(child.id().try_into().unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
    let last: serde_json::Value = serde_json::from_str(&lines.last().unwrap().unwrap()).unwrap();
    assert_eq!((last["outcome"].as_str(), last["error"]["kind"].as_str()), (Some("cancelled"), Some("cancelled")));
    assert_eq!(child.wait().unwrap().code(), Some(5));
    assert_eq!(put(&bench, &unit).1, 0, "running again is the cure");
}

#[test]
fn a_run_that_was_killed_is_sealed_by_the_next_start() {
    let bench = Bench::new();
    bench.write("a", "x".repeat(40_000));
    let unit = Unit::start(&bench, "TH-1", &["--baud", "115200"]);
    let mut child = bench
        .command(&["put", "a", "/lfs1/f", "-d", &unit.address(), "--json"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    assert!(lines.by_ref().any(|line| line.unwrap().contains("\"event\":\"progress\"")));
    child.kill().unwrap();
    child.wait().unwrap();
    let (records, code) = bench.json(&["ledger", "list"]);
    assert_eq!((records.len(), code), (1, 0));
    assert_eq!(records[0]["outcome"], "error");
    assert_eq!(put(&bench, &unit).1, 0);
}

#[test]
fn a_reader_that_leaves_does_not_stop_a_run() {
    let bench = Bench::new();
    bench.write("a", "x".repeat(2000));
    let unit = Unit::start(&bench, "TH-1", &[]);
    let mut child = bench
        .command(&["put", "a", "/lfs1/f", "-d", &unit.address(), "--json"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(bench.json(&["ledger", "list"]).0[0]["outcome"], "pass");
}

#[test]
fn a_ledger_that_another_process_holds_is_waited_for_and_then_a_storage_error() {
    let bench = Bench::new();
    bench.write("a", "content");
    let unit = Unit::start(&bench, "TH-1", &[]);
    assert_eq!(bench.run(&["ledger", "list"]).code, 0);
    let holder = rusqlite::Connection::open(bench.path("home/ledger.sqlite")).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (line, code) = put(&bench, &unit);
    assert_eq!((line["kind"].as_str(), code), (Some("storage"), 6), "{line}");
    assert!(line["next"].is_string() || !line["causes"].as_array().unwrap().is_empty(), "{line}");
    holder.execute_batch("ROLLBACK").unwrap();
    assert_eq!(put(&bench, &unit).1, 0);
}

#[test]
fn a_shell_script_on_stdin_has_one_code() {
    let bench = Bench::new();
    let unit = Unit::start(&bench, "TH-1", &[]);
    let mut child = bench
        .command(&["console", "-d", &unit.address()])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"kernel version\nnonsense\nhwinfo devid\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stdout).unwrap().contains("ID: 0x"));
}

#[test]
fn a_setting_larger_than_the_unit_takes_is_refused_by_the_plan() {
    let bench = Bench::new();
    let unit = Unit::start(&bench, "TH-1", &[]);
    let value = "x".repeat(65_536);
    let profile = format!(
        "format: 1\nname: t\nversion: 1.0.0\nmatch: {{ model: thermostat }}\nsteps:\n  - settings: {{ set: {{ a/b: {value} }} }}\n"
    );
    bench.write("p.yaml", profile);
    let (line, code) = bench.last(&["apply", "p.yaml", "-d", &unit.address()]);
    assert_eq!((line["kind"].as_str(), code), (Some("invalid"), 2), "{line}");
}

#[test]
fn firmware_that_flash_spoiled_never_passes_and_what_runs_is_named() {
    use protocols::mcuboot::{ImageBuilder, Version};
    let bench = Bench::new();
    let version = Version { major: 2, minor: 0, revision: 0, build: 0 };
    bench.write("new", ImageBuilder::new(version).build(&[7; 6000]).unwrap());
    let unit = Unit::start(&bench, "TH-1", &["--fault", "lose-byte"]);
    let (run, code) = bench.last(&["flash", "new", "-d", &unit.address()]);
    assert_eq!((run["outcome"].as_str(), code), (Some("fail"), 4), "{run}");
    let item = &run["steps"][0]["items"][0];
    assert!(item["expected"].is_string() && item["observed"].is_string(), "{run}");
    let running = run["firmware"].as_array().unwrap().iter().find(|slot| slot["slot"] == "primary").unwrap();
    assert_eq!(running["version"], "1.0.0");
}

/// A station whose disk takes no file longer than `blocks` of 512 bytes.
#[cfg(target_os = "linux")]
fn put_with_small_disk(bench: &Bench, unit: &Unit, blocks: u32) -> Ran {
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\"");
    let hardwire = bench.command(&[]);
    let mut shell = std::process::Command::new("/bin/sh");
    shell.args(["-c", &script, "sh"]).arg(hardwire.get_program());
    shell.args(["put", "a", "/lfs1/f", "--json", "-d", &unit.address()]);
    shell.env_clear().env("HARDWIRE_HOME", bench.path("home")).current_dir(bench.folder());
    Ran::of(&mut shell, bench.folder())
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_at_the_station_is_a_storage_error_and_the_record_is_not_lost() {
    let bench = Bench::new();
    bench.write("a", "content");
    let unit = Unit::start(&bench, "TH-1", &[]);
    for blocks in [0, 2, 16, 64, 96] {
        let before = bench.json(&["ledger", "list"]).0.len();
        let ran = put_with_small_disk(&bench, &unit, blocks);
        let last = ran.lines().pop().unwrap();
        let after = bench.json(&["ledger", "list"]).0.len();
        match ran.code {
            6 => assert!(last["kind"] == "storage" && last["next"].is_string(), "{blocks}: {last}"),
            0 => assert_eq!(after, before + 1),
            code => panic!("{blocks} blocks: exit {code}: {last}"),
        }
        assert!(last["type"] != "run" || after == before + 1, "{blocks}: PASS was shown and nothing stored");
        assert_eq!(bench.json(&["ledger", "verify"]).1, 0);
    }
}

#[test]
fn a_port_that_another_run_holds_is_busy() {
    let bench = Bench::new();
    let unit = Unit::start(&bench, "TH-1", &[]);
    let mut holder = bench
        .command(&["console", "--json", "-d", &unit.address()])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    holder.stdin.as_mut().unwrap().write_all(b"kernel version\n").unwrap();
    let mut answer = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(holder.stdout.take().unwrap()), &mut answer).unwrap();
    let (line, code) = bench.last(&["info", "-d", &unit.address()]);
    assert_eq!((line["kind"].as_str(), code), (Some("busy"), 7), "{line}");
    let (line, code) = bench.last(&["detect", "--probe", "-d", &unit.address()]);
    assert_eq!((line["access"].as_str(), code), (Some("busy"), 0), "{line}");
    drop(holder.stdin.take());
    holder.wait().unwrap();
    assert_eq!(bench.last(&["info", "-d", &unit.address()]).1, 0);
}
