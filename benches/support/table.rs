//! A DynamoDB that answers at once, or after a set time: Moto takes milliseconds of CPU for a call, so that a benchmark
//! before it measures Moto. It keeps items in memory and speaks the JSON protocol as far as the store uses it: reads,
//! conditional writes, transactions of them, queries of the table and its three indexes, a scan. What it does not know
//! it refuses. It counts each call, and the write and read units that AWS would charge for it.
//!
//! ```ignore
//! let table = Table::serve(Duration::from_millis(10));
//! let bot = Bot::start(slack.base(), &folder, &table.env());
//! let before = table.calls();
//! println!("{}", table.calls().since(&before));
//! ```
#![allow(dead_code, reason = "each benchmark and test uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a stand-in that cannot work must say so at once")]
#![allow(clippy::disallowed_methods, reason = "it is outside of the bot")]

use parking_lot::Mutex;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

type Item = Arc<Map<String, Value>>;
type Failure = (&'static str, Value);

/// The indexes of the store's table, and whether they hold whole items.
const INDEXES: [(&str, bool); 3] = [("held", false), ("asked", true), ("shown", true)];

/// A table, until it is dropped.
pub struct Table {
    url: String,
    shared: Arc<Shared>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
}

/// What was called so far, and what AWS would charge for it.
#[derive(Clone, Debug, Default)]
pub struct Calls {
    /// How often, by operation.
    pub made: BTreeMap<String, u64>,
    /// Write units: a KiB each, twice as many in a transaction; those of the indexes included.
    pub write_units: f64,
    /// Of these, the units of the indexes.
    pub index_units: f64,
    /// Read units: 4 KiB each, half of one where the read need not be consistent.
    pub read_units: f64,
    /// Bytes of the bodies that were sent to it.
    pub bytes: u64,
}

impl Calls {
    /// What came since then.
    pub fn since(&self, before: &Self) -> Self {
        let made = self.made.iter().map(|(name, count)| (name.clone(), count - before.made.get(name).unwrap_or(&0)));
        Self {
            made: made.filter(|(_, count)| *count > 0).collect(),
            write_units: self.write_units - before.write_units,
            index_units: self.index_units - before.index_units,
            read_units: self.read_units - before.read_units,
            bytes: self.bytes - before.bytes,
        }
    }

    /// Calls that write.
    pub fn writes(&self) -> u64 {
        let writes = ["PutItem", "DeleteItem", "UpdateItem", "TransactWriteItems"];
        writes.iter().filter_map(|name| self.made.get(*name)).sum()
    }

    /// Calls that read.
    pub fn reads(&self) -> u64 {
        ["GetItem", "Query", "Scan"].iter().filter_map(|name| self.made.get(*name)).sum()
    }
}

impl fmt::Display for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let made: Vec<String> = self.made.iter().map(|(name, count)| format!("{count} {name}")).collect();
        write!(
            f,
            "{}; {:.1} write units ({:.1} of them the indexes'), {:.1} read units, {} bytes",
            made.join(", "),
            self.write_units,
            self.index_units,
            self.read_units,
            self.bytes
        )
    }
}

struct Shared {
    store: Mutex<Store>,
    delay_us: AtomicU64,
    calls: Mutex<Calls>,
    /// Calls of this operation, or of all, that have this in their body are refused.
    refused: Mutex<Option<(String, String)>>,
}

