-- How many runs of a session are queued or active, as title and last_seq a moment behind its content:
-- a node that starts looks there for answers that a crash cut off.
ALTER TABLE sessions
    ADD COLUMN open_runs integer NOT NULL DEFAULT 0 CHECK (open_runs >= 0);
