use super::*;
use crate::detect::{self, Usb};

fn map(bays: &str) -> Result<Map> {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join(FILE), format!("format: 1\nlater: {{ key: [1] }}\n{bays}")).unwrap();
    Map::under(root.path())
}

fn on(path: &str) -> Found {
    let mut found = detect::named("usb:1-1".into());
    found.usb = Some(Usb { path: Some(path.into()), ..Usb::new(0x2fe3, 0x0100) });
    found
}

fn numbers(map: &Map, paths: &[&str]) -> Vec<Option<u32>> {
    paths.iter().map(|path| map.bay_of(&on(path)).map(|bay| bay.id.0)).collect()
}

#[test]
fn a_socket_keeps_its_number_at_both_speeds_and_a_hub_numbers_its_sockets() {
    let map = map("bays:\n  - bay: 3\n    label: left\n    ports: [pci-0-usbv2-0:2.1, pci-0-usbv3-0:2.1]\n    \
         link: { baud: 921600 }\n  - { bays: 11-13, label: \"hub {}\", ports: \"pci-0-usbv*-0:4.{}\", disabled: [12] }\n  \
         - { bay: 20, ports: \"usb-*-usbv2-0:9.?\" }\n")
    .unwrap();
    let paths =
        ["pci-0-usbv2-0:2.1", "pci-0-usbv3-0:2.1", "pci-0-usbv3-0:4.3", "pci-0-usbv2-0:4.4", "usb-x-usbv2-0:9.7"];
    assert_eq!(numbers(&map, &paths), [Some(3), Some(3), Some(13), None, Some(20)]);
    let bay = map.bay(BayId(3)).unwrap();
    assert_eq!((bay.label.as_deref(), bay.link.baud), (Some("left"), Some(921_600)));
    assert_eq!((bay.start, bay.free), (Start::Plug, Free::Unplug));
    assert_eq!(map.bay(BayId(12)).unwrap().label.as_deref(), Some("hub 2"));
    assert_eq!(map.enabled(BayId(12)).unwrap_err().kind(), Kind::Invalid);
    assert!(map.bay(BayId(99)).unwrap_err().is_absent());
    assert!(map.admits(&on(paths[0])) && !map.admits(&on(paths[3])) && !map.admits(&on("pci-0-usbv2-0:4.2")));
}

#[test]
fn a_station_without_a_map_admits_everything() {
    for text in ["", "bays:\n", "bays: []\n"] {
        let map = map(text).unwrap();
        assert!(map.is_empty() && map.admits(&on("pci-0-usbv2-0:1")), "{text}");
    }
    assert!(Map::under(Path::new("/nowhere/at/all")).unwrap().is_empty());
}

#[cfg(unix)]
#[test]
fn a_serial_port_is_known_by_what_its_path_leads_to() {
    let root = tempfile::tempdir().unwrap();
    let (node, link) = (root.path().canonicalize().unwrap().join("ttyUSB0"), root.path().join("by-path"));
    fs::write(&node, "").unwrap();
    std::os::unix::fs::symlink(&node, &link).unwrap();
    let map = map(&format!("bays: [{{ bay: 1, serial: {}, start: probe }}]", link.display())).unwrap();
    let found = detect::named(format!("tty:{}", node.display()));
    let bay = map.bay_of(&found).unwrap();
    assert_eq!((bay.start, bay.free), (Start::Probe, Free::Silent(Duration::from_secs(2))));
    assert!(map.bay_of(&detect::named("tty:/dev/ttyS0".into())).is_none());
}

