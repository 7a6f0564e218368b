//! The recipes of `.github/CONTRIBUTING.md`: each has an example in the code, and its table lists the files that name the
//! example, no more and no fewer. What the page names in backticks is there.

use dronebot::commands::Catalog;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// By which words the example of each recipe is found.
const EXAMPLES: [(&str, &[&str]); 4] = [
    (
        "Add a command",
        &[
            "ec2 terminate",
            "ec2:terminate",
            "ec2::terminate",
            "mod terminate",
            "TERMINATE",
            "TERMINATE_INSTANCES",
            "TerminateInstances",
            "Power::Terminate",
            "Self::Terminate",
        ],
    ),
    (
        "Add a service",
        &[
            "aws-sdk-ecs",
            "aws_sdk_ecs",
            "EcsClients",
            "Bucket::EcsRead",
            "Self::EcsRead",
            "SERVICE",
            "| \"ecs:service\"",
            "\"ecs\"",
            "deploy::REACH",
        ],
    ),
    ("Add a store", &["Dynamodb", "dynamodb", "aws-sdk-dynamodb", "aws_sdk_dynamodb", "mod dynamo"]),
    (
        "Add a door",
        &[
            "Source::SelfTest",
            "Self::SelfTest",
            "SelfTestConfig",
            "Option<SelfTest>",
            "door: SelfTest",
            "self_test(",
            "\"selftest\"",
            "\"selftest.secret\"",
            "[selftest]",
        ],
    ),
];

/// Where an example may be, beside the code.
const DOCUMENTS: [&str; 3] = ["Cargo.toml", "README.md", "delivery/stack.yaml"];

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn page() -> String {
    fs::read_to_string(path(".github/CONTRIBUTING.md")).expect("the page")
}

/// A file of the tree: its name in it, and what it says.
struct File {
    name: String,
    text: String,
}

fn document(name: &str) -> File {
    File { name: name.to_owned(), text: fs::read_to_string(path(name)).expect("a file") }
}

/// Every file below these folders.
fn below(folders: &[&str]) -> Vec<File> {
    let (mut found, mut folders) = (Vec::new(), folders.iter().map(|folder| path(folder)).collect::<Vec<_>>());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else if let Ok(text) = fs::read_to_string(&entry) {
                let name = entry.strip_prefix(path("")).expect("inside the tree").to_string_lossy().into_owned();
                found.push(File { name, text });
            }
        }
    }
    found
}

/// What a recipe is compared with: the code without its tests and comments, the settings, the policies, and the documents.
fn product() -> Vec<File> {
    let mut files = below(&["src", "config"]);
    files.retain(|file| {
        let mut parts = file.name.split('/').map(|part| part.trim_end_matches(".rs"));
        parts.all(|part| !["tests", "testing", "contract"].contains(&part))
    });
    for file in files.iter_mut().filter(|file| file.name.ends_with(".rs")) {
        let code = file.text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        file.text = code.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n");
    }
    files.into_iter().chain(DOCUMENTS.map(document)).collect()
}

/// Whether a text has these words, and not only as a part of longer ones.
fn says(text: &str, words: &str) -> bool {
    let is_letter = |c: char| c.is_alphanumeric() || c == '_';
    let stands_alone = |at: usize| !text[..at].ends_with(is_letter) && !text[at + words.len()..].starts_with(is_letter);
    text.match_indices(words).any(|(at, _)| stands_alone(at))
}

/// A row of a recipe's table.
struct Row<'a> {
    file: &'a str,
    what: &'a str,
    held_by: &'a str,
}

/// The part of the page under this heading, up to the next.
fn section<'a>(page: &'a str, title: &str) -> &'a str {
    let heading = format!("\n## {title}\n");
    let start = page.find(&heading).unwrap_or_else(|| panic!("no recipe `{title}`")) + heading.len();
    let rest = &page[start..];
    &rest[..rest.find("\n## ").unwrap_or(rest.len())]
}

/// The rows of all tables of a text; the first cell of each is a file.
fn rows(text: &str) -> Vec<Row<'_>> {
    text.lines().filter_map(row).collect()
}

fn row(line: &str) -> Option<Row<'_>> {
    let mut cells = line.strip_prefix("| `")?.strip_suffix('|')?.split(" | ");
    let file = cells.next()?.trim_end_matches('`');
    Some(Row { file, what: cells.next()?, held_by: cells.next()?.trim() })
}

/// What stands in backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Whether what a row names, a file or a folder with a slash at its end, is or holds this file.
fn covers(row: &str, file: &str) -> bool {
    row == file || (row.ends_with('/') && file.starts_with(row))
}

/// How the files that name the example differ from those of the recipe.
fn untrue(recipe: &str, traces: &[&str], files: &[File]) -> Vec<String> {
    let named = files.iter().filter(|file| traces.iter().any(|trace| says(&file.text, trace)));
    let named: BTreeSet<&str> = named.map(|file| file.name.as_str()).collect();
    let listed: BTreeSet<&str> = rows(recipe).iter().map(|row| row.file).collect();
    let unlisted = named.iter().filter(|name| !listed.iter().any(|file| covers(file, name)));
    let unlisted = unlisted.map(|name| format!("not listed: {name}"));
    let idle = listed.iter().filter(|file| !named.iter().any(|name| covers(file, name)));
    let idle = idle.map(|file| format!("does not name the example: {file}"));
    unlisted.chain(idle).collect()
}

