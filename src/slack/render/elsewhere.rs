//! A message that could not be shown where it belongs, or in the place of another: a line above it says so.

use super::twin::{self, TEXT_LIMIT};
use super::{Block, Inline, Rich, inline};
use crate::domain::{ChannelId, Line};
use crate::slack::api::Message;
use serde_json::value::{RawValue, to_raw_value};

/// The message below a line that names a channel.
pub fn elsewhere(message: &Message, before: &Line, channel: &ChannelId, after: &Line) -> Message {
    let mut elements = Vec::new();
    inline(before, &mut elements);
    elements.push(Inline::Channel { channel_id: channel.as_str().to_owned() });
    inline(after, &mut elements);
    let first = Block::RichText { elements: vec![Rich::Section { elements }] };
    let name = twin::escape(channel.as_str());
    let text = format!("{}<#{name}>{}\n{}", twin::words(before), twin::words(after), message.text);
    Message { text: shortened(text), blocks: message.blocks.as_deref().and_then(|blocks| above(&first, blocks)) }
}

/// The message below a line.
pub fn below(message: &Message, line: &Line) -> Message {
    let mut elements = Vec::new();
    inline(line, &mut elements);
    let first = Block::RichText { elements: vec![Rich::Section { elements }] };
    let text = format!("{}\n{}", twin::words(line), message.text);
    Message { text: shortened(text), blocks: message.blocks.as_deref().and_then(|blocks| above(&first, blocks)) }
}

fn above(first: &Block, blocks: &RawValue) -> Option<Box<RawValue>> {
    let mut all = vec![to_raw_value(first).ok()?];
    all.extend(serde_json::from_str::<Vec<Box<RawValue>>>(blocks.get()).ok()?);
    to_raw_value(&all).ok()
}

/// Cut where a line ends, as nothing of Slack's own forms goes over one.
fn shortened(mut text: String) -> String {
    if twin::length(&text) > TEXT_LIMIT {
        let mut used = 0;
        let is_beyond = |(_, character): &(usize, char)| {
            used += character.len_utf16();
            used > TEXT_LIMIT
        };
        let end = text.char_indices().find(is_beyond).map_or(text.len(), |(end, _)| end);
        text.truncate(text[..end].rfind('\n').unwrap_or(end));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Reply, Tone};
    use crate::slack::render::render;

    #[test]
    fn the_line_above_names_the_channel_and_leaves_the_message_whole() {
        let message = render(&Reply::new(Tone::Done).text("It is <stopped>."), Some("req 7F3K"));
        let (before, after) = (Line::from("Asked in "), Line::new().text(" (").code("is_archived").text(")."));
        let moved = elsewhere(&message, &before, &"C1".into(), &after);
        assert_eq!(moved.text, format!("Asked in <#C1> (`is_archived`).\n{}", message.text));
        let blocks = |message: &Message| {
            let blocks = message.blocks.as_ref().expect("blocks").get();
            serde_json::from_str::<Vec<serde_json::Value>>(blocks).expect("an array")
        };
        let (old, new) = (blocks(&message), blocks(&moved));
        assert_eq!(new[1..], old[..]);
        let channel = serde_json::json!({"type": "channel", "channel_id": "C1"});
        assert_eq!(new[0]["elements"][0]["elements"][1], channel);
        assert!(elsewhere(&message.without_blocks(), &before, &"C1".into(), &after).blocks.is_none());
        let long = Message { text: "a line\n".repeat(TEXT_LIMIT), blocks: None };
        let cut = elsewhere(&long, &before, &"C1".into(), &after).text;
        assert!(twin::length(&cut) <= TEXT_LIMIT && cut.ends_with("a line"));
    }
}
