-- Which request may change a target, until its final answer.
CREATE TABLE locks (
    target  TEXT NOT NULL PRIMARY KEY,
    request BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX locked ON locks (request);

-- Small facts about the file itself. `left`: the last process said goodbye, so that what it left is no death of its owner.
CREATE TABLE facts (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Whether Slack may have a letter that is not known to be delivered.
ALTER TABLE letters ADD COLUMN unsure INTEGER NOT NULL DEFAULT 0;
