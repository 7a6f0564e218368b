//! Delivery, for real: an image is built, pushed, deployed to two replicas under load, found broken, taken back, by this machine's
//! Docker engine and a registry; and what the programs of `delivery/` and the pipelines promise beside it.

mod again;
mod engine;
mod load;
mod pipelines;
mod programs;
mod rolling;
mod secrets;
mod site;
#[allow(dead_code, unused_imports, reason = "shared with tests/bot")]
#[path = "../bot/support/mod.rs"]
mod support;
