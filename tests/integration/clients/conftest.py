"""These tests speak to a real server with every version of the stock clients."""

from stock_fixtures import device_host, host, postgres, server, session

__all__ = ["device_host", "host", "postgres", "server", "session"]