impl Table {
    /// A table on loopback whose calls take this long. It has a thread of its own.
    pub fn serve(delay: Duration) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared {
            store: Mutex::default(),
            delay_us: AtomicU64::new(0),
            calls: Mutex::default(),
            refused: Mutex::default(),
        });
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let serving = Arc::clone(&shared);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                tokio::select! {
                    () = serve(listener, serving) => {}
                    _ = stopped => {}
                }
            });
        });
        let table = Self { url, shared, stop: Some(stop) };
        table.delay(delay);
        table
    }

    /// Its address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// From now on a call takes this long.
    pub fn delay(&self, delay: Duration) {
        self.shared.delay_us.store(u64::try_from(delay.as_micros()).unwrap(), Ordering::Relaxed);
    }

    /// From now on it refuses the calls of this operation (an empty one: all) that have this text in their body.
    pub fn refuse(&self, operation: &str, text: &str) {
        *self.shared.refused.lock() = Some((operation.to_owned(), text.to_owned()));
    }

    /// It refuses nothing any more.
    pub fn refuse_nothing(&self) {
        *self.shared.refused.lock() = None;
    }

    /// What a bot needs to have its store here.
    pub fn env(&self) -> Vec<(&'static str, String)> {
        vec![
            ("DRONEBOT__STORE__KIND", "dynamodb".to_owned()),
            ("AWS_ENDPOINT_URL_DYNAMODB", self.url.clone()),
            ("AWS_ACCESS_KEY_ID", "testing".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "testing".to_owned()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ]
    }

    /// What was called so far.
    pub fn calls(&self) -> Calls {
        self.shared.calls.lock().clone()
    }

    /// How many items have a name that begins so.
    pub fn count(&self, begins_with: &str) -> usize {
        self.shared.store.lock().items.keys().filter(|(pk, _)| pk.starts_with(begins_with)).count()
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        drop(self.stop.take());
    }
}

async fn serve(listener: std::net::TcpListener, shared: Arc<Shared>) {
    listener.set_nonblocking(true).unwrap();
    let listener = TcpListener::from_std(listener).unwrap();
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let _ = talk(stream, &shared).await;
        });
    }
}

/// One connection, request after request.
async fn talk(stream: TcpStream, shared: &Shared) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    let (mut line, mut body) = (String::new(), Vec::new());
    loop {
        let (mut length, mut operation) = (0, String::new());
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        loop {
            line.clear();
            stream.read_line(&mut line).await?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.trim().parse().unwrap(),
                "x-amz-target" => operation = value.rsplit('.').next().unwrap_or_default().to_owned(),
                _ => {}
            }
        }
        body.resize(length, 0);
        stream.read_exact(&mut body).await?;
        let (status, answer) = answer(shared, &operation, &body);
        let delay = shared.delay_us.load(Ordering::Relaxed);
        if delay > 0 {
            tokio::time::sleep(Duration::from_micros(delay)).await;
        }
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: {}\r\n\r\n",
            answer.len()
        );
        stream.get_mut().write_all(&[head.as_bytes(), &answer].concat()).await?;
    }
}

fn answer(shared: &Shared, operation: &str, body: &[u8]) -> (&'static str, Vec<u8>) {
    let Ok(asked) = serde_json::from_slice::<Value>(body) else { return ("400 Bad Request", b"{}".to_vec()) };
    let mut units = Units::default();
    let is_refused = shared.refused.lock().as_ref().is_some_and(|(refused, text)| {
        (refused.is_empty() || refused == operation) && String::from_utf8_lossy(body).contains(text.as_str())
    });
    let done = match is_refused {
        true => Err(("AccessDeniedException", json!({}))),
        false => shared.store.lock().run(operation, &asked, &mut units),
    };
    let mut calls = shared.calls.lock();
    match calls.made.get_mut(operation) {
        Some(count) => *count += 1,
        None => drop(calls.made.insert(operation.to_owned(), 1)),
    }
    calls.write_units += units.write + units.index;
    calls.index_units += units.index;
    calls.read_units += units.read;
    calls.bytes += body.len() as u64;
    drop(calls);
    match done {
        Ok(answer) => ("200 OK", serde_json::to_vec(&answer).unwrap()),
        Err((kind, mut more)) => {
            more["__type"] = json!(format!("com.amazonaws.dynamodb.v20120810#{kind}"));
            more["message"] = json!("the table of the benchmark refuses it");
            ("400 Bad Request", serde_json::to_vec(&more).unwrap())
        }
    }
}

#[derive(Default)]
struct Units {
    write: f64,
    index: f64,
    read: f64,
}

