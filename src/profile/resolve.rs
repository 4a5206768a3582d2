//! A prepared profile for one unit: the variant, the templates, the conditions.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::document::{BodySpec, FileSpec, Named, StepSpec, Variant};
use super::facts::{Facts, Fit};
use super::inputs::Inputs;
use super::model::{
    AppsStep, AskStep, BackupStep, Body, ConsoleStep, DiagnoseStep, EraseStep, FilesStep, FirmwareStep, ImagesStep,
    KeptSlot, Payload, PutTree, RebootStep, Resolved, SettingsStep, Step,
};
use super::prepare::Prepared;
use super::read_step::secrets;
use super::shelf::{NoShelf, Shelf, Snapshot};
use super::template::{Context, Text};
use super::tree::Tree;
use super::value::hex_bytes;
use crate::digest::Digest;
use crate::error::{Error, Kind, Result};

impl Prepared {
    /// The profile for the unit with these facts and inputs. Whether it fits the unit is asked by [`Prepared::fits`].
    ///
    /// # Errors
    /// `invalid`: two variants fit, or whether one fits cannot be told; a template or condition that needs what this unit
    /// does not show; a rendered value that does not suit its type.
    pub fn resolve(&self, facts: &Facts, inputs: &Inputs) -> Result<Resolved> {
        self.resolve_with(facts, inputs, &NoShelf)
    }

    /// The same, by a station that has backups.
    ///
    /// # Errors
    /// As [`Prepared::resolve`]; what `shelf` answers.
    pub fn resolve_with(&self, facts: &Facts, inputs: &Inputs, shelf: &dyn Shelf) -> Result<Resolved> {
        let variant = self.variant(facts)?.map(|variant| variant.name.as_str());
        let context = Context::new(facts, inputs);
        let (mut steps, mut specs) = (Vec::new(), Vec::new());
        for spec in &self.profile().steps {
            let expanded = match &spec.body {
                BodySpec::Restore { .. } => self.restored(spec, variant, (facts, shelf), &context)?,
                _ => self.steps(spec, variant, &context)?,
            };
            specs.extend(expanded.iter().map(|_| spec));
            steps.extend(expanded);
        }
        follow_proofs(&mut steps, &specs);
        check_conflicts(&steps, &specs)?;
        fill_backups(&mut steps, &self.profile().steps);
        Ok(Resolved {
            profile: self.reference().clone(),
            variant: variant.map(str::to_owned),
            identity: self.profile().identity.clone(),
            spoken: self.profile().matches.spoken(),
            steps,
        })
    }

    fn variant(&self, facts: &Facts) -> Result<Option<&Variant>> {
        let mut fitting: Option<&Variant> = None;
        for variant in &self.profile().variants {
            match variant.matches.fits(facts) {
                Fit::No(_) => {}
                Fit::Yes if fitting.is_none() => fitting = Some(variant),
                Fit::Yes => {
                    let (name, first) = (&variant.name, fitting.map_or("", |v| v.name.as_str()));
                    let sentence = format!(
                        "variants `{first}` and `{name}` of profile {} both fit this unit",
                        self.profile().name
                    );
                    return Err(
                        Error::new(Kind::Invalid, sentence).next("make their `match` entries exclude each other")
                    );
                }
                // Guessing could write another board's firmware.
                Fit::Unknown(which) => {
                    let sentence = format!(
                        "whether variant `{}` of profile {} fits cannot be told: the unit does not show its {} as it is now",
                        variant.name,
                        self.profile().name,
                        which.join(" and its ")
                    );
                    return Err(Error::new(Kind::Invalid, sentence)
                        .next("bring the unit into a mode that shows it, or use a profile without that variant"));
                }
            }
        }
        Ok(fitting)
    }

    /// The steps that one makes: several, of a factory archive.
    fn steps(&self, spec: &StepSpec, variant: Option<&str>, context: &Context) -> Result<Vec<Step>> {
        let step = self.step(spec, variant, context)?;
        let BodySpec::Factory { artifact, how } = &spec.body else { return Ok(vec![step]) };
        if step.skip.is_some() {
            return Ok(vec![step]);
        }
        let factory = self.artifact(artifact, variant).and_then(|artifact| artifact.factory.clone());
        let factory = factory.ok_or_else(|| self.lacks(artifact))?;
        factory.steps(artifact, how, &step).map_err(|error| {
            spec.at.error(format_args!("the factory archive `{artifact}` cannot be written so")).because(error)
        })
    }

