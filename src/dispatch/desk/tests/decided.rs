//! What was decided stands with the request, and each word on a change with the change.

use super::*;
use crate::domain::{RequestId, Ruling, Target, Word, WordRecord, WordRefusal};
use crate::store::{Event, What};

/// A change of somebody, as others are asked about it.
fn asked(number: u128, user: &str) -> ApprovalRequest {
    let target = Target {
        kind: crate::aws::INSTANCE,
        id: "i-1".to_owned(),
        name: Some("web-1".to_owned()),
        account: "123456789012".into(),
        region: "eu-central-1".to_owned(),
        tags: BTreeMap::new(),
    };
    let now = clock::system().now();
    ApprovalRequest {
        request: RequestId::new(7, number),
        user: user.into(),
        text: "ec2 stop web-1".to_owned(),
        plan: Plan { targets: vec![target], ..a_plan() },
        needed: 1,
        asked_at: now,
        expires_at: now + jiff::SignedDuration::from_mins(15),
        given: Vec::new(),
        declined: None,
        closed_at: None,
        words: Vec::new(),
    }
}

impl Office {
    async fn words(&self, id: RequestId) -> Vec<WordRecord> {
        self.house.shop.approvals.asked(id).await.expect("read").expect("it waits").words
    }

    /// What was decided of the request of this number when it ended.
    async fn decided(&self, number: u128) -> Option<Arc<Decision>> {
        let history = self.house.store.audit.history(self.house.a_request(number).id).await.expect("it is read");
        let finished = |event: Event| match event.what {
            What::Finished { decision, .. } => Some(decision),
            _ => None,
        };
        history.into_iter().find_map(finished).expect("it has ended")
    }
}

#[test]
fn by_which_policies_it_was_permitted_or_refused_stands_with_each_request() {
    run(async {
        let office = Office::new(false).await;
        for (user, line, ruling, policies, groups) in [
            ("UMAYA", "ping", Some(Ruling::Permit), vec!["members-basic"], vec!["operators"]),
            ("UVERA", "ec2 stop i-1", Some(Ruling::Deny), vec![], vec!["viewers"]),
            ("UGUS", "ping", Some(Ruling::Deny), vec!["full-members-only"], vec![]),
            // a person is not told about a command that they may not run, and one who may run nothing is told nothing
            ("UNINA", "help ec2 stop", Some(Ruling::Deny), vec![], vec![]),
            ("UOLGA", "pign", Some(Ruling::Deny), vec!["full-members-only"], vec![]),
            // nothing was asked of the policies
            ("UMAYA", "pign", None, vec![], vec![]),
        ] {
            let number = office.house.letters().await.len() as u128 + 1;
            let said = office.says(user, line, How::Fresh).await;
            let decision = office.decided(number).await;
            assert_eq!(decision.as_ref().map(|decision| decision.ruling), ruling, "{user} {line}: {said}");
            let Some(decision) = decision else { continue };
            assert_eq!(decision.policies, policies, "{user} {line}");
            assert_eq!(decision.facts.groups, groups, "{user} {line}");
            let membership = match user {
                "UGUS" => crate::domain::Membership::Guest,
                "UOLGA" => crate::domain::Membership::Outside,
                _ => crate::domain::Membership::Member,
            };
            assert_eq!(decision.facts.membership, membership, "{user}");
        }
        office.house.ends().await;
    });
}

