//! What was decided of a request, and what people said of it, in lines for a person at a terminal: by which policies, by what those
//! were told of the person and of the place, and why a word was not taken.

use super::words;
use crate::domain::{
    ApprovalRequest, Decision, JudgedFacts, PlaceReaders, Ruling, UserId, Word, WordRecord, WordRefusal,
};
use crate::store::{Event, What};

/// What the policies decided; nothing where they were not asked, or an older program did not keep it.
pub(super) fn decided(decision: Option<&Decision>) -> Vec<String> {
    decision.into_iter().flat_map(|decision| [ruling(decision), facts(decision)]).collect()
}

fn ruling(decision: &Decision) -> String {
    let Decision { ruling, policies, permits, on, needed, .. } = decision;
    let on = on.as_ref().map(|on| format!(" on {}", words(on))).unwrap_or_default();
    match (ruling, policies.is_empty()) {
        (Ruling::Permit, true) => "permitted, depending on the target".to_owned(),
        (Ruling::Permit, false) => format!("permitted by {}", list(policies)),
        (Ruling::NeedsApproval, _) => {
            let then =
                if permits.is_empty() { String::new() } else { format!(", then permitted by {}", list(permits)) };
            format!("needs the approval of {needed} by {}{on}{then}", list(policies))
        }
        (Ruling::Deny, true) => format!("refused{on}: no policy permits it"),
        (Ruling::Deny, false) => format!("refused by {}{on}", list(policies)),
    }
}

/// By what they judged: `as member, in operators`.
fn facts(Decision { about, facts, .. }: &Decision) -> String {
    let JudgedFacts { membership, groups, unread, readers } = facts;
    let about = about.as_ref().map(|user| format!("{} ", words(user.as_str()))).unwrap_or_default();
    let groups = if groups.is_empty() { "no group".to_owned() } else { list(groups) };
    let mut said = format!("{about}as {}, in {groups}", membership.as_str());
    if !unread.is_empty() {
        said += &format!(", perhaps in {} (Slack does not tell)", list(unread));
    }
    said += match readers {
        PlaceReaders::Own => "",
        PlaceReaders::Shared => ", where another organisation reads",
        PlaceReaders::Unknown => ", where another organisation may read (Slack does not tell)",
    };
    said
}

/// What somebody said of a change, in a word and in lines.
pub(super) fn said(said: &WordRecord) -> (&'static str, Vec<String>) {
    let by = words(said.by.as_str());
    let (label, first) = match (said.refused, said.word) {
        (None, Word::Approve) => ("approved", format!("by {by}")),
        (None, Word::Decline) => ("declined", format!("by {by}")),
        (Some(why), Word::Approve) => ("not taken", format!("{by}'s approval was not taken: {}", reason(why))),
        (Some(why), Word::Decline) => ("not taken", format!("{by}'s decline was not taken: {}", reason(why))),
    };
    (label, std::iter::once(first).chain(decided(said.decision.as_deref())).collect())
}

fn reason(why: WordRefusal) -> &'static str {
    match why {
        WordRefusal::Own => "who asks for a change cannot approve it",
        WordRefusal::NotPermitted => "the policies do not permit it",
        WordRefusal::OtherPlan => "the button was shown with another plan than the one that waits",
        WordRefusal::Forged => "the bot did not make the button, or not for that place",
        WordRefusal::Declined => "it was declined already",
        WordRefusal::Granted => "it was approved already",
        WordRefusal::Expired => "its time was over",
        WordRefusal::Other => "a newer program knows why",
    }
}

/// That no more refused words are kept after the last of these, where that is so.
pub(super) fn bound(history: &[Event]) -> Option<String> {
    let refused = |event: &Event| match &event.what {
        What::Word { said } if said.refused.is_some() => Some(said.by.clone()),
        _ => None,
    };
    let last = history.last().and_then(refused)?;
    let people: Vec<UserId> = history.iter().filter_map(refused).collect();
    if people.len() >= ApprovalRequest::REFUSED_MOST {
        return Some("no more words that are not taken are kept".to_owned());
    }
    let of_person = people.iter().filter(|person| **person == last).count();
    let is_full = of_person >= ApprovalRequest::REFUSED_EACH;
    is_full.then(|| format!("no more words of {} that are not taken are kept", words(last.as_str())))
}

fn list(names: &[String]) -> String {
    names.iter().map(|name| words(name)).collect::<Vec<_>>().join(", ")
}
