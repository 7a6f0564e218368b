//! The layers of the settings, as leaves by dotted key (`slack.connections`), each knowing where it came from.

use super::Environment;
use super::secrets::{is_secret, static_aws_key};
use config::{ConfigError, File, FileFormat, Map, Source, Value, ValueKind};
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

/// What every variable of the settings begins with.
const PREFIX: &str = "DRONEBOT__";

/// How near a known key must be to be suggested.
const NEAR: f64 = 0.7;

/// Sections of which there may be any number, each under a name of its own, and the one in the defaults that says which
/// keys they have and of which types.
const FAMILIES: [(&str, &str); 2] = [("groups", "viewers"), ("deploy.services", "dronebot")];

/// The one of them that says only that: a list and a branch would make a service of it that nobody has.
const EXAMPLE: &str = "deploy.services.dronebot.";

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// Built in.
    Default,
    /// The configuration file.
    File(PathBuf),
    /// A variable.
    Variable(String),
    /// A file that holds a secret, named by another setting.
    Secret { path: PathBuf, by: Box<Origin> },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Variable(name) => write!(f, "variable {name}"),
            Self::Secret { path, by } => write!(f, "file {}, named by {by}", path.display()),
        }
    }
}

/// One value.
#[derive(Clone, Debug)]
pub(super) struct Leaf {
    pub kind: ValueKind,
    pub origin: Origin,
}

impl Leaf {
    /// An empty text means "not set".
    pub fn is_unset(&self) -> bool {
        matches!(&self.kind, ValueKind::String(text) if text.trim().is_empty())
    }
}

/// The values in force.
pub(super) struct Layers {
    defaults: BTreeMap<String, ValueKind>,
    merged: BTreeMap<String, Leaf>,
    /// Keys of which a problem has been told already.
    blamed: BTreeSet<String>,
}

impl Layers {
    /// The built-in layer.
    pub fn defaults(text: &str) -> Result<Self, String> {
        let mut defaults = BTreeMap::new();
        flatten("", parse(text).map_err(|error| format!("the built-in defaults: {error}"))?, &mut defaults);
        let leaf = |kind: &ValueKind| Leaf { kind: kind.clone(), origin: Origin::Default };
        let merged = defaults.iter().filter(|(key, _)| !key.starts_with(EXAMPLE));
        let merged = merged.map(|(key, kind)| (key.clone(), leaf(kind))).collect();
        Ok(Self { defaults, merged, blamed: BTreeSet::new() })
    }

    /// The values in force, by key.
    pub fn leaves(&self) -> impl Iterator<Item = (&str, &Leaf)> {
        self.merged.iter().map(|(key, leaf)| (key.as_str(), leaf))
    }

    pub fn get(&self, key: &str) -> Option<&Leaf> {
        self.merged.get(key)
    }

    pub fn take(&mut self, key: &str) -> Option<Leaf> {
        self.merged.remove(key)
    }

    pub fn put(&mut self, key: &str, leaf: Leaf) {
        self.merged.insert(key.to_owned(), leaf);
    }

    /// A problem of this key has been told; what follows from it is not.
    pub fn blame(&mut self, key: &str) {
        self.blamed.insert(key.to_owned());
    }

    /// Lays a file over what is there.
    pub fn add_file(&mut self, path: &Path, problems: &mut Vec<String>) {
        let shown = path.display();
        let parsed = match std::fs::read_to_string(path) {
            Ok(text) => parse(&text).map_err(|error| format!("{shown}: not valid TOML: {error}")),
            Err(error) => Err(format!("{shown}: the configuration file cannot be read: {error}")),
        };
        let mut leaves = BTreeMap::new();
        match parsed {
            Ok(table) => flatten("", table, &mut leaves),
            Err(problem) => problems.push(problem),
        }
        for (key, kind) in leaves {
            self.lay(&key, kind, Origin::File(path.to_owned()), problems);
        }
    }

    /// Lays the variables `DRONEBOT__SECTION__KEY` over what is there.
    pub fn add_environment(&mut self, environment: &Environment, problems: &mut Vec<String>) {
        for (name, value) in environment.iter() {
            let Some(path) = name.strip_prefix(PREFIX) else { continue };
            let key = path.to_lowercase().replace("__", ".");
            let Some(text) = value.to_str() else {
                problems.push(format!("`{key}` is not valid text (variable {name})"));
                self.blame(&key);
                continue;
            };
            let kind = match self.known(&key) {
                Some(known) => from_text(text, known),
                None => ValueKind::String(text.to_owned()),
            };
            self.lay(&key, kind, Origin::Variable(name.to_owned()), problems);
        }
    }

