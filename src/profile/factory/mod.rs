//! Factory archives of phones: an image for each partition, what the unit must be, and the order in which they are written.
//!
//! The archive may lie within the one that is offered for download, beside the bootloader and the radio. Its images are
//! unpacked once, whatever the number of units.

mod order;
mod unpack;
mod verified;

use std::collections::BTreeMap;
use std::sync::Arc;

use protocols::android::archive::{self, Requirement};
use protocols::android::source::FileError;
use protocols::android::zip::{Archive, Entry, ZipError};

use super::model::{Body, ImagesStep, Payload, Place, SlotImage, StartStep, Step, WipeStep};
use crate::device::{Content, Demands, Level, Mode, RollbackIndex};
use crate::error::{Error, Kind, Result};
use order::{LOADERS, Phase};
use unpack::Unpack;
use verified::Verified;

/// What is demanded of a unit that writing the loaders changes.
const CHANGED: [&str; 2] = ["version-bootloader", "version-baseband"];
/// The file that holds the table of logical partitions.
const TABLE: &str = "super_empty.img";

/// A factory archive, unpacked.
#[derive(Debug)]
pub struct Factory {
    demands: Vec<Requirement>,
    order: Option<archive::Order>,
    /// The images by the names of their files.
    images: BTreeMap<String, Payload>,
    /// The bootloader and the radio, which have files of their own.
    loaders: Vec<(&'static str, Payload)>,
    /// What its metadata of verified boot say.
    verified: Verified,
}

/// How a factory archive is written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HowFactory {
    /// Into this slot, `a` or `b`, which runs then; else into the one that runs.
    pub slot: Option<String>,
    /// Whether the system is started in the end.
    pub start: bool,
    /// Whether user data are erased when images are written.
    pub wipe: bool,
    /// Whether the bootloader and the radio are written.
    pub loaders: bool,
}

impl Factory {
    /// Whether a file is a factory archive, or holds one. So may be a broken archive: it is nothing to be written as it is.
    #[must_use]
    pub fn is_one(content: &dyn Content) -> bool {
        match Archive::open(content) {
            Ok(archive) => archive.entry("android-info.txt").is_some() || archive::images_within(&archive).is_some(),
            Err(error) => !matches!(error, FileError::Read(_) | FileError::Format(ZipError::NotZip)),
        }
    }

    /// Reads an archive, and unpacks what of it is written.
    ///
    /// # Errors
    /// `invalid`: it is no factory archive, or a broken or hostile one; `storage`: there is no room to unpack it.
    pub fn open(content: &Arc<dyn Content>) -> Result<Factory> {
        let mut unpack = Unpack::default();
        let outer = Archive::open(&**content).map_err(unusable)?;
        let mut loaders = Vec::new();
        let inner = match archive::images_within(&outer) {
            Some(entry) => {
                for partition in LOADERS {
                    if let Some(entry) = archive::loader_beside(&outer, partition) {
                        loaders.push((partition, unpack.entry(content, entry)?));
                    }
                }
                unpack.entry(content, entry)?.content
            }
            None => Arc::clone(content),
        };
        let archive::Factory { requirements, order, archive } = archive::Factory::open(&*inner).map_err(unusable)?;
        let mut images = BTreeMap::new();
        let is_written = |entry: &&Entry| match &order {
            _ if entry.name == TABLE => true,
            Some(order) => order::files(order).any(|file| file == entry.name),
            None => order::is_known(&entry.name),
        };
        unpack.expect(archive.entries().filter(is_written))?;
        for entry in archive.entries().filter(is_written) {
            images.insert(entry.name.clone(), unpack.entry(&inner, entry)?);
        }
        for partition in LOADERS {
            let is_there = loaders.iter().any(|(known, _)| *known == partition);
            if let Some(entry) = archive.entry(&format!("{partition}.img")).filter(|_| !is_there) {
                loaders.push((partition, unpack.entry(&inner, entry)?));
            }
        }
        let verified = Verified::of(|partition| images.get(&format!("{partition}.img")))?;
        Ok(Factory { demands: requirements, order, images, loaders, verified })
    }

