//! The README says what the program says. What is derived from the source is compared here: the text between
//! `<!-- name -->` and `<!-- end of name -->`. After a change, `DRONEBOT_BLESS=1 cargo test --test bot documents` writes it.

use crate::support::{MAYA, VERA, World, fleet};
use dronebot::app::{self, End};
use dronebot::commands::{Catalog, DeployConfig, Named, iam_policy};
use dronebot::dispatch::policy::{Action, Situation};
use dronebot::domain::{ChannelId, Membership, Principal, Source, TeamId, UserId};
use dronebot::settings::{Environment, Settings};
use dronebot::supervision::{EXIT_ESCALATED, EXIT_STUCK};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn text(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Compares the part of the README between its marks with what it should be, or writes it there.
fn compare(part: &str, wanted: &str) {
    static WRITING: Mutex<()> = Mutex::new(());
    let _alone = WRITING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let (readme, wanted) = (text("README.md"), wanted.trim());
    let (before, found, after) = split(&readme, part);
    if found.trim() == wanted {
        return;
    }
    if std::env::var_os("DRONEBOT_BLESS").is_some() {
        fs::write(path("README.md"), format!("{before}\n{wanted}\n{after}")).expect("the README is written");
        return;
    }
    panic!(
        "README.md, `{part}`, is not what it should be. Paste this, or run again with DRONEBOT_BLESS=1:\n\n{wanted}\n"
    );
}

/// The text up to and with the opening mark, between the marks, and from the closing mark on.
fn split<'a>(readme: &'a str, part: &str) -> (&'a str, &'a str, &'a str) {
    let (open, close) = (format!("<!-- {part} -->"), format!("<!-- end of {part} -->"));
    let start = readme.find(&open).unwrap_or_else(|| panic!("README.md has no `{open}`")) + open.len();
    let end = readme.find(&close).unwrap_or_else(|| panic!("README.md has no `{close}`"));
    (&readme[..start], &readme[start..end], &readme[end..])
}

/// Every `.rs` file of the programs, without their tests.
fn sources() -> Vec<(PathBuf, String)> {
    let (mut found, mut folders) = (Vec::new(), vec![path("src")]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            let name = entry.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            if entry.is_dir() && name != "tests" {
                folders.push(entry);
            } else if entry.extension().is_some_and(|kind| kind == "rs") && name != "tests" {
                let code = fs::read_to_string(&entry).expect("a file");
                let code = code.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned();
                found.push((entry, code));
            }
        }
    }
    found
}

fn settings() -> Settings {
    let tokens = [("DRONEBOT__SLACK__APP_TOKEN", "xapp-1-test"), ("DRONEBOT__SLACK__BOT_TOKEN", "xoxb-1-test")];
    let tokens: Environment = tokens.into_iter().collect();
    Settings::load(None, &tokens).expect("the defaults can be used")
}

fn person(groups: &[&str]) -> Principal {
    Principal {
        user: UserId::from("U1"),
        team: TeamId::from("T1"),
        name: "somebody".to_owned(),
        membership: Membership::Member,
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        unread: BTreeSet::new(),
    }
}

#[test]
fn the_table_of_commands_is_derived_from_the_commands_and_the_shipped_policies() {
    let (settings, catalog) = (settings(), Catalog::built_in());
    let policies = app::load_policies(&settings, &catalog).expect("the shipped policies load");
    let situation = Situation {
        external: false,
        channel: ChannelId::from("C1"),
        direct_message: false,
        source: Source::SlashCommand,
        time: jiff::Timestamp::UNIX_EPOCH,
        approvals: 0,
    };
    let names = settings.groups.names();
    let mut table = String::from("| command | what it does | class | who may |\n|---|---|---|---|\n");
    for row in catalog.rows() {
        let could =
            |groups: &[&str]| policies.could(&person(groups), Action { name: row.action, risk: row.risk }, &situation);
        let groups: Vec<&str> = names.iter().map(String::as_str).filter(|group| could(&[group])).collect();
        let who = if could(&[]) { "every full member".to_owned() } else { groups.join(", ") };
        table += &format!("| `{}` | {} | {} | {who} |\n", (row.usage)(), row.summary, row.risk.as_str());
    }
    compare("commands", &table);
}