/// The items, and what the indexes lead to.
#[derive(Default)]
struct Store {
    items: BTreeMap<(String, String), Item>,
    indexes: HashMap<&'static str, BTreeMap<Key, Key>>,
}

/// `pk` and `sk`, or what an index has in their place.
type Key = (String, String);

fn refused() -> Failure {
    ("ConditionalCheckFailedException", json!({}))
}

fn key(item: &Value) -> (String, String) {
    let part = |name: &str| item[name]["S"].as_str().unwrap_or_default().to_owned();
    (part("pk"), part("sk"))
}

impl Store {
    fn run(&mut self, operation: &str, asked: &Value, units: &mut Units) -> Result<Value, Failure> {
        match operation {
            "GetItem" => {
                let found = self.items.get(&key(&asked["Key"]));
                units.read += found.map_or(1.0, |item| (size(item) / 4_096.0).ceil());
                Ok(found.map_or_else(|| json!({}), |item| json!({ "Item": **item })))
            }
            "PutItem" | "DeleteItem" => {
                self.may(asked)?;
                self.write(asked, 1.0, units);
                Ok(json!({}))
            }
            "TransactWriteItems" => self.transact(asked, units),
            "Query" => Ok(self.query(asked, units)),
            "Scan" => Ok(self.scan(asked, units)),
            "DescribeTable" => Ok(described(asked)),
            "CreateTable" => Err(("ResourceInUseException", json!({}))),
            "UpdateTimeToLive" => Ok(json!({})),
            _ => Err(("UnknownOperationException", json!({}))),
        }
    }

    /// Whether the condition of a write holds.
    fn may(&self, write: &Value) -> Result<(), Failure> {
        let Some(condition) = write["ConditionExpression"].as_str() else { return Ok(()) };
        let name = if write["Item"].is_null() { &write["Key"] } else { &write["Item"] };
        let found = self.items.get(&key(name)).map(|item| &**item);
        if holds(condition, write, found) { Ok(()) } else { Err(refused()) }
    }

    fn transact(&mut self, asked: &Value, units: &mut Units) -> Result<Value, Failure> {
        let writes: Vec<&Value> = asked["TransactItems"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|action| action.as_object()?.values().next())
            .collect();
        let may: Vec<bool> = writes.iter().map(|write| self.may(write).is_ok()).collect();
        if may.contains(&false) {
            let code = |may: &bool| json!({"Code": if *may { "None" } else { "ConditionalCheckFailed" }});
            let reasons: Vec<Value> = may.iter().map(code).collect();
            return Err(("TransactionCanceledException", json!({"CancellationReasons": reasons})));
        }
        for (action, write) in asked["TransactItems"].as_array().into_iter().flatten().zip(writes) {
            if action["ConditionCheck"].is_null() {
                self.write(write, 2.0, units);
            } else {
                units.write += 2.0;
            }
        }
        Ok(json!({}))
    }

    /// Puts the item, or deletes what has the key.
    fn write(&mut self, write: &Value, price: f64, units: &mut Units) {
        let new: Option<Item> = write["Item"].as_object().map(|item| Arc::new(item.clone()));
        let key = if new.is_some() { key(&write["Item"]) } else { key(&write["Key"]) };
        let old = match &new {
            Some(item) => self.items.insert(key.clone(), Arc::clone(item)),
            None => self.items.remove(&key),
        };
        let larger = [&old, &new].into_iter().flatten().map(|item| size(item)).fold(1.0, f64::max);
        units.write += price * (larger / 1_024.0).ceil();
        for (name, whole) in INDEXES {
            self.index(name, whole, &key, old.as_ref(), new.as_ref(), units);
        }
    }

