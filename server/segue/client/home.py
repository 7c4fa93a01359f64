"""What is known of the token's user in all their conversations: the profile in their home document."""

import time
from typing import Any, Self

from segue.client.address import Token
from segue.client.live import LOAD_S, LiveDocument
from segue.document.reader import plain
from segue.document.schema import PROFILE
from segue.document.writing import put_entry
from segue.ids import HOME_NAME


class Profile(LiveDocument):
    """A user's own entries, the same on all their devices."""

    @classmethod
    async def load(
        cls, *, url: str | None = None, token: Token | None = None, timeout_s: float = LOAD_S
    ) -> Self:
        """Gives the profile of the token's user.

        Raises:
            SegueError: it can't be opened, or the server doesn't answer in time.
        """
        profile = await cls.opened(HOME_NAME, url, token)
        try:
            await profile.until_synced(timeout_s)
        except BaseException:
            await profile.close()
            raise
        return profile

    @property
    def values(self) -> dict[str, Any]:
        """All that is known, by key."""
        found = self._replica.read(lambda root: plain(root(PROFILE)))
        entries = found.items() if isinstance(found, dict) else ()
        return {key: entry.get("value") for key, entry in entries if isinstance(entry, dict)}

    def get(self, key: str, default: Any = None) -> Any:
        """Gives the value known under a key."""
        return self.values.get(key, default)

    async def set(self, key: str, value: Any) -> None:
        """Notes what is known.

        Raises:
            SegueError: the value is no JSON, or the profile has ended.
        """
        now_ms = int(time.time() * 1000)  # noqa: TID251 - the edge, where the wall clock is read
        entry = {
            "value": value,
            "source": "program",
            "by": self.identity.sub,
            "observed_at": now_ms,
        }
        self._edit(put_entry(PROFILE, key, entry))
