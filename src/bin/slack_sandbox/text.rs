//! What Slack makes of what a person types: entities, mentions, links, and the `rich_text` blocks beside the text.

mod rich;

pub use rich::{message_text, rich_text, slash_text};

use crate::people::Directory;

/// One piece of a typed line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Plain words.
    Text(String),
    /// A code span, without its backticks.
    Code(String),
    /// A preformatted block, without its fences.
    Pre(String),
    /// `@maya`: id and name.
    User(String, String),
    /// `#ops`: id and name.
    Channel(String, String),
    /// `@operators`: id and handle.
    Group(String, String),
    /// `@here`, `@channel`, `@everyone`.
    Broadcast(String),
    /// A typed web address: URL, and the text as typed where it differs.
    Link(String, Option<String>),
    /// `:tada:`.
    Emoji(String),
    /// `*bold*`, `_italic_`, `~struck~`: the mark, and what stands between the two.
    Styled(char, Vec<Piece>),
    /// Lines that begin with `>`, without it.
    Quote(Vec<Piece>),
    /// Lines that begin with `- `: an item each.
    List(Vec<Vec<Piece>>),
}

/// Top-level domains after which a bare word with dots becomes a link, as in Slack's clients.
const DOMAINS: &[&str] = &[
    "com", "org", "net", "io", "dev", "de", "co", "uk", "eu", "gov", "edu", "app", "cloud", "ai", "me", "info", "sh",
    "rs", "us", "fr", "ch", "at", "nl", "tech", "biz", "aws",
];

/// `&`, `<` and `>` as entities, ampersand first.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Quotes and dashes as a phone's or a Mac's keyboard turns them.
pub fn smart_punctuation(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut open = false;
    for letter in text.replace("--", "—").chars() {
        match letter {
            '"' => {
                open = !open;
                out.push(if open { '“' } else { '”' });
            }
            '\'' => out.push('’'),
            other => out.push(other),
        }
    }
    out
}

/// Splits a typed line into its pieces.
pub fn pieces(typed: &str, people: &Directory) -> Vec<Piece> {
    let mut out = Vec::new();
    for (index, part) in typed.split("```").enumerate() {
        if index % 2 == 1 {
            out.push(Piece::Pre(part.trim_matches('\n').to_owned()));
            continue;
        }
        lines(part, people, &mut out);
    }
    out
}

/// What a line begins with, and the line without it.
fn kind(line: &str) -> (char, &str) {
    let quote = line.strip_prefix("> ").map(|rest| ('>', rest));
    let item = line.strip_prefix("- ").filter(|rest| !rest.trim().is_empty()).map(|rest| ('-', rest));
    quote.or(item).unwrap_or((' ', line))
}

/// Quotes and lists are runs of lines; everything else is written as it comes.
fn lines(text: &str, people: &Directory, out: &mut Vec<Piece>) {
    let mut rest = text.split('\n').map(kind).peekable();
    let mut first = true;
    while let Some((begin, line)) = rest.next() {
        let mut run = vec![line];
        while let Some((_, next)) = rest.next_if(|(next, _)| *next == begin) {
            run.push(next);
        }
        match begin {
            '>' => out.push(Piece::Quote(inline(&run.join("\n"), people))),
            '-' => out.push(Piece::List(run.iter().map(|item| inline(item, people)).collect())),
            _ => {
                let after_block = matches!(out.last(), Some(Piece::Quote(_) | Piece::List(_)));
                if !first && !after_block {
                    push_text(out, "\n");
                }
                spans(&run.join("\n"), people, out);
            }
        }
        first = false;
    }
}

fn inline(text: &str, people: &Directory) -> Vec<Piece> {
    let mut out = Vec::new();
    spans(text, people, &mut out);
    out
}

/// Code spans, and between them styled words.
fn spans(text: &str, people: &Directory, out: &mut Vec<Piece>) {
    let mut spans = text.split('`').peekable();
    let mut code = false;
    while let Some(span) = spans.next() {
        match (code, spans.peek().is_some()) {
            (false, _) => styled(span, people, out),
            (true, true) if !span.is_empty() => out.push(Piece::Code(span.to_owned())),
            (true, _) => push_text(out, &format!("`{span}")),
        }
        code = !code;
    }
}

/// The first pair of marks around words: where it begins, the mark, and where it ends. A mark opens at the begin of a
/// word and closes at the end of one, within a line.
fn pair(text: &str) -> Option<(usize, char, usize)> {
    let edge = |c: Option<char>| c.is_none_or(|c| c.is_whitespace() || "([{\"'.,;:!?)]}".contains(c));
    for (start, mark) in text.char_indices().filter(|(_, c)| matches!(c, '*' | '_' | '~')) {
        let inner = &text[start + 1..];
        if !edge(text[..start].chars().next_back()) || inner.starts_with(|c: char| c.is_whitespace() || c == mark) {
            continue;
        }
        let line = &inner[..inner.find('\n').unwrap_or(inner.len())];
        let close = line.match_indices(mark).map(|(at, _)| at).find(|at| {
            let before = line[..*at].chars().next_back();
            before.is_some_and(|c| !c.is_whitespace()) && edge(line[at + 1..].chars().next())
        });
        if let Some(close) = close {
            return Some((start, mark, start + 1 + close));
        }
    }
    None
}

