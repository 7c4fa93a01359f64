"""CORS: which web pages may read the API's answers (Fetch standard).

The same origins that may connect by WebSocket. Tokens travel in a header that no page sends by
itself, so this guards nothing that a token doesn't guard too: it lets pages in.
"""

from typing import Final

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp
from typing_extensions import override

from segue.auth.origins import OriginPolicy

_DAY_S: Final = 24 * 60 * 60


class Cors(CORSMiddleware):
    """Starlette's, asking our policy."""

    def __init__(self, app: ASGIApp, policy: OriginPolicy) -> None:
        super().__init__(
            app,
            allow_methods=("GET", "POST", "PATCH", "DELETE"),
            allow_headers=(
                "Authorization",
                "Content-Type",
                "Idempotency-Key",
                "Range",
                "If-None-Match",
                "If-Range",
            ),
            expose_headers=(
                "Location",
                "Retry-After",
                "ETag",
                "Content-Range",
                "Content-Disposition",
            ),
            max_age=_DAY_S,
        )
        self._policy = policy

    @override
    def is_allowed_origin(self, origin: str) -> bool:
        """Tells whether a page of another origin may read answers."""
        return self._policy.allows(origin, host="", scheme="")
