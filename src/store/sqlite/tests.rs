//! What is so of the SQLite store alone.

use super::book::Book;
use super::shared::Shared;
use super::shared::WhenFull;
use super::upkeep::{Caretaker, Upkeep};
use super::{Sqlite, file, left, requests};
use crate::clock::{self, Clock};
use crate::domain::RequestId;
use crate::store::contract::{PATIENCE, Place, TestClock, contract, id, letter, new, plan, request, sent, taken_up};
use crate::store::*;
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use rusqlite::Connection;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// A store in a folder of its own.
pub(super) struct Folder {
    folder: tempfile::TempDir,
    clock: Arc<TestClock>,
}

impl Folder {
    pub(super) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), clock: TestClock::new() }
    }
    fn path(&self) -> PathBuf {
        self.folder.path().join("deep").join("bot.db")
    }
    fn config(&self) -> StoreConfig {
        StoreConfig { path: self.path(), ..StoreConfig::default() }
    }
    pub(super) fn open(&self) -> Store {
        self.try_open().unwrap()
    }
    fn try_open(&self) -> Result<Store, StoreError> {
        open(&self.config(), self.clock.clone())
    }
    /// A store whose writer rests little.
    fn restless(&self) -> (Store, Arc<Sqlite>) {
        let moment = Duration::from_millis(5);
        let upkeep = Upkeep { idle: moment, tick: moment, purge_every: moment, slice: 7, tail: 16 };
        self.with(&self.config(), self.clock.clone(), upkeep)
    }
    fn with(&self, config: &StoreConfig, clock: Arc<dyn Clock>, upkeep: Upkeep) -> (Store, Arc<Sqlite>) {
        let backend = Arc::new(Sqlite::open(config, clock, upkeep).unwrap());
        (assemble(Arc::clone(&backend), config), backend)
    }
}

#[async_trait]
impl Place for Folder {
    async fn open(&self) -> Store {
        Folder::open(self)
    }
    fn clock(&self) -> Arc<TestClock> {
        self.clock.clone()
    }
}

contract!(Folder::new);

/// Has the writer do this on its connection.
async fn on_connection<T, F>(backend: &Sqlite, run: F) -> T
where
    T: Send + 'static,
    F: Fn(&Connection) -> rusqlite::Result<T> + Send + 'static,
{
    backend.call(super::shared::WhenFull::Wait, move |book| Ok(run(&book.connection)?)).await.unwrap()
}

/// The writer, held within an operation.
struct Hold {
    release: std::sync::mpsc::Sender<()>,
    held: std::pin::Pin<Box<dyn Future<Output = ()>>>,
}

impl Hold {
    async fn on(backend: &Arc<Sqlite>) -> Self {
        let (entered, inside) = tokio::sync::oneshot::channel();
        let (release, gate) = std::sync::mpsc::channel();
        let both = parking_lot::Mutex::new((Some(entered), gate));
        let backend = Arc::clone(backend);
        let mut held = Box::pin(async move {
            let wait = move |_: &Connection| {
                let (entered, gate) = &mut *both.lock();
                entered.take().unwrap().send(()).unwrap();
                gate.recv().unwrap();
                Ok(())
            };
            on_connection(&backend, wait).await;
        });
        assert!(futures_util::poll!(&mut held).is_pending());
        inside.await.unwrap();
        Self { release, held }
    }

    async fn release(self) {
        self.release.send(()).unwrap();
        self.held.await;
    }
}

/// Does all this in one batch of the writer.
async fn together<F: Future>(backend: &Arc<Sqlite>, operations: F) -> F::Output {
    let hold = Hold::on(backend).await;
    let mut operations = Box::pin(operations);
    assert!(futures_util::poll!(&mut operations).is_pending());
    hold.release().await;
    operations.await
}

async fn count(backend: &Sqlite, table: &'static str) -> i64 {
    on_connection(backend, move |connection| {
        connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0))
    })
    .await
}

fn message(result: Result<Store, StoreError>) -> String {
    match result {
        Err(StoreError::Open(text)) => text,
        Err(other) => panic!("not an error of opening: {other}"),
        Ok(_) => panic!("it was opened"),
    }
}

#[tokio::test]
async fn the_file_and_its_log_are_readable_by_their_owner_alone() {
    let folder = Folder::new();
    let store = folder.open();
    store.journal.accept(new(1, &["event:1"])).await.unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let path = folder.path();
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(&path.with_file_name("bot.db-wal")), 0o600);
    store.close(PATIENCE).await.unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let store = folder.open();
    assert_eq!(mode(&path), 0o600, "a file that others could read is closed to them");
    store.close(PATIENCE).await.unwrap();
}

#[tokio::test]
async fn the_file_is_synced_in_full_and_locked() {
    let folder = Folder::new();
    let (store, backend) = folder.with(&folder.config(), folder.clock(), Upkeep::default());
    for (pragma, value) in [("journal_mode", "wal"), ("synchronous", "2"), ("locking_mode", "exclusive")] {
        let found = on_connection(&backend, move |connection| {
            connection.pragma_query_value(None, pragma, |row| row.get::<_, rusqlite::types::Value>(0))
        });
        let found = match found.await {
            rusqlite::types::Value::Integer(number) => number.to_string(),
            rusqlite::types::Value::Text(text) => text,
            other => format!("{other:?}"),
        };
        assert_eq!(found, value, "{pragma}");
    }
    store.close(PATIENCE).await.unwrap();
}

#[tokio::test]
async fn a_second_one_is_refused_with_one_line_that_names_the_file() {
    let folder = Folder::new();
    let store = folder.open();
    let text = message(folder.try_open());
    let path = folder.path();
    assert_eq!(
        text,
        format!(
            "{} is in use by another process; only one may have it; stop that one, or set store.path to another file",
            path.display()
        )
    );
    store.journal.accept(new(1, &["event:1"])).await.unwrap();
    store.close(PATIENCE).await.unwrap();
    folder.open().close(PATIENCE).await.unwrap();
}