fn styled(text: &str, people: &Directory, out: &mut Vec<Piece>) {
    let mut rest = text;
    while let Some((start, mark, end)) = pair(rest) {
        words(&rest[..start], people, out);
        let mut inner = Vec::new();
        styled(&rest[start + 1..end], people, &mut inner);
        out.push(Piece::Styled(mark, inner));
        rest = &rest[end + 1..];
    }
    words(rest, people, out);
}

fn push_text(out: &mut Vec<Piece>, text: &str) {
    if let Some(Piece::Text(last)) = out.last_mut() {
        last.push_str(text);
    } else if !text.is_empty() {
        out.push(Piece::Text(text.to_owned()));
    }
}

fn words(text: &str, people: &Directory, out: &mut Vec<Piece>) {
    let mut rest = text;
    while !rest.is_empty() {
        let gap = rest.find(|c: char| !c.is_whitespace()).unwrap_or(rest.len());
        push_text(out, &rest[..gap]);
        rest = &rest[gap..];
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        word(&rest[..end], people, out);
        rest = &rest[end..];
    }
}

/// Emoji that people type as characters, with Slack's names for them.
const EMOJI: [(&str, char); 7] =
    [("rocket", '🚀'), ("fire", '🔥'), ("tada", '🎉'), ("key", '🔑'), ("eyes", '👀'), ("wave", '👋'), ("turtle", '🐢')];

/// The code points of an emoji, as Slack writes them.
fn code_point(name: &str) -> Option<String> {
    EMOJI.iter().find(|(known, _)| *known == name).map(|(_, emoji)| format!("{:x}", u32::from(*emoji)))
}

/// A word; Slack makes a shortcode of each emoji in it.
fn word(word: &str, people: &Directory, out: &mut Vec<Piece>) {
    let mut rest = word;
    while let Some(at) = rest.find(|c: char| EMOJI.iter().any(|(_, emoji)| *emoji == c)) {
        if at > 0 {
            bare_word(&rest[..at], people, out);
        }
        let emoji = rest[at..].chars().next();
        out.extend(
            EMOJI.iter().find(|(_, known)| Some(*known) == emoji).map(|(name, _)| Piece::Emoji((*name).to_owned())),
        );
        rest = &rest[at + emoji.map_or(0, char::len_utf8)..];
    }
    if !rest.is_empty() {
        bare_word(rest, people, out);
    }
}

fn bare_word(word: &str, people: &Directory, out: &mut Vec<Piece>) {
    let start = word.find(|c: char| !"([{\"'“”‘’,;*_~".contains(c)).unwrap_or(word.len());
    let (lead, core) = word.split_at(start);
    push_text(out, lead);
    let end = core.trim_end_matches(|c: char| ".,;:!?)]}\"'“”‘’*_~".contains(c)).len();
    let (core, tail) = core.split_at(end);
    match sign(core, people).or_else(|| link(core)).or_else(|| emoji(core, tail)) {
        Some(Piece::Emoji(name)) => {
            out.push(Piece::Emoji(name));
            push_text(out, tail.strip_prefix(':').unwrap_or(tail));
        }
        Some(piece) => {
            out.push(piece);
            push_text(out, tail);
        }
        None => {
            push_text(out, core);
            push_text(out, tail);
        }
    }
}

fn sign(core: &str, people: &Directory) -> Option<Piece> {
    if let Some(name) = core.strip_prefix('#') {
        return people.channel_named(name).map(|c| Piece::Channel(c.id.clone(), c.name.clone()));
    }
    let name = core.strip_prefix('@')?;
    if matches!(name, "here" | "channel" | "everyone") {
        return Some(Piece::Broadcast(name.to_owned()));
    }
    if let Some(user) = people.user_named(name) {
        return Some(Piece::User(user.id.clone(), user.name.clone()));
    }
    people.group_named(name).map(|g| Piece::Group(g.id.clone(), g.handle.clone()))
}

fn link(core: &str) -> Option<Piece> {
    if core.starts_with("http://") || core.starts_with("https://") {
        let host = core.split_once("//").map_or("", |(_, host)| host);
        return (!host.is_empty()).then(|| Piece::Link(core.to_owned(), None));
    }
    if let Some((name, host)) = core.split_once('@') {
        let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "._%+-".contains(c));
        return (plain && is_domain(host)).then(|| Piece::Link(format!("mailto:{core}"), Some(core.to_owned())));
    }
    let host = core.split(['/', '?', ':']).next().unwrap_or("");
    is_domain(host).then(|| Piece::Link(format!("http://{core}"), Some(core.to_owned())))
}

