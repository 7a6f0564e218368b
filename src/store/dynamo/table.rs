//! The table: reads that are consistent, writes that have a condition, and how it is.

use super::flow::Flow;
use super::item::{Item, Value, text};
use crate::domain::StoreVitals;
use crate::store::StoreError;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::{AttributeValue, Select};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// The name of the rows of the replicas.
pub(super) const REPLICAS: &str = "replica";

/// How the table says that it is asked for too much.
const THROTTLED: [&str; 3] = ["ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded"];

/// When a write may be made.
#[derive(Clone)]
pub(super) enum Guard {
    /// There is no such item.
    Free,
    /// The item has these values.
    Is(Vec<(&'static str, Value)>),
    /// There is no such item, or it has this value.
    FreeOrIs(&'static str, Value),
}

/// What an index is asked.
pub(super) struct Ask<'a> {
    /// The index; none for the table itself.
    pub(super) index: Option<&'static str>,
    /// The attribute that must be this.
    pub(super) key: (&'static str, &'a str),
    /// Newest first.
    pub(super) descending: bool,
    /// At most so many.
    pub(super) limit: usize,
}

/// The table.
pub(super) struct Table {
    pub(super) client: Client,
    pub(super) name: String,
    ok: AtomicBool,
    closed: AtomicBool,
    waiting: AtomicUsize,
    flow: Flow,
    last_error: Mutex<Option<String>>,
}

/// Counts a call for as long as it lasts.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Table {
    pub(super) fn new(client: Client, name: String) -> Self {
        Self {
            client,
            name,
            ok: AtomicBool::new(true),
            closed: AtomicBool::new(false),
            waiting: AtomicUsize::new(0),
            flow: Flow::default(),
            last_error: Mutex::new(None),
        }
    }

    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    /// Makes a call when there is room for it, if it waits for that, and notes how it went.
    async fn watched<T, E>(
        &self,
        waits: bool,
        call: impl Future<Output = Result<T, SdkError<E>>>,
    ) -> Result<T, SdkError<E>>
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
    {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(&self.waiting);
        let slot = if waits { Some(self.flow.enter().await) } else { None };
        let began = tokio::time::Instant::now();
        let answer = call.await;
        metrics::histogram!("dronebot_store_call_seconds").record(began.elapsed().as_secs_f64());
        if let Some(slot) = slot {
            slot.ends(answer.as_ref().is_err_and(is_throttled));
        }
        answer
    }

    fn went<T, E>(&self, answer: Result<T, SdkError<E>>) -> Result<T, StoreError>
    where
        E: std::error::Error + 'static,
        SdkError<E>: std::error::Error,
    {
        match answer {
            Ok(value) => {
                self.ok.store(true, Ordering::Relaxed);
                Ok(value)
            }
            Err(error) => {
                let text = DisplayErrorContext(&error).to_string();
                self.ok.store(false, Ordering::Relaxed);
                *self.last_error.lock() = Some(short(&text));
                metrics::counter!("dronebot_store_errors_total").increment(1);
                Err(StoreError::Failed(short(&text)))
            }
        }
    }

    /// The item as it is now.
    pub(super) async fn get(&self, pk: &str, sk: &str) -> Result<Option<Item>, StoreError> {
        let call = self
            .client
            .get_item()
            .table_name(&self.name)
            .key("pk", AttributeValue::S(pk.to_owned()))
            .key("sk", AttributeValue::S(sk.to_owned()))
            .consistent_read(true)
            .send();
        let answer = self.watched(waits(pk), call).await;
        Ok(self.went(answer)?.item)
    }

    /// Writes the item; `false` when the guard did not hold.
    pub(super) async fn put(&self, item: Item, guard: Option<Guard>) -> Result<bool, StoreError> {
        let waits = waits(text(&item, "pk").unwrap_or_default());
        let mut call = self.client.put_item().table_name(&self.name).set_item(Some(item));
        if let Some(guard) = guard {
            let (expression, names, values) = guard.expression();
            call = call
                .condition_expression(expression)
                .set_expression_attribute_names(Some(names))
                .set_expression_attribute_values(values);
        }
        match self.watched(waits, call.send()).await {
            Err(error)
                if error.as_service_error().is_some_and(|error| error.is_conditional_check_failed_exception()) =>
            {
                self.ok.store(true, Ordering::Relaxed);
                Ok(false)
            }
            other => self.went(other).map(|_| true),
        }
    }

    /// Removes the item; `false` when the guard did not hold.
    pub(super) async fn delete(&self, pk: &str, sk: &str, guard: Option<Guard>) -> Result<bool, StoreError> {
        let mut call = self
            .client
            .delete_item()
            .table_name(&self.name)
            .key("pk", AttributeValue::S(pk.to_owned()))
            .key("sk", AttributeValue::S(sk.to_owned()));
        if let Some(guard) = guard {
            let (expression, names, values) = guard.expression();
            call = call
                .condition_expression(expression)
                .set_expression_attribute_names(Some(names))
                .set_expression_attribute_values(values);
        }
        match self.watched(waits(pk), call.send()).await {
            Err(error)
                if error.as_service_error().is_some_and(|error| error.is_conditional_check_failed_exception()) =>
            {
                Ok(false)
            }
            other => self.went(other).map(|_| true),
        }
    }

    /// The items that an index, or the table, has under a value, in the order of their sort keys.
    pub(super) async fn query(&self, ask: &Ask<'_>) -> Result<Vec<Item>, StoreError> {
        let mut found = Vec::new();
        let mut next = None;
        loop {
            let limit = i32::try_from(ask.limit - found.len()).unwrap_or(i32::MAX);
            let call = self.ask(ask).limit(limit).set_exclusive_start_key(next.take()).send();
            let answer = self.watched(waits(ask.key.1), call).await;
            let page = self.went(answer)?;
            found.extend(page.items.unwrap_or_default());
            next = page.last_evaluated_key.filter(|key| !key.is_empty());
            if next.is_none() || found.len() >= ask.limit {
                return Ok(found);
            }
        }
    }

    /// How many items an index has under a value.
    pub(super) async fn count(&self, ask: &Ask<'_>) -> Result<u64, StoreError> {
        let mut count = 0;
        let mut next = None;
        loop {
            let call = self.ask(ask).select(Select::Count).set_exclusive_start_key(next.take()).send();
            let answer = self.watched(waits(ask.key.1), call).await;
            let page = self.went(answer)?;
            count += u64::try_from(page.count).unwrap_or_default();
            next = page.last_evaluated_key.filter(|key| !key.is_empty());
            if next.is_none() {
                return Ok(count);
            }
        }
    }

    fn ask(&self, ask: &Ask<'_>) -> aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder {
        self.client
            .query()
            .table_name(&self.name)
            .set_index_name(ask.index.map(str::to_owned))
            .key_condition_expression("#k = :k")
            .expression_attribute_names("#k", ask.key.0)
            .expression_attribute_values(":k", AttributeValue::S(ask.key.1.to_owned()))
            .scan_index_forward(!ask.descending)
            .consistent_read(ask.index.is_none())
    }
}

/// Whether what has this name waits for room among the calls. The rows of the replicas do not: a beat that stood behind other
/// calls would cost the lease.
fn waits(pk: &str) -> bool {
    pk != REPLICAS
}

/// Whether the table asks for fewer calls.
fn is_throttled<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    let code = error.as_service_error().and_then(ProvideErrorMetadata::code);
    code.is_some_and(|code| THROTTLED.contains(&code))
}

