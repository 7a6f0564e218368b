//! From the words for a target to exactly the instances that are meant. A change acts on what somebody named, so a
//! name that fits several instances is a question, and patterns must be asked for by `name:`.

use super::super::args::{self, RegionWord};
use super::super::{Context, Scope, words};
use crate::aws::{AwsError, Filter, Instance};
use crate::domain::{Button, CommandError, Line, UsageError};
use std::collections::{BTreeMap, BTreeSet};

/// The most candidates that are listed.
const CANDIDATES: usize = 10;

/// How many unknown regions are named.
const NAMED: usize = 3;

/// How many of them get a button.
const BUTTONS: usize = 5;

/// How one names a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Selector {
    /// `i-0abc…`
    Id(String),
    /// The exact value of the Name tag; it must fit one instance.
    Name(String),
    /// `name:web-*`: every instance whose name meets the pattern.
    Pattern(String),
    /// `tag:env=dev`: every instance with the tag.
    Tag(String, String),
}

impl Selector {
    /// Reads a target; the error is a phrase that follows `<target>`.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        if let Some(pair) = text.strip_prefix("tag:") {
            let (key, value) =
                args::tag(pair).map_err(|_| format!("must be like `tag:env=dev`, not `{}`", words::name(text)))?;
            return Ok(Self::Tag(key, value));
        }
        if let Some(pattern) = text.strip_prefix("name:").filter(|pattern| !pattern.is_empty()) {
            return Ok(Self::Pattern(pattern.to_owned()));
        }
        if let Some(hex) = text.get(..2).filter(|start| start.eq_ignore_ascii_case("i-")).and(text.get(2..))
            && (1..=17).contains(&hex.len())
            && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
        {
            return Ok(Self::Id(text.to_lowercase()));
        }
        if text.contains(['*', '?']) {
            let shown = words::name(text);
            return Err(format!(
                "must name one instance, and `{shown}` is a pattern. If you mean every instance whose name fits, say `name:{shown}`"
            ));
        }
        if text.trim().is_empty() {
            return Err("must be an id, a name or `tag:key=value`, not an empty word".into());
        }
        Ok(Self::Name(text.to_owned()))
    }

    /// As one types it.
    pub(super) fn typed(&self) -> String {
        match self {
            Self::Id(id) => id.clone(),
            Self::Name(name) => name.clone(),
            Self::Pattern(pattern) => format!("name:{pattern}"),
            Self::Tag(key, value) => format!("tag:{key}={value}"),
        }
    }

    fn id(&self) -> Option<&str> {
        if let Self::Id(id) = self { Some(id) } else { None }
    }

    /// What AWS is asked where it is no id; it may give more than fits.
    fn filter(&self) -> Option<Filter> {
        match self {
            Self::Id(_) => None,
            Self::Name(name) | Self::Pattern(name) => Some(Filter::tag("Name", name)),
            Self::Tag(key, value) => Some(Filter::tag(key, value)),
        }
    }

    fn fits(&self, instance: &Instance) -> bool {
        match self {
            Self::Id(id) => instance.id == *id,
            Self::Name(name) => instance.name() == Some(name),
            Self::Pattern(pattern) => instance.name().is_some_and(|name| words::meets(pattern, name)),
            Self::Tag(key, value) => instance.tags.get(key) == Some(value),
        }
    }
}

/// The regions that the words mean, each of which there is.
pub(super) async fn regions(words: &[RegionWord], not_done: &str, cx: &Context) -> Result<Vec<String>, CommandError> {
    let failure = |error: AwsError| error.failure(not_done);
    if words.contains(&RegionWord::All) {
        return Ok(cx.aws.all_regions().await.map_err(failure)?);
    }
    if words.is_empty() {
        return Ok(vec![cx.aws.default_region().await.map_err(failure)?]);
    }
    let mut regions: Vec<String> = words.iter().map(|word| word.as_str().to_owned()).collect();
    regions.sort();
    regions.dedup();
    let known = cx.aws.known_of(&regions).await.map_err(failure)?;
    let unknown: Vec<&String> = regions.iter().filter(|region| !known.contains(region)).collect();
    if unknown.is_empty() { Ok(regions) } else { Err(no_regions(&unknown, not_done).into()) }
}

