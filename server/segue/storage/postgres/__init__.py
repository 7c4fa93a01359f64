"""The embedded server: a real PostgreSQL as a child process, started, watched and ended by us."""
