"""A request as one would type it, made of what the description says is needed."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

Json = Mapping[str, Any]

_ADDRESS: Final = "http://127.0.0.1:8000"
_NAMES: Final[Json] = {"id": "lisbon", "user": "bob", "run": "RUN", "link": "LINK"}
_TEXTS: Final = {"id": "lisbon", "title": "Lisbon in May", "text": "Where should we stay?"}
_WORTH_SHOWING: Final = 3
"""Fields of a body that is optional throughout."""


def request(api: Json, path: str, method: str, operation: Json) -> str:
    """Gives a command of curl's."""
    return " \\\n  ".join(_pieces(api, path, method, operation))


def _pieces(api: Json, path: str, method: str, operation: Json) -> Iterator[str]:
    named = path
    for each in operation.get("parameters", ()):
        if each["in"] == "path":
            value = _NAMES.get(each["name"], each["name"].upper())
            named = named.replace(f"{{{each['name']}}}", value)
    verb = "" if method == "get" else f" -X {method.upper()}"
    yield f"curl{verb} {_ADDRESS}{named}"
    yield '-H "Authorization: Bearer $TOKEN"'
    content: Json = operation.get("requestBody", {}).get("content", {})
    for kind, body in content.items():
        yield f"-H 'Content-Type: {kind}'"
        yield (
            f"-d '{_body(api, body['schema'])}'"
            if "$ref" in body["schema"]
            else "--data-binary @FILE"
        )
        return


def _body(api: Json, schema: Json) -> str:
    found = api["components"]["schemas"][str(schema["$ref"]).rpartition("/")[2]]
    properties: Json = found["properties"]
    needed = found.get("required") or list(properties)[:_WORTH_SHOWING]
    if "text" in properties:  # instead of parts
        needed = ["text"]
    return json.dumps({name: _value(api, name, properties[name]) for name in needed})


def _value(api: Json, name: str, schema: Json) -> object:
    if "$ref" in schema:
        schema = api["components"]["schemas"][str(schema["$ref"]).rpartition("/")[2]]
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "integer" | "number":
            return schema.get("default") or schema.get("minimum", 1)
        case "boolean":
            return True
        case "array":
            return []
        case "object":
            return {}
        case _:
            return _TEXTS.get(name, name)
