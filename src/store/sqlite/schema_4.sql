-- The lives of processes that have had this file. The number of a life is the fence of all that it writes.
CREATE TABLE lives (
    life INTEGER NOT NULL PRIMARY KEY,
    name TEXT    NOT NULL,
    at   INTEGER NOT NULL
) STRICT;

-- Which life accepted it; nothing for one that is older than this.
ALTER TABLE requests ADD COLUMN life INTEGER;

-- What happened to a request after it was accepted, as JSON. It goes when the request goes.
CREATE TABLE audit (
    request BLOB    NOT NULL REFERENCES requests (id) ON DELETE CASCADE,
    life    INTEGER NOT NULL,
    seq     INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    body    TEXT    NOT NULL,
    PRIMARY KEY (request, life, seq)
) STRICT, WITHOUT ROWID;

-- What happened to the house.
CREATE TABLE house (
    seq  INTEGER NOT NULL PRIMARY KEY,
    life INTEGER NOT NULL,
    at   INTEGER NOT NULL,
    body TEXT    NOT NULL
) STRICT;
