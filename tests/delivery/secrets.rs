//! No secret in what is committed, nor in what was.

use crate::engine::{alone, deliver};
use crate::site::Clone;
use crate::support::node;

/// Whether the scanner can be installed here; says SKIPPED where it cannot.
fn node_is_there() -> bool {
    node::node().map_err(|missing| node::skipped("secret scan", &missing)).is_ok()
}

#[actix_web::test]
async fn the_history_has_no_secret() {
    if !node_is_there() {
        return;
    }
    let _turn = alone().await;
    let clone = Clone::new().await;
    deliver("scan-secrets", &["--source", &clone.place()], &[]).await.says(0, "No secret");
}

#[actix_web::test]
async fn a_planted_token_is_found_untold_even_after_it_was_deleted() {
    if !node_is_there() {
        return;
    }
    let clone = Clone::small().await;
    let source = clone.place();
    // put together here, so that this file has none
    let token = ["xoxb", "2345678901", "3456789012345", "abcdEFGHijklMNOPqrstUVWX"].join("-");
    let file = clone.folder.path().join(".env");
    std::fs::write(&file, format!("SLACK_TOKEN={token}\n")).expect("it is written");
    let found = deliver("scan-secrets", &["--source", &source], &[]).await;
    assert!(!found.told.contains(&token), "the secret is told: {}", found.told);
    found.says(1, ".env, line 1: slack");
    clone.git(&["add", ".env"]).await;
    clone.commits("A token slips in").await;
    clone.git(&["rm", "--quiet", ".env"]).await;
    clone.commits("And is taken out again").await;
    deliver("scan-secrets", &["--source", &source], &[]).await.says(1, ".env as it once was");
}
