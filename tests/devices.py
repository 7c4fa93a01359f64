"""Drives stock clients: many devices in one Node process, spoken to in lines of JSON."""

import asyncio
import base64
import itertools
import json
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self, cast, get_args

import anyio

from waiting import PATIENCE_S

STOCK = Path(__file__).parent / "stock"
Dialect = Literal["y-websocket", "hocuspocus"]
Stock = Literal["y-websocket-2", "y-websocket", "hocuspocus-2", "hocuspocus-3", "hocuspocus"]
"""A client by its version; without a number it is the newest of its dialect."""

STOCK_CLIENTS: tuple[Stock, ...] = get_args(Stock)
Patch = tuple[int, int, str]
"""Position and deleted length in code points, and the text put there."""


class DeviceError(AssertionError):
    """A command failed in the host, or a condition did not come true in time."""


class DeviceHost:
    """One Node process full of devices."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._names = itertools.count(1)

    @classmethod
    @asynccontextmanager
    async def started(cls) -> AsyncIterator[Self]:
        """Starts the process; ends it, and with it every device, on the way out."""
        assert (STOCK / "node_modules" / "yjs").is_dir(), (
            "run `make test` once: npm packages missing"
        )
        process = await asyncio.create_subprocess_exec(
            "node",
            "device.mjs",
            cwd=STOCK,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            limit=2**28,
        )
        host = cls(process)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(host._read_answers, name="answers of the device host")
            try:
                yield host
            finally:
                tasks.cancel_scope.cancel()
                process.kill()
                with anyio.CancelScope(shield=True):
                    await process.wait()
                process._transport.close()  # type: ignore[attr-defined]  # else a ResourceWarning

    async def _read_answers(self) -> None:
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            answer = json.loads(line)
            future = self._waiting.pop(answer["n"], None)
            if future is None or future.done():
                continue
            if "error" in answer:
                future.set_exception(DeviceError(answer["error"]))
            else:
                future.set_result(answer["ok"])
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(DeviceError("the device host ended"))

    async def call(self, do: str, **request: Any) -> Any:
        """Has the host do something and gives its answer."""
        assert self._process.stdin is not None
        number = next(self._numbers)
        future = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        line = json.dumps({"n": number, "do": do, **request}) + "\n"
        self._process.stdin.write(line.encode())
        return await future

    async def open(
        self, stock: Stock, url: str, document: str, token: str | None, **options: Any
    ) -> "Device":
        """Opens a document on a new device; `options` as in `stock/src/device.mjs`."""
        (device,) = await self.open_all([stock], url, document, token, **options)
        return device

    async def open_all(
        self,
        stocks: Sequence[Stock],
        url: str,
        document: str,
        token: str | None,
        *,
        impatient: bool = True,
        **options: Any,
    ) -> "list[Device]":
        """Opens a document on several new devices in the same turn of the host's event loop."""
        named = [(f"{stock}-{next(self._names)}", stock) for stock in stocks]
        same = {"url": url, "document": document, "token": token, "impatient": impatient}
        requests = [{"id": name, "dialect": stock, **same, **options} for name, stock in named]
        opened = await self.call("open_all", list=requests)
        return [
            Device(self, name, _dialect_of(stock), answer["client"])
            for (name, stock), answer in zip(named, opened, strict=True)
        ]

    async def equal(
        self, devices: "Sequence[Device]", timeout_s: float = PATIENCE_S
    ) -> Mapping[str, str]:
        """Returns the hashes once all devices hold the same inserts, deletes and content."""
        ids = [device.id for device in devices]
        hashes: Mapping[str, str] = await self.call("equal", ids=ids, timeout=timeout_s)
        return hashes

    async def wait_all(
        self, devices: "Sequence[Device]", timeout_s: float = PATIENCE_S, **until: Any
    ) -> None:
        """Returns once the conditions hold on every device."""
        ids = [device.id for device in devices]
        await self.call("wait_all", ids=ids, until=until, timeout=timeout_s)

    async def each(self, do: str, devices: "Sequence[Device]") -> None:
        """Does `cut`, `offline`, `online` or `mark` on all of them at once."""
        await self.call(do, ids=[device.id for device in devices])

    async def close_all(self) -> None:
        """Ends every device; the process stays."""
        await self.call("close_all")

    async def fold(self, updates: Sequence[bytes], devices: "Sequence[Device]" = ()) -> Any:
        """Rebuilds a document from updates with Yjs; `missing`: what devices had acknowledged."""
        data = [base64.b64encode(update).decode() for update in updates]
        return await self.call("fold", updates=data, ids=[device.id for device in devices])


def _dialect_of(stock: Stock) -> Dialect:
    return cast(Dialect, stock.rstrip("-0123456789"))


@dataclass(frozen=True, slots=True)
class Device:
    """A stock client with a document of its own. Conditions: `stock/src/conditions.mjs`."""

    host: DeviceHost
    id: str
    dialect: Dialect
    client: int

    async def call(self, do: str, **request: Any) -> Any:
        """Has this device do something."""
        return await self.host.call(do, id=self.id, **request)

    async def edit(self, *patches: Patch, root: str = "text") -> None:
        """Edits a text in one transaction."""
        await self.call("edit", root=root, patches=patches)

    async def put(self, root: str, path: Sequence[str], value: Any) -> None:
        """Sets an entry; objects become nested Y.Maps, `{"$text": s}` a Y.Text."""
        await self.call("put", root=root, path=path, value=value)

    async def text(self, root: str = "text") -> str:
        """Gives a text as this device shows it."""
        shown: str = await self.call("text", root=root)
        return shown

    async def roots(self) -> Mapping[str, Any]:
        """Gives everything this device shows, as plain JSON."""
        read = await self.call("read")
        roots: Mapping[str, Any] = read["roots"]
        return roots

    async def summary(self) -> Mapping[str, Any]:
        """Gives counters and states, without the content."""
        summary: Mapping[str, Any] = await self.call("summary")
        return summary

    async def wait(self, timeout_s: float = PATIENCE_S, **until: Any) -> Mapping[str, Any]:
        """Returns the summary once all conditions hold at one moment."""
        summary: Mapping[str, Any] = await self.call("wait", until=until, timeout=timeout_s)
        return summary
