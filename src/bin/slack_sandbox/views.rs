//! Modals and Homes: who sees which, what was filled in, and what the bot's answer to a submission does.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use crate::clock;
use crate::ids;
use crate::people::{APP, BOT_ID, TEAM};

/// Modals that may lie on each other.
pub const STACK: usize = 3;
/// What a person reads when the bot does not answer a submission.
pub const TROUBLE: &str = "We had some trouble connecting. Try again?";

/// One modal or Home.
#[derive(Debug, Clone)]
pub struct View {
    /// `V…`
    pub id: String,
    /// Who sees it.
    pub user: String,
    /// As the bot gave it, with an id for each block.
    pub body: Value,
    /// Changes with every update.
    pub hash: String,
    /// The first of its stack.
    pub root: String,
    /// The one below it.
    pub previous: Option<String>,
    /// What was filled in: by block, then by action.
    pub values: Map<String, Value>,
    /// Errors by block, as the bot's ack gave them.
    pub errors: Value,
    /// What the person is told instead of an answer.
    pub failed: Option<&'static str>,
}

impl View {
    fn new(user: &str, body: Value) -> Self {
        let id = ids::view();
        let mut view = View {
            root: id.clone(),
            id,
            user: user.to_owned(),
            hash: String::new(),
            body: Value::Null,
            previous: None,
            values: Map::new(),
            errors: json!({}),
            failed: None,
        };
        view.show(body);
        view
    }

    /// Takes a new content. What was filled in stays where block and action are the same.
    fn show(&mut self, body: Value) {
        let before = std::mem::take(&mut self.values);
        for (block, element) in inputs(&body) {
            let (block_id, action_id) = (text(block, "block_id"), text(element, "action_id"));
            let kept = before.get(block_id).map(|actions| &actions[action_id]).filter(|value| !value.is_null());
            let value = kept.cloned().unwrap_or_else(|| initial(element));
            self.values.insert(block_id.to_owned(), json!({action_id: value}));
        }
        self.body = body;
        self.hash = format!("{}.{}", clock::micros() / 1_000_000, ids::block());
        self.errors = json!({});
        self.failed = None;
    }

    /// As the Web API and payloads show it.
    pub fn json(&self) -> Value {
        let body = &self.body;
        let flag = |key: &str| body[key] == true;
        json!({
            "id": self.id, "team_id": TEAM, "type": body["type"], "blocks": body["blocks"],
            "private_metadata": text(body, "private_metadata"), "callback_id": text(body, "callback_id"),
            "external_id": text(body, "external_id"), "state": {"values": self.values}, "hash": self.hash, "title": body["title"],
            "submit": body["submit"], "close": body["close"], "clear_on_close": flag("clear_on_close"),
            "notify_on_close": flag("notify_on_close"), "submit_disabled": flag("submit_disabled"),
            "previous_view_id": self.previous, "root_view_id": self.root,
            "app_id": APP, "app_installed_team_id": TEAM, "bot_id": BOT_ID,
        })
    }

    /// As the control API shows it.
    pub fn control(&self, depth: usize) -> Value {
        let mut out = self.json();
        out["user"] = json!(self.user);
        out["errors"] = self.errors.clone();
        out["failed"] = json!(self.failed);
        out["stack_depth"] = json!(depth);
        out
    }

    /// Writes what a person filled in; the block whose value is missing or does not fit is the error.
    pub fn fill(&mut self, given: &Map<String, Value>) -> Result<(), String> {
        if let Some(unknown) = given.keys().find(|id| !self.values.contains_key(*id)) {
            return Err(format!("block_not_found: {unknown}"));
        }
        let body = self.body.clone();
        for (block, element) in inputs(&body) {
            let (block_id, action_id) = (text(block, "block_id"), text(element, "action_id"));
            if let Some(said) = given.get(block_id) {
                let value = value(element, said).ok_or_else(|| format!("value_does_not_fit: {block_id}"))?;
                self.values.insert(block_id.to_owned(), json!({action_id: value}));
            }
            let now = &self.values[block_id][action_id];
            if block["type"] == "input" && block["optional"] != true && is_empty(now) {
                return Err(format!("required: {block_id}"));
            }
        }
        Ok(())
    }

