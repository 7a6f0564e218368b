//! The arguments of a call: a form, JSON or a query string, and the token.

use actix_web::HttpRequest;
use actix_web::http::header;
use serde_json::{Map, Value};

use crate::limits::ApiError;

/// Arguments and token of a call.
#[derive(Debug, Default)]
pub struct Args {
    values: Value,
    header_token: Option<String>,
}

/// Methods that take forms and queries alone.
const FORM_ONLY: &[&str] =
    &["users.info", "conversations.info", "usergroups.users.list", "files.getUploadURLExternal", "files.info"];

impl Args {
    /// The arguments of a method: of a JSON body only where the method takes one.
    pub fn of_method(method: &str, request: &HttpRequest, body: &[u8]) -> Self {
        let json = body.first() == Some(&b'{') && FORM_ONLY.contains(&method);
        Self::read(request, if json { b"" } else { body })
    }

    /// These arguments, and no token.
    pub fn of(values: Value) -> Self {
        Args { values, header_token: None }
    }

    /// Reads whatever the caller sent; what is no argument counts as none.
    pub fn read(request: &HttpRequest, body: &[u8]) -> Self {
        let header = |name| request.headers().get(name).and_then(|v: &header::HeaderValue| v.to_str().ok());
        let header_token = header(header::AUTHORIZATION)
            .and_then(|v| v.strip_prefix("Bearer ").or_else(|| v.strip_prefix("bearer ")))
            .map(|token| token.trim().to_owned());
        let json = header(header::CONTENT_TYPE).is_some_and(|kind| kind.starts_with("application/json"));
        let mut values = if json || body.first() == Some(&b'{') {
            serde_json::from_slice(body).ok().filter(Value::is_object).unwrap_or_else(|| Value::Object(Map::new()))
        } else {
            form(body)
        };
        if let (Value::Object(query), Some(values)) = (form(request.query_string().as_bytes()), values.as_object_mut())
        {
            for (key, value) in query {
                values.entry(key).or_insert(value);
            }
        }
        Args { values, header_token }
    }

    /// All arguments.
    pub fn value(&self) -> &Value {
        &self.values
    }

    /// All arguments but the token: what the log keeps.
    pub fn shown(&self) -> Value {
        let mut values = self.values.clone();
        if let Some(map) = values.as_object_mut() {
            map.remove("token");
        }
        values
    }

    /// The token of the header.
    pub fn header_token(&self) -> Option<&str> {
        self.header_token.as_deref()
    }

    /// The token of the header or of the body.
    pub fn token(&self) -> Option<&str> {
        self.header_token().or_else(|| self.text("token"))
    }

    /// A non-empty string. A number is none: Slack, too, posts un-threaded when `thread_ts` is a number.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.values[key].as_str().filter(|text| !text.is_empty())
    }

    /// A string or number of records.
    pub fn number(&self, key: &str) -> Option<usize> {
        let value = &self.values[key];
        value.as_u64().and_then(|n| usize::try_from(n).ok()).or_else(|| value.as_str()?.parse().ok())
    }

    /// A switch: `true`, `"true"`, `1`, `"1"`.
    pub fn flag(&self, key: &str) -> bool {
        let value = &self.values[key];
        value == &Value::Bool(true) || matches!(value.as_str(), Some("true" | "1")) || value == 1
    }

    /// Whether the argument is there at all, be it empty.
    pub fn has(&self, key: &str) -> bool {
        !self.values[key].is_null()
    }

    /// Structured data: JSON, or a JSON string as forms have it. An empty string is an empty list.
    pub fn data(&self, key: &str, error: &'static str) -> Result<Option<Value>, ApiError> {
        data(&self.values, key, error)
    }
}

/// As `Args::data`, of any object.
pub fn data(values: &Value, key: &str, error: &'static str) -> Result<Option<Value>, ApiError> {
    match &values[key] {
        Value::Null => Ok(None),
        Value::String(text) if text.is_empty() => Ok(Some(Value::Array(Vec::new()))),
        Value::String(text) => serde_json::from_str(text).map(Some).map_err(|_| error.into()),
        other => Ok(Some(other.clone())),
    }
}

fn form(body: &[u8]) -> Value {
    Value::Object(
        url::form_urlencoded::parse(body).map(|(k, v)| (k.into_owned(), Value::String(v.into_owned()))).collect(),
    )
}
