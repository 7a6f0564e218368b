//! Between a command's clap definition and a form: which fields it has, and the line that they make when filled in.

use super::{Catalog, Match, Row, split, words};
use crate::domain::{Field, FieldKind, Form, Line, Span, UsageError};
use clap::builder::ArgAction;
use std::any::TypeId;
use std::collections::BTreeMap;

/// How several values of one argument are given that has no delimiter of its own.
const BY_SPACES: &str = "Several are separated by spaces.";

/// What was filled in, by the fields' names; nothing where a field was left empty.
pub type Answers = BTreeMap<String, Vec<String>>;

/// What is wrong in a filled-in form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// The field.
    pub field: String,
    /// What is wrong in it, as a sentence without markup.
    pub sentence: String,
}

impl Catalog {
    /// The form of the command that a line begins with, and what the line already says filled in. `None` where there is no
    /// such command.
    pub fn form(&self, line: &str) -> Option<(&'static Row, Form)> {
        let words = split(line).ok()?;
        let Match { row, used } = self.find(&words).ok()?;
        let form = Form {
            command: row.name.to_owned(),
            intro: Some(Line::from(format!("{}.", row.summary))),
            fields: fields(row, &words[used..]),
            submit: "Run".to_owned(),
        };
        Some((row, form))
    }

    /// The line that a filled-in form stands for: one that [`Catalog::parse`] understands, with every value exactly as it was
    /// filled in. `command` is what the form had before its fields; where that needed nothing but a yes, it is the line.
    pub fn fill(&self, command: &str, answers: &Answers) -> Result<String, Wrong> {
        match self.form(command).filter(|_| !answers.is_empty()) {
            Some((row, form)) => self.checked(line(row, &form.fields, answers)?, &form.fields),
            None => self.checked(command.to_owned(), &[]),
        }
    }

    /// The line, if it is understood; else what is wrong, on its field or on the first.
    fn checked(&self, line: String, fields: &[Field]) -> Result<String, Wrong> {
        let UsageError { lines, field: name, .. } = match self.parse(&line) {
            Ok(_) => return Ok(line),
            Err(error) => error,
        };
        let mut sentence = lines.into_iter().next().unwrap_or_default();
        let named = name.and_then(|name| fields.iter().find(|field| field.name == name));
        // `--region` and `<target>` are what one types; here the label stands above
        if let (Some(field), Some(Span::Code(typed))) = (named, sentence.0.first_mut()) {
            typed.clone_from(&field.label);
        }
        let name = named.or(fields.first()).map(|field| field.name.as_str());
        Err(wrong(name.unwrap_or_default(), &sentence.plain()))
    }
}

/// The line of a command with these answers.
fn line(row: &Row, fields: &[Field], answers: &Answers) -> Result<String, Wrong> {
    let definition = (row.definition)();
    let (mut positionals, mut options, mut dashed) = (Vec::new(), Vec::new(), false);
    for (arg, field) in ordered(&definition).into_iter().zip(fields) {
        let values = values(field, answers.get(&field.name).map(Vec::as_slice).unwrap_or_default())?;
        match (arg.get_long(), &field.kind) {
            (None, _) => {
                dashed |= values.iter().any(|value| value.starts_with('-'));
                positionals.extend(values.iter().map(|value| words::quoted(value)));
            }
            (Some(long), FieldKind::Flag) => options.extend((!values.is_empty()).then(|| format!("--{long}"))),
            (Some(long), _) => {
                for value in values {
                    // so that a value with a dash is not taken for the next option
                    match value.starts_with('-') || value.is_empty() {
                        true => options.push(format!("--{long}={}", words::quoted(&value))),
                        false => options.extend([format!("--{long}"), words::quoted(&value)]),
                    }
                }
            }
        }
    }
    let name = vec![row.name.to_owned()];
    let words = match dashed {
        true => [name, options, vec!["--".to_owned()], positionals],
        false => [name, positionals, options, Vec::new()],
    };
    Ok(words.concat().join(" "))
}

fn wrong(field: &str, sentence: &str) -> Wrong {
    Wrong { field: field.to_owned(), sentence: sentence.to_owned() }
}

