-- How far a letter has come that takes more than one call, as JSON; nothing for one that has not begun.
ALTER TABLE letters ADD COLUMN way TEXT;
