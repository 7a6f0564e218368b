//! Every refusal says why and who could, on every surface: a property over commands, people and surfaces.

use super::*;
use crate::domain::{ChannelId, ReplyTo, Tone};

/// The groups that may run a row by the shipped policies; everybody who is a full member may run what is basic.
fn groups_of(risk: Risk) -> &'static [&'static str] {
    match risk {
        Risk::Basic => &[],
        Risk::Read => &["operators", "viewers"],
        Risk::Change | Risk::Destroy => &["operators"],
    }
}

/// Each person, with their group; nothing for those who are no full members.
const PEOPLE: [(&str, Option<&str>); 5] =
    [("UMAYA", Some("operators")), ("UVERA", Some("viewers")), ("UNINA", Some("")), ("UGUS", None), ("UOLGA", None)];

/// What somebody does to run a row, or to have it explained.
fn surfaces(row: &Row, user: &str) -> Vec<(&'static str, Source, ChannelId, String)> {
    let line = row.examples.first().copied().unwrap_or(row.name).to_owned();
    let (channel, direct) = (|| ChannelId::from("C1"), || ChannelId::from("D1"));
    vec![
        ("mention", Source::Mention, channel(), line.clone()),
        ("slash command", Source::SlashCommand, channel(), line.clone()),
        ("direct message", Source::DirectMessage, direct(), line.clone()),
        ("button", Source::Button, channel(), line.clone()),
        ("button of the Home", Source::Button, ChannelId::from(user), line.clone()),
        ("button for a form", Source::FormButton, channel(), line.clone()),
        ("form", Source::Modal, channel(), line.clone()),
        ("shortcut", Source::Shortcut, channel(), line),
        ("name alone", Source::SlashCommand, channel(), row.name.to_owned()),
        ("help", Source::Mention, channel(), format!("help {}", row.name)),
        ("--help", Source::Mention, channel(), format!("{} --help", row.name)),
    ]
}

/// What is wrong with a refusal, if anything is.
fn fault(row: &Row, group: Option<&str>, said: &str) -> Option<String> {
    let groups = groups_of(row.risk);
    let mut wanted: Vec<String> = vec!["Nothing was ".to_owned()];
    let mut unwanted: Vec<&str> = vec!["You may not"];
    match group {
        // who operates what is nothing for guests and strangers
        None => {
            wanted.push("full members of this workspace".to_owned());
            unwanted.extend(["UMAYA", "operators", "viewers"]);
            if !said.contains("Ask a full member") && !said.contains("Ask one of them") {
                return Some("it does not say who could".to_owned());
            }
        }
        Some(own) => {
            wanted.push(format!("`{}` needs the group ", row.name));
            wanted.extend(groups.iter().map(|group| format!("*{group}*")));
            wanted.push(if own.is_empty() { "you are in no group".into() } else { format!("you are in *{own}*") });
            wanted.push("Ask @UMAYA".to_owned());
        }
    }
    let missing = wanted.into_iter().find(|words| !said.contains(words.as_str()));
    let missing = missing.map(|words| format!("it lacks {words:?}"));
    missing.or_else(|| Some(format!("it has {:?}", unwanted.into_iter().find(|words| said.contains(words))?)))
}

/// Everybody on every surface; returns how many of them were refused.
async fn everybody(row: &'static Row) -> usize {
    let (office, mut refused) = (Office::new(false).await, 0);
    for (user, group) in PEOPLE {
        let may_run =
            |row: &Row| group.is_some_and(|group| row.risk == Risk::Basic || groups_of(row.risk).contains(&group));
        let below = |other: &&&Row| other.name.starts_with(&format!("{} ", row.name));
        // of a command that may not be run those below it are explained that may be
        let catalog = Catalog::built_in();
        let explains = catalog.rows().iter().filter(below).any(|row| may_run(row));
        for (surface, source, channel, text) in surfaces(row, user) {
            let reply_to = ReplyTo::Channel;
            let request = Request { source, channel, text, user: user.into(), reply_to, ..office.house.a_request(0) };
            let what = format!("{user}: `{}` by {surface}", request.text);
            let reply = office.letter_to(request).await;
            let said = plain(&reply);
            if may_run(row) || explains && surface.contains("help") {
                let is_refused = ["needs the group", "full members of"].iter().any(|words| said.contains(words));
                assert!(!is_refused, "{what}: {said}");
                continue;
            }
            refused += 1;
            assert_eq!((reply.tone, reply.form.is_none()), (Tone::Refused, true), "{what}: {said}");
            assert_eq!(fault(row, group, &said), None, "{what}: {said}");
        }
    }
    office.house.ends().await;
    refused
}

#[test]
fn every_refusal_says_why_and_who_could_on_every_surface() {
    let refused = std::cell::Cell::new(0);
    for row in Catalog::built_in().rows() {
        // a house for each: it keeps all its letters
        run(async { refused.set(refused.get() + everybody(row).await) });
    }
    assert!(refused.get() > 400, "{}", refused.get());
}

/// A group of which nothing may be run, and what is no command at all.
#[test]
fn what_names_no_command_is_refused_with_its_reason_too() {
    run(async {
        let office = Office::new(false).await;
        let said = office.says("UNINA", "help ec2", How::Fresh).await;
        assert!(said.starts_with("[refused] `ec2 list` needs the group *operators* or *viewers*"), "{said}");
        assert!(said.ends_with("Ask @UMAYA or @UVERA."), "{said}");
        for (user, why) in [("UGUS", "you are a guest here"), ("UOLGA", "you belong to another workspace")] {
            for text in ["pign", "ec2", "ec2 stpo web-1", "\"ping", "deploy a/b"] {
                let said = office.says(user, text, How::Fresh).await;
                assert!(said.starts_with("[refused] ") && said.contains(why), "{user} {text}: {said}");
                assert!(said.contains("\nAsk one of them") && !said.contains("`help`"), "{user} {text}: {said}");
            }
        }
        office.house.ends().await;
    });
}
