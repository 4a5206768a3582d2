//! Diagnostics of a phone that follows a script.

use std::time::Duration;

use super::*;
use crate::error::Kind;

fn phone() -> Daemon {
    let printed = "dumpsys\nlogcat\nbugreportz\ntradeinmode\n-hardwire-\n2000\n-hardwire-\n-hardwire-\n\
                   [ro.build.version.sdk]: [34]\n[ro.build.version.release]: [14]\n[sys.boot_completed]: [1]\n-hardwire-\n";
    Daemon::with_banner("device::features=shell_v2")
        .on("shell,v2,raw:", |_| Reply::shell("", "", 0))
        .on("shell,v2,raw:for p in", move |_| Reply::shell(printed, "", 0))
}

#[test]
fn what_a_unit_tells_is_measured_and_the_rest_is_missing() {
    let answer = "  level: 85\n  health: 2\n\n-hardwire-\nFilesystem 1K-blocks Used Available Use% Mounted on\n\
                  /dev/dm-1 100 40 60 40% /data\n\n-hardwire-\n\n-hardwire-\n12.5 3\n\n-hardwire-\n\n-hardwire-\n\n-hardwire-\n\
                  {\"battery\":{\"cycle_count\":3}}\n\n-hardwire-\n";
    let daemon = phone().on("shell,v2,raw:dumpsys battery", move |_| Reply::shell(answer, "", 0));
    let found =
        with(daemon, &[], |driver, op| driver.diagnostics().expect("diagnostics").measure(op).unwrap()).0.unwrap();
    let numbers: Vec<_> = found.measurements.iter().map(|it| (it.name.as_str(), it.value, it.unit)).collect();
    assert_eq!(
        numbers,
        [
            ("battery/level", 85, Some("%")),
            ("storage/total", 102_400, Some("bytes")),
            ("storage/used", 40_960, Some("bytes")),
            ("storage/free", 61_440, Some("bytes")),
            ("uptime", 12_500, Some("ms")),
            ("trade-in/battery/cycle-count", 3, None),
        ]
    );
    assert_eq!(found.facts["build/release"].untrusted(), "14");
    assert_eq!(found.missing.keys().collect::<Vec<_>>(), ["imei", "memory", "thermal"]);
}

#[test]
fn a_unit_that_tells_nothing_is_no_error() {
    let found =
        with(phone(), &[], |driver, op| driver.diagnostics().expect("diagnostics").measure(op)).0.unwrap().unwrap();
    assert!(found.measurements.is_empty());
    assert_eq!(found.missing.len(), 7);
    assert!(with(Daemon::bare(), &[], |driver, _| driver.diagnostics().is_none()).0.unwrap());
}

#[test]
fn a_log_is_of_the_time_that_was_asked_for_by_the_units_clock() {
    let daemon = phone()
        .on("shell,v2,raw:date +%s", |_| Reply::shell("1700000100\n", "", 0))
        .on("exec:logcat -d", |_| Reply::raw("11-28 09:00:01.204 I x: y\n"));
    let (read, daemon) = with(daemon, &[], |driver, op| {
        let diagnostics = driver.diagnostics().expect("diagnostics");
        assert_eq!(diagnostics.reports(), ["bugreport", "logcat"]);
        let mut log = Vec::new();
        let len = diagnostics.report("logcat", Some(Duration::from_secs(100)), &mut log, op).unwrap();
        diagnostics.report("logcat", None, &mut Vec::new(), op).unwrap();
        assert_eq!(diagnostics.report("radio", None, &mut Vec::new(), op).unwrap_err().kind(), Kind::Unsupported);
        (len, log)
    });
    assert_eq!(read.unwrap(), (26, b"11-28 09:00:01.204 I x: y\n".to_vec()));
    let asked = |wanted: &str| daemon.services().iter().any(|service| service == wanted);
    assert!(asked("exec:logcat -d -v threadtime -v year -T 1700000000.000"), "{:?}", daemon.services());
    assert!(asked("exec:logcat -d -v threadtime -v year"));
}

#[test]
fn a_bug_report_is_read_and_does_not_stay() {
    let path = "/data/user_de/0/com.android.shell/files/bugreports/a.zip";
    let made = format!("BEGIN:{path}\nPROGRESS:10/100\nOK:{path}\n");
    let daemon = phone()
        .on("shell,v2,raw:bugreportz -p", move |_| Reply::shell(&made, "", 0))
        .on("exec:cat ", |_| Reply::bytes(b"PK\r\n\0"));
    let report = |daemon: Daemon| {
        with(daemon, &[], |driver, op| {
            let mut bytes = Vec::new();
            driver.diagnostics().expect("diagnostics").report("bugreport", None, &mut bytes, op).map(|_| bytes)
        })
    };
    let (read, daemon) = report(daemon);
    assert_eq!(read.unwrap().unwrap(), b"PK\r\n\0");
    assert!(daemon.services().contains(&format!("shell,v2,raw:rm -f {path}")));
    let fails = phone().on("shell,v2,raw:bugreportz -p", |_| Reply::shell("FAIL:no \u{1b}[2Jroom\n", "", 0));
    let error = report(fails).0.unwrap().unwrap_err();
    assert_eq!(error.kind(), Kind::Refused);
    assert!(error.to_string().ends_with("no \\u{1b}[2Jroom"));
}
