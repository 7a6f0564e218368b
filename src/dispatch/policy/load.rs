//! From two texts to validated policies. A mistake is one line with file, line and reason, and all mistakes are told.

use crate::domain::Risk;
use cedar_policy::ffi::DetailedError;
use cedar_policy::{
    Effect, EntityTypeName, Policy, PolicyId, PolicySet, Schema, SchemaFragment, ValidationError, ValidationMode,
    Validator,
};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::str::FromStr;

/// A text and what to call it in errors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    name: String,
    text: String,
}

impl Source {
    /// A text with the name that errors give it.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { name: name.into(), text: text.into() }
    }

    /// The shipped policies.
    pub fn built_in_policies() -> Self {
        Self::new("built-in policies.cedar", include_str!("../../../config/policies.cedar"))
    }

    /// The shipped schema.
    pub fn built_in_schema() -> Self {
        Self::new("built-in policies.cedarschema", include_str!("../../../config/policies.cedarschema"))
    }

    /// A file.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn file(path: &Path) -> Result<Self, PolicyError> {
        let name = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => Ok(Self { name, text }),
            Err(error) => Err(PolicyError::one(format!("{name}: cannot be read: {error}"))),
        }
    }

    /// What errors call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `name:line: words` of what stands at this byte.
    pub(super) fn at(&self, offset: Option<usize>, words: &str) -> String {
        match offset {
            Some(offset) => {
                let before = self.text.as_bytes().iter().take(offset);
                let line = 1 + before.filter(|byte| **byte == b'\n').count();
                format!("{}:{line}: {words}", self.name)
            }
            None => format!("{}: {words}", self.name),
        }
    }
}

/// Why policies cannot be used. Shown one problem per line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", problems.join("\n"))]
pub struct PolicyError {
    /// Each `file:line: reason`.
    pub problems: Vec<String>,
}

impl PolicyError {
    pub(super) fn one(problem: String) -> Self {
        Self { problems: vec![problem] }
    }
}

/// What loading gives.
pub(super) struct Loaded {
    pub set: PolicySet,
    pub schema: Schema,
    pub resources: BTreeMap<String, Vec<EntityTypeName>>,
    pub hash: String,
}

/// Parses, names, validates.
pub(super) fn load(policies: &Source, schema: &Source, actions: &[(&str, Risk)]) -> Result<Loaded, PolicyError> {
    let parsed = parse_schema(schema)?;
    check_actions(schema, &parsed, actions)?;
    check_resources(schema, &parsed)?;
    let set =
        named(policies, PolicySet::from_str(&policies.text).map_err(|error| told(policies, &[(&error).into()]))?)?;
    let result = Validator::new(parsed.clone()).validate(&set, ValidationMode::Strict);
    let mistakes: Vec<DetailedError> = match result.validation_errors().next() {
        Some(_) => mistakes(result.validation_errors(), actions),
        // A warning of Cedar is a policy that can never apply, or an identifier made to deceive: here, a mistake.
        None => result.validation_warnings().map(DetailedError::from).collect(),
    };
    if !mistakes.is_empty() {
        return Err(told(policies, &mistakes));
    }
    let resources = actions.iter().filter_map(|(name, _)| {
        let uid = parsed.actions().find(|uid| uid.id().unescaped() == *name)?;
        let types: BTreeSet<_> = parsed.resources_for_action(uid)?.cloned().collect();
        Some(((*name).to_owned(), types.into_iter().collect()))
    });
    let digest = Sha256::digest(policies.text.as_bytes());
    let hash = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    Ok(Loaded { resources: resources.collect(), set, schema: parsed.clone(), hash })
}

/// Cedar's validation errors, with a suggestion of our own for a misspelt action.
fn mistakes<'e>(errors: impl Iterator<Item = &'e ValidationError>, actions: &[(&str, Risk)]) -> Vec<DetailedError> {
    errors
        .map(|error| {
            let mut detailed = DetailedError::from(error);
            if let ValidationError::UnrecognizedActionId(_) = error {
                // Cedar's own suggestion is any action that is not too far; this is the nearest.
                let name = detailed.message.split('"').nth(1).unwrap_or_default();
                let nearest = actions
                    .iter()
                    .max_by(|one, two| strsim::jaro_winkler(name, one.0).total_cmp(&strsim::jaro_winkler(name, two.0)));
                detailed.help = nearest.map(|(name, _)| format!("did you mean `Action::\"{name}\"`?"));
            }
            detailed
        })
        .collect()
}

fn parse_schema(schema: &Source) -> Result<Schema, PolicyError> {
    let (fragment, _warnings) =
        SchemaFragment::from_cedarschema_str(&schema.text).map_err(|error| told(schema, &[(&error).into()]))?;
    fragment.try_into().map_err(|error: cedar_policy::SchemaError| told(schema, &[(&error).into()]))
}

