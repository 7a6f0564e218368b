//! The requests without an answer, to be read at any moment and whatever the writer does, which may hang with its disk.
//! What an operation changes is noted while its transaction is open, and shown once that is durable.

use crate::domain::{Plan, ReplyTo, Request, RequestId};
use crate::store::wire::readable;
use crate::store::{Entry, Held, State, StepRecord, StepState};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use tokio::time::Instant;

/// What became of a request.
pub(super) enum Change {
    /// It was accepted.
    New(Box<Request>),
    /// It goes on in this state, by this plan (as JSON), and perhaps its answer goes elsewhere from now on.
    Planned { state: State, plan: String, reply_to: Option<ReplyTo> },
    /// A step of it, and its body (as JSON) where that is new.
    Step { index: u32, state: StepState, body: Option<String> },
    /// The message that shows its progress.
    Shown(String),
    /// It has its answer.
    Ended,
}

struct Known {
    /// Without its plan and steps, where those came as JSON since: nobody may ever ask for them.
    entry: Entry,
    plan: Option<String>,
    steps: BTreeMap<u32, (StepState, String)>,
    since: Instant,
    is_found: bool,
}

/// The requests without an answer.
#[derive(Default)]
pub(super) struct HeldRequests(Mutex<BTreeMap<RequestId, Known>>);

impl HeldRequests {
    /// What the file has: what was not known yet was found.
    pub(super) fn load(&self, entries: Vec<Entry>) {
        let mut known = self.0.lock();
        let mut before = std::mem::take(&mut *known);
        for entry in entries {
            let (since, is_found) =
                before.remove(&entry.request.id).map_or((Instant::now(), true), |known| (known.since, known.is_found));
            let found = Known { plan: None, steps: BTreeMap::new(), since, is_found, entry };
            known.insert(found.entry.request.id, found);
        }
    }

    /// The transaction in which all this was changed is durable.
    pub(super) fn apply(&self, changes: impl Iterator<Item = (RequestId, Change)>) {
        let mut known = self.0.lock();
        for (id, change) in changes {
            match change {
                Change::New(request) => drop(known.insert(id, Known::new(*request))),
                Change::Ended => drop(known.remove(&id)),
                change => {
                    if let Some(known) = known.get_mut(&id) {
                        known.change(change);
                    }
                }
            }
        }
    }

    /// [`crate::store::Journal::held`].
    pub(super) fn wanted(&self, wanted: &mut dyn FnMut(&Held) -> bool) -> Vec<Entry> {
        let known = self.0.lock();
        let wanted = known
            .iter()
            .filter(|(id, known)| wanted(&Held { id: **id, since: known.since.elapsed(), is_found: known.is_found }));
        let mut entries: Vec<Entry> = wanted.map(|(_, known)| known.entry()).collect();
        entries.sort_by_key(|entry| (entry.request.accepted_at, entry.request.id));
        entries
    }
}

impl Known {
    fn new(request: Request) -> Self {
        // a trigger is good for its own moment alone
        let request = Request { trigger: None, ..request };
        let entry = Entry {
            request,
            state: State::Accepted,
            plan: None,
            steps: Vec::new(),
            progress_ts: None,
            deaths: 0,
            late: false,
        };
        Self { entry, plan: None, steps: BTreeMap::new(), since: Instant::now(), is_found: false }
    }

    fn change(&mut self, change: Change) {
        match change {
            Change::New(_) | Change::Ended => {}
            Change::Planned { state, plan, reply_to } => {
                self.entry.state = state;
                self.plan = Some(plan);
                if let Some(reply_to) = reply_to {
                    self.entry.request.reply_to = reply_to;
                }
            }
            Change::Step { index, state, body } => {
                self.entry.state = State::Running;
                match (body, self.steps.get_mut(&index)) {
                    (Some(body), _) => drop(self.steps.insert(index, (state, body))),
                    (None, Some(step)) => step.0 = state,
                    (None, None) => {
                        let steps = self.entry.steps.iter_mut().filter(|record| record.step.index == index);
                        steps.for_each(|record| record.state = state);
                    }
                }
            }
            Change::Shown(ts) => self.entry.progress_ts = Some(ts),
        }
    }

    fn entry(&self) -> Entry {
        let mut entry = self.entry.clone();
        let id = entry.request.id;
        if let Some(plan) = &self.plan {
            entry.plan = readable::<Plan>(plan, id, "plan");
        }
        entry.steps.retain(|record| !self.steps.contains_key(&record.step.index));
        let since = self
            .steps
            .values()
            .filter_map(|(state, body)| readable(body, id, "step").map(|step| StepRecord { step, state: *state }));
        entry.steps.extend(since);
        entry.steps.sort_by_key(|record| record.step.index);
        entry
    }
}