/// Without the SDK's debug output: what a person may read.
pub(super) fn short(error: &str) -> String {
    let line = error.lines().next().unwrap_or_default();
    let end = line.char_indices().nth(300).map_or(line.len(), |(at, _)| at);
    line[..end].split(" (").next().unwrap_or_default().to_owned()
}

type Expression = (String, HashMap<String, String>, Option<HashMap<String, AttributeValue>>);

impl Guard {
    fn expression(self) -> Expression {
        let named = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        match self {
            Self::Free => ("attribute_not_exists(#k)".into(), named(&[("#k", "pk")]), None),
            Self::FreeOrIs(name, value) => (
                "attribute_not_exists(#k) OR #a = :a".into(),
                named(&[("#k", "pk"), ("#a", name)]),
                Some(HashMap::from([(":a".to_owned(), value.into())])),
            ),
            Self::Is(pairs) => {
                let each = (0..pairs.len()).map(|n| format!("#a{n} = :a{n}")).collect::<Vec<_>>();
                let names = pairs.iter().enumerate().map(|(n, (name, _))| (format!("#a{n}"), (*name).to_owned()));
                let names = names.collect();
                let values = pairs.into_iter().enumerate().map(|(n, (_, value))| (format!(":a{n}"), value.into()));
                (each.join(" AND "), names, Some(values.collect()))
            }
        }
    }
}

impl Table {
    /// How it is.
    pub(super) fn vitals(&self) -> StoreVitals {
        StoreVitals {
            kind: "dynamodb".to_owned(),
            ok: self.ok.load(Ordering::Relaxed) && !self.closed.load(Ordering::Relaxed),
            last_error: self.last_error.lock().clone(),
            open: 0,
            // each call has a limit of its own, and fails then
            overdue: None,
            queued: self.queued(),
        }
    }

    /// How many calls are on their way.
    pub(super) fn queued(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }
}

/// The name of an item among those of its kind.
pub(super) fn sort_key(item: &Item) -> &str {
    text(item, "sk").unwrap_or_default()
}
