"""Problems: every error of ours has its status, and a bug shows nothing of the inside."""

from collections.abc import Iterator
from http import HTTPStatus

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from asgi import Answer, ask
from segue import errors
from segue.http.problems import HANDLERS, problem, status_of


def kinds(base: type[errors.SegueError]) -> Iterator[type[errors.SegueError]]:
    for kind in base.__subclasses__():
        if kind.__module__ == errors.__name__:
            yield kind
        yield from kinds(kind)


async def answer(error: Exception) -> Answer:
    async def fail(_request: Request) -> Response:
        raise error

    app = Starlette(routes=[Route("/", fail)], exception_handlers=HANDLERS)
    return await ask(app, "/", raising=type(error))


@pytest.mark.parametrize("kind", sorted(set(kinds(errors.SegueError)), key=lambda kind: kind.code))
def test_every_error_a_client_can_cause_has_a_status_that_fits_its_close_code(
    kind: type[errors.SegueError],
) -> None:
    status = status_of(kind)
    stop_for_good = kind.close_code // 100 == 44
    if stop_for_good:
        assert 400 <= status < 500
    if kind in (errors.ConfigurationError, errors.Unanswered):
        assert status == HTTPStatus.INTERNAL_SERVER_ERROR
    else:
        assert status != HTTPStatus.INTERNAL_SERVER_ERROR


@pytest.mark.anyio
async def test_an_error_is_answered_in_its_own_words_with_a_stable_code() -> None:
    response = await answer(errors.Forbidden("No access. Ask its owner."))
    assert response.status == 403
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["cache-control"] == "no-store"
    assert response.json == {
        "title": "Forbidden",
        "status": 403,
        "code": "forbidden",
        "detail": "No access. Ask its owner.",
    }


def test_a_kind_without_a_status_of_its_own_has_that_of_its_parent() -> None:
    class Special(errors.Deleted):
        pass

    assert status_of(Special) == HTTPStatus.GONE


@pytest.mark.anyio
async def test_no_token_says_which_kind_is_wanted() -> None:
    assert (await answer(errors.Unauthenticated("x"))).headers["www-authenticate"] == "Bearer"


@pytest.mark.anyio
async def test_what_passes_says_when_to_come_back() -> None:
    assert (await answer(errors.StorageUnavailable("x"))).headers["retry-after"] == "1"


@pytest.mark.anyio
async def test_a_bug_is_answered_without_its_inside() -> None:
    response = await answer(RuntimeError("secret inside"))
    assert (response.status, response.json["code"]) == (500, "internal")
    assert b"secret inside" not in response.body
    assert b"Traceback" not in response.body


@pytest.mark.anyio
async def test_unknown_routes_and_methods_are_problems_too() -> None:
    async def route(_request: Request) -> Response:
        return Response()

    app = Starlette(routes=[Route("/", route)], exception_handlers=HANDLERS)
    missing, wrong = await ask(app, "/nowhere"), await ask(app, "/", "DELETE")
    assert (missing.status, missing.json["code"]) == (404, "not_found")
    assert (wrong.status, wrong.json["code"]) == (405, "method_not_allowed")
    assert set(wrong.headers["allow"].split(", ")) == {"GET", "HEAD"}


def test_headers_can_be_added() -> None:
    response = problem(HTTPStatus.SERVICE_UNAVAILABLE, "not_ready", "x", {"Retry-After": "9"})
    assert response.headers["retry-after"] == "9"
