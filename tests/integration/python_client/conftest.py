"""These tests run programs against a real server, with stock clients beside."""

from stock_fixtures import device_host, host, postgres, server, session

__all__ = ["device_host", "host", "postgres", "server", "session"]
