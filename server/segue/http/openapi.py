"""The API's description (OpenAPI 3.1), made of the table of operations and the types in it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from importlib.metadata import version
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from segue import errors
from segue.http.file_body import ANY_TYPE, FileBody
from segue.http.incoming import MAX_KEY
from segue.http.operations import JSON, AnyOperation, Nothing
from segue.http.problems import PROBLEM_TYPE, Problem, status_of
from segue.ids import ID_PATTERN

Json = dict[str, Any]

_ID: Final[Json] = {"type": "string", "pattern": ID_PATTERN}
_ANY_NAME: Final[Json] = {"type": "string", "minLength": 1, "maxLength": 255}
_REF: Final = "#/components/schemas/{name}"

# What can go wrong with any request.
_ALWAYS: Final = (
    errors.InvalidRequest,
    errors.Unauthenticated,
    errors.TooMany,
    errors.StorageUnavailable,
    errors.Quarantined,
    errors.Restarting,
    errors.Overloaded,
)
_WITH_BODY: Final = (
    errors.InvalidJson,
    errors.RequestTimeout,
    errors.TooLarge,
    errors.UnsupportedMediaType,
)
_WITH_FILE: Final = (errors.RequestTimeout, errors.TooLarge)
_BYTES: Final[Json] = {"type": "string", "format": "binary"}


def openapi_route(operations: Sequence[AnyOperation]) -> Route:
    """Gives the route of the description; it tells nothing of what is stored and needs no token."""
    document = msgspec.json.encode(describe(operations))

    async def openapi(_request: Request) -> Response:
        return Response(document, media_type="application/json")

    return Route("/openapi.json", openapi)


def describe(operations: Sequence[AnyOperation]) -> Json:
    """Gives the description as JSON values."""
    types = _types(operations)
    shown, components = _schemas(types)
    schemas = dict(zip(types, shown, strict=True))
    paths: dict[str, Json] = {}
    for operation in operations:
        described = _operation(operation, schemas)
        paths.setdefault(operation.path, {})[operation.method.lower()] = described
    return {
        "openapi": "3.1.0",
        "info": {"title": "Segue", "version": version("segue")},
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
            },
        },
    }


def _types(operations: Sequence[AnyOperation]) -> list[type[msgspec.Struct]]:
    found: dict[type[msgspec.Struct], None] = {Problem: None}
    for operation in operations:
        for kind in (operation.body, *operation.answers.values()):
            if kind not in (None, Nothing, FileBody):
                found[kind] = None
    return list(found)


def _schemas(types: Sequence[type[msgspec.Struct]]) -> tuple[tuple[Json, ...], Json]:
    return msgspec.json.schema_components(types, schema_hook=_any_json, ref_template=_REF)


def _any_json(_type: type) -> Json:
    return {"description": "Any JSON value."}


def _operation(operation: AnyOperation, schemas: Mapping[type[msgspec.Struct], Json]) -> Json:
    described: Json = {
        "operationId": operation.name,
        "summary": operation.summary,
        "parameters": [*_parameters(operation)],
        "responses": {**_answers(operation, schemas), **_problems(operation, schemas)},
    }
    if operation.is_open:
        described["security"] = [{}, {"token": []}]
    if operation.body is not Nothing:
        if operation.body is FileBody:
            content: Json = {ANY_TYPE: {"schema": _BYTES}}
        else:
            content = {JSON: {"schema": schemas[operation.body]}}
        described["requestBody"] = {"required": True, "content": content}
    return described


def _parameters(operation: AnyOperation) -> Iterator[Json]:
    for name in re.findall(r"\{(\w+)\}", operation.path):
        yield _parameter("path", name, _ANY_NAME if name == "user" else _ID, required=True)
    if operation.repeatable:
        key = {"type": "string", "pattern": rf"^[\x21-\x7e]{{1,{MAX_KEY}}}$"}
        yield _parameter("header", "Idempotency-Key", key, required=False)
    for header in operation.headers:
        yield _parameter("header", header, {"type": "string"}, required=False)
    _, components = _schemas([operation.query])
    query = components[operation.query.__name__]
    for name, schema in query["properties"].items():
        yield _parameter("query", name, schema, required=name in query["required"])


def _parameter(place: str, name: str, schema: Json, *, required: bool) -> Json:
    return {"in": place, "name": name, "required": required, "schema": schema}


def _answers(operation: AnyOperation, schemas: Mapping[type[msgspec.Struct], Json]) -> Json:
    answers: Json = {}
    for status, kind in operation.answers.items():
        answer: Json = {"description": status.phrase}
        if kind is not None:
            answer |= {"content": {JSON: {"schema": schemas[kind]}}}
        elif operation.gives != JSON and status < HTTPStatus.MULTIPLE_CHOICES:
            # Of what may be of any type, JSON too, no more can be said.
            schema = {} if operation.gives == "*/*" else {"type": "string"}
            answer |= {"content": {operation.gives: {"schema": schema}}}
        if operation.repeatable:
            answer |= {"headers": {"Location": {"schema": {"type": "string"}}}}
        answers[str(status.value)] = answer
    return answers


def _problems(operation: AnyOperation, schemas: Mapping[type[msgspec.Struct], Json]) -> Json:
    codes: dict[HTTPStatus, list[str]] = {}
    with_body = _WITH_FILE if operation.body is FileBody else _WITH_BODY
    of_body = () if operation.body is Nothing else with_body
    for kind in (*_ALWAYS, *of_body, *operation.errors):
        codes.setdefault(status_of(kind), []).append(kind.code)
    content = {PROBLEM_TYPE: {"schema": schemas[Problem]}}
    return {
        str(status.value): {
            "description": f"{status.phrase}: {', '.join(codes[status])}",
            "content": content,
        }
        for status in sorted(codes)
    }
