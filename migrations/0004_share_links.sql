-- Links that let people into a session. The code itself is nowhere: a dump of this opens nothing.
CREATE TABLE share_links (
    id         text COLLATE "C" PRIMARY KEY,
    session    text COLLATE "C" NOT NULL REFERENCES sessions (id),
    code_hash  bytea NOT NULL UNIQUE CHECK (octet_length(code_hash) = 32),
    role       text COLLATE "C" NOT NULL CHECK (role IN ('editor', 'viewer')),
    created_by text COLLATE "C" NOT NULL CHECK (octet_length(created_by) BETWEEN 1 AND 1019),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);
CREATE INDEX share_links_session ON share_links (session);

-- What somebody who came by a link is called. Of a deleted session it is wiped.
ALTER TABLE members ADD COLUMN name text NOT NULL DEFAULT '';
