//! Which parts of the context the loaded policies look at. What none of them reads cannot change a decision, so two
//! situations that differ in nothing else are one question: a hundred people in a hundred channels ask the shipped policies
//! the same few, and a policy about working hours asks anew once an hour.

use super::Situation;
use crate::domain::{ChannelId, Source};
use cedar_policy::{ActionConstraint, Policy, PolicySet};
use serde_json::Value;

/// How finely the policies look at the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Grain {
    Never,
    Hour,
    Second,
}

/// The parts of the context that some policy reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ContextUse {
    channel: bool,
    direct_message: bool,
    external: bool,
    source: bool,
    time: Grain,
}

impl ContextUse {
    const NOTHING: Self =
        Self { channel: false, direct_message: false, external: false, source: false, time: Grain::Never };
    const ALL: Self = Self { channel: true, direct_message: true, external: true, source: true, time: Grain::Second };

    /// Reads the policies. One that cannot be read, or uses the context as a whole, may look at everything.
    pub(super) fn of(set: &PolicySet) -> Self {
        let mut used = Self::NOTHING;
        set.policies().for_each(|policy| used.add(policy));
        used
    }

    /// The actions of each policy that looks at who else reads where it is asked.
    pub(super) fn place_readers(set: &PolicySet) -> Vec<ActionConstraint> {
        let looks = |policy: &&Policy| {
            let mut used = Self::NOTHING;
            used.add(policy);
            used.external
        };
        set.policies().filter(looks).map(Policy::action_constraint).collect()
    }

    fn add(&mut self, policy: &Policy) {
        match policy.to_json() {
            Ok(policy) => self.read(&policy["conditions"]),
            Err(_) => *self = Self::ALL,
        }
    }

    /// Notes each `context.name` and `context has name` within an expression in Cedar's JSON form.
    fn read(&mut self, expression: &Value) {
        match expression {
            Value::Array(parts) => parts.iter().for_each(|part| self.read(part)),
            Value::Object(parts) => {
                for (operator, operand) in parts {
                    let of_context = operand["left"]["Var"] == "context";
                    match operand["attr"].as_str() {
                        Some(name) if of_context && matches!(operator.as_str(), "." | "has") => self.note(name),
                        _ if operator == "Var" && operand == "context" => *self = Self::ALL,
                        _ => self.read(operand),
                    }
                }
            }
            _ => {}
        }
    }

    fn note(&mut self, name: &str) {
        match name {
            "channel" => self.channel = true,
            "direct_message" => self.direct_message = true,
            "external" => self.external = true,
            "source" => self.source = true,
            "hour" | "weekday" => self.time = self.time.max(Grain::Hour),
            // it is part of every question
            "approvals" => {}
            // the time, and what a later schema may add
            _ => self.time = Grain::Second,
        }
    }

    /// The situation with a fixed value in place of each part that no policy reads.
    pub(super) fn seen(self, situation: &Situation) -> Situation {
        let second = situation.time.as_second();
        let second = match self.time {
            Grain::Never => 0,
            Grain::Hour => second - second.rem_euclid(3_600),
            Grain::Second => second,
        };
        Situation {
            channel: if self.channel { situation.channel.clone() } else { ChannelId::from("") },
            direct_message: self.direct_message && situation.direct_message,
            external: self.external && situation.external,
            source: if self.source { situation.source } else { Source::Mention },
            time: jiff::Timestamp::from_second(second).unwrap_or(situation.time),
            approvals: situation.approvals,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::str::FromStr;

    fn used(condition: &str) -> ContextUse {
        let text = format!("forbid (principal, action, resource) when {{ {condition} }};");
        ContextUse::of(&PolicySet::from_str(&text).expect("a policy"))
    }

    #[test]
    fn each_part_that_a_condition_reads_is_seen_and_no_other() {
        let nothing = ContextUse::NOTHING;
        let hourly = ContextUse { time: Grain::Hour, ..nothing };
        let table = [
            ("context.approvals < 1", nothing),
            ("resource.channel == \"C1\" && principal has channel", nothing),
            ("\"context\" == \"channel\"", nothing),
            ("context.channel != \"C1\"", ContextUse { channel: true, ..nothing }),
            ("context has source && context.source == Source::\"modal\"", ContextUse { source: true, ..nothing }),
            (
                "if context.direct_message then true else context.hour < 7",
                ContextUse { direct_message: true, ..hourly },
            ),
            ("[context.weekday, \"sunday\"].contains(\"sunday\")", hourly),
            (
                "context.hour > 7 && context.time < datetime(\"2027-01-02\")",
                ContextUse { time: Grain::Second, ..nothing },
            ),
            ("context.external", ContextUse { external: true, ..nothing }),
            ("context.of_a_later_schema", ContextUse { time: Grain::Second, ..nothing }),
            ("{a: context}.a.channel == \"C1\"", ContextUse::ALL),
            ("context == {channel: \"C1\"}", ContextUse::ALL),
        ];
        for (condition, expected) in table {
            assert_eq!(used(condition), expected, "{condition}");
        }
    }

    #[test]
    fn what_is_not_seen_makes_no_other_question() {
        let situation = |channel: &str, second| Situation {
            channel: channel.into(),
            direct_message: true,
            external: true,
            source: Source::Button,
            time: jiff::Timestamp::from_second(second).expect("a time"),
            approvals: 2,
        };
        let (early, late) = (situation("C1", 1_800_000_010), situation("C2", 1_800_003_599));
        assert_eq!(ContextUse::NOTHING.seen(&early), ContextUse::NOTHING.seen(&late));
        let hourly = used("context.hour < 7 && context.channel == \"C1\"");
        assert_ne!(hourly.seen(&early), hourly.seen(&late), "another channel");
        assert_eq!(hourly.seen(&early).time, hourly.seen(&late).time, "the same hour");
        assert_eq!(ContextUse::ALL.seen(&early), early);
    }
}
