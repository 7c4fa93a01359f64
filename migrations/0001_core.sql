-- Documents and their logs, sessions and their members.
--
-- Ids are compared byte by byte (COLLATE "C"): they are names, not words, the order in which rows
-- are locked is then the same on every server, and an upgrade of the system's collations can't
-- corrupt an index. Lengths are those of ids.py; a home's id is its user's name behind "home:".

CREATE TABLE documents (
    id                text COLLATE "C" PRIMARY KEY CHECK (octet_length(id) BETWEEN 1 AND 1024),
    kind              text COLLATE "C" NOT NULL CHECK (kind IN ('session', 'home')),
    generation        integer NOT NULL DEFAULT 1 CHECK (generation > 0),
    -- The last row of the log. Every commit claims the next one here, by compare-and-set.
    position          bigint NOT NULL DEFAULT 0 CHECK (position >= 0),
    -- Rows up to here are inside the snapshot and gone from the log.
    snapshot_position bigint NOT NULL DEFAULT 0 CHECK (snapshot_position BETWEEN 0 AND position),
    created_at        timestamptz NOT NULL DEFAULT now(),
    last_active_at    timestamptz NOT NULL DEFAULT now(),
    -- Set: a tombstone. The row stays for ever, so that the id is never given out again.
    deleted_at        timestamptz
)
-- Every commit updates a row here. With free space in its page and no index on what changes, that
-- is a HOT update: no index is touched, and the next one cleans up. So: no index on position or
-- last_active_at.
WITH (fillfactor = 60);

CREATE TABLE updates (
    document text COLLATE "C" NOT NULL,
    position bigint NOT NULL CHECK (position > 0),
    -- Who wrote the row: the random number of one life of a node's writer, and the count of its
    -- batches. A writer whose commit lost its reply finds its row by them.
    writer   bigint NOT NULL,
    batch    bigint NOT NULL,
    payload  bytea NOT NULL,
    -- No foreign key: a row is only inserted by the statement that holds the lock on its document,
    -- and a document's row is never deleted. The check would cost a second lock per row.
    -- (Measured: a surrogate number instead of the id saves 1 us and 60 bytes a row. Not worth it:
    -- a compaction removes the rows anyway, and with it no one can read the log by a session's id.)
    PRIMARY KEY (document, position)
);
-- Updates are small, mostly incompressible and short-lived: trying to compress a long one would
-- only slow down the commit.
ALTER TABLE updates ALTER COLUMN payload SET STORAGE EXTERNAL;

CREATE TABLE snapshots (
    document   text COLLATE "C" PRIMARY KEY REFERENCES documents (id),
    generation integer NOT NULL CHECK (generation > 0),
    position   bigint NOT NULL CHECK (position > 0),
    payload    bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE sessions (
    id         text COLLATE "C" PRIMARY KEY REFERENCES documents (id),
    created_by text COLLATE "C" NOT NULL CHECK (octet_length(created_by) BETWEEN 1 AND 1019),
    created_at timestamptz NOT NULL DEFAULT now()
);

-- Kept when a session is deleted: its members are told so, everybody else is told nothing.
CREATE TABLE members (
    session   text COLLATE "C" NOT NULL REFERENCES sessions (id),
    user_id   text COLLATE "C" NOT NULL CHECK (octet_length(user_id) BETWEEN 1 AND 1019),
    role      text COLLATE "C" NOT NULL CHECK (role IN ('owner', 'editor', 'viewer', 'agent')),
    joined_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (session, user_id)
);
