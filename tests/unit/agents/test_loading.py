"""What a name of an agent in the settings gives, and what it says when it is wrong."""

import re
import sys
from collections.abc import AsyncIterator

import pytest

from segue.agents.loading import ModelOptions, load_agent
from segue.agents.port import Event, TextDelta, Turn
from segue.errors import ConfigurationError

NONE = ModelOptions()


class Echo:
    name = "echo"

    async def respond(self, turn: Turn) -> AsyncIterator[Event]:
        yield TextDelta(turn.history[-1].text)


def no_agent() -> str:
    return "text"


def test_own_agent_is_made_by_its_factory() -> None:
    assert load_agent(f"{__name__}:Echo", NONE).name == "echo"


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("", "names no agent. Give `demo`, `openai`, or `module:factory`"),
        ("dmeo", "'dmeo' names no agent"),
        ("nosuchmodule:Agent", "No module named 'nosuchmodule'. Install it"),
        (f"{__name__}:Nobody", "has no function or class 'Nobody'"),
        (f"{__name__}:no_agent", "gave str, which is no agent: it needs a `name`"),
    ],
)
def test_wrong_name_says_what_is_wrong_and_what_to_do(spec: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(said)):
        load_agent(spec, NONE)


def test_the_demo_is_known_by_its_name() -> None:
    assert load_agent("demo", NONE).name == "demo"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (ModelOptions(api_key="k"), "SEGUE_AGENT_MODEL is not set"),
        (ModelOptions(model="m"), "OPENAI_API_KEY is not set"),
    ],
)
def test_a_model_needs_its_name_and_a_key_or_an_address(options: ModelOptions, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        load_agent("openai", options)


def test_a_model_behind_another_address_needs_no_key() -> None:
    options = ModelOptions(model="m", base_url="http://127.0.0.1:1/v1")
    assert load_agent("openai", options).name == "assistant"


def test_without_the_extra_it_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(ConfigurationError, match=re.escape("segue[agents]")):
        load_agent("openai", ModelOptions(model="m", api_key="k"))
