"""Who may open what: a token and a name on the wire become a document and a role in it."""

from dataclasses import dataclass
from typing import Final

from segue.auth.grants import Role
from segue.auth.tokens import Claims
from segue.errors import Forbidden, InvalidName
from segue.ids import HOME_NAME, DocumentId, home_of, session_id
from segue.storage.ports import Register

# One text whether the session is someone else's, was deleted or never was: it tells nothing.
_NO_ACCESS: Final = (
    "You have no access to this session. Ask its owner, or for a token that lists it."
)
_CREATORS: Final = (Role.OWNER, Role.EDITOR)


@dataclass(frozen=True, slots=True)
class Access:
    """A document that a connection may open, and its role there."""

    document: DocumentId
    role: Role


async def open_document(register: Register, claims: Claims, name: str) -> Access:
    """Finds what `name` means for the bearer of `claims`; an unused session id becomes theirs.

    Whatever it gives is registered durably. Cancelling it may leave the session created.

    Raises:
        InvalidName: the name can't be one.
        Forbidden: no right to it; the same text whatever exists there.
        Deleted: it was deleted, and the token or a membership gives a right to know.
        StorageUnavailable: Postgres can't be asked right now.
    """
    if name == HOME_NAME:
        return await _open_home(register, claims)
    document = session_id(name)
    if document is None:
        raise InvalidName(
            "A session id has 1 to 128 letters, digits, '_' or '-'. Choose another id."
        )
    if claims.sessions is None:
        return await _open_as_member(register, claims, document)
    role = claims.sessions.get(document)
    if role is None:
        raise Forbidden(_NO_ACCESS)
    return await _open_as_listed(register, claims, document, role)


async def _open_home(register: Register, claims: Claims) -> Access:
    if claims.sessions is not None:
        raise Forbidden("This token is for single sessions only. Use one without `sessions`.")
    document = home_of(claims.user)
    await register.open_home(document, claims.user)
    return Access(document, Role.OWNER)


async def _open_as_member(register: Register, claims: Claims, document: DocumentId) -> Access:
    role = await register.open_session(document, claims.user, create=True)
    if role is None:
        raise Forbidden(_NO_ACCESS)
    return Access(document, role)


async def _open_as_listed(
    register: Register, claims: Claims, document: DocumentId, role: Role
) -> Access:
    if not await register.session_exists(document):
        if role not in _CREATORS:
            raise Forbidden("This session doesn't exist yet, and your role can't create it.")
        # Should another have created it since, the answer is None or their role: the listed one holds.
        await register.open_session(document, claims.user, create=True)
    return Access(document, role)