/// Every setting of `default.toml`: its key, and its row in the README.
fn rows_of_settings() -> Vec<(String, String)> {
    let (mut section, mut comment, mut rows) = (String::new(), Vec::new(), Vec::new());
    for line in text("config/default.toml").lines() {
        if let Some(words) = line.strip_prefix('#') {
            comment.push(words.trim().to_owned());
        } else if let Some((key, value)) = line.split_once(" = ") {
            let key = format!("{section}.{key}");
            let variable = format!("DRONEBOT__{}", key.replace('.', "__").to_uppercase());
            let value = if value == "\"\"" { "–".to_owned() } else { format!("`{}`", value.trim_matches('"')) };
            let meaning = comment.join(" ");
            assert!(meaning.ends_with('.'), "{key} is not explained by a sentence: {meaning:?}");
            rows.push((key.clone(), format!("| `{key}` | `{variable}` | {value} | {meaning} |\n")));
            comment.clear();
        } else {
            comment.clear();
            section = line.strip_prefix('[').map_or(section, |name| name.trim_end_matches(']').to_owned());
        }
    }
    rows
}

#[test]
fn the_table_of_settings_is_that_of_default_toml() {
    let rows = rows_of_settings();
    assert!(rows.len() > 60, "default.toml is read");
    let readme = text("README.md");
    let (_, found, _) = split(&readme, "settings");
    let shown = |key: &str| found.contains(&format!("| `{key}` |"));
    let unknown = found.lines().filter(|line| line.starts_with("| `")).filter(|line| {
        let key = line.split('`').nth(1).unwrap_or_default();
        rows.iter().all(|(known, _)| known != key)
    });
    assert_eq!(unknown.collect::<Vec<_>>(), Vec::<&str>::new(), "default.toml has no such settings");
    let others = rows.iter().filter(|(key, _)| !shown(key)).count();
    let head = "| key | variable | default | meaning |\n|---|---|---|---|\n".to_owned();
    let table = rows.iter().filter(|(key, _)| shown(key)).fold(head, |table, (_, row)| table + row);
    let rest = format!("\nThe other {others} are explained in [config/default.toml](config/default.toml).");
    compare("settings", &(table + &rest));
}

/// The people of the transcript do things in #ops; what they read goes under what they typed.
struct Transcript {
    world: World,
    text: String,
}

impl Transcript {
    async fn asks(&mut self, who: &str, name: &str, line: &str) {
        let answer = self.world.asks(who, line).await;
        self.add(name, line, &answer);
    }

    fn add(&mut self, name: &str, line: &str, answer: &str) {
        let answer = answer.replace("```\n", "").replace("\n```", "").replace("```", "");
        self.text += &format!("\n{name:<7}/drone {line}\n");
        for (index, said) in answer.lines().enumerate() {
            let by = if index == 0 { "drone" } else { "" };
            self.text += format!("{by:<7}{said}").trim_end();
            self.text.push('\n');
        }
    }
}

/// What differs from run to run, made the same: ids, addresses, seconds; and people by their names.
fn settled(text: &str, ids: &[String]) -> String {
    let mut text = text.replace("@UMAYA", "@maya").replace("@UOMAR", "@omar");
    for (number, id) in ids.iter().enumerate() {
        text = text.replace(id, &format!("i-0123456789abcdef{number:x}"));
    }
    let mut settled = String::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let word = |(index, word): (usize, &&str)| match index.checked_sub(1).map(|before| words[before]) {
            Some("(req") => "7F3K)".to_owned(),
            Some("after") if word.parse::<u32>().is_ok() => "12".to_owned(),
            _ if is_address(word) => word.replace(word.trim_matches(['`', '.', ';']), "203.0.113.7"),
            _ => (*word).to_owned(),
        };
        settled += &words.iter().enumerate().map(word).collect::<Vec<_>>().join(" ");
        settled.push('\n');
    }
    settled
}

fn is_address(word: &str) -> bool {
    let parts: Vec<&str> = word.trim_matches(['`', '.', ';']).split('.').collect();
    parts.len() == 4 && parts.iter().all(|part| part.parse::<u8>().is_ok())
}

