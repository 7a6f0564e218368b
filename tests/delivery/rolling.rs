//! From a commit to two running replicas, and back, by digest; with people who go on giving commands all the while.

use crate::engine::{alone, deliver, deliver_from, docker, runs};
use crate::load::{Count, Load};
use crate::site::{Clone, Site};
use crate::support::VERA;
use serde_json::{Value, json};
use std::cell::Cell;
use std::path::Path;
use tokio::time::Instant;

/// A version that lives and never becomes ready: no hello of Slack comes that fast.
const BROKEN: &str = "ENV DRONEBOT__SLACK__HELLO_TIMEOUT_SECONDS=0.000001";

/// The image of a broken commit: the program of another one with a setting that cannot work.
async fn broken(docker: &Path, from: &str, revision: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let text = format!("FROM {from}\n{BROKEN}\nLABEL org.opencontainers.image.revision={revision}\n");
    std::fs::write(folder.path().join("Dockerfile"), text).expect("it is written");
    let name = format!("dronebot:{revision}");
    let place = folder.path().display().to_string();
    runs(docker, &["build", "--quiet", "--tag", &name, &place], &[("DOCKER_BUILDKIT", "1")]).await;
    name
}

/// The commit that knows its base image by digest, because `pin` has looked it up in a registry; and that base.
async fn pinned(docker: &Path, site: &Site, clone: &Clone) -> (String, String) {
    let bases: Value = serde_json::from_str(include_str!("../../delivery/bases.json")).expect("JSON");
    let public = bases["RUN_BASE"].as_str().expect("a name");
    let repository = format!("{}-base", site.repository());
    let base = format!("{repository}:nonroot");
    runs(docker, &["tag", public, &base], &[]).await;
    runs(docker, &["push", "--quiet", &base], &[]).await;
    let (place, path) = (clone.folder.path(), clone.folder.path().join("delivery/bases.json"));
    std::fs::write(&path, json!({"RUN_BASE": base}).to_string()).expect("it is written");
    deliver_from(place, "pin", &[], &[]).await.ends(0);
    let written: Value = serde_json::from_slice(&std::fs::read(&path).expect("it is there")).expect("JSON");
    let pinned = written["RUN_BASE"].as_str().expect("a name").to_owned();
    let digest = pinned.strip_prefix(&format!("{base}@")).expect("its tag and its digest");
    let pushed = runs(docker, &["image", "inspect", "--format", "{{json .RepoDigests}}", &base], &[]).await;
    assert!(pushed.contains(&format!("{repository}@{digest}")), "{pinned} is not among {pushed}");
    deliver_from(place, "pin", &[], &[]).await.says(0, "as before");
    clone.git(&["add", "delivery/bases.json"]).await;
    (clone.commits("Another version").await, pinned)
}

