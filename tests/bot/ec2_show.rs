//! `ec2 show`: one instance, by whatever it is called.

use crate::support::fleet::DEMO;
use crate::support::{MAYA, NINA, Trouble, VERA, World, fleet};

/// Where STS is out of reach, the instances tell the account as well: a wrong name is answered as ever.
#[actix_web::test]
async fn a_wrong_name_is_answered_without_sts() {
    let world = World::new().await;
    world.fleet(DEMO).await;
    world.aws.break_next("GetCallerIdentity", Trouble::Error("ServiceUnavailable", 503), 1_000);
    let said = world.reads(VERA, "ec2 show wroker-2").await;
    assert!(said.contains("I found no instance with the name `wroker-2`") && said.contains("worker-2 (i-"), "{said}");
}

#[actix_web::test]
async fn an_instance_is_shown_by_id_name_or_tag() {
    let world = World::new().await;
    let ids = world.fleet(DEMO).await;
    let by_name = world.reads(VERA, "ec2 show db-1").await;
    insta::assert_snapshot!(by_name, @r"
    db-1
    • Id: `i-00000000000000001`
    • State: running
    • Checks: instance ok, system ok
    • Type: `r5.large`
    • Zone: `eu-central-1a`
    • Private IP: `PRIVATE`
    • Public IP: `ADDRESS`
    • Launched: DATE TIME UTC, N s ago
    • Protection: none
    • Guarded: protected by `protected=true`
    • Image: `ami-00000001`
    • Network: `vpc-00000000000000001` `subnet-00000000000000001`
    • Root device: `/dev/sda1`
    • Volumes: `/dev/sda1` `vol-00000000000000001`
    Tags:
    • `env=prod`
    • `protected=true`
    • `team=data`
    ");
    assert_eq!(world.reads(VERA, &format!("ec2 show {}", ids[4])).await, by_name);
    assert_eq!(world.reads(VERA, "ec2 show tag:team=data").await, by_name);
    insta::assert_snapshot!(world.reads(VERA, "ec2 show worker-2").await, @r"
    worker-2
    • Id: `i-00000000000000001`
    • State: stopped `Client.UserInitiatedShutdown`
    • Checks: instance not-applicable, system not-applicable
    • Type: `m5.large`
    • Zone: `eu-central-1a`
    • Private IP: `PRIVATE`
    • Public IP: none
    • Launched: DATE TIME UTC
    • Stopped since: DATE TIME UTC
    • Protection: none
    • Image: `ami-00000001`
    • Network: `vpc-00000000000000001` `subnet-00000000000000001`
    • Root device: `/dev/sda1`
    • Volumes: `/dev/sda1` `vol-00000000000000001`
    Tags:
    • `env=staging`
    • `team=shop`
    ");
    insta::assert_snapshot!(world.reads(VERA, "ec2 show edge-1 --region all").await, @r"
    edge-1
    • Id: `i-00000000000000001`
    • State: running
    • Checks: instance ok, system ok
    • Type: `t3.nano`
    • Zone: `us-east-1a`
    • Private IP: `PRIVATE`
    • Public IP: `ADDRESS`
    • Launched: DATE TIME UTC, N s ago
    • Protection: none
    • Image: `ami-00000001`
    • Network: `vpc-00000000000000001` `subnet-00000000000000001`
    • Root device: `/dev/sda1`
    • Volumes: `/dev/sda1` `vol-00000000000000001`
    Tags:
    • `env=prod`
    • `team=edge`
    ");
    insta::assert_snapshot!(world.reads(VERA, "ec2 show asg-web").await, @r"
    asg-web
    • Id: `i-00000000000000001`
    • State: running
    • Checks: instance ok, system ok
    • Type: `t3.small`
    • Zone: `eu-central-1a`
    • Private IP: `PRIVATE`
    • Public IP: `ADDRESS`
    • Launched: DATE TIME UTC, N s ago
    • Protection: none
    • Auto Scaling: `shop-web`
    • Image: `ami-00000001`
    • Network: `vpc-00000000000000001` `subnet-00000000000000001`
    • Root device: `/dev/sda1`
    • Volumes: `/dev/sda1` `vol-00000000000000001`
    Tags:
    • `aws:autoscaling:groupName=shop-web`
    • `env=prod`
    ");
    world.ends_clean().await;
}

#[actix_web::test]
async fn what_is_not_one_instance_is_a_question() {
    let world = World::new().await;
    world.fleet(DEMO).await;
    insta::assert_snapshot!(world.reads(VERA, "ec2 show build").await, @r"
    ❔ Not run: `build` is the name of 2 instances. Nothing could be shown. Say by its id which one you mean.
    • `i-00000000000000001` running, c5.xlarge, eu-central-1a, launched DATE
    • `i-00000000000000002` stopped, c5.xlarge, eu-central-1a, launched DATE
    ▸ Show i-00000000000000001: ec2 show i-00000000000000001 --region eu-central-1
    ▸ Show i-00000000000000002: ec2 show i-00000000000000002 --region eu-central-1
    ");
    insta::assert_snapshot!(world.reads(VERA, "ec2 show tag:team=shop").await, @r"
    ❔ Not run: `tag:team=shop` fits 4 instances. Say by its id which one to show.
    • `web-1 (i-00000000000000001)`
    • `web-2 (i-00000000000000002)`
    • `worker-1 (i-00000000000000003)`
    • `worker-2 (i-00000000000000004)`
    ▸ Show i-00000000000000001: ec2 show i-00000000000000001 --region eu-central-1
    ▸ Show i-00000000000000002: ec2 show i-00000000000000002 --region eu-central-1
    ▸ Show i-00000000000000003: ec2 show i-00000000000000003 --region eu-central-1
    ▸ Show i-00000000000000004: ec2 show i-00000000000000004 --region eu-central-1
    ");
    insta::assert_snapshot!(world.reads(VERA, "ec2 show edge-1").await, @r"
    ❔ Not run: I found no instance with the name `edge-1` in `eu-central-1`. Nothing could be shown. If it is in another region, add `--region <region>`; `ec2 list --region all` shows every instance.
    ▸ List every instance: ec2 list --region all
    ");
    insta::assert_snapshot!(world.reads(VERA, "ec2 show i-0123456789abcdef0").await, @r"
    ❔ Not run: I found no instance `i-00000000000000001` in `eu-central-1`. Nothing could be shown. If it is in another region, add `--region <region>`; `ec2 list --region all` shows every instance.
    ▸ List every instance: ec2 list --region all
    ");
    insta::assert_snapshot!(world.reads(VERA, "ec2 show tag:team=nobody").await, @r"
    ❔ Not run: I found no instance that fits `tag:team=nobody` in `eu-central-1`. Nothing could be shown. If it is in another region, add `--region <region>`; `ec2 list --region all` shows every instance.
    ▸ List every instance: ec2 list --region all
    ");
    insta::assert_snapshot!(world.reads(NINA, "ec2 show web-1").await, @r"
    ⛔ Refused: `ec2 show` needs the group operators or viewers; you are in no group. Nothing was done.
    Ask @UMAYA, @UOMAR or @UVERA.
    (req XXXX)
    ");
    world.ends_clean().await;
}

#[actix_web::test]
async fn a_part_that_aws_does_not_tell_is_named_as_such() {
    let world = World::new().await;
    let ids = world.fleet(&DEMO[..1]).await;
    world.aws.break_next("DescribeInstanceAttribute", Trouble::Error("UnauthorizedOperation", 403), 100);
    insta::assert_snapshot!(world.reads(MAYA, "ec2 show web-1").await, @r"
    web-1
    • Id: `i-00000000000000001`
    • State: running
    • Checks: instance ok, system ok
    • Type: `t3.micro`
    • Zone: `eu-central-1a`
    • Private IP: `PRIVATE`
    • Public IP: `ADDRESS`
    • Launched: DATE TIME UTC, N s ago
    • Protection: not known: AWS does not allow me `ec2:DescribeInstanceAttribute` (`UnauthorizedOperation`, `eu-central-1`, account `ACCOUNT`): You are not authorized to perform this operation. User: arn:aws:sts::123456789012:assumed-role/dronebot/task is not authorized to perform: ec2:DescribeInstanceAttribute because no identity-based policy allows the ec2:DescribeInstanceAttribute action.
    • Image: `ami-00000001`
    • Network: `vpc-00000000000000001` `subnet-00000000000000001`
    • Root device: `/dev/sda1`
    • Volumes: `/dev/sda1` `vol-00000000000000001`
    Tags:
    • `env=prod`
    • `team=shop`
    ▸ Stop: ec2 stop i-00000000000000001 --region eu-central-1
    ▸ Reboot: ec2 reboot i-00000000000000001 --region eu-central-1
    ");
    world.aws.clear();
    let client = fleet::client(&world.aws_url, "eu-central-1").await;
    client.terminate_instances().instance_ids(&ids[0]).send().await.expect("it is terminated");
    insta::assert_snapshot!(world.reads(MAYA, &format!("ec2 show {}", ids[0])).await, @r"
    web-1
    • Id: `i-00000000000000001`
    • State: terminated `Client.UserInitiatedShutdown`
    • Checks: instance not-applicable, system not-applicable
    • Type: `t3.micro`
    • Zone: `eu-central-1a`
    • Private IP: `PRIVATE`
    • Public IP: none
    • Launched: DATE TIME UTC
    • Protection: –
    • Image: `ami-00000001`
    • Network: `vpc-00000000000000001` `subnet-00000000000000001`
    • Root device: `/dev/sda1`
    • Volumes: none
    Tags:
    • `env=prod`
    • `team=shop`
    ");
    world.ends_clean().await;
}
