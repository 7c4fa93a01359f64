"""Hostile devices in a process of their own: what hangs or kills it is seen from outside."""

import subprocess
import sys
from pathlib import Path

import pytest

HOSTILE = Path(__file__).with_name("hostile.py")
SEEDS = 250


@pytest.mark.parametrize(("kind", "first"), [("fields", 0), ("fields", 250), ("bytes", 0)])
def test_no_update_leaves_a_document_that_is_not_whole(kind: str, first: int) -> None:
    played = subprocess.run(
        [sys.executable, HOSTILE, kind, str(first), str(SEEDS)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    *_, last = played.stdout.splitlines()
    assert played.returncode == 0, f"seed {last}: {played.stderr}"
    word, accepted = last.split()
    assert word == "accepted"
    assert int(accepted) > SEEDS
