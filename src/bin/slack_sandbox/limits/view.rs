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
        let mut options: Vec<&Value> = Vec::new();
        if kind.ends_with("select") && !element["option_groups"].is_null() {
            if !element["options"].is_null() {
                self.error("options and option_groups exclude each other", path);
            }
            for (index, group) in self.items(&element["option_groups"], 100, &format!("{path}/option_groups")) {
                let path = format!("{path}/option_groups/{index}");
                self.text(&group["label"], true, 75, &format!("{path}/label"));
                options.extend(self.choices(&group["options"], 100, false, &format!("{path}/options")));
            }
        } else {
            let (most, styled) = match kind {
                "radio_buttons" | "checkboxes" => (10, true),
                "overflow" => (5, false),
                _ => (100, false),
            };
            options = self.choices(&element["options"], most, styled, &format!("{path}/options"));
        }
        let first = Some(&element["initial_option"]).filter(|first| !first.is_null());
        if first.is_some_and(|first| !options.contains(&first)) {
            self.error("must be one of the options", &format!("{path}/initial_option"));
        }
        let first = element["initial_options"].as_array().into_iter().flatten();
        for _ in first.filter(|first| !options.contains(first)) {
            self.error("must be one of the options", &format!("{path}/initial_options"));
        }
    }

    /// The items of a list that has at least one and at most so many.
    fn items<'v>(&mut self, list: &'v Value, most: usize, path: &str) -> Vec<(usize, &'v Value)> {
        let items: Vec<(usize, &Value)> = list.as_array().into_iter().flatten().enumerate().collect();
        if items.is_empty() || items.len() > most {
            self.error(&format!("must have between 1 and {most} items"), path);
        }
        items
    }

    /// Options to choose from, each with a text (with marks, where those are taken) and a value.
    fn choices<'v>(&mut self, list: &'v Value, most: usize, styled: bool, path: &str) -> Vec<&'v Value> {
        let items = self.items(list, most, path);
        for (index, option) in &items {
            let path = format!("{path}/{index}");
            self.text(&option["text"], !styled, 75, &format!("{path}/text"));
            match option["value"].as_str() {
                Some(value) => self.length(value, 150, &format!("{path}/value")),
                None => self.error("missing required field: value", &path),
            }
        }
        items.into_iter().map(|(_, option)| option).collect()
    }
}