    fn index(
        &mut self,
        name: &'static str,
        whole: bool,
        key: &(String, String),
        old: Option<&Item>,
        new: Option<&Item>,
        units: &mut Units,
    ) {
        let value = |item: Option<&Item>| item.and_then(|item| Some(item.get(name)?["S"].as_str()?.to_owned()));
        let price = |item: Option<&Item>| {
            let size = if whole { item.map_or(0.0, |item| size(item)) } else { 1.0 };
            (size / 1_024.0).ceil().max(1.0)
        };
        let (before, after) = (value(old), value(new));
        if before == after {
            if before.is_some() && whole && old != new {
                units.index += price(old).max(price(new));
            }
            return;
        }
        let index = self.indexes.entry(name).or_default();
        if let Some(before) = before {
            index.remove(&(before, key.0.clone()));
            units.index += price(old);
        }
        if let Some(after) = after {
            index.insert((after, key.0.clone()), key.clone());
            units.index += price(new);
        }
    }

    /// A query by one value, in the order of the sort key.
    fn query(&self, asked: &Value, units: &mut Units) -> Value {
        let value = asked["ExpressionAttributeValues"].as_object().and_then(|values| values.values().next());
        let value = value.and_then(|value| value["S"].as_str()).unwrap_or_default().to_owned();
        let (from, to) = ((value.clone(), String::new()), (value, "\u{10ffff}".to_owned()));
        let index = asked["IndexName"].as_str();
        let mut found: Vec<Item> = match index {
            None => self.items.range(from..=to).map(|(_, item)| Arc::clone(item)).collect(),
            Some(name) => match self.indexes.get(name) {
                Some(index) => {
                    index.range(from..=to).filter_map(|(_, key)| self.items.get(key).map(Arc::clone)).collect()
                }
                None => Vec::new(),
            },
        };
        if asked["ScanIndexForward"] == json!(false) {
            found.reverse();
        }
        let whole = index.is_none_or(|name| INDEXES.contains(&(name, true)));
        found.truncate(asked["Limit"].as_u64().and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX));
        let sizes: f64 = found.iter().map(|item| if whole { size(item) } else { 100.0 }).sum();
        units.read += (sizes / 4_096.0).ceil().max(1.0) * if index.is_none() { 1.0 } else { 0.5 };
        if asked["Select"] == json!("COUNT") {
            return json!({"Count": found.len(), "ScannedCount": found.len()});
        }
        let shown = |item: &Item| match (whole, index) {
            (false, Some(name)) => json!({"pk": item["pk"], "sk": item["sk"], name: item[name]}),
            _ => json!(**item),
        };
        json!({"Items": found.iter().map(shown).collect::<Vec<_>>(), "Count": found.len(), "ScannedCount": found.len()})
    }

    fn scan(&self, asked: &Value, units: &mut Units) -> Value {
        let filter = asked["FilterExpression"].as_str();
        units.read += (self.items.values().map(|item| size(item)).sum::<f64>() / 4_096.0).ceil() / 2.0;
        let fits = |item: &&Item| filter.is_none_or(|filter| holds(filter, asked, Some(item)));
        let found: Vec<Value> = self.items.values().filter(fits).map(|item| json!(**item)).collect();
        json!({"Count": found.len(), "ScannedCount": self.items.len(), "Items": found})
    }
}

/// The size that AWS counts: names and values.
fn size(item: &Map<String, Value>) -> f64 {
    let of = |value: &Value| match value.as_object().and_then(|value| value.values().next()) {
        Some(Value::String(text)) => text.len(),
        _ => 8,
    };
    item.iter().map(|(name, value)| name.len() + of(value)).sum::<usize>() as f64
}

fn described(asked: &Value) -> Value {
    let keys = |hash: &str, range: &str| json!([{"AttributeName": hash, "KeyType": "HASH"}, {"AttributeName": range, "KeyType": "RANGE"}]);
    let index = |(name, whole): (&str, bool)| {
        json!({
            "IndexName": name, "IndexStatus": "ACTIVE", "KeySchema": keys(name, "pk"),
            "Projection": {"ProjectionType": if whole { "ALL" } else { "KEYS_ONLY" }}
        })
    };
    json!({"Table": {
        "TableName": asked["TableName"], "TableStatus": "ACTIVE", "KeySchema": keys("pk", "sk"),
        "GlobalSecondaryIndexes": INDEXES.map(index)
    }})
}