#[test]
fn what_is_wrong_is_named_by_line_and_key() {
    let port = "ports: pci-0-usbv2-0:1";
    for (bays, place, says) in [
        (format!("- {{ bay: 1, {port}, lable: x }}"), "4:", "did you mean `label`"),
        (format!("- {{ bay: 1, {port} }}\n- {{ bay: 1, ports: pci-0-usbv2-0:2 }}"), "5:", "bay 1 stands here twice"),
        (format!("- {{ bay: 1, {port} }}\n- {{ bay: 2, {port} }}"), "5:", "of bay 2 belongs to bay 1 too"),
        (format!("- {{ bay: 1, {port} }}\n- {{ bay: 2, ports: \"pci-*\" }}"), "5:", "belongs to bay 1 too"),
        ("- { bay: 1, serial: /dev/a }\n- { bay: 2, serial: /dev/a }".into(), "5:", "belongs to bay 1 too"),
        (
            "- { bay: 1, label: a, serial: /dev/a }\n- { bay: 2, label: a, serial: /dev/b }".into(),
            "5:",
            "both called `a`",
        ),
        ("- { bay: 1 }".into(), "4:", "lacks its `ports`"),
        ("- { bay: 0, serial: /dev/a }".into(), "4:", "from 1 to 999"),
        ("- { bay: 1, ports: 1-2.3 }".into(), "4:", "is no port path"),
        ("- { bay: 1, ports: [] }".into(), "4:", "from 1 to 8 ports"),
        ("- { bay: 1, serial: ttyS0 }".into(), "4:", "whole path"),
        (format!("- {{ bay: 1, {port}, start: prob }}"), "4:", "did you mean `probe`"),
        (format!("- {{ bay: 1, {port}, free: silent }}"), "4:", "write `silent 2s`"),
        (format!("- {{ bay: 1, {port}, free: silent 2 }}"), "4:", "time"),
        (format!("- {{ bay: 1, {port}, free: never }}"), "4:", "`unplug`"),
        (format!("- {{ bay: 1, {port}, link: {{ speed: 1 }} }}"), "4:", "no key `speed`"),
        (format!("- {{ bays: 1-8, {port} }}"), "4:", "one port for several bays"),
        ("- { bays: 8-1, ports: \"pci-0-usbv2-0:{}\" }".into(), "4:", "a range"),
        ("- { bays: 1-3, ports: \"pci-0-usbv2-0:{}\", disabled: [4] }".into(), "4:", "from 1 to 3"),
        ("- { bay: 1, ports: \"pci-0-usbv2-0:{}\" }".into(), "4:", "goes with `bays: 1-8`"),
        ("1: x".into(), "4:", "text"),
    ] {
        let error = map(&format!("bays:\n{bays}")).unwrap_err();
        let said = error.to_string();
        assert_eq!(error.kind(), Kind::Invalid, "{bays}");
        assert!(said.contains(&format!("{FILE}:{place}")) && said.contains(says), "{bays}: {said}");
    }
}

/// What `change` makes of a station whose bays are written so.
fn changed(bays: &str, change: impl FnOnce(&Home) -> Result<Map>) -> Result<String> {
    let root = tempfile::tempdir().unwrap();
    let home = Home::open(Some(root.path().to_owned())).unwrap();
    let path = root.path().join(FILE);
    let head = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{head}{bays}")).unwrap();
    let map = change(&home);
    let after = fs::read_to_string(&path).unwrap();
    let tail = after.strip_prefix(&head).unwrap().to_owned();
    match map {
        Ok(map) => {
            assert_eq!(map, Map::load(&home).unwrap());
            Home::open(Some(root.path().to_owned())).unwrap();
            Ok(tail)
        }
        Err(error) => {
            assert_eq!(tail, bays, "nothing was changed");
            Err(error)
        }
    }
}

fn learned(id: u32, port: &str) -> Learned {
    Learned { id: BayId(id), ports: vec![port.to_owned()], start: None, free: None }
}

