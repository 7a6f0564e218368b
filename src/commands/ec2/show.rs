//! `ec2 show`: everything about one instance that one wants to know before touching it.

use super::super::args::{self, RegionWord};
use super::super::{Command, Context, Planned, Row, Scope, words};
use super::names::{REBOOT, SHOW, START, STOP};
use super::regions;
use super::selector::Selector;
use super::targets::{self, Search};
use crate::aws::{AwsError, Checks, Instance, Protection, State, call};
use crate::domain::{Button, CommandError, Guarded, Line, Part, Reply, Risk, Tone, UsageError, guards};
use async_trait::async_trait;
use futures_util::future::join;

/// Which instance to show.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct Show {
    /// The instance: its id, its name, or `tag:key=value`
    #[arg(value_name = "target", value_parser = Selector::read)]
    target: Selector,
    /// Where it is: a region, several by commas, or `all`
    #[arg(long, value_name = "region", value_delimiter = ',', value_parser = args::region)]
    region: Vec<RegionWord>,
}

/// The row of `ec2 show`.
pub(in super::super) const ROW: Row = Row {
    name: SHOW,
    summary: "Shows one instance: state, addresses, protection, tags, volumes",
    examples: &["ec2 show web-1", "ec2 show i-0123456789abcdef0 --region us-east-1", "ec2 show tag:role=primary"],
    risk: Risk::Read,
    action: "ec2:show",
    calls: &[
        &call::DESCRIBE_INSTANCES,
        &call::DESCRIBE_INSTANCE_ATTRIBUTE,
        &call::DESCRIBE_INSTANCE_STATUS,
        &call::DESCRIBE_REGIONS,
    ],
    inspect: None,
    parse: |words| Ok(Box::new(args::parse::<Show>(words)?)),
    usage: || args::usage::<Show>(ROW.name),
    options: args::options::<Show>,
    definition: args::definition::<Show>,
};

/// Whether these words after the command's name are understood.
pub(super) fn understands(words: &[String]) -> bool {
    args::parse::<Show>(words).is_ok()
}

const NOT_DONE: &str = "Nothing could be shown.";

#[async_trait]
impl Command for Show {
    fn scope(&self) -> Scope {
        regions::scope(&self.region)
    }

    async fn plan(&self, cx: &Context) -> Result<Planned, CommandError> {
        let failure = |error: AwsError| error.failure(NOT_DONE);
        let places = regions::entered(&self.region, cx, NOT_DONE).await?.places;
        let selectors = std::slice::from_ref(&self.target);
        let search = Search { selectors, places: &places, not_done: NOT_DONE, only_seen: true, changing: None };
        let (found, missing) = search.look(cx).await?;
        let account = cx.aws.accounts.usual().await.map_err(failure)?;
        let seen: Vec<&Instance> = found.iter().collect();
        match seen.as_slice() {
            [one] => {
                let (ids, place) = ([one.id.clone()], one.place());
                let protection = async {
                    match one.state.is_gone() {
                        // AWS tells it of nothing that is gone, and it would say nothing
                        true => None,
                        false => Some(cx.aws.ec2.protection(&place, &one.id).await),
                    }
                };
                let (protection, checks) = join(protection, cx.aws.ec2.checks(&place, &ids)).await;
                let checks = checks.map(|mut checks| checks.remove(&one.id));
                let reply = render(one, protection.as_ref(), &checks, cx);
                let missing = regions::missing(&missing);
                Ok(Planned::Answer(missing.into_iter().fold(reply, |reply, text| reply.sentence(&text))))
            }
            many => {
                let text = format!(
                    "`{}` fits {} instances. Say by its id which one to show.",
                    words::name(&self.target.typed()),
                    many.len()
                );
                let candidates = many.iter().take(10).map(|one| Line::new().code(words::label(&one.target(&account))));
                Err(UsageError::sentence(&text)
                    .candidates(candidates.collect())
                    .buttons(targets::show_each(many, cx))
                    .into())
            }
        }
    }
}

