"""`/docs`: all of the API in one page that needs nothing else, and takes no text for HTML."""

import re
from typing import Any

import pytest
from starlette.applications import Starlette

from asgi import ask
from segue.http.openapi import describe
from segue.http.reference.html import Html, joined, prose, tag
from segue.http.reference.page import page, reference_route
from segue.http.session_operations import OPERATIONS

API: dict[str, Any] = describe(OPERATIONS)
PAGE = page(API, "")


def test_every_operation_problem_and_type_is_there() -> None:
    anchors = set(re.findall(r' id="([^"]+)"', PAGE))
    assert {operation.name for operation in OPERATIONS} <= anchors
    assert {f"type-{name}" for name in API["components"]["schemas"]} <= anchors
    codes = {kind.code for operation in OPERATIONS for kind in operation.errors}
    assert {f"problem-{code}" for code in codes} <= anchors
    assert len(anchors) == len(re.findall(r' id="', PAGE)), "an id twice"


def test_every_link_inside_leads_somewhere() -> None:
    anchors = set(re.findall(r' id="([^"]+)"', PAGE))
    assert set(re.findall(r'href="#([^"]+)"', PAGE)) <= anchors


def test_it_needs_nothing_else() -> None:
    assert not re.search(r"<script|<img|<iframe|@import|url\(|javascript:| on\w+=", PAGE)
    assert set(re.findall(r'href="([^#"][^"]*)"', PAGE)) == {"data:,", "/openapi.json", "/"}


def test_text_is_never_taken_for_html() -> None:
    hostile = '<b onclick="x">&amp;'
    shown = "&lt;b onclick=&quot;x&quot;&gt;&amp;amp;"
    assert joined(hostile) == shown
    assert tag("p", hostile, title=hostile) == f'<p title="{shown}">{shown}</p>'
    assert prose(f"`{hostile}`") == f"<p><code>{shown}</code></p>"
    assert tag("p", Html("<i>")) == "<p><i></p>"


@pytest.mark.anyio
async def test_it_is_read_without_a_token_and_runs_nothing() -> None:
    app = Starlette(routes=[reference_route(OPERATIONS)])
    answer = await ask(app, "/docs", "GET")
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "script" not in policy
    again = await ask(app, "/docs", "GET", headers={"if-none-match": answer.headers["etag"]})
    assert (again.status, again.body) == (304, b"")
    small = await ask(app, "/docs", "GET", headers={"accept-encoding": "gzip"})
    assert len(small.body) * 4 < len(answer.body)