/// The transcript at the top of the README is what the bot says, a `kill -9` of it included.
#[actix_web::test]
async fn the_transcript_is_what_the_bot_says() {
    let world = World::new().await;
    let ids = world.fleet(&fleet::DEMO[2..5]).await;
    let mut transcript = Transcript { world, text: String::new() };
    transcript.asks(MAYA, "maya", "ec2 list").await;
    transcript.asks(VERA, "vera", "ec2 stop worker-1").await;
    transcript.asks(MAYA, "maya", "ec2 stpo worker-1").await;
    transcript.asks(MAYA, "maya", "ec2 stop db-1").await;

    // the instance takes longer to stop than any test lasts, until it is told to hurry
    let world = &mut transcript.world;
    world.aws.set_lag(Duration::from_secs(3_600));
    let before = world.slack.cursor().await;
    let line = "ec2 stop worker-1";
    world.slack.slash(MAYA, "ops", line).await;
    world.slack.hears("ops", MAYA, "stopping", before).await;
    world.kill_bot();
    world.wake().await;
    world.aws.set_lag(Duration::ZERO);
    let ec2 = fleet::client(&world.aws_url, fleet::DEMO[2].region).await;
    ec2.stop_instances().instance_ids(&ids[0]).send().await.expect("AWS answers");
    let answer = world.slack.final_answer("ops", MAYA, None, before).await;
    transcript.add("maya", line, &answer.text);

    let Transcript { world, text } = transcript;
    let typed = format!("/drone {line}\n");
    let at = text.rfind(&typed).expect("the last line") + typed.len();
    let text = format!(
        "{}       (the bot is killed with kill -9 while it waits, and started again)\n{}",
        &text[..at],
        &text[at..]
    );
    compare("transcript", &format!("```text\n{}\n```", settled(&text, &ids).trim()));
    world.ends_clean().await;
}

#[test]
fn every_link_of_the_readme_leads_to_a_file() {
    let readme = text("README.md");
    let links: Vec<&str> = readme.split("](").skip(1).map(|rest| rest.split(')').next().unwrap_or_default()).collect();
    let local: Vec<&str> = links.into_iter().filter(|link| !link.starts_with("http")).collect();
    assert!(local.len() > 20, "links are found: {local:?}");
    let leads = |link: &str| match link.strip_prefix('#') {
        Some(heading) => readme.to_lowercase().contains(&format!("\n## {}\n", heading.replace('-', " "))),
        None => path(link).exists(),
    };
    let broken: Vec<&str> = local.into_iter().filter(|link| !leads(link)).collect();
    assert!(broken.is_empty(), "these lead nowhere: {broken:?}");
}

/// A word of the glossary is of today's code: what its link names stands in the room that the link names.
#[test]
fn every_link_of_the_glossary_leads_to_something() {
    let map = text("src/lib.rs");
    let (_, glossary) = map.split_once("# Glossary").expect("a glossary");
    let links: Vec<&str> =
        glossary.split("](").skip(1).map(|rest| rest.split(')').next().unwrap_or_default()).collect();
    assert!(links.len() > 25, "links are found: {links:?}");
    let sources = sources();
    let leads = |link: &str| {
        let (room, name) = link.split_once("::")?;
        let name = name.rsplit("::").next()?;
        let folder = path("src").join(room);
        let starts =
            ["struct ", "enum ", "trait ", "static ", "fn ", "pub ", "    "].map(|kind| format!("{kind}{name}"));
        let defines = |code: &str| {
            let ends =
                |at: usize, start: &str| code[at + start.len()..].starts_with([' ', ':', '(', ',', '{', '<', ';']);
            starts.iter().any(|start| code.match_indices(start).any(|(at, _)| ends(at, start)))
        };
        sources.iter().find(|(path, code)| path.starts_with(&folder) && defines(code)).map(drop)
    };
    let broken: Vec<&&str> = links.iter().filter(|link| leads(link).is_none()).collect();
    assert!(broken.is_empty(), "these lead nowhere: {broken:?}");
    assert!(leads("domain::Nothing").is_none() && leads("aws::Request").is_none(), "what is not there is not found");
}

