//! The counting itself: what was asked, what Slack, AWS and the table's proxy saw, and from these alone what is wrong. It
//! starts nothing, so `made_up.rs` can hand it runs that never were.

use crate::approver::instance;
use crate::form::Ceilings;
use crate::load::{Asked, Kind, Way};
use crate::said::{self, Said};
use crate::support::Message;
use std::collections::{BTreeMap, BTreeSet};

/// So many answers may be an apology, or say that nobody knows.
const SORRY: f64 = 0.15;

/// So many may come twice where one person alone sees them and Slack gives no way to look.
const WHISPERED_TWICE: f64 = 0.03;

/// So many acknowledgements may come when Slack waits no longer.
const LATE: f64 = 0.05;

/// In a short run one or two are no share.
const FEW: f64 = 3.0;

/// What Slack holds of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Taken {
    Never,
    /// The acknowledgement itself says that it is not taken.
    Refused,
    /// An acknowledgement that came when Slack had given up.
    Late,
    InTime,
}

/// Everything that was seen from outside.
#[derive(Default)]
pub struct Seen {
    /// All messages, of the bot, of people and of Slack itself.
    pub messages: Vec<Message>,
    /// What Slack holds, by envelope and by event.
    pub acks: BTreeMap<String, Taken>,
    /// Those whose form says that there was trouble, and those who have one open.
    pub troubled: BTreeSet<String>,
    pub opened: BTreeSet<String>,
    /// How often what was changed.
    pub changes: BTreeMap<String, usize>,
    /// The instances whose change was approved.
    pub approved: BTreeSet<String>,
}

impl Seen {
    pub fn taken(&self, asked: &Asked) -> Taken {
        let of = |key: &str| asked.sent[key].as_str().and_then(|id| self.acks.get(id)).copied();
        of("envelope_id").max(of("event_id")).unwrap_or(Taken::Never)
    }
}

/// What was counted.
#[derive(Default)]
pub struct Tally {
    pub asked: usize,
    /// By way, what Slack holds of it, how many.
    pub taken: BTreeMap<(Way, Taken), usize>,
    pub answered: usize,
    pub unanswered: usize,
    /// Not taken, and Slack itself told the person.
    pub told: usize,
    /// Of those of which Slack tells the person, what was not taken, and all.
    pub not_taken: usize,
    pub brought_once: usize,
    /// Not taken, and Slack brings it no more: nobody was told.
    pub lost: usize,
    /// Answered though Slack had said that it failed.
    pub surprised: usize,
    pub right: usize,
    pub sorry: usize,
    pub unknown: usize,
    pub doubled: usize,
    pub whispered_twice: usize,
    pub left_over: usize,
    pub strays: usize,
    pub lies: usize,
    pub files: usize,
    /// Changes that were made because somebody approved them.
    pub approved: usize,
    pub misses: Vec<String>,
}

/// A command with everything that was said in answer to it.
struct Case<'a> {
    asked: &'a Asked,
    taken: Taken,
    answers: Vec<&'a Message>,
    files: usize,
    /// How often Slack itself told the person that it failed.
    told: usize,
}

impl<'a> Case<'a> {
    fn finals(&self) -> Vec<&'a Message> {
        self.answers.iter().filter(|answer| !answer.is_progress()).copied().collect()
    }

    /// Whether another message of the same request answers it.
    fn has_part_of(&self, message: &Message) -> bool {
        said::request(&message.text)
            .is_some_and(|id| self.answers.iter().any(|answer| said::request(&answer.text) == Some(id)))
    }

    fn miss(&self, what: &str) -> String {
        let Asked { way, text, user, channel, sent, .. } = self.asked;
        let texts: Vec<&str> = self.answers.iter().map(|answer| answer.text.as_str()).collect();
        format!("{what}: {way:?} `{text}` of {user} in {channel} ({:?}, {sent}) {texts:#?}", self.taken)
    }
}

/// Slack's own name of a channel or of a direct message.
fn place(asked: &Asked) -> String {
    match asked.way {
        Way::Direct => format!("D{}", asked.user.strip_prefix('U').unwrap_or(&asked.user)),
        _ => format!("C{}", asked.channel.to_uppercase()),
    }
}

/// What is known of who may be meant by a message.
struct Index<'a> {
    persons: BTreeMap<&'a str, Vec<usize>>,
    threads: BTreeMap<&'a str, Vec<usize>>,
    directs: BTreeMap<String, Vec<usize>>,
    shown_to_all: BTreeMap<&'a str, Vec<usize>>,
}

