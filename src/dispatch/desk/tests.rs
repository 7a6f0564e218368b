use super::super::{Dispatcher, GroupConfig, GroupsConfig, Identity, Incoming};
use super::*;
use crate::clock;
use crate::commands::testing::cx;
use crate::domain::{Plan, UserId};
use crate::execution::testing::House;
use crate::slack::api::{Pacer, WebApi};
use crate::slack::testing::{Action, Server, answer, run, status, within};
use crate::slack::{PacingConfig, Proxy, SlackConfig};
use crate::supervision::{ChildSpec, Handle};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::OnceCell;

/// A dispatcher over a Slack that knows the people of a test.
struct Office {
    house: House,
    dispatcher: Handle<Dispatcher>,
    slack_is_down: Rc<Cell<bool>>,
    _server: Server,
}

impl Office {
    async fn new(slack_is_down: bool) -> Self {
        let down = Rc::new(Cell::new(slack_is_down));
        let server = {
            let down = Rc::clone(&down);
            Server::start(move |request| match request.path() {
                _ if down.get() => status(503, "", ""),
                "/api/auth.test" => answer(r#"{"ok":true,"user_id":"UBOT","bot_id":"BBOT","team_id":"T1"}"#),
                _ => person(request.body.split('=').next_back().unwrap_or_default()),
            })
            .await
        };
        let config = SlackConfig {
            api_url: server.url(),
            bot_token: secrecy::SecretString::from("xoxb-secret"),
            pacing: PacingConfig { max_wait: Duration::ZERO, ..PacingConfig::default() },
            ..SlackConfig::default()
        };
        let house = House::new().await;
        let operators = GroupConfig { users: vec![UserId::from("UMAYA")], ..GroupConfig::default() };
        let groups = GroupsConfig(BTreeMap::from([
            ("operators".to_owned(), operators),
            ("viewers".to_owned(), GroupConfig::default()),
        ]));
        let proxy = Arc::new(Proxy::for_config(&config, None, None).expect("a valid proxy"));
        let context = cx();
        let parts = DeskParts {
            policies: Arc::new(policies(&groups)),
            people: PeopleParts {
                groups: Arc::new(groups),
                web_api: Arc::new(move || {
                    WebApi::new(&config, Arc::clone(&proxy), Arc::new(Pacer::new(&config.pacing)))
                }),
                identity: Arc::new(OnceCell::<Identity>::new()),
            },
            pool: house.pool.clone(),
            shop: house.shop.clone(),
            flights: Arc::clone(&house.flights),
            aws: context.aws,
            vitals: context.vitals,
            clock: clock::system(),
            limits: context.limits,
        };
        let spec = ChildSpec::new("dispatcher");
        let dispatcher = house.tree.add(spec, move |_| Dispatcher::new(parts.clone())).await;
        Self { house, dispatcher, slack_is_down: down, _server: server }
    }

    async fn accept(&self, number: u128, user: &str, text: &str) -> Request {
        let request = Request { user: user.into(), text: text.to_owned(), ..self.house.a_request(number) };
        self.house.accept_this(request).await
    }

    fn tell(&self, request: &Request, how: How) {
        self.dispatcher.tell(Incoming { request: request.clone(), how }).expect("it lives");
    }

    /// The one answer to a request that comes like this.
    async fn says(&self, user: &str, text: &str, how: How) -> String {
        let before = self.house.letters().await.len();
        let request = self.accept(before as u128 + 1, user, text).await;
        if let How::TakenUp { state: State::Running, plan } = &how {
            let journal = &self.house.store.journal;
            let planned = plan.clone().unwrap_or_else(a_plan);
            journal.planned(request.id, planned.clone()).await.expect("planned");
            journal.step_started(request.id, planned.steps[0].clone()).await.expect("begun");
        }
        self.tell(&request, how);
        let answers = within("an answer", async {
            loop {
                let letters = self.house.letters().await;
                if letters.len() > before && self.house.flights.is_empty() {
                    return letters;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        });
        let answers = answers.await;
        assert_eq!(answers.len(), before + 1, "one answer: {answers:?}");
        answers.into_iter().next_back().expect("an answer")
    }
}

fn policies(groups: &GroupsConfig) -> Policies {
    use super::super::policy::Source;
    let actions: Vec<(&str, Risk)> = commands::COMMANDS.iter().map(|row| (row.action, row.risk)).collect();
    let (policies, schema) = (Source::built_in_policies(), Source::built_in_schema());
    Policies::load(&policies, &schema, &actions, &groups.names()).expect("the shipped policies")
}

fn person(id: &str) -> Action {
    let guest = id == "UGUS";
    let team = if id == "UOLGA" { "T9" } else { "T1" };
    answer(format!(
        r#"{{"ok":true,"user":{{"id":"{id}","team_id":"{team}","name":"x","is_restricted":{guest},"deleted":false,"is_bot":false,"profile":{{}}}}}}"#
    ))
}

fn a_plan() -> Plan {
    let step = crate::domain::Step {
        index: 0,
        operation: "ec2:StopInstances".to_owned(),
        region: "eu-central-1".to_owned(),
        targets: vec!["i-1".to_owned()],
        token: "t".to_owned(),
    };
    Plan {
        command: "ec2 stop".to_owned(),
        text: "stop i-1".to_owned(),
        targets: Vec::new(),
        steps: vec![step],
        cautions: Vec::new(),
    }
}

#[test]
fn guests_and_outsiders_learn_nothing_not_even_from_a_mistake() {
    run(async {
        let office = Office::new(false).await;
        assert!(office.says("UNINA", "pign", How::Fresh).await.starts_with("[usage] I do not know `pign`"));
        for user in ["UGUS", "UOLGA"] {
            for text in ["pign", "ec2 stop", "help", ""] {
                let said = office.says(user, text, How::Fresh).await;
                assert!(said.starts_with("[refused] ") && !said.contains("Usage"), "{user} {text}: {said}");
            }
        }
        office.house.ends().await;
    });
}

#[test]
fn nobody_is_let_in_because_slack_does_not_answer() {
    run(async {
        let office = Office::new(true).await;
        let said = office.says("UMAYA", "ping", How::Fresh).await;
        assert_eq!(said, "[failed] I could not ask Slack who you are, so nothing was run. Try again in a minute.");
        office.slack_is_down.set(false);
        assert!(office.says("UMAYA", "ping", How::Fresh).await.starts_with("[info] Pong"));
        office.house.ends().await;
    });
}

#[test]
fn a_request_from_the_journal_waits_for_slack_instead_of_being_refused() {
    run(async {
        let office = Office::new(true).await;
        let request = office.accept(1, "UMAYA", "ping").await;
        let how = || How::TakenUp { state: State::Accepted, plan: None };
        office.tell(&request, how());
        let answered = office.dispatcher.call(crate::dispatch::Boarded, Duration::from_secs(5)).await;
        answered.expect("it lives");
        within("the attempt to end", office.house.flights.idle()).await;
        assert_eq!(office.house.letters().await, [""; 0]);
        office.slack_is_down.set(false);
        office.tell(&request, how());
        within("the answer", async {
            while office.house.letters().await.is_empty() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        })
        .await;
        office.house.ends().await;
    });
}

#[test]
fn what_was_begun_and_is_not_understood_any_more_is_never_said_to_be_undone() {
    run(async {
        let office = Office::new(false).await;
        for (text, plan) in [("ec2 stpo i-1", Some(a_plan())), ("ec2 stop i-1", None), ("ping", Some(a_plan()))] {
            let how = How::TakenUp { state: State::Running, plan };
            let said = office.says("UNINA", text, how).await;
            assert!(said.starts_with("[unknown] I was restarted while running"), "{text}: {said}");
            assert!(said.contains("I do not know what was done"), "{text}: {said}");
        }
        office.house.ends().await;
    });
}

#[test]
fn what_slack_has_called_failed_is_not_run_and_what_is_old_is_not_begun() {
    run(async {
        let office = Office::new(false).await;
        let said = office.says("UMAYA", "ec2 stop i-1", How::Late).await;
        assert!(said.starts_with("[refused] My journal was slow") && said.contains("did not run"), "{said}");
        // row 36: told without a look at who it is
        office.slack_is_down.set(true);
        let said = office.says("UMAYA", "ec2 stop i-1", How::Crowded).await;
        assert!(said.starts_with("[refused] This thread has asked me more") && said.contains("did not run"), "{said}");
        office.slack_is_down.set(false);
        let mut old = office.house.a_request(90);
        old.user = "UMAYA".into();
        old.text = "ec2 stop i-1".to_owned();
        old.accepted_at -= jiff::SignedDuration::from_secs(61);
        let old = office.house.accept_this(old).await;
        office.tell(&old, How::TakenUp { state: State::Accepted, plan: None });
        within("the answer", async {
            while office.house.letters().await.len() < 2 {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        })
        .await;
        assert!(office.house.letters().await[1].starts_with("[failed] I was restarted before I began `ec2 stop i-1`"));
        office.house.ends().await;
    });
}

#[test]
fn what_a_crash_left_in_the_journal_is_taken_up_at_the_start_and_answered_once() {
    run(async {
        let office = Office::new(false).await;
        // journalled, and never told: as when the process dies after the acknowledgement
        for number in 1..20 {
            office.accept(number, "UMAYA", "ping").await;
        }
        office.house.tree.kill_child("dispatcher", "a test").expect("it is there");
        within("all answers", async {
            while office.house.letters().await.len() < 19 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
        within("all to end", office.house.flights.idle()).await;
        assert_eq!(office.house.letters().await.len(), 19);
        office.house.ends().await;
    });
}
