//! The file: who may read it, how it is locked, which schema it has.

use crate::store::{Condition, StoreConfig, StoreError};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};
use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

/// What brings an empty file to the newest schema, in order; a file's `user_version` says how many it has had.
pub(super) const MIGRATIONS: &[&str] = &[
    include_str!("schema_1.sql"),
    include_str!("schema_2.sql"),
    include_str!("schema_3.sql"),
    include_str!("schema_4.sql"),
    include_str!("schema_5.sql"),
    include_str!("schema_6.sql"),
];

/// How many of them a program must know to use a file that has had all. It is raised by a migration that does more than
/// add: with what is only added, the program before can work, and so a bot can be put back to it.
pub(super) const LEAST_READER: usize = 6;

/// The fact that holds it.
const LEAST_READER_FACT: &str = "least_reader";

/// Marks a file as ours: "Dron".
const APPLICATION: i64 = 0x4472_6f6e;

/// How long a predecessor that is just ending may still hold the file.
const LOCK_WAIT: Duration = Duration::from_secs(1);

/// SQLite's page size, in bytes.
pub(super) const PAGE: u64 = 4096;

/// Opens the file with its newest schema, locked against every other process.
pub(super) fn open(config: &StoreConfig) -> Result<Connection, StoreError> {
    let path = &config.path;
    create(path)?;
    let connect = || -> Result<Connection, Reason> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(LOCK_WAIT)?;
        connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        // nothing is written to a file before it is known to be ours
        let version = check(&connection, MIGRATIONS.len())?;
        settle(&connection, config)?;
        migrate(&mut connection, version, MIGRATIONS)?;
        if version <= MIGRATIONS.len() {
            promise(&connection)?;
        } else {
            tracing::warn!(version, "store was made by a newer program, and this one can use it");
        }
        Ok(connection)
    };
    let connection = connect().map_err(|reason| reason.refusal(path))?;
    // a file that was readable by others before
    std::fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(|error| refused(path, &error))?;
    Ok(connection)
}

/// Looks at the file without changing it.
pub(in crate::store) fn inspect(config: &StoreConfig) -> Result<Condition, StoreError> {
    let path = &config.path;
    if !path.try_exists().map_err(|error| refused(path, &error))? {
        return room_for(path);
    }
    match quietly(path) {
        Ok(_) => Ok(Condition::Usable),
        Err(reason) if reason.is_busy() => Ok(Condition::InUse),
        Err(reason) => Err(reason.refusal(path)),
    }
}

/// Opens the file to look at what happened, and changes nothing.
pub(super) fn look(config: &StoreConfig) -> Result<Connection, StoreError> {
    let path = &config.path;
    let file = path.display();
    let refuse = |why: String| Err(StoreError::Open(format!("{file} {why}")));
    if !path.try_exists().map_err(|error| refused(path, &error))? {
        return refuse(
            "is not there: the first start of the bot makes it; set store.path to the file of the bot that you mean"
                .into(),
        );
    }
    match quietly(path) {
        Ok((connection, version)) if version >= MIGRATIONS.len() => Ok(connection),
        Ok((_, version)) => refuse(format!(
            "has schema {version}, from before what this program reads ({}); nothing was changed; start the bot once, which \
             brings the file up to date, and ask again",
            MIGRATIONS.len()
        )),
        Err(reason) if reason.is_busy() => refuse(
            "is in use by a running bot, which lets nobody else in; nothing was read; stop the bot (what is unfinished waits \
             in the file), ask again, and start it"
                .into(),
        ),
        Err(reason) => Err(reason.refusal(path)),
    }
}

/// A connection that waits for no lock and leaves the file as it is, with the schema that the file has.
fn quietly(path: &Path) -> Result<(Connection, usize), Reason> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    // the log of a bot that died is left for its next start
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.busy_timeout(Duration::ZERO)?;
    let version = check(&connection, MIGRATIONS.len())?;
    Ok((connection, version))
}

/// Whether a file could be made there: some folder above it is one, and may be written.
fn room_for(path: &Path) -> Result<Condition, StoreError> {
    let above = path.ancestors().skip(1).map(|above| if above == Path::new("") { Path::new(".") } else { above });
    for folder in above {
        match std::fs::metadata(folder) {
            Ok(found) if !found.is_dir() => return Err(refused(folder, &ErrorKind::NotADirectory.into())),
            Ok(found) if found.permissions().readonly() => {
                return Err(refused(folder, &ErrorKind::PermissionDenied.into()));
            }
            Ok(_) => return Ok(Condition::Missing),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(refused(folder, &error)),
        }
    }
    Ok(Condition::Missing)
}

/// Why a file was not opened.
pub(super) enum Reason {
    Sqlite(rusqlite::Error),
    Newer { found: i64, known: usize },
    Foreign,
}