    /// Whether these errors can be shown: each on an input block of this view.
    fn takes_errors(&self, errors: &Value) -> bool {
        let blocks = self.body["blocks"].as_array();
        let is_input = |id: &String| {
            blocks.is_some_and(|blocks| blocks.iter().any(|b| b["type"] == "input" && b["block_id"] == id.as_str()))
        };
        errors.as_object().is_some_and(|map| !map.is_empty() && map.keys().all(is_input))
    }
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// Every element that holds a value, with its block.
fn inputs(body: &Value) -> Vec<(&Value, &Value)> {
    let blocks = body["blocks"].as_array().into_iter().flatten();
    let of = |block: &'_ Value| -> usize {
        match text(block, "type") {
            "input" => 1,
            "actions" => block["elements"].as_array().map_or(0, Vec::len),
            _ => 0,
        }
    };
    blocks
        .flat_map(|block| {
            (0..of(block)).map(move |index| match text(block, "type") {
                "input" => (block, &block["element"]),
                _ => (block, &block["elements"][index]),
            })
        })
        .filter(|(_, element)| text(element, "type") != "button")
        .collect()
}

fn is_empty(value: &Value) -> bool {
    let none = |v: &Value| v.is_null() || v == "" || v.as_array().is_some_and(Vec::is_empty);
    value.as_object().is_none_or(|fields| fields.iter().all(|(key, v)| key == "type" || none(v)))
}

/// The option with this value or this text.
fn option(element: &Value, said: &Value) -> Option<Value> {
    let grouped = element["option_groups"].as_array().into_iter().flatten().flat_map(|g| g["options"].as_array());
    let mut all = element["options"].as_array().into_iter().chain(grouped).flatten();
    all.find(|o| o["value"] == *said || o["text"]["text"] == *said).cloned()
}

/// The state of an element that nobody has touched.
fn initial(element: &Value) -> Value {
    let kind = text(element, "type");
    match kind {
        "static_select" | "radio_buttons" => json!({"type": kind, "selected_option": element["initial_option"]}),
        "checkboxes" | "multi_static_select" => {
            let chosen = element["initial_options"].as_array().cloned().unwrap_or_default();
            json!({"type": kind, "selected_options": chosen})
        }
        "datepicker" => json!({"type": kind, "selected_date": element["initial_date"]}),
        _ => json!({"type": kind, "value": element["initial_value"]}),
    }
}

/// What a person said, as the state of an element.
fn value(element: &Value, said: &Value) -> Option<Value> {
    let kind = text(element, "type");
    Some(match kind {
        "static_select" | "radio_buttons" if said.is_null() || said == "" => {
            json!({"type": kind, "selected_option": null})
        }
        "static_select" | "radio_buttons" => json!({"type": kind, "selected_option": option(element, said)?}),
        "checkboxes" | "multi_static_select" => {
            let list = match said {
                Value::Array(list) => list.clone(),
                // one box: ticked or not
                Value::Bool(true) => vec![element["options"][0]["value"].clone()],
                Value::Bool(false) | Value::Null => Vec::new(),
                one => vec![one.clone()],
            };
            let chosen: Option<Vec<Value>> = list.iter().map(|said| option(element, said)).collect();
            json!({"type": kind, "selected_options": chosen?})
        }
        "datepicker" => json!({"type": kind, "selected_date": said.as_str()?}),
        "number_input" => {
            let typed = said.as_str().map_or_else(|| said.to_string(), str::to_owned);
            let number =
                typed.parse::<f64>().ok().filter(|_| element["is_decimal_allowed"] == true || !typed.contains('.'));
            match typed.is_empty() {
                true => json!({"type": kind, "value": null}),
                false => number.map(|_| json!({"type": kind, "value": typed}))?,
            }
        }
        _ => {
            let typed = said.as_str()?;
            let long = element["max_length"].as_u64().is_some_and(|max| typed.chars().count() as u64 > max);
            let short = element["min_length"].as_u64().is_some_and(|min| (typed.chars().count() as u64) < min);
            if long || (short && !typed.is_empty()) {
                return None;
            }
            json!({"type": kind, "value": (!typed.is_empty()).then_some(typed)})
        }
    })
}

