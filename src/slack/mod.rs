//! Slack, as a library that knows nothing of the bot: Socket Mode in, the Web API out, the text forms of both.

pub mod api;
pub mod config;
mod connector;
pub mod network;
mod origin;
pub mod payload;
pub mod proxy;
pub mod render;
pub mod scopes;
pub mod seal;
pub mod socket;
#[cfg(test)]
pub(crate) mod testing;
pub mod text;
mod tls;
mod token;

pub use config::{PacingConfig, SlackConfig, check_token};
pub use proxy::{Proxy, ProxyError};
pub use seal::Seals;
pub use token::{Token, TokenSource};
