//! The chat page: a document, its style and its script, all inside the program.

use actix_web::http::header;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpResponse, HttpResponseBuilder};

const HTML: &str = include_str!("page/page.html");
const STYLE: &str = include_str!("page/page.css");
/// In the order of their use; they share one scope.
const SCRIPTS: [&str; 8] = [
    include_str!("page/text.js"),
    include_str!("page/blocks.js"),
    include_str!("page/inputs.js"),
    include_str!("page/messages.js"),
    include_str!("page/views.js"),
    include_str!("page/compose.js"),
    include_str!("page/break.js"),
    include_str!("page/page.js"),
];

/// Nothing from elsewhere, no inline script, and no string is ever taken as HTML: what people and apps write cannot become code.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data: blob:; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

fn answer() -> HttpResponseBuilder {
    let mut answer = HttpResponse::Ok();
    answer
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
        .insert_header((header::CACHE_CONTROL, "no-store"));
    answer
}

async fn document() -> HttpResponse {
    answer().content_type("text/html; charset=utf-8").body(HTML)
}

async fn style() -> HttpResponse {
    answer().content_type("text/css; charset=utf-8").body(STYLE)
}

async fn script() -> HttpResponse {
    answer().content_type("text/javascript; charset=utf-8").body(SCRIPTS.join("\n"))
}

/// Adds the routes.
pub fn routes(config: &mut ServiceConfig) {
    config
        .route("/", web::get().to(document))
        .route("/page.css", web::get().to(style))
        .route("/page.js", web::get().to(script));
}
