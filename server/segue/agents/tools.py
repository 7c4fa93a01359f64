"""Tools in Python: an async function, and what a model is told of it.

    @tool(needs_approval=True)
    async def hold_seat(seat: str, minutes: int = 15) -> dict[str, str]:
        \"\"\"Holds a seat on the flight.\"\"\"

Name, description and JSON schema come from the function itself. A parameter of type `Turn` is given the
turn, and no model hears of it.
"""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast, get_type_hints

import msgspec

from segue.agents.port import Json, Turn
from segue.errors import ConfigurationError

ToolFunction = Callable[..., Awaitable[object]]

_NO_DEFAULT: Final = inspect.Parameter.empty


class BadArguments(Exception):
    """The arguments don't fit the tool; the text is for the model."""


@dataclass(frozen=True, slots=True)
class Tool:
    """What a model may call. See `tool`."""

    function: ToolFunction
    arguments: type[msgspec.Struct]
    turn_parameter: str | None
    needs_approval: bool
    is_repeatable: bool
    by_person: bool

    @property
    def name(self) -> str:
        """Its name, as the model calls it."""
        return str(getattr(self.function, "__name__", ""))

    @property
    def description(self) -> str:
        """What it does, for the model: the function's docstring."""
        return inspect.getdoc(self.function) or ""

    @property
    def parameters(self) -> dict[str, Any]:
        """The JSON schema of its arguments."""
        (schema,), components = msgspec.json.schema_components(
            [self.arguments], ref_template="#/$defs/{name}"
        )
        own = components.pop(schema["$ref"].rpartition("/")[2])
        own.pop("title", None)
        return {**own, "$defs": components} if components else own

    def check(self, arguments: Mapping[str, Json]) -> msgspec.Struct:
        """Reads arguments.

        Raises:
            BadArguments: they don't fit.
        """
        try:
            return msgspec.convert(arguments, self.arguments)
        except msgspec.ValidationError as error:
            raise BadArguments(f"The arguments don't fit: {error}") from error

    async def run(self, arguments: Mapping[str, Json], turn: Turn) -> Json:
        """Runs it; gives its result as JSON.

        Raises:
            BadArguments: they don't fit; nothing was done.
            Exception: the tool failed.
        """
        read = self.check(arguments)
        given = {name: getattr(read, name) for name in read.__struct_fields__}
        if self.turn_parameter is not None:
            given[self.turn_parameter] = turn
        return cast(Json, msgspec.to_builtins(await self.function(**given)))


def tool(
    *, needs_approval: bool = False, is_repeatable: bool = False, by_person: bool = False
) -> Callable[[ToolFunction], Tool]:
    """Makes a tool of an async function.

    `needs_approval`: people say yes before it runs. `is_repeatable`: after a crash it may run again.
    `by_person`: the function is never called; a person gives the result.

    Raises:
        ConfigurationError: a tool can't be made of it; the text says why.
    """

    def make(function: ToolFunction) -> Tool:
        name = getattr(function, "__name__", repr(function))
        if not inspect.iscoroutinefunction(function):
            raise ConfigurationError(f"The tool {name!r} is not async: write `async def {name}`.")
        hints = get_type_hints(function, include_extras=True)
        parameters = inspect.signature(function).parameters
        turn_parameter = next((key for key in parameters if hints.get(key) is Turn), None)
        fields = [
            _field(name, parameter, hints)
            for key, parameter in parameters.items()
            if key != turn_parameter
        ]
        arguments = msgspec.defstruct(name, fields, kw_only=True, forbid_unknown_fields=True)
        return Tool(function, arguments, turn_parameter, needs_approval, is_repeatable, by_person)

    return make


def _field(
    name: str, parameter: inspect.Parameter, hints: Mapping[str, Any]
) -> tuple[str, Any] | tuple[str, Any, Any]:
    if parameter.name not in hints:
        raise ConfigurationError(
            f"The parameter {parameter.name!r} of the tool {name!r} has no type. Give it one: the"
            " model is told what to send."
        )
    if parameter.default is _NO_DEFAULT:
        return parameter.name, hints[parameter.name]
    return parameter.name, hints[parameter.name], parameter.default
