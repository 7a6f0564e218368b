use super::super::policy;
use super::*;
use crate::domain::{AccountRegion, JudgedFacts, Membership, PlaceReaders, RequestId, Ruling, Standing};
use parking_lot::Mutex;
use std::collections::BTreeMap;

fn permits(groups: &[&str]) -> Permits {
    permits_of("U1", groups)
}

fn permits_of(user: &str, groups: &[&str]) -> Permits {
    permits_as(user, groups, Reach::Own)
}

fn permits_in(groups: &[&str], reach: Reach) -> Permits {
    permits_as("U1", groups, reach)
}

fn permits_as(user: &str, groups: &[&str], reach: Reach) -> Permits {
    let catalog = Arc::new(Catalog::built_in());
    let names = ["deployers", "operators", "viewers"].map(str::to_owned).into();
    let (policies, schema) = (policy::Source::built_in_policies(), policy::Source::built_in_schema());
    let policies = Policies::load(&policies, &schema, &catalog.actions(), &names).expect("the shipped policies");
    let principal = Principal {
        user: user.into(),
        team: "T1".into(),
        name: "maya".into(),
        membership: Membership::Member,
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        unread: BTreeSet::new(),
    };
    let members = BTreeMap::from([("operators".to_owned(), vec!["UMAYA".into(), "UOMAR".into()])]);
    let (members, now) = (Arc::new(members), jiff::Timestamp::UNIX_EPOCH);
    Permits::new(Arc::new(policies), catalog, principal, members, &request(), now, reach)
}

fn request() -> Request {
    Request {
        id: RequestId::new(1, 7),
        source: Source::Mention,
        team: "T1".into(),
        user: "U1".into(),
        channel: "C1".into(),
        text: "ec2 stop \"web\n1\"".to_owned(),
        reply_to: crate::domain::ReplyTo::Channel,
        accepted_at: jiff::Timestamp::UNIX_EPOCH,
        trigger: None,
    }
}

fn row(name: &str) -> &'static Row {
    Catalog::built_in().row(name).expect("a command")
}

fn plan(command: &str, tags: &[&[(&str, &str)]]) -> Plan {
    let target = |(number, tags): (usize, &&[(&str, &str)])| Target {
        kind: crate::aws::INSTANCE,
        id: format!("i-{number}"),
        name: Some("web".to_owned()),
        account: "123456789012".into(),
        region: "eu-central-1".to_owned(),
        tags: tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect::<BTreeMap<_, _>>(),
    };
    Plan {
        command: command.to_owned(),
        text: "something".to_owned(),
        targets: tags.iter().enumerate().map(target).collect(),
        ..Plan::default()
    }
}

fn approval(plan: Plan) -> ApprovalRequest {
    ApprovalRequest {
        request: RequestId::new(1, 1),
        user: "UMAYA".into(),
        text: "ec2 stop web-1".to_owned(),
        plan,
        needed: 1,
        asked_at: jiff::Timestamp::UNIX_EPOCH,
        expires_at: jiff::Timestamp::MAX,
        given: Vec::new(),
        declined: None,
        closed_at: None,
        words: Vec::new(),
    }
}

#[test]
fn a_plan_without_targets_is_refused_whoever_asks_for_it_or_approves_it() {
    let (permits, mut changes) = (permits(&["operators", "deployers"]), 0);
    for row in Catalog::built_in().rows().iter().filter(|row| row.risk >= Risk::Change) {
        let said = |refusal: Refusal| refusal.lines[0].plain();
        let judged = (permits.judge(row))(&plan(row.name, &[])).expect_err(row.name);
        let approved = permits.may_approve(row, &approval(plan(row.name, &[]))).expect_err(row.name);
        assert_eq!(said(judged), said(approved));
        assert!((permits.judge(row))(&plan(row.name, &[&[]])).is_ok(), "{}", row.name);
        changes += 1;
    }
    assert!(
        changes > 3 && matches!(approval(plan("", &[])).standing(jiff::Timestamp::UNIX_EPOCH), Standing::Pending(1))
    );
}

/// Whoever asked for a change cannot approve it, so nobody is sent to them.
#[test]
fn of_those_who_could_approve_the_asker_is_not_named() {
    let asked = approval(plan("ec2 stop", &[&[]]));
    for (user, groups) in [("UVERA", vec!["viewers"]), ("UNINA", vec![])] {
        let refusal = permits_of(user, &groups).may_approve(row("ec2 stop"), &asked).expect_err("no right");
        let said: Vec<String> = refusal.lines.iter().map(Line::plain).collect();
        assert!(said[0].contains("needs the group operators; you are in ") && said[0].ends_with('.'), "{said:?}");
        assert_eq!(said[1..], ["Ask @UOMAR."], "{said:?}");
    }
    let others = permits_of("UMAYA", &["operators"]).could_approve(row("ec2 stop"), &asked);
    assert_eq!(others, [UserId::from("UOMAR")]);
}

