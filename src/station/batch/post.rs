//! The bays of a batch.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::detect::Found;
use crate::device::BayId;
use crate::error::{Error, Kind, Result};
use crate::link::Address;
use crate::station::map::{BaySpec, Free, Start};
use crate::station::{Place, Selector, World};

/// The most bays of a batch.
const MAX_BAYS: u32 = 999;

/// One bay of a batch.
#[derive(Debug, Clone)]
pub struct Post {
    /// Its number.
    pub id: BayId,
    /// What people call it, and what a scanner reads there.
    pub label: Option<String>,
    /// How its unit is opened.
    pub selector: Selector,
    /// What begins a run in it.
    pub start: Start,
    /// What frees it.
    pub free: Free,
    /// The bay, when it is on the map.
    pub spec: Option<Arc<BaySpec>>,
    pub(super) sight: Sight,
}

/// How a unit is seen to be there.
#[derive(Debug, Clone)]
pub(super) enum Sight {
    /// A path that is there or not.
    Path(PathBuf),
    /// The USB ports of a socket.
    Socket(Arc<BaySpec>),
    /// A USB port, as the kernel calls it today.
    Usb(String),
}

impl fmt::Display for Post {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.label {
            Some(label) => write!(f, "bay {} ({label})", self.id),
            None => write!(f, "bay {}", self.id),
        }
    }
}

impl Post {
    /// Whether `text`, typed or scanned, names this bay.
    #[must_use]
    pub fn is_called(&self, text: &str) -> bool {
        let bare = text.strip_prefix("bay").map_or(text, |rest| rest.trim_start_matches([':', ' ']));
        self.label.as_deref() == Some(text) || bare == self.id.to_string()
    }

    /// The bay on the map.
    #[must_use]
    pub fn on_map(spec: &Arc<BaySpec>) -> Post {
        let sight = match (&spec.serial, spec.ports.is_empty()) {
            (Some(path), true) => Sight::Path(path.clone()),
            _ => Sight::Socket(Arc::clone(spec)),
        };
        let selector = Selector { driver: None, place: Place::Bay(spec.id), options: BTreeMap::default() };
        Post {
            id: spec.id,
            label: spec.label.clone(),
            selector,
            start: spec.start,
            free: spec.free,
            spec: Some(Arc::clone(spec)),
            sight,
        }
    }

    /// A bay that is a port, named by a person.
    ///
    /// # Errors
    /// `invalid` when it is no place where units come and go.
    pub fn at_port(id: BayId, text: &str, world: &dyn World) -> Result<Post> {
        let selector: Selector = text.parse()?;
        let sight = match &selector.place {
            Place::Usb(port) => Sight::Usb(port.clone()),
            Place::Address(Address::Tty(path)) => match usb_port_of(path, world) {
                Some(port) => Sight::Usb(port),
                None => Sight::Path(path.clone()),
            },
            _ => {
                return Err(Error::new(
                    Kind::Invalid,
                    format!("`{}` is no port that units are plugged into", text.escape_debug()),
                )
                .next("name ports (tty:/dev/ttyUSB0, usb:1-2.3), or bays of the map (1-8)"));
            }
        };
        Ok(Post { id, label: None, selector, start: Start::Plug, free: Free::Unplug, spec: None, sight })
    }

    pub(super) fn holds(&self, found: &Found) -> bool {
        match &self.sight {
            Sight::Path(_) => false,
            Sight::Socket(spec) => spec.holds(found),
            Sight::Usb(port) => found.usb.as_ref().and_then(|usb| usb.port.as_ref()) == Some(port),
        }
    }
}

fn usb_port_of(path: &Path, world: &dyn World) -> Option<String> {
    let real = path.canonicalize().ok()?;
    let places = world.places();
    places.iter().find(|found| found.path() == Some(&real))?.usb.as_ref()?.port.clone()
}

