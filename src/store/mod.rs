//! What must not be forgotten. Two ports, the [`Journal`] (requests, their states and steps) and the [`Outbox`]
//! (replies on their way to Slack); the implementations are private behind [`open`].

mod ports;
mod sqlite;

pub use ports::{
    Accepted, Address, Delivery, Entry, Journal, Letter, NewLetter, NewRequest, Outbox, QueueDepth, State, StepRecord,
    StepState, StoreError,
};
