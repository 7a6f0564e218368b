//! `ec2 list`: what runs, over one or many regions at once. A region that does not answer is named and does not take
//! the others with it; what the person may not see is left out, and nothing tells that it is there.

mod stray;

use super::super::args::{self, RegionWord};
use super::super::folded::meant;
use super::super::{Command, Context, Planned, Row, Scope, words};
use super::names::LIST;
use super::regions::{self, Entered};
use crate::aws::{AwsError, Filter, Instance, State, call};
use crate::domain::{
    AccountRegion, Attachment, Button, CommandError, Line, Part, Reply, Risk, Table, Tone, UsageError,
};
use async_trait::async_trait;
use std::collections::BTreeMap;

/// Which instances to list.
#[derive(clap::Args, Clone, Debug, Default)]
pub(super) struct List {
    /// Only in this state: `running`, `stopped`, …; several by commas
    #[arg(long, value_name = "state", value_delimiter = ',', value_parser = read_state)]
    state: Vec<State>,
    /// Only with this tag; several tags must all be there, several values of one tag mean any of them
    #[arg(long, value_name = "key=value", value_parser = args::tag)]
    tag: Vec<(String, String)>,
    /// Only of this type, such as `t3.micro` or `m5.*`; several by commas
    #[arg(long = "type", value_name = "type", value_delimiter = ',', value_parser = read_kind)]
    kind: Vec<String>,
    /// Only with a name like this; `*` is any text
    #[arg(long, value_name = "pattern")]
    name: Option<String>,
    /// Where: a region, several by commas, or `all`
    #[arg(long, value_name = "region", value_delimiter = ',', value_parser = args::region)]
    region: Vec<RegionWord>,
    /// Which page of a long list
    #[arg(long, value_name = "number", value_parser = args::page)]
    page: Option<usize>,
}

/// Reads the state of an instance.
fn read_state(text: &str) -> Result<State, String> {
    match State::parse(&text.trim().to_lowercase()) {
        State::Other(_) => {
            let known: Vec<&str> = State::ALL.iter().map(State::as_str).collect();
            Err(format!("must be {}, not {}", words::list(&known, "or"), words::said(text)))
        }
        state => Ok(state),
    }
}

/// Reads a type of instance; `*` and `?` stand for any text.
fn read_kind(text: &str) -> Result<String, String> {
    let lower = text.trim().to_lowercase();
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '*' | '?');
    if lower.is_empty() || lower.len() > 40 || !lower.chars().all(fits) {
        return Err(format!("must be an instance type such as `t3.micro`, not {}", words::said(text)));
    }
    Ok(lower)
}

/// The row of `ec2 list`.
pub(in super::super) const ROW: Row = Row {
    name: LIST,
    summary: "Lists instances, with their state and type",
    examples: &[
        "ec2 list",
        "ec2 list --state running --region all",
        "ec2 list --tag env=dev --name \"web-*\"",
        "ec2 list --type t3.micro,t3.small --region eu-central-1,us-east-1 --page 2",
    ],
    risk: Risk::Read,
    action: "ec2:list",
    calls: &[&call::DESCRIBE_INSTANCES, &call::DESCRIBE_REGIONS],
    inspect: None,
    parse: |words| Ok(Box::new(args::parse::<List>(words).map_err(|error| stray::meant(error, words))?)),
    usage: || args::usage::<List>(ROW.name),
    options: args::options::<List>,
    definition: args::definition::<List>,
};

#[async_trait]
impl Command for List {
    fn scope(&self) -> Scope {
        regions::scope(&self.region)
    }

