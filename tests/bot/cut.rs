//! The host disappears. Two replicas on hosts of their own share a store; one of the hosts is cut off from everything, or is
//! killed with its disk, while it has work in its hands. The other one finishes that soon after the lease has ended, and
//! what comes back from the cut does no harm: it finds that others have its work, and goes on under a new name.

use crate::support::{
    Bot, HOME, LEASE, Lease, MAYA, Message, NEVER, NINA, Net, OMAR, Options, Place, Seed, Trouble, VERA, World, until,
};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::Instant;

const WEB: Seed = Seed { region: HOME, name: "web-1", kind: "t3.micro", stopped: false, tags: &[] };

/// Instances stay on their way until the test lets them arrive.
const NEVER_BY_ITSELF: Duration = Duration::from_secs(86_400);

/// How soon after the end of the lease the other replica must have finished.
const SOON: Duration = Duration::from_secs(15);

/// The lease as it is shipped, and a short one.
const AS_SHIPPED: u32 = 10;
const SHORT: u32 = LEASE;

struct Hosts {
    world: World,
    lease: Duration,
    /// The names of the replicas before anything was cut.
    names: BTreeSet<String>,
}

impl Hosts {
    /// Two replicas on two hosts, both ready; `None` where there can be no such hosts.
    async fn new(lease: u32, lag: Duration, more: &[(&'static str, &str)]) -> Option<Self> {
        let net = Net::new()?;
        let mut env: Vec<(&'static str, String)> = vec![
            ("DRONEBOT__DELIVERY__POLL_MS", "200".into()),
            // so that a link that leads nowhere is noticed, and is there again soon after the cut
            ("DRONEBOT__SLACK__PING_INTERVAL_SECONDS", "1".into()),
            ("DRONEBOT__SLACK__IDLE_TIMEOUT_SECONDS", "4".into()),
            ("DRONEBOT__SLACK__BACKOFF_MAX_SECONDS", "1".into()),
        ];
        env.extend(more.iter().map(|(key, value)| (*key, (*value).to_owned())));
        let options = Options { lease: Some(lease), lag, env, net: Some(net), ..Options::default() };
        let mut world = World::with(options).await;
        world.one_more().await;
        world.slack.ack_timeout(Duration::from_millis(1_500)).await;
        world.fleet(&[WEB]).await;
        let names = world.replicas().await.into_iter().map(|replica| replica.name).collect();
        Some(Self { world, lease: Duration::from_secs(lease.into()), names })
    }

    /// The replica that has taken the most commands becomes the world's own; the other one stays.
    async fn busiest_first(&mut self) {
        if self.taken_by(&self.world.others[0]).await > self.taken_by(self.own()).await {
            self.swap();
        }
    }

    /// Has somebody say this; the replica that takes it becomes the world's own.
    async fn taker_first(&mut self, who: &str, text: &str) -> String {
        let before = self.taken_by(self.own()).await + self.taken_by(&self.world.others[0]).await;
        let others = self.taken_by(&self.world.others[0]).await;
        let ts = self.world.says(who, "ops", text).await;
        until("it is taken", async || {
            self.taken_by(self.own()).await + self.taken_by(&self.world.others[0]).await > before
        })
        .await;
        if self.taken_by(&self.world.others[0]).await > others {
            self.swap();
        }
        ts
    }

    fn own(&self) -> &Bot {
        self.world.bot.as_ref().expect("a bot")
    }

    async fn taken_by(&self, bot: &Bot) -> f64 {
        bot.metric("dronebot_requests_total", &["accepted"]).await.unwrap_or_default()
    }

    fn swap(&mut self) {
        let other = self.world.others.pop().expect("another");
        let bot = self.world.bot.replace(other).expect("a bot");
        self.world.others.push(bot);
    }

    fn place(&mut self) -> Place {
        self.world.bot().place().clone()
    }

    fn net(&self) -> &Net {
        self.world.net.as_ref().expect("a net")
    }

    /// Who has work, as the store knows it.
    async fn at_work(&self) -> Option<Lease> {
        self.world.replicas().await.into_iter().find(|replica| replica.card["in_work"].as_u64() > Some(0))
    }

    /// Waits for a renewal of the lease by whoever has work; from then on it lasts as long as it is.
    async fn renewed(&self) -> Instant {
        until("somebody says that it has work", async || self.at_work().await.is_some()).await;
        let before = self.at_work().await;
        until("the lease is renewed", async || self.at_work().await != before).await;
        Instant::now()
    }

    /// Cuts the host off on which the work is, right after its lease was renewed; returns when the lease ends.
    async fn cut(&mut self) -> Instant {
        let renewed = self.renewed().await;
        let place = self.place();
        self.net().cut(&place);
        renewed + self.lease
    }

    async fn mend(&mut self) {
        let place = self.place();
        self.net().mend(&place);
        until("it notices that others have its work", async || {
            self.world.log().contains("others had given this replica up")
        })
        .await;
    }

    /// Waits for the final answer, which must be there soon after the lease has ended.
    async fn answer(&self, who: &str, thread: &str, lease_ends: Instant) -> Message {
        let answer = self.world.slack.final_answer("ops", who, Some(thread), 0).await;
        let late = Instant::now().saturating_duration_since(lease_ends);
        assert!(late < SOON, "{late:?} after the end of the lease; {}", self.world.log());
        answer
    }

    /// The replica that was cut off takes commands again, under a new name.
    async fn works_again(&mut self) {
        let world = &mut self.world;
        until("it is ready", async || world.bot.as_ref().expect("a bot").eye().is_ready().await).await;
        let begun = Instant::now();
        let accepted = ("dronebot_requests_total", ["accepted"]);
        let before = world.bot().metric(accepted.0, &accepted.1).await;
        // links that Slack still believes in are dead, and envelopes are dealt out at random
        for who in [MAYA, OMAR, VERA, NINA].into_iter().cycle() {
            if world.bot().metric(accepted.0, &accepted.1).await != before {
                break;
            }
            assert!(begun.elapsed() < NEVER, "it takes no commands; {}", world.log());
            let cursor = world.slack.cursor().await;
            world.says(who, "dm", "ping").await;
            world.slack.final_answer("dm", who, None, cursor).await;
        }
        let replicas = world.replicas().await;
        let alive: Vec<&Lease> = replicas.iter().filter(|replica| replica.state == "alive").collect();
        assert_eq!(alive.len(), 2, "{replicas:?}");
        let new = alive.iter().filter(|replica| !self.names.contains(&replica.name)).count();
        assert_eq!(new, 1, "it goes on under a new name: {replicas:?}");
    }

    /// Ends both replicas; then in the thread there is this answer and nothing else, as it was.
    async fn ends_with(mut self, who: &str, thread: &str, answer: &Message) -> World {
        self.world.rests().await;
        let said = self.world.slack.from_bot("ops", who, 0).await;
        let said: Vec<&Message> = said.iter().filter(|said| said.thread_ts.as_deref() == Some(thread)).collect();
        let texts: Vec<&str> = said.iter().map(|message| message.text.as_str()).collect();
        assert_eq!(texts, [answer.text.as_str()], "log:\n{}", self.world.log());
        assert_eq!((&said[0].ts, said[0].edits), (&answer.ts, answer.edits), "nothing was written over it");
        self.world
    }
}

/// The one that answers has not been restarted: it says what befell the other.
fn is_told_of_another(answer: &Message) -> bool {
    answer.text.starts_with("✅ Done: The replica on `")
        && answer.text.contains("` died or was cut off while it ran `ec2 stop web-1`.\n")
}

fn made(world: &World, action: &str) -> usize {
    world.aws.made().iter().filter(|(made, _)| made == action).count()
}

fn called(world: &World, action: &str) -> usize {
    world.aws.calls().iter().filter(|(call, _)| call == action).count()
}

/// A stop is waited for, the progress message stands, and its host is cut off.
async fn cut_while_a_stop_is_waited_for(lease: u32) {
    let Some(mut hosts) = Hosts::new(lease, NEVER_BY_ITSELF, &[]).await else { return };
    let ts = hosts.world.says(MAYA, "ops", "@drone ec2 stop web-1").await;
    let progress = hosts.world.slack.hears("ops", MAYA, "⏳", 0).await;
    hosts.busiest_first().await;
    let bot = hosts.world.bot.as_ref().expect("a bot");
    until("its delivery is noted", async || bot.metric("dronebot_deliveries_total", &["sent"]).await.is_some()).await;
    let lease_ends = hosts.cut().await;
    hosts.world.aws.arrive();
    let answer = hosts.answer(MAYA, &ts, lease_ends).await;
    assert!(is_told_of_another(&answer), "{}", answer.text);
    assert_eq!(answer.ts, progress.ts, "the message of before was edited");
    hosts.mend().await;
    hosts.works_again().await;
    let world = hosts.ends_with(MAYA, &ts, &answer).await;
    assert_eq!(called(&world, "StopInstances"), 1);
}

#[actix_web::test]
async fn a_host_that_is_cut_off_while_a_stop_is_waited_for_is_followed_by_the_other_within_the_lease_as_shipped() {
    cut_while_a_stop_is_waited_for(AS_SHIPPED).await;
}

#[actix_web::test]
async fn a_host_that_is_cut_off_while_a_stop_is_waited_for_does_no_harm_when_it_is_back() {
    cut_while_a_stop_is_waited_for(SHORT).await;
}

#[actix_web::test]
async fn a_host_that_is_cut_off_with_its_call_on_the_way_is_followed_by_a_look() {
    let Some(mut hosts) = Hosts::new(SHORT, Duration::ZERO, &[]).await else { return };
    // AWS makes the call, and whoever made it never hears of that
    hosts.world.aws.break_next("StopInstances", Trouble::Late(Duration::from_millis(1_500)), 1);
    hosts.world.aws.hold_next("StopInstances", true);
    let ts = hosts.world.says(MAYA, "ops", "@drone ec2 stop web-1").await;
    until("the stop is called", async || called(&hosts.world, "StopInstances") == 1).await;
    hosts.busiest_first().await;
    let lease_ends = hosts.cut().await;
    let answer = hosts.answer(MAYA, &ts, lease_ends).await;
    assert!(is_told_of_another(&answer), "{}", answer.text);
    hosts.mend().await;
    hosts.works_again().await;
    let world = hosts.ends_with(MAYA, &ts, &answer).await;
    assert_eq!((called(&world, "StopInstances"), made(&world, "StopInstances")), (1, 1));
}

#[actix_web::test]
async fn an_answer_that_waits_on_a_host_that_is_cut_off_is_given_by_the_other_once() {
    let paced = [("DRONEBOT__SLACK__PACING__CHANNEL_INTERVAL_SECONDS", "6")];
    let Some(mut hosts) = Hosts::new(SHORT, Duration::ZERO, &paced).await else { return };
    // of three commands one replica gets two; the answer to its second waits for its turn
    let mut asked = Vec::new();
    let waiting = loop {
        let ts = hosts.taker_first(NINA, "@drone ping").await;
        asked.push(ts.clone());
        let bot = hosts.world.bot.as_ref().expect("a bot");
        let queue = ["queue=\"letters on their way\""];
        // its first answer is on its way for a moment too; only the second has to wait for its turn
        let waits = async || {
            bot.metric("dronebot_requests_total", &["accepted"]).await > Some(1.0)
                && bot.metric("dronebot_queue_depth", &queue).await > Some(0.0)
        };
        let answered = async || {
            let said = hosts.world.answers("ops", NINA, 0).await;
            said.iter().any(|answer| answer.thread_ts.as_deref() == Some(&ts))
        };
        until("it is answered, or waits", async || answered().await || waits().await).await;
        if !answered().await {
            break ts;
        }
    };
    let place = hosts.place();
    hosts.net().cut(&place);
    let lease_ends = Instant::now() + hosts.lease;
    let answer = hosts.answer(NINA, &waiting, lease_ends).await;
    assert!(answer.text.starts_with("Pong."), "{}", answer.text);
    hosts.mend().await;
    hosts.works_again().await;
    let world = hosts.ends_with(NINA, &waiting, &answer).await;
    for ts in asked {
        let said = world.answers("ops", NINA, 0).await;
        assert_eq!(said.iter().filter(|answer| answer.thread_ts.as_ref() == Some(&ts)).count(), 1, "{said:?}");
    }
}

#[actix_web::test]
async fn a_host_that_is_killed_with_its_disk_is_followed_by_the_other() {
    let Some(mut hosts) = Hosts::new(SHORT, NEVER_BY_ITSELF, &[]).await else { return };
    let ts = hosts.world.says(MAYA, "ops", "@drone ec2 stop web-1").await;
    hosts.world.slack.hears("ops", MAYA, "⏳", 0).await;
    hosts.busiest_first().await;
    let lease_ends = hosts.renewed().await + hosts.lease;
    let own = hosts.place().folder.expect("a folder of its own");
    let disk = hosts.world.folder.path().join(own);
    hosts.world.kill_bot();
    std::fs::remove_dir_all(&disk).expect("its disk is gone");
    hosts.world.aws.arrive();
    let answer = hosts.answer(MAYA, &ts, lease_ends).await;
    assert!(is_told_of_another(&answer), "{}", answer.text);
    hosts.world.bot = hosts.world.others.pop();
    let world = hosts.ends_with(MAYA, &ts, &answer).await;
    assert_eq!(called(&world, "StopInstances"), 1);
}
