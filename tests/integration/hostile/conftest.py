"""These tests send a real server what no client sends, with stock clients beside."""

from stock_fixtures import device_host, host, postgres, server, session

__all__ = ["device_host", "host", "postgres", "server", "session"]