/// What was filled into one field, as words.
fn values(field: &Field, filled: &[String]) -> Result<Vec<String>, Wrong> {
    if filled.iter().any(|text| text.contains('\0')) {
        return Err(wrong(&field.name, "This holds a character that cannot be typed. Nothing was done."));
    }
    if field.kind != (FieldKind::Text { many: true }) {
        return Ok(filled.to_vec());
    }
    let mut words = Vec::new();
    for text in filled {
        let text = straight(text);
        match split(&text) {
            Ok(found) => words.extend(found),
            Err(error) => return Err(wrong(&field.name, &error.lines.first().map(Line::plain).unwrap_or_default())),
        }
    }
    Ok(words)
}

/// With the quotation marks of a phone made those that hold words together.
fn straight(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\u{201c}'..='\u{201f}' => '"',
            '\u{2018}'..='\u{201b}' => '\'',
            c => c,
        })
        .collect()
}

/// The arguments in the order of a line: positionals first.
fn ordered(definition: &clap::Command) -> Vec<&clap::Arg> {
    let positionals = definition.get_arguments().filter(|arg| arg.is_positional());
    positionals.chain(definition.get_arguments().filter(|arg| !arg.is_positional())).collect()
}

fn fields(row: &Row, words: &[String]) -> Vec<Field> {
    let definition = (row.definition)();
    // what is wrong or missing is left to be filled in
    let said = definition.clone().ignore_errors(true).try_get_matches_from(words).ok();
    ordered(&definition)
        .into_iter()
        .map(|arg| {
            let kind = kind(arg);
            let name = arg.get_id().to_string();
            let raw = |matches: &clap::ArgMatches| -> Option<Vec<String>> {
                let given = matches.value_source(&name) == Some(clap::parser::ValueSource::CommandLine);
                let raw = matches.try_get_raw(&name).ok().flatten().filter(|_| given)?;
                Some(raw.map(|value| value.to_string_lossy().into_owned()).collect())
            };
            let value = said.as_ref().and_then(raw).and_then(|values| match kind {
                FieldKind::Flag => Some("yes".to_owned()),
                FieldKind::Text { many: true } => {
                    Some(values.iter().map(|value| words::quoted(value)).collect::<Vec<_>>().join(" "))
                }
                _ => values.into_iter().next(),
            });
            Field { label: label(arg), hint: hint(arg, &kind), required: arg.is_required_set(), kind, value, name }
        })
        .collect()
}

/// What the argument means, and how several are given where its help does not say it: those with a delimiter say so.
fn hint(arg: &clap::Arg, kind: &FieldKind) -> Option<String> {
    let help = arg.get_help().map(|help| Line::sentence(&help.to_string()).plain());
    let by_spaces = matches!(kind, FieldKind::Text { many: true }) && arg.get_value_delimiter().is_none();
    let hint: Vec<String> = help.into_iter().chain(by_spaces.then(|| BY_SPACES.to_owned())).collect();
    (!hint.is_empty()).then(|| hint.join(". "))
}

fn kind(arg: &clap::Arg) -> FieldKind {
    const NUMBERS: [TypeId; 8] = [
        TypeId::of::<u8>(),
        TypeId::of::<u16>(),
        TypeId::of::<u32>(),
        TypeId::of::<u64>(),
        TypeId::of::<usize>(),
        TypeId::of::<i32>(),
        TypeId::of::<i64>(),
        TypeId::of::<isize>(),
    ];
    if !arg.get_action().takes_values() {
        return FieldKind::Flag;
    }
    if matches!(arg.get_action(), ArgAction::Append) {
        return FieldKind::Text { many: true };
    }
    let choices: Vec<String> = arg.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
    let holds = arg.get_value_parser().type_id();
    if !choices.is_empty() {
        FieldKind::Choice(choices)
    } else if NUMBERS.iter().any(|number| holds == *number) {
        FieldKind::Number
    } else {
        FieldKind::Text { many: false }
    }
}

/// `Target`, `Region`.
fn label(arg: &clap::Arg) -> String {
    let word = arg.get_long().map(str::to_owned).or_else(|| {
        let names = arg.get_value_names()?;
        names.first().map(|name| name.to_string())
    });
    let word = word.unwrap_or_else(|| arg.get_id().to_string()).replace(['-', '_'], " ");
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
