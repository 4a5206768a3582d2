//! Whether anything is in the bays of a batch.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::incident::Incident;
use super::post::{Post, Sight};
use crate::detect::{Change, Watch};
use crate::device::BayId;

/// How often a port that is in no list is looked for.
const LOOK: Duration = Duration::from_millis(100);

/// Looks into the bays, and tells what came and went.
pub(super) struct Sentry {
    posts: Vec<Post>,
    watch: Box<dyn Watch>,
    /// What is in each bay, by address; for a path, what kind of node it is.
    inside: BTreeMap<BayId, BTreeMap<String, Option<String>>>,
    has_paths: bool,
}

impl Sentry {
    /// Begins to watch.
    pub(super) fn new(posts: Vec<Post>, watch: Box<dyn Watch>) -> Sentry {
        let has_paths = posts.iter().any(|post| matches!(post.sight, Sight::Path(_)));
        Sentry { posts, watch, inside: BTreeMap::new(), has_paths }
    }

    /// What is there from the beginning.
    pub(super) fn first(&mut self, tell: &mut dyn FnMut(Incident)) {
        for found in self.watch.there() {
            self.on(&Change::Arrived(Box::new(found)), tell);
        }
        self.look(tell);
    }

    /// Waits up to `within`, and tells what came and went.
    pub(super) fn next(&mut self, within: Duration, tell: &mut dyn FnMut(Incident)) {
        let within = if self.has_paths { within.min(LOOK) } else { within };
        if let Some(change) = self.watch.next(within) {
            self.on(&change, tell);
        }
        self.look(tell);
    }

    fn on(&mut self, change: &Change, tell: &mut dyn FnMut(Incident)) {
        let (Change::Arrived(found) | Change::Departed(found)) = change;
        let Some(post) = self.posts.iter().find(|post| post.holds(found)) else { return };
        let inside = self.inside.entry(post.id).or_default();
        let was_empty = inside.is_empty();
        match change {
            Change::Arrived(_) => {
                let usb = found.usb.as_ref().and_then(|usb| usb.serial.as_ref());
                let who = found.serial.as_ref().or(usb).map(|serial| serial.untrusted().to_owned());
                inside.insert(found.address.clone(), who.clone());
                if was_empty {
                    tell(Incident::Arrived(post.id, who));
                }
            }
            Change::Departed(_) => {
                inside.remove(&found.address);
                if !was_empty && inside.is_empty() {
                    tell(Incident::Left(post.id));
                }
            }
        }
    }

    fn look(&mut self, tell: &mut dyn FnMut(Incident)) {
        for post in &self.posts {
            let Sight::Path(path) = &post.sight else { continue };
            let now: BTreeMap<String, Option<String>> = node(path).map(|node| (node, None)).into_iter().collect();
            let before = self.inside.entry(post.id).or_default();
            if *before == now {
                continue;
            }
            // Another node under the same name is another device.
            if !before.is_empty() {
                tell(Incident::Left(post.id));
            }
            if !now.is_empty() {
                tell(Incident::Arrived(post.id, None));
            }
            *before = now;
        }
    }
}

/// What tells the node at `path` from one that is made there later; `None` when there is none.
fn node(path: &Path) -> Option<String> {
    let real = path.canonicalize().ok()?;
    let about = std::fs::metadata(&real).ok()?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        Some(format!("{} {} {}.{}", real.display(), about.ino(), about.ctime(), about.ctime_nsec()))
    }
    #[cfg(not(unix))]
    {
        let _ = about;
        Some(real.display().to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::super::post::tests::post;
    use super::*;
    use crate::detect::{self, Found, Usb};

    fn sentry(posts: Vec<Post>) -> Sentry {
        struct Nothing;
        impl Watch for Nothing {
            fn there(&self) -> Vec<Found> {
                Vec::new()
            }
            fn next(&mut self, _: Duration) -> Option<Change> {
                None
            }
            fn notes(&self) -> &[String] {
                &[]
            }
        }
        Sentry::new(posts, Box::new(Nothing))
    }

    #[test]
    fn a_device_with_two_ports_comes_and_goes_once() {
        let mut sentry = sentry(vec![post(4, Sight::Usb("1-2".into()))]);
        let at = |name: &str, port: &str| {
            let mut found = detect::named(format!("tty:/dev/{name}"));
            found.usb = Some(Usb::new(0x2fe3, 0x0100).on(port));
            Box::new(found)
        };
        let mut told = Vec::new();
        for change in [
            Change::Arrived(at("a", "1-2")),
            Change::Arrived(at("other", "1-3")),
            Change::Arrived(at("b", "1-2")),
            Change::Departed(at("a", "1-2")),
            Change::Departed(at("other", "1-3")),
            Change::Departed(at("b", "1-2")),
        ] {
            sentry.on(&change, &mut |incident| told.push(incident));
        }
        assert_eq!(told, [Incident::Arrived(BayId(4), None), Incident::Left(BayId(4))]);
    }

    #[test]
    fn a_path_is_there_or_not_and_another_node_is_another_unit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("unit.tty");
        let mut sentry = sentry(vec![post(1, Sight::Path(path.clone()))]);
        let mut look = || {
            let mut told = Vec::new();
            sentry.next(Duration::ZERO, &mut |incident| told.push(incident));
            told
        };
        assert_eq!(look(), []);
        std::fs::write(&path, "").unwrap();
        assert_eq!(look(), [Incident::Arrived(BayId(1), None)]);
        assert_eq!(look(), []);
        std::fs::rename(&path, folder.path().join("old")).unwrap();
        std::fs::write(&path, "").unwrap();
        assert_eq!(look(), [Incident::Left(BayId(1)), Incident::Arrived(BayId(1), None)]);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(look(), [Incident::Left(BayId(1))]);
    }
}