/// Everybody's modals and Homes.
#[derive(Debug, Default)]
pub struct Views {
    stacks: HashMap<String, Vec<View>>,
    homes: HashMap<String, View>,
}

impl Views {
    /// The person's modals, the one on top last.
    pub fn stack(&self, user: &str) -> &[View] {
        self.stacks.get(user).map_or(&[], Vec::as_slice)
    }

    /// The person's Home.
    pub fn home(&self, user: &str) -> Option<&View> {
        self.homes.get(user)
    }

    /// Any view, by its id or by the bot's own name for it.
    pub fn find(&mut self, id: &str) -> Option<&mut View> {
        let all = self.stacks.values_mut().flatten().chain(self.homes.values_mut());
        all.into_iter().find(|view| view.id == id || (!id.is_empty() && text(&view.body, "external_id") == id))
    }

    /// Whether the bot's own name for a view is taken.
    pub fn is_taken(&self, external_id: &str, but: Option<&str>) -> bool {
        let all = self.stacks.values().flatten().chain(self.homes.values());
        let taken = |view: &View| text(&view.body, "external_id") == external_id && Some(view.id.as_str()) != but;
        !external_id.is_empty() && all.into_iter().any(taken)
    }

    /// Opens a modal: what lay there before is gone.
    pub fn open(&mut self, user: &str, body: Value) -> Value {
        let view = View::new(user, body);
        let json = view.json();
        self.stacks.insert(user.to_owned(), vec![view]);
        json
    }

    /// Lays a modal on the person's others.
    pub fn push(&mut self, user: &str, body: Value) -> Result<Value, &'static str> {
        let stack = self.stacks.entry(user.to_owned()).or_default();
        if stack.len() >= STACK {
            return Err("push_limit_reached");
        }
        let mut view = View::new(user, body);
        if let Some(below) = stack.last() {
            view.root = below.root.clone();
            view.previous = Some(below.id.clone());
        }
        let json = view.json();
        stack.push(view);
        Ok(json)
    }

    /// Gives a view another content.
    pub fn update(&mut self, id: &str, body: Value) -> Option<Value> {
        let view = self.find(id)?;
        view.show(body);
        Some(view.json())
    }

    /// Shows a Home.
    pub fn publish(&mut self, user: &str, body: Value) -> Value {
        let home = self.homes.entry(user.to_owned()).or_insert_with(|| View::new(user, json!({})));
        home.show(body);
        home.json()
    }

    /// Closes one modal, or all that lie there.
    pub fn close(&mut self, user: &str, id: &str, all: bool) -> Option<View> {
        let stack = self.stacks.get_mut(user)?;
        let at = stack.iter().position(|view| view.id == id)?;
        let view = stack.remove(at);
        if all {
            stack.clear();
        } else {
            stack.truncate(at);
        }
        Some(view)
    }

    /// What the ack of a submission does to the modal. A wrong answer is told the person as trouble.
    pub fn answer(&mut self, user: &str, id: &str, ack: Option<&Value>, check: impl Fn(Value) -> Option<Value>) {
        let ack = ack.filter(|ack| ack.as_object().is_some_and(|map| !map.is_empty()));
        let Some(ack) = ack else {
            self.close(user, id, false);
            return;
        };
        let done = match text(ack, "response_action") {
            "errors" => self.find(id).filter(|view| view.takes_errors(&ack["errors"])).map(|view| {
                view.errors = ack["errors"].clone();
                view.failed = None;
            }),
            "clear" => self.close(user, id, true).map(|_| ()),
            "update" => check(ack["view"].clone()).and_then(|body| self.update(id, body)).map(|_| ()),
            "push" => check(ack["view"].clone()).and_then(|body| self.push(user, body).ok()).map(|_| ()),
            _ => None,
        };
        if done.is_none() {
            self.trouble(id);
        }
    }

    /// Nobody answered, or not as Slack wants it.
    pub fn trouble(&mut self, id: &str) {
        if let Some(view) = self.find(id) {
            view.failed = Some(TROUBLE);
        }
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.stacks.clear();
        self.homes.clear();
    }
}
