"""Messages for who speaks HTTP: added once however often they are sent, and read in pages."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from segue.auth.grants import Role
from segue.auth.tokens import Claims
from segue.conversation.opening import Access, open_session
from segue.conversation.sessions import SessionServices, open_for_writing
from segue.document.edits import AddMessage, Author, NewPart
from segue.document.steps import JsonValue
from segue.document.views import MessageView, ViewMessage, ViewMessages
from segue.errors import Conflict, IdempotencyMismatch
from segue.ids import repeatable_id

_MESSAGE: Final[msgspec.json.Decoder[MessageView | None]] = msgspec.json.Decoder(MessageView | None)


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message to add. `parts` are JSON objects with a `type`, which for "text" have a `text`.

    Without `role` it is that of the writer: assistant for agents, user for everybody else.
    """

    parts: Sequence[Mapping[str, object]]
    id: str | None = None
    role: str | None = None
    supersedes: str | None = None
    metadata: Mapping[str, object] | None = None


class Messages:
    """Everything here is checked against the claims; what is given is committed."""

    def __init__(self, services: SessionServices, clock_ms: Callable[[], int]) -> None:
        self._services = services
        self._register = services.register
        self._documents = services.documents
        self._clock_ms = clock_ms

    async def add(
        self, claims: Claims, name: str, new: NewMessage, key: str | None
    ) -> tuple[MessageView, bool]:
        """Adds a message, and gives it as stored; tells also whether it is new.

        Repeating it with the same `new.id`, or the same `key`, is safe. Cancelling it may leave it
        added.

        Raises:
            Conflict: the id is another message's.
            IdempotencyMismatch: the key was used with another content.
            SegueError: no right to it, or it can't be done now.
        """
        access = await open_for_writing(self._register, claims, name)
        message = self._message(claims, access, new, key)
        found = await self._find(access, message.id) if new.id or key else None
        if found is None:
            await self._documents.edit(access.document, message)
        stored = found or await self._find(access, message.id)
        if stored is None:
            raise Conflict("A message with this id was taken back. Choose another id.")
        if not _is_same(stored, message, new):
            raise _mismatch(new)
        return stored, found is None

    async def page(self, claims: Claims, name: str, before: int | None, limit: int) -> bytes:
        """Gives the last `limit` messages with a `seq` below `before`, as a `MessagesPage` in JSON.

        Raises:
            SegueError: no right to it, or it can't be read now.
        """
        access = await open_session(self._register, claims, name, create=False)
        return await self._documents.view(access.document, ViewMessages(limit, before))

    def _message(
        self, claims: Claims, access: Access, new: NewMessage, key: str | None
    ) -> AddMessage:
        is_agent = access.role is Role.AGENT
        kind = "agent" if is_agent else "user"
        return AddMessage(
            id=new.id or self._id_for(claims, access, key),
            role=new.role or ("assistant" if is_agent else "user"),
            author=Author(kind, claims.user, claims.device, claims.name),
            created_at=self._clock_ms(),
            parts=tuple(NewPart(str(part["type"]), _json(part)) for part in new.parts),
            metadata=None if new.metadata is None else _json(new.metadata),
            supersedes=new.supersedes,
        )

    def _id_for(self, claims: Claims, access: Access, key: str | None) -> str:
        if key is None:
            return self._services.mint()
        return repeatable_id(self._services.secret, claims.user, access.document, key)

    async def _find(self, access: Access, message: str) -> MessageView | None:
        return _MESSAGE.decode(await self._documents.view(access.document, ViewMessage(message)))


def _json(value: object) -> JsonValue:
    return msgspec.json.encode(value)


def _is_same(stored: MessageView, message: AddMessage, new: NewMessage) -> bool:
    """Compares with what is stored, so that no table of requests is needed, nor ever cleaned up."""
    return (
        stored.role == message.role
        and (stored.author.kind, stored.author.id) == (message.author.kind, message.author.id)
        and stored.supersedes == new.supersedes
        and stored.metadata == new.metadata
        and len(stored.parts) == len(new.parts)
        and all(
            # The document adds fields of its own, such as a text's state.
            part.items() <= found.items() if _is_text(part) else dict(part) == found
            for part, found in zip(new.parts, stored.parts, strict=True)
        )
    )


def _is_text(part: Mapping[str, object]) -> bool:
    return part["type"] == "text"


def _mismatch(new: NewMessage) -> Conflict:
    if new.id is not None:
        return Conflict("Another message has this id. Choose another id.")
    return IdempotencyMismatch(
        "This Idempotency-Key added a message with another content. "
        "Repeat the same content, or choose a new key."
    )