#[test]
fn the_exit_codes_of_the_readme_are_those_of_the_program() {
    let readme = text("README.md");
    let (_, table, _) = split(&readme, "exit codes");
    let told: BTreeSet<u8> = table.lines().filter_map(|line| line.split('`').nth(1)?.parse().ok()).collect();
    let ends = [End::Drained, End::Hurried, End::Misconfigured(String::new()), End::Escalated(String::new())];
    let mut real: BTreeSet<u8> = ends.iter().map(End::code).collect();
    real.insert(EXIT_STUCK);
    assert!(real.contains(&EXIT_ESCALATED));
    assert_eq!(told, real);
}

fn metrics_in(text: &str) -> BTreeSet<String> {
    let name = |rest: &str| {
        let end = rest.find(|c: char| !c.is_ascii_lowercase() && c != '_').unwrap_or(rest.len());
        format!("dronebot_{}", &rest[..end])
    };
    text.split("dronebot_").skip(1).map(name).collect()
}

#[test]
fn every_metric_is_documented_and_every_documented_metric_is_counted() {
    let mut counted = BTreeSet::new();
    for (_, code) in sources() {
        let code: Vec<&str> = code.lines().map(|line| line.split("//").next().unwrap_or_default()).collect();
        let quoted = code.join("\n");
        counted.extend(metrics_in(&quoted.split('"').skip(1).step_by(2).collect::<Vec<_>>().join(" ")));
    }
    assert!(counted.contains("dronebot_commands_total") && counted.len() > 25, "metrics are found: {counted:?}");
    let documented = metrics_in(&text("src/health/mod.rs"));
    assert_eq!(documented, counted, "the table in src/health/mod.rs");
    let strange: Vec<_> = metrics_in(&text("README.md")).into_iter().filter(|name| !counted.contains(name)).collect();
    assert!(strange.is_empty(), "the README names metrics that nobody counts: {strange:?}");
}

#[test]
fn the_readme_names_the_probes_and_their_causes() {
    let (readme, causes) = (text("README.md"), text("src/health/judgement.rs"));
    for probe in ["/livez", "/readyz", "/startupz", "/metrics", "/version"] {
        assert!(readme.contains(probe) && text("src/health/http.rs").contains(&format!("\"{probe}\"")), "{probe}");
    }
    for cause in ["slack_links", "store", "actor", "starting", "draining", "watchdog"] {
        assert!(readme.contains(&format!("`{cause}`")) && causes.contains(&format!("\"{cause}\"")), "{cause}");
    }
}

#[test]
fn the_iam_policy_of_the_readme_is_derived_from_the_table_of_commands() {
    let deploy = DeployConfig::default();
    let policy =
        iam_policy(&Catalog::built_in(), None, Named { deploy: &deploy, regions: &[], table: "", secrets: &[] });
    let statement = |statement: &serde_json::Value| format!("    {}", in_lines(statement));
    let statements: Vec<String> = policy["Statement"].as_array().expect("statements").iter().map(statement).collect();
    let text = format!(
        "```json\n{{\n  \"Version\": {},\n  \"Statement\": [\n{}\n  ]\n}}\n```",
        policy["Version"],
        statements.join(",\n")
    );
    let bare = text.trim_start_matches("```json").trim_end_matches("```");
    let read: serde_json::Value = serde_json::from_str(bare).expect("JSON");
    assert_eq!(read, policy, "only the line breaks are others");
    compare("iam", &text);
}

/// A statement with its actions a few to the line.
fn in_lines(statement: &serde_json::Value) -> String {
    let actions: Vec<String> =
        statement["Action"].as_array().expect("actions").iter().map(ToString::to_string).collect();
    let lines: Vec<String> = actions.chunks(3).map(|some| format!("        {}", some.join(", "))).collect();
    let condition = statement.get("Condition").map(|condition| format!(", \"Condition\": {condition}"));
    let resources = statement["Resource"].as_array().expect("resources").iter().map(ToString::to_string);
    let resources: Vec<String> = resources.collect();
    format!(
        "{{ \"Effect\": {}, \"Resource\": [{}]{}, \"Action\": [\n{} ] }}",
        statement["Effect"],
        resources.join(", "),
        condition.unwrap_or_default(),
        lines.join(",\n")
    )
}