    async fn plan(&self, cx: &Context) -> Result<Planned, CommandError> {
        const NOT_DONE: &str = "Nothing could be read.";
        let Entered { places, barred } = regions::entered(&self.region, cx, NOT_DONE).await?;
        let (mut found, mut missing) = self.found(&places, Match::Exact, cx).await;
        if found.is_empty() && missing.is_empty() && (self.name.is_some() || !self.tag.is_empty()) {
            (found, missing) = self.found(&places, Match::Folded, cx).await;
        }
        if !missing.is_empty() && missing.len() == places.len() {
            return Err(AwsError::failure_of(&missing, NOT_DONE).into());
        }
        let account = match found.is_empty() {
            true => None,
            false => Some(cx.aws.accounts.usual().await.map_err(|error| error.failure(NOT_DONE))?),
        };
        // a region may have failed before another told the account
        let placed = |error: AwsError| AwsError { account: error.account.or(account.clone()), ..error };
        let missing: Vec<AwsError> = missing.into_iter().map(AwsError::while_others_answer).map(placed).collect();
        if let Some(account) = &account {
            found.retain(|instance| (cx.sees)(&instance.target(account)));
        }
        found.sort_by(|a, b| key(a).cmp(&key(b)));
        let listing = Listing { found, missing, places, barred };
        Ok(Planned::Answer(self.render(&listing, cx.limits.page_size)?))
    }
}

/// How names and tags are compared.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Match {
    /// As they are.
    Exact,
    /// As people mean them: what is shown can be typed back, though Slack or a phone writes it in its own way.
    Folded,
}

/// Sorted by region, then by name, the nameless last, of one name the running first.
fn key(instance: &Instance) -> (&str, bool, &str, &State, &str) {
    let name = instance.name();
    (&instance.region, name.is_none(), name.unwrap_or_default(), &instance.state, &instance.id)
}

/// What was found.
struct Listing {
    found: Vec<Instance>,
    /// The regions that did not answer.
    missing: Vec<AwsError>,
    places: Vec<AccountRegion>,
    /// The regions that were not asked because the person may not list them.
    barred: Vec<String>,
}

impl List {
    /// What is found, and the regions that did not answer.
    async fn found(&self, places: &[AccountRegion], by: Match, cx: &Context) -> (Vec<Instance>, Vec<AwsError>) {
        let (mut found, mut missing) = (Vec::new(), Vec::new());
        for answer in cx.aws.ec2.instances_in(places, &self.filters(by)).await {
            match answer {
                Ok(instances) => found.extend(instances.into_iter().filter(|instance| self.fits(instance, by))),
                Err(error) => missing.push(error),
            }
        }
        (found, missing)
    }

    /// What AWS can sort out; the rest is [`List::fits`].
    fn filters(&self, by: Match) -> Vec<Filter> {
        let mut filters = Vec::new();
        if !self.state.is_empty() {
            filters.push(Filter::states(&self.state));
        }
        if !self.kind.is_empty() {
            filters.push(Filter::kinds(&self.kind));
        }
        if by == Match::Folded {
            return filters;
        }
        if let Some(name) = &self.name {
            filters.push(Filter::tag("Name", name));
        }
        for (key, values) in self.tags() {
            // Several values of one tag are sorted out here, and so is the Name, which may be a pattern as well.
            if let ([value], false) = (values.as_slice(), key == "Name") {
                filters.push(Filter::tag(key, value));
            }
        }
        filters
    }

    fn fits(&self, instance: &Instance, by: Match) -> bool {
        let as_meant = |text: &str| match by {
            Match::Exact => text.to_owned(),
            Match::Folded => meant(text),
        };
        let named = self.name.as_ref().is_none_or(|pattern| {
            instance.name().is_some_and(|name| words::meets(&as_meant(pattern), &as_meant(name)))
        });
        let has = |key: &str, values: &[&str]| {
            let (key, values): (String, Vec<String>) =
                (as_meant(key), values.iter().map(|value| as_meant(value)).collect());
            instance.tags.iter().any(|(own, value)| as_meant(own) == key && values.contains(&as_meant(value)))
        };
        named && self.tags().iter().all(|(key, values)| has(key, values))
    }

    fn tags(&self) -> BTreeMap<&str, Vec<&str>> {
        let mut tags: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (key, value) in &self.tag {
            tags.entry(key).or_default().push(value);
        }
        tags
    }

