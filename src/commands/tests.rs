use super::catalog::meant;
use super::testing::{answer, cx, parse};
use super::*;
use crate::domain::{Button, Line, Risk};
use std::collections::BTreeSet;

fn error(text: &str) -> String {
    let error = parse(text).err().unwrap_or_else(|| panic!("{text} was understood"));
    error.lines.iter().map(Line::plain).collect::<Vec<_>>().join(" / ")
}

#[test]
fn names_and_actions_are_given_once() {
    let catalog = Catalog::built_in();
    let names: BTreeSet<&str> = catalog.rows().iter().map(|row| row.name).collect();
    let actions: BTreeSet<&str> = catalog.rows().iter().map(|row| row.action).collect();
    assert_eq!((names.len(), actions.len()), (catalog.rows().len(), catalog.rows().len()));
}

#[test]
fn every_row_parses_its_own_examples() {
    for row in Catalog::built_in().rows() {
        assert!(!row.examples.is_empty(), "{} has no example", row.name);
        for example in row.examples {
            let (found, _) = parse(example).unwrap_or_else(|error| panic!("{example}: {error:?}"));
            assert_eq!(found.name, row.name, "{example}");
        }
    }
}

#[test]
fn every_row_explains_itself() {
    for row in Catalog::built_in().rows() {
        assert!((row.usage)().starts_with(row.name));
        assert!(!row.summary.is_empty() && !row.summary.ends_with('.'), "{}", row.name);
        for (name, help) in (row.options)() {
            assert!(!help.is_empty(), "{} {name} has no help", row.name);
        }
    }
}

#[test]
fn the_class_of_a_command_fits_what_it_can_do() {
    let catalog = Catalog::built_in();
    let changing: Vec<&str> =
        catalog.rows().iter().filter(|row| row.risk == Risk::Change).map(|row| row.name).collect();
    assert_eq!(changing, ["ec2 start", "ec2 stop", "ec2 reboot", "deploy", "deploy rollback"]);
    let ending: Vec<&str> = catalog.rows().iter().filter(|row| row.risk == Risk::Destroy).map(|row| row.name).collect();
    assert_eq!(ending, ["ec2 terminate"]);
    for row in catalog.rows().iter().filter(|row| row.risk >= Risk::Change) {
        let told = ["<target>", "<version>"].iter().any(|what| (row.usage)().contains(what));
        // without a service it is about the bot itself
        assert!(told || row.name == "deploy rollback", "{} changes something, so it must be told what", row.name);
    }
}

#[test]
fn usage_lines() {
    let lines: Vec<String> = Catalog::built_in().rows().iter().map(|row| (row.usage)()).collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    help [command]…
    ping
    whoami
    version
    status
    approve <request>
    decline <request>
    ec2 list [--state <state>]… [--tag <key=value>]… [--type <type>]… [--name <pattern>] [--region <region>]… [--page <number>]
    ec2 show <target> [--region <region>]…
    ec2 start <target>… [--region <region>]…
    ec2 stop <target>… [--region <region>]…
    ec2 reboot <target>… [--region <region>]…
    ec2 terminate <target>… [--region <region>]…
    deploy status [service]
    deploy <version> [service]
    deploy rollback [service]
    ");
}

#[test]
fn a_version_that_is_like_a_subcommand_is_told_from_it_by_its_place() {
    for (line, name) in [
        ("deploy 1.4.2", "deploy"),
        ("deploy 1.4.2 web", "deploy"),
        ("deploy stauts", "deploy"),
        ("deploy status", "deploy status"),
        ("Deploy Status web", "deploy status"),
        ("deploy rollback", "deploy rollback"),
        ("deploy rollback web", "deploy rollback"),
    ] {
        assert_eq!(parse(line).map(|(row, _)| row.name).ok(), Some(name), "{line}");
    }
    insta::assert_snapshot!(error("deploy"), @"<version> is missing. / Usage: deploy <version> [service] / There is also deploy status [service] and deploy rollback [service].");
    insta::assert_snapshot!(error("delpoy 1.4.2"), @"I do not know delpoy. Did you mean deploy? Say help for the list.");
    insta::assert_snapshot!(error("deplyo status"), @"I do not know deplyo status. Did you mean deploy status? Say help for the list.");
    let shows = |line: &str| Catalog::built_in().inspect(line).map(|inspect| inspect.command);
    assert_eq!(
        (shows("deploy 1.4.2"), shows("EC2 stop web-1"), shows("ec2 list"), shows("")),
        (Some("deploy status"), Some("ec2 show"), None, None)
    );
}

#[test]
fn case_does_not_matter_in_a_commands_name() {
    assert_eq!(parse("EC2 Stop i-0abc").map(|(row, _)| row.name).ok(), Some("ec2 stop"));
    assert_eq!(parse("  PING ").map(|(row, _)| row.name).ok(), Some("ping"));
}

#[tokio::test]
async fn an_empty_line_is_help() {
    assert_eq!(answer("", &cx()).await, answer("help", &cx()).await);
    assert_eq!(answer("  \n", &cx()).await, answer("help", &cx()).await);
}

