//! Changes of power, against a region that passes through states, denies, throttles and loses answers.

use super::super::Context;
use super::super::testing::{
    Ledger, answer, cx_on, executed, found_text, parse, plain, planned, verified, waited_for_turns,
};
use crate::aws::Power;
use crate::aws::fake::{FakeRegion, Fault, Machine};
use crate::aws::{Aws, AwsConfig};
use crate::domain::{AccountRegion, Button, CommandError, Press, Refusal};
use parking_lot::Mutex;
use std::sync::Arc;

fn web() -> FakeRegion {
    FakeRegion::new(vec![
        Machine::new("i-1", "web-1", "running").tag("env", "dev"),
        Machine::new("i-2", "web-2", "stopped").tag("env", "dev"),
    ])
}

fn one(state: &str) -> FakeRegion {
    FakeRegion::new(vec![Machine::new("i-1", "web-1", state)])
}

fn on(region: &FakeRegion) -> Context {
    cx_on(&[("eu-central-1", region)])
}

// Bounds

/// Regions as somebody makes them up who knows the form of their names.
fn invented(many: usize) -> String {
    let letter = |number: usize| char::from(b'a' + u8::try_from(number % 26).unwrap());
    let name = |number: usize| format!("aa-{}{}{}-1", letter(number / 676), letter(number / 26), letter(number));
    (0..many).map(name).collect::<Vec<_>>().join(",")
}

#[tokio::test]
async fn made_up_regions_cost_nothing_and_are_named_in_a_line() {
    let config = AwsConfig {
        region: Some("eu-central-1".into()),
        regions: vec!["eu-central-1".into(), "us-east-1".into()],
        ..AwsConfig::default()
    };
    let cx = Context { aws: Arc::new(Aws::new(config)), ..on(&web()) };
    for line in
        ["ec2 list", "ec2 show web-1", "ec2 start web-1", "ec2 stop web-1", "ec2 reboot web-1", "ec2 terminate web-1"]
    {
        let said = answer(&format!("{line} --region us-east-1,{}", invented(1_500)), &cx).await;
        assert!(said.contains("`aa-aaa-1`, `aa-aab-1`, `aa-aac-1` and 1497 more are no regions"), "{line}: {said}");
        assert!(said.len() < 400, "{line}: {said}");
    }
    assert!(cx.aws.built().is_empty(), "{:?}", cx.aws.built());
}

#[tokio::test]
async fn targets_are_counted_before_aws_is_asked() {
    let region = web();
    let cx = on(&region);
    for target in ["i-", "web-", "tag:n=", "name:*"] {
        let named: Vec<String> = (0..1_000).map(|number| format!("{target}{number}")).collect();
        for verb in ["start", "stop", "reboot", "terminate"] {
            let said = answer(&format!("ec2 {verb} {}", named.join(" ")), &cx).await;
            let expected = "[refused] You name 1000 targets, and one command may change 3 at most. Nothing was changed. \
                            Name fewer, or do it in parts.";
            assert_eq!(said, expected, "{verb} {target}");
        }
    }
    assert!(region.0.lock().calls.is_empty(), "{:?}", region.0.lock().calls);
    // the same one many times over is one
    let same = answer(&format!("ec2 stop {}", "i-1 ".repeat(50)), &cx).await;
    assert!(same.starts_with("[plan] stop i-1 in eu-central-1"), "{same}");
}

#[tokio::test]
async fn the_ids_of_a_region_are_one_call() {
    let region = FakeRegion::new((0..3).map(|n| Machine::new(&format!("i-{n}"), "web", "stopped")).collect());
    answer("ec2 start i-0 i-1 i-2", &on(&region)).await;
    let asked = region.0.lock().calls.iter().filter(|call| call.starts_with("DescribeInstances")).count();
    assert_eq!(asked, 1, "{:?}", region.0.lock().calls);
}

// Planning

