"""The page: each operation with a request to copy, what it takes, gives, and what can go wrong.

Made once, at the start, of the same description that `/openapi.json` gives, so the two can't differ. It
needs nothing from elsewhere and runs no script: it is read offline, and its policy allows only its style.
"""

import base64
import gzip
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from segue import errors
from segue.http.openapi import describe
from segue.http.operations import AnyOperation
from segue.http.reference.examples import request
from segue.http.reference.html import Html, joined, marked, prose, tag
from segue.http.reference.schemas import described, fields, kind, table

Json = Mapping[str, Any]

_PREFIX: Final = "/v1/"
_INTRODUCTION: Final = """
All bodies are JSON in UTF-8, but for files and for streams of events. Whoever asks sends a token, as
`Authorization: Bearer TOKEN`; `segue token --user alice` prints one. What is answered is on disk.

Repeating a request is safe with an `Idempotency-Key`, any text of your choice. Times are milliseconds since
1970. Pages go backwards: ask again with `before`.

What goes wrong is a problem (RFC 9457): `code` is for programs and stays what it is, `detail` says to people
what happened, why, and what to do.
"""


def reference_route(operations: Sequence[AnyOperation]) -> Route:
    """Gives the route of the page; it tells nothing of what is stored and needs no token."""
    style = (Path(__file__).parent / "style.css").read_text()
    content = page(describe(operations), style).encode()
    compressed = gzip.compress(content, mtime=0)
    headers = {
        "Content-Type": "text/html; charset=utf-8",
        "Cache-Control": "no-cache",
        "ETag": f'"{hashlib.blake2b(content, digest_size=16).hexdigest()}"',
        "Vary": "Accept-Encoding",
        "Content-Security-Policy": _policy(style),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
    }

    async def answer(request: Request) -> Response:
        if headers["ETag"] in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        if "gzip" not in request.headers.get("accept-encoding", ""):
            return Response(content, headers=headers)
        return Response(compressed, headers={**headers, "Content-Encoding": "gzip"})

    return Route("/docs", answer)


def _policy(style: str) -> str:
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    )


def page(api: Json, style: str) -> Html:
    """Gives the whole page."""
    groups = _groups(api)
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("link", rel="icon", href="data:,"),
        tag("title", "Segue: the HTTP API"),
        tag("style", Html(style)),
    )
    body = tag(
        "body",
        tag("a", "To the content", class_="skip", href="#content"),
        _navigation(groups),
        tag(
            "main",
            tag("h1", f"{api['info']['title']}: the HTTP API"),
            _introduction(str(api["info"]["version"])),
            *(_group(api, name, operations) for name, operations in groups.items()),
            _problems(api),
            _types(api),
            id="content",
        ),
    )
    return Html("<!doctype html>\n" + tag("html", head, body, lang="en"))


def _introduction(version: str) -> Html:
    about = tag(
        "p",
        f"Version {version}. For programs: ",
        tag("a", "/openapi.json", href="/openapi.json"),
        ". ",
        tag("a", "To the conversations", href="/"),
        ".",
    )
    return joined(prose(_INTRODUCTION), about)


def _groups(api: Json) -> dict[str, list[tuple[str, str, Json]]]:
    """Gives path, method and operation, by what they are about."""
    groups: dict[str, list[tuple[str, str, Json]]] = {}
    for path, methods in api["paths"].items():
        for method, operation in methods.items():
            groups.setdefault(_subject(path), []).append((path, method, operation))
    return groups


def _subject(path: str) -> str:
    words = [each for each in path.removeprefix(_PREFIX).split("/") if not each.startswith("{")]
    word = words[1] if len(words) > 1 and words[0] == "sessions" else words[0]
    return {"export": "Export and import", "import": "Export and import"}.get(
        word, word.replace("-", " ").capitalize()
    )


def _navigation(groups: Mapping[str, Sequence[tuple[str, str, Json]]]) -> Html:
    items = [
        tag(
            "li",
            tag("a", name, href=f"#{_anchor(name)}"),
            tag(
                "ul",
                *(
                    tag("li", tag("a", marked(each["summary"]), href=f"#{each['operationId']}"))
                    for _, _, each in operations
                ),
            ),
        )
        for name, operations in groups.items()
    ]
    others = [tag("li", tag("a", name, href=f"#{name.lower()}")) for name in ("Problems", "Types")]
    return tag(
        "nav",
        tag("details", tag("summary", "Contents"), tag("ul", *items, *others), open=""),
        aria_label="Contents",
    )