fn render(
    one: &Instance,
    protection: Option<&Result<Protection, AwsError>>,
    checks: &Result<Option<Checks>, AwsError>,
    cx: &Context,
) -> Reply {
    let mut fields: Vec<(String, Line)> = Vec::new();
    let mut field = |name: &str, line: Line| fields.push((name.to_owned(), line));
    field("Id", Line::new().code(&one.id));
    field("State", state(one));
    match checks {
        Ok(Some(checks)) => {
            field("Checks", Line::from(format!("instance {}, system {}", checks.instance, checks.system)))
        }
        Ok(None) => {}
        Err(error) => field("Checks", not_known(error)),
    }
    field("Type", Line::new().code(&one.kind).text(if one.spot { ", Spot" } else { "" }));
    field("Zone", Line::new().code(one.zone.as_deref().unwrap_or(&one.region)));
    field("Private IP", maybe(one.private_ip.as_deref()));
    let kept = if one.elastic_ip { ", Elastic IP" } else { "" };
    field("Public IP", maybe(one.public_ip.as_deref()).text(if one.public_ip.is_some() { kept } else { "" }));
    if let Some(launched) = one.launched {
        // only of what runs it is how long that has run
        let ago = match one.state {
            State::Pending | State::Running => format!(", {} ago", words::span(since(launched, cx))),
            _ => String::new(),
        };
        field("Launched", Line::from(format!("{}{ago}", launched.strftime("%Y-%m-%d %H:%M UTC"))));
    }
    if let Some(at) = one.transition.as_deref().and_then(moment).filter(|_| one.state == State::Stopped) {
        field("Stopped since", Line::from(at));
    }
    field("Protection", protection.map_or_else(|| Line::from("–"), protected));
    if let Some(line) = guarded(one) {
        field("Guarded", line);
    }
    if let Some(group) = one.scaling_group() {
        field("Auto Scaling", Line::new().code(words::name(group)));
    }
    field("Image", maybe(one.image.as_deref()));
    field("Network", network(one));
    field("Root device", root(one));
    field("Volumes", volumes(one));
    let title = one.name().map_or_else(|| one.id.clone(), words::name);
    let mut reply = Reply::new(Tone::Info).title(title).part(Part::Fields(fields));
    let tags: Vec<Line> = one
        .tags
        .iter()
        .filter(|(key, _)| *key != "Name")
        .map(|(key, value)| Line::new().code(format!("{}={}", words::name(key), words::name(value))))
        .collect();
    if !tags.is_empty() {
        reply = reply.text("Tags:").part(Part::List(tags));
    }
    reply.buttons(power(one, protection, cx))
}

fn since(time: jiff::Timestamp, cx: &Context) -> std::time::Duration {
    std::time::Duration::from_secs(u64::try_from(cx.clock.now().duration_since(time).as_secs()).unwrap_or(0))
}

/// The minute in AWS's words for a change of state: `User initiated (2026-11-29 20:00:00 GMT)`.
fn moment(transition: &str) -> Option<String> {
    let inside = transition.rsplit_once('(')?.1.strip_suffix(')')?;
    let time = inside.strip_suffix(" GMT").or(inside.strip_suffix(" UTC"))?;
    let (minute, seconds) = time.rsplit_once(':')?;
    let fits = |c: char| c.is_ascii_digit() || matches!(c, '-' | ':' | ' ');
    let is_time = minute.len() == "2026-11-29 20:00".len() && seconds.len() == 2 && time.chars().all(fits);
    is_time.then(|| format!("{minute} UTC"))
}

/// What can be done with it as it is now, for a person who may.
fn power(one: &Instance, protection: Option<&Result<Protection, AwsError>>, cx: &Context) -> Vec<Button> {
    let is_protected = protection.and_then(|known| known.as_ref().ok()).is_some_and(|protection| protection.stop);
    let kept = one.root_is_instance_store || is_protected;
    let fitting: &[&str] = match one.state {
        State::Stopped => &[START],
        State::Running if kept => &[REBOOT],
        State::Running => &[STOP, REBOOT],
        _ => &[],
    };
    let label = one.name().map_or_else(|| one.id.clone(), |name| format!("{} ({})", words::name(name), one.id));
    let button = |row: &'static Row| {
        let line = words::line(row.name.split(' ').chain([one.id.as_str(), "--region", &one.region]))?;
        let verb = row.name.split(' ').next_back().unwrap_or_default();
        let verb: String = verb.chars().take(1).flat_map(char::to_uppercase).chain(verb.chars().skip(1)).collect();
        let question = format!("{verb} {label} in {}?", one.region);
        let button = Button::run(verb, line).confirm(question);
        Some(if one.state == State::Running { button.danger() } else { button })
    };
    fitting.iter().filter_map(|name| cx.permitted(name)).filter_map(button).collect()
}

