"""Every update that real clients make of what real people typed passes the gate."""

import pytest
from traces import NAMES, STOCK, path_of, play

MOST = 5_000


@pytest.mark.parametrize("name", NAMES)
def test_what_people_typed_passes_and_reads_the_same(name: str) -> None:
    if not path_of(name).exists():
        pytest.skip("the real traces are not here")
    assert (STOCK / "node_modules" / "yjs").is_dir(), "run `make test` once: npm packages missing"
    assert play(path_of(name), MOST) == {"Accepted": MOST}
