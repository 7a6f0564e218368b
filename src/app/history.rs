//! `dronebot store show` and `dronebot store audit`: what happened, for a person at a terminal. It reads the store without
//! being one of its replicas.

mod decided;

use crate::aws::Aws;
use crate::clock;
use crate::domain::{Facts, Part, Reply, RequestId, Step};
use crate::settings::Settings;
use crate::store::{self, Archive, Event, HouseEntry, HouseEvent, StoreError, StoreKind, What};
use decided::decided;
use futures_util::future::LocalBoxFuture;
use jiff::Timestamp;
use std::sync::Arc;

/// How many requests of one short name are listed.
const NAMESAKES: usize = 20;

/// All that happened to a request, by its short name or by its whole one; or the line that says why not.
pub fn show<'a>(settings: &'a Settings, name: &'a str) -> LocalBoxFuture<'a, Result<String, String>> {
    Box::pin(shown(settings, name))
}

async fn shown(settings: &Settings, name: &str) -> Result<String, String> {
    let asked = Name::read(name)?;
    let log = open(settings).await?;
    let found = match &asked {
        Name::Whole(id) => vec![*id],
        Name::Short(short) => log.find(short, NAMESAKES).await.map_err(unread)?,
    };
    let mut all = Vec::new();
    for id in found {
        let history = log.history(id).await.map_err(unread)?;
        if !history.is_empty() {
            all.push((id, history));
        }
    }
    match &all[..] {
        [] => Err(not_found(&asked, settings)),
        [(id, history)] => Ok(story(*id, history)),
        several => Ok(namesakes(&asked, several)),
    }
}

/// What happened to the replicas lately, oldest first.
pub fn audit(settings: &Settings, limit: usize) -> LocalBoxFuture<'_, Result<String, String>> {
    Box::pin(audited(settings, limit))
}

async fn audited(settings: &Settings, limit: usize) -> Result<String, String> {
    let log = open(settings).await?;
    let mut entries = log.house(limit).await.map_err(unread)?;
    if entries.is_empty() {
        return Ok(format!("nothing is noted in {}: no bot of this version has run on it yet\n", place(settings)));
    }
    entries.reverse();
    Ok(entries.iter().map(house).collect())
}

async fn open(settings: &Settings) -> Result<Arc<dyn Archive>, String> {
    let log = match settings.store.kind {
        StoreKind::Sqlite => store::read(&settings.store),
        StoreKind::Dynamodb => {
            let client = Aws::patient_dynamodb(&settings.aws).await;
            store::read_table(client, &settings.store, clock::system()).await
        }
    };
    log.map_err(unread)
}

fn unread(error: StoreError) -> String {
    error.to_string()
}

fn place(settings: &Settings) -> String {
    match settings.store.kind {
        StoreKind::Sqlite => settings.store.path.display().to_string(),
        StoreKind::Dynamodb => format!("table {}", settings.store.table),
    }
}

/// By what somebody asks for a request.
enum Name {
    Whole(RequestId),
    Short(String),
}

impl Name {
    fn read(name: &str) -> Result<Self, String> {
        let word = name.trim().trim_start_matches("req ").trim().to_ascii_uppercase();
        if let Some(id) = RequestId::parse(&word) {
            return Ok(Self::Whole(id));
        }
        if word.len() == 4 && word.chars().all(|one| one.is_ascii_alphanumeric()) {
            return Ok(Self::Short(word));
        }
        let said = words(name);
        Err(format!(
            "`{said}` is not the name of a request; it is the four characters that people are shown (req 7F3K), or the 26 of the log"
        ))
    }
}

fn not_found(asked: &Name, settings: &Settings) -> String {
    let name = match asked {
        Name::Whole(id) => id.to_string(),
        Name::Short(short) => short.clone(),
    };
    format!(
        "{} has no request {name}; a finished one is kept for {} days; look the name up in the log, or ask the store of the \
         bot that gave it",
        place(settings),
        settings.store.retention_days,
    )
}

fn namesakes(asked: &Name, several: &[(RequestId, Vec<Event>)]) -> String {
    let Name::Short(short) = asked else { return String::new() };
    let mut text = format!("{} requests are known as {short}; ask for one by its whole name:\n", several.len());
    for (id, history) in several {
        text += &format!("{id}  {}\n", history.first().map(question).unwrap_or_default());
    }
    text
}

fn question(event: &Event) -> String {
    match &event.what {
        What::Accepted { user, text } => format!("{}  {} asked: {}", time(event.at), words(user.as_str()), words(text)),
        _ => time(event.at),
    }
}

