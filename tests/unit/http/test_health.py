"""Health: live whenever it answers, ready only when nothing stands in the way."""

from collections.abc import Mapping

import anyio
import anyio.lowlevel
import pytest
from starlette.applications import Starlette

from asgi import ask
from segue.http import health
from segue.http.health import OK, Checks, Readiness, health_routes

pytestmark = pytest.mark.anyio

GOOD = {"postgres": OK, "workers": OK}


def app(look: Checks) -> Starlette:
    return Starlette(routes=health_routes(look))


async def nothing_wrong() -> Mapping[str, str]:
    return GOOD


async def no_postgres() -> Mapping[str, str]:
    return {"postgres": "Postgres does not answer.", "workers": OK}


async def hanging() -> Mapping[str, str]:
    await anyio.sleep_forever()
    return {}


async def test_a_node_without_obstacles_is_ready() -> None:
    answer = await ask(app(nothing_wrong), "/readyz")
    assert (answer.status, answer.json) == (200, {"status": "ready", "checks": GOOD})


async def test_a_node_that_waits_for_postgres_is_live_and_not_ready() -> None:
    waiting = app(no_postgres)
    assert (await ask(waiting, "/livez")).status == 200
    answer = await ask(waiting, "/readyz")
    assert (answer.status, answer.json["code"]) == (503, "not_ready")
    assert answer.json["detail"] == "Postgres does not answer."
    assert answer.json["checks"] == {"postgres": "Postgres does not answer.", "workers": OK}
    assert answer.headers["retry-after"] == "1"


async def test_a_check_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_PATIENCE_S", 0.01)
    assert (await ask(app(hanging), "/readyz")).status == 503


async def test_many_who_ask_at_once_cost_one_check() -> None:
    runs = 0

    async def counted() -> Mapping[str, str]:
        nonlocal runs
        runs += 1
        await anyio.lowlevel.checkpoint()
        return GOOD

    readiness = Readiness(counted)
    async with anyio.create_task_group() as tasks:
        for _ in range(50):
            tasks.start_soon(readiness.look)
    assert runs == 1


async def test_other_checks_are_run_at_once() -> None:
    readiness = Readiness(nothing_wrong)
    assert await readiness.look() == GOOD
    readiness.checks = no_postgres
    assert await readiness.look() != GOOD


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
async def test_health_is_never_cached(path: str) -> None:
    assert (await ask(app(nothing_wrong), path)).headers["cache-control"] == "no-store"
