"""Health: live whenever it answers, ready only when nothing stands in the way."""

import anyio
import pytest
from starlette.applications import Starlette

from asgi import ask
from segue.http import health
from segue.http.health import Obstacles, health_routes

pytestmark = pytest.mark.anyio


def app(obstacles: Obstacles) -> Starlette:
    return Starlette(routes=health_routes(obstacles))


async def nothing() -> list[str]:
    return []


async def no_postgres() -> list[str]:
    return ["Postgres does not answer."]


async def hanging() -> list[str]:
    await anyio.sleep_forever()
    return []


async def test_a_node_without_obstacles_is_ready() -> None:
    answer = await ask(app(nothing), "/readyz")
    assert (answer.status, answer.json) == (200, {"status": "ready"})


async def test_a_node_that_waits_for_postgres_is_live_and_not_ready() -> None:
    waiting = app(no_postgres)
    assert (await ask(waiting, "/livez")).status == 200
    answer = await ask(waiting, "/readyz")
    assert (answer.status, answer.json["code"]) == (503, "not_ready")
    assert answer.json["detail"] == "Postgres does not answer."
    assert answer.headers["retry-after"] == "1"


async def test_a_check_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_PATIENCE_S", 0.01)
    assert (await ask(app(hanging), "/readyz")).status == 503


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
async def test_health_is_never_cached(path: str) -> None:
    assert (await ask(app(nothing), path)).headers["cache-control"] == "no-store"