fn story(id: RequestId, history: &[Event]) -> String {
    let mut text = format!("request {id} (req {})\n", id.short());
    let mut writer = None;
    for (index, event) in history.iter().enumerate() {
        let (label, details) = told(&event.what);
        let mut lines = details.into_iter().chain(decided::bound(&history[..=index]));
        text += &line(&time(event.at), &label, &lines.next().unwrap_or_default());
        for more in lines {
            text += &line("", "", &more);
        }
        let writes = Some((&event.replica, event.fence));
        if writes != writer {
            writer = writes;
            text += &line("", "", &format!("by replica {}, fence {}", words(&event.replica.0), event.fence));
        }
    }
    text
}

fn line(at: &str, label: &str, said: &str) -> String {
    format!("{at:<24}  {label:<14}  {said}").trim_end().to_owned() + "\n"
}

/// What happened, in a word and in lines.
fn told(what: &What) -> (String, Vec<String>) {
    let (label, lines) = match what {
        What::Accepted { user, text } => ("accepted", vec![format!("{} asked: {}", words(user.as_str()), words(text))]),
        What::AwaitingApproval { text, plan, needed, decision } => {
            let asks = [words(text), format!("plan {plan}, {needed} must approve")];
            ("asks others", asks.into_iter().chain(decided(decision.as_deref())).collect())
        }
        What::Word { said } => decided::said(said),
        What::Planned { text, plan, policies, approved, decision } => {
            let policies = policies.as_ref().map(|hash| format!(", policies {hash}")).unwrap_or_default();
            let by: Vec<String> = approved.iter().map(|user| words(user.as_str())).collect();
            let by = (!by.is_empty()).then(|| format!("approved by {}", by.join(", ")));
            let planned = [words(text), format!("plan {plan}{policies}")];
            ("planned", planned.into_iter().chain(decided(decision.as_deref())).chain(by).collect())
        }
        What::StepStarted { step } => return (format!("step {} begins", step.index), started(step)),
        What::StepEnded { index, state } => return (format!("step {index} ends"), vec![state.as_str().to_owned()]),
        What::Finished { state, reply, decision } => {
            let said = spoken(reply).into_iter().map(|line| format!("| {line}"));
            let decided = decided(decision.as_deref());
            ("finished", std::iter::once(state.as_str().to_owned()).chain(decided).chain(said).collect())
        }
        What::Adopted { from, died } => {
            let how = if *died { "which died with it" } else { "which said goodbye" };
            ("adopted", vec![format!("from replica {}, {how}", words(&from.0))])
        }
        What::Delivered { ts, last } => {
            let what = if *last { "the answer" } else { "progress" };
            let which = ts.as_ref().map(|ts| format!(", message {}", words(ts))).unwrap_or_default();
            ("delivered", vec![format!("{what}{which}")])
        }
        What::Dead { error } => ("dead letter", vec![words(error)]),
        What::Poison { deaths } => ("given up", vec![format!("{deaths} processes died with it")]),
    };
    (label.to_owned(), lines)
}

fn started(step: &Step) -> Vec<String> {
    let targets = step.targets.iter().map(|target| words(target)).collect::<Vec<_>>().join(", ");
    let call = format!("{} in {}: {targets}", words(&step.operation), words(&step.region));
    let facts = |before: &Facts| before.words().map(|fact| words(&fact)).collect::<Vec<_>>().join(", ");
    let before = step.before.iter().map(|(id, before)| format!("{} before: {}", words(id), facts(before)));
    std::iter::once(call).chain(before).collect()
}

/// What a person read, line by line.
fn spoken(reply: &Reply) -> Vec<String> {
    let mut lines = Vec::new();
    for part in &reply.parts {
        match part {
            Part::Title(title) => lines.push(words(title)),
            Part::Text(line) | Part::Note(line) => lines.push(words(&line.plain())),
            Part::List(items) => lines.extend(items.iter().map(|item| format!("- {}", words(&item.plain())))),
            Part::Fields(fields) => {
                lines.extend(fields.iter().map(|(name, value)| format!("{}: {}", words(name), words(&value.plain()))));
            }
            Part::Table(table) => {
                let row = |row: &Vec<String>| row.iter().map(|cell| words(cell)).collect::<Vec<_>>().join("  ");
                lines.extend(std::iter::once(&table.head).chain(&table.rows).map(row));
            }
            Part::Buttons(_) => {}
        }
    }
    lines
}

fn house(entry: &HouseEntry) -> String {
    let (label, said) = match &entry.what {
        HouseEvent::Started { host, version, policies } => {
            ("started", format!("on {}, version {}, policies {}", words(host), words(version), words(policies)))
        }
        HouseEvent::Stopped { why } => ("stopped", words(why)),
        HouseEvent::Interrupted { notice } => ("interrupted", words(notice)),
        HouseEvent::HandedOver { left } => ("handed over", format!("{left} requests and answers were left to others")),
    };
    line(&time(entry.at), label, &format!("replica {}: {said}", words(&entry.replica.0)))
}

fn time(at: Timestamp) -> String {
    format!("{at:.3}")
}

