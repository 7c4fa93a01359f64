"""The API's description: valid, and of what is really there."""

import pytest
from api_scene import Scene
from openapi_spec_validator import OpenAPIV31SpecValidator

from segue.http.openapi import describe
from segue.http.operations import Nothing
from segue.http.session_operations import OPERATIONS

DESCRIBED = describe(OPERATIONS)


def test_it_is_valid_openapi_3_1() -> None:
    OpenAPIV31SpecValidator(DESCRIBED).validate()


@pytest.mark.anyio
async def test_it_can_be_read_without_a_token() -> None:
    answer = await Scene().ask("GET", "/openapi.json", user=None)
    assert answer.status == 200
    assert answer.json == DESCRIBED


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.name)
def test_each_operation_is_described_with_its_body_and_problems(operation: object) -> None:
    (found,) = [each for each in OPERATIONS if each is operation]
    described = DESCRIBED["paths"][found.path][found.method.lower()]
    assert ("requestBody" in described) is (found.body is not Nothing)
    assert "unauthenticated" in described["responses"]["401"]["description"]
    names = {each["name"] for each in described["parameters"]}
    assert ("Idempotency-Key" in names) is found.repeatable
    in_path = {each["name"] for each in described["parameters"] if each["in"] == "path"}
    assert ("id" in in_path) is ("{id}" in found.path)
    codes = " ".join(each["description"] for each in described["responses"].values())
    for error in found.errors:
        assert error.code in codes
    assert ("forbidden" in codes) or found.name == "list_sessions"


def test_types_show_their_bounds() -> None:
    schemas = DESCRIBED["components"]["schemas"]
    assert schemas["CreateSession"]["additionalProperties"] is False
    assert schemas["CreateSession"]["properties"]["title"]["maxLength"] == 200
    assert schemas["AddMessage"]["properties"]["role"]["enum"] == [
        "agent",
        "assistant",
        "system",
        "user",
    ]
