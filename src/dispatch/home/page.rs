//! What a Home says: how the bot is, what is waiting, what this person may run, and what they asked lately.

use super::super::permits::Permits;
use crate::commands::{self, Catalog, Row as CommandRow};
use crate::domain::{Button, ChannelId, Failure, Line, Risk, Source, Tone, Vitals};
use crate::slack::render::home::{Home, Row, Section};
use crate::store::{Asked, Recent, State};
use jiff::Timestamp;
use std::sync::Arc;

/// How many requests are shown of those that have their answers.
const LAST: usize = 10;

/// How many requests the journal is asked for: some of them only opened a form.
pub(super) const JOURNAL_LIMIT: usize = 30;

/// How many requests are shown that wait.
const WAITING: usize = 15;

/// What is known for one Home.
pub(super) struct Seen {
    /// Which commands there are.
    pub(super) catalog: Arc<Catalog>,
    pub(super) vitals: Vitals,
    /// What this person may, or that Slack did not say who it is.
    pub(super) permits: Result<Permits, Failure>,
    /// What this person asked; `None` when the journal does not answer.
    pub(super) recent: Option<Recent>,
    pub(super) now: Timestamp,
}

pub(super) fn home(seen: &Seen) -> Home {
    let mut sections = Vec::new();
    match &seen.recent {
        Some(recent) => sections.push(waiting(recent, seen.now)),
        None => sections.push(said("Waiting for you", "My journal does not answer now, so I cannot say what waits.")),
    }
    match &seen.permits {
        Ok(permits) => sections.extend(may_run(&seen.catalog, permits)),
        // in the words of a page on which nobody has run anything
        Err(_) => sections.push(said(
            MAY_RUN,
            "I could not ask Slack who you are, so I cannot say what you may run. Press Refresh in a minute.",
        )),
    }
    match &seen.recent {
        Some(recent) => sections.push(last(seen, recent)),
        None => sections.push(said(LAST_REQUESTS, "My journal does not answer now. Press Refresh in a minute.")),
    }
    let closing = format!(
        "As of {}. For five minutes after you open it I keep this up to date; later, press Refresh.",
        seen.now.strftime("%Y-%m-%d %H:%M:%S UTC")
    );
    Home { opening: opening(&seen.vitals), sections, closing }
}

const MAY_RUN: &str = "What you may run";
const LAST_REQUESTS: &str = "Your last requests";

fn said(title: &str, line: &str) -> Section {
    Section { title: title.to_owned(), lines: vec![Line::from(line)], ..Section::default() }
}

/// One honest line, and below it what does not work.
fn opening(vitals: &Vitals) -> Vec<Line> {
    let build = |line: Line| line.code(vitals.build.version).text(" ").code(vitals.build.short()).text(".");
    let troubles = commands::troubles(vitals);
    if troubles.is_empty() {
        return vec![build(Line::new().text("I am ").bold("ready").text(": version "))];
    }
    let first = build(Line::new().bold("Not all is well").text(" with me, version "));
    let each = troubles.into_iter().map(|trouble| {
        let mut line = Line::from("• ");
        line.0.extend(trouble.0);
        line
    });
    std::iter::once(first).chain(each).collect()
}

fn waiting(recent: &Recent, now: Timestamp) -> Section {
    // the bot's own word to a person is nothing that the person asked
    let open: Vec<&Asked> = recent.open.iter().filter(|asked| asked.source != Source::House).collect();
    let rows: Vec<Row> = open.iter().take(WAITING).map(|asked| open_row(asked, now)).collect();
    if rows.is_empty() {
        return said("Waiting for you", "Nothing waits for you.");
    }
    let more = recent.more_open + (open.len() - rows.len()) as u64;
    let more = (more > 0).then(|| format!("{more} more of your requests wait."));
    Section { title: "Waiting for you".to_owned(), rows, more, ..Section::default() }
}

fn open_row(asked: &Asked, now: Timestamp) -> Row {
    let state = match asked.state {
        State::Accepted => "being worked on",
        State::AwaitingApproval => "waiting for others to approve it",
        State::Planned => "planned, about to begin",
        _ => "under way at AWS, waiting for it to end",
    };
    let below = format!("{state} · asked {} {} · req {}", ago(asked.accepted_at, now), door(asked), asked.id.short());
    Row { line: format!("⏳ {}", line_of(asked)), below: Some(below), channel: channel(asked), button: None }
}

fn may_run(catalog: &Catalog, permits: &Permits) -> Vec<Section> {
    let (may, commands) = (permits.may(), catalog.rows());
    let groups =
        [(Risk::Basic, "about me"), (Risk::Read, "look"), (Risk::Change, "change"), (Risk::Destroy, "destroy")];
    let section = |(risk, name): (Risk, &str)| {
        let rows: Vec<Row> =
            commands.iter().filter(|row| row.risk == risk && may(row)).map(|row| command(row)).collect();
        let title = format!("{MAY_RUN}: {name}");
        (!rows.is_empty()).then(|| Section { title, rows, ..Section::default() })
    };
    let sections: Vec<Section> = groups.into_iter().filter_map(section).collect();
    if sections.is_empty() { vec![nothing(permits)] } else { sections }
}