    fn lay(&mut self, key: &str, kind: ValueKind, origin: Origin, problems: &mut Vec<String>) {
        let problem = if let Some(reason) = static_aws_key(key, &kind) {
            Some(format!("`{key}` ({origin}): {reason}"))
        } else if let Some(known) = self.known(key) {
            misfit(key, &kind, known).map(|what| format!("{what} ({origin})"))
        } else if matches!(&kind, ValueKind::Table(table) if table.is_empty()) && self.is_section(key) {
            return;
        } else {
            Some(self.unknown(key, &origin))
        };
        match problem {
            Some(problem) => {
                problems.push(problem);
                self.blame(key);
            }
            None => self.put(key, Leaf { kind, origin }),
        }
    }

    /// The default of a key, which says of which type it is. A section of a family has a name of its own.
    fn known(&self, key: &str) -> Option<&ValueKind> {
        self.defaults.get(key).or_else(|| {
            FAMILIES.iter().find_map(|(family, example)| {
                let (name, last) = member(family, key)?.split_once('.')?;
                let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
                let is_name = !name.is_empty() && name.chars().all(fits);
                self.defaults.get(&format!("{family}.{example}.{last}")).filter(|_| is_name)
            })
        })
    }

    fn is_section(&self, key: &str) -> bool {
        let prefix = format!("{key}.");
        let of_family = |family: &str| member(family, key).is_some_and(|name| !name.contains('.'));
        FAMILIES.iter().any(|(family, _)| of_family(family))
            || self.defaults.keys().any(|known| known.starts_with(&prefix))
    }

    fn unknown(&self, key: &str, origin: &Origin) -> String {
        if self.is_section(key) {
            return format!("`{key}` is a section, not a value ({origin}); set one of its keys");
        }
        let near = |known: &str| strsim::normalized_damerau_levenshtein(key, known);
        let nearest = self.defaults.keys().max_by(|one, two| near(one).total_cmp(&near(two)));
        let suggestion = match (nearest.filter(|known| near(known) >= NEAR), origin) {
            (Some(known), Origin::Variable(_)) => format!("; did you mean {}?", variable(known)),
            (Some(known), _) => format!("; did you mean `{known}`?"),
            (None, _) => "; config/default.toml has every key".to_owned(),
        };
        format!("`{key}` is not a setting ({origin}){suggestion}")
    }

    /// Reads one section. A value that does not fit is told, and the default takes its place so that what else does
    /// not fit is told too.
    pub fn section<T: DeserializeOwned>(
        &mut self,
        name: &str,
        check: impl Fn(&T) -> Result<(), String>,
        problems: &mut Vec<String>,
    ) -> Option<T> {
        loop {
            let (key, message) = match self.table(name).try_deserialize::<T>() {
                Ok(section) => match check(&section) {
                    Ok(()) => return Some(section),
                    Err(message) => {
                        let message = message.strip_prefix(&format!("{name}.")).unwrap_or(&message).to_owned();
                        let (key, rest) = message.split_once(' ').unwrap_or((&message, "is not valid"));
                        (Some(key.to_owned()), rest.to_owned())
                    }
                },
                Err(error) => located(error),
            };
            let key = key.map_or_else(|| name.to_owned(), |key| format!("{name}.{key}"));
            let told =
                self.blamed.contains(&key) || self.blamed.iter().any(|blamed| blamed.starts_with(&format!("{key}.")));
            let origin = self.get(&key).map_or(Origin::Default, |leaf| leaf.origin.clone());
            if !told {
                problems.push(format!("`{key}` {message} ({origin})"));
            }
            self.blame(&key);
            match self.defaults.get(&key) {
                Some(kind) if origin != Origin::Default => {
                    let leaf = Leaf { kind: kind.clone(), origin: Origin::Default };
                    self.put(&key, leaf);
                }
                _ => return None,
            }
        }
    }

    /// The section as a tree, without what is not set.
    fn table(&self, name: &str) -> Value {
        let mut root = Value::new(None, Map::<String, Value>::new());
        let prefix = format!("{name}.");
        for (key, leaf) in self.leaves().filter(|(_, leaf)| !leaf.is_unset()) {
            if let Some(path) = key.strip_prefix(&prefix) {
                insert(&mut root, path, leaf);
            }
        }
        root
    }
}

/// What follows the family's name in a key.
fn member<'k>(family: &str, key: &'k str) -> Option<&'k str> {
    key.strip_prefix(family)?.strip_prefix('.')
}

fn insert(parent: &mut Value, path: &str, leaf: &Leaf) {
    let ValueKind::Table(table) = &mut parent.kind else { return };
    match path.split_once('.') {
        Some((head, rest)) => {
            let child = table.entry(head.to_owned()).or_insert_with(|| Value::new(None, Map::<String, Value>::new()));
            insert(child, rest, leaf);
        }
        None => {
            table.insert(path.to_owned(), Value::new(None, leaf.kind.clone()));
        }
    }
}