/// Whether an item, or that there is none, is as the expression says: comparisons, the two questions whether an attribute
/// is there, and `begins_with`, joined by AND, OR, NOT and parentheses.
fn holds(expression: &str, names: &Value, item: Option<&Map<String, Value>>) -> bool {
    let spaced = ["(", ")", ",", "<>", "<=", ">="]
        .iter()
        .fold(expression.to_owned(), |text, sign| text.replace(sign, &format!(" {sign} ")));
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut reader = Reader { words: &words, at: 0, names, item };
    let holds = reader.or();
    assert_eq!(reader.at, words.len(), "the stand-in cannot read {expression}");
    holds
}

struct Reader<'a> {
    words: &'a [&'a str],
    at: usize,
    names: &'a Value,
    item: Option<&'a Map<String, Value>>,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> &'a str {
        self.words.get(self.at).copied().unwrap_or_default()
    }

    fn next(&mut self) -> &'a str {
        let word = self.peek();
        self.at += 1;
        word
    }

    fn or(&mut self) -> bool {
        let mut holds = self.and();
        while self.peek().eq_ignore_ascii_case("or") {
            self.at += 1;
            holds |= self.and();
        }
        holds
    }

    fn and(&mut self) -> bool {
        let mut holds = self.not();
        while self.peek().eq_ignore_ascii_case("and") {
            self.at += 1;
            holds &= self.not();
        }
        holds
    }

    fn not(&mut self) -> bool {
        if self.peek().eq_ignore_ascii_case("not") {
            self.at += 1;
            return !self.not();
        }
        if self.peek() == "(" {
            self.at += 1;
            let holds = self.or();
            self.at += 1;
            return holds;
        }
        self.one()
    }

    fn one(&mut self) -> bool {
        match self.peek() {
            "attribute_exists" => self.arguments()[0].is_some(),
            "attribute_not_exists" => self.arguments()[0].is_none(),
            "begins_with" => {
                let found = self.arguments();
                let text = |value: Option<&'a Value>| value.and_then(|value| value["S"].as_str());
                matches!((text(found[0]), text(found[1])), (Some(text), Some(start)) if text.starts_with(start))
            }
            _ => {
                let left = self.operand();
                let sign = self.next();
                let right = self.operand();
                compares(left, sign, right)
            }
        }
    }

    fn arguments(&mut self) -> Vec<Option<&'a Value>> {
        self.at += 2;
        let mut found = vec![self.operand()];
        while self.next() == "," {
            found.push(self.operand());
        }
        found
    }

    fn operand(&mut self) -> Option<&'a Value> {
        let word = self.next();
        match word.as_bytes().first() {
            Some(b':') => self.names["ExpressionAttributeValues"].get(word),
            Some(b'#') => {
                let name = self.names["ExpressionAttributeNames"][word].as_str()?;
                self.item?.get(name)
            }
            _ => self.item?.get(word),
        }
    }
}

fn compares(left: Option<&Value>, sign: &str, right: Option<&Value>) -> bool {
    let (Some(left), Some(right)) = (left, right) else { return false };
    let number = |value: &Value| value["N"].as_str().and_then(|text| text.parse::<f64>().ok());
    let order = match (number(left), number(right)) {
        (Some(left), Some(right)) => left.partial_cmp(&right),
        _ => left["S"].as_str().zip(right["S"].as_str()).map(|(left, right)| left.cmp(right)),
    };
    match sign {
        "=" => left == right || order.is_some_and(std::cmp::Ordering::is_eq),
        "<>" => left != right,
        "<" => order.is_some_and(std::cmp::Ordering::is_lt),
        "<=" => order.is_some_and(std::cmp::Ordering::is_le),
        ">" => order.is_some_and(std::cmp::Ordering::is_gt),
        ">=" => order.is_some_and(std::cmp::Ordering::is_ge),
        _ => panic!("the stand-in does not know the sign {sign}"),
    }
}