def _group(api: Json, name: str, operations: Sequence[tuple[str, str, Json]]) -> Html:
    anchor = _anchor(name)
    return tag(
        "section",
        tag("h2", name, id=anchor),
        *(_operation(api, path, method, each) for path, method, each in operations),
        aria_labelledby=anchor,
    )


def _anchor(name: str) -> str:
    return f"about-{name.lower().replace(' ', '-')}"


def _operation(api: Json, path: str, method: str, operation: Json) -> Html:
    name = str(operation["operationId"])
    return tag(
        "article",
        tag("h3", tag("a", marked(operation["summary"]), href=f"#{name}")),
        tag("p", tag("b", method.upper(), class_=method), " ", tag("code", path), class_="path"),
        tag(
            "pre",
            tag("code", request(api, path, method, operation)),
            tabindex="0",
            aria_label=f"A request: {operation['summary']}",
        ),
        *_parameters(operation),
        *_body(api, operation),
        *_answers(operation),
        id=name,
    )


def _parameters(operation: Json) -> Iterator[Html]:
    found = operation.get("parameters", ())
    if found:
        yield tag("h4", "Parameters")
        yield table(
            ("name", "where", "what it is"),
            [(tag("code", each["name"]), each["in"], described(each["schema"])) for each in found],
        )


def _body(api: Json, operation: Json) -> Iterator[Html]:
    if "requestBody" not in operation:
        return
    yield tag("h4", "Body")
    for type_, content in operation["requestBody"]["content"].items():
        if "$ref" not in content["schema"]:
            yield tag("p", tag("code", type_))
            continue
        found = api["components"]["schemas"][str(content["schema"]["$ref"]).rpartition("/")[2]]
        yield prose(str(found.get("description", "")))
        yield fields(found)


def _answers(operation: Json) -> Iterator[Html]:
    yield tag("h4", "Answers")
    rows: list[Sequence[str]] = []
    for status, answer in operation["responses"].items():
        text = str(answer["description"])
        if int(status) < 400:
            rows.append((status, _content(text, answer.get("content", {}))))
        else:
            codes = text.split(": ")[1].split(", ")
            links = [tag("a", code, href=f"#problem-{code}") for code in codes]
            rows.append((status, joined(*_listed(links))))
    yield table(("status", "what it says"), rows)


def _content(text: str, content: Json) -> Html:
    shown = [
        kind(each["schema"]) if "$ref" in each["schema"] else tag("code", type_)
        for type_, each in content.items()
    ]
    return joined(text, ": " if shown else "", *_listed(shown))


def _listed(links: Sequence[Html]) -> Iterator[str]:
    for number, link in enumerate(links):
        yield from (", ", link) if number else (link,)


def _problems(api: Json) -> Html:
    codes: dict[str, str] = {}
    for methods in api["paths"].values():
        for operation in methods.values():
            for status, answer in operation["responses"].items():
                if int(status) >= 400:
                    found = str(answer["description"]).split(": ")[1].split(", ")
                    codes.update(dict.fromkeys(found, status))
    meanings = _meanings()
    rows = [
        (tag("code", code, id=f"problem-{code}"), status, prose(meanings[code]))
        for code, status in sorted(codes.items(), key=lambda each: (each[1], each[0]))
    ]
    title = tag("h2", "Problems", id="problems")
    return tag("section", title, table(("code", "status", "what it means"), rows))


def _meanings() -> dict[str, str]:
    kinds = [each for each in vars(errors).values() if isinstance(each, type)]
    return {
        each.code: (each.__doc__ or "").split("\n\n")[0]
        for each in kinds
        if issubclass(each, errors.SegueError)
    }


def _types(api: Json) -> Html:
    shown = [
        tag(
            "article",
            tag("h3", name),
            prose(str(schema.get("description", ""))),
            fields(schema),
            id=f"type-{name}",
        )
        for name, schema in sorted(api["components"]["schemas"].items())
    ]
    return tag("section", tag("h2", "Types", id="types"), *shown)
