"""Who takes a turn: an agent inside this server when a slot is free, a remote one when a program has room for it.

Remote turns take no slots: a program has a bound of its own, and one that dawdles holds up its own agent alone.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final, Protocol

from segue.agents.port import Agent, Event
from segue.agents.remote.programs import Programs
from segue.agents.turns import Given
from segue.errors import NotFound
from segue.ids import DocumentId

_MAX_INSIDE: Final = 64
"""Turns that agents inside this server answer at once."""


class Seat(Protocol):
    """Who answers one turn."""

    def respond(self, given: Given) -> AsyncIterator[Event]:
        """Answers; see `Agent.respond`."""
        ...


class _Inside:
    """An agent of this server's."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    def respond(self, given: Given) -> AsyncIterator[Event]:
        """Hands over the turn."""
        return self._agent.respond(given.turn)


class _Nobody:
    """Stands for an agent that was here when its run was queued."""

    def __init__(self, name: str) -> None:
        self._name = name

    async def respond(self, given: Given) -> AsyncIterator[Event]:
        """Says so."""
        raise NotFound(f"The agent {self._name!r} is not here any more.")
        yield  # a generator, as all of them are


class Seats:
    """All agents that may answer, by name."""

    def __init__(self, agents: Mapping[str, Agent], programs: Programs | None = None) -> None:
        self._agents = agents
        self._programs = programs
        self._slots = asyncio.Semaphore(_MAX_INSIDE)

    @asynccontextmanager
    async def taken(self, agent: str, document: DocumentId) -> AsyncIterator[Seat]:
        """Gives who answers in a document; waits for a slot, or for a program where that is a remote agent's."""
        if self._programs is not None and agent in self._programs.agents:
            async with self._programs.seat(agent, document) as program:
                yield program
        elif agent in self._agents:
            async with self._slots:
                yield _Inside(self._agents[agent])
        else:
            yield _Nobody(agent)
