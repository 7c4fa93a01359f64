"""Everything that can go wrong for a user, as one tree.

`code` is stable and machine-readable. `close_code` is what a WebSocket ends with, after the rule of
the two dialects: 44xx stop and don't come back, 45xx and 10xx come back later. The text says what
happened, why, and the next step.
"""

from typing import ClassVar


class SegueError(Exception):
    """The root of the tree. Its text is meant for the user."""

    code: ClassVar[str] = "internal"
    close_code: ClassVar[int] = 1011


class ConfigurationError(SegueError):
    """The operator has to change a setting; raised at the start only."""

    code = "configuration"


class ProtocolError(SegueError):
    """Bytes that are no message of the dialect."""

    code = "protocol"
    close_code = 4400


class InvalidName(ProtocolError):
    """A document name that can't name anything."""

    code = "invalid_name"


class RefusedUpdate(SegueError):
    """An update that the gate or the grants refuse; final for the replica that sent it."""

    code = "refused_update"
    close_code = 4400


class Unauthenticated(SegueError):
    """No token, or one that is bad. A new token is needed."""

    code = "unauthenticated"
    close_code = 4401


class Forbidden(SegueError):
    """The token is good, and gives no right to this."""

    code = "forbidden"
    close_code = 4403


class Deleted(SegueError):
    """The document was deleted; its local copies are to be wiped."""

    code = "deleted"
    close_code = 4410


class StartOver(SegueError):
    """The document has a newer generation; a client of an older one needs a fresh copy."""

    code = "start_over"
    close_code = 4412


class TokenExpired(SegueError):
    """A token ran out while connected and no fresh one came; come back with one."""

    code = "token_expired"
    close_code = 4501


class Resync(SegueError):
    """What the device sent builds on something the server lacks; a new connection syncs from the start."""

    code = "resync"
    close_code = 4502


class StorageUnavailable(SegueError):
    """Postgres can't be asked right now; nothing was acknowledged, nothing is lost."""

    code = "storage_unavailable"
    close_code = 4503


class Unanswered(SegueError):
    """The server failed at a question, by a mistake of its own; the document is not concerned."""


class Quarantined(SegueError):
    """The stored document can't be opened safely; an operator has been told."""

    code = "quarantined"
    close_code = 4504


class Stalled(SegueError):
    """The device read nothing for too long while there was something to send."""

    code = "stalled"
    close_code = 4508


class TooMany(SegueError):
    """A limit of rate or count was reached."""

    code = "too_many"
    close_code = 4529


class Overloaded(SegueError):
    """The node's backlog is full; devices hold their updates and come back."""

    code = "overloaded"
    close_code = 1013


class Restarting(SegueError):
    """The node stops or starts; devices come back by themselves."""

    code = "restarting"
    close_code = 1012


class InvalidRequest(ProtocolError):
    """A request over HTTP that is read, and can't be what was meant."""

    code = "invalid_request"


class InvalidJson(InvalidRequest):
    """A body that is no JSON."""

    code = "invalid_json"


class InvalidTranscript(InvalidRequest):
    """A file that is no conversation, or not the whole of one."""

    code = "invalid_transcript"


class UnsupportedMediaType(InvalidRequest):
    """A body of a type that nobody reads here."""

    code = "unsupported_media_type"


class RangeNotSatisfiable(InvalidRequest):
    """A part of a file that lies behind its end."""

    code = "range_not_satisfiable"


class Conflict(SegueError):
    """What is to be made is there already, and differs."""

    code = "conflict"
    close_code = 4400


class NotFound(SegueError):
    """Nothing is there, or nothing that who asks may know of."""

    code = "not_found"
    close_code = 4400


class LinkExpired(NotFound):
    """A share link that has run out."""

    code = "link_expired"


class IdempotencyMismatch(Conflict):
    """An Idempotency-Key that was used before, for another content."""

    code = "idempotency_mismatch"


class RequestTimeout(SegueError):
    """The request did not arrive whole in its time."""

    code = "request_timeout"
    close_code = 4508


class Unreachable(SegueError):
    """A client waited for a server that can't be reached; what it holds is not lost."""

    code = "unreachable"


class TooLarge(SegueError):
    """A frame, an update or a file beyond its limit."""

    code = "too_large"
    close_code = 4400
