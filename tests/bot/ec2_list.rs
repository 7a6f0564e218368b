//! `ec2 list`: filters, regions, pages, and what is said when a part is missing.

use crate::support::fleet::DEMO;
use crate::support::{MAYA, NINA, Options, Trouble, VERA, World};

#[actix_web::test]
async fn the_list_is_a_table_of_the_usual_region() {
    let world = World::new().await;
    world.fleet(DEMO).await;
    insta::assert_snapshot!(world.reads(VERA, "ec2 list").await, @r"
    8 instances in `eu-central-1`: 6 running, 2 stopped.
    ```
    name      id                   state    type
    asg-web   i-00000000000000001  running  t3.small
    build     i-00000000000000002  running  c5.xlarge
    build     i-00000000000000003  stopped  c5.xlarge
    db-1      i-00000000000000004  running  r5.large
    web-1     i-00000000000000005  running  t3.micro
    web-2     i-00000000000000006  running  t3.micro
    worker-1  i-00000000000000007  running  m5.large
    worker-2  i-00000000000000008  stopped  m5.large
    ```
    ");
    insta::assert_snapshot!(world.reads(NINA, "ec2 list").await, @r"
    ⛔ Refused: `ec2 list` needs the group operators or viewers; you are in no group. Nothing was done.
    Ask @UMAYA, @UOMAR or @UVERA.
    (req XXXX)
    ");
    world.ends_clean().await;
}

#[actix_web::test]
async fn each_filter_narrows_the_list() {
    let world = World::new().await;
    world.fleet(DEMO).await;
    insta::assert_snapshot!(world.reads(VERA, "ec2 list --state stopped").await, @r"
    2 instances in `eu-central-1`: 2 stopped.
    ```
    name      id                   state    type
    build     i-00000000000000001  stopped  c5.xlarge
    worker-2  i-00000000000000002  stopped  m5.large
    ```
    ");
    insta::assert_snapshot!(world.reads(VERA, "ec2 list --tag env=staging").await, @r"
    2 instances in `eu-central-1`: 1 running, 1 stopped.
    ```
    name      id                   state    type
    worker-1  i-00000000000000001  running  m5.large
    worker-2  i-00000000000000002  stopped  m5.large
    ```
    ");
    insta::assert_snapshot!(world.reads(VERA, "ec2 list --tag env=staging --tag env=ci --state running").await, @r"
    2 instances in `eu-central-1`: 2 running.
    ```
    name      id                   state    type
    build     i-00000000000000001  running  c5.xlarge
    worker-1  i-00000000000000002  running  m5.large
    ```
    ");
    insta::assert_snapshot!(world.reads(VERA, "ec2 list --tag env=prod --tag team=data").await, @r"
    1 instance in `eu-central-1`: 1 running.
    ```
    name  id                   state    type
    db-1  i-00000000000000001  running  r5.large
    ```
    ");
    insta::assert_snapshot!(world.reads(VERA, "ec2 list --type m5.large,r5.*").await, @r"
    2 instances in `eu-central-1`: 1 running, 1 stopped.
    ```
    name      id                   state    type
    worker-1  i-00000000000000001  running  m5.large
    worker-2  i-00000000000000002  stopped  m5.large
    ```
    ");
    insta::assert_snapshot!(world.reads(VERA, "ec2 list --name “web-*”").await, @r"
    2 instances in `eu-central-1`: 2 running.
    ```
    name   id                   state    type
    web-1  i-00000000000000001  running  t3.micro
    web-2  i-00000000000000002  running  t3.micro
    ```
    ");
    insta::assert_snapshot!(world.reads(VERA, "ec2 list --name w*-2 --state running,pending --type t3.*").await, @r"
    There is no instance that fits in `eu-central-1`. `--region all` looks everywhere.
    ▸ Look in all regions: ec2 list --state running,pending --type t3.* --name w*-2 --region all
    ");
    world.ends_clean().await;
}

#[actix_web::test]
async fn several_regions_are_one_list_with_zones() {
    let world = World::new().await;
    world.fleet(DEMO).await;
    insta::assert_snapshot!(world.reads(VERA, "ec2 list --region us-east-1,eu-central-1 --tag env=prod").await, @r"
    6 instances in `eu-central-1` and `us-east-1`: 5 running, 1 stopped.
    • name: id, state, type, zone
    • asg-web: `i-00000000000000001`, `running`, `t3.small`, `eu-central-1a`
    • db-1: `i-00000000000000002`, `running`, `r5.large`, `eu-central-1a`
    • web-1: `i-00000000000000003`, `running`, `t3.micro`, `eu-central-1a`
    • web-2: `i-00000000000000004`, `running`, `t3.micro`, `eu-central-1a`
    • edge-1: `i-00000000000000005`, `running`, `t3.nano`, `us-east-1a`
    • edge-2: `i-00000000000000006`, `stopped`, `t3.nano`, `us-east-1a`
    ");
    insta::assert_snapshot!(world.reads(VERA, "ec2 list --region us-east-1").await, @r"
    2 instances in `us-east-1`: 1 running, 1 stopped.
    ```
    name    id                   state    type
    edge-1  i-00000000000000001  running  t3.nano
    edge-2  i-00000000000000002  stopped  t3.nano
    ```
    ");
    insta::assert_snapshot!(world.reads(VERA, "ec2 list --region all --state stopped").await, @r"
    3 instances in 38 regions: 3 stopped.
    • name: id, state, type, zone
    • build: `i-00000000000000001`, `stopped`, `c5.xlarge`, `eu-central-1a`
    • worker-2: `i-00000000000000002`, `stopped`, `m5.large`, `eu-central-1a`
    • edge-2: `i-00000000000000003`, `stopped`, `t3.nano`, `us-east-1a`
    ");
    let asked = world.aws.calls().iter().filter(|(action, _)| action == "DescribeInstances").count();
    assert!(asked > 12, "every region was asked: {asked}");
    world.ends_clean().await;
}

#[actix_web::test]
async fn a_long_list_is_paged_and_says_what_to_type_for_the_next_page() {
    let env = vec![("DRONEBOT__COMMANDS__PAGE_SIZE", "3".into())];
    let world = World::with(Options { env, ..Options::default() }).await;
    world.fleet(DEMO).await;
    insta::assert_snapshot!(world.reads(VERA, "ec2 list --tag team=shop --name \"w*\"").await, @r"
    4 instances in `eu-central-1`: 3 running, 1 stopped.
    ```
    name      id                   state    type
    web-1     i-00000000000000001  running  t3.micro
    web-2     i-00000000000000002  running  t3.micro
    worker-1  i-00000000000000003  running  m5.large
    ```
    Page 1 of 2. The next: `ec2 list --tag team=shop --name w* --page 2`
    ▸ Next page: ec2 list --tag team=shop --name w* --page 2
    All 4 rows are in the file instances.csv in our direct messages.
    ");
    insta::assert_snapshot!(world.reads(VERA, "ec2 list --tag team=shop --name \"w*\" --page 2").await, @r"
    4 instances in `eu-central-1`: 3 running, 1 stopped.
    ```
    name      id                   state    type
    worker-2  i-00000000000000001  stopped  m5.large
    ```
    Page 2 of 2, the last.
    ");
    insta::assert_snapshot!(world.reads(VERA, "ec2 list --page 9").await, @"❔ Not run: There is no page 9: the list has 3 pages. The last one: `ec2 list --page 3`.");
    world.ends_clean().await;
}

#[actix_web::test]
async fn an_empty_list_says_so_and_where_else_to_look() {
    let world = World::new().await;
    insta::assert_snapshot!(world.reads(VERA, "ec2 list").await, @r"
    There is no instance in `eu-central-1`. `--region all` looks everywhere.
    ▸ Look in all regions: ec2 list --region all
    ");
    insta::assert_snapshot!(world.reads(VERA, "ec2 list --name nobody").await, @r"
    There is no instance that fits in `eu-central-1`. `--region all` looks everywhere.
    ▸ Look in all regions: ec2 list --name nobody --region all
    ");
    insta::assert_snapshot!(world.reads(VERA, "ec2 list --region eu-central-1,us-east-1").await, @r"
    There is no instance in `eu-central-1` and `us-east-1`. `--region all` looks everywhere.
    ▸ Look in all regions: ec2 list --region all
    ");
    insta::assert_snapshot!(world.reads(VERA, "ec2 list --region eu-north-7").await, @r"
    ❔ Not run: `eu-north-7` is no region that I may ask. Nothing could be read. It may not exist, not be enabled for the account, or not stand in my settings; `ec2 list --region all` asks every region that I may.
    ");
    world.ends_clean().await;
}

/// STS is asked for the account's number alone, and every answer about what the account owns tells it.
#[actix_web::test]
async fn where_sts_is_out_of_reach_ec2_is_used_all_the_same() {
    let env = vec![("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:9".to_owned())];
    let world = World::with(Options { env, ..Options::default() }).await;
    world.fleet(DEMO).await;
    assert!(world.asks(VERA, "ec2 list --name nobody").await.starts_with("There is no instance"));
    let text = world.asks(VERA, "ec2 list").await;
    assert!(text.starts_with("8 instances"), "{text}");
    let text = world.asks(MAYA, "ec2 stop web-1").await;
    assert!(text.starts_with("✅ Done: `web-1"), "{text}");
    world.ends_clean().await;
}

#[actix_web::test]
async fn a_region_that_fails_is_named_and_does_not_take_the_others_with_it() {
    let world = World::new().await;
    world.fleet(DEMO).await;
    world.aws.break_next("us-east-1/DescribeInstances", Trouble::Error("UnauthorizedOperation", 403), 1);
    insta::assert_snapshot!(world.reads(VERA, "ec2 list --region us-east-1,eu-central-1 --state stopped").await, @r"
    2 instances in `eu-central-1`: 2 stopped.
    • name: id, state, type, zone
    • build: `i-00000000000000001`, `stopped`, `c5.xlarge`, `eu-central-1a`
    • worker-2: `i-00000000000000002`, `stopped`, `m5.large`, `eu-central-1a`
    `us-east-1` is missing here: AWS does not allow me `ec2:DescribeInstances` (`UnauthorizedOperation`, account `ACCOUNT`): You are not authorized to perform this operation. User: arn:aws:sts::123456789012:assumed-role/dronebot/task is not authorized to perform: ec2:DescribeInstances because no identity-based policy allows the ec2:DescribeInstances action.
    ");
    world.aws.break_next("us-east-1/DescribeInstances", Trouble::Error("UnauthorizedOperation", 403), 1);
    insta::assert_snapshot!(world.reads(VERA, "ec2 list --region us-east-1").await, @r"
    ❌ Failed: AWS does not allow me `ec2:DescribeInstances` (`UnauthorizedOperation`, `us-east-1`, account `ACCOUNT`): You are not authorized to perform this operation. User: arn:aws:sts::123456789012:assumed-role/dronebot/task is not authorized to perform: ec2:DescribeInstances because no identity-based policy allows the ec2:DescribeInstances action. Nothing could be read. Ask the platform team to look at the bot's IAM role.
    (req XXXX)
    ");
    // as often as a reading call is tried
    world.aws.break_next("DescribeInstances", Trouble::Error("RequestLimitExceeded", 503), 3);
    insta::assert_snapshot!(world.reads(VERA, "ec2 list").await, @r"
    ❌ Failed: AWS is limiting our calls (`RequestLimitExceeded`, `eu-central-1`, account `ACCOUNT`): Request limit exceeded. Nothing could be read. Try again in a minute.
    (req XXXX)
    ");
    world.aws.break_next("DescribeInstances", Trouble::Error("RequestLimitExceeded", 503), 2);
    assert!(world.asks(MAYA, "ec2 list").await.starts_with("8 instances"), "a throttled read is tried again");
    world.ends_clean().await;
}