/// What is said of regions that there are not, of the first few by name.
fn no_regions(unknown: &[&String], not_done: &str) -> UsageError {
    let named = &unknown[..unknown.len().min(NAMED)];
    let names = match unknown.len() - named.len() {
        0 => words::list(named, "and"),
        more => {
            let named: Vec<String> = named.iter().map(|name| format!("`{name}`")).collect();
            format!("{} and {more} more", named.join(", "))
        }
    };
    let (are, they) = if unknown.len() == 1 { ("is no region", "It") } else { ("are no regions", "They") };
    UsageError::sentence(&format!(
        "{names} {are} that I may ask. {not_done} {they} may not exist, not be enabled for the account, or not stand in \
         my settings; `ec2 list --region all` asks every region that I may."
    ))
}

/// What the words tell about the regions before anything is read.
pub(super) fn scope(words: &[RegionWord]) -> Scope {
    if words.is_empty() {
        Scope::DefaultRegion
    } else if words.contains(&RegionWord::All) {
        Scope::Regions(Vec::new())
    } else {
        Scope::Regions(words.iter().map(|word| word.as_str().to_owned()).collect())
    }
}

/// A search for targets.
pub(super) struct Search<'a> {
    /// What was named.
    pub(super) selectors: &'a [Selector],
    /// Where to look.
    pub(super) regions: &'a [String],
    /// The sentence about what was not done when nothing comes of it: `Nothing was changed.`
    pub(super) not_done: &'a str,
}

impl Search<'_> {
    /// The instances that are meant, each once, sorted by region, name and id. Every selector found something; a name found
    /// exactly one. Gone instances are found by their ids alone.
    pub(super) async fn run(&self, cx: &Context) -> Result<Vec<Instance>, CommandError> {
        let account = cx.aws.account().await.map_err(|error| error.failure(self.not_done))?;
        let mut all: Vec<Instance> = Vec::new();
        let asked = self.ask(cx).await?;
        for selector in self.selectors {
            let mut found: Vec<Instance> = asked.iter().filter(|one| selector.fits(one)).cloned().collect();
            if !matches!(selector, Selector::Id(_)) && found.iter().any(|instance| !instance.state.is_gone()) {
                found.retain(|instance| !instance.state.is_gone());
            }
            if found.is_empty() {
                return Err(self.not_found(selector, cx).into());
            }
            if matches!(selector, Selector::Name(_)) && found.len() > 1 {
                return Err(self.ambiguous(selector, &found, cx, &account).into());
            }
            all.extend(found);
        }
        all.sort_by(|a, b| (&a.region, a.name(), &a.id).cmp(&(&b.region, b.name(), &b.id)));
        all.dedup_by(|a, b| a.region == b.region && a.id == b.id);
        Ok(all)
    }

    /// What AWS finds for the selectors over all regions, each instance once. The ids of a region are one call.
    async fn ask(&self, cx: &Context) -> Result<Vec<Instance>, CommandError> {
        let ids: BTreeSet<String> = self.selectors.iter().filter_map(Selector::id).map(str::to_owned).collect();
        let mut filters: Vec<Filter> = self.selectors.iter().filter_map(Selector::filter).collect();
        if !ids.is_empty() {
            filters.push(Filter::ids(&ids.into_iter().collect::<Vec<_>>()));
        }
        let mut found: BTreeMap<(String, String), Instance> = BTreeMap::new();
        for filter in filters {
            for part in cx.aws.instances_in(self.regions, &[filter]).await {
                let part = part.map_err(|error| error.failure(self.not_done))?;
                found.extend(part.into_iter().map(|one| ((one.region.clone(), one.id.clone()), one)));
            }
        }
        Ok(found.into_values().collect())
    }

    fn not_found(&self, selector: &Selector, cx: &Context) -> UsageError {
        let typed = words::name(&selector.typed());
        let (what, look) = match selector {
            Selector::Id(_) => ("instance", "`ec2 list --region all`".to_owned()),
            Selector::Name(_) => ("instance with the name", "`ec2 list --region all`".to_owned()),
            Selector::Pattern(_) | Selector::Tag(..) => ("instance that fits", "`ec2 list --region all`".to_owned()),
        };
        UsageError::sentence(&format!(
            "I found no {what} `{typed}` in {}. {} If it is in another region, add `--region <region>`; {look} shows \
             every instance.",
            words::list(self.regions, "and"),
            self.not_done
        ))
        .buttons(list_all(cx))
    }

    fn ambiguous(&self, selector: &Selector, found: &[Instance], cx: &Context, account: &str) -> UsageError {
        let typed = words::name(&selector.typed());
        let text = format!(
            "`{typed}` is the name of {} instances. {} Say by its id which one you mean.",
            found.len(),
            self.not_done
        );
        let mut seen: Vec<&Instance> = found.iter().filter(|one| (cx.sees)(&one.target(account))).collect();
        seen.sort_by(|a, b| (&a.region, &a.state, &a.id).cmp(&(&b.region, &b.state, &b.id)));
        let mut candidates: Vec<Line> = seen.iter().take(CANDIDATES).map(|one| candidate(one)).collect();
        let more = found.len() - candidates.len();
        if more > 0 {
            candidates.push(Line::from(format!("and {more} more")));
        }
        UsageError::sentence(&text).candidates(candidates).buttons(show_each(&seen, cx))
    }
}

