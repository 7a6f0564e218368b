-- Times are nanoseconds since the Unix epoch; a request is the 16 bytes of its ULID.

-- Every request, until retention. Its keys lie close together since a ULID begins with the time.
CREATE TABLE requests (
    id          BLOB    NOT NULL PRIMARY KEY,
    state       TEXT    NOT NULL,
    attempts    INTEGER NOT NULL,
    accepted_at INTEGER NOT NULL,
    finished_at INTEGER,
    source      TEXT    NOT NULL,
    team        TEXT    NOT NULL,
    user        TEXT    NOT NULL,
    channel     TEXT    NOT NULL,
    text        TEXT    NOT NULL,
    place       TEXT    NOT NULL,
    thread_ts   TEXT,
    url         TEXT,
    progress_ts TEXT,
    plan        TEXT
) STRICT, WITHOUT ROWID;

-- The few that matter at start.
CREATE INDEX unfinished ON requests (id) WHERE finished_at IS NULL;

-- Steps of plans.
CREATE TABLE steps (
    request BLOB    NOT NULL REFERENCES requests (id) ON DELETE CASCADE,
    step    INTEGER NOT NULL,
    state   TEXT    NOT NULL,
    body    TEXT    NOT NULL,
    PRIMARY KEY (request, step)
) STRICT, WITHOUT ROWID;

-- The keys of a delivery, one to a line. Only ever appended and cut off at the old end: the index is in memory.
CREATE TABLE deliveries (
    seq     INTEGER NOT NULL PRIMARY KEY,
    request BLOB    NOT NULL,
    at      INTEGER NOT NULL,
    keys    TEXT    NOT NULL
) STRICT;

-- Letters that wait and dead ones. A delivered letter is gone.
CREATE TABLE letters (
    id         INTEGER NOT NULL PRIMARY KEY,
    request    BLOB    NOT NULL,
    last       INTEGER NOT NULL,
    attempts   INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    not_before INTEGER NOT NULL,
    dead_at    INTEGER,
    error      TEXT,
    kind       TEXT    NOT NULL,
    channel    TEXT    NOT NULL,
    user       TEXT,
    thread_ts  TEXT,
    url        TEXT,
    reply      TEXT    NOT NULL
) STRICT;
