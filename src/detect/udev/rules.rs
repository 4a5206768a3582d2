//! The text of the rules.

use std::fmt::Write as _;

use super::GROUP;
use crate::device::{InterfaceClass, Pattern, Signature, Via};

const HEAD: &str = "\
# Access to the units that Hardwire drives, for the person at the seat and for group `hardwire`; nothing is made
# world-writable. `hardwire udev install` puts this file in place, `hardwire udev check` says whether it works.
# Made by `hardwire udev print` from what the drivers recognise: do not edit, it is held to them by a test.
";

/// Rules for what `signatures` are driven by; what is only named gets none.
#[must_use]
pub fn generate(signatures: &[Signature]) -> String {
    let mut rules =
        format!("{HEAD}\nACTION==\"remove\", GOTO=\"hardwire_end\"\n\nSUBSYSTEM!=\"usb\", GOTO=\"hardwire_ports\"\n");
    rules.push_str("ENV{DEVTYPE}!=\"usb_device\", GOTO=\"hardwire_end\"\n");
    section(&mut rules, signatures, "ATTR", |via| match via {
        Via::Usb => format!("ENV{{ID_MM_DEVICE_IGNORE}}=\"1\", TAG+=\"uaccess\", GROUP=\"{GROUP}\", MODE=\"0660\""),
        // Nobody needs the device itself, but ModemManager looks here whether to probe its ports.
        Via::Serial => "ENV{ID_MM_DEVICE_IGNORE}=\"1\"".into(),
    });
    rules.push_str(
        "GOTO=\"hardwire_end\"\n\nLABEL=\"hardwire_ports\"\nSUBSYSTEM!=\"tty\", GOTO=\"hardwire_adapters\"\n",
    );
    section(&mut rules, signatures, "ATTRS", |via| match via {
        Via::Serial => format!(
            "ENV{{ID_MM_DEVICE_IGNORE}}=\"1\", ENV{{ID_MM_PORT_IGNORE}}=\"1\", TAG+=\"uaccess\", GROUP=\"{GROUP}\", MODE=\"0660\""
        ),
        // Its ports are not how it is spoken to; a probe would disturb it all the same.
        Via::Usb => "ENV{ID_MM_DEVICE_IGNORE}=\"1\", ENV{ID_MM_PORT_IGNORE}=\"1\"".into(),
    });
    rules.push_str(
        "GOTO=\"hardwire_end\"\n\nLABEL=\"hardwire_adapters\"\n# FTDI chips hold received bytes back for 16 ms unless \
         told otherwise: a third of the rate of a protocol that waits.\nSUBSYSTEM==\"usb-serial\", \
         DRIVER==\"ftdi_sio\", ATTR{latency_timer}=\"1\"\n\nLABEL=\"hardwire_end\"\n",
    );
    rules
}

fn section(rules: &mut String, signatures: &[Signature], attribute: &str, grant: impl Fn(Via) -> String) {
    let mut lines: Vec<(&str, String)> = Vec::new();
    for signature in signatures {
        let Some(speaks) = signature.speaks else { continue };
        let Some(matches) = matches(&signature.pattern, attribute) else { continue };
        let line = format!("{matches}, {}", grant(speaks.via));
        if lines.iter().all(|(_, other)| *other != line) {
            lines.push((signature.name, line));
        }
    }
    let mut last = "";
    for (name, line) in lines {
        if name != last {
            let _ = writeln!(rules, "# {name}");
            last = name;
        }
        let _ = writeln!(rules, "{line}");
    }
}

/// The conditions of a pattern; `None` for one that would fit every device.
fn matches(pattern: &Pattern, attribute: &str) -> Option<String> {
    let id = |key: &str, id: Option<u16>| id.map(|id| format!("{attribute}{{{key}}}==\"{id:04x}\""));
    let interface = |interface: InterfaceClass| {
        let byte = |byte: Option<u8>| byte.map_or("??".into(), |byte| format!("{byte:02x}"));
        let class = format!("{:02x}{}{}", interface.class, byte(interface.subclass), byte(interface.protocol));
        format!("ENV{{ID_USB_INTERFACES}}==\"*:{class}:*\"")
    };
    let conditions = [
        id("idVendor", pattern.vendor),
        id("idProduct", pattern.product),
        pattern.interface.map(interface),
        pattern.text.map(|text| format!("{attribute}{{product}}==\"*{text}*\"")),
    ];
    let conditions: Vec<String> = conditions.into_iter().flatten().collect();
    (!conditions.is_empty()).then(|| conditions.join(", "))
}
