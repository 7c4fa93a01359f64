"""These tests ask a real server over HTTP, with stock clients beside."""

import pytest

from http_client import HttpClient
from servers import SegueServer
from stock_fixtures import device_host, host, postgres, server, session

__all__ = ["device_host", "host", "postgres", "server", "session"]


@pytest.fixture
def alice(server: SegueServer) -> HttpClient:
    """A client of alice's."""
    return HttpClient(server, server.token("alice"))