/// Collects what is logged on this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// The lines that this logs, without their time.
    fn lines(self, test: impl FnOnce()) -> Vec<String> {
        let writer = self.clone();
        let format = tracing_subscriber::fmt().without_time().with_ansi(false).with_max_level(tracing::Level::INFO);
        // a second subscriber, so that no other thread's answer to whether anybody listens is remembered for this one
        let _second = tracing::Dispatch::new(tracing_subscriber::registry());
        tracing::subscriber::with_default(format.with_writer(move || writer.clone()).finish(), test);
        String::from_utf8(self.0.lock().clone()).expect("text").lines().map(str::to_owned).collect()
    }
}

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Each way to a decision: one line says who asked for what, and which policies said what.
#[test]
fn each_decision_is_one_line_of_the_log() {
    let (operator, viewer) = (permits(&["operators"]), permits(&["viewers"]));
    let (stop, list) = (row("ec2 stop"), row("ec2 list"));
    let change = |tags: &[&[(&str, &str)]]| plan("ec2 stop", tags);
    let of = |act: &dyn Fn()| Log::default().lines(act);
    let of_a = |who: &Permits, tags: &[&[(&str, &str)]]| of(&|| drop((who.judge(stop))(&change(tags))));
    let cases = [
        ("a read", of(&|| drop(viewer.decide_ahead(list))), vec![("permit", "viewers-read")]),
        ("a change ahead", of(&|| drop(viewer.decide_ahead(stop))), vec![("deny", "")]),
        ("one that is not decided yet", of(&|| drop(operator.decide_ahead(stop))), vec![]),
        ("a change", of_a(&operator, &[&[]]), vec![("permit", "operators-change")]),
        ("one of others", of_a(&operator, &[&[("approval", "yes")]]), vec![("needs_approval", "second-person")]),
        (
            "a protected one",
            of_a(&operator, &[&[], &[("protected", "")]]),
            vec![("permit", "operators-change"), ("deny", "protected-tag")],
        ),
        ("one of a viewer", of_a(&viewer, &[&[]]), vec![("deny", "")]),
        (
            "a word on one",
            of(&|| drop(operator.may_approve(stop, &approval(change(&[&[]]))))),
            vec![("permit", "operators-change")],
        ),
        ("a word of a viewer", of(&|| drop(viewer.may_approve(stop, &approval(change(&[&[]]))))), vec![("deny", "")]),
    ];
    for (what, lines, expected) in cases {
        assert_eq!(lines.len(), expected.len(), "{what}: {lines:?}");
        for (line, (verdict, policy)) in lines.iter().zip(expected) {
            assert!(line.starts_with(" INFO audit: decision "), "{what}: {line}");
            let policies =
                if policy.is_empty() { "policies=[]".to_owned() } else { format!("policies=[\"{policy}\"]") };
            for part in [
                r#"user="U1""#,
                r#"channel="C1""#,
                "source=\"app_mention\"",
                &format!("verdict=\"{verdict}\""),
                &policies,
            ] {
                assert!(line.contains(part), "{what}: {part} is not in {line}");
            }
            // what was typed breaks no line
            assert!(line.contains(r#"line="ec2 stop \"web\n1\"""#), "{what}: {line}");
        }
    }
    // what only asks what could be done decides nothing
    let asked = of(&|| {
        drop(operator.ahead(stop));
        (operator.may())(stop);
        (operator.sees(list))(&plan("", &[&[]]).targets[0]);
        drop((operator.enters(list))(&AccountRegion::new("123456789012", "eu-central-1")));
    });
    assert!(asked.is_empty(), "{asked:?}");
}

/// Where it is not known who reads, the refusal says that it is not known; but only where that made the difference.
#[test]
fn a_refusal_says_so_where_the_place_is_only_taken_for_shared() {
    let (stop, list) = (row("ec2 stop"), row("ec2 list"));
    let said = |refusal: Refusal| refusal.lines.iter().map(Line::plain).collect::<Vec<_>>().join("\n");
    let unknown = "Slack does not tell me whether this channel is shared";
    let shared = "`ec2 stop` may not be run".replace('`', "");
    for (reach, is_unknown) in [(Reach::Shared, false), (Reach::Unknown, true)] {
        let permits = permits_in(&["operators"], reach);
        let change = plan("ec2 stop", &[&[]]);
        // of what waits for approval it is said beside the reason what became of it
        for (refused, outcome) in [
            (permits.decide_ahead(stop).expect_err("ahead"), "Nothing was changed."),
            (permits.ahead(stop).expect_err("ahead"), "Nothing was changed."),
            ((permits.judge(stop))(&change).expect_err("judged"), "Nothing was changed."),
            (permits.may_approve(stop, &approval(change.clone())).expect_err("approved"), ""),
        ] {
            let text = said(refused);
            assert!(text.starts_with(&shared) && text.contains(outcome), "{text}");
            assert!(text.contains("ask in a channel of your own organisation"), "{text}");
            assert_eq!(text.contains(unknown), is_unknown, "{text}");
        }
        assert!(permits.decide_ahead(list).is_ok());
        // one who may not anyhow is not sent after the place
        let viewer = said(permits_in(&[], reach).decide_ahead(list).expect_err("in no group"));
        assert!(!viewer.contains(unknown), "{viewer}");
    }
}

/// What is kept of a decision: which policies, on what, and as what they took the person and the place.
#[test]
fn a_decision_says_by_which_policies_and_by_which_facts() {
    let (stop, list) = (row("ec2 stop"), row("ec2 list"));
    let facts = |groups: &[&str]| JudgedFacts {
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        ..JudgedFacts::default()
    };
    let made = |ruling, policies: &[&str], groups: &[&str]| Decision {
        ruling,
        policies: policies.iter().map(|policy| (*policy).to_owned()).collect(),
        permits: Vec::new(),
        on: None,
        about: None,
        needed: 0,
        given: Vec::new(),
        facts: facts(groups),
    };
    let both = ["operators", "viewers"];
    let operator = permits(&both);
    let judged = |who: &Permits, tags: &[&[(&str, &str)]]| {
        let need = (who.judge(stop))(&plan("ec2 stop", tags));
        need.map(|need| need.decision.expect("it is kept")).map_err(|refusal| refusal.decision.expect("it is kept"))
    };
    let read = operator.decide_ahead(list).expect("permitted").expect("it is kept");
    assert_eq!(*read, made(Ruling::Permit, &["operators-read", "viewers-read"], &both));
    assert_eq!(operator.decide_ahead(stop), Ok(None), "that is decided with its plan");
    let change = made(Ruling::Permit, &["operators-change"], &both);
    assert_eq!(judged(&operator, &[&[], &[]]), Ok(change.clone()));
    let tagged = [("approval", "2")];
    let needs = Decision {
        permits: vec!["operators-change".into()],
        on: Some("web (i-1)".into()),
        needed: 2,
        ..made(Ruling::NeedsApproval, &["second-person"], &both)
    };
    assert_eq!(judged(&operator, &[&[], &tagged]), Ok(needs.clone()));
    assert_eq!(judged(&operator, &[&tagged, &tagged]), Ok(Decision { on: None, ..needs }), "it is so for both");
    let on = Some("web (i-0)".to_owned());
    let protected = Decision { on: on.clone(), ..made(Ruling::Deny, &["protected-tag"], &both) };
    assert_eq!(judged(&operator, &[&[("protected", "")]]), Err(Arc::new(protected)));
    // no policy forbids it to a viewer, and none permits it
    let nothing = made(Ruling::Deny, &[], &["viewers"]);
    let viewer = permits(&["viewers"]);
    assert_eq!(judged(&viewer, &[&[]]), Err(Arc::new(Decision { on: on.clone(), ..nothing.clone() })));
    for refusal in [viewer.decide_ahead(stop).expect_err("ahead"), viewer.ahead(stop).expect_err("asked about")] {
        assert_eq!(refusal.decision, Some(Arc::new(nothing.clone())));
    }
    // a word on a change of somebody else: that it needs approval is nothing that keeps one from approving it
    let asked = |tags: &[&[(&str, &str)]]| approval(plan("ec2 stop", tags));
    assert_eq!(operator.may_approve(stop, &asked(&[&tagged, &[]])), Ok(Some(Arc::new(change))));
    let refused = viewer.may_approve(stop, &asked(&[&tagged])).expect_err("a viewer").decision;
    assert_eq!(refused, Some(Arc::new(Decision { on, ..nothing })));
    for (reach, readers) in [(Reach::Shared, PlaceReaders::Shared), (Reach::Unknown, PlaceReaders::Unknown)] {
        let there = permits_in(&["operators"], reach).decide_ahead(stop).expect_err("shared").decision.expect("kept");
        assert_eq!((&there.policies[..], there.facts.readers), (&["shared-place".to_owned()][..], readers));
    }
}

/// Where an approval is looked at again, it is not the asker's rights that are judged.
#[test]
fn a_decision_on_somebody_elses_rights_says_whose() {
    let judged = |user: &str| {
        let refusal = permits_of(user, &[]).may_approve(row("ec2 stop"), &approval(plan("ec2 stop", &[&[]])));
        refusal.expect_err("in no group").decision.expect("it is kept").about.clone()
    };
    // the request of these tests is of U1
    assert_eq!((judged("U1"), judged("UOMAR")), (None, Some("UOMAR".into())));
}
