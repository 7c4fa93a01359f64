"""Tools in Python: what a model is told of a function, and what it may send."""

from typing import Annotated, Any, Literal

import msgspec
import pytest

from segue.agents.port import Turn, TurnSession
from segue.agents.tools import BadArguments, tool
from segue.errors import ConfigurationError

pytestmark = pytest.mark.anyio

TURN = Turn((), {}, {}, TurnSession("s", ""), 0)


class Place(msgspec.Struct):
    city: str
    code: str = ""


@tool(needs_approval=True)
async def hold_seat(
    turn: Turn,
    place: Place,
    cabin: Literal["eco", "first"] = "eco",
    minutes: Annotated[int, msgspec.Meta(ge=1, description="For how long.")] = 15,
) -> dict[str, Any]:
    """Holds a seat."""
    return {"in": place, "cabin": cabin, "minutes": minutes, "session": turn.session.id}


def test_a_model_is_told_what_the_function_says() -> None:
    assert (hold_seat.name, hold_seat.description) == ("hold_seat", "Holds a seat.")
    schema = hold_seat.parameters
    assert schema["type"] == "object"
    assert schema["required"] == ["place"]
    assert schema["additionalProperties"] is False
    assert set(schema["properties"]) == {"place", "cabin", "minutes"}
    assert schema["properties"]["cabin"]["enum"] == ["eco", "first"]
    assert schema["properties"]["minutes"]["description"] == "For how long."
    assert schema["$defs"]["Place"]["required"] == ["city"]
    assert hold_seat.needs_approval


async def test_it_is_run_with_what_fits_and_gives_json() -> None:
    given = await hold_seat.run({"place": {"city": "Lisbon"}, "minutes": 5}, TURN)
    place = {"city": "Lisbon", "code": ""}
    assert given == {"in": place, "cabin": "eco", "minutes": 5, "session": "s"}


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"place": "Lisbon"},
        {"place": {"city": "Lisbon"}, "cabin": "roof"},
        {"place": {"city": "Lisbon"}, "minutes": 0},
        {"place": {"city": "Lisbon"}, "turn": {}},
    ],
)
async def test_what_does_not_fit_never_runs(arguments: dict[str, Any]) -> None:
    with pytest.raises(BadArguments, match="don't fit"):
        await hold_seat.run(arguments, TURN)


def test_a_function_that_is_no_tool_says_why() -> None:
    def waits() -> int:
        return 1

    async def untyped(seat) -> int:  # type: ignore[no-untyped-def]
        return 1

    with pytest.raises(ConfigurationError, match="is not async"):
        tool()(waits)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="'seat' of the tool 'untyped' has no type"):
        tool()(untyped)