    /// The steps that put a backup back.
    fn restored(
        &self,
        spec: &StepSpec,
        variant: Option<&str>,
        (facts, shelf): (&Facts, &dyn Shelf),
        context: &Context,
    ) -> Result<Vec<Step>> {
        let step = self.step(spec, variant, context)?;
        let BodySpec::Restore { backup, label } = &spec.body else { return Ok(vec![step]) };
        if step.skip.is_some() {
            return Ok(vec![step]);
        }
        let render = |text: &Option<Text>| text.as_ref().map(|text| text.render(context)).transpose();
        let wanted = Snapshot { backup: render(backup)?, label: render(label)? };
        let parts = shelf.restore(&wanted, facts).map_err(|error| error.while_doing(format!("step {}", step.name)))?;
        let named = |part: Step| Step {
            name: format!("{}-{}", step.name, part.name),
            verify: spec.verify.unwrap_or(part.verify),
            body: part.body,
            overwrites: true,
            ..step.clone()
        };
        Ok(parts.into_iter().map(named).collect())
    }

    fn step(&self, spec: &StepSpec, variant: Option<&str>, context: &Context) -> Result<Step> {
        let skip = match &spec.when {
            Some(when) if !when.holds(context)? => Some(format!("`when: {}` does not hold", when.expression())),
            _ => None,
        };
        Ok(Step {
            name: spec.name.clone(),
            // A step may be skipped because a fact that its templates use is unknown.
            body: match self.body(&spec.body, variant, context) {
                Err(_) if skip.is_some() => blank(&spec.body),
                body => body?,
            },
            on_fail: match &spec.on_fail {
                Some(text) if skip.is_none() => Some(text.render(context)?),
                _ => None,
            },
            skip,
            verify: spec.verify.unwrap_or(self.profile().verify),
            proved_by: spec.proved_by.clone(),
            needed_by: Vec::new(),
            place: spec.place.clone(),
            retries: spec.retries,
            timeout: spec.timeout,
            always: spec.always,
            once: spec.once,
            check: spec.check,
            overwrites: false,
        })
    }

    fn tree(&self, name: &str, variant: Option<&str>) -> Result<Arc<Tree>> {
        let tree = self.artifact(name, variant).and_then(|artifact| artifact.tree.clone());
        tree.ok_or_else(|| self.lacks(name))
    }

    /// Loading checked the name.
    fn lacks(&self, name: &str) -> Error {
        Error::new(Kind::Invalid, format!("profile {} has no artifact `{name}`", self.profile().name))
    }

    fn pinned(&self, name: &str, variant: Option<&str>) -> Result<Payload> {
        let artifact = self.artifact(name, variant).ok_or_else(|| self.lacks(name))?;
        Ok(Payload { content: Arc::clone(&artifact.content), sha256: artifact.sha256.clone(), secret: false })
    }

