-- Lists of sessions: by member, with what a list shows.
--
-- title and last_seq are a projection of the document, written behind its commits and again whenever
-- it is opened. A title of NULL: the session is deleted, and nothing is written over it.
ALTER TABLE sessions
    ADD COLUMN title    text DEFAULT '',
    ADD COLUMN last_seq bigint NOT NULL DEFAULT 0 CHECK (last_seq >= 0),
    -- A hash of the HTTP request that created it: repeating that request is no conflict.
    ADD COLUMN request  bytea,
    -- The projection is updated with every message; with room in the page no index is touched.
    SET (fillfactor = 80);

UPDATE sessions SET title = NULL
FROM documents WHERE documents.id = sessions.id AND documents.deleted_at IS NOT NULL;

CREATE INDEX members_user_id ON members (user_id);
