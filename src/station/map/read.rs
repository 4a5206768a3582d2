//! `bays` of `station.yaml`, checked and turned into its types.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{BaySpec, Free, Map, PortPattern, Start};
use crate::device::BayId;
use crate::error::Result;
use crate::profile::LinkOptions;
use crate::profile::node::{Fields, Node, Value};
use crate::profile::source::Source;
use crate::profile::{read_duration, read_link};

/// The highest number of a bay.
const MAX_BAY: u32 = 999;
/// The most bays of one station.
const MAX_BAYS: usize = 256;
/// The most ports of one bay: a socket has one for each speed; an old computer and a new one may share a map.
const MAX_PORTS: usize = 8;
/// Stands for a socket's number in an entry for several bays.
pub(super) const SOCKET: &str = "{}";

const BAY: [&str; 8] = ["bay", "label", "ports", "serial", "link", "start", "free", "enabled"];
const BAYS: [&str; 8] = ["bays", "label", "ports", "link", "start", "free", "enabled", "disabled"];

/// The tree of the file at `path`.
pub(super) fn parse(path: &Path, bytes: Vec<u8>) -> Result<Node> {
    let source: Arc<Source> =
        Source::from_bytes(path.display().to_string(), path.parent().unwrap_or(Path::new("")), bytes)?;
    source.parse()
}

/// The map that a `station.yaml` holds; its other keys belong to others.
pub(super) fn map(document: &Node) -> Result<Map> {
    let mut map = Map::default();
    let Some(bays) = document.get("bays").filter(|bays| !matches!(bays.value, Value::Null)) else { return Ok(map) };
    for node in bays.list("`bays`")? {
        for bay in entry(node)? {
            check_against(&map, &bay, node)?;
            map.add(bay);
        }
        if map.bays.len() > MAX_BAYS {
            return Err(node.at.error(format_args!("a station has at most {MAX_BAYS} bays")));
        }
    }
    Ok(map)
}

/// Refuses a bay that is, or could be, another one too.
fn check_against(map: &Map, bay: &BaySpec, node: &Node) -> Result<()> {
    let id = bay.id;
    for other in map.bays() {
        if other.id == id {
            return Err(node.at.error(format_args!("bay {id} stands here twice")));
        }
        if let Some(label) = bay.label.as_ref().filter(|label| other.label.as_ref() == Some(label)) {
            return Err(node.at.error(format_args!("bays {} and {id} are both called `{label}`", other.id)));
        }
        let both = bay.ports.iter().find(|port| other.ports.iter().any(|theirs| theirs.meets(port)));
        let both = both.map(ToString::to_string).or_else(|| {
            let serial = bay.serial.as_ref().filter(|serial| other.serial.as_ref() == Some(serial));
            serial.map(|serial| serial.display().to_string())
        });
        if let Some(port) = both {
            let at = node.get("ports").or_else(|| node.get("serial")).map_or(&node.at, |node| &node.at);
            return Err(at.error(format_args!("`{port}` of bay {id} belongs to bay {} too", other.id)));
        }
    }
    Ok(())
}

/// The bays that one entry stands for.
fn entry(node: &Node) -> Result<Vec<BaySpec>> {
    if node.get("bays").is_none() {
        return one(node).map(|bay| vec![bay]);
    }
    let fields = node.fields("an entry for several bays", &BAYS)?;
    let (first, last) = range(fields.need("bays")?)?;
    let ports = ports(fields.need("ports")?)?;
    if let Some(port) = ports.iter().find(|port| !port.contains(SOCKET)) {
        let at = &fields.need("ports")?.at;
        return Err(at.error(format_args!("`{port}` is one port for several bays; `{SOCKET}` stands for the socket")));
    }
    let common = common(&fields)?;
    let disabled = match fields.get("disabled") {
        None => Vec::new(),
        Some(node) => node
            .list("`disabled`")?
            .iter()
            .map(|bay| bay.int("an entry of `disabled`", first.into(), last.into()))
            .collect::<Result<Vec<_>>>()?,
    };
    Ok((first..=last)
        .map(|number| {
            let socket = |text: &str| text.replace(SOCKET, &(number - first + 1).to_string());
            BaySpec {
                id: BayId(number),
                label: common.label.as_deref().map(socket),
                ports: ports.iter().map(|port| PortPattern::new(socket(port))).collect(),
                enabled: common.enabled && !disabled.contains(&number.into()),
                ..common.clone()
            }
        })
        .collect())
}

