"""Postgres: its supervisor, the schema, the update log, snapshots, sessions."""