#[tokio::test]
async fn a_store_that_nobody_has_any_more_gives_the_file_back() {
    let folder = Folder::new();
    let store = folder.open();
    let vitals = store.health.clone();
    store.journal.accept(new(1, &["event:1"])).await.unwrap();
    drop(store);
    assert!(!vitals.vitals().ok);
    let store = folder.open();
    assert_eq!(store.journal.unfinished().await.unwrap().waiting, 1);
    store.close(PATIENCE).await.unwrap();
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_left_as_it_was() {
    let folder = Folder::new();
    folder.open().close(PATIENCE).await.unwrap();
    for least in ["UPDATE facts SET value = '7' WHERE name = 'least_reader'", "DELETE FROM facts"] {
        let connection = Connection::open(folder.path()).unwrap();
        connection.pragma_update(None, "user_version", 7).unwrap();
        connection.execute(least, []).unwrap();
        drop(connection);
        let before = std::fs::read(folder.path()).unwrap();
        let text = message(folder.try_open());
        assert!(text.contains("bot.db has schema 7, and this program knows only 6 and older"), "{text}");
        assert!(!text.contains('\n'));
        assert_eq!(std::fs::read(folder.path()).unwrap(), before);
    }
}

#[tokio::test]
async fn a_newer_schema_that_only_adds_is_used_and_what_was_added_stays() {
    let folder = Folder::new();
    let store = folder.open();
    store.journal.accept(new(1, &["event:1"])).await.unwrap();
    store.close(PATIENCE).await.unwrap();
    // others are asked, by that program
    let mut asked: serde_json::Value = serde_json::to_value(plan(1)).unwrap();
    (asked["mood"], asked["steps"][0]["mood"]) = ("wild".into(), "wild".into());
    let asked = asked.to_string();
    Connection::open(folder.path()).unwrap().execute("UPDATE requests SET plan = ?1", [&asked]).unwrap();
    let newer = "ALTER TABLE requests ADD COLUMN mood TEXT NOT NULL DEFAULT 'calm'; UPDATE requests SET mood = 'wild';
        ALTER TABLE letters ADD COLUMN colour TEXT; CREATE TABLE dreams (x TEXT NOT NULL PRIMARY KEY) STRICT";
    let connection = Connection::open(folder.path()).unwrap();
    connection.execute_batch(newer).unwrap();
    connection.pragma_update(None, "user_version", 7).unwrap();
    drop(connection);

    let (store, backend) = folder.restless();
    store.journal.planned(id(1), plan(1)).await.unwrap();
    let progress = store.outbox.put(letter(1, "Working…", false)).await.unwrap().unwrap();
    store.outbox.delivered(progress.id, sent("1.1")).await.unwrap();
    // a store that failed probes whether it can write
    let broken = backend.call::<(), _>(WhenFull::Wait, |book| {
        book.execute("INSERT INTO nowhere VALUES (1)", [])?;
        Ok(())
    });
    broken.await.unwrap_err();
    while !store.health.vitals().ok {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    store.journal.finish(id(1), Final::Succeeded, letter(1, "Done.", true)).await.unwrap();
    store.journal.accept(new(2, &["event:2"])).await.unwrap();
    store.close(PATIENCE).await.unwrap();
    let connection = Connection::open(folder.path()).unwrap();
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    let moods = "SELECT group_concat(mood || ' ' || state, ', ' ORDER BY id) FROM requests";
    let moods: String = connection.query_row(moods, [], |row| row.get(0)).unwrap();
    assert_eq!((version, moods.as_str()), (7, "wild succeeded, calm accepted"));
    let kept = "SELECT plan FROM requests WHERE state = 'succeeded'";
    let kept: String = connection.query_row(kept, [], |row| row.get(0)).unwrap();
    let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    assert_eq!(value(&kept), value(&asked), "what was added within a plan too");
    drop(connection);
    read(&folder.config()).unwrap().history(id(1)).await.unwrap();
}

#[test]
fn what_the_program_before_may_use_was_only_added_to() {
    for migration in &file::MIGRATIONS[file::LEAST_READER..] {
        for statement in migration.split(';') {
            let lines: Vec<&str> = statement.lines().filter(|line| !line.trim_start().starts_with("--")).collect();
            let text = lines.join(" ").trim().to_uppercase();
            let adds = text.is_empty()
                || ["CREATE TABLE ", "CREATE INDEX ", "INSERT INTO "].iter().any(|start| text.starts_with(start))
                || text.contains(" ADD COLUMN ") && (!text.contains("NOT NULL") || text.contains("DEFAULT"));
            assert!(adds, "raise LEAST_READER for: {text}");
        }
    }
    assert!(file::LEAST_READER <= file::MIGRATIONS.len());
}

/// Words that a newer program may have written, each into the row of request 2.
const STRANGE: [&str; 5] = [
    "UPDATE requests SET place = 'moon' WHERE id = x'ID'",
    "UPDATE requests SET state = 'scheduled' WHERE id = x'ID'",
    "UPDATE requests SET source = 'schedule' WHERE id = x'ID'",
    "INSERT INTO steps (request, step, state, body) VALUES (x'ID', 0, 'skipped', '{}')",
    "UPDATE requests SET source = 'schedule', state = 'scheduled', place = 'moon', plan = '[]' WHERE id = x'ID'",
];

#[tokio::test]
async fn a_row_with_a_word_of_a_newer_program_is_left_out_and_costs_the_others_nothing() {
    for strange in STRANGE {
        let folder = Folder::new();
        let store = folder.open();
        for number in [1, 2, 3] {
            store.journal.accept(new(number, &[&format!("event:{number}")])).await.unwrap();
        }
        let before = store.outbox.put(letter(2, "Working…", false)).await.unwrap().unwrap();
        store.close(PATIENCE).await.unwrap();
        let strange = strange.replace("ID", &hex(id(2)));
        Connection::open(folder.path()).unwrap().execute(&strange, []).unwrap();

        let (store, backend) = folder.with(&folder.config(), folder.clock(), Upkeep::default());
        let held = || store.journal.held(&mut |_| true).iter().map(|entry| entry.request.id).collect::<Vec<_>>();
        assert_eq!(held(), [id(1), id(3)], "{strange}");
        assert_eq!(store.health.open(), 3, "two requests and a letter");
        // nothing can be done with it, and it takes nobody in its batch with it
        let (user, keys) = (request(1).user, ["event:2".to_owned()]);
        let (bad, good, recent, known) = together(&backend, async {
            tokio::join!(
                store.journal.finish(id(2), Final::Succeeded, letter(2, "Done.", true)),
                store.journal.finish(id(1), Final::Succeeded, letter(1, "Done.", true)),
                store.journal.recent(&user, 9),
                store.journal.known(&keys),
            )
        })
        .await;
        if strange.contains("state =") {
            assert!(matches!(bad, Err(StoreError::Failed(_))), "{strange}: {bad:?}");
        }
        good.unwrap();
        let seen = recent.unwrap();
        assert!(seen.open.iter().chain(&seen.ended).any(|asked| asked.id == id(3)), "{strange}: {seen:?}");
        assert_eq!(known.unwrap(), Some(id(2)), "what Slack brings again is known");
        assert!(store.health.vitals().ok, "{strange}");
        store.outbox.delivered(before.id, sent("1.1")).await.unwrap();
        // nor does a rollback, after which all is read anew
        backend
            .call::<(), _>(WhenFull::Wait, |book| {
                book.execute("INSERT INTO nowhere VALUES (1)", [])?;
                Ok(())
            })
            .await
            .unwrap_err();
        store.journal.accept(new(4, &["event:4"])).await.unwrap();
        assert_eq!(held(), [id(3), id(4)], "{strange}");
        store.close(PATIENCE).await.unwrap();
        assert_eq!(folder.open().journal.held(&mut |_| true).len(), 2, "{strange}");
    }
}

#[tokio::test]
async fn a_letter_to_a_place_of_a_newer_program_is_left_alone_and_sent_to_nobody() {
    let folder = Folder::new();
    let store = folder.open();
    for number in [1, 2, 3] {
        store.journal.accept(new(number, &[&format!("event:{number}")])).await.unwrap();
    }
    for number in [1, 2] {
        store.journal.finish(id(number), Final::Succeeded, letter(number, "Done.", true)).await.unwrap();
    }
    store.outbox.put(letter(3, "Working…", false)).await.unwrap();
    store.close(PATIENCE).await.unwrap();
    let strange = format!("UPDATE letters SET kind = 'pigeon' WHERE request IN (x'{}', x'{}')", hex(id(2)), hex(id(3)));
    assert_eq!(Connection::open(folder.path()).unwrap().execute(&strange, []).unwrap(), 2);

    let store = folder.open();
    let due = async || {
        let letters = store.outbox.due(folder.clock().now(), Wanted::first(9)).await.unwrap();
        letters.iter().map(|letter| letter.id.request).collect::<Vec<_>>()
    };
    assert_eq!(due().await, [id(1)]);
    assert_eq!(store.health.open(), 2, "a request, and a letter that can be read");
    // the answer takes the place of what only showed the progress
    store.journal.finish(id(3), Final::Succeeded, letter(3, "Done.", true)).await.unwrap();
    assert_eq!(due().await, [id(1), id(3)]);
    assert!(store.health.vitals().ok);
    store.close(PATIENCE).await.unwrap();
    let left = "SELECT group_concat(kind) FROM (SELECT kind FROM letters ORDER BY id)";
    let left: String = Connection::open(folder.path()).unwrap().query_row(left, [], |row| row.get(0)).unwrap();
    assert_eq!(left, "response_url,pigeon,response_url", "it waits for the program that wrote it");
}

#[tokio::test]
async fn a_database_of_something_else_is_refused_and_left_as_it_was() {
    let folder = Folder::new();
    std::fs::create_dir_all(folder.path().parent().unwrap()).unwrap();
    Connection::open(folder.path()).unwrap().execute_batch("CREATE TABLE songs (title TEXT)").unwrap();
    let before = std::fs::read(folder.path()).unwrap();
    assert!(message(folder.try_open()).contains("is a database of another program"));
    assert_eq!(std::fs::read(folder.path()).unwrap(), before);
    let noise = "this is a letter to grandmother, not a database\n".repeat(100);
    std::fs::write(folder.path(), &noise).unwrap();
    assert!(message(folder.try_open()).contains("is not a usable SQLite database"));
    assert_eq!(std::fs::read_to_string(folder.path()).unwrap(), noise);
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_named() {
    let folder = Folder::new();
    std::fs::write(folder.path().parent().unwrap(), "a file in the way").unwrap();
    let text = message(folder.try_open());
    assert!(text.contains("deep") && text.contains("set store.path to another file"), "{text}");
}

#[test]
fn an_older_schema_is_migrated_in_order_and_all_or_nothing() {
    let mut connection = Connection::open_in_memory().unwrap();
    let names = |connection: &Connection| -> Vec<String> {
        let mut list = connection.prepare("SELECT name FROM sqlite_schema ORDER BY rowid").unwrap();
        list.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    let version = |connection: &Connection| -> i64 {
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
    };
    let steps = ["CREATE TABLE a (x)", "ALTER TABLE a RENAME TO b", "CREATE TABLE a (y)", "CREATE TABLE b (z)"];
    file::migrate(&mut connection, 0, &steps[..1]).unwrap();
    assert_eq!((version(&connection), names(&connection)), (1, vec!["a".to_owned()]));
    // the fourth cannot be done: then neither are the second and the third
    assert!(file::migrate(&mut connection, 1, &steps).is_err());
    assert_eq!((version(&connection), names(&connection)), (1, vec!["a".to_owned()]));
    file::migrate(&mut connection, 1, &steps[..3]).unwrap();
    assert_eq!((version(&connection), names(&connection)), (3, vec!["b".to_owned(), "a".to_owned()]));
}

#[tokio::test]
async fn a_file_of_the_first_schema_is_opened_with_all_it_holds_and_can_be_asked_for_the_past() {
    let folder = Folder::new();
    let store = folder.open();
    store.journal.accept(new(1, &["event:1"])).await.unwrap();
    store.journal.accept(new(2, &["event:2"])).await.unwrap();
    store.journal.finish(id(1), Final::Succeeded, letter(1, "Done.", true)).await.unwrap();
    store.close(PATIENCE).await.unwrap();
    // as a program of before left it
    let old = Connection::open(folder.path()).unwrap();
    old.execute_batch(
        "DROP INDEX asked; DROP INDEX shown; ALTER TABLE letters DROP COLUMN way; ALTER TABLE letters DROP COLUMN unsure; DROP TABLE locks; \
         DROP TABLE facts; DROP TABLE known; DROP TABLE audit; DROP TABLE house; DROP TABLE lives; \
         ALTER TABLE requests DROP COLUMN life; PRAGMA user_version = 1",
    )
    .unwrap();
    drop(old);
    let store = folder.open();
    let found = store.journal.recent(&"U0MAYA".into(), 10).await.unwrap();
    let ids = |asked: &[Asked]| asked.iter().map(|asked| asked.id).collect::<Vec<_>>();
    assert_eq!((ids(&found.open), ids(&found.ended)), (vec![id(2)], vec![id(1)]));
    assert_eq!(store.journal.answered_by(&"C0OPS".into(), "1.1").await.unwrap(), None);
    assert_eq!(store.journal.accept(new(3, &["event:1"])).await.unwrap(), Accepted::Duplicate(id(1)));
    store.close(PATIENCE).await.unwrap();
}

#[tokio::test]
async fn a_file_of_the_third_schema_is_opened_and_its_history_begins_with_what_was_known() {
    let folder = Folder::new();
    std::fs::create_dir_all(folder.path().parent().unwrap()).unwrap();
    let mut old = Connection::open(folder.path()).unwrap();
    file::migrate(&mut old, 0, &file::MIGRATIONS[..3]).unwrap();
    // as a program of then wrote them: one in the middle of a change, and one with an answer that waits
    old.execute_batch(&format!(
        "INSERT INTO requests (id, state, attempts, accepted_at, finished_at, source, team, user, channel, text, place, plan) VALUES \
         (x'{running}', 'running', 0, 1772366400000000000, NULL, 'slash_command', 'T0001', 'U0MAYA', 'C0OPS', 'ec2 stop web-1', \
          'channel', '{plan}'), \
         (x'{done}', 'succeeded', 0, 1772366400000000000, 1772366401000000000, 'slash_command', 'T0001', 'U0MAYA', 'C0OPS', 'ping', \
          'channel', NULL); \
         INSERT INTO steps VALUES (x'{running}', 0, 'started', '{step}'); \
         INSERT INTO letters (id, request, last, attempts, created_at, not_before, kind, channel, reply) VALUES \
         (7, x'{done}', 1, 0, 1772366401000000000, 0, 'post', 'C0OPS', '{reply}'); \
         INSERT INTO deliveries VALUES (1, x'{running}', 1772366400000000000, 'event:1'); \
         INSERT INTO locks VALUES ('123456789012/eu-central-1/i-1', x'{running}');",
        running = hex(id(1)),
        done = hex(id(2)),
        plan = r#"{"command":"ec2 stop","text":"stop i-1 in eu-central-1","targets":[{"id":"i-1","name":"web-1",
            "account":"123456789012","region":"eu-central-1","tags":{}}],"steps":[],"cautions":[]}"#,
        step = r#"{"index":0,"operation":"ec2:StopInstances","region":"eu-central-1","targets":["i-1"],"token":"t"}"#,
        reply = r#"{"tone":"Done","parts":[]}"#,
    ))
    .unwrap();
    drop(old);
    let Err(StoreError::Open(why)) = read(&folder.config()) else { panic!("it was read") };
    assert!(why.contains("has schema 3, from before what this program reads (6); nothing was changed"), "{why}");
    let store = folder.open();
    let entries = taken_up(&store).await;
    assert_eq!((entries.len(), entries[0].state, entries[0].deaths), (1, State::Running, 1));
    assert_eq!(entries[0].plan.as_ref().unwrap().text, "stop i-1 in eu-central-1");
    assert_eq!((entries[0].steps.len(), entries[0].steps[0].state), (1, StepState::Started));
    assert_eq!(store.journal.accept(new(3, &["event:1"])).await.unwrap(), Accepted::Duplicate(id(1)));
    let letters = store.outbox.due(folder.clock().now(), Wanted::first(9)).await.unwrap();
    assert_eq!((letters.len(), letters[0].id.request, letters[0].unsure), (1, id(2), true));
    store.outbox.delivered(letters[0].id, sent("1.1")).await.unwrap();
    let kinds = async |number| {
        let history = store.audit.history(id(number)).await.unwrap();
        history.iter().map(|event| (event.fence, event.replica.0 == "?")).collect::<Vec<_>>()
    };
    // nobody knows which process accepted them; this one took them over
    assert_eq!(kinds(1).await, [(0, true), (1, false)]);
    assert_eq!(kinds(2).await, [(0, true), (1, false), (1, false)]);
    store.close(PATIENCE).await.unwrap();
}

#[tokio::test]
async fn the_file_of_a_bot_that_died_is_read_and_stays_as_it_was() {
    let folder = Folder::new();
    let Err(StoreError::Open(why)) = read(&folder.config()) else { panic!("there is nothing to read") };
    assert!(why.contains("bot.db is not there"), "{why}");
    let store = folder.open();
    store.journal.accept(new(1, &["event:1"])).await.unwrap();
    store.journal.finish(id(1), Final::Succeeded, letter(1, "Done.", true)).await.unwrap();
    store.audit.record(HouseEvent::Stopped { why: "it was told to".into() }).await.unwrap();
    let Err(StoreError::Open(why)) = read(&folder.config()) else { panic!("two have it") };
    assert!(why.contains("is in use by a running bot") && why.contains("nothing was read"), "{why}");
    // as a death leaves them: the file and its log
    let config = StoreConfig { path: folder.folder.path().join("dead.db"), ..folder.config() };
    let log = |path: &Path| path.with_file_name(format!("{}-wal", path.file_name().unwrap().to_string_lossy()));
    std::fs::copy(folder.path(), &config.path).unwrap();
    std::fs::copy(log(&folder.path()), log(&config.path)).unwrap();
    let bytes = || [std::fs::read(&config.path).unwrap(), std::fs::read(log(&config.path)).unwrap()];
    let before = bytes();
    for _ in 0..2 {
        let reader = read(&config).unwrap();
        assert_eq!(reader.history(id(1)).await.unwrap(), store.audit.history(id(1)).await.unwrap());
        assert_eq!(reader.find(&id(1).short(), 9).await.unwrap(), [id(1)]);
        assert_eq!(reader.house(9).await.unwrap(), store.audit.house(9).await.unwrap());
        assert!(matches!(reader.record(HouseEvent::HandedOver { left: 1 }).await, Err(StoreError::Unavailable(_))));
    }
    assert_eq!(bytes(), before);
    store.close(PATIENCE).await.unwrap();
}

/// A request's name as SQL writes it.
fn hex(id: RequestId) -> String {
    id.0.to_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn what_is_looked_up_is_found_by_its_index_without_sorting() {
    let folder = Folder::new();
    let (store, backend) = folder.restless();
    let plan = |sql: String| {
        let backend = Arc::clone(&backend);
        async move {
            let read = move |connection: &Connection| {
                let mut list = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
                let rows = list.query_map([], |row| row.get::<_, String>(3))?;
                Ok(rows.collect::<Result<Vec<_>, _>>()?.join("; "))
            };
            on_connection(&backend, read).await
        }
    };
    let ended =
        "SELECT id FROM requests INDEXED BY asked WHERE user = 'U' AND finished_at IS NOT NULL ORDER BY id DESC";
    assert_eq!(plan(ended.to_owned()).await, "SEARCH requests USING INDEX asked (user=?)");
    let ending = super::notes::ENDING.replace("?1", "'a'").replace("?2", "'b'").replace("?3", "5");
    assert_eq!(plan(ending).await, "SEARCH facts USING PRIMARY KEY (name>? AND name<?)");
    store.close(PATIENCE).await.unwrap();
}

#[tokio::test]
async fn when_the_disk_is_full_nothing_is_half_done_and_work_goes_on_when_there_is_space() {
    let folder = Folder::new();
    let (store, backend) = folder.with(&folder.config(), folder.clock(), Upkeep::default());
    for n in 0..20 {
        store.journal.accept(new(n, &[&format!("event:{n}")])).await.unwrap();
    }
    let open = store.outbox.put(letter(1, "Working.", false)).await.unwrap().unwrap();
    on_connection(&backend, |connection| file::limit(connection, 1)).await;
    let mut done = 20;
    let error = loop {
        // three at a time, so that a batch fails as one
        let keys: Vec<_> = (0..3).map(|n| format!("event:{}", done + n)).collect();
        let accepts = async {
            tokio::join!(
                store.journal.accept(new(done, &[&keys[0]])),
                store.journal.accept(new(done + 1, &[&keys[1]])),
                store.journal.accept(new(done + 2, &[&keys[2]])),
            )
        };
        let (a, b, c) = together(&backend, accepts).await;
        match (a, b, c) {
            (Ok(Accepted::New), Ok(Accepted::New), Ok(Accepted::New)) => done += 3,
            (Err(a), Err(b), Err(c)) => {
                assert_eq!((a.to_string(), b.to_string()), (b.to_string(), c.to_string()));
                break a;
            }
            mixed => panic!("one batch, several ends: {mixed:?}"),
        }
        assert!(done < 10_000);
    };
    assert_eq!(error.to_string(), "store failed: database or disk is full");
    let vitals = store.health.vitals();
    assert_eq!((vitals.ok, vitals.last_error.as_deref()), (false, Some("store failed: database or disk is full")));
    let failed = store.journal.finish(id(1), Final::Succeeded, letter(1, &"long ".repeat(2000), true)).await;
    assert!(matches!(failed, Err(StoreError::Failed(_))), "{failed:?}");
    // what is known in memory is as the file is
    assert_eq!(store.journal.unfinished().await.unwrap().waiting, done);
    assert_eq!(store.outbox.due(folder.clock().now(), Wanted::first(9)).await.unwrap()[0].id, open.id);

    on_connection(&backend, |connection| file::limit(connection, 100_000)).await;
    for n in done..done + 3 {
        let key = format!("event:{n}");
        assert_eq!(store.journal.accept(new(n, &[&key])).await.unwrap(), Accepted::New, "its key was not kept");
    }
    store.journal.finish(id(1), Final::Succeeded, letter(1, &"long ".repeat(2000), true)).await.unwrap();
    assert!(store.health.vitals().ok);
    let waiting = store.outbox.due(folder.clock().now(), Wanted::first(9)).await.unwrap();
    assert_eq!(waiting.len(), 1, "the progress letter is overtaken at last");
    assert!(waiting[0].letter.last && waiting[0].id > open.id);
    store.close(PATIENCE).await.unwrap();
}

#[tokio::test]
async fn a_store_that_failed_finds_out_by_itself_that_it_works_again() {
    let folder = Folder::new();
    let (store, backend) = folder.restless();
    store.journal.accept(new(1, &["event:1"])).await.unwrap();
    let broken = backend.call(super::shared::WhenFull::Wait, |book| {
        Ok(book.connection.execute("INSERT INTO nowhere VALUES (1)", []).map(|_| ())?)
    });
    assert!(matches!(broken.await, Err(StoreError::Failed(_))));
    let well = async {
        while !store.health.vitals().ok {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(PATIENCE, well).await.unwrap();
    assert!(store.health.vitals().last_error.unwrap().contains("nowhere"));
    store.close(PATIENCE).await.unwrap();
}

/// A clock that falls down the time that was said, and goes on then: what panics here panics in the writer.
#[derive(Default)]
struct BrokenClock(AtomicU32);

impl Clock for BrokenClock {
    fn now(&self) -> Timestamp {
        let falls = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        assert!(falls != Ok(1), "the clock fell down");
        clock::SystemClock.now()
    }
}

#[tokio::test]
async fn a_panic_in_the_writer_costs_one_operation_and_its_neighbours_nothing() {
    let folder = Folder::new();
    let clock = Arc::new(BrokenClock::default());
    let (store, backend) = folder.with(&folder.config(), clock.clone(), Upkeep::default());
    store.journal.accept(new(1, &["event:1"])).await.unwrap();
    store.journal.accept(new(2, &["event:2"])).await.unwrap();
    // the first asks it once, then the second does
    clock.0.store(2, Ordering::SeqCst);
    let plan =
        crate::domain::Plan { command: "ec2 stop".into(), text: "stop".into(), ..crate::domain::Plan::default() };
    let operations = async {
        tokio::join!(
            store.journal.planned(id(1), plan.clone()),
            store.journal.finish(id(1), Final::Succeeded, letter(1, "Done.", true)),
            store.journal.planned(id(2), plan),
        )
    };
    let (before, broken, after) = together(&backend, operations).await;
    before.unwrap();
    after.unwrap();
    let error = broken.unwrap_err().to_string();
    assert_eq!(error, "store failed: the operation panicked: the clock fell down");
    store.journal.finish(id(1), Final::Succeeded, letter(1, "Done.", true)).await.unwrap();
    assert_eq!(store.journal.unfinished().await.unwrap().waiting, 1);
    store.close(PATIENCE).await.unwrap();
}

#[tokio::test]
async fn when_the_writer_is_far_behind_new_requests_are_refused_and_accepted_ones_wait() {
    let folder = Folder::new();
    let config = StoreConfig { queue_limit: 2, ..folder.config() };
    let (store, backend) = folder.with(&config, folder.clock(), Upkeep::default());
    store.journal.accept(new(1, &["event:1"])).await.unwrap();
    let hold = Hold::on(&backend).await;
    let (a, b) = (store.journal.accept(new(2, &["event:2"])), store.journal.accept(new(3, &["event:3"])));
    let mut queued = Box::pin(async move { tokio::join!(a, b) });
    assert!(futures_util::poll!(&mut queued).is_pending());
    assert_eq!(store.health.queued(), 2);
    let refused = store.journal.accept(new(4, &["event:4"])).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    let mut finish = store.journal.finish(id(1), Final::Succeeded, letter(1, "Done.", true));
    assert!(futures_util::poll!(&mut finish).is_pending());
    hold.release().await;
    let (a, b) = queued.await;
    assert_eq!((a.unwrap(), b.unwrap()), (Accepted::New, Accepted::New));
    finish.await.unwrap();
    assert_eq!(store.journal.accept(new(4, &["event:4"])).await.unwrap(), Accepted::New);
    store.close(PATIENCE).await.unwrap();
}

#[tokio::test]
async fn a_response_url_is_gone_from_the_file_when_its_letter_is() {
    let folder = Folder::new();
    let (store, _) = folder.with(&folder.config(), folder.clock(), Upkeep::default());
    for n in 1..=3 {
        store.journal.accept(new(n, &[&format!("event:{n}")])).await.unwrap();
        let progress = store.outbox.put(letter(n, "Working.", false)).await.unwrap().unwrap();
        if n == 1 {
            store.outbox.delivered(progress.id, sent("1.1")).await.unwrap();
        }
        let last = store.journal.finish(id(n), Final::Succeeded, letter(n, "Done.", true)).await.unwrap();
        match n {
            1 => store.outbox.delivered(last.id, sent("response_url")).await.unwrap(),
            2 => store.outbox.delivered(last.id, Delivery::Dead { error: "expired_url".into() }).await.unwrap(),
            _ => {}
        }
        assert!(!format!("{:?} {last:?}", new(n, &[])).contains("secret-"), "it can be printed");
    }
    store.close(PATIENCE).await.unwrap();
    let bytes = std::fs::read(folder.path()).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    let left: Vec<_> = (1..=3).filter(|n| text.contains(&format!("secret-{n}"))).collect();
    assert_eq!(left, [3], "only the letter that waits still needs it");
}

#[tokio::test]
async fn what_is_old_goes_in_slices_and_what_is_open_stays() {
    let folder = Folder::new();
    let clock = folder.clock();
    let (store, backend) = folder.restless();
    for n in 1..=40 {
        store.journal.accept(new(n, &[&format!("event:{n}"), &format!("envelope:{n}")])).await.unwrap();
    }
    for n in 3..=40 {
        let last = store.journal.finish(id(n), Final::Succeeded, letter(n, "Done.", true)).await.unwrap();
        match n {
            3 => {}
            4 => store.outbox.delivered(last.id, Delivery::Dead { error: "gone".into() }).await.unwrap(),
            _ => store.outbox.delivered(last.id, sent("1.1")).await.unwrap(),
        }
    }
    let settle = |table: &'static str, rows: i64| {
        let backend = Arc::clone(&backend);
        tokio::time::timeout(PATIENCE, async move {
            while count(&backend, table).await != rows {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
    };
    clock.advance(SignedDuration::from_hours(24 * 6));
    assert_eq!(store.journal.accept(new(90, &["event:5"])).await.unwrap(), Accepted::Duplicate(id(5)));
    assert_eq!(marks(&backend).await, 80);
    clock.advance(SignedDuration::from_hours(24 * 2));
    settle("deliveries", 0).await.unwrap();
    settle("known", 0).await.unwrap();
    assert_eq!(marks(&backend).await, 0);
    assert_eq!((count(&backend, "requests").await, count(&backend, "letters").await), (40, 2));
    assert_eq!(store.audit.history(id(5)).await.unwrap().len(), 3);
    store.audit.record(HouseEvent::Stopped { why: "it was told to".into() }).await.unwrap();
    clock.advance(SignedDuration::from_hours(24));
    clock.advance(SignedDuration::from_hours(24 * 22));
    // two without an answer, one whose answer waits
    settle("requests", 3).await.unwrap();
    settle("letters", 1).await.unwrap();
    // that it was answered
    settle("audit", 1).await.unwrap();
    assert!(store.audit.history(id(5)).await.unwrap().is_empty());
    assert_eq!(store.audit.house(9).await.unwrap().len(), 1);
    clock.advance(SignedDuration::from_hours(24 * 30));
    settle("house", 0).await.unwrap();
    assert_eq!(store.outbox.depth().await.unwrap().dead, 0);
    assert_eq!(store.journal.unfinished().await.unwrap().waiting, 2);
    store.close(PATIENCE).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_jumps_ahead_makes_nothing_old_before_the_look_after() {
    let folder = Folder::new();
    let (clock, config) = (folder.clock(), folder.config());
    let mut book = left::begin(file::open(&config).unwrap(), clock.clone(), &ReplicaName("one".into()), 50).unwrap();
    let (shared, upkeep) = (Shared::new(8, Arc::default()), Upkeep::default());
    let mut caretaker = Caretaker::new(&config, upkeep);
    book.begin().unwrap();
    assert!(requests::accept(&mut book, &request(1), &["event:1".to_owned()]).is_ok());
    book.commit().unwrap();
    let week = SignedDuration::from_hours(24 * 8);
    let mut known_after = async |jump: SignedDuration| {
        clock.advance(jump);
        caretaker.idle(&mut book, &shared).unwrap();
        tokio::time::advance(upkeep.purge_every).await;
        let count = "SELECT count(*) FROM deliveries";
        book.connection.query_row(count, [], |row| row.get::<_, i64>(0)).unwrap()
    };
    assert_eq!(known_after(SignedDuration::ZERO).await, 1);
    assert_eq!(known_after(week).await, 1, "it may only have jumped");
    assert_eq!(known_after(-week).await, 1, "and so it had");
    assert_eq!(known_after(week).await, 1);
    assert_eq!(known_after(SignedDuration::ZERO).await, 0, "a week has passed, and an hour after it too");
}

/// How many marks there are, in memory and in the file.
async fn marks(backend: &Sqlite) -> usize {
    let count = |book: &mut super::book::Book| {
        let rows: i64 = book.connection.query_row("SELECT count(*) FROM known", [], |row| row.get(0))?;
        Ok(book.keys.tail() + rows as usize)
    };
    backend.call(super::shared::WhenFull::Wait, count).await.unwrap()
}

#[tokio::test]
async fn a_busy_writer_keeps_few_keys_in_memory_and_knows_them_all_and_so_does_the_next_life() {
    let folder = Folder::new();
    let upkeep = Upkeep { tail: 50, ..Upkeep::default() };
    let keys = |n: u64| [format!("envelope:{n}"), format!("message:T1:C1:{n}"), format!("event:{n}")];
    let mut known = 1;
    for _ in 0..2 {
        let (store, backend) = folder.with(&folder.config(), folder.clock(), upkeep);
        for n in known..known + 200 {
            let keys = keys(n);
            let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            assert_eq!(store.journal.accept(new(n, &keys)).await.unwrap(), Accepted::New);
        }
        known += 200;
        for n in 1..known {
            for key in keys(n) {
                let again = store.journal.accept(new(10_000 + n, &[&key])).await.unwrap();
                assert_eq!(again, Accepted::Duplicate(id(n)), "{key}");
            }
        }
        let tail = |book: &mut super::book::Book| Ok(book.keys.tail());
        let tail = backend.call(super::shared::WhenFull::Wait, tail).await.unwrap();
        assert!(tail <= 100, "{tail} in memory");
        store.close(PATIENCE).await.unwrap();
    }
}

#[tokio::test]
async fn marks_are_written_in_the_gaps_between_callers() {
    let folder = Folder::new();
    let upkeep = Upkeep { tail: 50, slice: 7, ..Upkeep::default() };
    let (store, backend) = folder.with(&folder.config(), folder.clock(), upkeep);
    for n in 0..60 {
        store.journal.accept(new(n, &[&format!("event:{n}")])).await.unwrap();
    }
    let swept = async {
        while count(&backend, "known").await < 50 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, swept).await.unwrap();
    assert_eq!(marks(&backend).await, 60);
    store.close(PATIENCE).await.unwrap();
}

#[tokio::test]
async fn a_file_of_the_third_schema_is_opened_and_its_deliveries_are_known() {
    let folder = Folder::new();
    let store = folder.open();
    for n in 1..=100 {
        store.journal.accept(new(n, &[&format!("event:{n}"), &format!("envelope:{n}")])).await.unwrap();
    }
    store.close(PATIENCE).await.unwrap();
    let old = Connection::open(folder.path()).unwrap();
    old.execute_batch(
        "DROP TABLE known; DELETE FROM facts WHERE name IN ('mark_secret', 'known_to', 'known_from'); \
         DROP TABLE audit; DROP TABLE house; DROP TABLE lives; ALTER TABLE requests DROP COLUMN life; \
         ALTER TABLE facts DROP COLUMN until; PRAGMA user_version = 3",
    )
    .unwrap();
    drop(old);
    // as many as a start takes into memory, and more than that
    for tail in [1_000, 20] {
        let (store, _) = folder.with(&folder.config(), folder.clock(), Upkeep { tail, ..Upkeep::default() });
        for n in 1..=100 {
            let again = store.journal.accept(new(10_000 + n, &[&format!("envelope:{n}")])).await.unwrap();
            assert_eq!(again, Accepted::Duplicate(id(n)));
        }
        assert_eq!(store.journal.unfinished().await.unwrap().waiting, 100);
        store.close(PATIENCE).await.unwrap();
    }
}

#[tokio::test]
async fn a_purge_forgets_the_old_deliveries_and_no_others() {
    let folder = Folder::new();
    let clock = folder.clock();
    let (store, backend) = folder.restless();
    let key = |n: u64| format!("event:{n}");
    for n in 1..=60 {
        store.journal.accept(new(n, &[&key(n)])).await.unwrap();
    }
    clock.advance(SignedDuration::from_hours(24 * 5));
    for n in 61..=90 {
        store.journal.accept(new(n, &[&key(n)])).await.unwrap();
    }
    clock.advance(SignedDuration::from_hours(24 * 3));
    let forgotten = async {
        while count(&backend, "deliveries").await != 30 || marks(&backend).await != 30 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, forgotten).await.unwrap();
    for n in 61..=90 {
        assert_eq!(store.journal.accept(new(1_000 + n, &[&key(n)])).await.unwrap(), Accepted::Duplicate(id(n)));
    }
    for n in 1..=60 {
        assert_eq!(store.journal.accept(new(1_000 + n, &[&key(n)])).await.unwrap(), Accepted::New);
    }
    store.close(PATIENCE).await.unwrap();
}

#[test]
fn settings_are_read_with_defaults_and_unknown_keys_are_refused() {
    let config: StoreConfig = serde_json::from_str(r#"{ "path": "/var/lib/dronebot/bot.db" }"#).unwrap();
    assert_eq!(config.path, Path::new("/var/lib/dronebot/bot.db"));
    assert_eq!((config.retention_days, config.dedupe_days), (30, 7));
    assert!(serde_json::from_str::<StoreConfig>(r#"{ "pfad": "x" }"#).is_err());
}

/// Not a test of its own: the process that the next test kills. Accepts until then, and prints what was acknowledged.
#[tokio::test]
#[ignore = "a process that another test starts and kills"]
async fn accepts_until_it_is_killed() {
    let config = StoreConfig { path: std::env::args().next_back().unwrap().into(), ..StoreConfig::default() };
    let store = match open(&config, clock::system()) {
        Ok(store) => store,
        Err(error) => {
            println!("refused {error}");
            return;
        }
    };
    let calls = (0..8u64).map(|lane| {
        let store = &store;
        async move {
            for n in (lane..).step_by(8) {
                let key = format!("event:{n}");
                store.journal.accept(new(n, &[&key])).await.unwrap();
                if n % 2 == 0 {
                    let last = store.journal.finish(id(n), Final::Succeeded, letter(n, "Done.", true)).await.unwrap();
                    if n % 4 == 0 {
                        store.outbox.delivered(last.id, sent("1.1")).await.unwrap();
                    }
                }
                println!("acknowledged {n}");
            }
        }
    });
    futures_util::future::join_all(calls).await;
}

/// That process. It ends with this value at the latest.
struct Other(std::process::Child);

impl Other {
    fn start(path: &Path) -> (Self, impl Iterator<Item = String> + use<>) {
        let name = "store::sqlite::tests::accepts_until_it_is_killed";
        let mut child = Command::new(std::env::current_exe().unwrap())
            // the path stands where the test runner expects the name of a test to leave out
            .args(["--ignored", "--nocapture", "--exact", name, "--skip"])
            .arg(path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        (Self(child), lines.map_while(Result::ok))
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[tokio::test]
async fn what_was_acknowledged_survives_kill_9() {
    let folder = Folder::new();
    let read = |line: &str| line.rsplit_once("acknowledged ").and_then(|(_, n)| n.parse::<u64>().ok());
    for round in 1..=3usize {
        let path = folder.path().with_file_name(format!("round-{round}.db"));
        let (process, mut lines) = Other::start(&path);
        let mut acknowledged: Vec<u64> = Vec::new();
        while acknowledged.len() < 300 * round {
            acknowledged.extend(read(&lines.next().expect("it ended by itself")));
        }
        drop(process);
        // what it printed and nobody had read yet
        acknowledged.extend(lines.filter_map(|line| read(&line)));

        let store = open(&StoreConfig { path, ..StoreConfig::default() }, clock::system()).unwrap();
        let open = taken_up(&store).await;
        let open: BTreeSet<_> = open.iter().map(|entry| entry.request.id).collect();
        let due = store.outbox.due(Timestamp::MAX, Wanted::first(usize::MAX)).await.unwrap();
        let due: BTreeSet<_> = due.iter().map(|letter| letter.letter.request).collect();
        for n in acknowledged {
            let again = store.journal.accept(new(1_000_000 + n, &[&format!("event:{n}")])).await.unwrap();
            assert_eq!(again, Accepted::Duplicate(id(n)));
            assert_eq!((open.contains(&id(n)), due.contains(&id(n))), (n % 2 != 0, n % 4 == 2), "request {n}");
        }
        store.close(PATIENCE).await.unwrap();
    }
}

#[tokio::test]
async fn a_second_process_is_refused() {
    let folder = Folder::new();
    let store = folder.open();
    let path = folder.path();
    let said = tokio::task::spawn_blocking(move || {
        let (_process, mut lines) = Other::start(&path);
        lines.find(|line| line.contains("refused") || line.contains("acknowledged"))
    });
    let said = said.await.unwrap().expect("it says one or the other");
    assert!(said.contains("refused store cannot be opened") && said.contains("is in use by another process"), "{said}");
    assert_eq!(store.journal.accept(new(1, &["event:1"])).await.unwrap(), Accepted::New);
    store.close(PATIENCE).await.unwrap();
}

#[tokio::test]
async fn a_time_to_remember_deliveries_that_is_too_short_is_refused() {
    let folder = Folder::new();
    let config = StoreConfig { dedupe_days: 1, ..folder.config() };
    assert!(message(open(&config, folder.clock())).starts_with("store.dedupe_days is 1 and must be at least 2"));
}

#[tokio::test]
async fn a_store_that_is_asked_all_the_time_is_looked_after_too() {
    let folder = Folder::new();
    let clock = folder.clock();
    let (idle, purge_every) = (Duration::from_millis(200), Duration::from_millis(5));
    let upkeep = Upkeep { idle, purge_every, ..Upkeep::default() };
    let (store, backend) = folder.with(&folder.config(), clock.clone(), upkeep);
    store.journal.accept(new(1, &["event:1"])).await.unwrap();
    clock.advance(SignedDuration::from_hours(24 * 8));
    let asked = async { while count(&backend, "deliveries").await != 0 {} };
    tokio::time::timeout(PATIENCE, asked).await.unwrap();
    store.close(PATIENCE).await.unwrap();
}

#[tokio::test]
async fn a_look_at_the_file_changes_nothing_and_sees_who_uses_it() {
    let folder = Folder::new();
    assert_eq!(inspect(&folder.config()).unwrap(), Condition::Missing);
    assert!(!folder.path().parent().unwrap().exists(), "not even the folder is made");
    let store = folder.open();
    assert_eq!(inspect(&folder.config()).unwrap(), Condition::InUse);
    store.close(PATIENCE).await.unwrap();
    let before = std::fs::read(folder.path()).unwrap();
    assert_eq!(inspect(&folder.config()).unwrap(), Condition::Usable);
    assert_eq!(std::fs::read(folder.path()).unwrap(), before);
    std::fs::write(folder.path(), "these are not the bytes of a database, whatever it is called").unwrap();
    let error = inspect(&folder.config()).unwrap_err().to_string();
    assert!(error.contains("is not a usable SQLite database"), "{error}");
    let under_a_file = StoreConfig { path: folder.path().join("bot.db"), ..folder.config() };
    assert!(inspect(&under_a_file).is_err());
}

#[tokio::test]
async fn a_note_that_was_kept_for_a_while_is_forgotten_after_it() {
    let folder = Folder::new();
    let upkeep = Upkeep { purge_every: Duration::ZERO, idle: Duration::from_millis(5), ..Upkeep::default() };
    let (store, _) = folder.with(&folder.config(), folder.clock(), upkeep);
    let soon = folder.clock().now() + SignedDuration::from_mins(1);
    assert!(store.notes.rewrite("kept", None, "for ever", None).await.unwrap());
    assert!(store.notes.rewrite("passing", None, "for a minute", Some(soon)).await.unwrap());
    assert!(store.notes.noted("passing").await.unwrap().is_some());
    folder.clock().advance(SignedDuration::from_mins(2));
    let forgotten = async {
        let mut at = 0;
        while store.notes.noted("passing").await.unwrap().is_some() {
            // a sweep follows a write, and the second look deletes
            let (name, text) = (format!("other {at}"), "x");
            store.notes.rewrite(&name, None, text, None).await.unwrap();
            at += 1;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, forgotten).await.unwrap();
    assert_eq!(store.notes.noted("kept").await.unwrap().as_deref(), Some("for ever"));
    store.close(PATIENCE).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_held_is_read_while_the_writer_hangs() {
    let folder = Folder::new();
    let store = Arc::new(Sqlite::open(&folder.config(), folder.clock(), Upkeep::default()).unwrap());
    Journal::accept(&*store, new(1, &["event:1"])).await.unwrap();
    let (go_on, wait) = std::sync::mpsc::channel::<()>();
    let (hangs, begun) = std::sync::mpsc::channel();
    let hanging = {
        let store = Arc::clone(&store);
        let hang = move |_: &mut Book| {
            hangs.send(()).unwrap();
            let _ = wait.recv();
            Ok(())
        };
        crate::supervision::spawn_detached("hanging", async move { store.call(WhenFull::Wait, hang).await })
    };
    tokio::task::spawn_blocking(move || begun.recv().unwrap()).await.unwrap();
    let later = {
        let store = Arc::clone(&store);
        let accept = async move { Journal::accept(&*store, new(2, &["event:2"])).await };
        crate::supervision::spawn_detached("later", accept)
    };
    for _ in 0..50 {
        let held: Vec<_> = store.held(&mut |_| true).iter().map(|entry| entry.request.id).collect();
        assert_eq!(held, [id(1)], "and what is not durable is nobody's to see");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    drop(go_on);
    hanging.await.unwrap().unwrap();
    later.await.unwrap().unwrap();
    assert_eq!(store.held(&mut |held| held.id == id(2)).len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_writer_that_hangs_is_not_well_within_the_patience_of_slack_and_is_again_when_it_goes_on() {
    let folder = Folder::new();
    let (store, backend) = folder.with(&folder.config(), folder.clock(), Upkeep::default());
    let hold = Hold::on(&backend).await;
    let mut waits = store.journal.accept(new(1, &["event:1"]));
    assert!(futures_util::poll!(&mut waits).is_pending());
    assert!(store.health.vitals().ok, "nobody has waited long");
    let begun = tokio::time::Instant::now();
    while store.health.vitals().ok {
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", store.health.vitals());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let vitals = store.health.vitals();
    assert!(vitals.overdue.is_some() && vitals.queued == 1 && vitals.last_error.is_none(), "{vitals:?}");
    hold.release().await;
    waits.await.unwrap();
    // it is answered just before the writer rests
    while store.health.vitals().overdue.is_some() {
        assert!(begun.elapsed() < PATIENCE, "{:?}", store.health.vitals());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    store.close(PATIENCE).await.unwrap();
}

/// What cannot be put away.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("told to, by a test");
    }
}

#[tokio::test]
async fn a_writer_that_is_gone_is_noticed_and_one_that_was_closed_is_not_missed() {
    let folder = Folder::new();
    let (store, backend) = folder.with(&folder.config(), folder.clock(), Upkeep::default());
    let hold = Hold::on(&backend).await;
    {
        let mut left = Box::pin(backend.call(WhenFull::Wait, |_| Ok(Bomb)));
        assert!(futures_util::poll!(&mut left).is_pending());
    }
    let health = store.health.clone();
    let lost = crate::supervision::spawn_detached("lost", async move { health.lost().await });
    hold.release().await;
    tokio::time::timeout(PATIENCE, lost).await.expect("it is noticed").unwrap();
    assert!(!store.health.vitals().ok);
    let refused = store.journal.accept(new(1, &["event:1"])).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");

    let other = Folder::new();
    let store = other.open();
    store.close(PATIENCE).await.unwrap();
    assert!(futures_util::poll!(Box::pin(store.health.lost())).is_pending());
}
