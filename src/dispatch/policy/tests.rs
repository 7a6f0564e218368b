use super::*;
use crate::domain::{AccountId, AccountRegion, ChannelId, Line, Source as Door, Target};
use proptest::prelude::*;
use std::sync::OnceLock;

const ACTIONS: &[(&str, Risk)] = &[
    ("help", Risk::Basic),
    ("ping", Risk::Basic),
    ("whoami", Risk::Basic),
    ("approve", Risk::Basic),
    ("decline", Risk::Basic),
    ("status", Risk::Read),
    ("version", Risk::Read),
    ("deploy:status", Risk::Read),
    ("deploy:version", Risk::Change),
    ("deploy:rollback", Risk::Change),
    ("ec2:list", Risk::Read),
    ("ec2:show", Risk::Read),
    ("ec2:start", Risk::Change),
    ("ec2:stop", Risk::Change),
    ("ec2:reboot", Risk::Change),
    ("ec2:terminate", Risk::Destroy),
];

const STOP: Action<'static> = Action { name: "ec2:stop", risk: Risk::Change };
const LIST: Action<'static> = Action { name: "ec2:list", risk: Risk::Read };
const TERMINATE: Action<'static> = Action { name: "ec2:terminate", risk: Risk::Destroy };
const DEPLOY: Action<'static> = Action { name: "deploy:version", risk: Risk::Change };
const PING: Action<'static> = Action { name: "ping", risk: Risk::Basic };

fn groups() -> BTreeSet<String> {
    ["deployers", "operators", "viewers"].map(str::to_owned).into()
}

fn shipped() -> &'static Policies {
    static SHIPPED: OnceLock<Policies> = OnceLock::new();
    SHIPPED.get_or_init(|| {
        Policies::load(&Source::built_in_policies(), &Source::built_in_schema(), ACTIONS, &groups()).unwrap()
    })
}

fn with_text(text: &str) -> Result<Policies, PolicyError> {
    Policies::load(&Source::new("my.cedar", text), &Source::built_in_schema(), ACTIONS, &groups())
}

fn person(membership: Membership, groups: &[&str]) -> Principal {
    Principal {
        user: UserId::from("U1"),
        team: TeamId::from("T1"),
        name: "Maya".into(),
        membership,
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        unread: BTreeSet::new(),
    }
}

fn member(groups: &[&str]) -> Principal {
    person(Membership::Member, groups)
}

fn target(tags: &[(&str, &str)]) -> Target {
    Target {
        kind: crate::aws::INSTANCE,
        id: "i-0abc".into(),
        name: Some("web-1".into()),
        account: "123456789012".into(),
        region: "eu-central-1".into(),
        tags: tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
    }
}

/// Monday, 23 November 2026, 10:30 UTC.
fn in_ops() -> Situation {
    Situation {
        external: false,
        channel: ChannelId::from("COPS"),
        direct_message: false,
        source: Door::SlashCommand,
        time: "2026-11-23T10:30:15.25Z".parse().unwrap(),
        approvals: 0,
    }
}

fn words(refusal: &crate::domain::Refusal) -> String {
    refusal.lines.iter().map(Line::plain).collect::<Vec<_>>().join("\n")
}

#[test]
fn deployers_deploy_and_nothing_else() {
    let service = |tags| Target { kind: crate::aws::SERVICE, id: "service/prod/web".into(), ..target(tags) };
    let (open, protected) = (service(&[]), service(&[("protected", "yes")]));
    let status = Action { name: "deploy:status", risk: Risk::Read };
    let back = Action { name: "deploy:rollback", risk: Risk::Change };
    let table: &[(&[&str], [bool; 6])] = &[
        (&["deployers"], [true, true, true, false, false, false]),
        (&["operators"], [true, true, true, false, true, true]),
        (&["viewers"], [true, false, false, false, false, true]),
        (&[], [false; 6]),
    ];
    for (groups, expected) in table {
        let asked =
            [(status, &open), (DEPLOY, &open), (back, &open), (DEPLOY, &protected), (STOP, &open), (LIST, &open)];
        let got = asked
            .map(|(action, on)| shipped().judge(&member(groups), action, &Resource::Target(on), &in_ops()).is_permit());
        assert_eq!(&got, expected, "{groups:?}");
    }
}

#[test]
fn a_policy_tells_a_service_from_an_instance() {
    let text =
        r#"@id("services") permit (principal, action, resource is Target) when { resource.kind == "ecs:service" };"#;
    let policies = with_text(text).unwrap();
    let service = Target { kind: crate::aws::SERVICE, id: "service/prod/web".into(), ..target(&[]) };
    let may = |action, on: &Target| policies.judge(&member(&[]), action, &Resource::Target(on), &in_ops()).is_permit();
    assert!(may(DEPLOY, &service) && !may(STOP, &target(&[])));
}

#[test]
fn the_shipped_policies_as_a_table() {
    let open = target(&[("env", "prod"), ("protected", "false")]);
    let protected = target(&[("protected", "true")]);
    let (bot, open, protected) = (Resource::Bot, Resource::Target(&open), Resource::Target(&protected));
    let place = AccountRegion::new("123456789012", "eu-central-1");
    let region = Resource::from(&place);
    // who, in which groups: basic, status, list a region, list a target, stop, stop a protected one
    let table: &[(Membership, &[&str], [bool; 7])] = &[
        (Membership::Member, &[], [true, false, false, false, false, false, false]),
        (Membership::Member, &["viewers"], [true, true, true, true, true, false, false]),
        (Membership::Member, &["operators"], [true, true, true, true, true, true, false]),
        (Membership::Member, &["operators", "viewers"], [true, true, true, true, true, true, false]),
        (Membership::Member, &["developers"], [true, false, false, false, false, false, false]),
        (Membership::Guest, &["operators"], [false; 7]),
        (Membership::Outside, &["operators"], [false; 7]),
        (Membership::Inactive, &["operators"], [false; 7]),
        (Membership::Guest, &[], [false; 7]),
    ];
    for (membership, groups, expected) in table {
        let who = person(*membership, groups);
        let status = Action { name: "status", risk: Risk::Read };
        let show = Action { name: "ec2:show", risk: Risk::Read };
        let asked = [
            (PING, bot),
            (status, bot),
            (LIST, region),
            (LIST, open),
            (show, protected),
            (STOP, open),
            (STOP, protected),
        ];
        let got = asked.map(|(action, resource)| shipped().judge(&who, action, &resource, &in_ops()).is_permit());
        assert_eq!(&got, expected, "{membership:?} {groups:?}");
    }
}

/// Where people of another organisation may read, nothing is changed, whoever asks and however many approve it. What reads
/// is as anywhere: it is answered to the asker alone.
#[test]
fn nothing_is_changed_from_a_place_that_is_shared_with_another_organisation() {
    let (open, shared) = (in_ops(), Situation { external: true, ..in_ops() });
    let asked = target(&[("approval", "none")]);
    for groups in [&[][..], &["viewers"], &["operators"], &["deployers"], &["operators", "viewers"]] {
        let who = member(groups);
        for (name, risk) in ACTIONS {
            let (action, resource) = (Action { name, risk: *risk }, Resource::Target(&asked));
            let permit = |situation: &Situation| shipped().judge(&who, action, &resource, situation).is_permit();
            let ahead = |situation: &Situation| shipped().judge_ahead(&who, action, situation).is_permit();
            if *risk < Risk::Change {
                assert_eq!((permit(&shared), ahead(&shared)), (permit(&open), ahead(&open)), "{groups:?} {name}");
                continue;
            }
            assert!(!permit(&shared) && !ahead(&shared), "{groups:?} {name}");
            for verdict in [
                shipped().judge(&who, action, &resource, &shared),
                shipped().judge_ahead(&who, action, &shared),
                shipped().judge(&who, action, &resource, &Situation { approvals: 5, ..shared.clone() }),
            ] {
                let Verdict::Deny(deny) = verdict else { panic!("{groups:?} {name}: {verdict:?}") };
                let policies: Vec<&str> = deny.reasons.iter().map(|reason| reason.policy.as_str()).collect();
                assert_eq!((policies, deny.who_could), (vec!["shared-place"], Vec::new()), "{groups:?} {name}");
            }
        }
    }
}