#[actix_web::test]
async fn a_version_goes_from_its_commit_to_two_replicas_and_back_and_no_command_is_lost() {
    let Some(docker) = docker().await else { return };
    let _turn = alone().await;
    let clone = Clone::new().await;
    let source = clone.place();
    let a = clone.git(&["rev-parse", "HEAD"]).await;
    eprintln!("delivery: building {a} (the first time on a machine all dependencies are built, a quarter of an hour)");
    let begun = Instant::now();
    let image_a = deliver("build", &[&a, "--source", &source], &[]).await.ends(0);
    assert_eq!(image_a, format!("dronebot:{a}"));
    let sandbox = deliver("build", &[&a, "--source", &source, "--stage", "sandbox"], &[]).await.ends(0);
    eprintln!("delivery: bot and sandbox built in {:.0} s", begun.elapsed().as_secs_f64());
    deliver("build", &[&a, "--source", &source], &[]).await.says(0, "is built already");
    let made_of = deliver("test-image", &[&image_a, "--made-of"], &[]).await;
    eprintln!("delivery: {}", made_of.told);
    made_of.says(0, "no shell among them");

    let site = Site::new(docker.clone(), &sandbox).await;
    let repository = site.repository();
    let digest_a = deliver("push", &[&repository, &a, "--source", &source, "--release"], &[]).await.ends(0);
    let again = deliver("push", &[&repository, &a, "--source", &source, "--release"], &[]).await;
    assert_eq!(again.says(0, "is this image already"), digest_a);
    assert_eq!(site.digest_of(env!("CARGO_PKG_VERSION")).await, digest_a);
    let nothing = site.deliver("rollback", &[]).await;
    nothing.says(1, "There is no version before this one");
    site.deliver("deploy", &[&a]).await.says(1, "is not a digest");
    site.deliver("deploy", &[&digest_a]).await.ends(0);
    site.all_say(&digest_a, &a, None).await;
    site.deliver("deploy", &[&digest_a]).await.says(0, "Nothing to do");
    let answered = format!("drone-a, drone-b: the answer to a self-test is in Slack, with the revision {a}.");
    site.deliver("smoke", &[]).await.says(0, &answered);

    let (b, base) = pinned(&docker, &site, &clone).await;
    let committed = Instant::now();
    deliver_from(clone.folder.path(), "build", &[&b], &[]).await.ends(0);
    let format = "{{index .Config.Labels \"org.opencontainers.image.base.name\"}}";
    let built_on = runs(&docker, &["image", "inspect", "--format", format, &format!("dronebot:{b}")], &[]).await;
    assert_eq!(built_on, base);
    deliver("test-image", &[&format!("dronebot:{b}"), "--made-of"], &[]).await.ends(0);
    let digest_b = deliver("push", &[&repository, &b, "--source", &source], &[]).await.ends(0);
    assert_ne!(digest_b, digest_a);
    let moved = deliver("push", &[&repository, &b, "--source", &source, "--release"], &[]).await;
    moved.says(1, "Tags never move");
    assert_eq!(site.digest_of(env!("CARGO_PKG_VERSION")).await, digest_a);

    let mut load = Load::prepare(&site.slack).await;
    let over = Cell::new(false);
    let changes = async {
        let deploying = Instant::now();
        site.deliver("deploy", &[&digest_b]).await.ends(0);
        eprintln!(
            "delivery: from commit to running {:.0} s, of them {:.1} s for the deployment",
            committed.elapsed().as_secs_f64(),
            deploying.elapsed().as_secs_f64()
        );
        site.all_say(&digest_b, &b, Some(&digest_a)).await;

        let c = clone.commits("A broken version").await;
        let image_c = broken(&docker, &format!("dronebot:{b}"), &c).await;
        let digest_c = deliver("push", &[&repository, "--image", &image_c], &[]).await.ends(0);
        let deploying = Instant::now();
        let taken_back = site.deliver("deploy", &[&digest_c]).await;
        eprintln!("delivery: a broken version was found and taken back in {:.1} s", deploying.elapsed().as_secs_f64());
        taken_back.says(3, "The version before runs again");
        site.all_say(&digest_b, &b, Some(&digest_a)).await;

        let rolling = Instant::now();
        site.deliver("rollback", &[]).await.ends(0);
        eprintln!("delivery: from rollback to running {:.1} s", rolling.elapsed().as_secs_f64());
        site.all_say(&digest_a, &a, None).await;
        over.set(true);
    };
    tokio::join!(load.go_on(&site.slack, &over), changes);
    let count = load.count(&site.slack).await;
    eprintln!("delivery: {} commands were given meanwhile, each answered once", count.given);
    assert_eq!(count, Count { given: load.given(), ..Count::default() });
    assert!(count.given > 50, "only {} commands", count.given);

    // by hand it can be deployed again, though the rollback left it
    site.deliver("deploy", &[&digest_b]).await.says(0, "NOT VERIFIED");
    site.all_say(&digest_b, &b, Some(&digest_a)).await;
    // it is ready, and its answers do not reach Slack: neither a probe nor a post in somebody's name would tell
    site.slack.post("channel", json!({"name": "ops", "has_bot": false})).await;
    let deaf = site.deliver("smoke", &["--or-rollback"]).await;
    deaf.says(3, "The answer to the self-test");
    site.all_say(&digest_a, &a, None).await;
    site.slack.post("channel", json!({"name": "ops", "has_bot": true})).await;
    site.deliver("smoke", &[]).await.says(0, &answered);
    site.deliver("deploy", &[&digest_b]).await.ends(0);
    site.all_say(&digest_b, &b, Some(&digest_a)).await;
    let wrong = site.deliver("smoke", &["--digest", &digest_a, "--or-rollback"]).await;
    wrong.says(3, "Going back to the version before");
    site.all_say(&digest_a, &a, None).await;

    is_promoted(&repository, &b, [&digest_b, &digest_a]).await;
    assert!(site.slack.slash(VERA, "ops", "ping").await["envelope_id"].is_string(), "somebody listens");
}

/// Another repository gets the manifest itself, and its tags never move either.
async fn is_promoted(repository: &str, revision: &str, [digest, other]: [&str; 2]) {
    let elsewhere = format!("{repository}-production");
    let promote = async |digest: &str| {
        deliver("promote", &[digest, "--from", repository, "--to", &elsewhere, "--release"], &[]).await
    };
    assert_eq!(promote(digest).await.ends(0), digest);
    assert_eq!(promote(digest).await.says(0, "already"), digest);
    assert_eq!(deliver("resolve", &[&elsewhere, revision], &[]).await.ends(0), digest);
    promote(other).await.says(1, "Tags never move");
}