/// Gives every policy the id of its `@id`, and sees to it that a `forbid` has a reason.
fn named(source: &Source, set: PolicySet) -> Result<PolicySet, PolicyError> {
    let mut problems = Vec::new();
    let mut named = Vec::new();
    let mut seen = BTreeSet::new();
    if let Some(template) = set.templates().next() {
        let offset = template.as_ref().loc().map(|loc| loc.start());
        problems.push(source.at(offset, "a template (`?principal`, `?resource`) is never linked here; write a policy"));
    }
    let mut policies: Vec<&Policy> = set.policies().collect();
    policies.sort_by_key(|policy| policy.as_ref().loc().map(|loc| loc.start()));
    for policy in policies {
        let offset = policy.as_ref().loc().map(|loc| loc.start());
        let Some(id) = policy.annotation("id").filter(|id| !id.is_empty()) else {
            problems.push(source.at(offset, "the policy has no @id(\"…\"); refusals and the log name policies by it"));
            continue;
        };
        if !seen.insert(id.to_owned()) {
            problems.push(source.at(offset, &format!("the @id \"{id}\" is taken by another policy; choose another")));
        }
        if policy.effect() == Effect::Forbid && policy.annotation("reason").is_none_or(str::is_empty) {
            let words = format!("the forbid \"{id}\" has no @reason(\"…\"); a person who is refused must read why");
            problems.push(source.at(offset, &words));
        }
        named.push(policy.new_id(PolicyId::new(id)));
    }
    if !problems.is_empty() {
        return Err(PolicyError { problems });
    }
    PolicySet::from_policies(named).map_err(|error| PolicyError::one(source.at(None, &error.to_string())))
}

/// The schema must list exactly the program's actions, each below its class.
fn check_actions(source: &Source, schema: &Schema, actions: &[(&str, Risk)]) -> Result<(), PolicyError> {
    let hierarchy = schema.action_entities().map_err(|error| PolicyError::one(source.at(None, &error.to_string())))?;
    let classes = Risk::ALL.map(Risk::as_str);
    let mut problems = Vec::new();
    let listed: BTreeMap<String, _> =
        schema.actions().map(|uid| (uid.id().unescaped().to_owned(), uid.clone())).collect();
    for (name, risk) in actions {
        let Some(uid) = listed.get(*name) else {
            let words = format!("action \"{name}\" is missing; add it in [\"{}\"]", risk.as_str());
            problems.push(source.at(None, &words));
            continue;
        };
        let parents = hierarchy.ancestors(uid).into_iter().flatten().map(|uid| uid.id().unescaped().to_owned());
        let parents: BTreeSet<String> = parents.collect();
        if parents != BTreeSet::from([risk.as_str().to_owned()]) {
            let words = format!("action \"{name}\" must be in [\"{}\"] and nothing else", risk.as_str());
            problems.push(source.at(None, &words));
        }
    }
    for name in listed.keys().filter(|name| !classes.contains(&name.as_str())) {
        if !actions.iter().any(|(action, _)| action == name) {
            problems.push(source.at(None, &format!("action \"{name}\" is no command of this program; take it out")));
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(PolicyError { problems }) }
}

/// The program judges each action on resources of the types that the built-in schema gives it. A type that only another
/// schema gives it is never judged, and what policies forbid of it would be done.
fn check_resources(source: &Source, schema: &Schema) -> Result<(), PolicyError> {
    let built_in = parse_schema(&Source::built_in_schema())?;
    let types = |schema: &Schema| -> BTreeMap<String, BTreeSet<EntityTypeName>> {
        let of = |uid| schema.resources_for_action(uid).map(|types| types.cloned().collect()).unwrap_or_default();
        schema.actions().map(|uid| (uid.id().unescaped().to_owned(), of(uid))).collect()
    };
    let judged = types(&built_in);
    let mut problems = Vec::new();
    for (action, types) in types(schema) {
        for kind in types.iter().filter(|kind| judged.get(&action).is_none_or(|judged| !judged.contains(kind))) {
            let words = format!(
                "action \"{action}\" is never judged on a `{kind}`, so no policy about that could hold; take it out"
            );
            problems.push(source.at(None, &words));
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(PolicyError { problems }) }
}

/// Cedar's errors, each in one line.
fn told(source: &Source, errors: &[DetailedError]) -> PolicyError {
    let mut problems: Vec<(usize, String)> = Vec::new();
    for error in errors.iter().flat_map(|error| std::iter::once(error).chain(&error.related)) {
        let label = error.source_locations.first();
        let mut words = error.message.clone();
        if let Some(note) = label.and_then(|label| label.label.as_deref()) {
            words = format!("{words}: {note}");
        }
        if let Some(help) = &error.help {
            words = format!("{words} ({help})");
        }
        let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
        let offset = label.map(|label| label.loc.start);
        problems.push((offset.unwrap_or(usize::MAX), source.at(offset, &words)));
    }
    problems.sort();
    problems.dedup();
    PolicyError { problems: problems.into_iter().map(|(_, problem)| problem).collect() }
}
