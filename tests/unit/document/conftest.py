"""The people of conversations, each with a device that has seen nothing yet."""

import pytest
from conversation_devices import Talker


@pytest.fixture
def alice() -> Talker:
    return Talker("alice")


@pytest.fixture
def bob() -> Talker:
    return Talker("bob")
