-- A document keeps the snapshot before its last one, and the rows behind it: where the last one is
-- damaged, that one serves.
ALTER TABLE snapshots
    DROP CONSTRAINT snapshots_pkey,
    ADD PRIMARY KEY (document, position);

COMMENT ON COLUMN documents.snapshot_position IS
    'Rows up to here are inside the last snapshot; those up to the one before it are gone.';
