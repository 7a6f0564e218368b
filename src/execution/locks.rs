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
                return Err(Refusal { lines: vec![line] });
            }
        }
        let holder = Holder { command: command.to_owned(), by: request.user.clone(), req: request.id.short() };
        let keys: Vec<String> = targets.iter().map(Target::key).collect();
        for key in &keys {
            held.insert(key.clone(), holder.clone());
        }
        Ok(Locked { locks: Arc::clone(self), keys })
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
