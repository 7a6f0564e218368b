//! What Slack refuses of modals and Homes.

use serde_json::Value;

use super::{ApiError, Check, all_blocks};

/// Blocks a view may have.
const BLOCKS: usize = 100;
/// Bytes of a whole view.
const SIZE: usize = 250 * 1024;
/// Characters of title, submit and close.
const TITLE: usize = 24;
/// Elements an input block may have.
const INPUTS: &[&str] = &[
    "plain_text_input",
    "number_input",
    "email_text_input",
    "url_text_input",
    "static_select",
    "multi_static_select",
    "radio_buttons",
    "checkboxes",
    "datepicker",
];

/// Checks a view of this kind and gives ids to blocks and elements without.
pub fn view(mut view: Value, kind: &str) -> Result<Value, ApiError> {
    let mut errors = Vec::new();
    if view.to_string().len() > SIZE {
        return Err("view_too_large".into());
    }
    let mut check = Check { at: "/view".to_owned(), errors: &mut errors };
    if view["type"] != kind {
        check.error(&format!("must be of type {kind}"), "/type");
    }
    for (key, max) in [("private_metadata", 3000), ("callback_id", 255), ("external_id", 255)] {
        check.length(view[key].as_str().unwrap_or_default(), max, &format!("/{key}"));
    }
    if kind == "modal" {
        check.text(&view["title"], true, TITLE, "/title");
        for key in ["submit", "close"].into_iter().filter(|key| !view[*key].is_null()) {
            check.text(&view[key], true, TITLE, &format!("/{key}"));
        }
        let asks = view["blocks"].as_array().is_some_and(|blocks| blocks.iter().any(|b| b["type"] == "input"));
        if asks && view["submit"].is_null() {
            check.error("missing required field: submit, because there are input blocks", "");
        }
    }
    if view["blocks"].is_array() {
        all_blocks(&mut view["blocks"], BLOCKS, "/view/blocks", &mut errors);
    } else {
        check.error("missing required field: blocks", "");
    }
    if errors.is_empty() { Ok(view) } else { Err(ApiError { code: "invalid_arguments", messages: errors }) }
}

impl Check<'_> {
    /// An input block: a label and one element that takes a value.
    pub(super) fn input(&mut self, block: &mut Value) {
        self.text(&block["label"], true, 2000, "/label");
        if !block["hint"].is_null() {
            self.text(&block["hint"], true, 2000, "/hint");
        }
        let element = &mut block["element"];
        if !INPUTS.contains(&element["type"].as_str().unwrap_or_default()) {
            return self.error("unsupported type of element", "/element/type");
        }
        self.element(element, "/element");
        if !element["placeholder"].is_null() {
            self.text(&element["placeholder"], true, 150, "/element/placeholder");
        }
        let length = element["max_length"].as_u64().unwrap_or(3000);
        if !(1..=3000).contains(&length) {
            self.error("must be between 1 and 3000", "/element/max_length");
        }
        self.length(element["initial_value"].as_str().unwrap_or_default(), 3000, "/element/initial_value");
        if element["type"] == "number_input" && !element["is_decimal_allowed"].is_boolean() {
            self.error("missing required field: is_decimal_allowed", "/element");
        }
    }

    /// The options of a select, of radio buttons or of check boxes.
    pub(super) fn options(&mut self, element: &Value, path: &str) {
        let kind = element["type"].as_str().unwrap_or_default();
        if !matches!(kind, "static_select" | "multi_static_select" | "radio_buttons" | "checkboxes" | "overflow") {
            return;
        }
        let grouped = element["option_groups"].is_array();
        let most = match kind {
            "radio_buttons" | "checkboxes" => 10,
            "overflow" => 5,
            _ => 100,
        };
        let options = element["options"].as_array().map_or(&[][..], Vec::as_slice);
        if !grouped && (options.is_empty() || options.len() > most) {
            self.error(&format!("must have between 1 and {most} items"), &format!("{path}/options"));
        }
        for (index, option) in options.iter().enumerate() {
            let path = format!("{path}/options/{index}");
            let styled = matches!(kind, "radio_buttons" | "checkboxes");
            self.text(&option["text"], !styled, 75, &format!("{path}/text"));
            match option["value"].as_str() {
                Some(value) => self.length(value, 150, &format!("{path}/value")),
                None => self.error("missing required field: value", &path),
            }
        }
        let first = &element["initial_option"];
        if !first.is_null() && !options.contains(first) {
            self.error("must be one of the options", &format!("{path}/initial_option"));
        }
        for first in element["initial_options"].as_array().into_iter().flatten() {
            if !options.contains(first) {
                self.error("must be one of the options", &format!("{path}/initial_options"));
            }
        }
    }
}
