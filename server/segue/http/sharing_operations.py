"""Members and share links over HTTP: the table of operations, and what each does."""

import asyncio
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

import msgspec

from segue import errors
from segue.auth.grants import Role
from segue.errors import TooMany
from segue.http import sharing_shapes as shapes
from segue.http.operations import AnyOperation, ApiServices, Call, Nothing, Operation, Reply
from segue.ids import UserId


async def list_members(services: ApiServices, call: Call[Nothing, Nothing]) -> Reply:
    """Lists a session's members."""
    members = await services.members.list(call.claims, call.session)
    return _reply(HTTPStatus.OK, shapes.MemberList([shapes.member(each) for each in members]))


async def change_member(services: ApiServices, call: Call[Nothing, shapes.ChangeMember]) -> Reply:
    """Gives a member another role."""
    user = UserId(call.path["user"])
    member = await services.members.set_role(call.claims, call.session, user, call.body.role)
    return _reply(HTTPStatus.OK, shapes.member(member))


async def remove_member(services: ApiServices, call: Call[Nothing, Nothing]) -> Reply:
    """Removes a member, or leaves."""
    await services.members.remove(call.claims, call.session, UserId(call.path["user"]))
    return Reply(HTTPStatus.NO_CONTENT)


async def create_link(services: ApiServices, call: Call[Nothing, shapes.CreateLink]) -> Reply:
    """Makes a share link."""
    role = Role(call.body.role)
    made, code = await services.links.create(
        call.claims, call.session, role, call.body.expires_in_s
    )
    # In the fragment, which no server is sent and no log has.
    url = f"{call.base_url.rstrip('/')}/#join={code}"
    shown = msgspec.structs.asdict(shapes.link(made))
    return _reply(HTTPStatus.CREATED, shapes.NewLink(**shown, link=code, url=url))


async def list_links(services: ApiServices, call: Call[Nothing, Nothing]) -> Reply:
    """Lists a session's links."""
    links = await services.links.list(call.claims, call.session)
    return _reply(HTTPStatus.OK, shapes.LinkList([shapes.link(each) for each in links]))


async def revoke_link(services: ApiServices, call: Call[Nothing, Nothing]) -> Reply:
    """Ends a link."""
    await services.links.revoke(call.claims, call.session, call.path["link"])
    return Reply(HTTPStatus.NO_CONTENT)


async def redeem_link(services: ApiServices, call: Call[Nothing, shapes.RedeemLink]) -> Reply:
    """Joins a session by a link."""
    if not services.attempts.take(call.address, asyncio.get_running_loop().time()):
        raise TooMany("Too many links were opened from your network. Try again in a minute.")
    code = call.body.code
    if call.bearer is not None:
        joined = await services.links.redeem(call.bearer, code)
        return _reply(HTTPStatus.OK, shapes.Redeemed(joined.session, joined.role))
    joined, guest = await services.links.redeem_as_guest(call.body.name, code)
    answer = shapes.Redeemed(
        joined.session,
        joined.role,
        user=guest.user,
        name=guest.name,
        token=guest.token,
        expires_at=int(guest.expires_at * 1000),
    )
    return _reply(HTTPStatus.OK, answer)


_IN_SESSION: Final = (errors.InvalidName, errors.Forbidden, errors.Deleted)
_MEMBERS: Final = "/v1/sessions/{id}/members"
_LINKS: Final = "/v1/sessions/{id}/links"

SHARING_OPERATIONS: Final[Sequence[AnyOperation]] = (
    Operation(
        method="GET",
        path=_MEMBERS,
        summary="List a session's members, the oldest first",
        run=list_members,
        query=Nothing,
        body=Nothing,
        answers={HTTPStatus.OK: shapes.MemberList},
        errors=_IN_SESSION,
    ),
    Operation(
        method="PATCH",
        path=f"{_MEMBERS}/{{user}}",
        summary="Give a member another role (owners)",
        run=change_member,
        query=Nothing,
        body=shapes.ChangeMember,
        answers={HTTPStatus.OK: shapes.Member},
        errors=(*_IN_SESSION, errors.NotFound, errors.Conflict),
    ),
    Operation(
        method="DELETE",
        path=f"{_MEMBERS}/{{user}}",
        summary="Remove a member (owners), or leave",
        run=remove_member,
        query=Nothing,
        body=Nothing,
        answers={HTTPStatus.NO_CONTENT: None},
        errors=(*_IN_SESSION, errors.Conflict),
    ),
    Operation(
        method="POST",
        path=_LINKS,
        summary="Make a link that lets others in (owners, editors)",
        run=create_link,
        query=Nothing,
        body=shapes.CreateLink,
        answers={HTTPStatus.CREATED: shapes.NewLink},
        errors=(*_IN_SESSION, errors.Conflict),
    ),
    Operation(
        method="GET",
        path=_LINKS,
        summary="List a session's links that hold (owners, editors)",
        run=list_links,
        query=Nothing,
        body=Nothing,
        answers={HTTPStatus.OK: shapes.LinkList},
        errors=_IN_SESSION,
    ),
    Operation(
        method="DELETE",
        path=f"{_LINKS}/{{link}}",
        summary="Revoke a link (owners, editors)",
        run=revoke_link,
        query=Nothing,
        body=Nothing,
        answers={HTTPStatus.NO_CONTENT: None},
        errors=_IN_SESSION,
    ),
    Operation(
        method="POST",
        path="/v1/links/redeem",
        summary="Join a session by a link, as the bearer of a token or as a new guest",
        run=redeem_link,
        query=Nothing,
        body=shapes.RedeemLink,
        answers={HTTPStatus.OK: shapes.Redeemed},
        errors=(
            errors.InvalidName,
            errors.Forbidden,
            errors.NotFound,
            errors.LinkExpired,
            errors.Conflict,
        ),
        is_open=True,
    ),
)


def _reply(status: HTTPStatus, value: msgspec.Struct) -> Reply:
    return Reply(status, msgspec.json.encode(value))
