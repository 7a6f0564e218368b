//! The pieces of a typed line as the two forms of a message: `text`, and the `rich_text` block beside it.

use serde_json::{Value, json};

use super::{Piece, code_point, escape, pieces};
use crate::people::Directory;

/// The `text` of the message event.
pub fn message_text(pieces: &[Piece]) -> String {
    all(pieces, false)
}

/// The `text` of a slash command with `should_escape`: as in messages, but with names in the mentions. Nobody formats
/// what stands behind a command: marks and line beginnings are letters like any other.
pub fn slash_text(typed: &str, people: &Directory) -> String {
    all(&pieces(typed, people), true)
}

fn all(pieces: &[Piece], names: bool) -> String {
    let mut out = String::new();
    for piece in pieces {
        let block = matches!(piece, Piece::Quote(_) | Piece::List(_));
        if block && !out.is_empty() && !out.ends_with('\n') {
            out.push('\n');
        }
        out.push_str(&render(piece, names));
        if block {
            out.push('\n');
        }
    }
    if matches!(pieces.last(), Some(Piece::Quote(_) | Piece::List(_))) {
        out.pop();
    }
    out
}

fn render(piece: &Piece, names: bool) -> String {
    match piece {
        Piece::Text(text) => escape(text),
        Piece::Code(text) => format!("`{}`", escape(text)),
        Piece::Pre(text) => format!("```{}```", escape(text)),
        Piece::User(id, name) if names => format!("<@{id}|{}>", escape(name)),
        Piece::User(id, _) => format!("<@{id}>"),
        Piece::Channel(id, name) => format!("<#{id}|{}>", escape(name)),
        Piece::Group(id, name) if names => format!("<!subteam^{id}|@{}>", escape(name)),
        Piece::Group(id, _) => format!("<!subteam^{id}>"),
        Piece::Broadcast(name) => format!("<!{name}>"),
        Piece::Link(url, Some(label)) => format!("<{}|{}>", escape(url), escape(label)),
        Piece::Link(url, None) => format!("<{}>", escape(url)),
        Piece::Emoji(name) => format!(":{name}:"),
        Piece::Styled(mark, inner) => format!("{mark}{}{mark}", all(inner, names)),
        Piece::Quote(inner) => {
            let lines = all(inner, names);
            lines.split('\n').map(|line| format!("&gt; {line}")).collect::<Vec<_>>().join("\n")
        }
        Piece::List(items) if names => {
            items.iter().map(|item| format!("- {}", all(item, names))).collect::<Vec<_>>().join("\n")
        }
        Piece::List(items) => items.iter().map(|item| format!("• {}", all(item, names))).collect::<Vec<_>>().join("\n"),
    }
}

/// The `rich_text` block that Slack's composer sends beside the text. Here words are raw, not escaped.
pub fn rich_text(pieces: &[Piece]) -> Value {
    let mut elements: Vec<Value> = Vec::new();
    let mut section: Vec<Value> = Vec::new();
    for piece in pieces {
        let block = match piece {
            Piece::Pre(text) => {
                let body = json!([{"type": "text", "text": text}]);
                json!({"type": "rich_text_preformatted", "elements": body, "border": 0})
            }
            Piece::Quote(inner) => json!({"type": "rich_text_quote", "elements": inlines(inner, &json!({}))}),
            Piece::List(items) => {
                let items: Vec<Value> = items.iter().map(|item| of_section(&inlines(item, &json!({})))).collect();
                json!({"type": "rich_text_list", "style": "bullet", "indent": 0, "border": 0, "elements": items})
            }
            inline => {
                section.extend(inlines(std::slice::from_ref(inline), &json!({})));
                continue;
            }
        };
        if !section.is_empty() {
            elements.push(of_section(&std::mem::take(&mut section)));
        }
        elements.push(block);
    }
    if !section.is_empty() {
        elements.push(of_section(&section));
    }
    json!([{"type": "rich_text", "block_id": crate::ids::block(), "elements": elements}])
}

fn of_section(elements: &[Value]) -> Value {
    json!({"type": "rich_text_section", "elements": elements})
}

/// The elements, with the styles of the marks around them.
fn inlines(pieces: &[Piece], style: &Value) -> Vec<Value> {
    let mut out = Vec::new();
    for piece in pieces {
        if let Piece::Styled(mark, inner) = piece {
            let name = match mark {
                '*' => "bold",
                '_' => "italic",
                _ => "strike",
            };
            let mut style = style.clone();
            style[name] = json!(true);
            out.extend(inlines(inner, &style));
            continue;
        }
        let mut element = element(piece);
        if style.as_object().is_some_and(|marks| !marks.is_empty()) {
            for (name, on) in style.as_object().into_iter().flatten() {
                element["style"][name] = on.clone();
            }
        }
        out.push(element);
    }
    out
}

fn element(piece: &Piece) -> Value {
    match piece {
        Piece::Code(text) => json!({"type": "text", "text": text, "style": {"code": true}}),
        Piece::User(id, _) => json!({"type": "user", "user_id": id}),
        Piece::Channel(id, _) => json!({"type": "channel", "channel_id": id}),
        Piece::Group(id, _) => json!({"type": "usergroup", "usergroup_id": id}),
        Piece::Broadcast(range) => json!({"type": "broadcast", "range": range}),
        Piece::Link(url, Some(label)) => json!({"type": "link", "url": url, "text": label}),
        Piece::Link(url, None) => json!({"type": "link", "url": url}),
        Piece::Emoji(name) => match code_point(name) {
            Some(unicode) => json!({"type": "emoji", "name": name, "unicode": unicode}),
            None => json!({"type": "emoji", "name": name}),
        },
        Piece::Text(text) | Piece::Pre(text) => json!({"type": "text", "text": text}),
        Piece::Styled(_, inner) | Piece::Quote(inner) => json!({"type": "text", "text": message_text(inner)}),
        Piece::List(_) => json!({"type": "text", "text": message_text(std::slice::from_ref(piece))}),
    }
}
