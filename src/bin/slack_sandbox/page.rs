//! The chat page: one file of HTML with its style and script inside.

use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpResponse, http::header};

const HTML: &str = include_str!("page/page.html");
const STYLE: &str = include_str!("page/page.css");
const RENDER: &str = include_str!("page/render.js");
const CHAT: &str = include_str!("page/page.js");
const COMPOSE: &str = include_str!("page/compose.js");

/// Nothing from elsewhere, and no more than our own inline blocks.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src 'self' data:";

async fn page() -> HttpResponse {
    let whole = HTML.replace("/*STYLE*/", STYLE).replace("/*SCRIPTS*/", &[RENDER, CHAT, COMPOSE].join("\n"));
    HttpResponse::Ok()
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .content_type("text/html; charset=utf-8")
        .body(whole)
}

/// Adds the route.
pub fn routes(config: &mut ServiceConfig) {
    config.route("/", web::get().to(page));
}