fn is_domain(host: &str) -> bool {
    let mut labels = host.split('.');
    let last = labels.next_back().unwrap_or("");
    let label = |l: &str| !l.is_empty() && l.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    let mut count = 0;
    labels.all(|l| {
        count += 1;
        label(l)
    }) && count > 0
        && DOMAINS.contains(&last.to_ascii_lowercase().as_str())
}

fn emoji(core: &str, tail: &str) -> Option<Piece> {
    let name = core.strip_prefix(':')?;
    let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_+-".contains(c));
    (plain && tail.starts_with(':')).then(|| Piece::Emoji(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn text(typed: &str) -> String {
        message_text(&pieces(typed, &Directory::seeded()))
    }

    #[test]
    fn what_people_type_arrives_as_slack_sends_it() {
        let table = [
            ("@drone ec2 list", "<@UDRONE> ec2 list"),
            ("@drone: hi", "<@UDRONE>: hi"),
            ("a < b && c > d", "a &lt; b &amp;&amp; c &gt; d"),
            ("<@UDRONE> by hand", "&lt;@UDRONE&gt; by hand"),
            ("see example.com.", "see <http://example.com|example.com>."),
            ("(https://a.example/x?y=1&z=2)", "(<https://a.example/x?y=1&amp;z=2>)"),
            ("mail ops@example.org now", "mail <mailto:ops@example.org|ops@example.org> now"),
            ("ip-10-0-0-1.ec2.internal", "ip-10-0-0-1.ec2.internal"),
            ("i-0abc1.2 t3.micro", "i-0abc1.2 t3.micro"),
            ("`example.com @maya`", "`example.com @maya`"),
            ("lonely ` tick", "lonely ` tick"),
            ("```a\n<b>```", "```a\n&lt;b&gt;```"),
            ("hey @maya @operators @here #ops", "hey <@UMAYA> <!subteam^SOPERATORS> <!here> <#COPS|ops>"),
            (":tada: at 10:30:", ":tada: at 10:30:"),
            ("nobody@ @nobody #nowhere", "nobody@ @nobody #nowhere"),
            ("two  spaces\nand lines", "two  spaces\nand lines"),
        ];
        for (typed, expected) in table {
            assert_eq!(text(typed), expected, "typed: {typed}");
        }
    }

    #[test]
    fn marks_quotes_and_lists_arrive_in_both_forms() {
        let blocks = |typed: &str| rich_text(&pieces(typed, &Directory::seeded()))[0]["elements"].clone();
        let bold = blocks("run *ec2 list* _now_");
        assert_eq!(text("run *ec2 list* _now_"), "run *ec2 list* _now_");
        assert_eq!(bold[0]["elements"][1], json!({"type": "text", "text": "ec2 list", "style": {"bold": true}}));
        assert_eq!(bold[0]["elements"][3]["style"], json!({"italic": true}));
        for typed in ["name:web-*", "* and *", "tag:a_b=c_d", "2*3*4", "~", "__x__ _"] {
            let plain =
                blocks(typed)[0]["elements"].as_array().is_some_and(|all| all.iter().all(|e| e["style"].is_null()));
            assert!(plain, "{typed}: {}", blocks(typed));
            assert_eq!(text(typed), typed);
        }
        assert_eq!(text("> a < b\n> c\nd"), "&gt; a &lt; b\n&gt; c\nd");
        assert_eq!(blocks("> a\n> b\nc")[0]["type"], "rich_text_quote");
        assert_eq!(text("these:\n- one\n- two"), "these:\n• one\n• two");
        let list = blocks("these:\n- one\n- two");
        assert_eq!(list[1]["style"], "bullet");
        assert_eq!(list[1]["elements"][1]["elements"][0]["text"], "two");
        assert_eq!(text("*@maya*"), "*<@UMAYA>*");
    }

    #[test]
    fn slash_text_carries_names_and_links() {
        let people = Directory::seeded();
        assert_eq!(slash_text("for @maya in #ops", &people), "for <@UMAYA|maya> in <#COPS|ops>");
        assert_eq!(
            slash_text("ask @operators x.com", &people),
            "ask <!subteam^SOPERATORS|@operators> <http://x.com|x.com>"
        );
    }

    #[test]
    fn the_rich_text_twin_holds_raw_words() {
        let blocks = rich_text(&pieces("@drone `a<b` <c> x.com", &Directory::seeded()));
        let elements = &blocks[0]["elements"][0]["elements"];
        assert_eq!(elements[0], json!({"type": "user", "user_id": "UDRONE"}));
        assert_eq!(elements[2], json!({"type": "text", "text": "a<b", "style": {"code": true}}));
        assert_eq!(elements[3], json!({"type": "text", "text": " <c> "}));
        assert_eq!(elements[4], json!({"type": "link", "url": "http://x.com", "text": "x.com"}));
    }

    #[test]
    fn a_phones_keyboard_turns_quotes_and_dashes() {
        assert_eq!(smart_punctuation("--tag \"a b\" it's"), "—tag “a b” it’s");
    }
}