impl<'a> Index<'a> {
    fn of(all: &'a [Asked]) -> Self {
        let (mut persons, mut threads, mut directs, mut shown_to_all): Maps<'a> = Default::default();
        for (number, asked) in all.iter().enumerate() {
            if asked.way == Way::Direct {
                directs.entry(place(asked)).or_default().push(number);
            } else {
                persons.entry(asked.user.as_str()).or_default().push(number);
            }
            if let Some(thread) = &asked.thread {
                threads.entry(thread.as_str()).or_default().push(number);
            }
            if let Some(id) = asked.target().filter(|_| asked.needs_approval && asked.thread.is_none()) {
                shown_to_all.entry(id).or_default().push(number);
            }
        }
        Self { persons, threads, directs, shown_to_all }
    }

    /// The commands to which this may be an answer.
    fn meant(&self, message: &Message) -> Vec<usize> {
        let found = if let Some(person) = &message.only_for {
            self.persons.get(person.as_str())
        } else if let Some(thread) = &message.thread_ts {
            self.threads.get(thread.as_str())
        } else if message.channel.starts_with('D') {
            self.directs.get(&message.channel)
        } else {
            // what others must approve is shown to all, and its answer takes the place of that message
            let before = message.history.iter().filter_map(|before| before["text"].as_str());
            let mut ids = std::iter::once(message.text.as_str()).chain(before).filter_map(instance);
            ids.find_map(|id| self.shown_to_all.get(id.as_str()))
        };
        found.cloned().unwrap_or_default()
    }
}

type Numbers<K> = BTreeMap<K, Vec<usize>>;
type Maps<'a> = (Numbers<&'a str>, Numbers<&'a str>, Numbers<String>, Numbers<&'a str>);

/// Gives each message of the bot to the one command that it answers; what answers none.
fn matched<'a>(all: &'a [Asked], seen: &'a Seen) -> (Vec<Case<'a>>, Vec<&'a Message>) {
    let index = Index::of(all);
    let case = |asked: &'a Asked| Case { asked, taken: seen.taken(asked), answers: vec![], files: 0, told: 0 };
    let mut cases: Vec<Case<'a>> = all.iter().map(case).collect();
    let mut strays = Vec::new();
    let of_bot = seen.messages.iter().filter(|message| message.is_of_bot() && !message.deleted);
    // an apology that names nothing goes to whoever is left when those are matched that say what they answer
    let (telling, mute): (Vec<_>, Vec<_>) = of_bot.partition(|message| {
        let fits = |number: &usize| said::fit(&all[*number], &message.text) > 0;
        !message.files.is_empty() || index.meant(message).iter().any(fits)
    });
    for message in telling.into_iter().chain(mute) {
        let meant = index.meant(message).into_iter().filter(|number| {
            let asked = cases[*number].asked;
            message.only_for.is_none() || message.channel == place(asked)
        });
        let fits = |number: &usize| {
            let case = &cases[*number];
            let finals = case.finals().len();
            let fit = match message.files.is_empty() {
                // an answer that took the place of a question is one to what the question was about
                true => said::fit(case.asked, &message.text).max(asked_about(case.asked, message)),
                false => usize::from(case.asked.kind == Kind::List),
            };
            // words that nothing tells apart take one answer each, those first that Slack holds
            (case.has_part_of(message), fit, finals == 0, case.taken, std::cmp::Reverse(finals))
        };
        match meant.max_by_key(fits) {
            Some(number) if !message.files.is_empty() => cases[number].files += 1,
            Some(number) => cases[number].answers.push(message),
            None => strays.push(message),
        }
    }
    let mut notes: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for message in seen.messages.iter().filter(|message| message.user.as_deref() == Some("USLACKBOT")) {
        let person = message.only_for.as_deref().unwrap_or_default();
        *notes.entry((person, message.channel.as_str())).or_default() += 1;
    }
    for case in &mut cases {
        let user = case.asked.user.as_str();
        case.told = match case.asked.way {
            // the form itself says it
            Way::Form => usize::from(seen.troubled.contains(user)),
            _ => notes.get(&(user, place(case.asked).as_str())).copied().unwrap_or_default(),
        };
    }
    (cases, strays)
}