#[test]
fn a_bay_is_taken_out_of_use_and_back_where_it_stands() {
    let block = "bays:\n  # by the window\n  - bay: 1   # left\n    serial: /dev/a\nother: { x: 1 }\n";
    let off = changed(block, |home| Map::set_enabled(home, BayId(1), false)).unwrap();
    assert_eq!(off, block.replace("# left\n", "# left\n    enabled: false\n"));
    let on = changed(&off, |home| Map::set_enabled(home, BayId(1), true)).unwrap();
    assert_eq!(on, off.replace("enabled: false", "enabled: true"));
    assert_eq!(changed(&on, |home| Map::set_enabled(home, BayId(1), true)).unwrap(), on);
    let flow = "bays: [{ bay: 1, serial: /dev/a }, { bays: 2-4, ports: \"pci-usbv*-0:{}\" }]";
    let off = changed(flow, |home| Map::set_enabled(home, BayId(1), false)).unwrap();
    assert_eq!(off, flow.replace("bay: 1", "bay: 1, enabled: false"));
    let off = changed(flow, |home| Map::set_enabled(home, BayId(3), false)).unwrap();
    assert_eq!(off, flow.replace("2-4", "2-4, disabled: [3]"));
    let both = changed(&off, |home| Map::set_enabled(home, BayId(2), false)).unwrap();
    assert_eq!(both, off.replace("[3]", "[2, 3]"));
    assert!(changed(flow, |home| Map::set_enabled(home, BayId(9), false)).unwrap_err().is_absent());
}

#[test]
fn what_is_learned_is_added_behind_what_is_there() {
    let learn = |bays: &str, id, port: &str| changed(bays, |home| Map::learn(home, &learned(id, port)));
    let entry = "  - bay: 1\n    ports: [\"pci-usbv2-0:1\"]\n";
    let first = learn("", 1, "pci-usbv2-0:1").unwrap();
    assert_eq!(first, format!("bays:\n{entry}"));
    for bays in ["bays:\n", "bays: []\n", "bays: # none yet\n", "bays:\nsignals: { pass: x }\n"] {
        learn(bays, 1, "pci-usbv2-0:1").unwrap();
    }
    let second = learn(&format!("{first}\n# lamps\nsignals: {{ pass: x }}\n"), 2, "pci-usbv2-0:2").unwrap();
    let wanted =
        format!("bays:\n{entry}  - bay: 2\n    ports: [\"pci-usbv2-0:2\"]\n\n# lamps\nsignals: {{ pass: x }}\n");
    assert_eq!(second, wanted);
    let flow = learn("bays: [{ bay: 1, ports: [pci-usbv2-0:1] }]\n", 2, "pci-usbv2-0:2").unwrap();
    assert!(flow.contains("}, { bay: 2, ports: [\"pci-usbv2-0:2\"] }]"), "{flow}");
    let narrow = learn("bays:\n- bay: 1\n  ports:\n  - pci-usbv2-0:1\n", 2, "pci-usbv2-0:2").unwrap();
    assert!(narrow.ends_with("- bay: 2\n  ports: [\"pci-usbv2-0:2\"]\n"), "{narrow}");
}

#[test]
fn a_bay_that_is_learned_anew_keeps_all_but_its_ports() {
    let learn = |bays: &str| changed(bays, |home| Map::learn(home, &learned(1, "pci-usbv2-0:9")));
    for bays in [
        "bays:\n  - bay: 1\n    label: left\n    ports: [pci-usbv2-0:1, pci-usbv3-0:1] # old\n    start: key\n",
        "bays:\n  - bay: 1\n    label: left\n    ports:\n      - pci-usbv2-0:1\n      - pci-usbv3-0:1\n    start: key\n",
        "bays: [{ bay: 1, label: left, ports: pci-usbv2-0:1, start: key }]\n",
        "bays: [{ bay: 1, label: left, serial: /dev/a, start: key }]\n",
    ] {
        let after = learn(bays).unwrap();
        assert!(after.contains("[\"pci-usbv2-0:9\"]") && after.contains("left") && after.contains("key"), "{after}");
    }
    let taken = "bays: [{ bay: 2, ports: pci-usbv2-0:9 }]\n";
    assert!(learn(taken).unwrap_err().to_string().contains("belongs to bay"));
    assert_eq!(learn("bays: [{ bays: 1-2, ports: \"pci-usbv2-0:{}\" }]").unwrap_err().kind(), Kind::Invalid);
}
