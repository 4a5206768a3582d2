//! `profile show`: a profile as it is meant, with `extends`, variants and templates resolved as far as is known.

use serde_yaml::{Mapping, Value as Yaml};

use super::document::{From, Profile};
use super::facts::{Facts, Fit};
use super::given::Given;
use super::inputs::Inputs;
use super::node::{Node, Value};
use super::read::TOP;
use super::template::{Context, Scope, Text};
use crate::error::{Error, Kind, Result};

const SECRET: &str = "(secret)";

/// A resolved profile, to be shown.
pub struct Shown(Yaml);

impl Shown {
    /// As YAML, in the order in which it was written.
    ///
    /// # Errors
    /// `invalid`: a value that YAML cannot hold.
    pub fn yaml(&self) -> Result<String> {
        serde_yaml::to_string(&self.0)
            .map_err(|e| Error::new(Kind::Invalid, "the profile cannot be written").because(e))
    }

    /// As JSON.
    ///
    /// # Errors
    /// `invalid`: a value that JSON cannot hold.
    pub fn json(&self) -> Result<serde_json::Value> {
        serde_json::to_value(&self.0).map_err(|e| Error::new(Kind::Invalid, "the profile cannot be written").because(e))
    }
}

impl Profile {
    /// The profile for a unit with these facts and what was given for all units. A template that needs more stays as it
    /// is, a variant is put in place when it fits, and what holds a secret is shown as `(secret)`.
    ///
    /// # Errors
    /// `invalid`: an input that was given and does not exist or does not suit its pattern.
    pub fn show(&self, facts: &Facts, given: &Given) -> Result<Shown> {
        let inputs = self.known_inputs(given)?;
        let scope: Scope = self.inputs.iter().map(|(name, input)| (name.clone(), input.secret)).collect();
        let renderer = Renderer { context: Context::new(facts, &inputs), scope };
        let Yaml::Mapping(mut top) = renderer.plain(&self.document) else { return Ok(Shown(Yaml::Null)) };
        top.remove("extends");
        if let Some(node) = self.document.get("steps").and_then(|n| n.list("`steps`").ok()) {
            let steps = node.iter().zip(&self.steps).map(|(node, spec)| renderer.step(node, &spec.name)).collect();
            top.insert("steps".into(), Yaml::Sequence(steps));
        }
        self.show_inputs(&mut top, &inputs);
        self.show_variant(&mut top, &renderer, facts);
        Ok(Shown(Yaml::Mapping(in_order(top))))
    }

    fn show_inputs(&self, top: &mut Mapping, inputs: &Inputs) {
        for (name, input) in &self.inputs {
            let shown = match inputs.get(name) {
                _ if input.secret && matches!(input.from, From::Literal { .. }) => SECRET.to_owned(),
                Some(value) if value.is_secret() => SECRET.to_owned(),
                Some(value) => value.reveal().to_owned(),
                None => continue,
            };
            if let Some(Yaml::Mapping(entry)) = top.get_mut("inputs").and_then(|inputs| inputs.get_mut(name)) {
                entry.insert("value".into(), shown.into());
            }
        }
    }

    fn show_variant(&self, top: &mut Mapping, renderer: &Renderer, facts: &Facts) {
        let mut fits = self.variants.iter().map(|variant| (variant, variant.matches.fits(facts)));
        if fits.clone().any(|(_, fit)| matches!(fit, Fit::Unknown(_))) {
            return;
        }
        let chosen = fits.find(|(_, fit)| *fit == Fit::Yes).map(|(variant, _)| variant);
        let nodes = self.document.get("variants").and_then(|n| n.list("`variants`").ok()).unwrap_or_default();
        top.remove("variants");
        let Some(variant) = chosen else { return };
        top.insert("variant".into(), variant.name.clone().into());
        let own = self.variants.iter().zip(nodes).find(|(v, _)| v.name == variant.name).map(|(_, node)| node);
        let replaced = own.and_then(|node| node.get("artifacts")).and_then(|n| n.entries("`artifacts`").ok());
        for (key, node) in replaced.unwrap_or_default() {
            if let Some(Yaml::Mapping(artifacts)) = top.get_mut("artifacts") {
                artifacts.insert(key.text.clone().into(), renderer.plain(node));
            }
        }
    }
}

/// The keys in the order in which profiles are written, whatever `extends` brought.
fn in_order(mut top: Mapping) -> Mapping {
    let order = TOP.iter().flat_map(|key| if *key == "match" { vec!["match", "variant"] } else { vec![*key] });
    order.filter_map(|key| Some((Yaml::from(key), top.remove(key)?))).collect()
}

struct Renderer {
    context: Context,
    scope: Scope,
}

impl Renderer {
    /// A tree whose texts mean themselves.
    fn plain(&self, node: &Node) -> Yaml {
        self.tree(node, &|_, text| text.to_owned())
    }

    fn step(&self, node: &Node, name: &str) -> Yaml {
        let rendered = |node: &Node, text: &str| {
            let Ok(template) = Text::new(text, &node.at, &self.scope) else { return text.to_owned() };
            if template.is_secret() {
                return SECRET.to_owned();
            }
            template.render(&self.context).unwrap_or_else(|_| text.to_owned())
        };
        let Yaml::Mapping(step) = self.tree(node, &rendered) else { return Yaml::Null };
        let mut shown = Mapping::new();
        shown.insert("name".into(), name.into());
        shown.extend(step.into_iter().filter(|(key, _)| key.as_str() != Some("name")));
        Yaml::Mapping(shown)
    }

    fn tree(&self, node: &Node, text: &dyn Fn(&Node, &str) -> String) -> Yaml {
        match &node.value {
            Value::Null => Yaml::Null,
            Value::Bool(b) => (*b).into(),
            Value::Int(n) => match (i64::try_from(*n), u64::try_from(*n)) {
                (Ok(n), _) => n.into(),
                (_, Ok(n)) => n.into(),
                _ => n.to_string().into(),
            },
            Value::Float(n) => (*n).into(),
            Value::Text(t) => text(node, t).into(),
            Value::List(items) => Yaml::Sequence(items.iter().map(|item| self.tree(item, text)).collect()),
            Value::Map(entries) => {
                Yaml::Mapping(entries.iter().map(|(k, v)| (Yaml::from(k.text.as_str()), self.tree(v, text))).collect())
            }
        }
    }
}