fn state(one: &Instance) -> Line {
    let line = Line::new().bold(one.state.as_str());
    match &one.state_reason {
        Some(reason) => line.text(" ").code(words::name(reason)),
        None => line,
    }
}

fn maybe(text: Option<&str>) -> Line {
    text.map_or_else(|| Line::from("none"), |text| Line::new().code(text))
}

fn protected(protection: &Result<Protection, AwsError>) -> Line {
    match protection {
        Ok(Protection { stop: false, termination: false }) => Line::from("none"),
        Ok(Protection { stop, termination }) => {
            let names: Vec<&str> = [(*stop, "DisableApiStop"), (*termination, "DisableApiTermination")]
                .iter()
                .filter(|p| p.0)
                .map(|p| p.1)
                .collect();
            Line::sentence(&words::list(&names, "and"))
        }
        Err(error) => not_known(error),
    }
}

fn not_known(error: &AwsError) -> Line {
    Line::sentence(&format!("not known: {}", error.what_is_so()))
}

/// What its tags keep from being done, as the bot reads them.
fn guarded(one: &Instance) -> Option<Line> {
    let mut line = Line::new();
    for guard in guards(&one.tags) {
        let comma = if line.0.is_empty() { "" } else { ", " };
        let tag = format!("{}={}", words::name(guard.key), words::name(guard.value));
        let what = match guard.guarded {
            Guarded::Protected => "protected by ".to_owned(),
            Guarded::Approvals(approvals) => format!("needs {} by ", words::count(approvals as usize, "approval")),
        };
        line = line.text(format!("{comma}{what}")).code(tag);
    }
    (!line.0.is_empty()).then_some(line)
}

fn network(one: &Instance) -> Line {
    match (&one.vpc, &one.subnet) {
        (Some(vpc), Some(subnet)) => Line::new().code(vpc).text(" ").code(subnet),
        (vpc, _) => maybe(vpc.as_deref()),
    }
}

fn root(one: &Instance) -> Line {
    let line = maybe(one.root_device.as_deref());
    if one.root_is_instance_store { line.text(" on an instance store: it cannot be stopped") } else { line }
}

