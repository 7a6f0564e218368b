use super::*;
use crate::dispatch::groups::GroupConfig;
use crate::slack::api::Pacer;
use crate::slack::testing::{Action, Request, Server, answer, run, status};
use crate::slack::{Proxy, SlackConfig};
use futures_util::future::join_all;
use std::cell::Cell;
use tokio::time::Instant;

async fn people(handler: impl Fn(&Request) -> Action + 'static) -> (Server, People) {
    let server = Server::start(handler).await;
    let config = SlackConfig {
        api_url: server.url(),
        bot_token: "xoxb-secret".into(),
        api_timeout: Duration::from_secs(5),
        ..SlackConfig::default()
    };
    let proxy = Arc::new(Proxy::for_config(&config, None, None).expect("a valid proxy"));
    let pacer = Arc::new(Pacer::new(&config.pacing));
    let group = GroupConfig { users: vec![], slack_usergroups: vec!["S1".to_owned()] };
    let parts = PeopleParts {
        groups: Arc::new(GroupsConfig(BTreeMap::from([("operators".to_owned(), group)]))),
        web_api: Arc::new(move || WebApi::new(&config, Arc::clone(&proxy), Arc::clone(&pacer))),
        identity: Arc::default(),
    };
    let people = People::new(parts);
    (server, people)
}

fn slack(request: &Request) -> Action {
    match request.path().rsplit('/').next() {
        Some("auth.test") => answer(r#"{"ok":true,"team_id":"T1","user_id":"UB","bot_id":"B1"}"#),
        Some("usergroups.users.list") => answer(r#"{"ok":true,"users":["U1"]}"#),
        _ if request.body.contains("U404") => answer(r#"{"ok":false,"error":"user_not_found"}"#),
        _ => answer(r#"{"ok":true,"user":{"id":"U1","team_id":"T1","name":"maya"}}"#),
    }
}

fn calls(server: &Server, method: &str) -> usize {
    server.paths().iter().filter(|path| path.ends_with(method)).count()
}

// failure 29
#[test]
fn a_thousand_commands_of_one_person_at_once_ask_slack_once() {
    run(async {
        let (server, people) = people(slack).await;
        let user = UserId::from("U1");
        let asked = join_all((0..1_000).map(|_| people.principal(&user))).await;
        assert!(asked.iter().all(|known| known.as_ref().is_ok_and(|(who, _)| who.groups.contains("operators"))));
        people.principal(&user).await.expect("still known");
        assert_eq!(server.paths().len(), 3, "{:?}", server.paths());
        for method in ["auth.test", "users.info", "usergroups.users.list"] {
            assert_eq!(calls(&server, method), 1, "{method}");
        }
    });
}

// failure 29
#[test]
fn somebody_whom_slack_does_not_know_is_remembered_as_that() {
    run(async {
        let (server, people) = people(slack).await;
        let user = UserId::from("U404");
        for _ in 0..10 {
            let (who, _) = people.principal(&user).await.expect("an answer of Slack's");
            assert_eq!(who.membership, Membership::Outside);
        }
        assert_eq!(calls(&server, "users.info"), 1);
    });
}

// failure 29
#[test]
fn a_slack_that_says_too_many_is_not_asked_again_before_its_time() {
    run(async {
        let limited = Cell::new(true);
        let (server, people) = people(move |request| match request.path().ends_with("users.info") {
            true if limited.replace(false) => {
                status(429, "retry-after: 2\r\n", r#"{"ok":false,"error":"ratelimited"}"#)
            }
            _ => slack(request),
        })
        .await;
        let (user, began) = (UserId::from("U1"), Instant::now());
        let asked = join_all((0..100).map(|_| people.principal(&user))).await;
        assert!(asked.iter().all(Result::is_err), "nobody is let in meanwhile");
        assert!(people.principal(&user).await.is_err());
        assert_eq!(calls(&server, "users.info"), 1);
        while people.principal(&user).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(began.elapsed() >= Duration::from_secs(2), "{:?}", began.elapsed());
        assert_eq!(calls(&server, "users.info"), 2);
    });
}

// failure 29
#[test]
fn a_slack_that_is_down_gets_a_handful_of_questions_for_a_thousand_people() {
    run(async {
        let (server, people) = people(|_| status(503, "", "")).await;
        let users: Vec<_> = (0..1_000).map(|number| UserId::from(format!("U{number}").as_str())).collect();
        let asked = join_all(users.iter().map(|user| people.principal(user))).await;
        assert!(asked.iter().all(Result::is_err));
        assert!(server.paths().len() <= 16, "{} questions", server.paths().len());
    });
}

/// Whatever final no Slack has for a user group: nobody is known to be in it, and nobody known not to be.
#[test]
fn a_user_group_that_cannot_be_read_is_in_doubt_for_all_who_may_be_in_it() {
    for error in ["missing_scope", "no_such_subteam", "subteam_not_found", "plan_upgrade_required", "a_new_word"] {
        run(async {
            let (_server, people) = people(move |request| match request.path().rsplit('/').next() {
                Some("usergroups.users.list") => answer(format!(r#"{{"ok":false,"error":"{error}"}}"#)),
                _ => slack(request),
            })
            .await;
            let (who, members) = people.principal(&UserId::from("U1")).await.expect("known");
            let operators = BTreeSet::from(["operators".to_owned()]);
            assert_eq!((who.groups, who.unread), (BTreeSet::new(), operators), "{error}");
            assert!(members["operators"].is_empty(), "nobody is named");
        });
    }
}
