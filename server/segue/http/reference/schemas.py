"""A JSON schema in a few words, and the fields of an object as a table."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from segue.http.reference.html import Html, joined, prose, tag

Json = Mapping[str, Any]

_REF: Final = "#/components/schemas/"


def kind(schema: Json) -> Html:
    """Gives what a value is: a link to its type, or words."""
    if "$ref" in schema:
        name = str(schema["$ref"]).removeprefix(_REF)
        return tag("a", name, href=f"#type-{name}")
    if "enum" in schema:
        return _either([tag("code", str(value)) for value in schema["enum"]])
    if "anyOf" in schema:
        return _either([kind(each) for each in schema["anyOf"]])
    if schema.get("type") == "array":
        of = kind(schema.get("items", {}))
        return joined("list of ", of, "" if of.startswith("<a") else "s")
    if schema.get("type") == "object" and "additionalProperties" in schema:
        return joined("object")
    return joined(str(schema.get("type", "any JSON")))


def bounds(schema: Json) -> Html:
    """Gives what limits a value, as a half sentence."""
    found = {
        "minimum": "at least {}",
        "maximum": "at most {}",
        "minLength": "at least {} characters",
        "maxLength": "at most {} characters",
        "minItems": "at least {} of them",
    }
    told: list[str] = [text.format(schema[key]) for key, text in found.items() if key in schema]
    if "pattern" in schema:
        told.append(joined("like ", tag("code", schema["pattern"])))
    if schema.get("default") not in (None, "", [], {}):
        told.append(joined(tag("code", str(schema["default"])), " if left out"))
    return joined(*(joined(", ", each) for each in told))


def fields(schema: Json) -> Html:
    """Gives the fields of an object as a table; of anything else what it is."""
    properties: Json = schema.get("properties", {})
    if not properties:
        return tag("p", kind(schema)) if "enum" in schema else Html("")
    required = schema.get("required", ())
    return table(
        ("field", "what it is"),
        (
            (_name(name, is_needed=name in required), described(each))
            for name, each in properties.items()
        ),
    )


def described(schema: Json) -> Html:
    """Gives kind, bounds and description of a value."""
    text = str(schema.get("description", "")) if "type" in schema or "enum" in schema else ""
    return joined(kind(schema), bounds(schema), prose(text))


def table(heads: Sequence[str], rows: Iterator[Sequence[str]] | Sequence[Sequence[str]]) -> Html:
    """Gives a table that can be scrolled where it is too wide, also by keys."""
    head = tag("tr", *(tag("th", each, scope="col") for each in heads))
    body = [
        tag("tr", tag("th", row[0], scope="row"), *(tag("td", each) for each in row[1:]))
        for row in rows
    ]
    return tag("table", tag("thead", head), tag("tbody", *body))


def _name(name: str, *, is_needed: bool) -> Html:
    return joined(tag("code", name), tag("small", " required") if is_needed else "")


def _either(choices: Sequence[Html]) -> Html:
    parts: list[str] = []
    for choice in choices:
        parts += [" or ", choice] if parts else [choice]
    return joined(*parts)
