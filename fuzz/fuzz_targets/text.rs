//! Any text and any blocks: nothing panics, and what comes out is one clean line.
#![no_main]

// the folder alone, without the bot around it, and what it takes from the domain
#[path = "../../src/slack/text/mod.rs"]
mod text;

#[path = "../../src/domain/invisible.rs"]
mod invisible;

mod domain {
    pub use crate::invisible::is_invisible;
}

use libfuzzer_sys::fuzz_target;

fn check(line: &str) {
    assert_eq!(line, line.trim());
    let odd = |c: char| c.is_control() || matches!(c, '\u{a0}' | '\u{200b}' | '\u{feff}' | '\u{202e}' | '“' | '’');
    assert!(!line.contains(odd), "{line:?}");
}

fuzz_target!(|data: &[u8]| {
    let whole = String::from_utf8_lossy(data);
    check(&text::normalise(&whole, Some("UBOT")));
    let (raw, blocks) = whole.split_once('\u{1}').unwrap_or((&whole, &whole));
    check(&text::command_line(raw, Some(blocks), Some("UBOT")));
    // and as the words of one element, beside one that may be styled
    for style in ["{}", r#"{"bold":true}"#, r#"{"code":true,"italic":true}"#] {
        let (first, second) = (serde_json::json!(raw), serde_json::json!(blocks));
        let tree = format!(
            r#"[{{"type":"rich_text","elements":[{{"type":"rich_text_section","elements":[
            {{"type":"text","text":{first}}},{{"type":"text","text":{second},"style":{style}}}]}}]}}]"#
        );
        check(&text::command_line("", Some(&tree), Some("UBOT")));
    }
});
