"""What a name of an agent in the settings gives, and what it says when it is wrong."""

import re
from collections.abc import AsyncIterator

import pytest

from segue.agents.loading import load_agent
from segue.agents.port import Event, TextDelta, Turn
from segue.errors import ConfigurationError


class Echo:
    name = "echo"

    async def respond(self, turn: Turn) -> AsyncIterator[Event]:
        yield TextDelta(turn.history[-1].text)


def no_agent() -> str:
    return "text"


def test_own_agent_is_made_by_its_factory() -> None:
    assert load_agent(f"{__name__}:Echo").name == "echo"


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("", "names no agent. Give `demo`, or `module:factory`"),
        ("dmeo", "'dmeo' names no agent"),
        ("nosuchmodule:Agent", "No module named 'nosuchmodule'. Install it"),
        (f"{__name__}:Nobody", "has no function or class 'Nobody'"),
        (f"{__name__}:no_agent", "gave str, which is no agent: it needs a `name`"),
    ],
)
def test_wrong_name_says_what_is_wrong_and_what_to_do(spec: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(said)):
        load_agent(spec)


def test_the_demo_is_known_by_its_name() -> None:
    assert load_agent("demo").name == "demo"
