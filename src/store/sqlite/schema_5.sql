-- The keys of deliveries by their marks: where in the list a key of this mark stands. What is newer than `known_to` may be
-- in memory alone, and is read from the list at start.
CREATE TABLE known (
    mark INTEGER NOT NULL,
    seq  INTEGER NOT NULL,
    PRIMARY KEY (mark, seq)
) STRICT, WITHOUT ROWID;

-- `mark_secret`: what keys are hashed with. `known_to`: the last delivery of which every mark is in the table.
-- `known_from`: the first one; of those before it none is.
INSERT INTO facts (name, value) VALUES ('mark_secret', lower(hex(randomblob(16)))), ('known_to', '0'), ('known_from', '1');
