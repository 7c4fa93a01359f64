"""CORS: the pages of SEGUE_ORIGINS may read answers, others may not."""

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from asgi import Answer, ask
from segue.auth.origins import Origin, OriginPolicy
from segue.errors import Forbidden
from segue.http.cors import Cors
from segue.http.problems import HANDLERS

pytestmark = pytest.mark.anyio

APP = "https://app.example.com"
LOCAL = "http://localhost:5173"


async def refuse(_request: Request) -> Response:
    raise Forbidden("no")


async def asked(origin: str, method: str = "GET", *, loopback: bool = False, **more: str) -> Answer:
    policy = OriginPolicy(frozenset([Origin("https", "app.example.com", 443)]), loopback=loopback)
    app = Starlette(
        routes=[Route("/", refuse)],
        middleware=[Middleware(Cors, policy=policy)],
        exception_handlers=dict(HANDLERS),
    )
    return await ask(app, "/", method, headers={"origin": origin, **more})


async def test_an_allowed_page_may_read_answers_and_problems() -> None:
    answer = await asked(APP)
    assert answer.status == 403
    assert answer.headers["access-control-allow-origin"] == APP
    assert "origin" in answer.headers["vary"].lower()
    assert "location" in answer.headers["access-control-expose-headers"].lower()
    assert "access-control-allow-credentials" not in answer.headers


async def test_an_allowed_page_may_send_what_the_api_takes() -> None:
    wanted = {
        "access-control-request-method": "PATCH",
        "access-control-request-headers": "authorization, content-type, idempotency-key",
    }
    answer = await asked(APP, "OPTIONS", **wanted)
    assert answer.status == 200
    assert answer.headers["access-control-allow-origin"] == APP


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "", LOCAL, "https://app.example.com.evil.example"]
)
async def test_other_pages_may_not(origin: str) -> None:
    assert "access-control-allow-origin" not in (await asked(origin)).headers
    preflight = await asked(origin, "OPTIONS", **{"access-control-request-method": "GET"})
    assert "access-control-allow-origin" not in preflight.headers


async def test_in_development_pages_of_this_machine_may() -> None:
    answer = await asked(LOCAL, loopback=True)
    assert answer.headers["access-control-allow-origin"] == LOCAL
