//! Secrets from files: set directly, by reference, or by a file that holds them, never twice.

use super::Environment;
use super::layers::{Layers, Leaf, Origin, variable};
use super::secrets::{SECRETS, Secret};
use config::ValueKind;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Puts the contents of the files in place of the secrets.
///
/// Returns which secret came from which file: they are read again while the bot runs.
pub(super) fn resolve(
    layers: &mut Layers,
    environment: &Environment,
    problems: &mut Vec<String>,
) -> BTreeMap<&'static str, PathBuf> {
    let mut files = BTreeMap::new();
    for Secret { key, missing } in SECRETS {
        let by_file = layers.take(&format!("{key}_file"));
        let direct = layers.get(key).filter(|leaf| !leaf.is_unset()).cloned();
        match (direct, by_file.filter(|leaf| !leaf.is_unset())) {
            (Some(direct), Some(file)) => problems.push(format!(
                "`{key}` is set twice, directly ({}) and by a file ({}); take one of them out",
                direct.origin, file.origin
            )),
            (None, Some(file)) => match read(key, &file) {
                Ok(leaf) => {
                    if let Origin::Secret { path, .. } = &leaf.origin {
                        files.insert(*key, path.clone());
                    }
                    layers.put(key, leaf);
                }
                Err(problem) => {
                    layers.blame(key);
                    problems.push(problem);
                }
            },
            (Some(_), None) => {}
            (None, None) => {
                if let Some(where_from) = missing {
                    layers.blame(key);
                    problems.push(absent(key, where_from, layers, environment));
                }
            }
        }
    }
    files
}

fn absent(key: &str, where_from: &str, layers: &Layers, environment: &Environment) -> String {
    let name = variable(key);
    // one underscore where two belong is the usual mistake, and is no variable of ours that could be refused
    let single = name.replace("__", "_");
    let hint = [single.clone(), format!("{single}_FILE")].into_iter().find(|name| environment.text(name).is_some());
    let hint = hint.map_or_else(String::new, |found| {
        format!("; {found} is set, but a section is set off by two underscores: {}", found.replacen("_", "__", 2))
    });
    let emptied = match layers.get(key).map(|leaf| &leaf.origin) {
        Some(origin) if *origin != Origin::Default => format!("is empty ({origin})"),
        _ => "is missing".to_owned(),
    };
    format!(
        "`{key}` {emptied}: set {name} to it or to where AWS keeps it (ssm:…, secretsmanager:…), or {name}_FILE to a file that holds it; {where_from}{hint}"
    )
}

fn read(key: &str, file: &Leaf) -> Result<Leaf, String> {
    let ValueKind::String(path) = &file.kind else {
        return Err(format!("`{key}_file` must be a path ({})", file.origin));
    };
    let text = std::fs::read_to_string(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::InvalidData => {
            format!(
                "`{key}_file`: {path} does not hold text ({}); it must hold the secret and nothing else",
                file.origin
            )
        }
        _ => format!("`{key}_file`: {path} cannot be read: {error} ({})", file.origin),
    })?;
    let secret = text.trim();
    if secret.is_empty() {
        return Err(format!(
            "`{key}_file`: {path} is empty ({}); it must hold the secret and nothing else",
            file.origin
        ));
    }
    let origin = Origin::Secret { path: path.into(), by: Box::new(file.origin.clone()) };
    Ok(Leaf { kind: ValueKind::String(secret.to_owned()), origin })
}
