//! `dronebot doctor`: whether the bot could work here, and what to do where it could not. It changes nothing, asks
//! every side at the same time, and waits for none of them longer than [`PATIENCE`].

mod aws;
mod house;
mod slack;

use super::EXIT_CONFIG;
use crate::commands::Catalog;
use crate::settings::{Settings, SettingsError};
use futures_util::future::LocalBoxFuture;
use serde::Serialize;
use std::fmt::Write;
use std::time::Duration;

/// How long one check may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// How far clocks may be apart before it is worth a word, and before AWS refuses what is signed.
const SKEW_WORTH_A_WORD: i64 = 60;
const SKEW_REFUSED: i64 = 300;

/// What a check came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// The bot works, but somebody should know this.
    Warning,
    /// The bot does not work like this.
    Problem,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub check: &'static str,
    /// What came of it.
    pub verdict: Verdict,
    /// What is so.
    pub so: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_do: Option<String>,
    /// Whether this leaves nothing to be found out by the checks that need it.
    #[serde(skip)]
    is_end: bool,
}

impl Finding {
    fn ok(check: &'static str, so: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Ok, so: so.into(), to_do: None, is_end: false }
    }

    fn warning(check: &'static str, so: impl Into<String>, to_do: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Warning, so: so.into(), to_do: Some(to_do.into()), is_end: false }
    }

    fn problem(check: &'static str, so: impl Into<String>, to_do: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Problem, so: so.into(), to_do: Some(to_do.into()), is_end: false }
    }
}

/// All that was found, in the order in which it is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnosis {
    /// Each finding.
    pub findings: Vec<Finding>,
}

impl Diagnosis {
    /// What is wrong with settings that cannot even be read: nothing else is looked at then.
    pub fn of_settings(error: &SettingsError) -> Self {
        let to_do = "change it there; config/default.toml shows every key, and nothing else was checked";
        let problem = |so: &String| Finding { to_do: None, ..Finding::problem("settings", so, to_do) };
        let mut findings: Vec<Finding> = error.problems.iter().map(problem).collect();
        if let Some(last) = findings.last_mut() {
            last.to_do = Some(to_do.to_owned());
        }
        Self { findings }
    }

    /// The exit code: 0 when the bot can work.
    pub fn code(&self) -> u8 {
        let worst = self.findings.iter().map(|finding| finding.verdict).max();
        if worst == Some(Verdict::Problem) { EXIT_CONFIG } else { 0 }
    }

    /// For a person.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for Finding { check, verdict, so, to_do, .. } in &self.findings {
            let sign = match verdict {
                Verdict::Ok => "✅",
                Verdict::Warning => "⚠️",
                Verdict::Problem => "❌",
            };
            // writing into a text does not fail
            let _ = writeln!(text, "{sign} {check}: {}", sentence(so));
            if let Some(to_do) = to_do {
                let _ = writeln!(text, "   → {}", sentence(to_do));
            }
        }
        let count = |verdict| self.findings.iter().filter(|finding| finding.verdict == verdict).count();
        let (problems, warnings) = (count(Verdict::Problem), count(Verdict::Warning));
        let last = match problems {
            0 => "The bot can work like this",
            _ => "The bot cannot work like this",
        };
        let _ = writeln!(text, "{last}: {problems} to mend, {warnings} to know.");
        text
    }

    /// For a program.
    pub fn json(&self) -> String {
        let body = serde_json::json!({"ok": self.code() == 0, "findings": self.findings});
        format!("{body:#}\n")
    }
}

/// As a sentence: what others say may end in many ways, and on several lines.
fn sentence(words: &str) -> String {
    let line = words.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut letters = line.chars();
    let first = letters.next().filter(|_| !line.starts_with("slack.") && !line.starts_with("aws."));
    let upper = first.map(|first| first.to_uppercase().chain(letters.clone()).collect::<String>());
    let line = upper.unwrap_or(line);
    if line.ends_with(['.', '?', '!']) { line } else { format!("{line}.") }
}

/// Looks at everything. `link`: also opens a Socket Mode connection for a moment.
pub fn examine<'a>(settings: &'a Settings, catalog: &'a Catalog, link: bool) -> LocalBoxFuture<'a, Diagnosis> {
    Box::pin(look(settings, catalog, link))
}