/// In the words of a refusal: why, and whom to ask.
fn nothing(permits: &Permits) -> Section {
    let mut lines = vec![Line::from("Nothing.")];
    lines.extend(permits.shut_out("").err().into_iter().flat_map(|refusal| refusal.lines));
    Section { title: MAY_RUN.to_owned(), lines, ..Section::default() }
}

fn command(row: &CommandRow) -> Row {
    let button = match ((row.parse)(&[]).is_ok(), row.risk) {
        (false, _) => Button::form("Fill in", row.name),
        (true, Risk::Change | Risk::Destroy) => again("Run", row.name),
        (true, Risk::Basic | Risk::Read) => Button::run("Run", row.name),
    };
    Row { line: format!("{} – {}", row.name, row.summary), button: Some(button), ..Row::default() }
}

/// A button that changes something asks first.
fn again(label: &str, line: &str) -> Button {
    let question =
        Line::new().text("This changes something in AWS: ").code(line).text(". It is judged as if you typed it now.");
    Button::run(label, line).danger().confirm(question)
}

fn last(seen: &Seen, recent: &Recent) -> Section {
    // a press that asked for a form has its form; what was filled in is a request of its own
    let ended = recent.ended.iter().filter(|asked| !asked.source.asks_for_form() && asked.source != Source::House);
    let rows: Vec<Row> = ended.take(LAST).map(|asked| ended_row(asked, seen)).collect();
    if rows.is_empty() {
        return said(LAST_REQUESTS, "You have not asked me for anything lately.");
    }
    Section { title: LAST_REQUESTS.to_owned(), rows, ..Section::default() }
}

fn ended_row(asked: &Asked, seen: &Seen) -> Row {
    // the sign that the answer had; a row from before that was kept has but its state
    let (sign, word) = match (asked.state, asked.tone) {
        (State::Succeeded, _) => ("\u{2705}", "done"),
        (State::Refused, Some(Tone::Usage)) => ("\u{2754}", "not run"),
        (State::Refused, Some(Tone::CalledOff)) => ("\u{26D4}", "called off"),
        (State::Refused, Some(Tone::NotApproved)) => ("\u{26D4}", "not approved"),
        (State::Refused, None) if seen.catalog.parse(&asked.text).is_err() || is_nothing(asked) => {
            ("\u{2754}", "not run")
        }
        (State::Refused, _) => ("\u{26D4}", "not run"),
        (State::Failed, Some(Tone::Partly)) => ("\u{26A0}\u{FE0F}", "partly done"),
        (State::Failed, _) => ("\u{274C}", "failed"),
        (State::Accepted | State::AwaitingApproval | State::Planned | State::Running | State::Unknown, _) => {
            ("\u{26A0}\u{FE0F}", "outcome unknown")
        }
    };
    let when = ago(asked.finished_at.unwrap_or(asked.accepted_at), seen.now);
    let lost = match &asked.undelivered {
        Some(error) => format!(" · you were not told: {error}"),
        None => String::new(),
    };
    let below = format!("{word} {when} · asked {} · req {}{lost}", door(asked), asked.id.short());
    let line = format!("{sign} {}", line_of(asked));
    Row {
        line,
        below: Some(below),
        channel: channel(asked),
        button: seen.permits.as_ref().ok().and_then(|permits| repeat(asked, &seen.catalog, permits)),
    }
}

/// What was not understood, or may not be run, is not offered again.
fn repeat(asked: &Asked, catalog: &Catalog, permits: &Permits) -> Option<Button> {
    if is_nothing(asked) {
        return None;
    }
    let (row, _) = catalog.parse(&asked.text).ok()?;
    let line = if asked.text.is_empty() { row.name } else { &asked.text };
    permits.may()(row).then(|| match row.risk {
        Risk::Change | Risk::Destroy => again("Run again", line),
        Risk::Basic | Risk::Read => Button::run("Run again", line),
    })
}

/// A shortcut on a message that says nothing.
fn is_nothing(asked: &Asked) -> bool {
    asked.text.is_empty() && asked.source == Source::Shortcut
}

fn line_of(asked: &Asked) -> &str {
    match asked.text.as_str() {
        "" if is_nothing(asked) => "(a message without a command)",
        // an empty line is answered like this one
        "" => "help",
        text => text,
    }
}

fn door(asked: &Asked) -> &'static str {
    match asked.source {
        Source::SlashCommand => "by /drone",
        Source::Mention => "by a mention",
        Source::DirectMessage => "by a message to me",
        Source::Button | Source::FormButton => "by a button",
        Source::Modal => "by a form",
        Source::Shortcut => "by a shortcut",
        Source::House => "by myself",
        Source::SelfTest => "by a self-test",
    }
}

/// Where it was asked, if that has a name.
fn channel(asked: &Asked) -> Option<ChannelId> {
    let id = &asked.channel;
    (!id.is_person() && !id.as_str().starts_with('D')).then(|| id.clone())
}

/// `just now`, `5 min ago`, `3 h ago`; what is older by its date.
fn ago(then: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(then).as_secs();
    match seconds {
        ..60 => "just now".to_owned(),
        60..3_600 => format!("{} min ago", seconds / 60),
        3_600..86_400 => format!("{} h ago", seconds / 3_600),
        _ => format!("on {}", then.strftime("%Y-%m-%d at %H:%M UTC")),
    }
}
