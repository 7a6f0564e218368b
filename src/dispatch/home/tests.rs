use super::page::{self, Seen};
use crate::clock;
use crate::commands::Catalog;
use crate::commands::testing::{FLEET, cx};
use crate::dispatch::PeopleParts;
use crate::dispatch::policy::{Policies, Source as Text};
use crate::domain::{ChannelId, Failure, Membership, Principal, RequestId, Risk, Source, UserId, Vitals};
use crate::execution::testing::House;
use crate::slack::api::{Pacer, WebApi};
use crate::slack::render::home::render;
use crate::slack::testing::{Server, answer, run};
use crate::slack::{PacingConfig, Proxy, SlackConfig};
use crate::store::{Asked, Recent, State};
use crate::supervision::ChildSpec;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

fn now() -> Timestamp {
    "2026-03-02T12:00:05Z".parse().expect("a time")
}

fn policies() -> Arc<Policies> {
    let groups: BTreeSet<String> = ["operators", "viewers"].map(str::to_owned).into();
    let actions = Catalog::built_in().actions();
    let policies = Policies::load(&Text::built_in_policies(), &Text::built_in_schema(), &actions, &groups);
    Arc::new(policies.expect("the shipped policies"))
}

fn catalog() -> Arc<Catalog> {
    Arc::new(Catalog::built_in())
}

/// What a person of this group may; a guest without one.
fn permits(group: &str) -> super::Permits {
    let membership = if group.is_empty() { Membership::Guest } else { Membership::Member };
    let groups = ["operators", "viewers"].into_iter().filter(|name| *name == group).map(str::to_owned).collect();
    let (user, team, unread) = ("U1".into(), "T1".into(), BTreeSet::new());
    let principal = Principal { user, team, name: "maya".into(), membership, groups, unread };
    let members = BTreeMap::from([("operators".to_owned(), vec![UserId::from("UOMAR")])]);
    super::Permits::at_home(policies(), catalog(), principal, Arc::new(members), now())
}

fn asked(number: u128, text: &str, source: Source, state: State, minutes_ago: i64) -> Asked {
    let accepted_at = now() - SignedDuration::from_mins(minutes_ago);
    let channel = ChannelId::from(if source == Source::DirectMessage { "D1" } else { "COPS" });
    let finished_at = state.is_final().then_some(accepted_at);
    let (id, text) = (RequestId::new(1, number), text.to_owned());
    Asked { id, text, source, channel, state, accepted_at, finished_at, undelivered: None, tone: None }
}

/// Vitals of a bot that works.
fn well() -> Vitals {
    let mut vitals = cx().vitals.vitals();
    vitals.actors.clear();
    vitals.queues.clear();
    vitals
}

fn seen(group: &str, recent: Option<Recent>) -> Seen {
    Seen { catalog: catalog(), vitals: well(), permits: Ok(permits(group)), recent, now: now() }
}

fn blocks(seen: &Seen) -> Vec<Value> {
    serde_json::from_str(render(&page::home(seen)).expect("blocks").get()).expect("JSON")
}

/// The page as one reads it, a line for each block; what can be pressed in brackets.
fn read(seen: &Seen) -> String {
    blocks(seen).iter().map(line).collect::<Vec<_>>().join("\n")
}

fn line(block: &Value) -> String {
    let button = |button: &Value| {
        let asks = if button["confirm"].is_null() { "" } else { "?" };
        let value = button["value"].as_str().unwrap_or("-");
        format!(
            "[{}{asks} {} {value}]",
            button["text"]["text"].as_str().unwrap(),
            button["action_id"].as_str().unwrap()
        )
    };
    let words = |elements: &Value| -> String {
        let each = elements.as_array().unwrap().iter();
        each.map(|element| element["text"].as_str().or(element["user_id"].as_str()).unwrap().to_owned()).collect()
    };
    match block["type"].as_str().unwrap() {
        "header" => format!("# {}", block["text"]["text"].as_str().unwrap()),
        "divider" => "---".to_owned(),
        "section" if block["accessory"].is_null() => block["text"]["text"].as_str().unwrap().to_owned(),
        "section" => format!("{} {}", block["text"]["text"].as_str().unwrap(), button(&block["accessory"])),
        "context" => format!("   {}", words(&block["elements"])),
        "actions" => block["elements"].as_array().unwrap().iter().map(button).collect(),
        _ => {
            let lines = block["elements"].as_array().unwrap().iter();
            lines.map(|line| words(&line["elements"])).collect::<Vec<_>>().join("\n")
        }
    }
}

