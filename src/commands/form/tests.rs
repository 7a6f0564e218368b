use super::super::testing::parse;
use super::*;
use crate::domain::Press;
use proptest::prelude::*;

fn form_of(line: &str) -> Option<(&'static Row, Form)> {
    Catalog::built_in().form(line)
}

fn fill(command: &str, answers: &Answers) -> Result<String, Wrong> {
    Catalog::built_in().fill(command, answers)
}

fn shown(line: &str) -> String {
    let (_, form) = form_of(line).unwrap_or_else(|| panic!("{line} has no form"));
    let mut lines = vec![format!("{} [{}]: {}", form.command, form.submit, form.intro.unwrap_or_default().plain())];
    lines.extend(form.fields.iter().map(|field| {
        let Field { name, label, hint, required, kind, value } = field;
        let star = if *required { "*" } else { "" };
        format!("{label}{star} ({name}, {kind:?}) = {value:?}: {}", hint.as_deref().unwrap_or_default())
    }));
    lines.join("\n")
}

fn answers(filled: &[(&str, &str)]) -> Answers {
    filled.iter().map(|(name, value)| ((*name).to_owned(), vec![(*value).to_owned()])).collect()
}

#[test]
fn a_form_is_made_of_the_commands_definition() {
    insta::assert_snapshot!(shown("ec2 stop"), @r"
    ec2 stop [Run]: Stops running instances, and waits until they are stopped.
    Target* (target, Text { many: true }) = None: An instance: its id, its name, name:web-* for all names that fit, or tag:key=value for all that have the tag. Several are separated by spaces.
    Region (region, Text { many: true }) = None: Where the instances are: a region, several by commas; without it, the usual one
    ");
    insta::assert_snapshot!(shown("EC2 list --page 2 --state running,stopped --tag a=1 --tag 'b=2 3'"), @r#"
    ec2 list [Run]: Lists instances, with their state and type.
    State (state, Text { many: true }) = Some("running stopped"): Only in this state: running, stopped, …; several by commas
    Tag (tag, Text { many: true }) = Some("a=1 'b=2 3'"): Only with this tag; several tags must all be there, several values of one tag mean any of them. Several are separated by spaces.
    Type (kind, Text { many: true }) = None: Only of this type, such as t3.micro or m5.*; several by commas
    Name (name, Text { many: false }) = None: Only with a name like this; * is any text
    Region (region, Text { many: true }) = None: Where: a region, several by commas, or all
    Page (page, Number) = Some("2"): Which page of a long list
    "#);
}

#[test]
fn what_has_been_said_is_filled_in_and_what_is_wrong_is_left_out() {
    insta::assert_snapshot!(shown("ec2 stop --region us-east-1"), @r#"
    ec2 stop [Run]: Stops running instances, and waits until they are stopped.
    Target* (target, Text { many: true }) = None: An instance: its id, its name, name:web-* for all names that fit, or tag:key=value for all that have the tag. Several are separated by spaces.
    Region (region, Text { many: true }) = Some("us-east-1"): Where the instances are: a region, several by commas; without it, the usual one
    "#);
    insta::assert_snapshot!(shown("ec2 show 'web 1' --region us-east-1"), @r#"
    ec2 show [Run]: Shows one instance: state, addresses, protection, tags, volumes.
    Target* (target, Text { many: false }) = Some("web 1"): The instance: its id, its name, or tag:key=value
    Region (region, Text { many: true }) = Some("us-east-1"): Where it is: a region, several by commas, or all
    "#);
    assert!(form_of("ec2 stop --region frankfurt").is_some(), "the rest can be filled in");
    assert!(form_of("make coffee").is_none() && form_of("ec2 stop \"web").is_none() && form_of("").is_none());
}

#[derive(clap::Args)]
struct Odd {
    #[arg(long, value_parser = ["small", "large"])]
    size: Option<String>,
    #[arg(long)]
    count: Option<u32>,
    #[arg(long)]
    dry_run: bool,
}

#[test]
fn each_kind_of_argument_has_its_kind_of_field() {
    let definition = super::super::args::definition::<Odd>();
    let kinds: Vec<FieldKind> = definition.get_arguments().map(kind).collect();
    let choice = FieldKind::Choice(vec!["small".into(), "large".into()]);
    assert_eq!(kinds, [choice, FieldKind::Number, FieldKind::Flag]);
    let labels: Vec<String> = definition.get_arguments().map(label).collect();
    assert_eq!(labels, ["Size", "Count", "Dry run"]);
}

#[test]
fn every_command_has_a_form_of_which_each_field_is_explained() {
    for row in Catalog::built_in().rows() {
        let (found, form) = form_of(row.name).unwrap_or_else(|| panic!("{}", row.name));
        assert_eq!((found.name, form.fields.len()), (row.name, (row.options)().len()));
        for field in form.fields {
            assert!(field.hint.is_some_and(|hint| !hint.is_empty()), "{} {}", row.name, field.name);
        }
    }
}

#[test]
fn a_filled_in_form_reads_like_a_typed_line() {
    let line = |command: &str, filled: &[(&str, &str)]| fill(command, &answers(filled)).unwrap();
    assert_eq!(line("ec2 stop", &[("target", "web-1 db-1")]), "ec2 stop web-1 db-1");
    assert_eq!(
        line("ec2 stop", &[("target", "-1 x"), ("region", "eu-central-1")]),
        "ec2 stop --region eu-central-1 -- -1 x"
    );
    assert_eq!(line("ec2 list", &[("name", "-web"), ("page", "2")]), "ec2 list --name=-web --page 2");
    assert_eq!(line("ec2 show", &[("target", "--help")]), "ec2 show -- --help");
    assert_eq!(line("ec2 list", &[("name", "--help")]), "ec2 list --name=--help");
}

#[test]
fn what_looks_like_a_wish_for_help_is_a_value_behind_two_dashes() {
    assert_eq!(parse("ec2 show -- --help").map(|(row, _)| row.name), Ok("ec2 show"));
    assert_eq!(parse("ec2 show --help").map(|(row, _)| row.name), Ok("help"));
}

#[test]
fn a_wrong_value_is_told_on_its_field() {
    let wrong = |filled: &[(&str, &str)]| fill("ec2 list", &answers(filled)).unwrap_err();
    assert_eq!(wrong(&[("state", "asleep")]).field, "state");
    assert_eq!(wrong(&[("tag", "env")]).field, "tag");
    assert_eq!(wrong(&[("page", "0")]).field, "page");
    assert_eq!(wrong(&[("kind", "a b!")]).field, "kind");
    assert_eq!(fill("ec2 stop", &answers(&[("region", "eu-central-1")])).unwrap_err().field, "target");
}

/// What `ec2 show` and `ec2 list` understood, out of their debug form.
fn understood(line: &str, definition: &clap::Command, name: &str) -> Vec<String> {
    let words = split(line).unwrap();
    let matches =
        definition.clone().try_get_matches_from(&words[2..]).unwrap_or_else(|error| panic!("{line}: {error}"));
    let raw = matches.get_raw(name).unwrap_or_else(|| panic!("{line} says nothing of {name}"));
    raw.map(|value| value.to_string_lossy().into_owned()).collect()
}

proptest! {
    #[test]
    fn any_value_of_a_field_survives_its_way_through_the_line(value in "[^\u{0}]{1,40}", one in "\\PC{1,12}") {
        for (command, name) in [("ec2 show", "target"), ("ec2 list", "name")] {
            match fill(command, &answers(&[(name, &value)])) {
                Ok(line) => {
                    let (row, _) = form_of(command).unwrap();
                    prop_assert_eq!(understood(&line, &(row.definition)(), name), [value.clone()], "{}", line);
                    prop_assert_eq!(parse(&line).map(|(found, _)| found.name), Ok(row.name));
                }
                // the field's own rule: nothing else may be in the way
                Err(wrong) => prop_assert_eq!((wrong.field.as_str(), command), ("target", "ec2 show"), "{}", value),
            }
        }
        // several values, each quoted by the person
        let many = ["web-1", &one, "-x"].map(|value| shlex::try_quote(value).unwrap().into_owned()).join(" ");
        if let Ok(line) = fill("ec2 stop", &answers(&[("target", &many), ("region", "eu-central-1")])) {
            let (row, _) = form_of("ec2 stop").unwrap();
            let straight = straight(&one);
            prop_assert_eq!(understood(&line, &(row.definition)(), "target"), ["web-1", &straight, "-x"], "{}", line);
            prop_assert_eq!(understood(&line, &(row.definition)(), "region"), ["eu-central-1"]);
        }
    }

    #[test]
    fn a_form_filled_in_from_a_line_makes_the_same_command(name in "[a-z \"'#$\\\\`-]{1,20}", page in 1usize..9) {
        let line = shlex::try_join(["ec2", "list", &format!("--name={name}"), "--page", &page.to_string()]).unwrap();
        let (row, form) = form_of(&line).unwrap();
        let filled = form.fields.into_iter().filter_map(|field| Some((field.name, vec![field.value?])));
        let again = fill(row.name, &filled.collect()).unwrap();
        for field in ["name", "page"] {
            let definition = (row.definition)();
            prop_assert_eq!(understood(&again, &definition, field), understood(&line, &definition, field));
        }
    }
}

#[test]
fn a_corrected_line_is_run_only_where_it_changes_nothing() {
    let buttons = |line: &str| parse(line).err().unwrap_or_else(|| panic!("{line} was understood")).buttons;
    let presses: Vec<String> =
        ["hlep", "ec2 lst --name 'a b'", "ec2 stpo web-1", "stop web-1", "ec2 shwo", "make coffee"]
            .iter()
            .flat_map(|line| buttons(line))
            .map(|button| format!("[{}] {:?}", button.label, button.press))
            .collect();
    insta::assert_snapshot!(presses.join("\n"), @r#"
    [help] Run("help")
    [ec2 list --name 'a b'] Run("ec2 list --name 'a b'")
    [ec2 stop web-1…] Form("ec2 stop web-1")
    [ec2 stop web-1…] Form("ec2 stop web-1")
    [ec2 show…] Form("ec2 show")
    "#);
    assert!(matches!(buttons("stop web-1")[0].press, Press::Form(_)));
}
