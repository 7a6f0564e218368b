//! What a guard is made of.

use std::sync::Arc;

use actix::{
    Actor,
    dev::channel::{AddressReceiver, AddressSender},
};
use tokio::sync::mpsc;

use super::{
    Child,
    group::Group,
    slot::{Control, Slot},
};

/// Makes an actor; called once, and again only if it panicked.
pub(super) type Factory<A> = Box<dyn Fn(&Child) -> A + Send>;

/// What a guard is made of; can travel to the thread it will live on.
pub(super) struct Seed<A: Actor> {
    pub(super) index: usize,
    pub(super) slot: Arc<Slot>,
    pub(super) group: Arc<Group>,
    pub(super) orders: mpsc::UnboundedReceiver<Control>,
    pub(super) mailbox: AddressReceiver<A>,
    pub(super) sender: AddressSender<A>,
    pub(super) factory: Factory<A>,
}
