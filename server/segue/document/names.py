"""What goes by several names, found by any of them."""

from collections.abc import Iterable


class Names:
    """Things by their names; a name may belong to several. Asking costs O(those of the name)."""

    def __init__(self) -> None:
        self._names: dict[str, set[str]] = {}
        self._named: dict[str, set[str]] = {}

    def put(self, thing: str, names: Iterable[str]) -> None:
        """Says by which names a thing goes; none forgets it."""
        for name in self._names.pop(thing, ()):
            self._named[name].discard(thing)
            if not self._named[name]:
                del self._named[name]
        if given := set(names):
            self._names[thing] = given
        for name in given:
            self._named.setdefault(name, set()).add(thing)

    def get(self, name: str) -> Iterable[str]:
        """Gives what goes by a name."""
        return self._named.get(name, ())
