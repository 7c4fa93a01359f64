"""An agent that is a program of its own: a calculator. Start it twice, kill one: the other goes on.

SEGUE_REMOTE_AGENTS=calculator segue serve
SEGUE_TOKEN=$(segue token --user calculator --agent | tail -1) python remote_agent.py
"""

import ast
import asyncio
import operator
from collections.abc import AsyncIterator

from segue import Agent
from segue.agents.port import Event, TextDelta, ToolCall, ToolError, ToolOutput, ToolStart, Turn

OPERATORS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


class Calculator:
    """Shows its sum as a tool call, and says the result."""

    name = "calculator"

    async def respond(self, turn: Turn) -> AsyncIterator[Event]:
        """Answers the last message; with what a program before it has done already."""
        sum_, id = turn.history[-1].text, turn.history[-1].id
        if turn.call(id) is None:
            yield ToolCall(id, "calculate", {"sum": sum_})
            yield ToolStart(id, is_repeatable=True)
        try:
            result = calculate(ast.parse(sum_, mode="eval").body)
        except (SyntaxError, ValueError, ZeroDivisionError):
            yield ToolError(id, "This is no sum.")
            yield TextDelta("Give me a sum, like 2 * (3 + 4).")
            return
        yield ToolOutput(id, result)
        yield TextDelta(f"That is {result:g}.")


def calculate(node: ast.expr) -> float:
    """Gives the value of a sum.

    Raises:
        ValueError: it is none.
    """
    match node:
        case ast.Constant(value=int() | float() as value):
            return float(value)
        case ast.BinOp(left, op, right) if type(op) in OPERATORS:
            return float(OPERATORS[type(op)](calculate(left), calculate(right)))
        case _:
            raise ValueError("no sum")


if __name__ == "__main__":
    asyncio.run(Agent(Calculator()).serve())