/// The shipped policies of before, which people have in files of their own.
#[test]
fn policies_that_read_tags_themselves_go_on_working() {
    let policies = with_text(
        r#"@id("all") permit (principal, action, resource);
           @id("protected-tag") @reason("protected") forbid (principal, action in Action::"change", resource is Target)
           when {
             (resource.hasTag("protected") && resource.getTag("protected") != "false") ||
             (resource.hasTag("Protected") && resource.getTag("Protected") != "false")
           };
           @id("second-person") @reason("two") forbid (principal, action in Action::"change", resource is Target)
           when { resource.hasTag("approval") && resource.getTag("approval") == "required" && context.approvals < 1 };"#,
    )
    .unwrap();
    let stop = |tags| policies.judge(&member(&[]), STOP, &Resource::Target(&target(tags)), &in_ops());
    assert!(stop(&[]).is_permit() && stop(&[("protected", "false")]).is_permit());
    assert!(matches!(stop(&[("Protected", "yes")]), Verdict::Deny(_)));
    assert!(matches!(stop(&[("approval", "required")]), Verdict::Needs { approvals: 1, .. }));
}

#[test]
fn a_permit_names_its_policies() {
    let verdict = shipped().judge(&member(&["operators", "viewers"]), LIST, &Resource::Target(&target(&[])), &in_ops());
    assert_eq!(verdict, Verdict::Permit { policies: vec!["operators-read".into(), "viewers-read".into()] });
}

#[test]
fn every_spelling_of_the_protected_tag_protects_unless_it_says_false() {
    let operator = member(&["operators"]);
    for key in ["protected", "Protected", "drone-protected", "PROTECTED", " protected", "Drone-Protected\u{200b}"] {
        for (value, permitted) in [("true", false), ("", false), ("yes", false), ("no", false), ("false", true)] {
            let target = target(&[(key, value)]);
            let verdict = shipped().judge(&operator, STOP, &Resource::Target(&target), &in_ops());
            assert_eq!(verdict.is_permit(), permitted, "{key}={value}");
        }
    }
}

#[test]
fn without_policies_everything_is_denied_and_nobody_could() {
    let none = with_text("").unwrap();
    for (name, risk) in ACTIONS {
        let action = Action { name, risk: *risk };
        assert!(!none.could(&member(&["operators"]), action, &in_ops()), "{name}");
    }
    let Verdict::Deny(deny) = none.judge(&member(&["operators"]), PING, &Resource::Bot, &in_ops()) else {
        panic!("permitted");
    };
    assert_eq!((deny.reasons.len(), deny.who_could.len()), (0, 0));
    assert_eq!(
        words(&refusal(&deny, "ping", &member(&["operators"]), &[])),
        "ping is not permitted here by any policy. Nothing was done."
    );
}