    /// The steps that write it, named after `step` and like it in all else.
    ///
    /// # Errors
    /// `invalid`: its order of writing cannot be followed.
    pub fn steps(&self, artifact: &str, how: &HowFactory, step: &Step) -> Result<Vec<Step>> {
        let written = how.loaders && !self.loaders.is_empty();
        let is_changed = |demand: &&Requirement| demand.demand.variable().is_some_and(|name| CHANGED.contains(&name));
        let (later, now): (Vec<_>, Vec<_>) = self.demands.iter().partition(|demand| written && is_changed(demand));
        let owned = |demands: Vec<&Requirement>, indexes: Vec<RollbackIndex>| {
            Arc::new(Demands { requirements: demands.into_iter().cloned().collect(), indexes })
        };
        let (demands, then_demands) = (owned(now, self.verified.indexes.clone()), owned(later, Vec::new()));
        let plan = match &self.order {
            Some(order) => order::of(order, how.wipe)?,
            None => order::usual(|file| self.images.contains_key(file), how.wipe),
        };
        let named = |name: &str, body: Body, mode: Option<Mode>| Step {
            name: format!("{}/{name}", step.name),
            body,
            place: mode.map(Place::Mode),
            ..step.clone()
        };
        let by_word = |step: Step| Step { verify: Level::Link, proved_by: None, ..step };
        let mut written_later = Vec::new();
        let mut steps = Vec::new();
        for (partition, image) in self.loaders.iter().filter(|_| how.loaders) {
            let images = vec![SlotImage { slot: (*partition).to_owned(), image: image.clone() }];
            let body =
                ImagesStep { images, demands: Arc::clone(&demands), restart: true, ..ImagesStep::none(artifact) };
            steps.push(by_word(named(partition, Body::Images(body), Some(Mode::Bootloader))));
        }
        let start = how.start.then(|| {
            named(
                "start",
                Body::Start(StartStep { slot: how.slot.clone(), verified: self.verified.digest.clone() }),
                None,
            )
        });
        for (number, phase) in plan.phases.iter().enumerate() {
            let body = ImagesStep {
                images: self.slot_images(phase, how)?,
                table: if phase.table { Some(self.image(TABLE)?.clone()) } else { None },
                demands: Arc::clone(&demands),
                then_demands: Arc::clone(&then_demands),
                looked: step.verify != Level::Link,
                ..ImagesStep::none(artifact)
            };
            let mut one = named(&phase.name(number), Body::Images(body), Some(phase.mode));
            if step.verify != Level::Link && one.proved_by.is_none() {
                one.proved_by = start.as_ref().map(|start| start.name.clone());
            }
            written_later.push(one.name.clone());
            steps.push(one);
        }
        // Before the images: a run that ends between the two is found unfinished by the next.
        let wipes = plan.wipes.into_iter().map(|partition| {
            let body = WipeStep { partition, demands: Arc::clone(&demands) };
            let name = format!("wipe-{}", body.partition);
            Step { needed_by: written_later.clone(), ..by_word(named(&name, Body::Wipe(body), Some(Mode::Bootloader))) }
        });
        let at = steps.len() - written_later.len();
        steps.splice(at..at, wipes.collect::<Vec<_>>());
        steps.extend(start.map(|start| Step { proved_by: None, ..start }));
        if steps.is_empty() {
            return Err(Error::new(Kind::Invalid, "nothing in it is written"));
        }
        Ok(steps)
    }

    fn slot_images(&self, phase: &Phase, how: &HowFactory) -> Result<Vec<SlotImage>> {
        let image = |part: &order::Part| {
            let slot = match (&how.slot, part.other) {
                (None, false) => part.partition.clone(),
                (None, true) => format!("other/{}", part.partition),
                (Some(slot), other) => {
                    let slot = if (slot == "a") == other { "b" } else { "a" };
                    format!("{slot}/{}", part.partition)
                }
            };
            Ok(SlotImage { slot, image: self.image(&part.file)?.clone() })
        };
        phase.parts.iter().map(image).collect()
    }

    fn image(&self, file: &str) -> Result<&Payload> {
        self.images.get(file).ok_or_else(|| Error::new(Kind::Invalid, format!("the archive has no {file}")))
    }
}

/// The error for an archive that is none.
fn unusable<F: std::error::Error + Send + Sync + 'static>(error: FileError<F, std::io::Error>) -> Error {
    match error {
        FileError::Read(cause) => Error::new(Kind::Storage, "the archive cannot be read").because(cause),
        FileError::Format(cause) => Error::new(Kind::Invalid, "the archive cannot be used").because(cause),
    }
}
