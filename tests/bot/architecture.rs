//! The rules of the house, read off the source tree: which room may import which, and what no room may do.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Which room may import which (`app` and `main` may import everything).
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("clock", &["domain"]),
    ("supervision", &["domain"]),
    ("health", &["domain"]),
    ("slack", &["domain", "clock"]),
    ("store", &["domain", "clock"]),
    ("aws", &["domain", "clock"]),
    ("commands", &["domain", "aws", "clock"]),
    ("delivery", &["domain", "clock", "slack", "store", "health", "supervision"]),
    ("execution", &["domain", "clock", "slack", "store", "health", "supervision", "commands", "aws", "delivery"]),
    (
        "dispatch",
        &["domain", "clock", "slack", "store", "health", "supervision", "commands", "aws", "delivery", "execution"],
    ),
    ("intake", &["domain", "clock", "slack", "store", "health", "supervision", "dispatch"]),
    ("telemetry", &["settings", "clock"]),
];

struct File {
    room: String,
    path: PathBuf,
    code: String,
}

/// The library's files, without their tests and comments.
fn files() -> Vec<File> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut folders = vec![src.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else if entry.extension().is_some_and(|extension| extension == "rs") {
                found.push(entry);
            }
        }
    }
    let of = |path: PathBuf| {
        let inside = path.strip_prefix(&src).expect("inside src");
        let first = inside.components().next().expect("a room").as_os_str().to_string_lossy().into_owned();
        let room = first.trim_end_matches(".rs").to_owned();
        let text = fs::read_to_string(&path).expect("a file");
        let is_test = inside.components().any(|part| {
            let name = part.as_os_str().to_string_lossy();
            matches!(name.trim_end_matches(".rs"), "tests" | "testing" | "contract" | "fake")
        });
        let code = if is_test { String::new() } else { without_tests_and_comments(&text) };
        File { room, path, code }
    };
    found.into_iter().map(of).filter(|file| file.room != "bin").collect()
}

fn without_tests_and_comments(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let line = |line: &str| line.split("//").next().unwrap_or_default().to_owned();
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// The rooms that a file imports, from its `crate::…` paths.
fn imports(code: &str) -> BTreeSet<String> {
    let mut rooms = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        if code[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_' || before == '$') {
            continue;
        }
        let rest = &code[at + "crate::".len()..];
        let group = rest.strip_prefix('{').and_then(|group| group.split('}').next());
        let names: Vec<&str> = group.map_or_else(|| vec![rest], |group| group.split(',').collect());
        for name in names {
            let end = name.trim_start().find(|c: char| !c.is_alphanumeric() && c != '_');
            let name = name.trim_start();
            rooms.insert(name[..end.unwrap_or(name.len())].to_owned());
        }
    }
    rooms
}

