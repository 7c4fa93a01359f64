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
    "You have no access to this session, or there is none. "
    "Ask its owner, or for a token that lists it."
)
_CREATORS: Final = (Role.OWNER, Role.EDITOR)


@dataclass(frozen=True, slots=True)
class Access:
    """A document that a connection may open, and its role there."""

    document: DocumentId
    role: Role


async def open_document(register: Register, claims: Claims, name: str, *, create: bool) -> Access:
    """Finds what `name` means for the bearer of `claims`.

    With `create` an unused session id becomes theirs. Whatever it gives is registered durably.
    Cancelling it may leave the session created.

    Raises:
        InvalidName: the name can't be one.
        Forbidden: no right to it; the same text whatever exists there.
        Deleted: it was deleted, and the token or a membership gives a right to know.
        StorageUnavailable: Postgres can't be asked right now.
    """
    if name == HOME_NAME:
        return await _open_home(register, claims)
    return await open_session(register, claims, name, create=create)


async def open_session(register: Register, claims: Claims, name: str, *, create: bool) -> Access:
    """Finds the session `name`; see `open_document`. The name `home` is none."""
    document = named_session(name)
    if claims.sessions is None:
        role = await register.open_session(document, claims.user, create=create)
    else:
        role = claims.sessions.get(document)
    if role is None:
        raise Forbidden(_NO_ACCESS)
    if claims.sessions is not None:
        await _open_as_listed(register, claims, document, create=create)
    return Access(document, role)


def named_session(name: str) -> DocumentId:
    """Gives `name` as the id of a session.

    Raises:
        InvalidName: the name can't be one.
    """
    document = session_id(name)
    if document is None:
        raise InvalidName(
            "A session id has 1 to 128 letters, digits, '_' or '-', and isn't 'home'. "
            "Choose another id."
        )
    return document


def check_may_create(claims: Claims, document: DocumentId) -> None:
    """Does nothing for a token that gives the right to create this session.

    Raises:
        Forbidden: it lists the session with a role that can't, or not at all.
    """
    if claims.sessions is None or claims.sessions.get(document) in _CREATORS:
        return
    if document in claims.sessions:
        raise Forbidden("Your role can't create this session. Ask its owner to open it first.")
    raise Forbidden(_NO_ACCESS)


async def _open_home(register: Register, claims: Claims) -> Access:
    if claims.sessions is not None:
        raise Forbidden("This token is for single sessions only. Use one without `sessions`.")
    document = home_of(claims.user)
    await register.open_home(document, claims.user)
    return Access(document, Role.OWNER)


async def _open_as_listed(
    register: Register, claims: Claims, document: DocumentId, *, create: bool
) -> None:
    if await register.session_exists(document):
        return
    if not create:
        raise Forbidden(_NO_ACCESS)
    check_may_create(claims, document)
    # Should another have created it since, the answer is None or their role: the listed one holds.
    await register.open_session(document, claims.user, create=True)
