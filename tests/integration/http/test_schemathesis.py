"""Whatever the API's own description allows, and much that it doesn't: no answer but a described one."""

from collections.abc import Iterator

import anyio.to_thread
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from http_client import HttpClient
from segue.http.openapi import describe
from segue.http.session_operations import OPERATIONS

pytestmark = pytest.mark.anyio

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
DELETE_SESSION = "DELETE /v1/sessions/{id}"
BOUNDED = settings(
    max_examples=25,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("mode", list(GenerationMode))
async def test_every_answer_is_described(
    alice: HttpClient, session: str, mode: GenerationMode
) -> None:
    assert (await alice.ask("POST", "/v1/sessions", {"id": session})).status == 201

    def check_all() -> None:
        for operation in operations():
            check(operation, mode, alice, session)

    await anyio.to_thread.run_sync(check_all)


def operations() -> Iterator[APIOperation]:
    schema = schemathesis.openapi.from_dict(describe(OPERATIONS))
    for found in schema.get_all_operations():
        # Last, or there would be no session for the others.
        operation = found.ok()
        # A stream has no end to wait for; `test_events` reads it.
        if operation.label != DELETE_SESSION and not operation.path.endswith("/events"):
            yield operation
    yield schema["/v1/sessions/{id}"]["DELETE"]


def check(operation: APIOperation, mode: GenerationMode, client: HttpClient, session: str) -> None:
    @BOUNDED
    @given(case=operation.as_strategy(generation_mode=mode), is_ours=st.booleans())
    def ask(case: Case, is_ours: bool) -> None:
        if is_ours and "id" in case.path_parameters:
            case.path_parameters["id"] = session
        answer = case.call(
            base_url=f"http://127.0.0.1:{client.server.port}",
            headers={"Authorization": f"Bearer {client.token}"},
            timeout=60,
        )
        case.validate_response(answer, checks=CHECKS)

    ask()
