use super::support::Bench;

#[test]
fn nothing_there_is_no_such_unit() {
    let bench = Bench::new();
    for device in ["tty:/nonexistent/port", "tcp:127.0.0.1:1", "serial:NOBODY", "bay:9", "usb:9-9"] {
        let (line, code) = bench.last(&["info", "-d", device]);
        assert_eq!((line["type"].as_str(), line["kind"].as_str(), code), (Some("error"), Some("gone"), 3), "{device}");
        assert!(line["next"].is_string(), "{device}");
    }
}

#[test]
fn what_names_no_unit_is_invalid() {
    let bench = Bench::new();
    for device in ["tcp:host", "foo:bar", "nope@/dev/null", "/dev/null,baud=0"] {
        let (line, code) = bench.last(&["info", "-d", device]);
        assert_eq!((line["kind"].as_str(), code), (Some("invalid"), 2), "{device}");
    }
}