async fn look(settings: &Settings, catalog: &Catalog, link: bool) -> Diagnosis {
    let house = house::examine(settings, catalog).await;
    if let Some(problem) = secrets(settings).await {
        return Diagnosis {
            findings: house.into_iter().chain([problem]).chain(Box::pin(aws::examine(settings)).await).collect(),
        };
    }
    let (slack, aws) = futures_util::join!(slack::examine(settings, link), aws::examine(settings));
    Diagnosis { findings: house.into_iter().chain(slack).chain(aws).collect() }
}

/// What is wrong with the secrets that AWS keeps: without them Slack cannot be asked anything.
async fn secrets(settings: &Settings) -> Option<Finding> {
    const CHECK: &str = "secrets";
    let read = tokio::time::timeout(PATIENCE, super::tokens::Tokens::of(settings).once()).await;
    let line = match read {
        Ok(Ok(())) => return None,
        Ok(Err(line)) => line,
        Err(_) => format!("AWS did not give them within {} seconds", PATIENCE.as_secs()),
    };
    let (so, to_do) = line.split_once("; ").unwrap_or((&line, "check the bot's AWS role, the region and the network"));
    Some(Finding::problem(CHECK, so, to_do))
}

/// The finding, or after [`PATIENCE`] that there was none.
async fn bounded(check: &'static str, finding: impl Future<Output = Vec<Finding>>) -> Vec<Finding> {
    tokio::time::timeout(PATIENCE, finding).await.unwrap_or_else(|_| {
        let so = format!("there was no answer within {} seconds", PATIENCE.as_secs());
        vec![Finding::problem(check, so, "check the network and the proxy, and try again")]
    })
}

/// The clock of this machine against another's.
fn clock(check: &'static str, whose: &str, theirs: Option<jiff::Timestamp>, ours: jiff::Timestamp) -> Finding {
    let Some(theirs) = theirs else {
        return Finding::warning(check, format!("{whose} did not say what time it is"), "check this machine's clock");
    };
    let seconds = ours.duration_since(theirs).as_secs();
    let (apart, way) = (seconds.abs(), if seconds < 0 { "behind" } else { "ahead of" });
    let to_do = "set this machine's clock, and let NTP keep it (timedatectl set-ntp true)";
    let so = || format!("the clock of this machine is {apart} seconds {way} that of {whose}");
    match apart {
        SKEW_REFUSED.. => Finding::problem(check, format!("{}; AWS refuses calls that are signed so", so()), to_do),
        SKEW_WORTH_A_WORD.. => Finding::warning(check, so(), to_do),
        _ => Finding::ok(check, format!("this machine and {whose} agree")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_may_differ_by_a_minute_and_not_by_five() {
        let ours: jiff::Timestamp = "2026-03-01T12:00:00Z".parse().expect("a time");
        let told = |seconds: i64| {
            let theirs = ours - jiff::SignedDuration::from_secs(seconds);
            let found = clock("clock", "Slack", Some(theirs), ours);
            format!("{:?} {}", found.verdict, found.so)
        };
        assert_eq!(told(59), "Ok this machine and Slack agree");
        assert_eq!(told(-60), "Warning the clock of this machine is 60 seconds behind that of Slack");
        assert_eq!(told(299), "Warning the clock of this machine is 299 seconds ahead of that of Slack");
        assert!(told(300).starts_with("Problem the clock of this machine is 300 seconds ahead of that of Slack; AWS"));
        assert_eq!(clock("clock", "Slack", None, ours).verdict, Verdict::Warning);
    }

    #[test]
    fn what_is_found_decides_the_exit_code_and_is_told_in_sentences() {
        let findings = vec![
            Finding::ok("one", "all is well"),
            Finding::warning("two", "slack.x is odd\n  and long", "look"),
            Finding::problem("three", "broken!", "mend it"),
        ];
        let all = Diagnosis { findings };
        assert_eq!(all.code(), EXIT_CONFIG);
        insta::assert_snapshot!(all.text(), @r#"
        ✅ one: All is well.
        ⚠️ two: slack.x is odd and long.
           → Look.
        ❌ three: Broken!
           → Mend it.
        The bot cannot work like this: 1 to mend, 1 to know.
        "#);
        let fine = Diagnosis { findings: all.findings[..2].to_vec() };
        assert_eq!(fine.code(), 0);
        insta::assert_snapshot!(fine.json(), @r#"
        {
          "ok": true,
          "findings": [
            {
              "check": "one",
              "verdict": "ok",
              "so": "all is well"
            },
            {
              "check": "two",
              "verdict": "warning",
              "so": "slack.x is odd\n  and long",
              "to_do": "look"
            }
          ]
        }
        "#);
    }
}
