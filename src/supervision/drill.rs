//! Drills: a child is told to fail as it might fail by itself. What follows is what follows any such failure: nothing
//! in a guard knows that it was on purpose.

use std::{sync::Arc, task::Poll};

use super::{NoSuchChild, Panicked, group::Group, panics, slot::Control};
use crate::domain::Drill;

/// Breaks children of a tree on purpose, from any thread.
#[derive(Clone)]
pub struct Drills {
    pub(super) group: Arc<Group>,
}

impl Drills {
    /// Tells a child to break itself. One that is not alive just now has broken already, and is left alone.
    ///
    /// # Errors
    /// There is no such child.
    pub fn run(&self, name: &str, drill: Drill) -> Result<(), NoSuchChild> {
        let slot = self.group.find(name)?;
        tracing::warn!(actor = name, ?drill, "actor is told to break itself");
        slot.order(Control::Drill(drill));
        Ok(())
    }
}

/// What a life has been told to do to itself.
#[derive(Debug, Default)]
pub(super) struct Drilled(pub(super) Option<Drill>);

impl Drilled {
    /// Polls the actor as it was told: a panic and a stuck thread happen once, a hang lasts as long as the life.
    pub(super) fn poll(&mut self, poll: impl FnOnce() -> Result<Poll<()>, Panicked>) -> Result<Poll<()>, Panicked> {
        match self.0 {
            None => poll(),
            Some(Drill::Hang) => Ok(Poll::Pending),
            Some(Drill::Panic) => {
                self.0 = None;
                panics::catch(|| panic!("told to panic, by a drill"))
            }
            Some(Drill::Stick(time)) => {
                self.0 = None;
                std::thread::sleep(time);
                poll()
            }
        }
    }
}
