-- Files of sessions, each by what is in it, in pieces.
--
-- By session, not once for all: who has a right to a session has one to its files and to no others, and
-- with the session all their bytes go. (Rejected: one row for the same file in two sessions. Uploading
-- would tell whether somebody else has it.)
CREATE TABLE files (
    id          text COLLATE "C" PRIMARY KEY,
    session     text COLLATE "C" NOT NULL REFERENCES sessions (id),
    -- The SHA-256 of its bytes. NULL: they are still coming, and `size` is what is kept free for them.
    ref         text COLLATE "C" CHECK (ref ~ '^[0-9a-f]{64}$'),
    media_type  text NOT NULL CHECK (octet_length(media_type) BETWEEN 3 AND 127),
    name        text NOT NULL CHECK (octet_length(name) BETWEEN 1 AND 1020),
    size        bigint NOT NULL CHECK (size >= 0),
    uploaded_by text COLLATE "C" NOT NULL CHECK (octet_length(uploaded_by) BETWEEN 1 AND 1019),
    created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX files_session_ref ON files (session, ref);
CREATE INDEX files_uploaded_by ON files (uploaded_by);
CREATE INDEX files_unfinished ON files (created_at) WHERE ref IS NULL;

CREATE TABLE file_chunks (
    file   text COLLATE "C" NOT NULL REFERENCES files (id) ON DELETE CASCADE,
    number integer NOT NULL CHECK (number >= 0),
    -- All but the last of a file have 262,144 bytes, so that a range is found without reading the rest.
    bytes  bytea NOT NULL CHECK (octet_length(bytes) BETWEEN 1 AND 262144),
    PRIMARY KEY (file, number)
);
-- Pictures and archives don't compress.
ALTER TABLE file_chunks ALTER COLUMN bytes SET STORAGE EXTERNAL;