#[test]
fn mistakes_get_a_sentence_that_says_what_to_do() {
    let table = [
        "ec2 stpo i-0abc",
        "ec2",
        "ec2 frobnicate",
        "pnig",
        "make coffee",
        "sotp i-0abc",
        "ec2 stop",
        "ec2 stop i-0abc --region frankfurt",
        "ec2 stop i-0abc --region=tokyo",
        "ec2 stop i-0abc --region",
        "ec2 stop i-0abc --force",
        "ec2 stop i-0abc --regoin eu-central-1",
        "ec2 list --state asleep",
        "ec2 list --tag env",
        "ec2 list --page 0",
        "ec2 list --page 1 --page 2",
        "ec2 list web",
        "ping pong",
        "ec2 stop \"web 1",
        "ec2 stop web\\",
        "ec2 show `rm -rf`",
    ];
    let said: Vec<String> = table
        .iter()
        .map(|text| match parse(text) {
            Ok((row, _)) => format!("{text}\n    understood as {}", row.name),
            Err(_) => format!("{text}\n    {}", error(text)),
        })
        .collect();
    insta::assert_snapshot!(said.join("\n"), @r#"
    ec2 stpo i-0abc
        I do not know ec2 stpo. Did you mean ec2 stop? Say help for the list.
    ec2
        ec2 needs one of list, show, start, stop, reboot or terminate after it. Say help ec2 for what each does.
    ec2 frobnicate
        I do not know ec2 frobnicate. Say help for the list.
    pnig
        I do not know pnig. Did you mean ping? Say help for the list.
    make coffee
        I do not know make. Say help for the list.
    sotp i-0abc
        I do not know sotp. Did you mean ec2 stop? Say help for the list.
    ec2 stop
        <target> is missing. / Usage: ec2 stop <target>… [--region <region>]…
    ec2 stop i-0abc --region frankfurt
        --region must be an AWS region such as eu-central-1, not frankfurt. / Usage: ec2 stop <target>… [--region <region>]…
    ec2 stop i-0abc --region=tokyo
        --region must be an AWS region such as ap-northeast-1, not tokyo. / Usage: ec2 stop <target>… [--region <region>]…
    ec2 stop i-0abc --region
        --region needs a value. / Usage: ec2 stop <target>… [--region <region>]…
    ec2 stop i-0abc --force
        I do not know the option --force. / Usage: ec2 stop <target>… [--region <region>]…
    ec2 stop i-0abc --regoin eu-central-1
        I do not know the option --regoin. Did you mean --region? / Usage: ec2 stop <target>… [--region <region>]…
    ec2 list --state asleep
        --state must be pending, running, stopping, stopped, shutting-down or terminated, not asleep. / Usage: ec2 list [--state <state>]… [--tag <key=value>]… [--type <type>]… [--name <pattern>] [--region <region>]… [--page <number>]
    ec2 list --tag env
        --tag must be a tag such as env=dev, not env. / Usage: ec2 list [--state <state>]… [--tag <key=value>]… [--type <type>]… [--name <pattern>] [--region <region>]… [--page <number>]
    ec2 list --page 0
        --page must be a number from 1, not 0. / Usage: ec2 list [--state <state>]… [--tag <key=value>]… [--type <type>]… [--name <pattern>] [--region <region>]… [--page <number>]
    ec2 list --page 1 --page 2
        --page can be given only once. / Usage: ec2 list [--state <state>]… [--tag <key=value>]… [--type <type>]… [--name <pattern>] [--region <region>]… [--page <number>]
    ec2 list web
        I do not know what to do with web. Did you mean ec2 show web or ec2 list --name web? / Usage: ec2 list [--state <state>]… [--tag <key=value>]… [--type <type>]… [--name <pattern>] [--region <region>]… [--page <number>]
    ping pong
        I do not know what to do with pong. / Usage: ping
    ec2 stop "web 1
        A quotation mark is not closed. Nothing was done. Write names with spaces like "web 1".
    ec2 stop web\
        The line ends with a \. Nothing was done. Leave it out, or write two.
    ec2 show `rm -rf`
        I do not know the option -r. / Usage: ec2 show <target> [--region <region>]…
    "#);
}

#[test]
fn a_wrong_word_is_named_whole_and_an_empty_one_is_said() {
    let said = ["ec2 list =", "ec2 show web-1 env=prod", "ec2 list a.", "ec2 list ''", "ec2 list --region ''"];
    let said: Vec<String> =
        said.iter().map(|text| error(text).split(" / ").next().unwrap_or_default().to_owned()).collect();
    insta::assert_snapshot!(said.join("\n"), @r"
    I do not know what to do with =.
    I do not know what to do with env=prod.
    I do not know what to do with a.. Did you mean ec2 show a. or ec2 list --name a.?
    I do not know what to do with an empty word.
    --region must be an AWS region such as eu-central-1, not an empty word.
    ");
}

/// What is said of a line, and what its buttons do.
fn guessed(text: &str) -> (String, Vec<Button>) {
    let error = parse(text).err().unwrap_or_else(|| panic!("{text} was understood"));
    (error.lines.iter().map(Line::plain).collect::<Vec<_>>().join(" / "), error.buttons)
}

#[test]
fn what_people_mean_comes_before_the_distance_of_letters() {
    let table = [
        ("ec2 restart web-1", "ec2 reboot web-1"),
        ("restart web-1", "ec2 reboot web-1"),
        ("EC2 Status web-1", "ec2 show web-1"),
        ("ec2 describe web-1 --region us-east-1", "ec2 show web-1 --region us-east-1"),
        ("describe web-1", "ec2 show web-1"),
        ("ec2 stat web-1", "ec2 show web-1"),
        ("ec2 ls", "ec2 list"),
        ("ls", "ec2 list"),
        ("list", "ec2 list"),
        ("show web-1", "ec2 show web-1"),
        ("ec2 halt web-1", "ec2 stop web-1"),
        ("undo web", "deploy rollback web"),
        ("commands", "help"),
        ("ec2 strat web-1", "ec2 start web-1"),
        ("ec2 kill web-1", "ec2 terminate web-1"),
        ("rm i-0abc", "ec2 terminate i-0abc"),
        ("ec2 termiante web-1", "ec2 terminate web-1"),
    ];
    for (text, line) in table {
        let (said, buttons) = guessed(text);
        let offered: Vec<&str> = buttons.iter().map(Button::line).collect();
        assert_eq!(offered, [line], "{text}: {said}");
        let (row, _) = parse(line).unwrap();
        assert!(said.contains(&format!("Did you mean {}?", row.name)), "{said}");
        // a guess never runs a change
        let runs = matches!(buttons[0].press, crate::domain::Press::Run(_));
        assert_eq!(runs, row.risk < Risk::Change, "{text}");
    }
}

/// Every word that is one slip away: a letter left out, doubled, wrong, or two that changed places.
fn slips(word: &str) -> Vec<String> {
    let letters: Vec<char> = word.chars().collect();
    let mut all = Vec::new();
    for at in 0..letters.len() {
        let (before, own, after) = (&letters[..at], letters[at], &letters[at + 1..]);
        let with = |middle: &[char], after: &[char]| [before, middle, after].concat().into_iter().collect::<String>();
        all.push(with(&[], after));
        all.push(with(&[own, own], after));
        if let Some((next, rest)) = after.split_first() {
            all.push(with(&[*next, own], rest));
        }
        all.extend(('a'..='z').map(|wrong| with(&[wrong], after)));
    }
    all
}

#[test]
fn a_mistyped_read_is_never_guessed_into_a_change() {
    assert_no_slip_becomes(Risk::Change);
}

/// Not the slip of a letter in a stop either, nor in what people say for one.
#[test]
fn nothing_that_is_mistyped_is_guessed_into_what_cannot_be_undone() {
    assert_no_slip_becomes(Risk::Destroy);
}

/// No slip in a command of a lower class than this, or in what people say for one, is guessed to be of this class or above.
fn assert_no_slip_becomes(class: Risk) {
    let catalog = Catalog::built_in();
    let names = catalog.rows().iter().filter(|row| row.risk < class).map(|row| row.name.to_owned());
    for phrase in names.chain(meant::below(&catalog, class).map(|(phrase, _)| phrase)) {
        let (group, word) = phrase.rsplit_once(' ').unwrap_or(("", &phrase));
        for slip in slips(word) {
            let text = format!("{group} {slip} web-1");
            // what is a command's own name is no guess
            let Err(error) = parse(&text) else { continue };
            if catalog.find(&split(&text).unwrap()).is_ok() {
                continue;
            }
            for button in &error.buttons {
                let Match { row, .. } = catalog.find(&split(button.line()).unwrap()).unwrap();
                assert!(row.risk < class, "`{text}` for `{phrase}` is guessed to be `{}`", row.name);
            }
        }
    }
}

#[test]
fn nothing_of_a_line_vanishes_as_a_comment() {
    assert_eq!(split("ec2 stop #web-1 'a #b' c#d").unwrap(), ["ec2", "stop", "#web-1", "a #b", "c#d"]);
    assert_eq!(split("a \"b #c\" #d").unwrap(), ["a", "b #c", "#d"]);
}

#[test]
fn a_configuration_gives_the_bounds() {
    let config: CommandsConfig = serde_json::from_str(r#"{"max_targets": 4}"#).unwrap();
    assert_eq!(config.limits().max_targets, 4);
    assert!(CommandsConfig { poll_seconds: 0.0, ..config }.validate().is_err());
    assert!(serde_json::from_str::<CommandsConfig>(r#"{"max_target": 4}"#).is_err());
}

proptest::proptest! {
    #[test]
    fn no_line_whatever_makes_the_parser_panic(text in "\\PC{0,60}") {
        let _ = parse(&text);
        let _ = parse(&format!("ec2 stop {text}"));
    }

    #[test]
    fn a_quoted_word_comes_through_unchanged(word in "[a-zA-Z0-9 #*$\"'äß-]{1,20}") {
        let quoted = shlex::try_quote(&word).unwrap().into_owned();
        proptest::prop_assert_eq!(split(&format!("ec2 show {quoted}")).unwrap(), ["ec2", "show", &word]);
    }
}
