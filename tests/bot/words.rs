//! What the bot says of itself, and what it says to whoever mistypes.

use crate::support::{GUS, MAYA, NINA, OLGA, Options, VERA, World};

#[actix_web::test]
async fn help_lists_what_the_caller_may_run() {
    let world = World::new().await;
    insta::assert_snapshot!(world.reads(MAYA, "help").await, @r"
    About me
    • `help` – Lists what you may run, or explains one command
    • `ping` – Says whether I am here, and how long the way took
    • `whoami` – Says who you are to me, and what you may run
    • `approve` – Approves a change that somebody else asked for
    • `decline` – Declines a change that waits for approval, or calls your own off
    Look
    • `version` – Says which version and revision I am
    • `status` – Says how I am: links to Slack, actors and their restarts, queues, store
    • `ec2 list` – Lists instances, with their state and type
    • `ec2 show` – Shows one instance: state, addresses, protection, tags, volumes
    • `deploy status` – Shows what a service runs, its rollout, and the versions there are
    Change
    • `ec2 start` – Starts stopped instances, and waits until they run
    • `ec2 stop` – Stops running instances, and waits until they are stopped
    • `ec2 reboot` – Reboots running instances, and looks at their status checks
    • `deploy` – Deploys a version to a service, me included, and follows it to its end
    • `deploy rollback` – Brings back what a service ran before, or stops its rollout
    Destroy
    • `ec2 terminate` – Terminates instances for good, and waits until they are gone
    `help <command>` explains one, with examples.
    ");
    assert_eq!(world.reads(MAYA, "").await, world.reads(MAYA, "help").await, "an empty line is `help`");
    insta::assert_snapshot!(world.reads(VERA, "help").await, @r"
    About me
    • `help` – Lists what you may run, or explains one command
    • `ping` – Says whether I am here, and how long the way took
    • `whoami` – Says who you are to me, and what you may run
    • `approve` – Approves a change that somebody else asked for
    • `decline` – Declines a change that waits for approval, or calls your own off
    Look
    • `version` – Says which version and revision I am
    • `status` – Says how I am: links to Slack, actors and their restarts, queues, store
    • `ec2 list` – Lists instances, with their state and type
    • `ec2 show` – Shows one instance: state, addresses, protection, tags, volumes
    • `deploy status` – Shows what a service runs, its rollout, and the versions there are
    `help <command>` explains one, with examples.
    ");
    insta::assert_snapshot!(world.reads(NINA, "help").await, @r"
    About me
    • `help` – Lists what you may run, or explains one command
    • `ping` – Says whether I am here, and how long the way took
    • `whoami` – Says who you are to me, and what you may run
    • `approve` – Approves a change that somebody else asked for
    • `decline` – Declines a change that waits for approval, or calls your own off
    `help <command>` explains one, with examples.
    ");
    insta::assert_snapshot!(world.reads(GUS, "help").await, @r"
    ⛔ Refused: `help` may not be run: it is only for full members of this workspace, not for guests, people of other workspaces, deactivated accounts or bots. Nothing was done.
    Ask a full member of this workspace to do it for you.
    (req XXXX)
    ");
    insta::assert_snapshot!(world.reads(OLGA, "help").await, @r"
    ⛔ Refused: `help` may not be run: it is only for full members of this workspace, not for guests, people of other workspaces, deactivated accounts or bots. Nothing was done.
    Ask a full member of this workspace to do it for you.
    (req XXXX)
    ");
    world.ends_clean().await;
}

#[actix_web::test]
async fn help_explains_one_command_to_whoever_may_run_it() {
    let world = World::new().await;
    insta::assert_snapshot!(world.reads(MAYA, "help ec2 stop").await, @r"
    ec2 stop
    Stops running instances, and waits until they are stopped.
    Usage: `ec2 stop <target>… [--region <region>]…`
    • `<target>` – An instance: its id, its name, `name:web-*` for all names that fit, or `tag:key=value` for all that have the tag
    • `--region <region>` – Where the instances are: a region, several by commas; without it, the usual one
    Examples:
    • `ec2 stop web-1`
    • `ec2 stop i-00000000000000001 web-2 --region us-east-1`
    • `ec2 stop tag:env=dev`
    It changes something in AWS.
    ");
    assert_eq!(world.reads(MAYA, "ec2 stop --help").await, world.reads(MAYA, "help ec2 stop").await);
    insta::assert_snapshot!(world.reads(VERA, "help ec2 list").await, @r#"
    ec2 list
    Lists instances, with their state and type.
    Usage: `ec2 list [--state <state>]… [--tag <key=value>]… [--type <type>]… [--name <pattern>] [--region <region>]… [--page <number>]`
    • `--state <state>` – Only in this state: `running`, `stopped`, …; several by commas
    • `--tag <key=value>` – Only with this tag; several tags must all be there, several values of one tag mean any of them
    • `--type <type>` – Only of this type, such as `t3.micro` or `m5.*`; several by commas
    • `--name <pattern>` – Only with a name like this; `*` is any text
    • `--region <region>` – Where: a region, several by commas, or `all`
    • `--page <number>` – Which page of a long list
    Examples:
    • `ec2 list`
    • `ec2 list --state running --region all`
    • `ec2 list --tag env=dev --name "web-*"`
    • `ec2 list --type t3.micro,t3.small --region eu-central-1,us-east-1 --page 2`
    It reads, and changes nothing.
    "#);
    insta::assert_snapshot!(world.reads(VERA, "help ec2").await, @r"
    Look
    • `ec2 list` – Lists instances, with their state and type
    • `ec2 show` – Shows one instance: state, addresses, protection, tags, volumes
    `help <command>` explains one, with examples.
    ");
    insta::assert_snapshot!(world.reads(VERA, "help ec2 stop").await, @r"
    ⛔ Refused: `ec2 stop` needs the group operators; you are in viewers. Nothing was changed.
    Ask @UMAYA or @UOMAR.
    (req XXXX)
    ");
    assert_eq!(world.reads(VERA, "ec2 stop --help").await, world.reads(VERA, "help ec2 stop").await);
    insta::assert_snapshot!(world.reads(NINA, "help ec2").await, @r"
    ⛔ Refused: `ec2 list` needs the group operators or viewers; you are in no group. Nothing was done.
    Ask @UMAYA, @UOMAR or @UVERA.
    (req XXXX)
    ");
    insta::assert_snapshot!(world.reads(MAYA, "help ec2 stpo").await, @"❔ Not run: I do not know `ec2 stpo`. Did you mean `ec2 stop`? Say `help` for the list.");
    world.ends_clean().await;
}

#[actix_web::test]
async fn whoami_says_how_the_bot_sees_the_caller() {
    let world = World::new().await;
    insta::assert_snapshot!(world.reads(MAYA, "whoami").await, @r"
    • You are: maya `UMAYA`
    • Here you are: a full member of this workspace
    • Groups: `operators`
    • You may run: `help`, `ping`, `whoami`, `version`, `status`, `approve`, `decline`, `ec2 list`, `ec2 show`, `ec2 start`, `ec2 stop`, `ec2 reboot`, `ec2 terminate`, `deploy status`, `deploy` and `deploy rollback`
    ");
    insta::assert_snapshot!(world.reads(VERA, "whoami").await, @r"
    • You are: vera `UVERA`
    • Here you are: a full member of this workspace
    • Groups: `viewers`
    • You may run: `help`, `ping`, `whoami`, `version`, `status`, `approve`, `decline`, `ec2 list`, `ec2 show` and `deploy status`
    • Not: `ec2 start`, `ec2 stop`, `ec2 reboot`, `ec2 terminate`, `deploy` and `deploy rollback`
    ");
    insta::assert_snapshot!(world.reads(NINA, "whoami").await, @r"
    • You are: nina `UNINA`
    • Here you are: a full member of this workspace
    • Groups: none
    • You may run: `help`, `ping`, `whoami`, `approve` and `decline`
    • Not: `version`, `status`, `ec2 list`, `ec2 show`, `ec2 start`, `ec2 stop`, `ec2 reboot`, `ec2 terminate`, `deploy status`, `deploy` and `deploy rollback`
    ");
    insta::assert_snapshot!(world.reads(GUS, "whoami").await, @r"
    ⛔ Refused: `whoami` may not be run: it is only for full members of this workspace, not for guests, people of other workspaces, deactivated accounts or bots. Nothing was done.
    Ask a full member of this workspace to do it for you.
    (req XXXX)
    ");
    insta::assert_snapshot!(world.reads(OLGA, "whoami").await, @r"
    ⛔ Refused: `whoami` may not be run: it is only for full members of this workspace, not for guests, people of other workspaces, deactivated accounts or bots. Nothing was done.
    Ask a full member of this workspace to do it for you.
    (req XXXX)
    ");
    world.ends_clean().await;
}

/// The text without what depends on the build and the machine.
fn anywhere(text: &str) -> String {
    let revision = text.split("revision `").nth(1).or_else(|| text.split("` `").nth(1));
    let revision = revision.and_then(|rest| rest.split('`').next()).expect("a revision");
    let text = text.replace(&format!("`{revision}`"), "`REVISION`");
    let text = match text.split_once("` of `").and_then(|(_, rest)| rest.split_once('`')) {
        Some((created, _)) => text.replace(&format!(" of `{created}`"), " of `CREATED`"),
        None => text,
    };
    let text = match text.split_once(", source `").and_then(|(_, rest)| rest.split_once('`')) {
        Some((source, _)) => text.replace(&format!(", source `{source}`"), ", source `SOURCE`"),
        None => text,
    };
    let host = text.split("Host: `").nth(1).and_then(|rest| rest.split('`').next());
    match host {
        Some(host) => text.replace(&format!("Host: `{host}`"), "Host: `HOST`"),
        None => text,
    }
}

#[actix_web::test]
async fn version_names_the_program_that_answers() {
    let world = World::new().await;
    insta::assert_snapshot!(anywhere(&world.reads(VERA, "version").await), @"Dronebot `0.1.0`, revision `REVISION` of `CREATED`, source `SOURCE`, up for N s.");
    insta::assert_snapshot!(world.reads(NINA, "version").await, @r"
    ⛔ Refused: `version` needs the group operators or viewers; you are in no group. Nothing was done.
    Ask @UMAYA, @UOMAR or @UVERA.
    (req XXXX)
    ");
    world.ends_clean().await;
}

#[actix_web::test]
async fn status_says_first_whether_all_is_well_and_then_how_each_part_is() {
    let world =
        World::with(Options { env: vec![("DRONEBOT__EXECUTION__WORKERS", "2".into())], ..Options::default() }).await;
    // the queues are counted once a second, and a count may meet this very command
    let text = anywhere(&world.reads(VERA, "status").await);
    // what Slack counted when it said hello: the other link may have been up by then, or not
    let text = text.replace("Slack counts 1", "Slack counts N").replace("Slack counts 2", "Slack counts N");
    // and which of the links brought it is left to chance
    let text = text.replace(", last event N s ago", "");
    let (text, queues): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| !line.contains("wait"));
    let mine = ["• queues: nothing waits", "• requests in work: 1 waiting", "• unfinished requests: 1 waiting"];
    assert!(
        !queues.is_empty() && queues.iter().all(|line| mine.iter().any(|known| line.starts_with(known))),
        "{queues:?}"
    );
    insta::assert_snapshot!(text.join("\n"), @r"
    Dronebot
    All is well.
    • Version: `0.1.0` `REVISION`
    • Up: N s
    • Host: `HOST`
    • Store: sqlite, ok
    ```
    actor            phase  for  restarts
    health-reporter  up     N s  0
    lease-keeper     up     N s  0
    token-keeper     up     N s  0
    courier          up     N s  0
    aws-worker-0     up     N s  0
    aws-worker-1     up     N s  0
    dispatcher       up     N s  0
    home             up     N s  0
    body-watch       up     N s  0
    slack-0          up     N s  0
    slack-1          up     N s  0
    ```
    • link 0: up, last frame N s ago, Slack counts N
    • link 1: up, last frame N s ago, Slack counts N
    ");
    world.ends_clean().await;
}

#[actix_web::test]
async fn a_typo_gets_a_suggestion_and_runs_nothing() {
    let world = World::new().await;
    insta::assert_snapshot!(world.reads(MAYA, "ec2 stpo web-1").await, @r"
    ❔ Not run: I do not know `ec2 stpo`. Did you mean `ec2 stop`? Say `help` for the list.
    ▸ ec2 stop web-1…: ec2 stop web-1
    ");
    insta::assert_snapshot!(world.reads(MAYA, "stop web-1").await, @r"
    ❔ Not run: I do not know `stop`. Did you mean `ec2 stop`? Say `help` for the list.
    ▸ ec2 stop web-1…: ec2 stop web-1
    ");
    insta::assert_snapshot!(world.reads(MAYA, "hlep").await, @r"
    ❔ Not run: I do not know `hlep`. Did you mean `help`? Say `help` for the list.
    ▸ help: help
    ");
    insta::assert_snapshot!(world.reads(MAYA, "ec2").await, @"❔ Not run: `ec2` needs one of `list`, `show`, `start`, `stop`, `reboot` or `terminate` after it. Say `help ec2` for what each does.");
    insta::assert_snapshot!(world.reads(MAYA, "make me a coffee").await, @"❔ Not run: I do not know `make`. Say `help` for the list.");
    // what cannot be undone is offered as a form, and runs by nothing that was mistyped
    insta::assert_snapshot!(world.reads(MAYA, "kill web-1").await, @r"
    ❔ Not run: I do not know `kill`. Did you mean `ec2 terminate`? Say `help` for the list.
    ▸ ec2 terminate web-1…: ec2 terminate web-1
    ");
    insta::assert_snapshot!(world.reads(MAYA, "ec2 list --sate running").await, @r"
    ❔ Not run: I do not know the option `--sate`. Did you mean `--state`?
    Usage: `ec2 list [--state <state>]… [--tag <key=value>]… [--type <type>]… [--name <pattern>] [--region <region>]… [--page <number>]`
    ");
    insta::assert_snapshot!(world.reads(GUS, "ec2 stpo web-1").await, @r"
    ⛔ Refused: I work for full members of this workspace only; you are a guest here. Nothing was done.
    Ask one of them to do it for you, or an admin of the workspace to make you one.
    (req XXXX)
    ");
    assert!(world.aws.calls().is_empty(), "AWS was not asked: {:?}", world.aws.calls());
    world.ends_clean().await;
}

#[actix_web::test]
async fn a_mistake_in_the_arguments_is_named_with_the_usage() {
    let world = World::new().await;
    insta::assert_snapshot!(world.reads(MAYA, "ec2 stop \"web 1").await, @r#"❔ Not run: A quotation mark is not closed. Nothing was done. Write names with spaces like `"web 1"`."#);
    insta::assert_snapshot!(world.reads(MAYA, "ec2 list --region frankfurt").await, @r"
    ❔ Not run: `--region` must be an AWS region such as `eu-central-1`, not `frankfurt`.
    Usage: `ec2 list [--state <state>]… [--tag <key=value>]… [--type <type>]… [--name <pattern>] [--region <region>]… [--page <number>]`
    ");
    insta::assert_snapshot!(world.reads(MAYA, "ec2 stop web-1 --region all").await, @r"
    ❔ Not run: `--region` must name regions when something is changed, not `all`.
    Usage: `ec2 stop <target>… [--region <region>]…`
    ");
    insta::assert_snapshot!(world.reads(MAYA, "ec2 list --state runing").await, @r"
    ❔ Not run: `--state` must be `pending`, `running`, `stopping`, `stopped`, `shutting-down` or `terminated`, not `runing`.
    Usage: `ec2 list [--state <state>]… [--tag <key=value>]… [--type <type>]… [--name <pattern>] [--region <region>]… [--page <number>]`
    ");
    insta::assert_snapshot!(world.reads(MAYA, "ec2 list --tag env").await, @r"
    ❔ Not run: `--tag` must be a tag such as `env=dev`, not `env`.
    Usage: `ec2 list [--state <state>]… [--tag <key=value>]… [--type <type>]… [--name <pattern>] [--region <region>]… [--page <number>]`
    ");
    insta::assert_snapshot!(world.reads(MAYA, "ec2 list --page 0").await, @r"
    ❔ Not run: `--page` must be a number from 1, not `0`.
    Usage: `ec2 list [--state <state>]… [--tag <key=value>]… [--type <type>]… [--name <pattern>] [--region <region>]… [--page <number>]`
    ");
    insta::assert_snapshot!(world.reads(MAYA, "ec2 list web-1").await, @r"
    ❔ Not run: I do not know what to do with `web-1`. Did you mean `ec2 show web-1` or `ec2 list --name web-1`?
    Usage: `ec2 list [--state <state>]… [--tag <key=value>]… [--type <type>]… [--name <pattern>] [--region <region>]… [--page <number>]`
    ▸ ec2 show web-1: ec2 show web-1
    ▸ ec2 list --name web-1: ec2 list --name web-1
    ");
    insta::assert_snapshot!(world.reads(MAYA, "ec2 list --name").await, @r"
    ❔ Not run: `--name` needs a value.
    Usage: `ec2 list [--state <state>]… [--tag <key=value>]… [--type <type>]… [--name <pattern>] [--region <region>]… [--page <number>]`
    ");
    insta::assert_snapshot!(world.reads(MAYA, "ec2 stop web-*").await, @r"
    ❔ Not run: `<target>` must name one instance, and `web-*` is a pattern. If you mean every instance whose name fits, say `name:web-*`.
    Usage: `ec2 stop <target>… [--region <region>]…`
    ");
    insta::assert_snapshot!(world.reads(MAYA, "ec2 stop tag:env").await, @r"
    ❔ Not run: `<target>` must be like `tag:env=dev`, not `tag:env`.
    Usage: `ec2 stop <target>… [--region <region>]…`
    ");
    insta::assert_snapshot!(world.reads(MAYA, "ping now").await, @r"
    ❔ Not run: I do not know what to do with `now`.
    Usage: `ping`
    ");
    assert!(world.aws.calls().is_empty(), "AWS was not asked: {:?}", world.aws.calls());
    world.ends_clean().await;
}
