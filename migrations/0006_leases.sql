-- The lease of the node that serves this database. Each node that takes it raises the epoch, and every
-- write of a node names the epoch under which it is made: what a deposed one still sends is refused by
-- the row itself, whatever became of its connections and locks.
CREATE TABLE leases (
    name     text COLLATE "C" PRIMARY KEY,
    epoch    bigint NOT NULL CHECK (epoch >= 0),
    taken_at timestamptz NOT NULL DEFAULT now()
);

INSERT INTO leases (name, epoch) VALUES ('node', 0);
