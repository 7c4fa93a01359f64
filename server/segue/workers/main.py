"""A worker: one thread, one loop, documents in memory. Started by the pool, ends with its pipe.

`python -m segue.workers.main TERMS`, TERMS being the JSON of `protocol.Terms`.
"""

import gc
import socket
import sys
import time
from collections.abc import Sequence
from functools import partial
from typing import Final

import msgspec

from segue.document.edits import ImportTranscript
from segue.document.replica import Replica
from segue.workers.limits import (
    CpuCeiling,
    die_with_parent,
    ignore_terminal,
    leave_no_content,
    limit_memory,
)
from segue.workers.protocol import (
    LENGTH_BYTES,
    Answer,
    Answers,
    Check,
    Close,
    Open,
    Perform,
    Request,
    Taken,
    Terms,
    answer_frame,
    decode_requests,
    frame_length,
)
from segue.workers.service import OpenDocument, Service
from segue.workers.slot import Slot

_FLUSH_BYTES: Final = 64 * 1024
_FLUSH_CPU_NS: Final = 2_000_000
_READ_BUFFER: Final = 256 * 1024


class Worker:
    """Reads frames of requests, and answers each frame with one write.

    It answers a frame in parts when that takes over 2 ms, when answers grow over 64 KiB, and in front
    of requests whose cost nothing bounds: what is slow holds up what comes after it, not what came
    before.
    """

    def __init__(self, pipe: socket.socket, slot: Slot, service: Service, ceiling: CpuCeiling):
        self._pipe = pipe
        self._slot = slot
        self._service = service
        self._ceiling = ceiling
        self._ticket = 0
        self._answers: list[Answer] = []
        self._bytes = 0
        self._flushed_at_ns = 0

    def run(self) -> None:
        """Serves until the pipe ends."""
        self._flush()
        with self._pipe.makefile("rb", buffering=_READ_BUFFER) as stream:
            while len(header := stream.read(LENGTH_BYTES)) == LENGTH_BYTES:
                self._flushed_at_ns = time.process_time_ns()
                # Should even taking it in fail, then the first request of the frame is suspected.
                self._slot.begin(self._ticket + 1, self._flushed_at_ns)
                self._serve(decode_requests(stream.read(frame_length(header))))

    def _serve(self, requests: Sequence[Request]) -> None:
        now_ns = self._flushed_at_ns
        self._ceiling.renew(now_ns / 1e9)
        for request in requests:
            if self._answers and not _is_short(request):
                self._flush()
            self._ticket += 1
            self._slot.begin(self._ticket, now_ns)
            for answer in self._service.handle(self._ticket, request):
                self._add(answer)
            now_ns = time.process_time_ns()
            if self._bytes > _FLUSH_BYTES or now_ns - self._flushed_at_ns > _FLUSH_CPU_NS:
                self._flush()
                self._ceiling.renew(now_ns / 1e9)
                self._flushed_at_ns = now_ns
        self._flush()

    def _add(self, answer: Answer) -> None:
        self._answers.append(answer)
        if isinstance(answer, Taken):
            self._bytes += len(answer.state.data)

    def _flush(self) -> None:
        # Whoever reads slowly must not make the last request look as if it ran on.
        self._slot.end()
        self._pipe.sendall(answer_frame(Answers(self._ticket, tuple(self._answers))))
        self._answers.clear()
        self._bytes = 0


def _is_short(request: Request) -> bool:
    if isinstance(request, Perform):
        return not isinstance(request.order.edit, ImportTranscript)
    return isinstance(request, Check | Close)


def run(terms: Terms, open_document: OpenDocument) -> None:
    """Turns this process into a worker until the pool closes its pipe."""
    die_with_parent()
    ignore_terminal()
    limit_memory(terms.memory_bytes)
    leave_no_content()
    # What was imported stays: a full collection that walks over it stops everything for 3 ms.
    gc.collect()
    gc.freeze()
    service, ceiling = Service(open_document), CpuCeiling(terms.request_cpu_s)
    with socket.socket(fileno=terms.pipe_fd) as pipe:
        try:
            Worker(pipe, Slot(terms.slot_fd), service, ceiling).run()
        except (BrokenPipeError, ConnectionResetError, msgspec.DecodeError):
            return  # The pool is gone, in mid-frame perhaps, and so is everyone who wanted answers.


def open_replica(terms: Terms, request: Open) -> Replica:
    """Builds the document that is asked for, with the agents that answer in it."""
    agents = () if request.is_home else terms.agents
    return Replica.open(request.snapshot, request.updates, gated=terms.gated, agents=agents)


def main() -> None:
    """Is the worker's program."""
    terms = msgspec.json.decode(sys.argv[1], type=Terms)
    run(terms, partial(open_replica, terms))


if __name__ == "__main__":
    main()
