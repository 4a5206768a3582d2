use super::*;
use crate::device::{Mode, Pattern, Signature, Speaks, Via};

fn driven(name: &'static str, via: Via, pattern: Pattern) -> Signature {
    Signature { name, speaks: Some(Speaks { driver: "x", mode: Mode::Application, via }), pattern }
}

#[test]
fn each_unit_is_opened_where_its_driver_speaks_to_it_and_nowhere_else() {
    let rules = generate(&[
        driven("loader", Via::Usb, Pattern::interface(0xfe, 0x01, 0x02)),
        driven("loader", Via::Usb, Pattern::interface(0xfe, 0x01, 0x02)),
        driven("board", Via::Serial, Pattern::device(0x2fe3, 0x0100)),
        Signature { name: "named", speaks: None, pattern: Pattern::vendor(0x1366) },
    ]);
    let line = |part: &str| -> Vec<&str> { rules.lines().filter(|line| line.contains(part)).collect() };
    let usb = "ENV{ID_USB_INTERFACES}==\"*:fe0102:*\", ENV{ID_MM_DEVICE_IGNORE}=\"1\", TAG+=\"uaccess\", \
               GROUP=\"hardwire\", MODE=\"0660\"";
    assert_eq!(line("fe0102").first(), Some(&usb));
    let port = "ATTRS{idVendor}==\"2fe3\", ATTRS{idProduct}==\"0100\", ENV{ID_MM_DEVICE_IGNORE}=\"1\", \
                ENV{ID_MM_PORT_IGNORE}=\"1\", TAG+=\"uaccess\", GROUP=\"hardwire\", MODE=\"0660\"";
    assert_eq!(line("ATTRS{idVendor}"), [port]);
    assert!(line("1366").is_empty(), "what is only named gets no rule");
    assert!(!rules.contains("066\""), "nothing is world-writable");
    let labels = rules.lines().filter_map(|line| line.split("GOTO=\"").nth(1)?.strip_suffix('"'));
    for label in labels {
        assert_eq!(line(&format!("LABEL=\"{label}\"")).len(), 1, "{label}");
    }
}

#[test]
fn a_pattern_that_fits_everything_gets_no_rule() {
    let rules = generate(&[driven("all", Via::Usb, Pattern::default())]);
    assert!(!rules.contains("uaccess"), "{rules}");
}

#[test]
fn half_known_interfaces_are_matched_by_what_is_known() {
    let interface = crate::device::InterfaceClass { class: 0xff, subclass: Some(0x42), protocol: None };
    let rules = generate(&[driven("any", Via::Usb, Pattern { interface: Some(interface), ..Pattern::default() })]);
    assert!(rules.contains("*:ff42??:*"), "{rules}");
}