#[test]
fn an_operator_sees_how_the_bot_is_what_waits_what_may_be_run_and_what_was_asked() {
    let open = vec![
        asked(1, "ec2 stop web-1", Source::SlashCommand, State::Running, 2),
        asked(2, "ec2 list", Source::DirectMessage, State::Accepted, 0),
    ];
    let ended = vec![
        asked(3, "ec2 stop web-2", Source::Mention, State::Succeeded, 5),
        asked(4, "ec2 stop", Source::FormButton, State::Refused, 6),
        asked(5, "ec2 lsit", Source::SlashCommand, State::Refused, 59),
        asked(6, "", Source::SlashCommand, State::Succeeded, 61),
        asked(7, "", Source::Shortcut, State::Refused, 62),
        asked(8, "ec2 list --region all", Source::Button, State::Failed, 60 * 23),
        asked(9, "ec2 reboot web-1", Source::Modal, State::Unknown, 60 * 30),
    ];
    let recent = Recent { open, more_open: 3, ended };
    insta::assert_snapshot!(read(&seen("operators", Some(recent))), @r"
    I am ready: version 0.1.0 abc1234.
    [Refresh home:refresh -]
    ---
    # Waiting for you
    ⏳ ec2 stop web-1
       under way at AWS, waiting for it to end · asked 2 min ago by /drone · req 0001 · <#COPS>
    ⏳ ec2 list
       being worked on · asked just now by a message to me · req 0002
       3 more of your requests wait.
    ---
    # What you may run: about me
    help – Lists what you may run, or explains one command [Run run:0 help]
    ping – Says whether I am here, and how long the way took [Run run:1 ping]
    whoami – Says who you are to me, and what you may run [Run run:2 whoami]
    approve – Approves a change that somebody else asked for [Fill in form:3 approve]
    decline – Declines a change that waits for approval, or calls your own off [Fill in form:4 decline]
    ---
    # What you may run: look
    version – Says which version and revision I am [Run run:5 version]
    status – Says how I am: links to Slack, actors and their restarts, queues, store [Run run:6 status]
    ec2 list – Lists instances, with their state and type [Run run:7 ec2 list]
    ec2 show – Shows one instance: state, addresses, protection, tags, volumes [Fill in form:8 ec2 show]
    deploy status – Shows what a service runs, its rollout, and the versions there are [Run run:9 deploy status]
    ---
    # What you may run: change
    ec2 start – Starts stopped instances, and waits until they run [Fill in form:10 ec2 start]
    ec2 stop – Stops running instances, and waits until they are stopped [Fill in form:11 ec2 stop]
    ec2 reboot – Reboots running instances, and looks at their status checks [Fill in form:12 ec2 reboot]
    deploy – Deploys a version to a service, me included, and follows it to its end [Fill in form:13 deploy]
    deploy rollback – Brings back what a service ran before, or stops its rollout [Run? run:14 deploy rollback]
    ---
    # What you may run: destroy
    ec2 terminate – Terminates instances for good, and waits until they are gone [Fill in form:15 ec2 terminate]
    ---
    # Your last requests
    ✅ ec2 stop web-2 [Run again? run:16 ec2 stop web-2]
       done 5 min ago · asked by a mention · req 0003 · <#COPS>
    ❔ ec2 lsit
       not run 59 min ago · asked by /drone · req 0005 · <#COPS>
    ✅ help [Run again run:17 help]
       done 1 h ago · asked by /drone · req 0006 · <#COPS>
    ❔ (a message without a command)
       not run 1 h ago · asked by a shortcut · req 0007 · <#COPS>
    ❌ ec2 list --region all [Run again run:18 ec2 list --region all]
       failed 23 h ago · asked by a button · req 0008 · <#COPS>
    ⚠️ ec2 reboot web-1 [Run again? run:19 ec2 reboot web-1]
       outcome unknown on 2026-03-01 at 06:00 UTC · asked by a form · req 0009 · <#COPS>
       As of 2026-03-02 12:00:05 UTC. For five minutes after you open it I keep this up to date; later, press Refresh.
    ");
}

#[test]
fn each_request_has_the_sign_of_its_answer() {
    use crate::domain::Tone;
    let signs = [
        (State::Refused, Tone::Usage, "❔ ec2 stop web-2", "not run"),
        (State::Refused, Tone::Refused, "⛔ ec2 stop web-2", "not run"),
        (State::Refused, Tone::NotApproved, "⛔ ec2 stop web-2", "not approved"),
        (State::Refused, Tone::CalledOff, "⛔ ec2 stop web-2", "called off"),
        (State::Succeeded, Tone::Done, "✅ ec2 stop web-2", "done"),
        (State::Succeeded, Tone::Info, "✅ ec2 stop web-2", "done"),
        (State::Failed, Tone::Failed, "❌ ec2 stop web-2", "failed"),
        (State::Failed, Tone::Partly, "⚠️ ec2 stop web-2", "partly done"),
        (State::Unknown, Tone::Unknown, "⚠️ ec2 stop web-2", "outcome unknown"),
    ];
    for (state, tone, line, word) in signs {
        let one = Asked { tone: Some(tone), ..asked(1, "ec2 stop web-2", Source::Mention, state, 5) };
        let page = read(&seen("operators", Some(Recent { ended: vec![one], ..Recent::default() })));
        assert!(page.contains(&format!("{line} [Run again")) && page.contains(&format!("{word} 5 min ago")), "{page}");
    }
}

#[test]
fn an_answer_that_slack_never_took_is_known_in_the_home() {
    let mut lost = asked(1, "ec2 stop web-2", Source::Mention, State::Succeeded, 5);
    lost.undelivered = Some("slack does not permit this to the app: is_archived".to_owned());
    let page = read(&seen("operators", Some(Recent { ended: vec![lost], ..Recent::default() })));
    let told = "req 0001 · you were not told: slack does not permit this to the app: is_archived";
    assert!(page.contains(told), "{page}");
}

#[test]
fn a_viewer_is_offered_nothing_that_changes_anything_not_even_what_was_once_permitted() {
    let ended = vec![asked(1, "ec2 stop web-2", Source::Mention, State::Succeeded, 5)];
    let page = read(&seen("viewers", Some(Recent { ended, ..Recent::default() })));
    assert!(page.contains("ec2 show") && page.contains("[Fill in form:"), "{page}");
    assert!(page.contains("\u{2705} ec2 stop web-2\n"), "it was asked, and is not offered: {page}");
    assert!(!page.contains("run: change") && !page.contains("run: destroy"), "{page}");
    for row in Catalog::built_in().rows().iter().filter(|row| row.risk >= Risk::Change) {
        assert!(!page.contains(&format!(" {}]", row.name)), "{}: {page}", row.name);
    }
}

#[test]
fn a_command_that_was_added_stands_in_the_home() {
    let catalog = Arc::new(Catalog::built_in().with(&FLEET).expect("a name of its own"));
    let page = |group: &str| read(&Seen { catalog: Arc::clone(&catalog), ..seen(group, Some(Recent::default())) });
    let (may, may_not) = (page("viewers"), page(""));
    assert!(may.contains("fleet report – Reports on the fleet [Run run:") && may.contains(" fleet report]"), "{may}");
    assert!(!may_not.contains("fleet report"), "{may_not}");
}

#[test]
fn whoever_may_nothing_reads_why_and_whom_to_ask() {
    insta::assert_snapshot!(read(&seen("", Some(Recent::default()))), @r"
    I am ready: version 0.1.0 abc1234.
    [Refresh home:refresh -]
    ---
    # Waiting for you
    Nothing waits for you.
    ---
    # What you may run
    Nothing.
    I work for full members of this workspace only; you are a guest here.
    Ask one of them to do it for you, or an admin of the workspace to make you one.
    ---
    # Your last requests
    You have not asked me for anything lately.
       As of 2026-03-02 12:00:05 UTC. For five minutes after you open it I keep this up to date; later, press Refresh.
    ");
}

/// Whatever keeps somebody out, the page says why and who could, and of no command that nobody ran.
#[test]
fn whoever_is_no_full_member_reads_so() {
    for (membership, why) in [
        (Membership::Guest, "you are a guest here"),
        (Membership::Outside, "you belong to another workspace"),
        (Membership::Inactive, "your account is not an active one"),
    ] {
        for group in ["", "viewers", "operators"] {
            let groups = [group].into_iter().filter(|name| !name.is_empty()).map(str::to_owned).collect();
            let (user, team, unread) = ("U1".into(), "T1".into(), BTreeSet::new());
            let principal = Principal { user, team, name: "maya".into(), membership, groups, unread };
            let permits = super::Permits::at_home(policies(), catalog(), principal, Arc::default(), now());
            let page = read(&Seen { permits: Ok(permits), ..seen("", Some(Recent::default())) });
            let said = format!("Nothing.\nI work for full members of this workspace only; {why}.\nAsk one of them ");
            assert!(page.contains(&said), "{page}");
            for unwanted in ["help", "Nothing was", "operators", "[Run", "[Fill in"] {
                assert!(!page.contains(unwanted), "{unwanted}: {page}");
            }
        }
    }
}

#[test]
fn what_is_not_known_is_said_and_not_guessed() {
    let failure =
        Failure::sentence("I could not ask Slack who you are, so nothing was run. Try again in a minute.", "x");
    let mut seen = Seen { permits: Err(failure), ..seen("viewers", None) };
    for link in &mut seen.vitals.links {
        link.up = false;
    }
    seen.vitals.store.ok = false;
    seen.vitals.store.last_error = Some("disk is full".to_owned());
    insta::assert_snapshot!(read(&seen), @r"
    Not all is well with me, version 0.1.0 abc1234.
    • no link to Slack is up
    • the store is failing: its last operation failed: disk is full
    [Refresh home:refresh -]
    ---
    # Waiting for you
    My journal does not answer now, so I cannot say what waits.
    ---
    # What you may run
    I could not ask Slack who you are, so I cannot say what you may run. Press Refresh in a minute.
    ---
    # Your last requests
    My journal does not answer now. Press Refresh in a minute.
       As of 2026-03-02 12:00:05 UTC. For five minutes after you open it I keep this up to date; later, press Refresh.
    ");
}

#[test]
fn of_very_many_requests_the_last_are_shown_and_the_rest_is_counted() {
    let text = format!("ec2 stop {}", "web-1 ".repeat(400));
    let open: Vec<Asked> = (0..30).map(|n| asked(n, &text, Source::Mention, State::Planned, 1)).collect();
    let ended: Vec<Asked> = (0..30).map(|n| asked(n, &text, Source::Mention, State::Failed, 1)).collect();
    let seen = seen("operators", Some(Recent { open, more_open: 70, ended }));
    let blocks = blocks(&seen);
    assert!(blocks.len() <= 100, "{}", blocks.len());
    let page = read(&seen);
    assert!(page.contains("85 more of your requests wait."), "{page}");
    assert_eq!(page.matches("\u{274C} ec2 stop").count(), 10);
    assert!(!page.contains("find no place"), "{page}");
    assert!(serde_json::to_string(&blocks).expect("JSON").len() < 100_000);
}

#[test]
fn a_crowd_is_shown_its_homes_in_pace_though_their_keeper_dies() {
    run(async {
        const PEOPLE: usize = 400;
        let shown = Rc::new(RefCell::new(BTreeMap::<String, usize>::new()));
        let server = {
            let shown = Rc::clone(&shown);
            Server::start(move |request| match request.path() {
                "/api/auth.test" => answer(r#"{"ok":true,"user_id":"UBOT","bot_id":"BBOT","team_id":"T1"}"#),
                "/api/views.publish" => {
                    let user = request.json()["user_id"].as_str().expect("a person").to_owned();
                    *shown.borrow_mut().entry(user).or_default() += 1;
                    answer(r#"{"ok":true,"view":{"id":"V1"}}"#)
                }
                _ => answer(r#"{"ok":true,"user":{"id":"U1","team_id":"T1","name":"x","profile":{}}}"#),
            })
            .await
        };
        // 20 a second, of which 300 may come at once
        let pacing =
            PacingConfig { tier4_per_minute: 1_200, max_wait: Duration::from_secs(10), ..PacingConfig::default() };
        let config = SlackConfig {
            api_url: server.url(),
            bot_token: "xoxb-secret".into(),
            pacing: pacing.clone(),
            ..SlackConfig::default()
        };
        let proxy = Arc::new(Proxy::for_config(&config, None, None).expect("a valid proxy"));
        let pacer = Arc::new(Pacer::new(&pacing));
        let house = House::new().await;
        let parts = super::HomeParts {
            people: PeopleParts {
                groups: Arc::default(),
                web_api: Arc::new(move || WebApi::new(&config, Arc::clone(&proxy), Arc::clone(&pacer))),
                identity: Arc::default(),
            },
            catalog: catalog(),
            policies: policies(),
            journal: Arc::clone(&house.store.journal),
            onlookers: Arc::default(),
            vitals: cx().vitals,
            clock: clock::system(),
        };
        let keeper = house.tree.add(ChildSpec::new("home"), move |_| super::HomeKeeper::new(parts.clone())).await;
        let began = tokio::time::Instant::now();
        for number in 0..PEOPLE {
            keeper.tell(super::HomeOpened(UserId(format!("U{number}")))).expect("it lives");
        }
        house.tree.kill_child("home", "a test").expect("it is there");
        while shown.borrow().len() < PEOPLE {
            let most = 301 + (began.elapsed().as_millis() / 50) as usize;
            let calls: usize = shown.borrow().values().sum();
            assert!(calls <= most, "{calls} in {:?}", began.elapsed());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(shown.borrow().values().all(|times| *times == 1), "nobody's is shown twice for one opening");
        assert!(began.elapsed() >= Duration::from_secs(4), "{:?}", began.elapsed());
        house.ends().await;
    });
}