/// `slack.app_token` as a variable.
pub(super) fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.to_uppercase().replace('.', "__"))
}

fn parse(text: &str) -> Result<Map<String, Value>, String> {
    File::from_str(text, FileFormat::Toml).collect().map_err(|error| {
        let ConfigError::FileParse { cause, .. } = error else { return one_line(&error.to_string()) };
        // the lines between the first and the last draw the place, and could hold a secret
        let text = cause.to_string();
        let mut lines = text.lines().filter(|line| !line.trim().is_empty() && !line.contains('|'));
        let first = lines.next().unwrap_or("unreadable").replacen("TOML parse error at ", "", 1);
        match lines.next_back() {
            Some(reason) => format!("{first}: {}", one_line(reason)),
            None => first,
        }
    })
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn flatten(prefix: &str, table: Map<String, Value>, into: &mut BTreeMap<String, ValueKind>) {
    for (name, value) in table {
        let key = if prefix.is_empty() { name } else { format!("{prefix}.{name}") };
        match value.kind {
            ValueKind::Table(table) if !table.is_empty() => flatten(&key, table, into),
            kind => {
                into.insert(key, kind);
            }
        }
    }
}

/// A variable's text as a value of the type that the default has; text that is none of it stays text.
fn from_text(text: &str, known: &ValueKind) -> ValueKind {
    let trimmed = text.trim();
    match known {
        ValueKind::Boolean(_) => trimmed.parse().map(ValueKind::Boolean).ok(),
        ValueKind::I64(_) | ValueKind::Float(_) => {
            trimmed.parse().map(ValueKind::I64).or_else(|_| trimmed.parse().map(ValueKind::Float)).ok()
        }
        ValueKind::Array(_) => {
            let items = trimmed.split(',').map(str::trim).filter(|item| !item.is_empty());
            Some(ValueKind::Array(items.map(|item| Value::new(None, item)).collect()))
        }
        _ => None,
    }
    .unwrap_or_else(|| ValueKind::String(text.to_owned()))
}

/// What is wrong with the type of a value, if anything is.
fn misfit(key: &str, kind: &ValueKind, known: &ValueKind) -> Option<String> {
    let texts = |items: &[Value]| items.iter().all(|item| matches!(item.kind, ValueKind::String(_)));
    let negative = match kind {
        ValueKind::I64(number) => *number < 0,
        ValueKind::Float(number) => !(*number >= 0.0 && number.is_finite()),
        _ => false,
    };
    let (fits, expected) = match known {
        ValueKind::I64(_) | ValueKind::Float(_) if negative => (false, "0 or more"),
        ValueKind::Boolean(_) => (matches!(kind, ValueKind::Boolean(_)), "true or false"),
        ValueKind::Float(_) => (matches!(kind, ValueKind::I64(_) | ValueKind::Float(_)), "a number"),
        ValueKind::I64(_) if key.ends_with("_seconds") => {
            (matches!(kind, ValueKind::I64(_) | ValueKind::Float(_)), "a number of seconds")
        }
        ValueKind::I64(_) => (matches!(kind, ValueKind::I64(_)), "a whole number"),
        ValueKind::Array(_) => (matches!(kind, ValueKind::Array(items) if texts(items)), "a list of texts"),
        _ => (matches!(kind, ValueKind::String(_)), "a text in quotes"),
    };
    let got = match kind {
        // a token in the wrong place is still a token
        ValueKind::String(text) if text.contains("xox") || text.contains("xapp") => "what is there".to_owned(),
        _ if is_secret(key) => "what is there".to_owned(),
        ValueKind::Table(_) => "a section".to_owned(),
        ValueKind::Array(_) if matches!(known, ValueKind::Array(_)) => "a list of something else".to_owned(),
        ValueKind::Array(_) => "a list".to_owned(),
        ValueKind::String(text) => format!("`{}`", one_line(text)),
        other => format!("`{other}`"),
    };
    (!fits).then(|| format!("`{key}` must be {expected}, not {got}"))
}

/// The key within the section and the reason, from an error of deserialization.
fn located(error: ConfigError) -> (Option<String>, String) {
    match error {
        ConfigError::At { error, key, .. } => {
            let (inner, message) = located(*error);
            (key.or(inner), message)
        }
        ConfigError::Type { unexpected, expected, key, .. } => {
            (key, format!("must be {expected}, not {}", one_line(&unexpected.to_string())))
        }
        ConfigError::NotFound(key) => (Some(key), "is missing".to_owned()),
        other => (None, one_line(&other.to_string())),
    }
}
