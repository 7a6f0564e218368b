//! One change per target at a time.

use crate::domain::{Line, Refusal, Request, Target};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

#[derive(Clone, Debug)]
struct Holder {
    command: String,
    by: crate::domain::UserId,
    req: String,
    /// Who has changed a part of the target since it is held.
    part_changed_by: Option<Box<Holder>>,
}

/// The targets that are being changed.
#[derive(Debug, Default)]
pub struct Locks {
    held: Mutex<HashMap<String, Holder>>,
}

/// The right to change some targets, until dropped.
#[derive(Debug)]
pub struct Locked {
    locks: Arc<Locks>,
    keys: Vec<String>,
}

impl Locks {
    /// Takes all targets, or none: another change of one of them is a refusal that names it.
    pub fn take(self: &Arc<Self>, targets: &[Target], command: &str, request: &Request) -> Result<Locked, Refusal> {
        let mut held = self.held.lock();
        for target in targets {
            if let Some(holder) = held.get(&target.key()) {
                let line = Line::new()
                    .code(target.label())
                    .text(" is being changed by ")
                    .code(&holder.command)
                    .text(" of ")
                    .user(holder.by.clone())
                    .text(format!(
                        " (req {}). Nothing was changed by your command. Send it again when that one is done.",
                        holder.req
                    ));
                return Err(Refusal::of(vec![line]));
            }
        }
        let (by, req) = (request.user.clone(), request.id.short());
        let holder = Holder { command: command.to_owned(), by, req, part_changed_by: None };
        let keys: Vec<String> = targets.iter().map(Target::key).collect();
        for key in &keys {
            let whole = key.split_once('#').and_then(|(whole, _)| held.get_mut(whole));
            if let Some(whole) = whole {
                whole.part_changed_by = Some(Box::new(holder.clone()));
            }
            held.insert(key.clone(), holder.clone());
        }
        Ok(Locked { locks: Arc::clone(self), keys })
    }

    /// Who has changed a part of one of these targets while this request held the whole: what stops a rollout is a change
    /// of the rollout alone.
    pub(super) fn came_between(&self, targets: &[Target], request: &Request) -> Option<Line> {
        let held = self.held.lock();
        let holders = targets.iter().filter_map(|target| held.get(&target.key()));
        let mut own = holders.filter(|holder| holder.req == request.id.short() && holder.by == request.user);
        let other = own.find_map(|holder| holder.part_changed_by.as_ref())?;
        let line = Line::new().user(other.by.clone()).text(" came between by ").code(&other.command);
        Some(line.text(format!(" (req {}).", other.req)))
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        let mut held = self.locks.held.lock();
        for key in &self.keys {
            held.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ReplyTo, RequestId, Source};

    #[test]
    fn who_changes_a_part_of_what_is_held_is_known_to_its_holder() {
        let request = |number: u128, user: &str| Request {
            id: RequestId::new(1, number),
            source: Source::Mention,
            team: "T1".into(),
            user: user.into(),
            channel: "C1".into(),
            text: String::new(),
            reply_to: ReplyTo::Channel,
            accepted_at: jiff::Timestamp::UNIX_EPOCH,
            trigger: None,
        };
        let target = |id: &str| Target {
            kind: crate::aws::SERVICE,
            id: id.to_owned(),
            name: None,
            account: "123456789012".into(),
            region: "eu-central-1".to_owned(),
            tags: std::collections::BTreeMap::new(),
        };
        let locks = Arc::new(Locks::default());
        let (whole, part, other) =
            (target("service/prod/web"), target("service/prod/web#7"), target("service/prod/api"));
        let (maya, omar) = (request(1, "UMAYA"), request(2, "UOMAR"));
        let _held = locks.take(&[whole.clone(), other.clone()], "deploy 1.4.2 web", &maya).expect("free");
        assert_eq!(locks.came_between(std::slice::from_ref(&whole), &maya), None);
        // also when that one is done by the time that it is asked
        drop(locks.take(&[part], "deploy rollback web", &omar).expect("a part is another lock"));
        let said = locks.came_between(std::slice::from_ref(&whole), &maya).expect("somebody did");
        assert_eq!(said.plain(), format!("@UOMAR came between by deploy rollback web (req {}).", omar.id.short()));
        assert_eq!(locks.came_between(&[other], &maya), None);
        assert_eq!(locks.came_between(&[whole], &omar), None, "it is not his");
    }
}
