//! Buttons. Each carries the command line that it stands for: `run:<n>` runs it, `form:<n>` opens its form.

use super::{Block, Page, PlainText, clean, plain_text};
use crate::domain::{Button, Press};
use crate::slack::seal;
use serde::Serialize;

/// Characters of a label; Slack takes 75.
const LABEL: usize = 70;
/// Characters of a value; Slack takes 2,000, and the seal is to have room.
const VALUE: usize = 2_000 - seal::LENGTH;
/// Buttons of one block; Slack takes 25.
const IN_A_ROW: usize = 5;

/// One button.
#[derive(Serialize)]
pub(super) struct Element {
    #[serde(rename = "type")]
    kind: &'static str,
    text: PlainText,
    action_id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    value: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    style: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    confirm: Option<Confirm>,
}

#[derive(Serialize)]
struct Confirm {
    title: PlainText,
    text: PlainText,
    confirm: PlainText,
    deny: PlainText,
    #[serde(skip_serializing_if = "Option::is_none")]
    style: Option<&'static str>,
}

pub(super) fn element(index: usize, button: &Button) -> Option<Element> {
    let kind = match &button.press {
        Press::Run(_) => "run",
        Press::Form(_) => "form",
    };
    let value = button.value();
    let label = clean(&button.label, LABEL);
    // a line that was cut would be another command
    if value.chars().count() > VALUE || label.trim().is_empty() {
        return None;
    }
    let style = button.danger.then_some("danger");
    let confirm = button.confirm.as_ref().map(|question| Confirm {
        title: plain_text("Are you sure?".to_owned()),
        text: plain_text(clean(&question.plain(), Button::QUESTION)),
        confirm: plain_text(clean(&button.label, 30)),
        deny: plain_text("Cancel".to_owned()),
        style,
    });
    let text = plain_text(label);
    Some(Element { kind: "button", text, action_id: format!("{kind}:{index}"), value, style, confirm })
}

impl Element {
    /// A button that stands for no command line.
    pub(super) fn of_ours(label: &str, action_id: &str) -> Self {
        let (text, action_id) = (plain_text(label.to_owned()), action_id.to_owned());
        Self { kind: "button", text, action_id, value: String::new(), style: None, confirm: None }
    }
}

impl Page {
    pub(super) fn buttons(&mut self, buttons: &[Button]) {
        self.close();
        // numbered over the whole message: an id may stand in it only once
        let first = self.buttons;
        self.buttons += buttons.len();
        let elements = (first..).zip(buttons).filter_map(|(index, button)| element(index, button));
        let mut elements = elements.peekable();
        while elements.peek().is_some() {
            let row: Vec<Element> = elements.by_ref().take(IN_A_ROW).collect();
            if self.has_room(0) {
                self.blocks.push(Block::Actions { elements: row });
            }
        }
    }
}
