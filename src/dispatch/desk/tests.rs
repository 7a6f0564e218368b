mod added;
mod afresh;
mod decided;
mod refusals;

use super::super::policy::Policies;
use super::super::{Dispatcher, GroupConfig, GroupsConfig, Identity, Incoming, PeopleParts};
use super::*;
use crate::clock;
use crate::commands::testing::{cx, plain};
use crate::domain::{Plan, Source, UserId};
use crate::execution::testing::{House, Leased};
use crate::execution::{AnswerDesk, Workshop};
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
    server: Server,
}

impl Office {
    async fn new(slack_is_down: bool) -> Self {
        Self::with(slack_is_down, |shop| shop).await
    }

    async fn with(slack_is_down: bool, change: impl FnOnce(Workshop) -> Workshop) -> Self {
        Self::over(slack_is_down, Catalog::built_in(), change).await
    }

    /// With the commands of this catalogue.
    async fn over(slack_is_down: bool, catalog: Catalog, change: impl FnOnce(Workshop) -> Workshop) -> Self {
        let down = Rc::new(Cell::new(slack_is_down));
        let server = {
            let down = Rc::clone(&down);
            Server::start(move |request| match request.path() {
                _ if down.get() => status(503, "", ""),
                "/api/auth.test" => answer(r#"{"ok":true,"user_id":"UBOT","bot_id":"BBOT","team_id":"T1"}"#),
                "/api/conversations.info" => shared_place(request.body.contains("CPARTNERS")),
                _ => person(request.body.split('=').next_back().unwrap_or_default()),
            })
            .await
        };
        let config = SlackConfig {
            api_url: server.url(),
            bot_token: "xoxb-secret".into(),
            pacing: PacingConfig { max_wait: Duration::ZERO, ..PacingConfig::default() },
            ..SlackConfig::default()
        };
        let house = House::new().await;
        let operators = GroupConfig { users: vec![UserId::from("UMAYA")], ..GroupConfig::default() };
        let groups = GroupsConfig(BTreeMap::from([
            ("operators".to_owned(), operators),
            ("viewers".to_owned(), GroupConfig { users: vec![UserId::from("UVERA")], ..GroupConfig::default() }),
        ]));
        let proxy = Arc::new(Proxy::for_config(&config, None, None).expect("a valid proxy"));
        let context = Context { catalog: Arc::new(catalog), ..cx() };
        let parts = DeskParts {
            policies: Arc::new(policies(&groups, &context.catalog)),
            catalog: context.catalog,
            callers: Arc::new(super::super::Callers::new(Duration::from_secs(60))),
            people: PeopleParts {
                groups: Arc::new(groups),
                web_api: Arc::new(move || {
                    WebApi::new(&config, Arc::clone(&proxy), Arc::new(Pacer::new(&config.pacing)))
                }),
                identity: Arc::new(OnceCell::<Identity>::new()),
            },
            places: Arc::default(),
            pool: house.pool.clone(),
            shop: change(house.shop.clone()),
            flights: Arc::clone(&house.flights),
            aws: context.aws,
            vitals: context.vitals,
            clock: clock::system(),
            limits: context.limits,
            deploy: context.deploy,
            sweep_every: None,
        };
        let spec = ChildSpec::new("dispatcher");
        let dispatcher = house.tree.add(spec, move |_| Dispatcher::new(parts.clone())).await;
        Self { house, dispatcher, slack_is_down: down, server }
    }

    async fn accept(&self, number: u128, user: &str, text: &str) -> Request {
        let request = Request { user: user.into(), text: text.to_owned(), ..self.house.a_request(number) };
        self.house.accept_this(request).await
    }

    fn tell(&self, request: &Request, how: How) {
        self.dispatcher.tell(Incoming { request: request.clone(), how }).expect("it lives");
    }

    /// The one letter to a request of this door.
    async fn letter(&self, source: Source, user: &str, text: &str) -> Reply {
        let request = Request { source, user: user.into(), text: text.to_owned(), ..self.house.a_request(0) };
        self.letter_to(request).await
    }

    /// The one letter to this request, under a number of its own.
    async fn letter_to(&self, request: Request) -> Reply {
        let before = self.letters().await.len();
        let request = Request { id: self.house.a_request(before as u128 + 1).id, ..request };
        let request = self.house.accept_this(request).await;
        self.tell(&request, How::Fresh);
        within("an answer", async {
            while self.letters().await.len() == before || !self.house.flights.is_empty() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        })
        .await;
        self.letters().await.remove(before)
    }

    async fn letters(&self) -> Vec<Reply> {
        let later = clock::system().now() + jiff::SignedDuration::from_hours(2);
        let letters =
            self.house.store.outbox.due(later, crate::store::Wanted::first(100)).await.expect("the outbox is read");
        letters.into_iter().map(|letter| letter.letter.reply).collect()
    }

    /// The one answer to a request that comes like this.
    async fn says(&self, user: &str, text: &str, how: How) -> String {
        let before = self.house.letters().await.len();
        let request = self.accept(before as u128 + 1, user, text).await;
        if let How::TakenUp { state: State::Running, plan, .. } = &how {
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

fn policies(groups: &GroupsConfig, catalog: &Catalog) -> Policies {
    use super::super::policy::Source;
    let (policies, schema) = (Source::built_in_policies(), Source::built_in_schema());
    Policies::load(&policies, &schema, &catalog.actions(), &groups.names()).expect("the shipped policies")
}

fn shared_place(shared: bool) -> Action {
    answer(format!(r#"{{"ok":true,"channel":{{"id":"C1","is_ext_shared":{shared}}}}}"#))
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
        account: None,
        region: "eu-central-1".to_owned(),
        targets: vec!["i-1".to_owned()],
        token: "t".to_owned(),
        before: Default::default(),
    };
    Plan { command: "ec2 stop".to_owned(), text: "stop i-1".to_owned(), steps: vec![step], ..Plan::default() }
}

#[test]
fn what_the_bot_says_by_itself_is_said_as_it_is_whoever_slack_knows() {
    run(async {
        let office = Office::new(true).await;
        let text = "I moved: from i-0abc (eu-central-1a) to i-0def (eu-central-1b), version 1.2.3.";
        let reply = office.letter(Source::House, "dronebot", text).await;
        assert_eq!(plain(&reply), format!("[info] {text}"));
        office.house.ends().await;
    });
}

#[test]
fn a_self_test_pings_whoever_slack_knows_and_may_do_nothing_else() {
    run(async {
        // Slack tells nobody who anybody is, and it is asked nothing
        let office = Office::new(true).await;
        let said = plain(&office.letter(Source::SelfTest, "dronebot", "ping").await);
        assert!(
            said.starts_with("[info] Pong, as self-test ") && said.contains(": I am 0.1.0 (revision abc"),
            "{said}"
        );
        for line in [
            "help",
            "whoami",
            "version",
            "status",
            "ec2 list",
            "ec2 stop i-1",
            "deploy 1.2.3",
            "approve 7F3K",
            "pign",
            "",
        ] {
            let said = plain(&office.letter(Source::SelfTest, "dronebot", line).await);
            assert!(said.starts_with("[refused]") && !said.contains("Usage") && !said.contains("@U"), "{line}: {said}");
        }
        office.house.ends().await;
    });
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
        // nobody typed `help`, so it is not about that
        insta::assert_snapshot!(office.says("UGUS", "pign", How::Fresh).await, @r"
        [refused] I work for full members of this workspace only; you are a guest here. Nothing was done.
        Ask one of them to do it for you, or an admin of the workspace to make you one.
        ");
        insta::assert_snapshot!(office.says("UOLGA", "pign", How::Fresh).await, @r"
        [refused] I work for full members of this workspace only; you belong to another workspace. Nothing was done.
        Ask one of them to do it for you, or an admin of the workspace to make you one.
        ");
        office.house.ends().await;
    });
}

#[test]
fn a_missing_argument_is_asked_for_by_a_form_if_the_person_could_run_the_command_at_all() {
    run(async {
        let office = Office::new(false).await;
        let reply = office.letter(Source::SlashCommand, "UMAYA", "ec2 stop --region us-east-1").await;
        insta::assert_snapshot!(plain(&reply), @r#"
        [usage] `<target>` is missing.
        Usage: `ec2 stop <target>… [--region <region>]…`
        [Fill in a form]Form("ec2 stop --region us-east-1")
        "#);
        let form = reply.form.expect("a form");
        let said: Vec<_> = form.fields.iter().map(|field| (field.name.as_str(), field.value.as_deref())).collect();
        assert_eq!(said, [("target", None), ("region", Some("us-east-1"))]);
        let reply = office.letter(Source::SlashCommand, "UNINA", "ec2 stop").await;
        insta::assert_snapshot!(plain(&reply), @r"
        [refused] `ec2 stop` needs the group *operators*; you are in no group. Nothing was changed.
        Ask @UMAYA.
        ");
        assert_eq!(reply.form, None);
        for wrong in ["ec2 stop web-1 --region frankfurt", "ec2 stpo", "ec2"] {
            assert_eq!(office.letter(Source::SlashCommand, "UMAYA", wrong).await.form, None, "{wrong}");
        }
        office.house.ends().await;
    });
}

#[test]
fn a_button_that_asks_for_a_form_runs_nothing_even_when_its_line_is_complete() {
    run(async {
        let office = Office::new(false).await;
        let reply = office.letter(Source::FormButton, "UMAYA", "ec2 stop i-1").await;
        insta::assert_snapshot!(plain(&reply), @r#"
        [usage] The form of `ec2 stop` could not be opened in time, and nothing was done. Press again, or type the command.
        [Fill in a form]Form("ec2 stop i-1")
        "#);
        assert_eq!(reply.form.expect("a form").fields[0].value.as_deref(), Some("i-1"));
        let reply = office.letter(Source::FormButton, "UNINA", "ec2 stop i-1").await;
        assert!(plain(&reply).starts_with("[refused]") && reply.form.is_none(), "{reply:?}");
        // taken up after a crash it is still no command
        let request = Request {
            source: Source::FormButton,
            user: "UMAYA".into(),
            text: "ec2 stop i-1".to_owned(),
            ..office.house.a_request(77)
        };
        let request = office.house.accept_this(request).await;
        office.tell(&request, How::TakenUp { state: State::Accepted, plan: None, deaths: 1 });
        within("the answer", async {
            while office.letters().await.len() < 3 {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        })
        .await;
        assert!(office.letters().await[2].form.is_some());
        office.house.ends().await;
    });
}

#[test]
fn what_was_meant_is_offered_to_whoever_could_run_it() {
    run(async {
        let office = Office::new(false).await;
        let offered = async |user: &str| {
            let reply = office.letter(Source::SlashCommand, user, "ec2 stpo web-1").await;
            plain(&reply).lines().skip(1).map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(offered("UMAYA").await, [r#"[ec2 stop web-1…]Form("ec2 stop web-1")"#]);
        assert_eq!(offered("UNINA").await, [""; 0]);
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
        // Slack is left alone for a moment
        while said == office.says("UMAYA", "ping", How::Fresh).await {}
        assert!(office.says("UMAYA", "ping", How::Fresh).await.starts_with("[info] Pong"));
        office.house.ends().await;
    });
}

#[test]
fn what_the_journal_finds_is_worked_on_at_once_however_young_it_is() {
    run(async {
        let mut journal = None;
        let office = Office::with(false, |shop| {
            let leased = Arc::new(Leased::new(Arc::clone(&shop.desk.journal), Duration::from_secs(60), u32::MAX));
            journal = Some(Arc::clone(&leased));
            Workshop { desk: AnswerDesk { journal: leased, ..shop.desk }, ..shop }
        })
        .await;
        // as another replica leaves them: no mailbox of this one has ever had them
        office.accept(1, "UMAYA", "ping").await;
        office.accept(2, "UMAYA", "ping").await;
        journal.expect("a journal").finds.notify_one();
        within("both answers", async {
            while office.house.letters().await.len() < 2 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
        office.house.ends().await;
    });
}

#[test]
fn a_request_from_the_journal_waits_for_slack_instead_of_being_refused() {
    run(async {
        let office = Office::new(true).await;
        let request = office.accept(1, "UMAYA", "ping").await;
        let how = || How::TakenUp { state: State::Accepted, plan: None, deaths: 1 };
        office.tell(&request, how());
        let answered = office.dispatcher.call(crate::dispatch::Boarded, Duration::from_secs(5)).await;
        answered.expect("it lives");
        within("the attempt to end", office.house.flights.idle()).await;
        assert_eq!(office.house.letters().await, [""; 0]);
        office.slack_is_down.set(false);
        within("the answer", async {
            while office.house.letters().await.is_empty() {
                // as the sweep does
                office.tell(&request, how());
                tokio::time::sleep(Duration::from_millis(20)).await;
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
            let how = How::TakenUp { state: State::Running, plan, deaths: 1 };
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
        // failure 36: told without a look at who it is
        office.slack_is_down.set(true);
        let said = office.says("UMAYA", "ec2 stop i-1", How::Crowded).await;
        assert!(said.starts_with("[refused] This thread has asked me more") && said.contains("did not run"), "{said}");
        office.slack_is_down.set(false);
        let mut old = office.house.a_request(90);
        old.user = "UMAYA".into();
        old.text = "ec2 stop i-1".to_owned();
        old.accepted_at -= jiff::SignedDuration::from_secs(61);
        let old = office.house.accept_this(old).await;
        office.tell(&old, How::TakenUp { state: State::Accepted, plan: None, deaths: 1 });
        within("the answer", async {
            while office.house.letters().await.len() < 3 {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        })
        .await;
        assert!(office.house.letters().await[2].starts_with("[failed] I was restarted before I began `ec2 stop i-1`"));
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

#[test]
fn on_the_way_out_nothing_is_taken_up_and_what_was_just_asked_is_answered() {
    run(async {
        let office = Office::new(false).await;
        let left = office.accept(1, "UMAYA", "ping").await;
        office.house.flights.close();
        let how = How::TakenUp { state: State::Accepted, plan: None, deaths: 0 };
        office.tell(&left, how);
        // it finds what nobody works on as it starts
        office.house.tree.kill_child("dispatcher", "a test").expect("it is there");
        let asked = office.accept(2, "UMAYA", "ping").await;
        office.tell(&asked, How::Fresh);
        within("the answer to what was asked", async {
            while office.house.letters().await.is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
        within("it to end", office.house.flights.idle()).await;
        let held: Vec<_> = office.house.store.journal.held(&mut |_| true).iter().map(|held| held.request.id).collect();
        assert_eq!((office.house.letters().await.len(), held), (1, vec![left.id]));
        office.house.tree.stop().await;
        office.house.store.close(Duration::from_secs(5)).await.expect("closed");
    });
}

#[test]
fn a_shortcut_runs_what_reads_asks_before_what_changes_and_says_where_there_is_no_command() {
    run(async {
        let office = Office::new(false).await;
        let again = async |user: &str, text: &str| {
            let number = office.house.letters().await.len() as u128 + 1;
            let source = crate::domain::Source::Shortcut;
            let trigger = Some(secrecy::SecretString::from("7.8.9"));
            let request =
                Request { user: user.into(), text: text.to_owned(), source, trigger, ..office.house.a_request(number) };
            let request = office.house.accept_this(request).await;
            office.tell(&request, How::Fresh);
            within("an answer", async {
                while office.house.letters().await.len() < number as usize || !office.house.flights.is_empty() {
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
            })
            .await;
            office.house.letters().await.pop().expect("an answer")
        };
        assert!(again("UNINA", "ping").await.starts_with("[info] Pong"));
        insta::assert_snapshot!(again("UMAYA", "ec2 stop web-1").await, @r#"
        [usage] I ask before I run `ec2 stop web-1` again, because it changes something. Nothing was done. Press the button, or type it.
        [Run again]Run("ec2 stop web-1")
        "#);
        insta::assert_snapshot!(again("UMAYA", "EC2  stop").await, @r#"
        [usage] `<target>` is missing.
        Usage: `ec2 stop <target>… [--region <region>]…`
        [Fill in a form]Form("EC2  stop")
        "#);
        let nothing = again("UMAYA", "").await;
        insta::assert_snapshot!(nothing, @"[usage] I find no command in that message. Nothing was run. Use this on an answer of mine, or on a message that says a command, such as `ec2 list`.");
        for text in ["good morning", "ec2", "\"ping"] {
            assert_eq!(again("UMAYA", text).await, nothing, "{text}");
        }
        assert!(again("UNINA", "ec2 stop web-1").await.starts_with("[refused] `ec2 stop` needs the group"));
        for text in ["", "ping", "ec2 stop web-1"] {
            let said = again("UGUS", text).await;
            assert!(said.starts_with("[refused] ") && !said.contains("ec2 list"), "{text}: {said}");
        }
        office.house.ends().await;
    });
}

/// What stands in the journal of what this person asked last.
async fn last_state(office: &Office, user: &str) -> State {
    let recent = office.house.store.journal.recent(&user.into(), 1).await.expect("the journal is read");
    recent.ended[0].state
}

#[test]
fn what_processes_have_died_with_twice_is_answered_before_anything_of_it_is_looked_at() {
    run(async {
        let office = Office::new(true).await;
        let broke = |deaths| How::TakenUp { state: State::Accepted, plan: None, deaths };
        // Slack is down, so whoever it was is not asked, and the line is none that can be read
        for text in ["ec2 list", "\"ping"] {
            let said = office.says("UMAYA", text, broke(2)).await;
            assert!(
                said.starts_with(&format!("[failed] I broke twice while I had `{text}` in hand, perhaps")),
                "{said}"
            );
            assert!(said.contains("Nothing was changed by it. Send it again"), "{said}");
            assert_eq!(last_state(&office, "UMAYA").await, State::Failed);
        }
        let planned = How::TakenUp { state: State::Planned, plan: Some(a_plan()), deaths: 7 };
        let said = office.says("UMAYA", "ec2 stop i-1", planned).await;
        assert!(said.starts_with("[failed] I broke 7 times while I had `ec2 stop i-1` in hand"), "{said}");
        office.house.ends().await;
    });
}

#[test]
fn what_was_begun_is_looked_at_once_more_and_then_nobody_knows() {
    run(async {
        let office = Office::new(false).await;
        let running = |deaths| How::TakenUp { state: State::Running, plan: Some(a_plan()), deaths };
        for deaths in [1, 2] {
            let said = office.says("UMAYA", "ec2 stop i-1", running(deaths)).await;
            assert!(said.starts_with("[done] I was restarted while running `ec2 stop i-1`."), "{deaths}: {said}");
        }
        // AWS can be asked, whatever they died of
        let said = office.says("UMAYA", "ec2 stop i-1", running(3)).await;
        assert!(said.starts_with("[done] I broke 3 times while running `ec2 stop i-1`."), "{said}");
        assert_eq!(last_state(&office, "UMAYA").await, State::Succeeded);
        office.slack_is_down.set(true);
        let said = office.says("UMAYA", "ec2 stop i-1", running(4)).await;
        assert!(said.starts_with("[unknown] I broke 4 times while I had `ec2 stop i-1` in hand"), "{said}");
        assert!(said.contains("I do not know what was done. Check the targets with `ec2 show`"), "{said}");
        assert_eq!(last_state(&office, "UMAYA").await, State::Unknown);
        office.house.ends().await;
    });
}

#[test]
fn when_no_worker_is_free_what_is_asked_is_refused_but_not_what_is_asked_of_the_bot_itself() {
    run(async {
        let office = Office::new(false).await;
        let full = office.house.pool.fill();
        let said = office.says("UMAYA", "ec2 list", How::Fresh).await;
        assert_eq!(said, "[refused] I am busy with 1 commands. `ec2 list` was not run. Try again in a minute.");
        for (text, answer) in [
            ("status", "[info] # Dronebot"),
            ("ping", "[info] Pong"),
            ("help", "[info] "),
            ("whoami", "[info] "),
            ("version", "[info] "),
        ] {
            let said = office.says("UMAYA", text, How::Fresh).await;
            assert!(said.starts_with(answer), "{text}: {said}");
        }
        drop(full);
        assert!(office.says("UMAYA", "ec2 list", How::Fresh).await.starts_with("[info]"));
        office.house.ends().await;
    });
}

#[test]
fn what_comes_from_the_journal_waits_for_a_worker_and_is_not_refused() {
    run(async {
        let office = Office::new(false).await;
        let full = office.house.pool.fill();
        let read = office.accept(1, "UMAYA", "ec2 list").await;
        let begun = office.accept(2, "UMAYA", "ec2 stop i-1").await;
        let journal = &office.house.store.journal;
        journal.planned(begun.id, a_plan()).await.expect("planned");
        journal.step_started(begun.id, a_plan().steps[0].clone()).await.expect("begun");
        office.tell(&read, How::TakenUp { state: State::Accepted, plan: None, deaths: 1 });
        office.tell(&begun, How::TakenUp { state: State::Running, plan: Some(a_plan()), deaths: 1 });
        let other = office.accept(3, "UNINA", "ping").await;
        office.tell(&other, How::Fresh);
        within("the answer to what came after them", async {
            while office.house.letters().await.is_empty() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        })
        .await;
        assert_eq!(office.house.letters().await.len(), 1);
        drop(full);
        within("both", office.house.flights.idle()).await;
        let said = office.house.letters().await.join("\n");
        assert_eq!(said.matches("[info]").count(), 2, "the ping and the list: {said}");
        assert!(said.contains("[done] I was restarted while running `ec2 stop i-1`."), "{said}");
        assert!(!said.contains("I am busy"), "{said}");
        office.house.ends().await;
    });
}

#[test]
fn a_clock_that_is_set_back_hides_no_request_and_begins_no_change() {
    run(async {
        let office = Office::new(false).await;
        for (number, text) in [(1, "ping"), (2, "ec2 stop i-1")] {
            let mut request = office.house.a_request(number);
            (request.user, request.text) = ("UMAYA".into(), text.to_owned());
            request.accepted_at += jiff::SignedDuration::from_hours(3);
            office.house.accept_this(request).await;
        }
        office.house.tree.kill_child("dispatcher", "a test").expect("it is there");
        within("both answers", async {
            while office.house.letters().await.len() < 2 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
        within("both to end", office.house.flights.idle()).await;
        let said = office.house.letters().await.join("\n");
        assert!(said.contains("[info] Pong"), "{said}");
        assert!(
            said.contains("[failed] I was restarted before I began `ec2 stop i-1`. Nothing was changed."),
            "{said}"
        );
        office.house.ends().await;
    });
}

/// Whoever approved it, and may not any more when it is to be done: taken out of the group, made a guest, gone elsewhere.
#[test]
fn an_approval_of_somebody_who_may_not_run_it_any_more_lets_nothing_be_done() {
    run(async {
        let office = Office::new(false).await;
        let target = crate::domain::Target {
            kind: crate::aws::INSTANCE,
            id: "i-1".to_owned(),
            name: None,
            account: "123456789012".into(),
            region: "eu-central-1".to_owned(),
            tags: BTreeMap::new(),
        };
        let plan = Plan { targets: vec![target], ..a_plan() };
        for (number, by) in [(1, "UNINA"), (2, "UGUS"), (3, "UOLGA")] {
            let request = office.accept(number, "UMAYA", "ec2 stop i-1").await;
            let now = clock::system().now();
            let approval = ApprovalRequest {
                request: request.id,
                user: request.user.clone(),
                text: request.text.clone(),
                plan: plan.clone(),
                needed: 1,
                asked_at: now,
                expires_at: now + jiff::SignedDuration::from_hours(1),
                given: Vec::new(),
                declined: None,
                closed_at: None,
                words: Vec::new(),
            };
            let approvals = &office.house.shop.approvals;
            approvals.ask(&approval).await.expect("asked");
            let said = crate::domain::WordRecord::new(by.into(), now, crate::domain::Word::Approve);
            approvals.say(request.id, &said).await.expect("said");
            let before = office.house.letters().await.len();
            office.tell(&request, How::TakenUp { state: State::AwaitingApproval, plan: Some(plan.clone()), deaths: 0 });
            let said = within("an answer", async {
                loop {
                    let letters = office.house.letters().await;
                    if letters.len() > before && office.house.flights.is_empty() {
                        return letters;
                    }
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
            });
            let said = said.await.pop().expect("an answer");
            let expected =
                format!("[not approved] @{by} approved `ec2 stop i-1` and may not run it any more, so it was not run.");
            assert!(said.starts_with(&expected), "{said}");
            let history = office.house.store.audit.history(request.id).await.expect("it is read");
            let decided = history.iter().find_map(|event| match &event.what {
                crate::store::What::Finished { decision, .. } => decision.clone(),
                _ => None,
            });
            assert_eq!(decided.expect("it is kept").about, Some(by.into()), "whose right is gone");
        }
        office.house.ends().await;
    });
}

/// In a place that another organisation reads too: each kind of answer, by each way, and who alone it is for.
#[test]
fn where_another_organisation_reads_every_answer_is_for_the_asker_alone_and_nothing_is_changed() {
    use crate::domain::ReplyTo;
    use crate::store::{Address, Wanted};
    use secrecy::SecretString;
    run(async {
        let office = Office::new(false).await;
        let url = || SecretString::from("https://hooks.slack.com/x");
        let ways = [
            (Source::Mention, ReplyTo::Thread { thread_ts: "1.5".to_owned(), begun: false }),
            (Source::Button, ReplyTo::Thread { thread_ts: "1.5".to_owned(), begun: true }),
            (Source::Modal, ReplyTo::Beside { thread_ts: None, response_url: Some(url()) }),
            (Source::Shortcut, ReplyTo::Beside { thread_ts: Some("1.5".to_owned()), response_url: None }),
            (Source::SlashCommand, ReplyTo::Caller { response_url: Some(url()) }),
        ];
        let lines = [("ping", "[info] Pong"), ("ec2 stpo", "[usage]"), ("ec2 stop i-1", "[refused]")];
        let mut number = 0;
        for (source, reply_to) in ways {
            for (text, begins) in lines {
                number += 1;
                let (user, channel, reply_to) = ("UMAYA".into(), "CPARTNERS".into(), reply_to.clone());
                let request = office.house.a_request(number);
                let request = Request { source, user, channel, text: text.to_owned(), reply_to, ..request };
                let request = office.house.accept_this(request).await;
                office.tell(&request, How::Fresh);
                let later = clock::system().now() + jiff::SignedDuration::from_hours(2);
                let letter = within("an answer", async {
                    loop {
                        let due = office.house.store.outbox.due(later, Wanted::first(100)).await.expect("read");
                        if let Some(letter) = due.into_iter().find(|letter| letter.letter.request == request.id) {
                            return letter.letter;
                        }
                        tokio::time::sleep(Duration::from_millis(2)).await;
                    }
                })
                .await;
                let said = plain(&letter.reply);
                assert!(said.starts_with(begins), "{source:?} {text}: {said}");
                match &letter.address {
                    Address::Ephemeral { user, .. }
                    | Address::ResponseUrl { user, .. }
                    | Address::ClickUrl { user, .. } => assert_eq!(user.as_str(), "UMAYA"),
                    Address::Post { .. } | Address::Beside { .. } => panic!("{source:?} {text}: {:?}", letter.address),
                }
                if text == "ec2 stop i-1" {
                    assert!(said.contains("nothing is changed from a place where people of another"), "{said}");
                }
            }
        }
        office.house.ends().await;
    });
}

/// A button says which plan was shown with it: one of another plan approves nothing, and so does one of no plan at all.
#[test]
fn a_button_approves_the_plan_that_was_shown_with_it_and_no_other() {
    run(async {
        let office = Office::new(false).await;
        let target = crate::domain::Target {
            kind: crate::aws::INSTANCE,
            id: "i-1".to_owned(),
            name: Some("web-1".to_owned()),
            account: "123456789012".into(),
            region: "eu-central-1".to_owned(),
            tags: BTreeMap::new(),
        };
        let plan = Plan { targets: vec![target], ..a_plan() };
        let before = Plan { text: "stop i-0 and i-1".to_owned(), ..plan.clone() };
        let now = clock::system().now();
        let approval = ApprovalRequest {
            request: crate::domain::RequestId::new(7, 7),
            user: "UOMAR".into(),
            text: "ec2 stop web-1".to_owned(),
            plan: plan.clone(),
            needed: 1,
            asked_at: now,
            expires_at: now + jiff::SignedDuration::from_mins(15),
            given: Vec::new(),
            declined: None,
            closed_at: None,
            words: Vec::new(),
        };
        office.house.shop.approvals.ask(&approval).await.expect("asked");
        let id = approval.request;
        let given = async || {
            let found = office.house.shop.approvals.asked(id).await.expect("read").expect("it waits");
            found.given.len()
        };
        for word in [crate::store::plan_hash(&before), "0123456789ab".to_owned()] {
            let said = office.says("UMAYA", &format!("approve {id}/{word}"), How::Fresh).await;
            assert!(said.starts_with("[refused] `ec2 stop web-1` of @UOMAR would do something else by now"), "{said}");
            assert!(said.contains("Nothing was approved."), "{said}");
            assert_eq!(given().await, 0);
        }
        let said = office.says("UNINA", &format!("approve {id}/0123456789ab"), How::Fresh).await;
        assert!(said.contains("needs the group"), "who may not run it learns nothing of its plan: {said}");
        let shown = crate::store::plan_hash(&plan);
        let said = office.says("UMAYA", &format!("approve {id}/{shown}"), How::Fresh).await;
        assert!(said.starts_with("[done] `ec2 stop web-1` of @UOMAR is approved"), "{said}");
        assert_eq!(given().await, 1);
        office.house.ends().await;
    });
}

/// Slack knows the person, and cannot be asked about the place: what reads is answered to the asker alone, and of what
/// changes something nothing is run.
#[test]
fn where_slack_cannot_be_asked_about_the_place_a_change_fails_and_a_read_is_for_the_asker_alone() {
    run(async {
        let office = Office::new(false).await;
        assert!(office.says("UMAYA", "ping", How::Fresh).await.starts_with("[info] Pong"), "maya is known");
        office.slack_is_down.set(true);
        let ask = async |number: u128, text: &str| {
            let request = Request { channel: "CNEW".into(), ..office.house.a_request(number) };
            let request = Request { user: "UMAYA".into(), text: text.to_owned(), ..request };
            let request = office.house.accept_this(request).await;
            office.tell(&request, How::Fresh);
            let later = clock::system().now() + jiff::SignedDuration::from_hours(2);
            within("an answer", async {
                loop {
                    let due =
                        office.house.store.outbox.due(later, crate::store::Wanted::first(100)).await.expect("read");
                    if let Some(letter) = due.into_iter().find(|letter| letter.letter.request == request.id) {
                        return letter.letter;
                    }
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
            })
            .await
        };
        for (number, text, begins) in [
            (11, "ping", "[info] Pong"),
            (12, "ec2 stop i-1", "[failed] I could not ask Slack whether this channel is shared"),
        ] {
            let letter = ask(number, text).await;
            assert!(plain(&letter.reply).starts_with(begins), "{}", plain(&letter.reply));
            assert!(matches!(letter.address, crate::store::Address::Ephemeral { .. }), "{:?}", letter.address);
        }
        office.slack_is_down.set(false);
        office.house.ends().await;
    });
}