    fn body(&self, spec: &BodySpec, variant: Option<&str>, context: &Context) -> Result<Body> {
        Ok(match spec {
            BodySpec::Firmware { artifact, slot, activate } => Body::Firmware(FirmwareStep {
                image: self.pinned(artifact, variant)?,
                artifact: artifact.clone(),
                slot: slot.clone(),
                activate: *activate,
            }),
            // What a factory archive is made of takes its place.
            BodySpec::Factory { .. } | BodySpec::Restore { .. } => blank(spec),
            BodySpec::Settings { set, delete, numbers } => {
                let render = |(key, value): &(String, super::value::Typed)| {
                    Ok((key.clone(), Payload::new(value.render(context)?, value.is_secret())))
                };
                Body::Settings(SettingsStep {
                    set: set.iter().map(render).collect::<Result<_>>()?,
                    delete: delete.clone(),
                    numbers: numbers.clone(),
                })
            }
            BodySpec::Files { put, empty } => {
                let mut step = FilesStep { empty: empty.clone(), ..FilesStep::of(Vec::new()) };
                for (path, file) in put {
                    match file {
                        FileSpec::Tree(name, keep) => {
                            let leaves = Arc::new(self.tree(name, variant)?.marked(*keep));
                            step.trees.push(PutTree { root: path.clone(), leaves });
                        }
                        file => step.put.push((path.clone(), self.file(file, variant, context)?)),
                    }
                }
                Body::Files(step)
            }
            BodySpec::Apps { install, remove, options } => {
                let open = |name: &String| Ok((name.clone(), self.pinned(name, variant)?));
                let app = |files: &Vec<String>| files.iter().map(open).collect::<Result<_>>();
                Body::Apps(AppsStep {
                    install: install.iter().map(app).collect::<Result<_>>()?,
                    remove: remove.clone(),
                    options: *options,
                })
            }
            BodySpec::Ask { say, answer } => Body::Ask(AskStep { say: say.render(context)?, answer: *answer }),
            BodySpec::Diagnose { expect, attach } => {
                let mut limits = BTreeMap::new();
                for (name, (limit, is)) in expect {
                    let mut limit = limit.clone();
                    limit.is = is.as_ref().map(|text| text.render(context)).transpose()?;
                    limits.insert(name.clone(), limit);
                }
                Body::Diagnose(DiagnoseStep { expect: limits, attach: attach.clone() })
            }
            BodySpec::Backup { named, label } => {
                let named = named.clone().unwrap_or_default();
                let Named { files, apps, settings, firmware } = named;
                Body::Backup(BackupStep {
                    files: files.into_iter().map(|(path, _)| path).collect(),
                    apps,
                    settings: settings.into_iter().map(|(key, _)| key).collect(),
                    firmware: firmware.into_iter().map(KeptSlot::Named).collect(),
                    secrets: Vec::new(),
                    implied: matches!(spec, BodySpec::Backup { named: None, .. }),
                    label: label.as_ref().map(|text| text.render(context)).transpose()?,
                })
            }
            BodySpec::Reboot { to, slot } => Body::Reboot(RebootStep { to: *to, slot: *slot }),
            BodySpec::Console { run, expect, stage, take } => Body::Console(ConsoleStep {
                stage: stage.as_ref().map(|name| self.pinned(name, variant)).transpose()?,
                take: take.clone(),
                run: Payload::new(run.render(context)?.into_bytes(), run.is_secret()),
                expect: expect.as_ref().map(|text| text.render(context)).transpose()?,
            }),
            BodySpec::Erase { slot } => Body::Erase(EraseStep { slot: slot.clone() }),
        })
    }

    fn file(&self, file: &FileSpec, variant: Option<&str>, context: &Context) -> Result<Payload> {
        let bytes = match file {
            FileSpec::Artifact(name) | FileSpec::Tree(name, _) => return self.pinned(name, variant),
            FileSpec::Text(text) => text.render(context)?.into_bytes(),
            FileSpec::Hex(text) => hex_bytes(&text.render(context)?).map_err(|e| text.at().error(e))?,
        };
        Ok(Payload::new(bytes, file.is_secret()))
    }
}

/// What a factory archive proves is proven once the last of its steps is done.
fn follow_proofs(steps: &mut [Step], specs: &[&StepSpec]) {
    let named: Vec<(String, String)> =
        steps.iter().zip(specs).map(|(step, spec)| (spec.name.clone(), step.name.clone())).collect();
    for (step, spec) in steps.iter_mut().zip(specs) {
        let Some(prover) = step.proved_by.as_mut().filter(|prover| spec.proved_by.as_ref() == Some(prover)) else {
            continue;
        };
        if let Some((_, last)) = named.iter().rfind(|(spec, _)| spec == prover) {
            prover.clone_from(last);
        }
    }
}

/// A body that asks for nothing, for a step that is skipped.
fn blank(spec: &BodySpec) -> Body {
    match spec {
        BodySpec::Firmware { artifact, slot, activate } => Body::Firmware(FirmwareStep {
            artifact: artifact.clone(),
            image: Payload::new(Vec::new(), false),
            slot: slot.clone(),
            activate: *activate,
        }),
        BodySpec::Factory { artifact, .. } => Body::Images(ImagesStep::none(artifact)),
        BodySpec::Settings { .. } => Body::Settings(SettingsStep::of(Vec::new())),
        BodySpec::Files { .. } | BodySpec::Restore { .. } => Body::Files(FilesStep::of(Vec::new())),
        BodySpec::Apps { options, .. } => {
            Body::Apps(AppsStep { install: Vec::new(), remove: Vec::new(), options: *options })
        }
        BodySpec::Ask { answer, .. } => Body::Ask(AskStep { say: String::new(), answer: *answer }),
        BodySpec::Diagnose { .. } => Body::Diagnose(DiagnoseStep { expect: BTreeMap::new(), attach: Vec::new() }),
        BodySpec::Backup { .. } => Body::Backup(BackupStep {
            files: Vec::new(),
            apps: Vec::new(),
            settings: Vec::new(),
            firmware: Vec::new(),
            secrets: Vec::new(),
            implied: false,
            label: None,
        }),
        BodySpec::Reboot { to, slot } => Body::Reboot(RebootStep { to: *to, slot: *slot }),
        BodySpec::Console { .. } => {
            let run = Payload::new(Vec::new(), false);
            Body::Console(ConsoleStep { run, expect: None, stage: None, take: None })
        }
        BodySpec::Erase { slot } => Body::Erase(EraseStep { slot: slot.clone() }),
    }
}

