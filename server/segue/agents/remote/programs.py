"""The programs that are connected, and who gets which turn.

    connected: idle <--> answering up to `at_once` turns --socket gone, or silent--> lost

Invariants:
1. A turn is given to one program. The run that it is for was started by this node alone, and is fenced in
   the document by its attempt.
2. What a program says of a turn that it was not given, or that has ended, reaches nobody.
3. A lost program's turns end with `ProgramLost` after all that it had said, and it is given no other.
4. A program that is faster than the storage waits: of a turn at most `_MAX_AHEAD` events are held.
5. Nobody waits for a program that has room and may answer them: who waits is seated in the order of coming. A
   session waits once at a time, so that one with much to ask comes after all others have had a turn.
6. A turn of which its program says nothing for `_TURN_SILENT_S` ends with `ProgramLost`, also while it pings.
"""

import asyncio
import itertools
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from segue.agents.port import Event, ToolStart, TurnFiles
from segue.agents.remote.frames import (
    MAX_FILE_BYTES,
    Begin,
    Ended,
    FileRead,
    ReadFile,
    Said,
    ServerFrame,
    Stop,
    Stored,
    event_from_json,
)
from segue.agents.turns import Given
from segue.errors import SegueError
from segue.ids import DocumentId

_MAX_AHEAD: Final = 16
_TURN_SILENT_S: Final = 600.0


class ProgramLost(SegueError):
    """The program is gone in mid-answer, or has forgotten the turn."""


class ProgramFailed(SegueError):
    """The program's agent failed; the text is shown to people."""


class _Turn:
    """What a program has said of one turn and nobody has taken yet."""

    def __init__(self, files: TurnFiles) -> None:
        self.files = files
        self._said: deque[Said | Ended] = deque()
        self._changed = asyncio.Event()
        self._is_over = False

    async def put(self, said: Said | Ended) -> None:
        """Takes what was said; waits while too much is held."""
        while len(self._said) >= _MAX_AHEAD and not self._is_over:
            await self._wait()
        self._said.append(said)
        self._wake()

    async def take(self) -> Said | Ended:
        """Gives what was said next.

        Raises:
            ProgramLost: nothing follows any more, or nothing has for long.
        """
        try:
            async with asyncio.timeout(_TURN_SILENT_S):
                while not self._said:
                    if self._is_over:
                        raise ProgramLost("The agent's program is gone.")
                    await self._wait()
        except TimeoutError as error:
            raise ProgramLost("The agent's program said nothing of this turn for long.") from error
        said = self._said.popleft()
        self._wake()
        return said

    def end(self) -> None:
        """Says that nothing follows, or that nobody takes anything any more."""
        self._is_over = True
        self._wake()

    async def _wait(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def _wake(self) -> None:
        self._changed.set()


class Program:
    """One connected program, as the server sees it."""

    def __init__(
        self,
        agent: str,
        at_once: int,
        may_serve: Callable[[DocumentId], bool],
        send: Callable[[ServerFrame], None],
    ) -> None:
        """`send` returns at once; what it can't send any more it drops."""
        self.agent = agent
        self.may_serve = may_serve
        self.is_lost = False
        self.taken = 0
        self._at_once = at_once
        self._send = send
        self._numbers = itertools.count(1)
        self._turns: dict[int, _Turn] = {}

    @property
    def is_free(self) -> bool:
        """Tells whether it can be given another turn."""
        return not self.is_lost and self.taken < self._at_once

    async def take(self, said: Said | Ended) -> None:
        """Takes what it says of a turn; waits while the storage is behind."""
        turn = self._turns.get(said.turn)
        if turn is not None:
            await turn.put(said)

    async def read(self, asked: ReadFile) -> None:
        """Sends it a file of a turn's session."""
        turn = self._turns.get(asked.turn)
        if turn is None:
            return
        data, error = None, None
        try:
            data = await turn.files.read(asked.ref, min(asked.max_bytes, MAX_FILE_BYTES))
        except SegueError as failure:
            error = str(failure)
        self._send(FileRead(asked.turn, asked.number, data, error))

    def retire(self) -> None:
        """Gives it no further turn."""
        self._at_once = 0

    def lose(self) -> None:
        """Ends it: the socket is gone, or silent."""
        self.is_lost = True
        for turn in self._turns.values():
            turn.end()

    async def respond(self, given: Given) -> AsyncIterator[Event]:
        """Has it answer; see `segue.agents.port.Agent.respond`.

        Raises:
            ProgramFailed: its agent did.
            ProgramLost: it is gone, or silent about this turn; what it said before was given.
            ProtocolError: it said what is no event.
        """
        number, turn = next(self._numbers), _Turn(given.files)
        if self.is_lost:
            turn.end()
        self._turns[number] = turn
        self._send(Begin(number, given.document, given.view, given.profile))
        has_ended = False
        try:
            while isinstance(said := await turn.take(), Said):
                event = event_from_json(said.event)
                yield event
                if isinstance(event, ToolStart):  # who asks for the next one has stored it
                    self._send(Stored(number))
            has_ended = True
            if said.error is not None:
                raise ProgramFailed(said.error)
        finally:
            del self._turns[number]
            turn.end()
            if not has_ended:
                self._send(Stop(number))


_Waiting = OrderedDict[asyncio.Future[Program], DocumentId]
"""Who waits, and where, in the order of coming; ordered so that the first is found at once after many have gone."""


class Programs:
    """Hands the turns of remote agents to the programs that are connected."""

    def __init__(self, agents: tuple[str, ...]) -> None:
        """`agents` are the names that programs may answer for."""
        self.agents = agents
        self._connected: dict[Program, None] = {}
        self._waiting: dict[str, _Waiting] = {agent: OrderedDict() for agent in agents}

    def join(self, program: Program) -> None:
        """Has a program be given turns from now on."""
        self._connected[program] = None
        self._fill(program)

    def leave(self, program: Program) -> None:
        """Takes a program away; its turns end."""
        self._connected.pop(program, None)
        program.lose()

    @asynccontextmanager
    async def seat(self, agent: str, document: DocumentId) -> AsyncIterator[Program]:
        """Gives a program with room for a turn, of those that answer least; waits in line until there is one."""
        program = self._free(agent, document)
        if program is None:
            program = await self._wait(agent, document)
        else:
            program.taken += 1
        try:
            yield program
        finally:
            self._give_back(program)

    def _free(self, agent: str, document: DocumentId) -> Program | None:
        fit = (
            each
            for each in self._connected
            if each.agent == agent and each.is_free and each.may_serve(document)
        )
        return min(fit, key=lambda each: each.taken, default=None)

    async def _wait(self, agent: str, document: DocumentId) -> Program:
        waiting = self._waiting[agent]
        place: asyncio.Future[Program] = asyncio.get_running_loop().create_future()
        waiting[place] = document
        try:
            return await place
        except asyncio.CancelledError:
            if not place.cancelled():  # it was seated just now
                self._give_back(place.result())
            raise
        finally:
            waiting.pop(place, None)

    def _give_back(self, program: Program) -> None:
        program.taken -= 1
        self._fill(program)

    def _fill(self, program: Program) -> None:
        # Finds at once for a program that answers everywhere; one of few sessions looks for theirs.
        waiting = self._waiting[program.agent]
        while program.is_free:
            fit = (
                place
                for place, document in waiting.items()
                if not place.done() and program.may_serve(document)
            )
            place = next(fit, None)
            if place is None:
                return
            del waiting[place]
            program.taken += 1
            place.set_result(program)
