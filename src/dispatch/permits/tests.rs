use super::super::policy;
use super::*;
use crate::commands::COMMANDS;
use crate::domain::{Membership, RequestId, Risk, Standing};
use std::collections::BTreeMap;

fn permits(groups: &[&str]) -> Permits {
    let actions: Vec<(&str, Risk)> = COMMANDS.iter().map(|row| (row.action, row.risk)).collect();
    let names = ["deployers", "operators", "viewers"].map(str::to_owned).into();
    let (policies, schema) = (policy::Source::built_in_policies(), policy::Source::built_in_schema());
    let policies = Policies::load(&policies, &schema, &actions, &names).expect("the shipped policies");
    let principal = Principal {
        user: "U1".into(),
        team: "T1".into(),
        name: "maya".into(),
        membership: Membership::Member,
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        unread: BTreeSet::new(),
    };
    Permits::new(Arc::new(policies), principal, Arc::default(), &request(), jiff::Timestamp::UNIX_EPOCH)
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
    COMMANDS.iter().copied().find(|row| row.name == name).expect("a command")
}

fn plan(command: &str, tags: &[&[(&str, &str)]]) -> Plan {
    let target = |(number, tags): (usize, &&[(&str, &str)])| Target {
        id: format!("i-{number}"),
        name: Some("web".to_owned()),
        account: "123456789012".to_owned(),
        region: "eu-central-1".to_owned(),
        tags: tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect::<BTreeMap<_, _>>(),
    };
    Plan {
        command: command.to_owned(),
        text: "something".to_owned(),
        targets: tags.iter().enumerate().map(target).collect(),
        steps: Vec::new(),
        cautions: Vec::new(),
        policies: None,
        approved: Vec::new(),
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
    }
}

#[test]
fn a_plan_without_targets_is_refused_whoever_asks_for_it_or_approves_it() {
    let (permits, mut changes) = (permits(&["operators", "deployers"]), 0);
    for row in COMMANDS.iter().filter(|row| row.risk >= Risk::Change) {
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
