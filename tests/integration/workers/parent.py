"""A process with a pool of scripted workers, to be killed: `parent.py busy|idle FD`.

Writes the workers' pids to FD once all is set up. Busy ones hang in a request that no deadline ends.
"""

import asyncio
import os
import sys
from pathlib import Path

from segue.auth.grants import Role
from segue.document.submission import LoggedUpdate, Submission
from segue.document.verdict import Run, Summary, Verdict
from segue.ids import DeviceId, DocumentId, UserId
from segue.workers.options import PoolOptions
from segue.workers.pool import Pool
from segue.workers.ports import Loss, State

_SCRIPTED = Path(__file__).with_name("scripted.py")
_FOR_EVER_S = 3600.0


class Silent:
    def on_opened(
        self, vector: dict[int, int], summary: Summary, runs: tuple[Run, ...]
    ) -> None: ...
    def on_verdict(self, verdict: Verdict) -> None: ...
    def on_state(self, state: State) -> None: ...
    def on_lost(self, loss: Loss) -> None: ...


async def main(*, busy: bool, report_fd: int) -> None:
    options = PoolOptions(
        workers=2,
        check_cpu_s=_FOR_EVER_S,
        stall_s=_FOR_EVER_S,
        program=(sys.executable, "-P", str(_SCRIPTED)),
    )
    async with Pool(options) as pool:
        if busy:
            hang_both(pool)
            while not all(k._process.running() for k in pool._keepers):  # noqa: ASYNC110 - shared memory wakes nobody
                await asyncio.sleep(0.01)
        os.write(report_fd, " ".join(map(str, pool.pids)).encode())
        os.close(report_fd)
        await asyncio.Event().wait()


def hang_both(pool: Pool) -> None:
    documents = [DocumentId(f"doc-{n}") for n in range(20)]
    update = LoggedUpdate(UserId("alice"), DeviceId("phone"), b"check:hang")
    for document in documents:
        pool.open(document, None, (), Silent())
    for document in documents:
        pool.check(document, Submission(1, Role.EDITOR, update))


asyncio.run(main(busy=sys.argv[1] == "busy", report_fd=int(sys.argv[2])))