    fn render(&self, listing: &Listing, page_size: usize) -> Result<Reply, UsageError> {
        let total = listing.found.len();
        let pages = total.div_ceil(page_size).max(1);
        let page = self.page.unwrap_or(1);
        if page > pages {
            let text = format!(
                "There is no page {page}: the list has {}. The last one: `{}`.",
                words::count(pages, "page"),
                self.typed(pages)
            );
            return Err(UsageError::sentence(&text));
        }
        let shown: Vec<&Instance> = listing.found.iter().skip((page - 1) * page_size).take(page_size).collect();
        let mut reply = Reply::new(Tone::Info).sentence(&self.head(listing));
        if !shown.is_empty() {
            reply = reply.part(Part::Table(table(&shown, listing.places.len() > 1)));
        }
        reply = regions::missing(&listing.missing).into_iter().fold(reply, |reply, text| reply.sentence(&text));
        if !listing.barred.is_empty() {
            let left_out = words::list(&listing.barred, "and");
            let first = &listing.barred[0];
            reply = reply.note(Line::sentence(&format!(
                "Left out, because you may not list it: {left_out}. `{} --region {first}` says why, and who could.",
                ROW.name
            )));
        }
        if total == 0 && !self.region.contains(&RegionWord::All) {
            let everywhere = Self { region: vec![RegionWord::All], page: None, ..self.clone() };
            let line = words::line(everywhere.words(1).iter().map(String::as_str));
            reply = reply.buttons(line.map(|line| Button::run("Look in all regions", line)).into_iter().collect());
        }
        if self.page.is_none() && pages > 1 {
            reply = reply.attach(self.whole(listing));
        }
        if page < pages {
            reply =
                reply.note(Line::sentence(&format!("Page {page} of {pages}. The next: `{}`", self.typed(page + 1))));
            let next = words::line(self.words(page + 1).iter().map(String::as_str));
            reply = reply.buttons(next.map(|line| Button::run("Next page", line)).into_iter().collect());
        } else if pages > 1 {
            reply = reply.note(format!("Page {page} of {pages}, the last."));
        }
        Ok(reply)
    }

    /// The whole list, for a person who did not ask for a page of it.
    fn whole(&self, listing: &Listing) -> Attachment {
        let title = Line::sentence(&self.head(listing)).plain();
        Attachment { name: "instances".into(), title, table: inventory(&listing.found) }
    }

    /// `12 instances in eu-central-1: 10 running, 2 stopped.`
    fn head(&self, listing: &Listing) -> String {
        let answered: Vec<&String> = listing
            .places
            .iter()
            .map(|place| &place.region)
            .filter(|region| listing.missing.iter().all(|error| error.region != **region))
            .collect();
        let place = match answered.as_slice() {
            many if many.len() > 3 => format!("{} regions", many.len()),
            few => words::list(few, "and"),
        };
        if listing.found.is_empty() {
            let filtered =
                !(self.state.is_empty() && self.tag.is_empty() && self.kind.is_empty() && self.name.is_none());
            let fitting = if filtered { " that fits" } else { "" };
            let hint = match self.region.contains(&RegionWord::All) {
                true => "",
                false => " `--region all` looks everywhere.",
            };
            return format!("There is no instance{fitting} in {place}.{hint}");
        }
        let mut states: BTreeMap<&State, usize> = BTreeMap::new();
        for instance in &listing.found {
            *states.entry(&instance.state).or_default() += 1;
        }
        let states: Vec<String> =
            states.iter().map(|(state, number)| format!("{number} {}", words::name(state.as_str()))).collect();
        format!("{} in {place}: {}.", words::count(listing.found.len(), "instance"), states.join(", "))
    }

    /// This command as one types it, for another page, fit for backticks.
    fn typed(&self, page: usize) -> String {
        let words = self.words(page);
        let typed = words::line(words.iter().map(String::as_str)).unwrap_or_else(|| words.join(" "));
        typed.replace(['`', '\n'], " ")
    }