#[test]
fn each_room_imports_only_what_the_design_allows() {
    let allowed: BTreeMap<&str, &[&str]> = MAY_IMPORT.iter().copied().collect();
    let rooms: BTreeSet<String> = files().iter().map(|file| file.room.clone()).collect();
    let mut wrong = Vec::new();
    for file in files() {
        if matches!(file.room.as_str(), "app" | "main" | "lib" | "settings") {
            continue;
        }
        let Some(may) = allowed.get(file.room.as_str()) else {
            wrong.push(format!("{}: the room `{}` is not in the table", file.path.display(), file.room));
            continue;
        };
        let imported = imports(&file.code).into_iter().filter(|room| rooms.contains(room) && *room != file.room);
        let strange = imported.filter(|room| !may.contains(&room.as_str()));
        wrong.extend(strange.map(|room| format!("{}: imports `{room}`", file.path.display())));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn settings_take_nothing_from_the_rooms_but_their_config() {
    for file in files().iter().filter(|file| file.room == "settings") {
        for line in file.code.lines().filter(|line| line.contains("use crate::")) {
            let own = line.contains("crate::settings") || line.contains("crate::domain");
            let names = line.split("::").last().unwrap_or_default();
            let config = names.trim_matches(|c| "{};".contains(c)).split(',').all(|name| {
                let name = name.trim();
                name.is_empty() || name.ends_with("Config")
            });
            assert!(own || config, "{}: {line}", file.path.display());
        }
    }
}

/// `(words that may not stand, in which rooms they may, why)`
const NEVER: &[(&str, &[&str], &str)] = &[
    ("aws_config::", &["aws"], "only aws builds SDK configuration"),
    ("env::var", &["settings"], "only settings reads the environment"),
    ("Timestamp::now", &["clock"], "only clock asks the time of day"),
    ("SystemTime::now", &["clock"], "only clock asks the time of day"),
    ("tokio::spawn", &["supervision"], "only supervision spawns"),
    ("actix_rt::spawn", &["supervision"], "only supervision spawns"),
    ("actix::spawn", &["supervision"], "only supervision spawns"),
    ("spawn_local(", &["supervision"], "only supervision spawns"),
    ("thread::spawn", &[], "only the store's writer and the watchdog are threads of their own, and they have names"),
    (".seek(", &["delivery"], "what was said is looked through for the bot's own messages alone"),
    ("cfg!(test)", &[], "nothing under src asks whether it is in a test"),
    (
        "actix::",
        &["supervision", "delivery", "execution", "dispatch", "intake", "app", "slack", "health", "main"],
        "domain, store, aws and commands know no actors",
    ),
    ("rusqlite::", &["store"], "only the store knows SQLite"),
    ("cedar_policy::", &["dispatch"], "only dispatch judges"),
];

#[test]
fn no_room_does_what_belongs_to_another() {
    let mut wrong = Vec::new();
    for file in files() {
        for (words, rooms, why) in NEVER {
            if file.code.contains(words) && !rooms.contains(&file.room.as_str()) {
                wrong.push(format!("{}: `{words}`: {why}", file.path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whatever service comes next: a list of names would let it through.
#[test]
fn only_aws_speaks_with_the_sdk_and_the_store_with_its_table() {
    let mut wrong = Vec::new();
    for file in files() {
        for (at, words) in file.code.match_indices("aws_sdk_") {
            let rest = &file.code[at + words.len()..];
            let service: String = rest.chars().take_while(char::is_ascii_alphanumeric).collect();
            if file.room != "aws" && (file.room.as_str(), service.as_str()) != ("store", "dynamodb") {
                wrong.push(format!("{}: `aws_sdk_{service}`", file.path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_file_before_its_tests_is_under_400_lines() {
    for file in files() {
        let lines = file.code.trim_end().lines().count();
        assert!(lines < 400, "{} has {lines} lines", file.path.display());
    }
}

// failure 37
#[test]
fn an_acknowledgement_is_worded_in_one_place() {
    let words = |file: &&File| file.code.contains("\\\"envelope_id\\\":");
    let places: Vec<PathBuf> = files().iter().filter(words).map(|file| file.path.clone()).collect();
    assert_eq!(places.len(), 1, "{places:?}");
    assert!(places[0].ends_with("src/slack/socket/slot/acks.rs"), "{places:?}");
}

// failure 15
#[test]
fn no_link_asks_a_clock_that_can_be_set() {
    let links: Vec<File> =
        files().into_iter().filter(|file| file.path.to_string_lossy().contains("src/slack/socket")).collect();
    assert!(links.len() > 8);
    for file in links {
        for clock in ["SystemTime", "jiff", "Timestamp", "std::time::Instant", "crate::clock"] {
            assert!(!file.code.contains(clock), "{}: {clock}", file.path.display());
        }
    }
}

/// What was said while nobody listened is not run later: a change would come as a surprise. History is read for one thing
/// alone, whether a message of the bot's own is there already.
// failure 24
#[test]
fn no_code_reads_what_was_said_while_nobody_listened() {
    let files = files();
    let with = |words: &str| -> Vec<String> {
        let found = files.iter().filter(|file| file.code.contains(words));
        found.map(|file| file.path.to_string_lossy().rsplit("/src/").next().unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(with(".seek("), ["delivery/once.rs"]);
    for method in ["Method::ConversationsHistory", "Method::ConversationsReplies"] {
        assert_eq!(with(method), ["slack/api/seek.rs"], "{method}");
    }
    for method in ["conversations.history", "conversations.replies"] {
        assert_eq!(with(method), ["slack/api/pacer.rs"], "{method}");
    }
    assert!(with("search.messages").is_empty() && with("search.all").is_empty());
}

/// The numbers in comments such as `// failure 12, failure 14`: those that stand directly above a test, and all.
fn failures_named(text: &str) -> (BTreeSet<u32>, BTreeSet<u32>) {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let is_test = |at: &usize| {
        let attributes = lines[at + 1..].iter().take_while(|line| line.starts_with("#[") || line.starts_with("//"));
        attributes.into_iter().any(|line| line.starts_with("#[") && line.contains("test"))
    };
    let numbers = |at: usize| {
        let words = lines[at].trim_start_matches("// ").split(", ");
        words.filter_map(|failure| failure.split([' ', ':']).nth(1)?.parse::<u32>().ok())
    };
    let named: Vec<usize> = (0..lines.len()).filter(|at| lines[*at].starts_with("// failure ")).collect();
    let tested = named.iter().copied().filter(is_test).flat_map(numbers).collect();
    (tested, named.into_iter().flat_map(numbers).collect())
}

/// The numbers of the failures that the documentation of the room `slack` lists, in its order.
fn failures_listed() -> Vec<u32> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/slack/mod.rs");
    let text = fs::read_to_string(path).expect("a file");
    let number = |line: &str| line.strip_prefix("//! | ")?.split(" |").next()?.parse().ok();
    text.lines().filter_map(number).collect()
}

/// Every Rust file under `src` and `tests`.
fn sources() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.join("src"), root.join("tests")];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found
}

/// Other clients of Slack failed in ways that `src/slack/mod.rs` lists. A developer who removes the test that keeps one of them
/// away learns it here.
#[test]
fn each_listed_failure_of_other_clients_has_a_test_and_no_other_is_named() {
    let listed = failures_listed();
    assert!(listed.len() >= 37 && listed.iter().copied().eq(1..=listed.len() as u32), "the list: {listed:?}");
    let (mut tested, mut named) = (BTreeSet::new(), BTreeSet::new());
    for path in sources() {
        let (of_tests, all) = failures_named(&fs::read_to_string(path).expect("a file"));
        tested.extend(of_tests);
        named.extend(all);
    }
    let untested: Vec<&u32> = listed.iter().filter(|failure| !tested.contains(failure)).collect();
    assert!(untested.is_empty(), "no test names these failures: {untested:?}");
    let unknown: Vec<&u32> = named.iter().filter(|failure| !listed.contains(failure)).collect();
    assert!(unknown.is_empty(), "src/slack/mod.rs lists no such failures: {unknown:?}");
}

#[test]
fn the_checks_above_see_what_they_look_for() {
    let code = "use crate::store::Journal;\nuse crate::{aws, domain::Plan};\nlet x = $crate::supervision::X;";
    assert_eq!(imports(code), BTreeSet::from(["store".into(), "aws".into(), "domain".into()]));
    let text = "// failure 3, failure 14\n#[actix_web::test]\nasync fn a() {}\n// failure 5\nfn no_test() {}\n\
                // failure 6: why\n#[test]\n";
    let (tested, named) = failures_named(text);
    assert_eq!((tested, named), (BTreeSet::from([3, 14, 6]), BTreeSet::from([3, 14, 5, 6])));
    assert!(files().len() > 40);
    assert!(files().iter().any(|file| file.room == "store" && file.code.contains("rusqlite::")));
}