/// The highest class of which each could run anything, wherever it is asked: what is denied here is not denied everywhere.
#[test]
fn what_could_be_permitted_somewhere_is_not_taken_for_never() {
    let ever = |policies: &Policies, who: &Principal| {
        let could = |(name, risk): &&(&'static str, Risk)| policies.could_ever(who, Action { name, risk: *risk });
        ACTIONS.iter().filter(could).map(|(_, risk)| *risk).max()
    };
    let strangers = [Membership::Guest, Membership::Outside, Membership::Inactive];
    for (groups, expected) in [
        (&["operators", "viewers"] as &[&str], Risk::Destroy),
        (&["deployers"], Risk::Change),
        (&["viewers"], Risk::Read),
        (&[], Risk::Basic),
    ] {
        assert_eq!(ever(shipped(), &member(groups)), Some(expected), "{groups:?}");
        assert!(strangers.iter().all(|stranger| ever(shipped(), &person(*stranger, groups)).is_none()), "{groups:?}");
    }
    let guest = person(Membership::Guest, &[]);
    for (condition, expected) in [
        ("when { context.channel == \"C1\" }", Some(Risk::Read)),
        ("when { context.hour >= 22 || context.direct_message }", Some(Risk::Read)),
        ("when { context.approvals >= 2 }", Some(Risk::Read)),
        ("unless { principal.membership == \"guest\" }", None),
    ] {
        let text = format!("@id(\"some\") permit (principal, action in Action::\"read\", resource) {condition};");
        let policies = with_text(&text).unwrap_or_else(|error| panic!("{condition}: {error}"));
        assert_eq!(ever(&policies, &guest), expected, "{condition}");
        assert_eq!(ever(&policies, &member(&[])), Some(Risk::Read), "{condition}");
    }
}

#[test]
fn a_refusal_says_which_group_is_needed_and_whom_to_ask() {
    let viewer = member(&["viewers"]);
    let target = target(&[]);
    let Verdict::Deny(deny) = shipped().judge(&viewer, STOP, &Resource::Target(&target), &in_ops()) else {
        panic!("permitted");
    };
    assert_eq!(deny.who_could, ["operators"]);
    let people = ["U7", "U8", "U9", "U10"].map(UserId::from);
    assert_eq!(
        words(&refusal(&deny, "ec2 stop", &viewer, &people)),
        "ec2 stop on web-1 (i-0abc) needs the group operators; you are in viewers. Nothing was changed.\nAsk @U7, @U8 or @U9."
    );
    let Verdict::Deny(ahead) = shipped().judge_ahead(&viewer, STOP, &in_ops()) else { panic!("permitted") };
    assert_eq!(
        words(&refusal(&ahead, "ec2 stop", &viewer, &[])),
        "ec2 stop needs the group operators; you are in viewers. Nothing was changed.\nAsk somebody in operators."
    );
    let Verdict::Deny(read) = shipped().judge_ahead(&member(&[]), LIST, &in_ops()) else { panic!("permitted") };
    assert_eq!(
        words(&refusal(&read, "ec2 list", &member(&[]), &people[..1])),
        "ec2 list needs the group operators or viewers; you are in no group. Nothing was done.\nAsk @U7."
    );
}

#[test]
fn a_refusal_by_a_forbid_gives_its_reason_and_asks_nobody_when_nobody_could() {
    let operator = member(&["operators"]);
    let target = target(&[("protected", "true")]);
    let Verdict::Deny(deny) = shipped().judge(&operator, STOP, &Resource::Target(&target), &in_ops()) else {
        panic!("permitted");
    };
    assert_eq!(deny.reasons.iter().map(|reason| reason.policy.as_str()).collect::<Vec<_>>(), ["protected-tag"]);
    assert_eq!(
        words(&refusal(&deny, "ec2 stop", &operator, &[])),
        "ec2 stop may not be run on web-1 (i-0abc): it is tagged as protected; take the tag off in AWS first if it really must change. Nothing was changed."
    );
    let guest = person(Membership::Guest, &[]);
    let Verdict::Deny(deny) = shipped().judge(&guest, STOP, &Resource::Target(&target), &in_ops()) else {
        panic!("permitted");
    };
    assert_eq!(deny.reasons.len(), 2);
    assert!(words(&refusal(&deny, "ec2 stop", &guest, &[])).contains("only for full members"));
}

/// Whatever is refused, by a `forbid` or for want of a `permit`: who could do it is told to members and to nobody else.
#[test]
fn only_a_member_is_told_who_could() {
    let open = with_text(r#"@id("ops") permit (principal in Group::"operators", action, resource);"#).unwrap();
    let contacts = [UserId::from("U7")];
    for policies in [shipped(), &open] {
        for membership in [Membership::Member, Membership::Guest, Membership::Outside, Membership::Inactive] {
            let who = person(membership, &[]);
            let Verdict::Deny(deny) = policies.judge(&who, STOP, &Resource::Target(&target(&[])), &in_ops()) else {
                panic!("permitted")
            };
            assert_eq!(deny.who_could, ["operators"]);
            for contacts in [&contacts[..], &[]] {
                let said = words(&refusal(&deny, "ec2 stop", &who, contacts));
                let names = said.contains("U7") || said.contains("operators");
                assert_eq!(names, membership == Membership::Member, "{membership:?}: {said}");
            }
        }
    }
}

#[test]
fn could_is_false_only_if_it_is_denied_whatever_the_resource() {
    let developers = with_text(
        r#"@id("dev") permit (principal in Group::"developers", action in Action::"change", resource is Target)
           when { resource.hasTag("env") && resource.getTag("env") == "dev" };
           @id("region") permit (principal in Group::"berlin", action == Action::"ec2:list", resource in Region::"eu-central-1");
           @id("account") permit (principal in Group::"books", action == Action::"ec2:list", resource in Account::"111111111111");
           @id("bot") permit (principal in Group::"status", action, resource is Bot);"#,
    )
    .unwrap();
    let reboot = Action { name: "ec2:reboot", risk: Risk::Change };
    let could = |group: &str, action| developers.could(&member(&[group]), action, &in_ops());
    assert!(could("developers", STOP) && could("developers", reboot));
    assert!(!could("developers", LIST) && !could("developers", PING));
    assert!(could("berlin", LIST) && !could("berlin", STOP));
    assert!(could("books", LIST));
    // a permit for the bot is none for targets
    assert!(could("status", PING) && !could("status", STOP));
    // and the same people, with the resource known
    let dev = target(&[("env", "dev")]);
    let prod = target(&[("env", "prod")]);
    let stop = |target| developers.judge(&member(&["developers"]), STOP, &Resource::Target(target), &in_ops());
    assert!(stop(&dev).is_permit() && !stop(&prod).is_permit());
    let list = |group: &str, region: &str, account: &str| {
        let place = AccountRegion::new(account, region);
        developers.judge(&member(&[group]), LIST, &Resource::from(&place), &in_ops()).is_permit()
    };
    assert!(list("berlin", "eu-central-1", "1") && !list("berlin", "us-east-1", "1"));
    assert!(list("books", "us-east-1", "111111111111") && !list("books", "us-east-1", "222222222222"));
}

/// Each of these is for one account, or for all but one. Where it is not known in which the bot acts, it may be that one.
#[test]
fn a_forbid_of_an_account_is_enforced_in_it_and_where_the_account_is_not_known() {
    for condition in [
        "when { resource in Account::\"111111111111\" }",
        "when { (resource is Region || resource is Target) && resource.account == \"111111111111\" }",
        "when { (resource is Region || resource is Target) && [\"111111111111\"].contains(resource.account) }",
        "when { (resource is Region || resource is Target) && resource.account like \"1111*\" }",
        "unless { resource in Account::\"222222222222\" }",
    ] {
        let policies = with_text(&format!(
            "@id(\"all\") permit (principal, action, resource);
             @id(\"no\") @reason(\"it is theirs\") forbid (principal, action in Action::\"change\", resource) {condition};"
        ))
        .unwrap();
        let place = |account: Option<&str>| AccountRegion {
            account: account.map(AccountId::from),
            region: "eu-central-1".to_owned(),
        };
        let entered = |action, account| {
            let place = place(account);
            match policies.judge_region(&member(&["operators"]), action, &Resource::from(&place), &in_ops()) {
                Verdict::Deny(deny) => Some((deny.reasons[0].text.clone(), deny.is_account_doubted)),
                _ => None,
            }
        };
        let theirs = |is_doubted| Some(("it is theirs".to_owned(), is_doubted));
        assert_eq!(entered(STOP, Some("111111111111")), theirs(false), "{condition}");
        assert_eq!(entered(STOP, Some("222222222222")), None, "{condition}");
        assert_eq!(entered(STOP, None), theirs(true), "{condition}");
        // once a target is found its account is known
        let changes = |account: &str| {
            let target = Target { account: account.into(), ..target(&[]) };
            policies.judge(&member(&["operators"]), STOP, &Resource::Target(&target), &in_ops()).is_permit()
        };
        assert!(!changes("111111111111") && changes("222222222222"), "{condition}");
    }
}

#[test]
fn where_the_account_is_not_known_no_permit_of_an_account_counts_and_a_forbid_of_another_command_does_not() {
    let policies = with_text(
        r#"@id("books") permit (principal, action == Action::"ec2:list", resource in Account::"111111111111");
           @id("no") @reason("it is theirs") forbid (principal, action == Action::"ec2:stop", resource in Account::"111111111111");"#,
    )
    .unwrap();
    let unknown = AccountRegion::usual("eu-central-1");
    let judge = |action| policies.judge(&member(&[]), action, &Resource::from(&unknown), &in_ops());
    assert!(!judge(LIST).is_permit());
    let entered = |action| policies.judge_region(&member(&[]), action, &Resource::from(&unknown), &in_ops());
    assert!(entered(LIST).is_permit(), "only a forbid counts there, and none is about a list");
    let Verdict::Deny(deny) = entered(STOP) else { panic!("doubt forbids") };
    let said = refusal(&deny, "ec2 stop", &member(&[]), &[]);
    insta::assert_snapshot!(said.lines.iter().map(Line::plain).collect::<Vec<_>>().join("\n"), @"
    ec2 stop may not be run on eu-central-1: it is theirs. Nothing was changed.
    AWS does not tell me now in which account I act, so what is forbidden in one is forbidden here.
    ");
}

/// Every way to name what a command is judged on before its targets are known, and a situation in which it applies.
#[test]
fn a_forbid_that_names_the_bot_is_enforced_however_it_is_written() {
    let status = Action { name: "status", risk: Risk::Read };
    let approve = Action { name: "approve", risk: Risk::Basic };
    let forms = [
        ("resource == Bot::\"dronebot\"", ""),
        ("resource in Bot::\"dronebot\"", ""),
        ("resource is Bot", ""),
        ("resource", "when { resource == Bot::\"dronebot\" && context.channel == \"COPS\" }"),
        ("resource", "when { Bot::\"dronebot\" == resource && principal in Group::\"viewers\" }"),
        ("resource is Bot", "when { [Bot::\"dronebot\"].contains(resource) }"),
        ("resource", "unless { resource != Bot::\"dronebot\" || principal in Group::\"operators\" }"),
    ];
    for (resource, condition) in forms {
        let policies = with_text(&format!(
            "@id(\"all\") permit (principal, action, resource);
             @id(\"no\") @reason(\"no\") forbid (principal, action, {resource}) {condition};"
        ))
        .unwrap();
        for action in [PING, status, approve] {
            let (who, now) = (member(&["viewers"]), in_ops());
            assert!(!policies.judge_ahead(&who, action, &now).is_permit(), "{} {resource} {condition}", action.name);
            assert!(!policies.could(&who, action, &now), "{} {resource} {condition}", action.name);
        }
    }
}

#[test]
fn a_forbid_that_names_a_region_is_enforced_and_no_permit_for_it_is_needed() {
    let policies = with_text(
        r#"@id("dev") permit (principal in Group::"developers", action, resource is Target)
           when { resource.hasTag("env") && resource.getTag("env") == "dev" };
           @id("all") permit (principal in Group::"operators", action, resource);
           @id("far") @reason("it is far away") forbid (principal, action == Action::"ec2:list", resource is Region)
           when { resource.name == "us-east-1" };
           @id("in") @reason("it is theirs") forbid (principal, action, resource in Region::"us-west-2")
           unless { principal in Group::"operators" };
           @id("two") @reason("two must know") forbid (principal, action == Action::"ec2:stop", resource is Region)
           when { resource == Region::"eu-west-1" && context.approvals < 2 };
           @id("night") @reason("of arithmetic") forbid (principal, action == Action::"ec2:reboot", resource is Region)
           when { context.hour + 9223372036854775807 == 0 };"#,
    )
    .unwrap();
    let judged = |group: &str, action: Action<'static>, region: &str| {
        let place = AccountRegion::new("123456789012", region);
        match policies.judge_region(&member(&[group]), action, &Resource::from(&place), &in_ops()) {
            Verdict::Permit { .. } => "permitted".to_owned(),
            Verdict::Needs { approvals, reasons, .. } => format!("{approvals}: {}", reasons[0].text),
            Verdict::Deny(deny) => format!("{}: {}: {:?}", deny.target.unwrap(), deny.reasons[0].text, deny.who_could),
        }
    };
    let reboot = Action { name: "ec2:reboot", risk: Risk::Change };
    for group in ["developers", "operators"] {
        assert_eq!(judged(group, LIST, "eu-central-1"), "permitted");
        assert_eq!(judged(group, STOP, "eu-central-1"), "permitted");
        assert_eq!(judged(group, LIST, "us-east-1"), "us-east-1: it is far away: []");
        assert_eq!(judged(group, STOP, "us-east-1"), "permitted", "that is about a list");
        assert_eq!(judged(group, STOP, "eu-west-1"), "2: two must know");
        assert_eq!(judged(group, reboot, "eu-central-1"), "eu-central-1: of arithmetic: []");
    }
    assert_eq!(judged("developers", LIST, "us-west-2"), "us-west-2: it is theirs: [\"operators\"]");
    assert_eq!(judged("operators", LIST, "us-west-2"), "permitted");
    // a deployment is judged on its service alone, as the schema says
    assert_eq!(judged("operators", DEPLOY, "eu-west-1"), "permitted");
}

#[test]
fn a_policy_that_no_request_can_meet_is_refused() {
    let forbid = |scope: &str| {
        let text = format!("@id(\"f\") @reason(\"r\") forbid (principal, action, resource) when {{ {scope} }};");
        with_text(&text).err().map(|error| error.problems.join("\n"))
    };
    let refused = [
        "resource == Bot::\"drone\"",
        "resource in Region::\"frankfurt\"",
        "resource in Region::\"eu-central-1a\"",
        "resource in Account::\"prod\"",
        "principal == User::\"maya\"",
        "resource == Target::\"web-1\"",
        "resource == Target::\"service/prod\"",
        "principal in Group::\"suspended\"",
        "resource is Target && resource.kind == \"ec2.instance\"",
        "resource is Region && \"frankfurt\" != resource.name",
        "resource is Target && [\"eu-central-1\", \"eu-central-1b\"].contains(resource.region)",
        "resource is Target && resource.account == \"prod\"",
        "context.weekday == \"Sunday\" || context.hour == 24",
        "context.channel == \"#ops\"",
        "!(principal.membership == \"guests\")",
        "principal.team == \"acme\"",
    ];
    insta::assert_debug_snapshot!(refused.map(|scope| forbid(scope).expect(scope)), @r##"
    [
        "my.cedar:1: for policy `f`, nothing is ever `Bot::\"drone\"`: the bot is `Bot::\"dronebot\"`",
        "my.cedar:1: for policy `f`, nothing is ever `Region::\"frankfurt\"`: a region is like `Region::\"eu-central-1\"`",
        "my.cedar:1: for policy `f`, nothing is ever `Region::\"eu-central-1a\"`: a region is like `Region::\"eu-central-1\"`",
        "my.cedar:1: for policy `f`, nothing is ever `Account::\"prod\"`: an account is twelve digits, like `Account::\"123456789012\"`",
        "my.cedar:1: for policy `f`, nothing is ever `User::\"maya\"`: a person is a member id of Slack's, like `User::\"U0123ABCD\"`",
        "my.cedar:1: for policy `f`, nothing is ever `Target::\"web-1\"`: a target is like `Target::\"i-0123456789abcdef0\"` or `Target::\"service/prod/web\"`",
        "my.cedar:1: for policy `f`, nothing is ever `Target::\"service/prod\"`: a target is like `Target::\"i-0123456789abcdef0\"` or `Target::\"service/prod/web\"`",
        "my.cedar:1: for policy `f`, nothing is ever `Group::\"suspended\"`: the settings have no [groups.suspended]",
        "my.cedar:1: for policy `f`, `resource.kind` is never `\"ec2.instance\"`: it is one of `\"ec2:instance\"`, `\"ecs:service\"`",
        "my.cedar:1: for policy `f`, `resource.name` is never `\"frankfurt\"`: it is like `\"eu-central-1\"`",
        "my.cedar:1: for policy `f`, `resource.region` is never `\"eu-central-1b\"`: it is like `\"eu-central-1\"`",
        "my.cedar:1: for policy `f`, `resource.account` is never `\"prod\"`: it is twelve digits, like `\"123456789012\"`",
        "my.cedar:1: for policy `f`, `context.hour` is never `24`: it is 0 to 23\nmy.cedar:1: for policy `f`, `context.weekday` is never `\"Sunday\"`: it is one of `\"monday\"`, `\"tuesday\"`, `\"wednesday\"`, `\"thursday\"`, `\"friday\"`, `\"saturday\"`, `\"sunday\"`",
        "my.cedar:1: for policy `f`, `context.channel` is never `\"#ops\"`: it is an id of Slack's, like `\"C0123ABCD\"`",
        "my.cedar:1: for policy `f`, `principal.membership` is never `\"guests\"`: it is one of `\"member\"`, `\"guest\"`, `\"outside\"`, `\"inactive\"`, `\"self\"`",
        "my.cedar:1: for policy `f`, `principal.team` is never `\"acme\"`: it is an id of Slack's, like `\"T0123ABCD\"`",
    ]
    "##);
    for good in [
        "resource == Bot::\"dronebot\"",
        "resource in Region::\"eu-central-1\" || resource in Account::\"123456789012\"",
        "principal == User::\"U0123ABCD\" || principal in Group::\"viewers\"",
        "resource == Target::\"i-0123456789abcdef0\" || resource == Target::\"service/prod/web\"",
        "resource is Target && resource.kind == \"ecs:service\" && resource.account != \"123456789012\"",
        "context.weekday == \"sunday\" && context.hour == 23 && context.channel == \"C0123ABCD\"",
        "principal.membership == \"guest\" && principal.team == \"T0123ABCD\"",
        "resource is Target && resource.hasTag(\"env\") && resource.getTag(\"env\") == \"anything\"",
    ] {
        assert_eq!(forbid(good), None, "{good}");
    }
    // a type of resource that only a schema of one's own gives an action, so that nothing would ever be judged by it
    let text = include_str!("../../../config/policies.cedarschema");
    let text = text.replace(
        r#"action "status", "version" in ["read"] appliesTo {
  principal: User, resource: Bot"#,
        r#"action "status", "version" in ["read"] appliesTo {
  principal: User, resource: [Bot, Region]"#,
    );
    let schema = Source::new("my.cedarschema", text);
    let error = Policies::load(&Source::built_in_policies(), &schema, ACTIONS, &groups()).expect_err("loaded");
    insta::assert_snapshot!(error.to_string(), @r#"
    my.cedarschema: action "status" is never judged on a `Region`, so no policy about that could hold; take it out
    my.cedarschema: action "version" is never judged on a `Region`, so no policy about that could hold; take it out
    "#);
}

#[test]
fn channel_hour_weekday_and_time_can_be_named() {
    let policies = with_text(
        r#"@id("all") permit (principal, action, resource);
           @id("ops") @reason("production is changed only in #ops")
           forbid (principal, action in Action::"change", resource is Target)
           when { resource.hasTag("env") && resource.getTag("env") == "prod" && context.channel != "COPS" };
           @id("night") @reason("it is night") forbid (principal, action == Action::"ec2:reboot", resource)
           when { context.hour < 7 || context.weekday == "sunday" };
           @id("freeze") @reason("changes are frozen") forbid (principal, action in Action::"change", resource)
           when { context.time >= datetime("2026-12-23") && context.time < datetime("2027-01-02") };
           @id("dm") @reason("not in private") forbid (principal, action == Action::"ec2:start", resource)
           when { context.direct_message || context.source == Source::"direct_message" };"#,
    )
    .unwrap();
    let prod = target(&[("env", "prod")]);
    let reasons = |name: &'static str, situation: &Situation| {
        let action = Action { name, risk: Risk::Change };
        match policies.judge(&member(&[]), action, &Resource::Target(&prod), situation) {
            Verdict::Permit { .. } => Vec::new(),
            Verdict::Needs { approvals, .. } => panic!("{approvals} approvals"),
            Verdict::Deny(deny) => deny.reasons.into_iter().map(|reason| reason.policy).collect(),
        }
    };
    let at = |time: &str| Situation { time: time.parse().unwrap(), ..in_ops() };
    assert!(reasons("ec2:stop", &in_ops()).is_empty());
    assert_eq!(reasons("ec2:stop", &Situation { channel: ChannelId::from("C2"), ..in_ops() }), ["ops"]);
    assert!(reasons("ec2:reboot", &in_ops()).is_empty());
    assert_eq!(reasons("ec2:reboot", &at("2026-11-23T06:59:59Z")), ["night"]);
    assert_eq!(reasons("ec2:reboot", &at("2026-11-22T10:00:00Z")), ["night"]);
    assert_eq!(reasons("ec2:stop", &at("2026-12-23T00:00:00Z")), ["freeze"]);
    assert!(reasons("ec2:stop", &at("2027-01-02T00:00:00Z")).is_empty());
    assert_eq!(reasons("ec2:start", &Situation { direct_message: true, ..in_ops() }), ["dm"]);
    // what does not depend on the resource is known ahead of it
    assert!(!policies.could(&member(&[]), STOP, &at("2026-12-24T00:00:00Z")));
    assert!(policies.could(&member(&[]), STOP, &in_ops()));
}

#[test]
fn the_shipped_policies_let_a_self_test_ping_and_nothing_else() {
    let itself = person(Membership::Itself, &[]);
    for (name, risk) in ACTIONS.iter().copied() {
        let action = Action { name, risk };
        let situation = Situation { source: Door::SelfTest, ..in_ops() };
        assert_eq!(shipped().could(&itself, action, &situation), name == "ping", "{name}");
        // a group would change nothing
        let operator = person(Membership::Itself, &["operators", "viewers", "deployers"]);
        assert_eq!(shipped().could(&operator, action, &situation), name == "ping", "{name}");
    }
}

/// A policy can name each way by which something is asked, it holds for that way and no other, and nothing else is a way.
#[test]
fn each_source_can_be_named_and_no_other_word() {
    let about = |source: &str| {
        with_text(&format!(
            "@id(\"all\") permit (principal, action, resource);
             @id(\"no\") @reason(\"no\") forbid (principal, action, resource) when {{ context.source == {source} }};"
        ))
    };
    for named in Door::ALL {
        let policies = about(&format!("Source::\"{}\"", named.as_str()))
            .unwrap_or_else(|error| panic!("{}: {error:?}", named.as_str()));
        for source in Door::ALL {
            let situation = Situation { source, ..in_ops() };
            let verdict = policies.judge(&member(&[]), STOP, &Resource::Target(&target(&[])), &situation);
            assert_eq!(verdict.is_permit(), source != named, "{source:?} {named:?}");
            assert_eq!(policies.could(&member(&[]), STOP, &situation), source != named, "{source:?} {named:?}");
        }
    }
    // a word that is none of them, and those of before, which were compared with any text
    for wrong in ["Source::\"dm\"", "Source::\"slash\"", "\"direct_message\"", "\"dm\""] {
        let error = about(wrong).expect_err(wrong).to_string();
        assert!(error.starts_with("my.cedar:2: "), "{error}");
    }
}

#[test]
fn a_forbid_that_cannot_be_evaluated_forbids() {
    // 9223372036854775807 + hour overflows: Cedar alone would skip the policy and permit
    let policies = with_text(
        r#"@id("all") permit (principal, action, resource);
           @id("broken") @reason("of arithmetic") forbid (principal, action == Action::"ec2:stop", resource)
           when { context.hour + 9223372036854775807 == 0 };"#,
    )
    .unwrap();
    let target = target(&[]);
    let Verdict::Deny(deny) = policies.judge(&member(&[]), STOP, &Resource::Target(&target), &in_ops()) else {
        panic!("permitted");
    };
    assert_eq!(deny.reasons, [Reason { policy: "broken".into(), text: "of arithmetic".into() }]);
    assert!(!policies.could(&member(&[]), STOP, &in_ops()));
    assert!(policies.could(&member(&[]), LIST, &in_ops()));
}

/// A group that Slack does not let us read: what it grants is granted to nobody, what is forbidden to it to everybody.
#[test]
fn a_group_that_cannot_be_read_forbids_and_grants_nothing() {
    let policies = with_text(
        r#"@id("all") permit (principal in Group::"viewers", action, resource);
           @id("ops") permit (principal in Group::"operators", action, resource);
           @id("out") @reason("you are suspended") forbid (principal in Group::"deployers", action in Action::"change", resource);
           @id("unless") @reason("it is for those who deploy") forbid (principal, action == Action::"ec2:show", resource)
           unless { principal in Group::"deployers" };
           @id("both") @reason("of both") forbid (principal, action == Action::"version", resource)
           when { principal in Group::"deployers" && !(principal in Group::"operators") };"#,
    )
    .unwrap();
    let (on, now) = (target(&[]), in_ops());
    let show = Action { name: "ec2:show", risk: Risk::Read };
    let version = Action { name: "version", risk: Risk::Read };
    let asked = |groups: &[&str], unread: &[&str], action: Action<'static>| {
        let unread = unread.iter().map(|group| (*group).to_owned()).collect();
        let who = Principal { unread, ..member(groups) };
        let resource = if action == version { Resource::Bot } else { Resource::Target(&on) };
        let verdict = policies.judge(&who, action, &resource, &now);
        assert_eq!(policies.permits(&who, action, &resource, &now), verdict.is_permit(), "{action:?}");
        match verdict {
            Verdict::Permit { .. } => "permitted".to_owned(),
            Verdict::Needs { .. } => panic!("needs"),
            Verdict::Deny(deny) => {
                format!("{:?} {:?}", deny.reasons.iter().map(|one| &*one.policy).collect::<Vec<_>>(), deny.unread)
            }
        }
    };
    let (known, lost): (&[&str], &[&str]) = (&[], &["deployers"]);
    assert_eq!(asked(&["viewers"], known, STOP), "permitted");
    assert_eq!(asked(&["viewers"], lost, STOP), r#"["out"] ["deployers"]"#);
    assert_eq!(asked(&["viewers"], lost, LIST), "permitted", "nothing about lists is forbidden to them");
    assert_eq!(asked(&["viewers"], lost, show), r#"["unless"] []"#, "it grants nothing either");
    assert_eq!(asked(&["viewers", "deployers"], known, show), "permitted");
    assert_eq!(asked(&["viewers"], &["operators"], STOP), "permitted", "a group to which nothing is forbidden");
    assert_eq!(asked(&[], &["operators"], STOP), "[] []");
    assert_eq!(asked(&["viewers"], &["operators", "deployers"], version), r#"["both"] ["deployers"]"#);
    assert_eq!(asked(&["viewers", "operators"], lost, version), "permitted");
    // and ahead of the resource, and in the words
    let who = Principal { unread: BTreeSet::from(["deployers".to_owned()]), ..member(&["viewers"]) };
    let Verdict::Deny(deny) = policies.judge_ahead(&who, STOP, &now) else { panic!("permitted") };
    insta::assert_snapshot!(words(&refusal(&deny, "ec2 stop", &who, &[])), @r"
    ec2 stop may not be run: you are suspended. Nothing was changed.
    Slack does not tell me who is in deployers, so what is forbidden to its members is forbidden to all who may be one.
    Ask somebody in operators or viewers.
    ");
    assert!(policies.judge_ahead(&member(&["viewers"]), STOP, &now).is_permit(), "the memory keeps them apart");
}

#[test]
fn an_action_outside_the_table_is_denied() {
    let unknown = Action { name: "ec2:resize", risk: Risk::Change };
    assert!(!shipped().could(&member(&["operators"]), unknown, &in_ops()));
    let target = target(&[]);
    assert!(!shipped().judge(&member(&["operators"]), unknown, &Resource::Target(&target), &in_ops()).is_permit());
}

fn mistakes(text: &str) -> Vec<String> {
    with_text(text).expect_err("loaded").problems
}

#[test]
fn a_mistake_in_a_policy_is_one_line_with_its_place() {
    insta::assert_debug_snapshot!([
        mistakes("// one\n@id(\"a\")\npermit (principal, action, resource"),
        mistakes("\n\n@id(\"a\")\npermit (principal in Group::\"x\", action == Action::\"ec2:stpo\", resource);"),
        mistakes("@id(\"a\")\npermit (principal, action, resource)\nwhen { principal.membreship == \"member\" };"),
        mistakes("@id(\"a\")\npermit (principal, action == Action::\"ec2:stop\", resource)\nwhen { resource.getTag(\"env\") == \"dev\" };"),
        mistakes("@id(\"a\") permit (principal in Grup::\"x\", action, resource);"),
        mistakes("permit (principal, action, resource);\n@id(\"f\")\nforbid (principal, action, resource);"),
        mistakes("@id(\"a\") permit (principal, action, resource);\n@id(\"a\") permit (principal, action, resource);"),
        mistakes("@id(\"a\")\npermit (principal == ?principal, action, resource);"),
    ], @r#"
    [
        [
            "my.cedar:3: unexpected end of input: expected `!=`, `)`, `,`, `:`, `<`, `<=`, `==`, `>`, `>=`, `in`, or `is`",
        ],
        [
            "my.cedar:4: for policy `a`, unrecognized action `Action::\"ec2:stpo\"` (did you mean `Action::\"ec2:stop\"`?)",
        ],
        [
            "my.cedar:3: for policy `a`, attribute `membreship` on entity type `User` not found (did you mean `membership`?)",
        ],
        [
            "my.cedar:3: for policy `a`, unable to guarantee safety of access to tag `\"env\"` on entity type `Region` (try testing for the tag's presence with `.hasTag(\"env\") && ..`)",
            "my.cedar:3: for policy `a`, unable to guarantee safety of access to tag `\"env\"` on entity type `Target` (try testing for the tag's presence with `.hasTag(\"env\") && ..`)",
        ],
        [
            "my.cedar:1: for policy `a`, unrecognized entity type `Grup` (did you mean `Group`?)",
        ],
        [
            "my.cedar:1: the policy has no @id(\"…\"); refusals and the log name policies by it",
            "my.cedar:2: the forbid \"f\" has no @reason(\"…\"); a person who is refused must read why",
        ],
        [
            "my.cedar:2: the @id \"a\" is taken by another policy; choose another",
        ],
        [
            "my.cedar:1: a template (`?principal`, `?resource`) is never linked here; write a policy",
        ],
    ]
    "#);
}

#[test]
fn the_schema_must_list_exactly_the_programs_actions() {
    let load = |actions: &[(&str, Risk)]| {
        Policies::load(&Source::built_in_policies(), &Source::built_in_schema(), actions, &groups())
            .expect_err("loaded")
            .problems
    };
    let mut more = ACTIONS.to_vec();
    more.push(("ec2:resize", Risk::Change));
    more[0].1 = Risk::Read;
    insta::assert_debug_snapshot!([load(&more), load(&ACTIONS[..13])], @r#"
    [
        [
            "built-in policies.cedarschema: action \"help\" must be in [\"read\"] and nothing else",
            "built-in policies.cedarschema: action \"ec2:resize\" is missing; add it in [\"change\"]",
        ],
        [
            "built-in policies.cedarschema: action \"ec2:reboot\" is no command of this program; take it out",
            "built-in policies.cedarschema: action \"ec2:stop\" is no command of this program; take it out",
            "built-in policies.cedarschema: action \"ec2:terminate\" is no command of this program; take it out",
        ],
    ]
    "#);
    let broken = Source::new("my.cedarschema", "entity User;\nentity User in [Grop];");
    insta::assert_debug_snapshot!(
        Policies::load(&Source::built_in_policies(), &broken, ACTIONS, &groups()).expect_err("loaded").problems, @r#"
    [
        "my.cedarschema:1: error parsing schema: `User` is declared twice",
    ]
    "#);
}

#[test]
fn a_schema_that_asks_for_what_the_program_does_not_give_is_refused() {
    let text = include_str!("../../../config/policies.cedarschema")
        .replace("  team: String,", "  team: String,\n  age: Long,");
    let schema = Source::new("my.cedarschema", text);
    let error = Policies::load(&Source::built_in_policies(), &schema, ACTIONS, &groups()).expect_err("loaded");
    assert!(error.to_string().starts_with("my.cedarschema: ") && error.to_string().contains("age"), "{error}");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = Source::file(std::path::Path::new("/nowhere/policies.cedar")).expect_err("read");
    assert!(error.to_string().starts_with("/nowhere/policies.cedar: cannot be read"), "{error}");
}

#[test]
fn groups_that_only_policies_know_are_told() {
    assert!(shipped().unknown_groups().is_empty());
    let policies = with_text("@id(\"a\") permit (principal in Group::\"operatrs\", action, resource);").unwrap();
    assert_eq!(policies.unknown_groups().iter().collect::<Vec<_>>(), ["operatrs"]);
}

/// Files that were written before the class `destroy`.
#[test]
fn what_a_file_of_ones_own_leaves_open_for_what_cannot_be_undone_is_told() {
    let told = |text: &str| -> Vec<String> {
        with_text(text).unwrap().left_open().iter().map(|(so, to_do)| format!("{so}: {to_do}")).collect()
    };
    assert!(shipped().left_open().is_empty());
    let permit = "@id(\"all\") permit (principal in Group::\"operators\", action, resource);";
    let freeze = "@id(\"freeze\") @reason(\"it is night\") \
                  forbid (principal, action in Action::\"change\", resource) when { context.hour < 7 };";
    let changes = "@id(\"changes\") permit (principal, action in Action::\"change\", resource);";
    let second = "@id(\"second\") @reason(\"it cannot be undone\") forbid (principal, action == Action::\"ec2:terminate\", resource is Target) \
                  when { context.approvals < 1 };";
    insta::assert_snapshot!(told(&format!("{permit}\n{freeze}")).join("\n"), @r#"
    the policy `freeze` forbids changes, and not what cannot be undone: let it say `action in [Action::"change", Action::"destroy"]`
    what cannot be undone (`ec2:terminate`) is permitted without the approval of a second person: add the policy `second-person-to-destroy` of the shipped ones
    "#);
    assert_eq!(told(changes), [""; 0], "a permit for changes has nothing of it");
    assert_eq!(told(&format!("{permit}\n{second}")), [""; 0]);
    let both = freeze.replace("in Action::\"change\"", "in [Action::\"change\", Action::\"destroy\"]");
    assert_eq!(told(&format!("{changes}\n{both}")), [""; 0]);
    let any = freeze.replace("action in Action::\"change\"", "action");
    assert_eq!(told(&format!("{changes}\n{any}")), [""; 0]);
}

#[test]
fn the_hash_is_the_beginning_of_sha256() {
    // printf '' | sha256sum
    assert_eq!(with_text("").unwrap().hash(), "e3b0c44298fc");
    assert_ne!(with_text(" ").unwrap().hash(), "e3b0c44298fc");
}

#[test]
fn the_examples_in_comments_are_valid_policies() {
    let text = include_str!("../../../config/policies.cedar");
    let (_, examples) = text.split_once("--- Examples").unwrap();
    let lines = examples.lines().skip(1).map(|line| line.trim_start_matches("//").trim());
    let code: Vec<&str> = lines.filter(|line| !line.ends_with(':')).collect();
    let policies = with_text(&code.join("\n")).unwrap();
    assert_eq!(policies.count(), 6);
}

/// How long an evaluation takes; run with `--release -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
fn an_evaluation_takes_microseconds() {
    let operator = member(&["operators"]);
    let target = target(&[("env", "prod"), ("Name", "web-1"), ("team", "a")]);
    let started = tokio::time::Instant::now();
    for _ in 0..10_000 {
        assert!(shipped().judge(&operator, STOP, &Resource::Target(&target), &in_ops()).is_permit());
    }
    let judged = started.elapsed() / 10_000;
    let started = tokio::time::Instant::now();
    for _ in 0..10_000 {
        assert!(shipped().could(&operator, STOP, &in_ops()));
    }
    println!("judge {judged:?}, could {:?}", started.elapsed() / 10_000);
}

fn any_membership() -> impl Strategy<Value = Membership> {
    prop_oneof![
        Just(Membership::Member),
        Just(Membership::Guest),
        Just(Membership::Outside),
        Just(Membership::Inactive)
    ]
}

fn any_principal() -> impl Strategy<Value = Principal> {
    let groups = proptest::collection::btree_set(prop_oneof!["viewers", "operators", "[a-z]{1,6}", ".*"], 0..4);
    (any_membership(), groups, ".*", ".*").prop_map(|(membership, groups, user, name)| Principal {
        user: UserId(user),
        team: TeamId::from("T1"),
        name,
        membership,
        groups,
        unread: BTreeSet::new(),
    })
}

fn any_target() -> impl Strategy<Value = Target> {
    let key = prop_oneof!["protected", "Protected", "drone-protected", "env", ".*"];
    let value = prop_oneof!["true", "false", ".*"];
    (proptest::collection::btree_map(key, value, 0..4), ".*", ".*").prop_map(|(tags, id, region)| Target {
        kind: crate::aws::INSTANCE,
        id,
        name: None,
        account: "1".into(),
        region,
        tags,
    })
}

fn any_action() -> impl Strategy<Value = Action<'static>> {
    proptest::sample::select(ACTIONS).prop_map(|(name, risk)| Action { name, risk })
}

fn any_situation() -> impl Strategy<Value = Situation> {
    (".*", any::<bool>(), 0i64..4_000_000_000).prop_map(|(channel, direct_message, second)| Situation {
        external: second % 2 == 0,
        channel: ChannelId(channel),
        direct_message,
        source: Door::Mention,
        time: jiff::Timestamp::from_second(second).unwrap(),
        approvals: 0,
    })
}

#[test]
fn what_is_forbidden_without_approvals_and_permitted_with_some_needs_so_many() {
    let policies = with_text(
        r#"@id("all") permit (principal in Group::"operators", action, resource);
           @id("tagged") @reason("it is tagged so") forbid (principal, action in Action::"change", resource is Target)
           when { resource.hasTag("approval") && context.approvals < 1 };
           @id("two") @reason("a reboot needs two") forbid (principal, action == Action::"ec2:reboot", resource)
           when { context.approvals < 2 };
           @id("many") @reason("nobody has so many friends") forbid (principal, action == Action::"ec2:start", resource)
           when { context.approvals < 6 };
           @id("reads") @reason("a look cannot be approved") forbid (principal, action == Action::"ec2:show", resource)
           when { context.approvals < 1 };"#,
    )
    .unwrap();
    let (open, tagged) = (target(&[]), target(&[("approval", "required")]));
    let judged = |groups: &[&str], name: &'static str, on: &Target, approvals: u32| {
        let risk = if name == "ec2:show" { Risk::Read } else { Risk::Change };
        let situation = Situation { approvals, ..in_ops() };
        match policies.judge(&member(groups), Action { name, risk }, &Resource::Target(on), &situation) {
            Verdict::Permit { .. } => "permitted".to_owned(),
            Verdict::Needs { approvals, reasons, .. } => format!("{approvals}: {}", reasons[0].text),
            Verdict::Deny(deny) => deny.reasons.iter().map(|reason| reason.text.clone()).collect::<Vec<_>>().join(", "),
        }
    };
    let me = &["operators"];
    assert_eq!(judged(me, "ec2:stop", &open, 0), "permitted");
    assert_eq!(judged(me, "ec2:stop", &tagged, 0), "1: it is tagged so");
    assert_eq!(judged(me, "ec2:stop", &tagged, 1), "permitted");
    assert_eq!(judged(me, "ec2:reboot", &open, 0), "2: a reboot needs two");
    assert_eq!(judged(me, "ec2:reboot", &tagged, 1), "2: a reboot needs two");
    assert_eq!(judged(me, "ec2:start", &open, 0), "nobody has so many friends");
    assert_eq!(judged(me, "ec2:show", &open, 0), "a look cannot be approved");
    // no approval makes up for a permission that is not there
    assert_eq!(judged(&["viewers"], "ec2:stop", &tagged, 0), "");
    assert_eq!(judged(&["viewers"], "ec2:stop", &tagged, 5), "");
    // what may be done with approvals is no reason to say ahead that it may not
    let reboot = Action { name: "ec2:reboot", risk: Risk::Change };
    assert!(policies.could(&member(me), reboot, &in_ops()));
    assert!(policies.judge_ahead(&member(me), reboot, &in_ops()).is_permit());
    assert_eq!(policies.who_could(reboot, &Resource::Target(&tagged), &in_ops()), ["operators"]);
    assert!(policies.permits(&member(me), STOP, &Resource::Target(&tagged), &in_ops()), "it is not hidden");
}

#[test]
fn the_shipped_policies_ask_a_second_person_where_a_tag_says_so() {
    let asked = |value: &str| {
        let target = target(&[("approval", value)]);
        match shipped().judge(&member(&["operators"]), STOP, &Resource::Target(&target), &in_ops()) {
            Verdict::Needs { approvals, .. } => approvals,
            Verdict::Permit { .. } => 0,
            Verdict::Deny(deny) => panic!("{deny:?}"),
        }
    };
    for (value, approvals) in
        [("required", 1), ("Required", 1), ("required ", 1), ("true", 1), ("no", 1), ("", 1), ("3", 3)]
    {
        assert_eq!(asked(value), approvals, "{value:?}");
    }
    assert_eq!((asked("none"), asked("False")), (0, 0));
    let both = target(&[("approval", "required"), ("protected", "true")]);
    let verdict = shipped().judge(&member(&["operators"]), STOP, &Resource::Target(&both), &in_ops());
    assert!(matches!(verdict, Verdict::Deny(_)), "what is protected nobody can approve: {verdict:?}");
}

/// What cannot be undone somebody else approves, whatever the tags say, and what is protected nobody can.
#[test]
fn the_shipped_policies_ask_a_second_person_before_anything_is_destroyed() {
    let judged = |groups: &[&str], tags: &[(&str, &str)], approvals: u32| {
        let situation = Situation { approvals, ..in_ops() };
        match shipped().judge(&member(groups), TERMINATE, &Resource::Target(&target(tags)), &situation) {
            Verdict::Permit { policies } => policies.join(", "),
            Verdict::Needs { approvals, reasons, .. } => format!("{approvals}: {}", reasons[0].text),
            Verdict::Deny(deny) => format!("denied: {:?}", deny.who_could),
        }
    };
    let me = &["operators"];
    let because = "1: it cannot be undone, so a second person must approve it";
    for tags in [&[][..], &[("approval", "none")], &[("approval", "false")], &[("env", "dev")]] {
        assert_eq!(judged(me, tags, 0), because, "{tags:?}");
        assert_eq!(judged(me, tags, 1), "operators-destroy", "{tags:?}");
    }
    // a tag may ask for more, and never for less
    assert!(judged(me, &[("approval", "3")], 1).starts_with("3: "));
    assert_eq!(judged(me, &[("protected", "yes")], 5), "denied: []");
    for groups in [&["viewers"][..], &["deployers"], &[]] {
        assert_eq!(judged(groups, &[], 5), "denied: [\"operators\"]", "{groups:?}");
    }
}

/// A permit for changes grants nothing that cannot be undone, and a class that no policy speaks of is denied.
#[test]
fn what_permits_changes_permits_no_end() {
    let text = r#"@id("change") permit (principal, action in Action::"change", resource);"#;
    let policies = with_text(text).unwrap();
    let may = |action| policies.permits(&member(&["operators"]), action, &Resource::Target(&target(&[])), &in_ops());
    assert!(may(STOP) && !may(TERMINATE));
    assert!(!policies.could_ever(&member(&["operators"]), TERMINATE));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn nobody_but_a_full_member_is_ever_permitted_anything(
        who in any_principal(), target in any_target(), action in any_action(), situation in any_situation()
    ) {
        let outsider = who.membership != Membership::Member;
        let place = target.place();
        for resource in [Resource::Target(&target), Resource::Bot, Resource::from(&place)] {
            let verdict = shipped().judge(&who, action, &resource, &situation);
            let could = !matches!(verdict, Verdict::Deny(_));
            prop_assert!(!(outsider && could));
            prop_assert_eq!(could, shipped().permits(&who, action, &resource, &situation));
            // what is permitted on something was possible before it was known
            prop_assert!(!could || shipped().could(&who, action, &situation) || resource == Resource::Bot);
        }
        prop_assert!(!(outsider && shipped().could(&who, action, &situation)));
    }

    #[test]
    fn the_protected_tag_never_turns_a_denial_into_a_permit(
        who in any_principal(), mut target in any_target(), action in any_action(), situation in any_situation(), value in ".*"
    ) {
        let before = shipped().judge(&who, action, &Resource::Target(&target), &situation).is_permit();
        target.tags.remove("protected");
        let without = shipped().judge(&who, action, &Resource::Target(&target), &situation).is_permit();
        target.tags.insert("protected".into(), value.clone());
        let with = shipped().judge(&who, action, &Resource::Target(&target), &situation).is_permit();
        prop_assert!(without || !with, "the tag permits");
        prop_assert!(without || !before, "the tag permitted");
        let open = value.eq_ignore_ascii_case("false");
        prop_assert!(!(with && action.risk >= Risk::Change && !open), "a protected target may be changed");
    }

    #[test]
    fn who_could_is_true_of_each_group_it_names(action in any_action(), target in any_target(), situation in any_situation()) {
        let resource = Resource::Target(&target);
        for group in shipped().who_could(action, &resource, &situation) {
            // if need be with the approval of others
            prop_assert!(shipped().permits(&member(&[&group]), action, &resource, &situation));
        }
    }
}

/// Slack is asked about a channel only where a policy judges by it.
#[test]
fn which_actions_are_judged_by_who_else_reads_is_known_beforehand() {
    let all = [PING, LIST, STOP, DEPLOY];
    let judged = |policies: &Policies| all.map(|action| policies.look_at_place(action));
    assert_eq!(judged(shipped()), [false, false, true, true]);
    assert!(shipped().look_at_place(TERMINATE));
    let table = [
        ("action == Action::\"ec2:list\"", "context.external", [false, true, false, false]),
        ("action in Action::\"change\"", "context.external", [false, false, true, true]),
        ("action in [Action::\"basic\", Action::\"ec2:stop\"]", "context.external", [true, false, true, false]),
        ("action", "context.external", [true; 4]),
        ("action", "context.direct_message", [false; 4]),
    ];
    for (scope, condition, expected) in table {
        let text = format!("@id(\"no\") @reason(\"no\") forbid (principal, {scope}, resource) when {{ {condition} }};");
        let policies = with_text(&text).unwrap_or_else(|error| panic!("{text}: {error:?}"));
        assert_eq!(judged(&policies), expected, "{scope} {condition}");
    }
}
