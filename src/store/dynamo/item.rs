//! Items and their attributes.

use aws_sdk_dynamodb::types::AttributeValue;
use std::collections::HashMap;

/// One item of the table.
pub(super) type Item = HashMap<String, AttributeValue>;

/// A value of an attribute.
#[derive(Clone)]
pub(super) enum Value {
    Text(String),
    Number(i64),
}

impl From<Value> for AttributeValue {
    fn from(value: Value) -> Self {
        match value {
            Value::Text(text) => Self::S(text),
            Value::Number(number) => Self::N(number.to_string()),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

/// An item made of pairs.
pub(super) fn item<const N: usize>(pairs: [(&str, Value); N]) -> Item {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect()
}

/// A text in an item.
pub(super) fn text<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name).and_then(|value| value.as_s().ok()).map(String::as_str)
}

/// A number in an item.
pub(super) fn number(item: &Item, name: &str) -> Option<i64> {
    item.get(name).and_then(|value| value.as_n().ok()).and_then(|text| text.parse().ok())
}

/// The state of a request that never came to be.
pub(super) const VOID: &str = "void";

pub(super) fn is_void(item: &Item) -> bool {
    text(item, "state") == Some(VOID)
}
