//! Dronebot: a Slack bot that runs operations on AWS and goes on through every failure of its own.

pub mod app;
pub mod aws;
pub mod clock;
pub mod commands;
pub mod delivery;
pub mod dispatch;
pub mod domain;
pub mod execution;
pub mod health;
pub mod intake;
pub mod settings;
pub mod slack;
pub mod store;
pub mod supervision;
pub mod telemetry;
