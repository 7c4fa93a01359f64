"""Keystrokes of real people as the updates that Yjs makes of them, played through gate and CRDT.

As a program it plays whole traces, 285,856 updates: `python traces.py` prints what became of them.
"""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from replicas import reopened, send, text_of

from segue.document.replica import Replica

STOCK = Path(__file__).parents[2] / "stock"
TRACES = Path(__file__).parents[4] / "shared" / "data"
NAMES = ("friendsforever", "automerge-paper")
_FIRST_CLIENT = 7_000_001
_TEXT = 255


def updates_of(path: Path, most: int) -> Iterator[tuple[int, bytes]]:
    """Gives the updates with their agent, and at the end (255, the text that Yjs shows)."""
    command = ["node", "trace_updates.mjs", str(path), str(_FIRST_CLIENT), str(most)]
    with subprocess.Popen(command, cwd=STOCK, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        while head := process.stdout.read(5):
            yield head[0], process.stdout.read(int.from_bytes(head[1:]))
    assert process.returncode == 0


def play(path: Path, most: int) -> Counter[str]:
    """Sends them all; gives how many had which verdict, once text and reload agree with Yjs."""
    replica, verdicts, text = Replica.open(None, ()), Counter[str](), b""
    for agent, data in updates_of(path, most):
        if agent == _TEXT:
            text = data
        else:
            verdicts[type(send(replica, data, user=f"writer {agent}")).__name__] += 1
    assert text
    assert text_of(replica) == text_of(reopened(replica)) == text.decode()
    return verdicts


def path_of(name: str) -> Path:
    return TRACES / f"{name}.json.gz"


if __name__ == "__main__":
    for each in NAMES:
        sys.stdout.write(f"{each}: {dict(play(path_of(each), sys.maxsize))}\n")