fn one(node: &Node) -> Result<BaySpec> {
    let fields = node.fields("a bay", &BAY)?;
    let number = fields.need("bay")?.int("`bay`", 1, MAX_BAY.into())?;
    let ports = fields.get("ports").map(ports).transpose()?.unwrap_or_default();
    if let Some(port) = ports.iter().find(|port| port.contains(SOCKET)) {
        return Err(node.at.error(format_args!("`{port}` names a socket by `{SOCKET}`, which goes with `bays: 1-8`")));
    }
    let serial = fields.get("serial").map(serial).transpose()?;
    if ports.is_empty() && serial.is_none() {
        return Err(node.at.error(format_args!("bay {number} lacks its `ports` or its `serial`")));
    }
    let id = BayId(u32::try_from(number).unwrap_or(MAX_BAY));
    Ok(BaySpec { id, ports: ports.into_iter().map(PortPattern::new).collect(), serial, ..common(&fields)? })
}

/// The ways to begin, by name.
pub(super) const STARTS: [(&str, Start); 4] =
    [("plug", Start::Plug), ("probe", Start::Probe), ("cts", Start::Cts), ("key", Start::Key)];

/// What both kinds of entry have; number and ports are still to come.
fn common(fields: &Fields<'_>) -> Result<BaySpec> {
    let start = fields.get("start").map(|node| node.choice("`start`", &STARTS)).transpose()?.unwrap_or_default();
    let free = match fields.get("free") {
        Some(node) => free(node)?,
        None => start.usual_end(),
    };
    let label = match fields.get("label") {
        None => None,
        Some(node) => {
            let label = node.text("`label`")?;
            if label.chars().count() > 64 {
                return Err(node.at.error("`label` is longer than 64 characters"));
            }
            Some(label.to_owned())
        }
    };
    Ok(BaySpec {
        id: BayId(0),
        label,
        ports: Vec::new(),
        serial: None,
        link: fields.get("link").map(read_link).transpose()?.unwrap_or(LinkOptions::default()),
        start,
        free,
        enabled: fields.get("enabled").map(|node| node.bool("`enabled`")).transpose()?.unwrap_or(true),
    })
}

fn free(node: &Node) -> Result<Free> {
    let text = node.text("`free`")?;
    match text.split_once(' ') {
        Some(("silent", time)) => {
            let time = Node { at: node.at.clone(), value: Value::Text(time.trim().to_owned()) };
            read_duration(&time, "the time of `free: silent`").map(Free::Silent)
        }
        None if text == "silent" => Err(node.at.error("`silent` needs its time: write `silent 2s`")),
        _ => node.choice("`free`", &[("unplug", Free::Unplug), ("key", Free::Key), ("silent TIME", Free::Key)]),
    }
}

/// The same as a person says it on the command line.
pub(super) fn free_of(text: &str) -> Option<Free> {
    let quoted = format!("free: \"{}\"", text.escape_debug());
    let node = Source::from_bytes("free", "", quoted.into_bytes()).ok()?.parse().ok()?;
    free(node.get("free")?).ok()
}

fn range(node: &Node) -> Result<(u32, u32)> {
    let text = node.text("`bays`")?;
    let bounds = text.split_once('-').and_then(|(first, last)| {
        let number = |text: &str| text.trim().parse::<u32>().ok().filter(|number| (1..=MAX_BAY).contains(number));
        Some((number(first)?, number(last)?)).filter(|(first, last)| first < last)
    });
    bounds.ok_or_else(|| node.at.error(format_args!("`bays` is a range from 1 to {MAX_BAY}, such as `1-8`")))
}

/// One port or several.
fn ports(node: &Node) -> Result<Vec<String>> {
    let ports = match &node.value {
        Value::List(_) => node.texts("`ports`")?,
        _ => vec![node.text("`ports`")?.to_owned()],
    };
    if ports.is_empty() || ports.len() > MAX_PORTS {
        return Err(node.at.error(format_args!("`ports` names from 1 to {MAX_PORTS} ports of one socket")));
    }
    for port in &ports {
        let shown = port.escape_debug();
        if port.len() > PortPattern::MAX || port.contains(char::is_whitespace) {
            return Err(node.at.error(format_args!("`{shown}` is no port path")));
        }
        if !port.contains("-usbv") && !port.contains('*') {
            let sentence = format_args!("`{shown}` is no port path, such as `pci-0000:00:14.0-usbv2-0:2.3`");
            let error = node.at.error(sentence);
            return Err(error.next("`hardwire bay learn` writes them; a serial port stands under `serial`"));
        }
    }
    Ok(ports)
}

fn serial(node: &Node) -> Result<PathBuf> {
    let text = node.text("`serial`")?;
    let path = PathBuf::from(text);
    if path.is_absolute() || text.starts_with("COM") {
        return Ok(path);
    }
    let error = node.at.error("`serial` is the whole path of a serial port");
    Err(error.next("name one that survives a reboot, below /dev/serial/by-path"))
}
