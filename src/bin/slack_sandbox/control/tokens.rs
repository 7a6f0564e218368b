//! Rotation of the app's tokens.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::json;

use super::reply;
use crate::state::Sandbox;

/// The tokens that are right from now on.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tokens {
    app: Option<String>,
    bot: Option<String>,
}

/// `POST /control/tokens`. Links that are open stay so, as Slack's do.
pub async fn rotate(asked: web::Json<Tokens>, sandbox: web::Data<Sandbox>) -> HttpResponse {
    let Tokens { app, bot } = asked.into_inner();
    let mut state = sandbox.lock();
    if let Some(app) = app {
        state.options.app_token = app;
    }
    if let Some(bot) = bot {
        state.options.bot_token = bot;
    }
    reply(Ok(json!({})))
}
