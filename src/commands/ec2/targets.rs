//! From the words for a target to exactly the instances that are meant. A change acts on what somebody named, so a
//! name that fits several instances is a question, and patterns must be asked for by `name:`.

use super::super::{Context, words};
use super::names::{LIST, SHOW};
use super::near;
use super::selector::Selector;
use crate::aws::{AwsError, Filter, Instance};
use crate::domain::{AccountId, AccountRegion, Button, CommandError, Line, UsageError};
use std::collections::{BTreeMap, BTreeSet};

/// The most candidates that are listed.
const CANDIDATES: usize = 10;

/// How many of them get a button.
const BUTTONS: usize = 5;

/// A search for targets.
pub(super) struct Search<'a> {
    /// What was named.
    pub(super) selectors: &'a [Selector],
    /// Where to look.
    pub(super) places: &'a [AccountRegion],
    /// The sentence about what was not done when nothing comes of it: `Nothing was changed.`
    pub(super) not_done: &'a str,
    /// Whether what the person may not see is not there: for what only shows. A change of it is refused, with its reason, where
    /// it was named; what a pattern or a tag finds beside what may be seen is never there.
    pub(super) only_seen: bool,
    /// The name of the command that changes what is found. `None` where it is only read: then the one instance that has
    /// the name but for what nobody sees is taken for what is meant.
    pub(super) changing: Option<&'a str>,
}