/// A button for each that shows it, for whoever may.
pub(super) fn show_each(instances: &[&Instance], cx: &Context) -> Vec<Button> {
    if !(cx.may)(&super::show::ROW) {
        return Vec::new();
    }
    let show = |one: &&Instance| {
        let line = words::line(["ec2", "show", &one.id, "--region", &one.region])?;
        Some(Button::run(format!("Show {}", one.id), line))
    };
    instances.iter().take(BUTTONS).filter_map(show).collect()
}

/// The button that lists every instance, for whoever may.
fn list_all(cx: &Context) -> Vec<Button> {
    let may = (cx.may)(&super::list::ROW);
    may.then(|| Button::run("List every instance", "ec2 list --region all")).into_iter().collect()
}

/// `i-0abc` running, t3.micro, eu-central-1a, launched …
fn candidate(instance: &Instance) -> Line {
    let zone = instance.zone.as_deref().unwrap_or(&instance.region);
    let mut line =
        Line::new().code(&instance.id).text(format!(" {}, {}, {zone}", instance.state, words::name(&instance.kind)));
    if let Some(launched) = instance.launched {
        line = line.text(format!(", launched {}", launched.strftime("%Y-%m-%d")));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read_by_their_form() {
        let id = |text: &str| Ok(Selector::Id(text.into()));
        let name = |text: &str| Ok(Selector::Name(text.into()));
        assert_eq!(Selector::read("i-0ABC"), id("i-0abc"));
        assert_eq!(Selector::read("i-0123456789abcdef0"), id("i-0123456789abcdef0"));
        assert_eq!(Selector::read("i-robot"), name("i-robot"));
        assert_eq!(Selector::read("web 1"), name("web 1"));
        assert_eq!(Selector::read("ä"), name("ä"));
        assert_eq!(Selector::read("tag:env=dev"), Ok(Selector::Tag("env".into(), "dev".into())));
        assert_eq!(Selector::read("tag:a=b=c"), Ok(Selector::Tag("a".into(), "b=c".into())));
        assert_eq!(Selector::read("name:web-*"), Ok(Selector::Pattern("web-*".into())));
        for bad in ["tag:env", "tag:=x", "web-*", "", " "] {
            assert!(Selector::read(bad).is_err(), "{bad:?}");
        }
    }
}