/// Untrusted words on a terminal: what would control it is shown instead.
fn words(text: &str) -> String {
    let shown = |one: char| match one.is_control() {
        true => one.escape_default().to_string(),
        false => one.to_string(),
    };
    text.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        Decision, JudgedFacts, Line, Membership, PlaceReaders, Ruling, Table, Tone, Word, WordRecord, WordRefusal,
    };
    use crate::store::{ReplicaName, State, StepState};
    use std::collections::BTreeMap;

    fn event(second: i64, fence: i64, what: What) -> Event {
        let at = "2026-03-01T12:00:00Z".parse::<Timestamp>().expect("a time") + jiff::SignedDuration::from_secs(second);
        Event { at, replica: ReplicaName(format!("R{fence}")), fence, what }
    }

    #[test]
    fn the_story_of_a_change_says_who_did_what_and_how_it_was_before() {
        let before = Facts::of(&serde_json::json!({
            "state": "running", "kind": "t3.micro", "zone": null, "public_ip": "203.0.113.7", "elastic_ip": false,
            "launched": "2026-02-01T00:00:00Z",
        }));
        let step = Step {
            index: 0,
            operation: "ec2:StopInstances".into(),
            account: None,
            region: "eu-central-1".into(),
            targets: vec!["i-0abc".into()],
            token: "t".into(),
            before: BTreeMap::from([("i-0abc".to_owned(), before)]),
        };
        let table = Table { head: vec!["id".into()], rows: vec![vec!["i-0abc".into()]] };
        let reply = Reply::new(Tone::Done).text(Line::from("Stopped ").code("i-0abc")).part(Part::Table(table));
        let planned = What::Planned {
            text: "stop i-0abc in eu-central-1".into(),
            plan: "0011aabbccdd".into(),
            policies: Some("e3b0c44298fc".into()),
            approved: vec!["U0JON".into(), "U0ANN".into()],
            decision: None,
        };
        let asks = What::AwaitingApproval {
            text: "stop i-0abc in eu-central-1".into(),
            plan: "0011aabbccdd".into(),
            needed: 2,
            decision: None,
        };
        let history = [
            event(0, 1, What::Accepted { user: "U0MAYA".into(), text: "ec2 stop web-1\u{1b}[2J".into() }),
            event(1, 1, asks),
            event(1, 1, planned),
            event(2, 1, What::StepStarted { step }),
            event(3, 2, What::Adopted { from: ReplicaName("R1".into()), died: true }),
            event(4, 2, What::StepEnded { index: 0, state: StepState::Done }),
            event(5, 2, What::Finished { state: State::Succeeded, reply, decision: None }),
            event(6, 2, What::Delivered { ts: Some("1.5".into()), last: true }),
            event(7, 2, What::Dead { error: "channel_not_found".into() }),
            event(8, 2, What::Poison { deaths: 2 }),
        ];
        let id = RequestId::new(1_772_366_400_000, 7);
        let expected = "\
request 01KJMMA2G00000000000000007 (req 0007)
2026-03-01T12:00:00.000Z  accepted        U0MAYA asked: ec2 stop web-1\\u{1b}[2J
                                          by replica R1, fence 1
2026-03-01T12:00:01.000Z  asks others     stop i-0abc in eu-central-1
                                          plan 0011aabbccdd, 2 must approve
2026-03-01T12:00:01.000Z  planned         stop i-0abc in eu-central-1
                                          plan 0011aabbccdd, policies e3b0c44298fc
                                          approved by U0JON, U0ANN
2026-03-01T12:00:02.000Z  step 0 begins   ec2:StopInstances in eu-central-1: i-0abc
                                          i-0abc before: state running, kind t3.micro, public_ip 203.0.113.7, launched 2026-02-01T00:00:00Z
2026-03-01T12:00:03.000Z  adopted         from replica R1, which died with it
                                          by replica R2, fence 2
2026-03-01T12:00:04.000Z  step 0 ends     done
2026-03-01T12:00:05.000Z  finished        succeeded
                                          | Stopped i-0abc
                                          | id
                                          | i-0abc
2026-03-01T12:00:06.000Z  delivered       the answer, message 1.5
2026-03-01T12:00:07.000Z  dead letter     channel_not_found
2026-03-01T12:00:08.000Z  given up        2 processes died with it
";
        assert_eq!(story(id, &history), expected);
    }

    #[test]
    fn the_story_of_a_decision_says_by_which_policies_and_whose_word_was_not_taken_and_why() {
        let needs = Decision {
            ruling: Ruling::NeedsApproval,
            policies: vec!["second-person".into()],
            permits: vec!["operators-change".into()],
            on: Some("db-1\u{7} (i-0abc)".into()),
            about: None,
            needed: 1,
            given: Vec::new(),
            facts: JudgedFacts { groups: vec!["operators".into(), "viewers".into()], ..JudgedFacts::default() },
        };
        let permit =
            Decision { ruling: Ruling::Permit, policies: vec!["operators-change".into()], on: None, ..needs.clone() };
        let guest = JudgedFacts {
            membership: Membership::Guest,
            groups: Vec::new(),
            unread: vec!["oncall".into()],
            readers: PlaceReaders::Shared,
        };
        let deny = Decision {
            ruling: Ruling::Deny,
            policies: vec!["full-members-only".into()],
            facts: guest,
            ..permit.clone()
        };
        let (text, plan) = ("stop i-0abc in eu-central-1".to_owned(), "0011aabbccdd".to_owned());
        let kept = |decision: &Decision| Some(Arc::new(decision.clone()));
        let asks = What::AwaitingApproval { text: text.clone(), plan: plan.clone(), needed: 1, decision: kept(&needs) };
        let word = |by: &str, word: Word| WordRecord::new(by.into(), Timestamp::UNIX_EPOCH, word);
        let said = |said: WordRecord| What::Word { said };
        let own = || said(word("U0MAYA", Word::Approve).refused(WordRefusal::Own));
        let guest = word("U0GUS", Word::Decline).judged(kept(&deny)).refused(WordRefusal::NotPermitted);
        let approves = word("U0OMAR", Word::Approve).judged(kept(&permit));
        let (policies, approved) = (None, vec!["U0OMAR".into()]);
        let planned = What::Planned { text, plan, policies, approved, decision: kept(&needs) };
        let nothing = Decision {
            policies: Vec::new(),
            on: Some("web-1".into()),
            about: Some("U0OMAR".into()),
            facts: JudgedFacts { readers: PlaceReaders::Unknown, ..JudgedFacts::default() },
            ..deny
        };
        let reply = Reply::new(Tone::NotApproved).text(Line::from("It was not run."));
        let finished = What::Finished { state: State::Refused, reply, decision: kept(&nothing) };
        let events = [
            asks,
            own(),
            said(guest),
            own(),
            own(),
            said(word("U0VERA", Word::Approve).refused(WordRefusal::Forged)),
            said(approves),
            said(word("U0VERA", Word::Decline)),
            said(word("U0VERA", Word::Approve).refused(WordRefusal::Granted)),
            planned,
            finished,
        ];
        let history: Vec<Event> = events.into_iter().map(|what| event(0, 1, what)).collect();
        let story = story(RequestId::new(1_772_366_400_000, 7), &history);
        let story: Vec<&str> = story.lines().skip(1).map(|line| line.get(26..).unwrap_or_default()).collect();
        let expected = "\
asks others     stop i-0abc in eu-central-1
                plan 0011aabbccdd, 1 must approve
                needs the approval of 1 by second-person on db-1\\u{7} (i-0abc), then permitted by operators-change
                as member, in operators, viewers
                by replica R1, fence 1
not taken       U0MAYA's approval was not taken: who asks for a change cannot approve it
not taken       U0GUS's decline was not taken: the policies do not permit it
                refused by full-members-only
                as guest, in no group, perhaps in oncall (Slack does not tell), where another organisation reads
not taken       U0MAYA's approval was not taken: who asks for a change cannot approve it
not taken       U0MAYA's approval was not taken: who asks for a change cannot approve it
                no more words of U0MAYA that are not taken are kept
not taken       U0VERA's approval was not taken: the bot did not make the button, or not for that place
approved        by U0OMAR
                permitted by operators-change
                as member, in operators, viewers
declined        by U0VERA
not taken       U0VERA's approval was not taken: it was approved already
planned         stop i-0abc in eu-central-1
                plan 0011aabbccdd
                needs the approval of 1 by second-person on db-1\\u{7} (i-0abc), then permitted by operators-change
                as member, in operators, viewers
                approved by U0OMAR
finished        refused
                refused on web-1: no policy permits it
                U0OMAR as member, in no group, where another organisation may read (Slack does not tell)
                | It was not run.";
        assert_eq!(story.join("\n"), expected);
        // of a command that only reads, before its target is known
        let ahead = Decision { policies: Vec::new(), ..permit };
        assert_eq!(decided(Some(&ahead))[0], "permitted, depending on the target");
        assert!(decided(None).is_empty());
    }

    #[test]
    fn a_request_is_named_by_what_people_are_shown_or_by_the_log() {
        assert!(matches!(Name::read(" req 7f3k "), Ok(Name::Short(short)) if short == "7F3K"));
        assert!(matches!(Name::read("01KJMTCYR00000000000000007"), Ok(Name::Whole(_))));
        for odd in ["", "7F3", "web-1", "01KJMTCYR0000000000000000Z7", "7F3\u{7}"] {
            assert!(Name::read(odd).is_err(), "{odd}");
        }
    }
}
