//! A profile whose artifacts are at hand: everything that is the same for all units, done once.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::artifact::Artifact;
use super::document::{BodySpec, From, Profile, StepSpec};
use super::factory::Factory;
use super::facts::{Facts, Fit};
use super::model::ProfileRef;
use super::node::{Node, Value};
use crate::digest::Digest;
use crate::error::Result;

/// A profile with its artifacts, opened and hashed.
pub struct Prepared {
    profile: Profile,
    artifacts: BTreeMap<String, Artifact>,
    /// By variant.
    replaced: BTreeMap<String, BTreeMap<String, Artifact>>,
    reference: ProfileRef,
}

impl Profile {
    /// Opens and hashes every artifact, those of all variants too, and checks them against their pins.
    ///
    /// # Errors
    /// `invalid`: an artifact that is missing, unpinned, or not what its pin says.
    pub fn prepare(self) -> Result<Prepared> {
        let open = |name: &str, spec: &super::document::ArtifactSpec| -> Result<Artifact> {
            let artifact = Artifact::open(name, spec)?;
            artifact.check(name, spec, Path::new(&spec.at.source.shown))?;
            let is_factory =
                |step: &StepSpec| matches!(&step.body, BodySpec::Factory { artifact, .. } if artifact == name);
            let factory = match self.steps.iter().any(is_factory) {
                true => Some(Factory::open(&artifact.content).map_err(|error| {
                    let sentence = format!("artifact `{name}` ({}) is no factory archive", spec.file.escape_debug());
                    spec.at.error(sentence).because(error).next("name an archive as it is offered for download")
                })?),
                false => None,
            };
            Ok(Artifact { factory: factory.map(Arc::new), ..artifact })
        };
        let mut artifacts = BTreeMap::new();
        for (name, spec) in &self.artifacts {
            artifacts.insert(name.clone(), open(name, spec)?);
        }
        let mut replaced = BTreeMap::new();
        for variant in &self.variants {
            let mut own = BTreeMap::new();
            for (name, spec) in &variant.artifacts {
                own.insert(name.clone(), open(name, spec)?);
            }
            replaced.insert(variant.name.clone(), own);
        }
        let digest = digest(&self, &artifacts, &replaced).to_string();
        let reference = ProfileRef { name: self.name.clone(), version: self.version.clone(), digest };
        Ok(Prepared { profile: self, artifacts, replaced, reference })
    }
}

impl Prepared {
    /// The profile.
    #[must_use]
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// Which profile, exactly.
    #[must_use]
    pub fn reference(&self) -> &ProfileRef {
        &self.reference
    }

    /// Whether it means a unit with these facts.
    #[must_use]
    pub fn fits(&self, facts: &Facts) -> Fit {
        self.profile.matches.fits(facts)
    }

    /// An artifact, as `variant` has it.
    pub(super) fn artifact(&self, name: &str, variant: Option<&str>) -> Option<&Artifact> {
        let own = variant.and_then(|variant| self.replaced.get(variant)?.get(name));
        own.or_else(|| self.artifacts.get(name))
    }
}

/// SHA-256 over the merged document with sorted keys, and the digests of the artifacts. Comments, layout, the order of
/// keys and the split over `extends` do not change it; the values of secret literals do not enter it.
fn digest(
    profile: &Profile,
    artifacts: &BTreeMap<String, Artifact>,
    replaced: &BTreeMap<String, BTreeMap<String, Artifact>>,
) -> Digest {
    let digests = |artifacts: &BTreeMap<String, Artifact>| -> BTreeMap<String, String> {
        artifacts.iter().map(|(name, artifact)| (name.clone(), artifact.sha256.to_string())).collect()
    };
    let replaced: BTreeMap<_, _> = replaced.iter().map(|(name, own)| (name.clone(), digests(own))).collect();
    let whole = json!({
        "artifacts": digests(artifacts),
        "profile": without_secrets(profile),
        "variants": replaced,
    });
    Digest::sha256(format!("hardwire profile 1\n{whole}").as_bytes())
}

/// The merged document as JSON, the values of secret literals replaced.
pub(super) fn without_secrets(profile: &Profile) -> Json {
    let mut document = to_json(&profile.document);
    for (name, input) in &profile.inputs {
        if input.secret
            && matches!(input.from, From::Literal { .. })
            && let Some(value) = document.pointer_mut(&format!("/inputs/{name}/value"))
        {
            *value = Json::from("(secret)");
        }
    }
    document
}

/// A tree as JSON. serde_json sorts the keys of its maps.
pub(crate) fn to_json(node: &Node) -> Json {
    match &node.value {
        Value::Null => Json::Null,
        Value::Bool(b) => (*b).into(),
        Value::Int(n) => match (i64::try_from(*n), u64::try_from(*n)) {
            (Ok(n), _) => n.into(),
            (_, Ok(n)) => n.into(),
            _ => n.to_string().into(),
        },
        Value::Float(n) => serde_json::Number::from_f64(*n).map_or_else(|| n.to_string().into(), Json::Number),
        Value::Text(text) => text.clone().into(),
        Value::List(items) => items.iter().map(to_json).collect::<Vec<_>>().into(),
        Value::Map(entries) => {
            Json::Object(entries.iter().map(|(key, node)| (key.text.clone(), to_json(node))).collect())
        }
    }
}