#[tokio::test]
async fn a_plan_names_exactly_what_will_happen_and_was_rehearsed() {
    let region = web();
    insta::assert_snapshot!(answer("ec2 stop web-1", &on(&region)).await, @r"
    [plan] stop i-1 in eu-central-1
    target web-1 (i-1) eu-central-1 123456789012
    step 0 ec2:StopInstances eu-central-1 i-1
    ");
    assert!(region.0.lock().calls.contains(&"StopInstances(dry) i-1".to_owned()));
    assert!(region.0.lock().changes().is_empty(), "planning only reads");
}

#[tokio::test]
async fn every_change_is_rehearsed() {
    for (command, state, call) in [
        ("ec2 start i-1", "stopped", "StartInstances(dry) i-1"),
        ("ec2 stop i-1", "running", "StopInstances(dry) i-1"),
        ("ec2 reboot i-1", "running", "RebootInstances(dry) i-1"),
        ("ec2 terminate i-1", "stopped", "TerminateInstances(dry) i-1"),
    ] {
        let region = one(state);
        planned(command, &on(&region)).await;
        assert!(region.0.lock().calls.contains(&call.to_owned()), "{command}");
    }
}

#[tokio::test]
async fn only_those_that_need_it_are_changed() {
    insta::assert_snapshot!(answer("ec2 start tag:env=dev", &on(&web())).await, @r"
    [plan] start i-2 in eu-central-1
    target web-1 (i-1) eu-central-1 123456789012
    target web-2 (i-2) eu-central-1 123456789012
    step 0 ec2:StartInstances eu-central-1 i-2
    ");
}

#[tokio::test]
async fn what_is_so_already_is_an_answer() {
    insta::assert_snapshot!(answer("ec2 start web-1", &on(&web())).await, @"[info] `web-1 (i-1)` is already *running*. Nothing was changed.");
    insta::assert_snapshot!(answer("ec2 stop i-1", &on(&one("stopping"))).await, @"[info] `web-1 (i-1)` is already *stopping*. Nothing was changed.");
}

#[tokio::test]
async fn a_state_that_does_not_fit_is_refused_with_its_reason() {
    let mut said = Vec::new();
    for (command, state) in [
        ("ec2 start i-1", "stopping"),
        ("ec2 start i-1", "terminated"),
        ("ec2 stop i-1", "pending"),
        ("ec2 stop i-1", "shutting-down"),
        ("ec2 reboot i-1", "stopped"),
        ("ec2 reboot i-1", "pending"),
    ] {
        said.push(answer(command, &on(&one(state))).await);
    }
    insta::assert_snapshot!(said.join("\n"), @r"
    [refused] `web-1 (i-1)` is *stopping*: start it when it is stopped.
    Nothing was changed.
    [refused] `web-1 (i-1)` is *terminated*: it is gone for good.
    Nothing was changed.
    [refused] `web-1 (i-1)` is *pending*: stop it when it runs.
    Nothing was changed.
    [refused] `web-1 (i-1)` is *shutting-down*: it is being terminated.
    Nothing was changed.
    [refused] `web-1 (i-1)` is *stopped*: only a running instance can be rebooted; `ec2 start` starts it.
    Nothing was changed.
    [refused] `web-1 (i-1)` is *pending*: reboot it when it runs.
    Nothing was changed.
    ");
}

#[tokio::test]
async fn cautions_say_what_will_be_lost() {
    let region = FakeRegion::new(vec![
        Machine::new("i-1", "db-1", "running").tag("aws:autoscaling:groupName", "db").with(|machine| {
            machine.kind = "m5d.large".into();
            machine.public_ip = Some("198.51.100.7".into());
            machine.spot = true;
            machine.hibernates = true;
        }),
        Machine::new("i-2", "db-2", "running").with(|machine| {
            machine.public_ip = Some("198.51.100.8".into());
            machine.elastic = true;
        }),
    ]);
    insta::assert_snapshot!(answer("ec2 stop db-1 db-2", &on(&region)).await, @r"
    [plan] stop i-1, i-2 in eu-central-1
    target db-1 (i-1) eu-central-1 123456789012
    target db-2 (i-2) eu-central-1 123456789012
    step 0 ec2:StopInstances eu-central-1 i-1 i-2
    caution `db-1 (i-1)` is in the Auto Scaling group `db`, which may terminate and replace a stopped instance.
    caution `db-1 (i-1)` is an `m5d.large` with instance-store disks: all data on them is lost.
    caution `db-1 (i-1)` loses its public address `198.51.100.7`; a start gives it another.
    caution `db-1 (i-1)` is a Spot instance: AWS stops it only if its request is persistent, and may have no capacity to start it again.
    caution `db-1 (i-1)` is set up for hibernation, but this is a plain stop: what is in its memory is lost.
    ");
    insta::assert_snapshot!(answer("ec2 reboot db-1", &on(&region)).await, @r"
    [plan] reboot i-1 in eu-central-1
    target db-1 (i-1) eu-central-1 123456789012
    step 0 ec2:RebootInstances eu-central-1 i-1
    caution `db-1 (i-1)` is in the Auto Scaling group `db`, which may replace it if its health checks fail meanwhile.
    ");
}

#[tokio::test]
async fn what_cannot_be_read_of_the_disks_is_a_caution_too() {
    let region = one("running");
    region.fails("DescribeInstanceTypes", Fault::Code("UnauthorizedOperation", "no"));
    let text = answer("ec2 stop i-1", &on(&region)).await;
    assert!(text.contains("caution I could not find out whether `web-1 (i-1)`"), "{text}");
}

#[tokio::test]
async fn stop_protection_is_refused_before_anything_is_called() {
    let region = one("running");
    region.0.lock().machine("i-1").stop_protected = true;
    insta::assert_snapshot!(answer("ec2 stop web-1", &on(&region)).await, @r"
    [refused] `web-1 (i-1)` has stop protection (`DisableApiStop`), so I do not stop it. Its owner can take the protection off.
    Nothing was changed.
    ");
    region.0.lock().machine("i-1").stop_protected = false;
    region.0.lock().machine("i-1").instance_store_root = true;
    insta::assert_snapshot!(answer("ec2 stop web-1", &on(&region)).await, @r"
    [refused] `web-1 (i-1)` boots from an instance-store volume, so AWS cannot stop it, only terminate it.
    Nothing was changed.
    ");
    assert!(region.0.lock().changes().is_empty());
}

#[tokio::test]
async fn a_denied_rehearsal_ends_the_plan_without_aws_s_encoded_words() {
    let region = one("running");
    region.fails(
        "StopInstances(dry)",
        Fault::Code("UnauthorizedOperation", "Encoded authorization failure message: 4zH7"),
    );
    insta::assert_snapshot!(answer("ec2 stop i-1", &on(&region)).await, @"[failed] AWS does not allow me `ec2:StopInstances` (`UnauthorizedOperation`, `eu-central-1`, account `123456789012`). Nothing was changed. Ask the platform team to look at the bot's IAM role.");
}

#[tokio::test]
async fn too_many_targets_are_refused() {
    let machines = (0..4).map(|n| Machine::new(&format!("i-{n}"), "web", "running").tag("env", "dev")).collect();
    insta::assert_snapshot!(answer("ec2 stop tag:env=dev", &on(&FakeRegion::new(machines))).await, @"[refused] `tag:env=dev` means 4 instances, and one command may change 3 at most. Nothing was changed. Name fewer, or do it in parts.");
}

#[tokio::test]
async fn a_name_of_several_changes_nothing() {
    let machines = (1..3).map(|n| Machine::new(&format!("i-{n}"), "web", "running")).collect();
    let region = FakeRegion::new(machines);
    insta::assert_snapshot!(answer("ec2 stop web", &on(&region)).await, @r"
    [usage] `web` is the name of 2 instances. Nothing was changed. Say by its id which one you mean.
    - `i-1` running, t3.micro, eu-central-1a, launched 2026-09-21
    - `i-2` running, t3.micro, eu-central-1a, launched 2026-09-21
    ");
    let plan = planned("ec2 stop name:we*", &on(&region)).await;
    assert_eq!(plan.text, "stop i-1, i-2 in eu-central-1");
}

#[tokio::test]
async fn a_target_named_twice_is_changed_once() {
    let plan = planned("ec2 stop web-1 i-1 tag:env=dev", &on(&web())).await;
    assert_eq!(plan.text, "stop i-1 in eu-central-1");
}

#[tokio::test]
async fn each_region_has_its_own_call_and_token() {
    let (here, there) = (one("running"), FakeRegion::new(vec![Machine::new("i-7", "api", "running")]));
    let cx = cx_on(&[("eu-central-1", &here), ("us-east-1", &there)]);
    let plan = planned("ec2 stop i-7 web-1 --region us-east-1,eu-central-1", &cx).await;
    assert_eq!(plan.text, "stop i-1 in eu-central-1; i-7 in us-east-1");
    let tokens: Vec<&str> = plan.steps.iter().map(|step| step.token.as_str()).collect();
    assert_eq!(tokens, [format!("cmd-{}-0", cx.request), format!("cmd-{}-1", cx.request)]);
    assert_eq!(planned("ec2 stop i-7 web-1 --region us-east-1,eu-central-1", &cx).await, plan, "the same every time");
}

#[tokio::test]
async fn each_step_knows_how_its_targets_were_before() {
    let mut machine = Machine::new("i-1", "web-1", "running");
    machine.public_ip = Some("203.0.113.7".into());
    machine.elastic = true;
    let region = FakeRegion::new(vec![machine, Machine::new("i-2", "web-2", "stopped")]);
    let plan = planned("ec2 stop i-1 i-2", &on(&region)).await;
    let before = &plan.steps[0].before;
    assert_eq!(before.keys().collect::<Vec<_>>(), ["i-1"], "what needs no change is not touched");
    let web: super::before::Before = before["i-1"].read().expect("EC2's facts");
    assert_eq!(
        (web.state.as_str(), web.kind.as_str(), web.zone.as_deref()),
        ("running", "t3.micro", Some("eu-central-1a"))
    );
    assert_eq!((web.public_ip.as_deref(), web.elastic_ip), (Some("203.0.113.7"), true));
    // a step of a program that did not keep it is read all the same
    let mut json = serde_json::to_value(&plan.steps[0]).expect("JSON");
    json.as_object_mut().expect("an object").remove("before");
    let old: crate::domain::Step = serde_json::from_value(json).expect("a step");
    assert!(old.before.is_empty());
}

#[tokio::test]
async fn a_target_that_may_not_be_seen_goes_to_the_judge_without_steps_in_place_of_an_answer() {
    let mut cx = on(&one("stopped"));
    cx.sees = Arc::new(|_| false);
    let plan = planned("ec2 stop web-1", &cx).await;
    assert!(plan.steps.is_empty() && plan.cautions.is_empty(), "{plan:?}");
    assert_eq!(plan.targets.iter().map(|target| target.id.as_str()).collect::<Vec<_>>(), ["i-1"]);
}

// Executing

#[tokio::test(start_paused = true)]
async fn a_stop_is_journalled_then_made_once_then_awaited_with_progress() {
    let region = one("running");
    let shown = Arc::new(Mutex::new(Vec::new()));
    let mut cx = on(&region);
    let sink = shown.clone();
    cx.progress = Arc::new(move |reply| sink.lock().push(plain(&reply)));
    let plan = planned("ec2 stop web-1", &cx).await;
    let (_, command) = parse("ec2 stop web-1").expect("command");
    let ledger = Ledger::default();
    let found = found_text(command.execute(&plan, &cx, &ledger).await);
    insta::assert_snapshot!(found, @"Done [done] `web-1 (i-1)`: running → *stopped* after 3 s.");
    assert_eq!(*ledger.0.lock(), ["started 0 ec2:StopInstances", "done 0"]);
    assert_eq!(region.0.lock().changes(), ["StopInstances i-1"]);
    insta::assert_snapshot!(shown.lock().join("\n"), @r"
    [progress] Stopping `web-1 (i-1)`: asking AWS… 0 s
    [progress] Stopping `web-1 (i-1)`: stopping… 0 s
    ");
}

#[tokio::test(start_paused = true)]
async fn what_was_lost_stands_below_the_answer() {
    let region = one("running");
    region.0.lock().machine("i-1").public_ip = Some("198.51.100.7".into());
    insta::assert_snapshot!(executed("ec2 stop web-1", &on(&region)).await, @r"
    Done [done] `web-1 (i-1)`: running → *stopped* after 3 s.
    (`web-1 (i-1)` has lost its public address `198.51.100.7`; a start gives it another.)
    ");
}

/// Half done is neither done nor failed, however the other half came to nothing.
#[tokio::test(start_paused = true)]
async fn what_was_half_done_is_called_so() {
    let table = [
        // AWS's answer, where it leads, and what it is called
        (None, vec!["stopping", "stopped"], "Done [done] - "),
        (Some(Fault::Code("IncorrectInstanceState", "no")), vec![], "Partly [partly] 1 of 2 was stopped.\n- "),
        (Some(Fault::Code("UnauthorizedOperation", "no")), vec![], "Partly [partly] 1 of 2 was stopped.\n- "),
        (Some(Fault::NotSent), vec![], "Partly [partly] 1 of 2 was stopped.\n- "),
        (Some(Fault::Lost { happened: false }), vec![], "Partly [partly] 1 of 2 was stopped.\n- "),
        (Some(Fault::Lost { happened: true }), vec!["stopped"], "Done [done] - "),
        (None, vec!["stopping", "pending"], "Partly [partly] 1 of 2 was stopped.\n- "),
        // what is not known is neither
        (None, vec!["stopping"], "Unknown [unknown] - "),
    ];
    for (fault, path, expected) in table {
        let (here, there) = (one("running"), FakeRegion::new(vec![Machine::new("i-7", "api", "running")]));
        here.0.lock().machine("i-1").public_ip = Some("198.51.100.7".into());
        let cx = cx_on(&[("eu-central-1", &here), ("us-east-1", &there)]);
        there.0.lock().after.insert("StopInstances", path);
        if let Some(fault) = fault.clone() {
            there.fails("StopInstances", fault);
        }
        let text = executed("ec2 stop web-1 api --region eu-central-1,us-east-1", &cx).await;
        assert!(text.starts_with(expected), "{fault:?}: {text}");
        let is_lost = text.contains("(`web-1 (i-1)` has lost its public address `198.51.100.7`");
        assert_eq!(is_lost, !text.starts_with("Unknown"), "{fault:?}: {text}");
    }
    // nothing of it was done
    let (here, there) = (one("running"), FakeRegion::new(vec![Machine::new("i-7", "api", "running")]));
    here.fails("StopInstances", Fault::Code("IncorrectInstanceState", "no"));
    let cx = cx_on(&[("eu-central-1", &here), ("us-east-1", &there)]);
    let text = executed("ec2 stop web-1 api --region eu-central-1,us-east-1", &cx).await;
    assert!(text.starts_with("NotDone [failed]") && text.contains("`api (i-7)` was not tried"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_start_tells_the_new_address() {
    let region = one("stopped");
    region.0.lock().next_ip = Some("198.51.100.9".into());
    region.0.lock().after.insert("StartInstances", vec!["stopped", "stopped", "pending", "pending", "running"]);
    insta::assert_snapshot!(executed("ec2 start web-1", &on(&region)).await, @"Done [done] `web-1 (i-1)`: stopped → *running* after 12 s. Its public address is `198.51.100.9`.");
}

#[tokio::test(start_paused = true)]
async fn those_that_needed_nothing_are_named_too() {
    insta::assert_snapshot!(executed("ec2 start tag:env=dev", &on(&web())).await, @r"
    Done [done] - `web-2 (i-2)`: stopped → *running* after 3 s.
    - `web-1 (i-1)` was already *running*, or on its way there. Nothing was changed.
    ");
}

#[tokio::test(start_paused = true)]
async fn a_throttled_call_changed_nothing_and_says_so() {
    let region = one("running");
    region.fails("StopInstances", Fault::Code("RequestLimitExceeded", "slow down"));
    insta::assert_snapshot!(executed("ec2 stop web-1", &on(&region)).await, @"[failed] AWS is limiting our calls (`RequestLimitExceeded`, `eu-central-1`, account `123456789012`): slow down. `web-1 (i-1)` was not stopped. Try again in a minute.");
    assert_eq!(region.0.lock().changes().len(), 1, "not tried again");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_never_left_is_a_failure_and_not_unknown() {
    let region = one("running");
    region.fails("StopInstances", Fault::NotSent);
    insta::assert_snapshot!(executed("ec2 stop web-1", &on(&region)).await, @"[failed] I cannot reach AWS EC2 in `eu-central-1`. `web-1 (i-1)` was not stopped. Try again in a minute; if you named the region, check its name.");
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_looked_after_and_not_repeated() {
    let region = one("running");
    region.fails("StopInstances", Fault::Lost { happened: true });
    insta::assert_snapshot!(executed("ec2 stop web-1", &on(&region)).await, @"Done [done] AWS did not confirm it. I looked: `web-1 (i-1)` is *stopped*.");
    assert_eq!(region.0.lock().changes(), ["StopInstances i-1"]);
}

#[tokio::test(start_paused = true)]
async fn a_lost_call_that_was_not_made_is_found_out() {
    let region = one("running");
    region.fails("StopInstances", Fault::Lost { happened: false });
    insta::assert_snapshot!(executed("ec2 stop web-1", &on(&region)).await, @"NotDone [failed] AWS did not confirm it. I looked: `web-1 (i-1)` is still *running*, so it was not stopped. Look with `ec2 show i-1 --region eu-central-1`. To try again, say `ec2 stop i-1 --region eu-central-1`.");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_may_still_be_on_its_way_is_not_said_to_be_undone() {
    for (looks, found) in [(4, "Done [done] I looked: `web-1 (i-1)` is *stopped*."), (9, "NotDone [failed] I looked:")]
    {
        let region = one("running");
        let cx = on(&region);
        let plan = planned("ec2 stop web-1", &cx).await;
        // a call of somebody who has died arrives late: at the last look within the time that a call may take, or never
        let mut ahead = vec!["running"; looks];
        ahead.push("stopped");
        region.0.lock().machine("i-1").ahead = ahead.into_iter().map(str::to_owned).collect();
        let began = tokio::time::Instant::now();
        let said = verified("ec2 stop web-1", &plan, &cx).await;
        assert!(said.starts_with(found), "{said}");
        let over = began.elapsed().checked_sub(cx.aws.call_timeout()).expect("as long as a call may take");
        assert!(over < std::time::Duration::from_millis(100), "and not much longer: {over:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_its_turn_is_not_journalled_yet() {
    for (line, from, power) in [
        ("ec2 start web-1", "stopped", Power::Start),
        ("ec2 stop web-1", "running", Power::Stop),
        ("ec2 reboot web-1", "running", Power::Reboot),
        ("ec2 terminate web-1", "running", Power::Terminate),
    ] {
        let region = one(from);
        let cx = on(&region);
        let waited =
            waited_for_turns(line, &cx, async || cx.aws.ec2.turn(&AccountRegion::usual("eu-central-1"), power).await)
                .await;
        assert_eq!(waited.len(), 1, "{line}");
        assert!(waited[0].before > std::time::Duration::from_millis(100), "{line} waited: {waited:?}");
        assert_eq!(waited[0].within, std::time::Duration::ZERO, "{line}: not between the journal and the call");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_error_is_looked_after_too() {
    let region = one("running");
    region.fails("StopInstances", Fault::Code("InternalError", "oops"));
    let text = executed("ec2 stop web-1", &on(&region)).await;
    assert!(text.starts_with("NotDone") && text.contains("I looked:"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn somebody_elses_change_is_reported_and_not_awaited() {
    let mut said = Vec::new();
    for (command, from, path) in [
        ("ec2 stop web-1", "running", vec!["stopping", "pending"]),
        ("ec2 stop web-1", "running", vec!["stopping", "terminated"]),
        ("ec2 start web-1", "stopped", vec!["pending", "stopping"]),
    ] {
        let region = one(from);
        region.0.lock().after.insert(if from == "running" { "StopInstances" } else { "StartInstances" }, path);
        said.push(executed(command, &on(&region)).await);
    }
    insta::assert_snapshot!(said.join("\n"), @r"
    NotDone [failed] `web-1 (i-1)` is *pending*, not stopped: it was started meanwhile, not by this command. Look with `ec2 show i-1 --region eu-central-1`.
    NotDone [failed] `web-1 (i-1)` is *terminated*, not stopped: it was terminated meanwhile, not by this command. Look with `ec2 show i-1 --region eu-central-1`.
    NotDone [failed] `web-1 (i-1)` is *stopping*, not running: it was stopped meanwhile, not by this command. Look with `ec2 show i-1 --region eu-central-1`.
    ");
}

#[tokio::test(start_paused = true)]
async fn a_start_that_falls_back_says_why() {
    let region = one("stopped");
    region.0.lock().machine("i-1").state_reason = Some("Server.InsufficientInstanceCapacity".into());
    region.0.lock().after.insert("StartInstances", vec!["pending", "stopped"]);
    insta::assert_snapshot!(executed("ec2 start web-1", &on(&region)).await, @"NotDone [failed] `web-1 (i-1)` is *stopped*, not running: AWS has no capacity for its type in its zone (`Server.InsufficientInstanceCapacity`). Look with `ec2 show i-1 --region eu-central-1`.");
}

#[tokio::test(start_paused = true)]
async fn what_takes_too_long_is_unknown_with_what_was_seen() {
    let region = one("running");
    region.0.lock().after.insert("StopInstances", vec!["stopping"]);
    insta::assert_snapshot!(executed("ec2 stop web-1", &on(&region)).await, @"Unknown [unknown] `web-1 (i-1)` is still *stopping* after 1 min, and I stopped waiting. Look with `ec2 show i-1 --region eu-central-1`.");
}

/// What left its state and came back between two looks is known by what AWS says of that state, and told soon.
#[tokio::test(start_paused = true)]
async fn a_change_that_came_back_unseen_is_known_by_its_trace() {
    for (reason, transition) in [
        ("Client.InternalError", "Client.InternalError (2026-11-29 20:00:00 GMT)"),
        ("Client.VolumeLimitExceeded", "Client.VolumeLimitExceeded (2026-11-29 20:00:00 GMT)"),
        ("Server.InsufficientInstanceCapacity", ""),
        ("Server.SomethingNew", ""),
        // the same reason at another time
        ("Client.UserInitiatedShutdown", "User initiated (2026-11-29 20:00:00 GMT)"),
    ] {
        for lost in [false, true] {
            let region = one("stopped");
            {
                let mut world = region.0.lock();
                world.machine("i-1").state_reason = Some("Client.UserInitiatedShutdown".into());
                world.machine("i-1").transition = Some("User initiated (2026-01-01 00:00:00 GMT)".into());
                world.after.insert("StartInstances", vec!["stopped"]);
                world.trace = Some((reason, transition));
            }
            if lost {
                region.fails("StartInstances", Fault::Lost { happened: true });
            }
            let start = tokio::time::Instant::now();
            let text = executed("ec2 start web-1", &on(&region)).await;
            assert!(text.starts_with("NotDone [failed]") && text.contains(&format!("(`{reason}`")), "{lost}: {text}");
            assert!(start.elapsed().as_secs() < 3, "{reason}: soon");
        }
    }
    // without a trace nothing is made up
    let region = one("stopped");
    region.0.lock().machine("i-1").state_reason = Some("Client.UserInitiatedShutdown".into());
    region.0.lock().after.insert("StartInstances", vec!["stopped"]);
    let text = executed("ec2 start web-1", &on(&region)).await;
    assert!(text.starts_with("Unknown ") && text.contains("is still *stopped*"), "{text}");
}

/// Trouble while waiting is no outcome, whatever its code; and what was seen of other regions is told.
#[tokio::test(start_paused = true)]
async fn trouble_while_waiting_is_not_the_outcome() {
    for (code, looks) in [
        ("ExpiredToken", 15),
        ("AuthFailure", 15),
        ("RequestLimitExceeded", 15),
        ("InternalError", 15),
        ("UnauthorizedOperation", 9),
        ("SomethingNew", 9),
    ] {
        let region = one("running");
        let cx = on(&region);
        let plan = planned("ec2 stop web-1", &cx).await;
        region.0.lock().machine("i-1").state = "stopped".into();
        for _ in 0..looks {
            region.fails("DescribeInstances", Fault::Code(code, "no"));
        }
        let text = verified("ec2 stop web-1", &plan, &cx).await;
        assert!(text.starts_with("Done [done] I looked: `web-1 (i-1)` is *stopped*."), "{code}: {text}");
    }
    let (here, deaf) = (one("running"), FakeRegion::new(vec![Machine::new("i-7", "api", "running")]));
    let cx = cx_on(&[("eu-central-1", &here), ("us-east-1", &deaf)]);
    let line = "ec2 stop web-1 api --region eu-central-1,us-east-1";
    let plan = planned(line, &cx).await;
    here.0.lock().machine("i-1").state = "stopped".into();
    for _ in 0..100 {
        deaf.fails("DescribeInstances", Fault::Lost { happened: false });
    }
    let text = verified(line, &plan, &cx).await;
    assert!(text.contains("`web-1 (i-1)` is *stopped*."), "{text}");
    assert!(text.contains("I cannot tell whether `api (i-7)` was stopped: AWS EC2 in `us-east-1` did not"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn looks_that_fail_are_repeated_and_then_admitted() {
    let region = one("running");
    let cx = on(&region);
    let plan = planned("ec2 stop web-1", &cx).await;
    region.fails("DescribeInstances", Fault::Code("RequestLimitExceeded", "slow down"));
    region.0.lock().machine("i-1").state = "stopped".into();
    insta::assert_snapshot!(verified("ec2 stop web-1", &plan, &cx).await, @"Done [done] I looked: `web-1 (i-1)` is *stopped*.");
    for _ in 0..30 {
        region.fails("DescribeInstances", Fault::Code("RequestLimitExceeded", "slow down"));
    }
    insta::assert_snapshot!(verified("ec2 stop web-1", &plan, &cx).await, @"Unknown [unknown] I cannot tell whether `web-1 (i-1)` was stopped: AWS is limiting our calls (`RequestLimitExceeded`, `eu-central-1`, account `123456789012`): slow down. Look with `ec2 show i-1 --region eu-central-1`.");
}

#[tokio::test(start_paused = true)]
async fn a_step_carries_its_account_and_its_targets_are_looked_at_there_alone() {
    let region = one("running");
    let cx = on(&region);
    let mut plan = planned("ec2 stop web-1", &cx).await;
    assert_eq!(plan.steps[0].place(), AccountRegion::new("123456789012", "eu-central-1"));
    region.0.lock().machine("i-1").state = "stopped".into();
    // of a program that wrote no account there, it is the usual one
    plan.steps[0].account = None;
    let text = verified("ec2 stop web-1", &plan, &cx).await;
    assert!(text.starts_with("Done [done] I looked: `web-1 (i-1)` is *stopped*."), "{text}");
    plan.steps[0].account = Some("999999999999".into());
    plan.targets[0].account = "999999999999".into();
    let before = region.0.lock().calls.len();
    let text = verified("ec2 stop web-1", &plan, &cx).await;
    assert!(text.starts_with("Unknown [unknown] "), "{text}");
    assert!(text.contains("I have no credentials that I know to be of the AWS account `999999999999`."), "{text}");
    assert_eq!(region.0.lock().calls.len(), before, "nothing was asked in another account");
}

#[tokio::test(start_paused = true)]
async fn after_a_refused_call_no_other_is_made() {
    let (here, there) = (one("running"), FakeRegion::new(vec![Machine::new("i-7", "api", "running")]));
    let more = FakeRegion::new(vec![Machine::new("i-8", "db", "running")]);
    there.fails("StopInstances", Fault::Code("IncorrectInstanceState", "no"));
    let cx = cx_on(&[("eu-central-1", &here), ("us-east-1", &there), ("us-west-2", &more)]);
    let text = executed("ec2 stop web-1 api db --region eu-central-1,us-east-1,us-west-2", &cx).await;
    insta::assert_snapshot!(text, @r"
    Partly [partly] 1 of 3 was stopped.
    - `web-1 (i-1)`: running → *stopped* after 3 s.
    - Its state does not allow this now (`IncorrectInstanceState`, `us-east-1`, account `123456789012`): no. `api (i-7)` was not stopped. Look with `ec2 show`, and try again when it has settled.
    - `db (i-8)` was not tried, because the one before failed.
    ");
    assert!(more.0.lock().changes().is_empty());
}

// Verifying after a restart

#[tokio::test(start_paused = true)]
async fn after_a_restart_it_says_what_is_so() {
    let mut said = Vec::new();
    for path in [vec!["stopped"], vec!["running"], vec!["stopping", "stopping", "stopped"], vec!["terminated"]] {
        let region = one("running");
        let cx = on(&region);
        let plan = planned("ec2 stop web-1", &cx).await;
        region.0.lock().machine("i-1").ahead = path.into_iter().map(str::to_owned).collect();
        said.push(verified("ec2 stop web-1", &plan, &cx).await);
        assert!(region.0.lock().changes().is_empty(), "verifying only reads");
    }
    insta::assert_snapshot!(said.join("\n"), @r"
    Done [done] I looked: `web-1 (i-1)` is *stopped*.
    NotDone [failed] I looked: `web-1 (i-1)` is still *running*, so it was not stopped. Look with `ec2 show i-1 --region eu-central-1`. To try again, say `ec2 stop i-1 --region eu-central-1`.
    Done [done] I looked: `web-1 (i-1)` is *stopped*.
    NotDone [failed] I looked: `web-1 (i-1)` is *terminated*, not stopped: it was terminated meanwhile, not by this command. Look with `ec2 show i-1 --region eu-central-1`.
    ");
}

#[tokio::test(start_paused = true)]
async fn a_target_that_aws_does_not_show_is_unknown() {
    let region = one("running");
    let cx = on(&region);
    let plan = planned("ec2 stop web-1", &cx).await;
    region.0.lock().machines.clear();
    insta::assert_snapshot!(verified("ec2 stop web-1", &plan, &cx).await, @"Unknown [unknown] I looked: `web-1 (i-1)` is not shown by AWS any more, or not yet. Look with `ec2 show i-1 --region eu-central-1`.");
}

// Rebooting

#[tokio::test(start_paused = true)]
async fn a_reboot_claims_no_more_than_aws_tells() {
    let region = one("running");
    region.0.lock().machine("i-1").checks = ("initializing".into(), "ok".into());
    let cx = on(&region);
    insta::assert_snapshot!(executed("ec2 reboot web-1", &cx).await, @"Done [done] AWS accepted the reboot of `web-1 (i-1)`; it is running, its status checks say instance initializing, system ok. AWS gives no proof of a reboot: the uptime on the instance does.");
    let plan = planned("ec2 reboot web-1", &cx).await;
    insta::assert_snapshot!(verified("ec2 reboot web-1", &plan, &cx).await, @"Unknown [unknown] I looked: `web-1 (i-1)` is *running*, its status checks say instance initializing, system ok; whether it was rebooted, AWS does not tell. Look with `ec2 show i-1 --region eu-central-1`. The uptime on the instance tells.");
}

// Names as people type them

/// What a name is in AWS, and what people type for it.
const TYPED: [(&str, &str); 23] = [
    ("worker-1 ", "worker-1"),
    (" worker-1", "worker-1"),
    ("worker 1", "'worker\u{a0}1'"),
    ("worker\u{a0}1", "'worker 1'"),
    ("worker  1", "'worker 1'"),
    ("work\u{200b}er-1", "worker-1"),
    ("worker-1\u{feff}", "worker-1"),
    ("Maya’s box", "\"Maya's box\""),
    ("“db”", "'\"db\"'"),
    ("a–b", "a-b"),
    ("a\u{2011}b", "a-b"),
    ("x`y", "\"x'y\""),
    ("worker-1", "Worker-1"),
    ("WORKER-1", "worker-1"),
    // a slash command brings each emoji by its short name
    ("web-🚀", "web-:rocket:"),
    ("web-🚀-1", "Web-:rocket:-1"),
    ("🔑 db", "\":key: db\""),
    ("❤\u{fe0f}x", ":heart:x"),
    ("👋🏽", ":wave::skin-tone-4:"),
    ("👨🏼\u{200d}🍳", ":male-cook::skin-tone-3:"),
    ("🇩🇪-1", ":flag-de:-1"),
    ("👍", ":thumbsup:"),
    (":rocket:-1", "🚀-1"),
];

/// What the buttons of a mistake do.
async fn offered(text: &str, cx: &Context) -> Vec<String> {
    let (_, command) = parse(text).unwrap_or_else(|error| panic!("{text}: {error:?}"));
    let Err(CommandError::Usage(error)) = command.plan(cx).await else { panic!("{text} is no mistake") };
    let press = |button: &Button| match &button.press {
        Press::Run(line) => format!("run {line}"),
        Press::Form(line) => format!("form {line}"),
    };
    error.buttons.iter().map(press).collect()
}

#[tokio::test]
async fn what_is_shown_can_be_typed_back() {
    for (name, typed) in TYPED {
        let region = FakeRegion::new(vec![Machine::new("i-1", name, "running"), Machine::new("i-2", "zzz", "running")]);
        let shown = answer(&format!("ec2 show {typed}"), &on(&region)).await;
        assert!(shown.contains("i-1") && !shown.starts_with("[usage]"), "{name:?} as {typed}: {shown}");
        // a change offers it, with its id, and asks
        let asked = answer(&format!("ec2 stop {typed}"), &on(&region)).await;
        assert!(asked.starts_with("[usage]") && asked.contains("(i-1)"), "{name:?} as {typed}: {asked}");
        assert_eq!(
            offered(&format!("ec2 stop {typed}"), &on(&region)).await[0],
            "form ec2 stop i-1 --region eu-central-1"
        );
        assert!(region.0.lock().changes().is_empty());
        // the exact name needs no guess
        let exact = super::super::words::quoted(name);
        assert!(answer(&format!("ec2 stop {exact}"), &on(&region)).await.starts_with("[plan]"), "{name:?}");
    }
}

#[tokio::test]
async fn a_name_in_two_spellings_is_asked_for_and_never_chosen() {
    let region = FakeRegion::new(vec![
        Machine::new("i-1", "Worker-1 ", "running"),
        Machine::new("i-2", "worker-1\u{200b}", "running"),
        Machine::new("i-3", "worker-1", "terminated"),
    ]);
    let said = answer("ec2 show WORKER-1", &on(&region)).await;
    assert!(said.starts_with("[usage]") && said.contains("(i-1)") && said.contains("(i-2)"), "{said}");
    assert!(!said.contains("i-3"), "what is gone is not offered: {said}");
    // one emoji of its kind may be another: it is offered to a reader too
    let region = FakeRegion::new(vec![Machine::new("i-1", "web-🚀", "running")]);
    let said = answer("ec2 show web-:fire:", &on(&region)).await;
    assert!(said.starts_with("[usage]") && said.contains("web-🚀 (i-1)"), "{said}");
    assert!(!answer("ec2 show web-🚀", &on(&region)).await.starts_with("[usage]"));
    // and so is one that stands in both forms
    let both = [Machine::new("i-1", "web-🚀", "running"), Machine::new("i-2", "Web-:rocket:", "running")];
    let said = answer("ec2 show WEB-:rocket:", &on(&FakeRegion::new(both.into()))).await;
    assert!(said.starts_with("[usage]") && said.contains("(i-1)") && said.contains("(i-2)"), "{said}");
    // what no emoji of Slack's is, is text
    let region = FakeRegion::new(vec![Machine::new("i-1", "web-:our_own:", "running")]);
    assert!(!answer("ec2 show web-:our_own:", &on(&region)).await.starts_with("[usage]"));
}

#[tokio::test]
async fn a_wrong_name_is_answered_with_the_nearest_as_buttons() {
    let region = FakeRegion::new(vec![
        Machine::new("i-1", "worker-1", "running"),
        Machine::new("i-2", "worker-2", "stopped"),
        Machine::new("i-3", "db-primary", "running"),
    ]);
    let cx = on(&region);
    insta::assert_snapshot!(answer("ec2 show wroker-1", &cx).await, @r"
    [usage] I found no instance with the name `wroker-1` in `eu-central-1`. Nothing could be shown. If it is in another region, add `--region <region>`; `ec2 list --region all` shows every instance.
    Did you mean one of these?
    - `worker-1 (i-1)` running
    - `worker-2 (i-2)` stopped
    ");
    let all = "run ec2 list --region all";
    let shows = ["run ec2 show i-1 --region eu-central-1", "run ec2 show i-2 --region eu-central-1", all];
    assert_eq!(offered("ec2 show wroker-1", &cx).await, shows);
    let stops = ["form ec2 stop i-1 --region eu-central-1", "form ec2 stop i-2 --region eu-central-1", all];
    assert_eq!(offered("ec2 stop wroker-1", &cx).await, stops);
    // of several targets one is wrong: what becomes of the others is no button's to say
    assert_eq!(offered("ec2 stop wroker-1 db-primary", &cx).await, shows);
    insta::assert_snapshot!(answer("ec2 stop worker-1,worker-2", &cx).await, @r"
    [usage] I found no instance with the name `worker-1,worker-2` in `eu-central-1`. Nothing was changed. If it is in another region, add `--region <region>`; `ec2 list --region all` shows every instance.
    Several targets stand side by side, with a space between them and no comma.
    Did you mean one of these?
    - `worker-1 (i-1)` running
    - `worker-2 (i-2)` stopped
    ");
    // ids too, and what is like nothing here
    for line in ["ec2 stop i-0abc,i-0def", "ec2 stop i-0abc, i-0def", "ec2 show far-away,nowhere"] {
        let said = answer(line, &cx).await;
        assert!(said.contains("and no comma."), "{line}: {said}");
    }
    let near = answer("ec2 show db-p", &cx).await;
    assert!(near.ends_with("Did you mean this one?\n- `db-primary (i-3)` running"), "{near}");
    let far = answer("ec2 show nothing-like-it", &cx).await;
    assert!(!far.contains("Did you mean"), "{far}");
    // what somebody may not see is not spelled out for them
    let blind = Context { shows: Arc::new(|target: &crate::domain::Target| target.id != "i-3"), ..on(&region) };
    let said = answer("ec2 show db-primary-", &blind).await;
    assert!(!said.contains("i-3") && !said.contains("Did you mean"), "{said}");
    assert!(region.0.lock().changes().is_empty());
}

/// By a pattern or a tag nobody spells out letter by letter what they may not see; what is named whole is refused with its
/// reason, by the judge.
#[tokio::test]
async fn no_search_tells_that_there_is_what_one_may_not_see() {
    let secret = Machine::new("i-2", "secret-db", "running").tag("owner", "board");
    let region = FakeRegion::new(vec![Machine::new("i-1", "web-1", "running"), secret]);
    let shows: Arc<dyn Fn(&crate::domain::Target) -> bool + Send + Sync> = Arc::new(|target| target.id != "i-2");
    let cx = Context { sees: Arc::clone(&shows), shows, ..on(&region) };
    for (there, nowhere) in [("name:s*", "name:q*"), ("tag:owner=board", "tag:owner=broad")] {
        for command in ["ec2 stop", "ec2 start", "ec2 reboot", "ec2 show"] {
            let said = answer(&format!("{command} {there}"), &cx).await;
            let other = answer(&format!("{command} {nowhere}"), &cx).await;
            assert_eq!(said.replace(there, nowhere), other, "{command}");
            assert!(said.starts_with("[usage] I found no"), "{said}");
        }
    }
    let plan = planned("ec2 stop name:*", &cx).await;
    assert_eq!(plan.targets.iter().map(|target| target.id.as_str()).collect::<Vec<_>>(), ["i-1"]);
    assert_eq!(planned("ec2 stop secret-db", &cx).await.targets[0].id, "i-2", "for the judge");
}

/// What is shown can be typed back in a filter too: Slack delivers an emoji by its shortcode, a phone begins with a capital.
#[tokio::test]
async fn filters_and_patterns_find_names_as_people_type_them() {
    let region = FakeRegion::new(vec![
        Machine::new("i-1", "web-🚀-1", "running").tag("Team", "on call"),
        Machine::new("i-2", "db\u{a0}primary ", "running"),
    ]);
    let cx = on(&region);
    for (line, found) in [
        ("ec2 list --name web-:rocket:-1", "i-1"),
        ("ec2 list --name 'Web-:rocket:*'", "i-1"),
        ("ec2 list --tag 'team=On\u{a0}call'", "i-1"),
        ("ec2 list --name 'db primary'", "i-2"),
        ("ec2 show 'name:DB pri*'", "i-2"),
    ] {
        let said = answer(line, &cx).await;
        let other = if found == "i-1" { "i-2" } else { "i-1" };
        assert!(said.starts_with("[info]") && said.contains(found) && !said.contains(other), "{line}: {said}");
    }
    // a change is offered, and never guessed
    let said = answer("ec2 stop name:web-:rocket:*", &cx).await;
    assert!(said.starts_with("[usage]") && said.contains("Did you mean this one?"), "{said}");
    assert!(said.contains("i-1") && region.0.lock().changes().is_empty(), "{said}");
}

#[tokio::test(start_paused = true)]
async fn checks_that_could_not_be_read_are_said_to_be_so() {
    let denied = || Fault::Code("UnauthorizedOperation", "not for you");
    let region = one("running");
    region.fails("DescribeInstanceStatus", denied());
    let said = answer("ec2 show web-1", &on(&region)).await;
    assert!(said.contains("Checks: not known: AWS does not allow me `ec2:DescribeInstanceStatus`"), "{said}");
    region.fails("DescribeInstanceStatus", denied());
    let said = executed("ec2 reboot web-1", &on(&region)).await;
    assert!(said.contains("I could not read its status checks") && !said.contains("does not tell"), "{said}");
    assert!(said.contains("The checks: AWS does not allow me `ec2:DescribeInstanceStatus`"), "{said}");
}

/// A region is judged before it is asked, whatever command would ask it.
#[tokio::test]
async fn no_region_is_asked_that_the_person_may_not_enter() {
    let machine = |id: &str| Machine::new(id, "web-1", "running");
    for line in [
        "ec2 list --region us-east-1",
        "ec2 list --region eu-central-1,us-east-1",
        "ec2 show web-1 --region us-east-1",
        "ec2 stop web-1 --region us-east-1",
        "ec2 start i-2 --region eu-central-1,us-east-1",
        "ec2 reboot name:web-* --region us-east-1",
    ] {
        let (here, there) = (FakeRegion::new(vec![machine("i-1")]), FakeRegion::new(vec![machine("i-2")]));
        let mut cx = cx_on(&[("eu-central-1", &here), ("us-east-1", &there)]);
        cx.enters = Arc::new(|place| match place.region.as_str() {
            "us-east-1" => Err(Refusal::sentence(&format!("Not in `{place}`. Nothing was done."))),
            _ => Ok(()),
        });
        let said = answer(line, &cx).await;
        assert_eq!(said, "[refused] Not in `123456789012/us-east-1`. Nothing was done.", "{line}");
        assert!(here.0.lock().calls.is_empty() && there.0.lock().calls.is_empty(), "{line}");
    }
}

#[tokio::test]
async fn of_all_regions_those_that_the_person_may_not_enter_are_left_out() {
    let machine = |id: &str| Machine::new(id, "web-1", "running");
    let (here, there) = (FakeRegion::new(vec![machine("i-1")]), FakeRegion::new(vec![machine("i-2")]));
    let mut cx = cx_on(&[("eu-central-1", &here), ("us-east-1", &there)]);
    cx.enters = Arc::new(|place| match place.region.as_str() {
        "us-east-1" => Err(Refusal::sentence("Not there. Nothing was done.")),
        _ => Ok(()),
    });
    insta::assert_snapshot!(answer("ec2 list --region all", &cx).await, @r"
    [info] 1 instance in `eu-central-1`: 1 running.
    name | id | state | type
    web-1 | i-1 | running | t3.micro
    (Left out, because you may not list it: `us-east-1`. `ec2 list --region us-east-1` says why, and who could.)
    ");
    assert!(answer("ec2 show web-1 --region all", &cx).await.contains("Id: `i-1`"));
    assert!(there.0.lock().calls.is_empty());
    cx.enters = Arc::new(|_| Err(Refusal::sentence("Nowhere. Nothing was done.")));
    assert_eq!(answer("ec2 list --region all", &cx).await, "[refused] Nowhere. Nothing was done.");
}

/// What one may not see leaves no trace: every answer is the one that is given where it is not there.
#[tokio::test]
async fn what_one_may_not_see_is_as_if_it_were_not_there() {
    let seen = || {
        vec![
            Machine::new("i-1", "web-1", "running").tag("env", "dev"),
            Machine::new("i-2", "web-2", "stopped").tag("env", "dev"),
            Machine::new("i-3", "twin", "stopped"),
        ]
    };
    let hidden = ["db-1", "web-1", "twin", "twin", ""].iter().enumerate();
    let hidden = hidden.map(|(n, name)| Machine::new(&format!("i-9{n}"), name, "running").tag("env", "prod"));
    let all: Vec<Machine> = seen().into_iter().chain(hidden).collect();
    for line in [
        "ec2 list",
        "ec2 list --page 1",
        "ec2 list --page 2",
        "ec2 list --name 'd*'",
        "ec2 list --name 'web-*'",
        "ec2 list --state running",
        "ec2 list --tag env=prod",
        "ec2 list --type t3.micro",
        "ec2 list --region all",
        "ec2 show db-1",
        "ec2 show i-90",
        "ec2 show i-94",
        "ec2 show twin",
        "ec2 show web-1",
        "ec2 show name:d*",
        "ec2 show name:*",
        "ec2 show tag:env=prod",
        "ec2 show tag:env=dev",
    ] {
        let mut over_all = cx_on(&[("eu-central-1", &FakeRegion::new(all.clone()))]);
        over_all.sees = Arc::new(|target| !target.id.starts_with("i-9"));
        over_all.shows = Arc::clone(&over_all.sees);
        let over_seen = cx_on(&[("eu-central-1", &FakeRegion::new(seen()))]);
        assert_eq!(answer(line, &over_all).await, answer(line, &over_seen).await, "{line}");
    }
}
