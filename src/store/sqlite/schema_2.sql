-- What one person asked, newest last: the primary key follows the user in each entry.
CREATE INDEX asked ON requests (user);

-- By which request a message of the bot came about.
CREATE INDEX shown ON requests (channel, progress_ts) WHERE progress_ts IS NOT NULL;

-- How far a letter has come that takes more than one call, as JSON; nothing for one that has not begun.
ALTER TABLE letters ADD COLUMN way TEXT;