/// What a row names that its file, or the suite, does not have.
fn missing_of_row(row: &Row<'_>, files: &[File]) -> Vec<String> {
    let its_own = files.iter().filter(|file| covers(row.file, &file.name));
    let texts: Vec<&str> = its_own.map(|file| file.text.as_str()).collect();
    let unsaid = quoted(row.what).filter(|words| !texts.iter().any(|text| says(text, words)));
    let of_row = unsaid.map(|words| format!("{}: `{words}`", row.file));
    let is_test = |name: &&str| files.iter().any(|file| says(&file.text, &format!("fn {name}")));
    let of_suite = quoted(row.held_by).filter(|name| !is_test(name)).map(|name| format!("no test: `{name}`"));
    of_row.chain(of_suite).collect()
}

/// What the prose of a text names that is no file, no command, no class and nothing that the code defines.
fn missing_of_prose(text: &str, files: &[File]) -> Vec<String> {
    let prose: Vec<&str> = text.lines().filter(|line| !line.starts_with('|')).collect();
    let prose = prose.join("\n");
    let outside = prose.split("```").step_by(2).collect::<String>();
    let is_defined = |name: &str| {
        let kinds = ["fn", "struct", "enum", "trait", "const", "static", "type", "mod", "macro_rules!"];
        let rust = files.iter().filter(|file| file.name.ends_with(".rs"));
        rust.into_iter().any(|file| kinds.iter().any(|kind| says(&file.text, &format!("{kind} {name}"))))
    };
    let catalog = Catalog::built_in();
    let is_there = |name: &&str| {
        let is_word = catalog.rows().iter().any(|row| row.name == *name || row.risk.as_str() == *name);
        path(name).exists() || is_word || is_defined(name)
    };
    quoted(&outside).filter(|name| !is_there(name)).map(str::to_owned).collect()
}

/// Everything in which a page's names may stand.
fn tree() -> Vec<File> {
    let mut files = below(&["src", "tests/bot", "config"]);
    files.extend(DOCUMENTS.map(document));
    files
}

#[test]
fn each_recipe_lists_the_files_that_its_example_touches() {
    let (page, files) = (page(), product());
    for (title, traces) in EXAMPLES {
        let untrue = untrue(section(&page, title), traces, &files);
        assert!(untrue.is_empty(), "{title}:\n{}", untrue.join("\n"));
    }
    let recipes = page.lines().filter(|line| line.starts_with("## ")).count();
    assert_eq!(recipes, EXAMPLES.len(), "each recipe has an example");
}

#[test]
fn what_the_page_names_is_there() {
    let (page, files) = (page(), tree());
    let mut missing = missing_of_prose(&page, &files);
    missing.extend(rows(&page).iter().flat_map(|row| missing_of_row(row, &files)));
    assert!(missing.is_empty(), "{}", missing.join("\n"));
    let links = page.split("](").skip(1).map(|rest| rest.split(')').next().unwrap_or_default());
    // from the folder of the page
    let broken: Vec<&str> = links.filter(|link| !path(".github").join(link).exists()).collect();
    assert!(broken.is_empty(), "these lead nowhere: {broken:?}");
}

/// Whatever is said to follow from a row does.
#[test]
fn every_command_is_in_the_schema_and_in_the_readme() {
    let read = |name: &str| fs::read_to_string(path(name)).expect("a file");
    let (schema, readme) = (read("config/policies.cedarschema"), read("README.md"));
    let catalog = Catalog::built_in();
    for row in catalog.rows() {
        assert!(schema.contains(&format!("\"{}\"", row.action)), "{}: no action in the schema", row.name);
        let line = format!("| `{}` | {} | {} |", (row.usage)(), row.summary, row.risk.as_str());
        assert!(readme.contains(&line), "{}: not in the README", row.name);
    }
    assert!(catalog.row("ec2 terminate").is_some(), "the example of the first recipe");
}

#[test]
fn the_checks_above_see_what_they_look_for() {
    let file = |name: &str, text: &str| File { name: name.to_owned(), text: text.to_owned() };
    let files = [
        file("src/a.rs", "const PING: u8 = 1;"),
        file("src/b/c.rs", "PINGS, ping()"),
        file("src/d.rs", "fn held() { PING }"),
    ];
    assert!(says("a PING.", "PING") && !says("PINGS", "PING") && !says("A_PING", "PING"));
    let recipe = "| file | what | held by |\n|---|---|---|\n\
                  | `src/a.rs` | `PING`, `PONG` | `held`, `free` |\n| `src/b/` | `ping` | |\n";
    let read: Vec<(&str, &str)> = rows(recipe).iter().map(|row| (row.file, row.held_by)).collect();
    assert_eq!(read, [("src/a.rs", "`held`, `free`"), ("src/b/", "")]);
    assert_eq!(untrue(recipe, &["PING"], &files), ["not listed: src/d.rs", "does not name the example: src/b/"]);
    let missing: Vec<String> = rows(recipe).iter().flat_map(|row| missing_of_row(row, &files)).collect();
    assert_eq!(missing, ["src/a.rs: `PONG`", "no test: `free`"]);
    let prose = "`PING`, `Cargo.toml`, `ec2 stop`, `destroy`, `src/none.rs`, `Nothing`\n```sh\n`x`\n```\nand `held`";
    assert_eq!(missing_of_prose(prose, &files), ["src/none.rs", "Nothing"]);
    assert_eq!(section("a\n## One\nb\n## Two\nc", "One"), "b");
    let product = product();
    assert!(product.len() > 300 && product.iter().all(|file| !file.name.contains("/tests")));
}
