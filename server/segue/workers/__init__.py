"""The processes that hold documents, and the pool that keeps them honest."""