fn volumes(one: &Instance) -> Line {
    let mut line = Line::new();
    for (index, volume) in one.volumes.iter().enumerate() {
        let comma = if index > 0 { ", " } else { "" };
        let kept = if volume.deleted_with_instance { "" } else { " (stays after termination)" };
        line = line.text(comma).code(&volume.device).text(" ").code(&volume.id).text(kept);
    }
    if line.0.is_empty() { Line::from("none") } else { line }
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{answer, cx_on};
    use crate::aws::fake::{FakeRegion, Fault, Machine};

    fn fleet() -> FakeRegion {
        FakeRegion::new(vec![
            Machine::new("i-1", "web-1", "running").tag("env", "dev").tag("aws:autoscaling:groupName", "web").with(
                |m| {
                    m.public_ip = Some("198.51.100.7".into());
                    m.stop_protected = true;
                },
            ),
            Machine::new("i-2", "web", "running"),
            Machine::new("i-3", "web", "stopped"),
            Machine::new("i-4", "web", "terminated"),
        ])
    }

    #[tokio::test]
    async fn it_shows_what_one_wants_to_know() {
        let cx = cx_on(&[("eu-central-1", &fleet())]);
        insta::assert_snapshot!(answer("ec2 show web-1", &cx).await, @r#"
        [info] # web-1
        Id: `i-1`
        State: *running*
        Checks: instance ok, system ok
        Type: `t3.micro`
        Zone: `eu-central-1a`
        Private IP: `10.0.0.7`
        Public IP: `198.51.100.7`
        Launched: 2026-09-21 14:13 UTC, 57 d 20 h ago
        Protection: `DisableApiStop`
        Auto Scaling: `web`
        Image: `ami-0123`
        Network: none
        Root device: `/dev/xvda`
        Volumes: `/dev/xvda` `vol-0aaa`
        Tags:
        - `aws:autoscaling:groupName=web`
        - `env=dev`
        [Reboot]Run("ec2 reboot i-1 --region eu-central-1")
        "#);
    }

    #[tokio::test]
    async fn what_does_not_run_has_no_uptime_and_what_is_gone_no_protection() {
        let stopped = Machine::new("i-1", "web", "stopped")
            .with(|machine| machine.transition = Some("User initiated (2026-11-17 20:03:09 GMT)".into()));
        let fleet = FakeRegion::new(vec![stopped, Machine::new("i-2", "old", "terminated")]);
        // it is not asked for what is gone, so that it cannot be refused either
        let cx = cx_on(&[("eu-central-1", &fleet)]);
        let text = answer("ec2 show web", &cx).await;
        assert!(text.contains("\nLaunched: 2026-09-21 14:13 UTC\nStopped since: 2026-11-17 20:03 UTC\n"), "{text}");
        fleet.fails("DescribeInstanceAttribute", Fault::Code("UnauthorizedOperation", "no"));
        let text = answer("ec2 show i-2", &cx).await;
        assert!(text.contains("\nProtection: –\n") && !text.contains(" ago"), "{text}");
        for words in
            ["", "User initiated", "x (yesterday GMT)", "x (2026-11-17 20:03 GMT)", "(`; 2026-11-17 20:03:09 GMT)"]
        {
            assert_eq!(super::moment(words), None, "{words}");
        }
    }

    #[tokio::test]
    async fn it_says_what_guards_it() {
        let guarded =
            Machine::new("i-1", "web", "running").tag("PROTECTED", "").tag("Approval ", "2").tag("env", "prod");
        let open = Machine::new("i-2", "db", "running").tag("protected", "false").tag("approval", "none");
        let cx = cx_on(&[("eu-central-1", &FakeRegion::new(vec![guarded, open]))]);
        let said = answer("ec2 show web", &cx).await;
        assert!(said.contains("\nGuarded: needs 2 approvals by `Approval =2`, protected by `PROTECTED=`\n"), "{said}");
        assert!(!answer("ec2 show db", &cx).await.contains("Guarded"));
    }

    #[tokio::test]
    async fn what_aws_does_not_tell_is_said_to_be_not_known() {
        let fleet = fleet();
        fleet.fails("DescribeInstanceAttribute", Fault::Code("UnauthorizedOperation", "no"));
        let cx = cx_on(&[("eu-central-1", &fleet)]);
        let text = answer("ec2 show i-1", &cx).await;
        assert!(
            text.contains("Protection: not known: AWS does not allow me `ec2:DescribeInstanceAttribute`"),
            "{text}"
        );
    }

    #[tokio::test]
    async fn a_region_that_fails_is_named_and_takes_nothing_with_it() {
        let deaf = FakeRegion::default();
        let cx = cx_on(&[("eu-central-1", &fleet()), ("us-east-1", &deaf)]);
        for fault in
            [Fault::Code("AuthFailure", "not able to validate"), Fault::Lost { happened: false }, Fault::NotSent]
        {
            for target in ["web-1", "i-1"] {
                deaf.fails("DescribeInstances", fault.clone());
                let text = answer(&format!("ec2 show {target} --region eu-central-1,us-east-1"), &cx).await;
                let is_told = text.starts_with("[info] # web-1") && text.contains("`us-east-1` is missing here: ");
                assert!(is_told, "{target}: {text}");
            }
            // what is not found may be where nobody answered
            deaf.fails("DescribeInstances", fault);
            let text = answer("ec2 show web-9 --region eu-central-1,us-east-1", &cx).await;
            assert!(text.starts_with("[failed]") && text.contains("`us-east-1`"), "{text}");
        }
    }

    #[tokio::test]
    async fn a_name_of_several_lists_them() {
        let cx = cx_on(&[("eu-central-1", &fleet())]);
        insta::assert_snapshot!(answer("ec2 show web", &cx).await, @r"
        [usage] `web` is the name of 2 instances. Nothing could be shown. Say by its id which one you mean.
        - `i-2` running, t3.micro, eu-central-1a, launched 2026-09-21
        - `i-3` stopped, t3.micro, eu-central-1a, launched 2026-09-21
        ");
    }

    #[tokio::test]
    async fn an_unknown_one_hints_at_other_regions() {
        let cx = cx_on(&[("eu-central-1", &fleet())]);
        insta::assert_snapshot!(answer("ec2 show i-0abc", &cx).await, @"[usage] I found no instance `i-0abc` in `eu-central-1`. Nothing could be shown. If it is in another region, add `--region <region>`; `ec2 list --region all` shows every instance.");
        insta::assert_snapshot!(answer("ec2 show web-9", &cx).await, @r"
        [usage] I found no instance with the name `web-9` in `eu-central-1`. Nothing could be shown. If it is in another region, add `--region <region>`; `ec2 list --region all` shows every instance.
        Did you mean this one?
        - `web-1 (i-1)` running
        ");
    }
}
