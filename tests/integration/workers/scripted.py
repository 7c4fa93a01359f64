"""A worker whose documents do what the updates tell them to: the program of fault tests.

An update `WHEN:WHAT` does WHAT as soon as it is there at WHEN (check, open, state, snapshot); any other
update is simply kept. Everything around the document is the real worker.
"""

import os
import signal
import sys
import time

import msgspec
from pycrdt import Doc, Text

from segue.document.replica import Broken
from segue.document.submission import Order, Submission
from segue.document.verdict import Accepted, Refused, Run, Summary, Verdict
from segue.document.views import View
from segue.workers.main import run
from segue.workers.protocol import Open, Terms


class Panic(BaseException):
    pass


class ScriptedDocument:
    def __init__(self, request: Open) -> None:
        self._kept = request.snapshot.split(b",") if request.snapshot else []
        self._kept += [update.data for update in request.updates]
        self._act("open")

    @property
    def vector(self) -> dict[int, int]:
        return {1: len(self._kept)}

    @property
    def summary(self) -> Summary:
        return Summary("scripted")

    def take_news(self) -> tuple[Run, ...]:
        return ()

    def edit(self, order: Order) -> Verdict:
        return Refused(order.number, "scripted")

    def view(self, view: View) -> bytes:
        return b"null"

    def check(self, submission: Submission) -> Verdict:
        data = submission.update.data
        if data == b"refuse":
            return Refused(submission.number, "scripted")
        if data == b"break":
            raise Broken(Refused(submission.number, "scripted"), "scripted")
        clock = len(self._kept)
        self._kept.append(data)
        self._act("check")
        return Accepted(submission.number, ((1, clock, clock + 1),))

    def state(self, since: bytes) -> bytes:
        self._act("state")
        return b",".join(self._kept)

    def snapshot(self) -> bytes:
        self._act("snapshot")
        return b",".join(self._kept)

    def rewritten(self) -> bytes:
        return self.snapshot()

    def _act(self, when: str) -> None:
        for data in self._kept:
            if data.startswith(f"{when}:".encode()):
                _do(data.decode().split(":")[1])


def _do(what: str) -> None:
    match what:
        case "hang":
            while True:
                pass
        case "doze":
            time.sleep(1000)
        case "abort":
            os.abort()
        case "eat":
            bytearray(2**40)
        case "bomb":
            _explode()
        case "panic":
            raise Panic
        case "raise":
            raise ValueError
        case _:
            os.kill(os.getpid(), signal.Signals[what])


def _explode() -> None:
    """Has the CRDT ask for more and more memory; native code can't be told that there is none."""
    text = Doc().get("text", type=Text)
    block = "x" * 2**24
    while True:
        text += block


if __name__ == "__main__":
    run(msgspec.json.decode(sys.argv[1], type=Terms), ScriptedDocument)
