-- Until when a note is kept; nothing for one that is kept for ever.
ALTER TABLE facts ADD COLUMN until INTEGER;