impl Search<'_> {
    /// The instances that are meant, each once, sorted by region, name and id. Every selector found something; a name found
    /// exactly one, and in no region that was asked it can have another bearer. Gone instances are found by their ids alone.
    pub(super) async fn run(&self, cx: &Context) -> Result<Vec<Instance>, CommandError> {
        let (answers, missing) = self.ask(cx).await;
        if !missing.is_empty() {
            return Err(AwsError::failure_of(&missing, self.not_done).into());
        }
        self.choose(answers, cx).await
    }

    /// The same for a command that only looks: what the other regions have, and the regions that did not answer.
    pub(super) async fn look(&self, cx: &Context) -> Result<(Vec<Instance>, Vec<AwsError>), CommandError> {
        let (answers, missing) = self.ask(cx).await;
        if !missing.is_empty() && answers.iter().any(Vec::is_empty) {
            return Err(AwsError::failure_of(&missing, self.not_done).into());
        }
        Ok((self.choose(answers, cx).await?, missing))
    }

    async fn choose(&self, answers: Vec<Vec<Instance>>, cx: &Context) -> Result<Vec<Instance>, CommandError> {
        let mut all: Vec<Instance> = Vec::new();
        for (selector, mut found) in self.selectors.iter().zip(answers) {
            // what a pattern or a tag finds is spelled out by it letter by letter
            if !found.is_empty() && (self.only_seen || selector.is_search()) {
                let account = cx.aws.accounts.usual().await.map_err(|error| error.failure(self.not_done))?;
                found.retain(|instance| (cx.shows)(&instance.target(&account)));
            }
            if !matches!(selector, Selector::Id(_)) && found.iter().any(|instance| !instance.state.is_gone()) {
                found.retain(|instance| !instance.state.is_gone());
            }
            if found.is_empty() {
                found.push(self.guess(selector, cx).await?);
            }
            if matches!(selector, Selector::Name(_)) && found.len() > 1 {
                let account = cx.aws.accounts.usual().await.map_err(|error| error.failure(self.not_done))?;
                return Err(self.ambiguous(selector, &found, cx, &account).into());
            }
            all.extend(found);
        }
        all.sort_by(|a, b| (&a.region, a.name(), &a.id).cmp(&(&b.region, b.name(), &b.id)));
        all.dedup_by(|a, b| a.region == b.region && a.id == b.id);
        Ok(all)
    }

    /// What AWS finds for each selector, over all regions, and the regions of which one did not answer, each once. The ids
    /// of a region are one call.
    async fn ask(&self, cx: &Context) -> (Vec<Vec<Instance>>, Vec<AwsError>) {
        let ids: BTreeSet<String> = self.selectors.iter().filter_map(Selector::id).map(str::to_owned).collect();
        let mut filters: Vec<Filter> = self.selectors.iter().filter_map(Selector::filter).collect();
        if !ids.is_empty() {
            filters.push(Filter::ids(&ids.into_iter().collect::<Vec<_>>()));
        }
        let (mut found, mut missing) = (BTreeMap::new(), BTreeMap::new());
        for filter in filters {
            let parts = cx.aws.ec2.instances_in(self.places, &[filter]).await;
            for (place, part) in self.places.iter().zip(parts) {
                match part {
                    Ok(part) => found.extend(part.into_iter().map(|one| ((one.place(), one.id.clone()), one))),
                    Err(error) => {
                        missing.entry(place).or_insert(error);
                    }
                }
            }
        }
        let answers = self.selectors.iter().map(|selector| {
            let fits = |one: &&Instance| selector.fits(one);
            found.values().filter(fits).cloned().collect()
        });
        let others = missing.len() < self.places.len();
        let missing = missing.into_values();
        (answers.collect(), missing.map(|error| if others { error.while_others_answer() } else { error }).collect())
    }

    /// What may be meant by a word that fits nothing. To be read, it may be the one instance that has it but for what
    /// nobody sees; everything else is offered, and never taken.
    async fn guess(&self, selector: &Selector, cx: &Context) -> Result<Instance, CommandError> {
        if let Selector::Id(_) = selector {
            return Err(self.not_found(selector, cx).into());
        }
        let parts = cx.aws.ec2.instances_in(self.places, &[]).await;
        // a region that does not answer now has answered before: what is offered of the others is right
        let all: Vec<Instance> = parts.into_iter().flatten().flatten().collect();
        // without the account, which instances tell as well as STS, the bot cannot say what may be shown
        let Ok(account) = cx.aws.accounts.usual().await else { return Err(self.not_found(selector, cx).into()) };
        let seen: Vec<&Instance> =
            all.iter().filter(|one| !one.state.is_gone() && (cx.shows)(&one.target(&account))).collect();
        let same: Vec<&Instance> = seen.iter().copied().filter(|one| near::is_same(selector, one)).collect();
        if let ([one], None) = (same.as_slice(), self.changing) {
            return Ok((*one).clone());
        }
        let near = match selector {
            Selector::Name(name) => near::nearest(name, &seen),
            _ => same,
        };
        let error = self.not_found(selector, cx);
        if near.is_empty() { Err(error.into()) } else { Err(self.offer(selector, error, &near, cx, &account).into()) }
    }

    /// What is like the word, to be pressed. What would be changed is shown in a form first.
    fn offer(
        &self,
        selector: &Selector,
        mut error: UsageError,
        near: &[&Instance],
        cx: &Context,
        account: &AccountId,
    ) -> UsageError {
        let is_list = is_list(selector);
        error.lines.push(Line::from(if near.len() == 1 {
            "Did you mean this one?"
        } else {
            "Did you mean one of these?"
        }));
        let named =
            |one: &&Instance| Line::new().code(words::label(&one.target(account))).text(format!(" {}", one.state));
        let shown = near.iter().take(BUTTONS);
        error.candidates = shown.clone().map(named).collect();
        let button = |one: &&Instance| {
            let verb = self.changing.filter(|_| self.selectors.len() == 1 && !is_list);
            let rest = words::line([one.id.as_str(), "--region", &one.region])?;
            let line = format!("{} {rest}", verb.unwrap_or(SHOW));
            Some(match verb {
                Some(verb) => Button::form(format!("{}…", near::button_label(verb, one)), line),
                None => Button::run(near::button_label("Show", one), line),
            })
        };
        // a person who may change may have no right to look
        let may = self.changing.is_some() && self.selectors.len() == 1 && !is_list || cx.permitted(SHOW).is_some();
        let near: Vec<Button> = if may { shown.filter_map(button).collect() } else { Vec::new() };
        error.buttons.splice(0..0, near);
        error
    }

    fn not_found(&self, selector: &Selector, cx: &Context) -> UsageError {
        let typed = words::name(&selector.typed());
        let regions: Vec<&String> = self.places.iter().map(|place| &place.region).collect();
        let (what, look) = match selector {
            Selector::Id(_) => ("instance", "`ec2 list --region all`".to_owned()),
            Selector::Name(_) => ("instance with the name", "`ec2 list --region all`".to_owned()),
            Selector::Pattern(_) | Selector::Tag(..) => ("instance that fits", "`ec2 list --region all`".to_owned()),
        };
        let mut error = UsageError::sentence(&format!(
            "I found no {what} `{typed}` in {}. {} If it is in another region, add `--region <region>`; {look} shows \
             every instance.",
            words::list(&regions, "and"),
            self.not_done
        ));
        if is_list(selector) {
            error.lines.push(Line::from("Several targets stand side by side, with a space between them and no comma."));
        }
        error.buttons(list_all(cx))
    }

    fn ambiguous(&self, selector: &Selector, found: &[Instance], cx: &Context, account: &AccountId) -> UsageError {
        let typed = words::name(&selector.typed());
        let mut seen: Vec<&Instance> = found.iter().filter(|one| (cx.shows)(&one.target(account))).collect();
        seen.sort_by(|a, b| (&a.region, &a.state, &a.id).cmp(&(&b.region, &b.state, &b.id)));
        let count = if seen.len() == found.len() {
            words::count(seen.len(), "instance")
        } else {
            "several instances".to_owned()
        };
        let text = format!("`{typed}` is the name of {count}. {} Say by its id which one you mean.", self.not_done);
        let mut candidates: Vec<Line> = seen.iter().take(CANDIDATES).map(|one| candidate(one)).collect();
        let more = seen.len() - candidates.len();
        if more > 0 {
            candidates.push(Line::from(format!("and {more} more")));
        }
        UsageError::sentence(&text).candidates(candidates).buttons(show_each(&seen, cx))
    }
}

/// Whether several targets were written as one word, with commas.
fn is_list(selector: &Selector) -> bool {
    matches!(selector, Selector::Name(name) if near::parts(name).len() > 1 || name.ends_with(','))
}

/// A button for each that shows it, for a person who may.
pub(super) fn show_each(instances: &[&Instance], cx: &Context) -> Vec<Button> {
    if cx.permitted(SHOW).is_none() {
        return Vec::new();
    }
    let show = |one: &&Instance| {
        let line = words::line(["ec2", "show", &one.id, "--region", &one.region])?;
        Some(Button::run(format!("Show {}", one.id), line))
    };
    instances.iter().take(BUTTONS).filter_map(show).collect()
}

/// The button that lists every instance, for a person who may.
fn list_all(cx: &Context) -> Vec<Button> {
    let list = cx.permitted(LIST);
    list.map(|row| Button::run("List every instance", format!("{} --region all", row.name))).into_iter().collect()
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