/// The bays that `--bays` names: numbers and ranges of the map, or ports, which are numbered as they are named; without
/// it, all that are in use.
///
/// # Errors
/// `invalid` when there is no such bay, one is named twice, or it cannot be waited at; `gone` when it is not on the map.
pub fn posts(named: &[String], world: &dyn World) -> Result<Vec<Post>> {
    let map = world.map();
    let posts: Vec<Post> = if named.is_empty() {
        map.bays().filter(|bay| bay.enabled).map(Post::on_map).collect()
    } else if let Some(numbers) = numbers(named)? {
        numbers.into_iter().map(|id| map.enabled(id).map(Post::on_map)).collect::<Result<_>>()?
    } else {
        let ports = named.iter().flat_map(|text| ports(text));
        (1..).zip(ports).map(|(id, text)| Post::at_port(BayId(id), &text, world)).collect::<Result<_>>()?
    };
    if posts.is_empty() {
        return Err(Error::new(Kind::Invalid, "no bay is named, and this station has no bay map with one in use")
            .next("put bays into station.yaml, or name ports: --bays tty:/dev/ttyUSB0,tty:/dev/ttyUSB1"));
    }
    for (at, post) in posts.iter().enumerate() {
        if posts[..at].iter().any(|other| other.id == post.id || other.selector.place == post.selector.place) {
            return Err(Error::new(Kind::Invalid, format!("{post} is named twice")).next("name each bay once"));
        }
    }
    Ok(posts)
}

/// `1-3,7` and `9` as bays; `None` when any of it is no number.
fn numbers(named: &[String]) -> Result<Option<Vec<BayId>>> {
    let mut numbers = Vec::new();
    for part in named.iter().flat_map(|text| text.split(',')) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (Ok(first), Ok(last)) = (first.trim().parse::<u32>(), last.trim().parse::<u32>()) else { return Ok(None) };
        if first == 0 || last < first || last > MAX_BAYS {
            return Err(Error::new(Kind::Invalid, format!("`{}` are no bays", part.escape_debug()))
                .next(format!("bays are numbered from 1 to {MAX_BAYS}: 3, 1-8, 1,4,6-8")));
        }
        numbers.extend((first..=last).map(BayId));
    }
    Ok(Some(numbers))
}

/// Ports apart by commas, each with its own options: `tty:/dev/a,baud=9600,tty:/dev/b`.
fn ports(text: &str) -> Vec<String> {
    let mut ports: Vec<String> = Vec::new();
    for part in text.split(',') {
        let is_option = part.split_once('=').is_some_and(|(key, _)| !key.contains([':', '/', '@']));
        match ports.last_mut() {
            Some(port) if is_option => {
                port.push(',');
                port.push_str(part);
            }
            _ => ports.push(part.to_owned()),
        }
    }
    ports
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    #[test]
    fn numbers_ranges_and_ports_are_told_apart() {
        let ids = |texts: &[&str]| {
            let texts: Vec<String> = texts.iter().map(ToString::to_string).collect();
            numbers(&texts).map(|found| found.map(|found| found.iter().map(|id| id.0).collect::<Vec<_>>()))
        };
        assert_eq!(ids(&["1-3,7", "9"]).unwrap().unwrap(), [1, 2, 3, 7, 9]);
        assert_eq!(ids(&["tty:/dev/a"]).unwrap(), None);
        for wrong in ["0", "3-1", "1-1000", "4294967295"] {
            assert_eq!(ids(&[wrong]).unwrap_err().kind(), Kind::Invalid, "{wrong}");
        }
        assert_eq!(
            ports("tty:/dev/a,baud=9600,smp@tty:/dev/b=c,usb:1-2"),
            ["tty:/dev/a,baud=9600", "smp@tty:/dev/b=c", "usb:1-2"]
        );
    }

    pub(in super::super) fn post(id: u32, sight: Sight) -> Post {
        Post {
            id: BayId(id),
            label: Some("left".into()),
            selector: "usb:1-1".parse().unwrap(),
            start: Start::Plug,
            free: Free::Unplug,
            spec: None,
            sight,
        }
    }

    #[test]
    fn a_bay_answers_to_its_number_and_its_label() {
        let post = post(3, Sight::Usb("1-1".into()));
        for name in ["3", "bay 3", "bay:3", "left"] {
            assert!(post.is_called(name), "{name}");
        }
        for name in ["33", "", "bay", "Left"] {
            assert!(!post.is_called(name), "{name}");
        }
    }
}