    /// This command's words, for another page.
    fn words(&self, page: usize) -> Vec<String> {
        let mut words: Vec<String> = ROW.name.split(' ').map(str::to_owned).collect();
        let mut option = |name: &str, value: &str| match value.starts_with('-') {
            true => words.push(format!("--{name}={value}")),
            false => words.extend([format!("--{name}"), value.to_owned()]),
        };
        let joined = |values: Vec<&str>| values.join(",");
        if !self.state.is_empty() {
            option("state", &joined(self.state.iter().map(State::as_str).collect()));
        }
        for (key, value) in &self.tag {
            option("tag", &format!("{key}={value}"));
        }
        if !self.kind.is_empty() {
            option("type", &joined(self.kind.iter().map(String::as_str).collect()));
        }
        if let Some(name) = &self.name {
            option("name", name);
        }
        if !self.region.is_empty() {
            option("region", &joined(self.region.iter().map(RegionWord::as_str).collect()));
        }
        if page > 1 {
            option("page", &page.to_string());
        }
        words
    }
}

/// Short columns, for a phone; the zone names the region, so it is there only where regions differ.
fn table(instances: &[&Instance], zones: bool) -> Table {
    let mut head = vec!["name", "id", "state", "type"];
    if zones {
        head.push("zone");
    }
    let row = |instance: &&Instance| {
        let mut row = vec![
            instance.name().map_or_else(|| "-".into(), |name| words::cut(name, 24)),
            instance.id.clone(),
            instance.state.to_string(),
            instance.kind.clone(),
        ];
        if zones {
            row.push(instance.zone.clone().unwrap_or_else(|| instance.region.clone()));
        }
        row
    };
    Table { head: head.into_iter().map(str::to_owned).collect(), rows: instances.iter().map(row).collect() }
}