/// Two steps that want different things of one file or setting would undo each other in every run: nothing would ever be
/// `already` so. A teardown (`always`) may well undo what an earlier step set up.
fn check_conflicts(steps: &[Step], specs: &[&StepSpec]) -> Result<()> {
    let mut wanted: BTreeMap<(&str, String), (&str, Option<&Digest>)> = BTreeMap::new();
    for (step, spec) in steps.iter().zip(specs).filter(|(step, _)| step.skip.is_none() && !step.always) {
        let wants: Vec<(&str, String, Option<&Digest>)> = match &step.body {
            Body::Files(body) => {
                let leaves = body.trees.iter().flat_map(|tree| tree.leaves.iter().map(move |leaf| (tree, leaf)));
                let below = leaves.map(|(tree, leaf)| (tree.path(leaf), leaf.file.as_ref().map(|p| &p.sha256)));
                let files = body.put.iter().map(|(path, p)| (path.clone(), Some(&p.sha256)));
                files.chain(below).map(|(path, sha256)| ("file", path, sha256)).collect()
            }
            Body::Settings(body) => {
                let set = body.set.iter().map(|(key, p)| ("setting", key.clone(), Some(&p.sha256)));
                set.chain(body.delete.iter().map(|key| ("setting", key.clone(), None))).collect()
            }
            _ => continue,
        };
        for (what, name, digest) in wants {
            let (first, before) = wanted.entry((what, name.clone())).or_insert((&step.name, digest));
            if *before != digest {
                let sentence = format!("steps `{first}` and `{}` want different things of {what} `{name}`", step.name);
                return Err(spec
                    .at
                    .error(sentence)
                    .next("let one of them go, or give them a `when` that excludes the other"));
            }
        }
    }
    Ok(())
}

/// Gives every backup that names nothing what the steps that are not skipped name, and every backup its secrets.
fn fill_backups(steps: &mut [Step], specs: &[StepSpec]) {
    let (mut files, mut settings, mut firmware) = (Vec::new(), Vec::new(), Vec::new());
    for step in steps.iter().filter(|step| step.skip.is_none()) {
        match &step.body {
            Body::Files(body) => files.extend(body.paths()),
            Body::Settings(body) => settings.extend(body.set.iter().map(|(key, _)| key.clone())),
            Body::Firmware(body) => firmware.push(KeptSlot::Written(body.slot.clone())),
            Body::Images(body) => {
                firmware.extend(body.images.iter().map(|image| KeptSlot::Written(Some(image.slot.clone()))));
            }
            _ => {}
        }
    }
    let (secret_settings, secret_files) = secrets(specs);
    for step in steps {
        let Body::Backup(backup) = &mut step.body else { continue };
        if backup.implied {
            backup.files = unique(&files);
            backup.settings = unique(&settings);
            backup.firmware = unique(&firmware);
        }
        let within = |path: &str| {
            let below = |named: &String| path.strip_prefix(named.as_str()).is_some_and(|rest| rest.starts_with('/'));
            backup.files.iter().any(|named| named == path || below(named))
        };
        let named_settings = secret_settings.iter().filter(|key| backup.settings.iter().any(|named| named == *key));
        let named_files = secret_files.iter().filter(|path| within(path));
        let secrets: Vec<String> = named_settings.chain(named_files).map(|name| (*name).to_owned()).collect();
        backup.secrets = unique(&secrets);
    }
}

fn unique<T: Ord + Clone>(names: &[T]) -> Vec<T> {
    let mut seen = std::collections::BTreeSet::new();
    names.iter().filter(|name| seen.insert((*name).clone())).cloned().collect()
}