#[test]
fn each_word_that_is_refused_stands_with_the_change_and_why() {
    run(async {
        let office = Office::new(false).await;
        let (own, other) = (asked(1, "UMAYA"), asked(2, "UOMAR"));
        for approval in [&own, &other] {
            office.house.shop.approvals.ask(approval).await.expect("asked");
        }
        let (mine, id) = (own.request, other.request);
        let said = office.says("UMAYA", &format!("approve {mine}"), How::Fresh).await;
        assert!(said.contains("is your own, so somebody else must approve it"), "{said}");
        let kept: Vec<_> = office.words(mine).await.into_iter().map(|word| (word.by, word.refused)).collect();
        assert_eq!(kept, [("UMAYA".into(), Some(WordRefusal::Own))]);

        let short = id.short();
        for (user, line, outcome) in [
            ("UVERA", format!("approve {id}"), "[refused] You may not decide on"),
            // by a short id a person learns nothing of it who may run this on nothing at all
            ("UNINA", format!("approve {short}"), "[usage] Nothing waits for approval under"),
            ("UGUS", format!("approve {id}/0123456789ab"), "[refused] `approve` may not be run"),
            ("UOLGA", format!("decline {short}"), "[refused] `decline` may not be run"),
            ("UGUS", "approve ZZZZ".to_owned(), "[refused] `approve` may not be run"),
            (
                "UMAYA",
                format!("approve {id}/0123456789ab"),
                "[refused] `ec2 stop web-1` of @UOMAR would do something else",
            ),
            ("UMAYA", format!("approve {id}"), "[done]"),
            ("UMAYA", format!("approve {id}"), "[info] You have approved"),
            ("UMAYA", format!("decline {id}"), "[refused]"),
        ] {
            let said = office.says(user, &line, How::Fresh).await;
            assert!(said.starts_with(outcome), "{user} {line}: {said}");
        }
        let kept = office.words(id).await;
        let told: Vec<_> = kept.iter().map(|said| (said.by.as_str(), said.word, said.refused)).collect();
        assert_eq!(
            told,
            [
                ("UVERA", Word::Approve, Some(WordRefusal::NotPermitted)),
                ("UNINA", Word::Approve, Some(WordRefusal::NotPermitted)),
                ("UGUS", Word::Approve, Some(WordRefusal::NotPermitted)),
                ("UOLGA", Word::Decline, Some(WordRefusal::NotPermitted)),
                ("UMAYA", Word::Approve, Some(WordRefusal::OtherPlan)),
                ("UMAYA", Word::Approve, None),
                ("UMAYA", Word::Decline, Some(WordRefusal::Granted)),
            ]
        );
        let decided =
            |at: usize| kept[at].decision.as_ref().map(|decision| (decision.ruling, decision.policies.join(", ")));
        assert_eq!(decided(0), Some((Ruling::Deny, String::new())));
        assert_eq!(decided(2), Some((Ruling::Deny, "full-members-only".to_owned())));
        assert_eq!(decided(5), Some((Ruling::Permit, "operators-change".to_owned())));
        assert_eq!((decided(4), decided(6)), (None, None), "it was not the policies that refused it");
        office.house.ends().await;
    });
}

#[test]
fn a_word_by_a_button_that_somebody_made_up_stands_with_the_change_and_runs_nothing() {
    run(async {
        let office = Office::new(false).await;
        let other = asked(2, "UOMAR");
        office.house.shop.approvals.ask(&other).await.expect("asked");
        let id = other.request;
        let lines = [
            format!("approve {id}/0123456789ab"),
            "ec2 stop i-1".to_owned(),
            "\"".to_owned(),
            "approve ZZZZ".to_owned(),
        ];
        for (number, line) in lines.into_iter().enumerate() {
            let request = Request {
                source: Source::House,
                text: "That is none of mine.".to_owned(),
                ..office.house.a_request(number as u128 + 1)
            };
            let request = Request { user: "UMAYA".into(), ..request };
            let request = office.house.accept_this(request).await;
            office.tell(&request, How::Forged { line });
        }
        within("all four to be told", async {
            while office.house.letters().await.len() < 4 || !office.house.flights.is_empty() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        })
        .await;
        assert_eq!(office.house.letters().await, ["[info] That is none of mine."; 4]);
        let kept: Vec<_> = office.words(id).await.into_iter().map(|said| (said.by, said.word, said.refused)).collect();
        assert_eq!(kept, [("UMAYA".into(), Word::Approve, Some(WordRefusal::Forged))]);
        office.house.ends().await;
    });
}