impl Tally {
    pub fn of(all: &[Asked], seen: &Seen, ceilings: Ceilings) -> Self {
        let mut tally = Self { asked: all.len(), ..Self::default() };
        let (cases, strays) = matched(all, seen);
        for case in &cases {
            tally.arrival(case);
            tally.answer(case, seen);
            tally.change(case, seen);
        }
        tally.contested(&cases, seen);
        tally.words(&cases);
        for message in strays {
            tally.strays += 1;
            tally.misses.push(format!("answers no command: {message:?}"));
        }
        tally.shares(ceilings);
        tally
    }

    /// How many of those that came by such ways ended so.
    pub fn count(&self, ways: impl Fn(Way) -> bool, taken: impl Fn(Taken) -> bool) -> usize {
        let fits = |(way, end): (Way, Taken)| ways(way) && taken(end);
        self.taken.iter().filter(|(key, _)| fits(**key)).map(|(_, count)| count).sum()
    }

    /// Whether it was taken and, where it was not, whether the person was told.
    fn arrival(&mut self, case: &Case) {
        let is_answered = !case.finals().is_empty();
        *self.taken.entry((case.asked.way, case.taken)).or_default() += 1;
        let by_press_of_many = matches!(case.asked.kind, Kind::Word(..));
        // a word for an approval is said until it is heard
        if !case.asked.way.comes_again() && !by_press_of_many {
            self.brought_once += 1;
            self.not_taken += usize::from(case.taken <= Taken::Refused);
        }
        if case.asked.calm && case.taken != Taken::InTime {
            self.misses.push(case.miss("not taken, and nothing was broken"));
        }
        match (case.taken, case.asked.way.comes_again()) {
            (Taken::Never, true) => self.lost += usize::from(!is_answered),
            // several words of one person in one channel are told apart by nothing
            (Taken::Never, false) if by_press_of_many => self.told += usize::from(case.told > 0),
            (Taken::Never, false) if case.told != 1 => {
                self.misses.push(case.miss(&format!("not taken, and Slack told the person {} times", case.told)));
            }
            (Taken::Never, false) => self.told += 1,
            (Taken::Refused, _) => self.told += 1,
            (Taken::Late | Taken::InTime, _) => {}
        }
        let was_told = case.told > 0 && !by_press_of_many;
        self.surprised += usize::from(was_told && is_answered && case.taken != Taken::InTime);
    }

    /// Whether it was answered, once, and with what was asked.
    fn answer(&mut self, case: &Case, seen: &Seen) {
        let finals = case.finals();
        let has_form = matches!(case.asked.kind, Kind::NoTarget(_))
            && (case.asked.opened || seen.opened.contains(&case.asked.user));
        if case.taken >= Taken::Late && finals.is_empty() && !has_form {
            self.unanswered += 1;
            self.misses.push(case.miss("never answered"));
        }
        self.answered += usize::from(!finals.is_empty() || has_form);
        if finals.len() > 1 {
            self.twice(case, &finals);
        }
        if !finals.is_empty() && finals.len() < case.answers.len() {
            self.left_over += 1;
            // what one person alone sees can be replaced by its response_url only, and Slack takes those for half an hour
            if !finals.iter().all(|answer| is_by_ephemeral(answer)) {
                self.misses.push(case.miss("progress stands beside the answer"));
            }
        }
        for answer in &finals {
            let said = said::read(case.asked, &answer.text);
            if case.asked.calm && said != Said::Right {
                self.misses.push(case.miss("not answered as asked, and nothing was broken"));
            }
            match said {
                Said::Right => self.right += 1,
                Said::Sorry => self.sorry += 1,
                Said::Unknown => self.unknown += 1,
                Said::Another => self.misses.push(case.miss("answered with something else")),
            }
        }
        self.files += case.files;
        let promised = finals.iter().filter(|answer| answer.text.contains("rows are in the file")).count();
        if case.files != promised.min(1) {
            self.misses.push(case.miss(&format!("{} files where {promised} are spoken of", case.files)));
        }
    }

    fn twice(&mut self, case: &Case, finals: &[&Message]) {
        // what one person alone sees cannot be looked for
        let is_known_limit = finals.iter().all(|answer| answer.only_for.is_some());
        match is_known_limit && finals.len() == 2 {
            true => self.whispered_twice += 1,
            false => {
                self.doubled += 1;
                self.misses.push(case.miss(&format!("answered {} times", finals.len())));
            }
        }
    }

