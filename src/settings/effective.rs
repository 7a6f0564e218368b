//! What is in force, to be shown: `dronebot check-config`.

use super::layers::{Layers, Leaf};
use super::secrets::is_secret;
use crate::domain::SecretReference;
use config::ValueKind;
use std::collections::BTreeMap;
use std::fmt;

/// What stands in place of a secret.
const MASK: &str = "********";

/// The values in force with their sources, as TOML. Secrets are masked before they get here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effective {
    /// By section: key, value as TOML, source.
    sections: BTreeMap<String, Vec<(String, String, String)>>,
    https_proxy: bool,
}

impl Effective {
    pub(super) fn of(layers: &Layers, https_proxy: bool) -> Self {
        let mut sections: BTreeMap<String, Vec<_>> = BTreeMap::new();
        for (key, leaf) in layers.leaves() {
            let (section, name) = key.rsplit_once('.').unwrap_or(("", key));
            let row = (name.to_owned(), shown(key, leaf), leaf.origin.to_string());
            sections.entry(section.to_owned()).or_default().push(row);
        }
        Self { sections, https_proxy }
    }
}

impl fmt::Display for Effective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (section, rows)) in self.sections.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            writeln!(f, "[{section}]")?;
            for (name, value, origin) in rows {
                writeln!(f, "{name} = {value} # {origin}")?;
            }
        }
        if self.https_proxy {
            writeln!(f, "\n# https_proxy = \"{MASK}\" # variable")?;
        }
        Ok(())
    }
}

fn shown(key: &str, leaf: &Leaf) -> String {
    let is_reference =
        matches!(&leaf.kind, ValueKind::String(text) if matches!(SecretReference::read(text), Ok(Some(_))));
    // where a secret is kept is none
    if is_secret(key) && !leaf.is_unset() && !is_reference {
        return format!("\"{MASK}\"");
    }
    toml(&leaf.kind)
}

fn toml(kind: &ValueKind) -> String {
    match kind {
        ValueKind::String(text) => quoted(text),
        ValueKind::Array(items) => {
            format!("[{}]", items.iter().map(|item| toml(&item.kind)).collect::<Vec<_>>().join(", "))
        }
        ValueKind::Float(number) => format!("{number:?}"),
        other => other.to_string(),
    }
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