/// Every column, for a spreadsheet: nothing is cut, and what is missing is empty.
fn inventory(instances: &[Instance]) -> Table {
    let head = ["name", "id", "state", "type", "region", "zone", "private_ip", "public_ip", "launched", "tags"];
    let row = |instance: &Instance| {
        let tags = instance.tags.iter().filter(|(key, _)| *key != "Name").map(|(key, value)| format!("{key}={value}"));
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        vec![
            text(instance.name()),
            instance.id.clone(),
            instance.state.to_string(),
            instance.kind.clone(),
            instance.region.clone(),
            text(instance.zone.as_deref()),
            text(instance.private_ip.as_deref()),
            text(instance.public_ip.as_deref()),
            instance.launched.map(|at| at.to_string()).unwrap_or_default(),
            tags.collect::<Vec<_>>().join("; "),
        ]
    };
    Table { head: head.map(str::to_owned).to_vec(), rows: instances.iter().map(row).collect() }
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{answer, cx_on, parse};
    use crate::aws::fake::{FakeRegion, Fault, Machine};
    use std::sync::Arc;

    fn fleet() -> FakeRegion {
        FakeRegion::new(vec![
            Machine::new("i-3", "web-2", "stopped").tag("env", "dev"),
            Machine::new("i-1", "web-1", "running").tag("env", "dev"),
            Machine::new("i-9", "", "running"),
            Machine::new("i-2", "db-1", "running").tag("env", "prod").with(|m| m.kind = "m5d.large".into()),
        ])
    }

    #[tokio::test]
    async fn it_shows_a_table_sorted_by_name() {
        let cx = cx_on(&[("eu-central-1", &fleet())]);
        insta::assert_snapshot!(answer("ec2 list", &cx).await, @r"
        [info] 4 instances in `eu-central-1`: 3 running, 1 stopped.
        name | id | state | type
        db-1 | i-2 | running | m5d.large
        web-1 | i-1 | running | t3.micro
        web-2 | i-3 | stopped | t3.micro
        - | i-9 | running | t3.micro
        ");
    }

    #[tokio::test]
    async fn filters_narrow_it() {
        let cx = cx_on(&[("eu-central-1", &fleet())]);
        insta::assert_snapshot!(answer("ec2 list --tag env=dev --state stopped", &cx).await, @r"
        [info] 1 instance in `eu-central-1`: 1 stopped.
        name | id | state | type
        web-2 | i-3 | stopped | t3.micro
        ");
        insta::assert_snapshot!(answer("ec2 list --tag env=dev --tag env=prod --name '*-1'", &cx).await, @r"
        [info] 2 instances in `eu-central-1`: 2 running.
        name | id | state | type
        db-1 | i-2 | running | m5d.large
        web-1 | i-1 | running | t3.micro
        ");
    }

    #[tokio::test]
    async fn a_word_of_no_option_is_offered_as_what_it_may_mean() {
        let cx = cx_on(&[("eu-central-1", &fleet())]);
        insta::assert_snapshot!(answer("ec2 list web-1", &cx).await, @r"
        [usage] I do not know what to do with `web-1`. Did you mean `ec2 show web-1` or `ec2 list --name web-1`?
        Usage: `ec2 list [--state <state>]… [--tag <key=value>]… [--type <type>]… [--name <pattern>] [--region <region>]… [--page <number>]`
        ");
        for (line, meant) in [
            ("ec2 list web-1 --region all", vec!["ec2 show web-1 --region all", "ec2 list --name web-1 --region all"]),
            ("ec2 list running", vec!["ec2 list --state running"]),
            ("ec2 list --type t3.micro Stopped", vec!["ec2 list --state Stopped --type t3.micro"]),
            ("ec2 list us-east-1", vec!["ec2 list --region us-east-1"]),
            ("ec2 list env=dev", vec!["ec2 list --tag env=dev"]),
            ("ec2 list 'my web'", vec!["ec2 show 'my web'", "ec2 list --name 'my web'"]),
            // nothing is guessed where more is wrong
            ("ec2 list web-1 web-2", vec![]),
            ("ec2 list web-1 --bogus x", vec![]),
            ("ec2 list web-1 --state running", vec!["ec2 list --name web-1 --state running"]),
            ("ec2 list --state runing", vec![]),
        ] {
            let error = parse(line).err().expect("a mistake");
            let lines: Vec<&str> = error.buttons.iter().map(|button| button.line()).collect();
            assert_eq!(lines, meant, "{line}");
        }
    }

    #[tokio::test]
    async fn nothing_found_says_so_and_where_else_to_look() {
        let cx = cx_on(&[("eu-central-1", &fleet())]);
        insta::assert_snapshot!(answer("ec2 list --type c7.large", &cx).await, @r#"
        [info] There is no instance that fits in `eu-central-1`. `--region all` looks everywhere.
        [Look in all regions]Run("ec2 list --type c7.large --region all")
        "#);
    }

    #[tokio::test]
    async fn a_long_list_has_pages_and_says_how_to_see_the_next() {
        let machines = (0..12).map(|n| Machine::new(&format!("i-{n:02}"), &format!("web {n:02}"), "running")).collect();
        let cx = cx_on(&[("eu-central-1", &FakeRegion::new(machines))]);
        insta::assert_snapshot!(answer("ec2 list --name 'web *'", &cx).await, @r#"
        [info] 12 instances in `eu-central-1`: 12 running.
        name | id | state | type
        web 00 | i-00 | running | t3.micro
        web 01 | i-01 | running | t3.micro
        web 02 | i-02 | running | t3.micro
        web 03 | i-03 | running | t3.micro
        web 04 | i-04 | running | t3.micro
        (Page 1 of 3. The next: `ec2 list --name 'web *' --page 2`)
        [Next page]Run("ec2 list --name 'web *' --page 2")
        "#);
        let attached = async |line: &str| {
            let (_, command) = parse(line).expect("a command");
            match command.plan(&cx).await {
                Ok(crate::commands::Planned::Answer(reply)) => {
                    reply.attachment.map(|file| (file.title, file.table.rows.len()))
                }
                other => panic!("{other:?}"),
            }
        };
        let whole = Some(("12 instances in eu-central-1: 12 running.".to_owned(), 12));
        assert_eq!(attached("ec2 list").await, whole, "all of it goes with it");
        assert_eq!(attached("ec2 list --page 1").await, None, "a page is all that was asked for");
        assert_eq!(attached("ec2 list --name 'web 0*' --type t3.micro --page 2").await, None);
        insta::assert_snapshot!(answer("ec2 list --page 3", &cx).await, @r"
        [info] 12 instances in `eu-central-1`: 12 running.
        name | id | state | type
        web 10 | i-10 | running | t3.micro
        web 11 | i-11 | running | t3.micro
        (Page 3 of 3, the last.)
        ");
        insta::assert_snapshot!(answer("ec2 list --page 4", &cx).await, @"[usage] There is no page 4: the list has 3 pages. The last one: `ec2 list --page 3`.");
    }

    #[tokio::test]
    async fn a_region_that_fails_is_named_and_the_others_are_shown() {
        let (here, there) = (fleet(), FakeRegion::new(vec![Machine::new("i-7", "api", "running")]));
        here.fails("DescribeInstances", Fault::Code("RequestLimitExceeded", "slow down"));
        let cx = cx_on(&[("eu-central-1", &here), ("us-east-1", &there)]);
        insta::assert_snapshot!(answer("ec2 list --region all", &cx).await, @r"
        [info] 1 instance in `us-east-1`: 1 running.
        name | id | state | type | zone
        api | i-7 | running | t3.micro | us-east-1a
        `eu-central-1` is missing here: AWS is limiting our calls (`RequestLimitExceeded`, account `123456789012`): slow down.
        ");
    }

    #[tokio::test]
    async fn when_no_region_answers_it_is_a_failure() {
        let here = fleet();
        here.fails(
            "DescribeInstances",
            Fault::Code("UnauthorizedOperation", "Encoded authorization failure message: x"),
        );
        let cx = cx_on(&[("eu-central-1", &here)]);
        insta::assert_snapshot!(answer("ec2 list", &cx).await, @"[failed] AWS does not allow me `ec2:DescribeInstances` (`UnauthorizedOperation`, `eu-central-1`, account `123456789012`). Nothing could be read. Ask the platform team to look at the bot's IAM role.");
    }

    #[tokio::test]
    async fn what_one_may_not_see_is_left_out() {
        let mut cx = cx_on(&[("eu-central-1", &fleet())]);
        cx.sees = Arc::new(|target| target.tags.get("env").is_some_and(|env| env == "dev"));
        insta::assert_snapshot!(answer("ec2 list", &cx).await, @r"
        [info] 2 instances in `eu-central-1`: 1 running, 1 stopped.
        name | id | state | type
        web-1 | i-1 | running | t3.micro
        web-2 | i-3 | stopped | t3.micro
        ");
    }

    #[tokio::test]
    async fn the_same_trouble_of_many_regions_is_one_sentence() {
        let names: Vec<String> = (0..30).map(|n| format!("eu-test-{n}")).collect();
        let regions: Vec<FakeRegion> = names.iter().map(|_| FakeRegion::default()).collect();
        let denied = "User: arn:aws:sts::123456789012:assumed-role/drone/i-0 is not authorized to perform: \
                      ec2:DescribeInstances with an explicit deny in a service control policy";
        for answering in [0, 1] {
            let mut all: Vec<(&str, &FakeRegion)> = names.iter().map(String::as_str).zip(&regions).collect();
            let here = fleet();
            if answering == 1 {
                all.push(("eu-central-1", &here));
            }
            let cx = cx_on(&all);
            for region in &regions {
                region.fails("DescribeInstances", Fault::Code("UnauthorizedOperation", denied));
            }
            let text = answer("ec2 list --region all", &cx).await;
            assert_eq!(text.matches("service control policy").count(), if answering == 0 { 2 } else { 1 }, "{text}");
            assert!(names.iter().all(|name| text.contains(&format!("`{name}`"))), "{text}");
        }
    }
}