    /// Whether what it changed was changed once, is told as it is, and was approved.
    fn change(&mut self, case: &Case, seen: &Seen) {
        let Some(id) = case.asked.target() else { return };
        let made = seen.changes.get(id).copied().unwrap_or_default();
        let finals = case.finals();
        if made > 1 {
            self.misses.push(case.miss(&format!("{made} calls that change")));
        }
        if made > 0 && finals.is_empty() {
            self.misses.push(case.miss("changed, and nobody was told"));
        }
        if made > 0 && matches!(case.asked.kind, Kind::Forbidden(_)) {
            self.misses.push(case.miss("changed by who may not"));
        }
        if case.asked.needs_approval && made > 0 {
            self.approved += 1;
            if !seen.approved.contains(id) {
                self.misses.push(case.miss(&format!("{made} changes that nobody approved")));
            }
        }
        let is_lie = |answer: &&Message| answer.says_done() && made == 0 || answer.says_not_done() && made > 0;
        if finals.iter().any(is_lie) {
            self.lies += 1;
            self.misses.push(case.miss(&format!("not true, {made} changes were made")));
        }
    }

    /// What several change: nobody can say which call was whose, but their number must agree with what was said.
    fn contested(&mut self, cases: &[Case], seen: &Seen) {
        let mut by_target: BTreeMap<&str, Vec<&Case>> = BTreeMap::new();
        for case in cases {
            if let Some(id) = case.asked.contested() {
                by_target.entry(id).or_default().push(case);
            }
        }
        for (id, cases) in by_target {
            let made = seen.changes.get(id).copied().unwrap_or_default();
            let says = |is: fn(&str) -> bool| {
                cases.iter().filter(|case| case.finals().iter().any(|answer| is(&answer.text))).count()
            };
            let (done, denied) = (says(said::claims), says(said::denies));
            if done > made || made + denied > cases.len() {
                self.lies += 1;
                let texts: Vec<&str> =
                    cases.iter().flat_map(|case| case.finals()).map(|answer| answer.text.as_str()).collect();
                self.misses.push(format!(
                    "not true: {made} changes of {id} by {} commands, {done} say done, {denied} say not: {texts:#?}",
                    cases.len()
                ));
            }
        }
    }

    /// Of the words of one person in one place nobody can say which was not taken, but Slack told of as many as were not.
    fn words(&mut self, cases: &[Case]) {
        let mut by_place: BTreeMap<(&str, String), (usize, usize)> = BTreeMap::new();
        let pressed = |case: &&Case| matches!(case.asked.kind, Kind::Word(..)) && case.asked.way == Way::Press;
        for case in cases.iter().filter(pressed) {
            let (never, told) = by_place.entry((case.asked.user.as_str(), place(case.asked))).or_default();
            *never += usize::from(case.taken == Taken::Never);
            *told = case.told;
        }
        for ((user, place), (never, told)) in by_place.into_iter().filter(|(_, (never, told))| never > told) {
            let words = format!("{never} presses of {user} in {place} were not taken, and Slack told of {told}");
            self.misses.push(words);
        }
    }

    /// What may happen, but not often.
    fn shares(&mut self, ceilings: Ceilings) {
        let late = self.count(|_| true, |taken| taken == Taken::Late);
        let brought = self.count(Way::comes_again, |_| true);
        let answers = self.right + self.sorry + self.unknown;
        let shares = [
            ("were not taken, as Slack told the person", self.not_taken, self.brought_once, ceilings.not_taken),
            ("came again and again and were not taken", self.lost, brought, ceilings.lost),
            ("were answered by an apology, or by nobody's knowing", self.sorry + self.unknown, answers, SORRY),
            ("were answered twice where one person alone sees it", self.whispered_twice, self.asked, WHISPERED_TWICE),
            ("were acknowledged when Slack had given up", late, self.asked, LATE),
        ];
        for (what, count, all, most) in shares {
            if count as f64 > (all as f64 * most).max(FEW) {
                self.misses.push(format!("{count} of {all} {what}"));
            }
        }
    }
}

/// How well a message says what it is about by what stood there before.
fn asked_about(asked: &Asked, message: &Message) -> usize {
    let before = message.history.iter().filter_map(|before| before["text"].as_str());
    before.map(|text| said::fit(asked, text)).max().unwrap_or_default()
}

fn is_by_ephemeral(answer: &Message) -> bool {
    answer.only_for.is_some() && answer.via == "chat.postEphemeral"
}
