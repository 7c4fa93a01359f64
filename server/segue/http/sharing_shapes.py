"""The shapes of members and share links; see `shapes`."""

from collections.abc import Sequence
from typing import Annotated, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from segue.auth.grants import Role
from segue.http.shapes import Millis, millis
from segue.storage import ports

_DAY_S: Final = 24 * 60 * 60

LinkRole = Literal["editor", "viewer"]
TtlS = Annotated[int, Meta(ge=60, le=365 * _DAY_S)]
Code = Annotated[str, Meta(min_length=1, max_length=256)]
Name = Annotated[str, Meta(max_length=255)]


class ChangeMember(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The role to give."""

    role: Role


class CreateLink(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A link to make: for what role, and for how many seconds; a week if that isn't said."""

    role: LinkRole
    expires_in_s: TtlS = 7 * _DAY_S


class RedeemLink(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The code of a link. `name` is what a guest is called; who sends a token has a name."""

    code: Code
    name: Name = ""


class Member(msgspec.Struct, frozen=True):
    """A member. `name` is what they were called when they came by a link, else empty."""

    user: str
    role: Role
    name: str
    joined_at: Millis


class MemberList(msgspec.Struct, frozen=True):
    """All members, the oldest first."""

    members: Sequence[Member]


class LinkItem(msgspec.Struct, frozen=True):
    """A link that holds; its code is nowhere to be read."""

    id: str
    role: Role
    created_by: str
    created_at: Millis
    expires_at: Millis


class LinkList(msgspec.Struct, frozen=True):
    """All links that hold, the oldest first."""

    links: Sequence[LinkItem]


class NewLink(LinkItem, frozen=True):
    """A link just made. `link` is its code, shown this once; `url` opens the page with it."""

    link: str
    url: str


class Redeemed(msgspec.Struct, frozen=True, omit_defaults=True):
    """The session that a link opened, and one's role there; for a new guest also who they are now."""

    session: str
    role: Role
    user: str | UnsetType = UNSET
    name: str | UnsetType = UNSET
    token: str | UnsetType = UNSET
    expires_at: Millis | UnsetType = UNSET


def member(found: ports.Member) -> Member:
    """Shows a member."""
    return Member(found.user, found.role, found.name, millis(found.joined_at))


def link(found: ports.ShareLink) -> LinkItem:
    """Shows a link."""
    return LinkItem(
        found.id,
        found.role,
        found.created_by,
        millis(found.created_at),
        millis(found.expires_at),
    )