impl From<rusqlite::Error> for Reason {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl Reason {
    /// What the caller is told. A disk that is full or fails may be mended any moment, and the same start works then.
    pub(super) fn refusal(&self, path: &Path) -> StoreError {
        let text = self.explain(path);
        let code = match self {
            Self::Sqlite(error) => error.sqlite_error_code(),
            Self::Newer { .. } | Self::Foreign => None,
        };
        match code {
            Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure) => StoreError::Failed(text),
            _ => StoreError::Open(text),
        }
    }

    fn is_busy(&self) -> bool {
        let Self::Sqlite(error) = self else { return false };
        matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
    }

    fn explain(&self, path: &Path) -> String {
        let file = path.display();
        let error = match self {
            Self::Newer { found, known } => {
                return format!(
                    "{file} has schema {found}, and this program knows only {known} and older; nothing was changed; \
                     run the newer program again, or set store.path to another file"
                );
            }
            Self::Foreign => {
                return format!(
                    "{file} is a database of another program; nothing was changed; set store.path to another file"
                );
            }
            Self::Sqlite(error) => error,
        };
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => format!(
                "{file} is in use by another process; only one may have it; stop that one, or set store.path to another file"
            ),
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => format!(
                "{file} is not a usable SQLite database ({error}); nothing was changed; restore it from a copy, move it away, \
                 or set store.path to another file"
            ),
            Some(ErrorCode::DiskFull) => {
                format!("{file}: {error}; make room on the disk, or set store.path to another file")
            }
            _ => format!(
                "{file}: {error}; check the disk and the rights on the folder, or set store.path to another file"
            ),
        }
    }
}

fn refused(path: &Path, error: &std::io::Error) -> StoreError {
    if matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) {
        let file = path.display();
        return StoreError::Failed(format!(
            "{file}: {error}; make room on the disk, or set store.path to another file"
        ));
    }
    StoreError::Open(format!(
        "{}: {error}; check the rights on the folder, or set store.path to another file",
        path.display()
    ))
}

/// Creates the file, readable by its owner alone, with its folder. SQLite gives the log the same rights.
fn create(path: &Path) -> Result<(), StoreError> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|error| refused(folder, &error))?;
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        // so that the file's name survives a power cut as its content does
        Ok(_) => File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| refused(folder, &error)),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(refused(path, &error)),
    }
}

/// The schema that the file has, if it is ours and no newer than what we can use.
fn check(connection: &Connection, known: usize) -> Result<usize, Reason> {
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let application: i64 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if application != APPLICATION && (found != 0 || tables != 0) {
        return Err(Reason::Foreign);
    }
    match usize::try_from(found) {
        Ok(version) if version <= known || least_reader(connection).is_some_and(|least| least <= known) => Ok(version),
        _ => Err(Reason::Newer { found, known }),
    }
}

/// How many migrations a program must know to use the file, where the program that made it says so.
fn least_reader(connection: &Connection) -> Option<usize> {
    let sql = "SELECT value FROM facts WHERE name = ?1";
    let found = connection.query_row(sql, [LEAST_READER_FACT], |row| row.get::<_, String>(0));
    found.ok().and_then(|least| least.parse().ok())
}

/// Tells the programs before this one whether they can use the file.
fn promise(connection: &Connection) -> Result<(), rusqlite::Error> {
    if least_reader(connection) != Some(LEAST_READER) {
        let sql = "INSERT OR REPLACE INTO facts (name, value) VALUES (?1, ?2)";
        connection.execute(sql, [LEAST_READER_FACT, &LEAST_READER.to_string()])?;
    }
    Ok(())
}

/// How SQLite treats the file from now on.
fn settle(connection: &Connection, config: &StoreConfig) -> Result<(), rusqlite::Error> {
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // the writer folds the log in when it suits the callers
    connection.pragma_update_and_check(None, "wal_autocheckpoint", 0, |_| Ok(()))?;
    connection.pragma_update_and_check(None, "journal_size_limit", i64::from(config.log_mib) << 20, |_| Ok(()))?;
    connection.pragma_update(None, "cache_size", -i64::from(config.cache_kib))?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    // what is cleared from a row (a response_url) is cleared from its page too
    connection.pragma_update_and_check(None, "secure_delete", "FAST", |_| Ok(()))?;
    if config.max_mib > 0 {
        limit(connection, (u64::from(config.max_mib) << 20) / PAGE)?;
    }
    connection.set_prepared_statement_cache_capacity(48);
    Ok(())
}

/// Bounds the file to this many pages.
pub(super) fn limit(connection: &Connection, pages: u64) -> Result<(), rusqlite::Error> {
    connection.pragma_update_and_check(None, "max_page_count", i64::try_from(pages).unwrap_or(i64::MAX), |_| Ok(()))
}

/// Brings the file from this schema to the newest, all the way or not at all.
pub(super) fn migrate(connection: &mut Connection, version: usize, migrations: &[&str]) -> Result<(), rusqlite::Error> {
    if version >= migrations.len() {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for migration in &migrations[version..] {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", i64::try_from(migrations.len()).unwrap_or(i64::MAX))?;
    transaction.commit()
}
