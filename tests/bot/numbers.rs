//! The numbers in the README's prose that a setting's default or a constant decides. Each stands here as the words around it, with
//! `{}` in the number's place, and with where the number comes from: the README must say it with the program's number. A number
//! that Slack or AWS decides, or that a test has measured, is not here.

use crate::support::fleet;
use crate::support::made_service::{BROKEN, DEMO};
use dronebot::app::End;
use dronebot::settings::{Environment, Settings};
use dronebot::supervision::{EXIT_ESCALATED, EXIT_STUCK};
use std::path::Path;

/// Words around numbers, and the numbers as the README is to have them.
type Said = (&'static str, Vec<String>);

fn text(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn settings() -> Settings {
    let tokens = [("DRONEBOT__SLACK__APP_TOKEN", "xapp-1-test"), ("DRONEBOT__SLACK__BOT_TOKEN", "xoxb-1-test")];
    Settings::load(None, &tokens.into_iter().collect::<Environment>()).expect("the defaults can be used")
}

/// What a constant is set to, read off its line: most are private to their rooms.
fn constant(file: &str, name: &str) -> String {
    let (code, words) = (text(file), format!("const {name}: "));
    let line = code.lines().find(|line| line.contains(&words)).unwrap_or_else(|| panic!("{file} has no `{words}`"));
    let value = line.split_once(" = ").unwrap_or_else(|| panic!("{file}: `{line}` is not on one line")).1;
    value.trim_end_matches(';').to_owned()
}

fn number(file: &str, written: &str) -> u64 {
    written.replace('_', "").parse().unwrap_or_else(|error| panic!("{file}: `{written}`: {error}"))
}

fn count(file: &str, name: &str) -> u64 {
    number(file, &constant(file, name))
}

/// The seconds of a constant that is one duration or several.
fn seconds(file: &str, name: &str) -> Vec<u64> {
    let value = constant(file, name);
    let parts = value.split("from_secs(").skip(1).map(|rest| rest.split(')').next().unwrap_or_default());
    let found: Vec<u64> = parts.map(|part| number(file, part)).collect();
    assert!(!found.is_empty(), "{file}: `{name}` is no time in seconds, but {value}");
    found
}

/// The minutes of so many seconds, which must be whole.
fn minutes(seconds: u64) -> u64 {
    assert_eq!(seconds % 60, 0, "{seconds} seconds are not whole minutes: the README must say it otherwise");
    seconds / 60
}

/// A small number in letters.
fn word(number: u64) -> String {
    const WORDS: [&str; 13] =
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"];
    let word = usize::try_from(number).ok().and_then(|number| WORDS.get(number).copied());
    word.map_or_else(|| number.to_string(), str::to_owned)
}

/// A part of a whole in letters.
fn part(of: u64) -> String {
    const WORDS: [&str; 5] = ["half", "third", "fourth", "fifth", "sixth"];
    let word = usize::try_from(of).ok().and_then(|of| WORDS.get(of.checked_sub(2)?).copied());
    word.map_or_else(|| format!("{of}th"), str::to_owned)
}

/// How one says `once every …`.
fn once_in(seconds: u64) -> String {
    match seconds {
        1 => "a second".to_owned(),
        60 => "a minute".to_owned(),
        other => format!("every {other} seconds"),
    }
}

fn by_settings() -> Vec<Said> {
    let Settings { slack, aws, commands, execution, delivery, .. } = settings();
    let n = |number: u64| number.to_string();
    let (posts, busy) = (n(slack.pacing.posts_per_minute.into()), execution.max_running.to_string());
    let retries = [delivery.retry_min_ms / 1_000, delivery.retry_max_seconds, delivery.give_up_hours];
    vec![
        (
            "the asker may call it off, and after {} minutes it is not run",
            vec![n(minutes(execution.approve_within_seconds))],
        ),
        ("up to {} s apart where errors do", vec![n(slack.backoff_max.as_secs())]),
        (
            "keeps the answers and tries again, {} s to {} s apart, for {} h; then a dead letter",
            retries.map(n).to_vec(),
        ),
        ("tries reading calls {} times, changing ones once", vec![n(aws.read_attempts.into())]),
        ("who may run nothing is heard once {} |", vec![once_in(execution.tell_strangers_every_seconds)]),
        (
            "*I have {} commands of yours in hand, … so I did not take this one*",
            vec![execution.max_open_each.to_string()],
        ),
        ("*I am busy with {} commands*", vec![busy]),
        ("A change of more than {} instances is refused", vec![commands.max_targets.to_string()]),
        ("A channel gets one message {} and the workspace", vec![once_in(slack.pacing.channel_interval.as_secs())]),
        ("and the workspace {} a minute: in a storm answers come late", vec![posts]),
    ]
}

fn by_constants() -> Vec<Said> {
    let n = |number: u64| number.to_string();
    let time = |file: &str, name: &str| seconds(file, name)[0];
    let trust = |name: &str| seconds("src/dispatch/cache.rs", name);
    let (usual, little) = (trust("USUAL"), trust("LITTLE"));
    let progress = constant("src/execution/progress.rs", "RESPONSE_URL_PAUSES").matches("Duration::").count();
    let self_test = minutes(count("src/intake/selftest.rs", "WINDOW"));
    let (threads, home) = ("src/intake/threads.rs", "src/dispatch/home/page.rs");
    vec![
        (
            "It follows what happens for {} minutes after you open it",
            vec![word(minutes(time("src/execution/onlookers.rs", "WATCHED_FOR")))],
        ),
        ("what you may run, your last {} requests", vec![word(count(home, "LAST"))]),
        ("are split over up to {} messages", vec![word(count("src/slack/render/answer.rs", "MESSAGES"))]),
        (
            "at most {} s apart while nothing answers",
            vec![n(time("src/slack/socket/slot/dialling.rs", "OUT_OF_REACH"))],
        ),
        ("when that has lasted for {} minutes", vec![n(minutes(time("src/intake/connection.rs", "REFUSED_FOR")))]),
        ("is not ready from {} s on", vec![n(time("src/store/sqlite/shared.rs", "PATIENCE"))]),
        ("It holds for {} minutes, and once for all replicas", vec![word(self_test)]),
        ("It shows progress {} times at most", vec![word(progress.try_into().expect("a number"))]),
        (
            "at most every {} minutes; if it does not answer, what it said is believed for {}.",
            vec![n(minutes(usual[0])), n(minutes(usual[1]))],
        ),
        ("it is asked every {} seconds, and believed for {} minutes", vec![n(little[0]), n(minutes(little[1]))]),
        (
            "A thread that asks more than {} times within {} is left alone",
            vec![n(count(threads, "MOST")), once_in(time(threads, "WITHIN"))],
        ),
    ]
}

/// How much of the room is whose: by settings and constants together.
fn by_both() -> Vec<Said> {
    let kept = |file: &str, name: &str| count(file, name);
    let (door, pool) =
        (kept("src/intake/gate.rs", "KEPT_FOR_CHANGES"), kept("src/execution/pool.rs", "KEPT_FOR_CHANGES"));
    assert_eq!(door, pool, "the README speaks of both rooms in one sentence");
    let most = u64::try_from(settings().execution.max_open).expect("a number");
    let for_changes = most - most / kept("src/intake/gate.rs", "KEPT_FOR_STATUS");
    vec![
        ("a {} of the room is for people who may change something", vec![part(door)]),
        ("*I have {} commands in hand, … so I did not take this one*", vec![for_changes.to_string()]),
    ]
}

fn by_the_programs() -> Vec<Said> {
    let misconfigured = End::Misconfigured(String::new()).code().to_string();
    vec![
        ("With Rust {}, a C compiler", vec![env!("CARGO_PKG_RUST_VERSION").to_owned()]),
        (
            "a simulated AWS with {} instances and a service",
            vec![word(fleet::DEMO.len().try_into().expect("a number"))],
        ),
        ("`/drone deploy {}` is taken back by ECS", vec![BROKEN.to_owned()]),
        ("when the bot can work, else with {};", vec![misconfigured.clone()]),
        ("ends with {}, for only a person can mend it", vec![misconfigured]),
        ("writer is gone | drains and ends with {} |", vec![EXIT_ESCALATED.to_string()]),
        ("again and again | drains and ends with {} |", vec![EXIT_ESCALATED.to_string()]),
        ("names it in the log and ends with {} |", vec![EXIT_STUCK.to_string()]),
    ]
}

fn filled((words, numbers): &Said) -> String {
    assert_eq!(words.matches("{}").count(), numbers.len(), "{words}");
    numbers.iter().fold((*words).to_owned(), |words, number| words.replacen("{}", number, 1))
}

#[test]
fn the_numbers_of_the_readme_are_those_of_the_program() {
    // where a line breaks says nothing
    let readme = text("README.md").split_whitespace().collect::<Vec<_>>().join(" ");
    let said = [by_settings(), by_constants(), by_both(), by_the_programs()].concat();
    let wrong: Vec<String> = said.iter().map(filled).filter(|words| !readme.contains(words)).collect();
    assert!(wrong.is_empty(), "README.md does not say this, word by word:\n{}", wrong.join("\n"));
}

#[test]
fn what_the_readme_has_typed_into_the_demo_is_there() {
    let readme = text("README.md");
    let versions: Vec<&str> = readme
        .split("/drone deploy ")
        .skip(1)
        .filter_map(|rest| rest.split('`').next())
        .filter(|version| version.starts_with(|first: char| first.is_ascii_digit()))
        .collect();
    assert!(versions.len() > 1, "{versions:?}");
    assert!(versions.iter().all(|version| DEMO.versions.contains(version)), "{versions:?}");
}
