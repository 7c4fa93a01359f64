"""The API on fakes, asked without a network."""

import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette

from asgi import Answer, ask
from fake_documents import FakeDocuments
from fake_files import FakeFiles
from registers import FakeLinks, FakeMembers, FakeRegister
from segue.auth import tokens
from segue.auth.attempts import Attempts
from segue.auth.grants import Role
from segue.auth.tokens import Claims
from segue.conversation.events import Events
from segue.conversation.files import Files, FileServices
from segue.conversation.guests import Guests
from segue.conversation.members import Members, MemberServices
from segue.conversation.messages import Messages
from segue.conversation.runs import Runs
from segue.conversation.sessions import Sessions, SessionServices
from segue.conversation.share_links import LinkServices, ShareLinks
from segue.conversation.transfers import Transfers
from segue.http.openapi import openapi_route
from segue.http.operations import MAX_IN_FLIGHT, Api, ApiServices
from segue.http.pace import Writes
from segue.http.problems import HANDLERS
from segue.http.session_operations import OPERATIONS
from segue.hub.quota import Quota
from segue.ids import DeviceId, DocumentId, UserId

SECRET = b"a secret for tests only, forty-two letters"
NOW_MS = 1_764_000_000_000
MAX_BODY = 4096
MANY_WRITES = 1_000
MAX_FILE = 100_000
MAX_ATTEMPTS = 100
MAX_FILE = 600_000


class Flushed:
    """Summaries that are stored whenever they are asked to be."""

    def __init__(self) -> None:
        self.told: list[DocumentId] = []

    async def changed(self, document: DocumentId) -> None:
        self.told.append(document)

    async def flush(self) -> None:
        return


def token(user: str, device: str = "", **sessions: Role) -> str:
    listed = {DocumentId(key): role for key, role in sessions.items()} or None
    claims = Claims(user=UserId(user), device=DeviceId(device), sessions=listed)
    return tokens.mint(SECRET, claims, now=NOW_MS / 1000, ttl_s=60)


@dataclass
class Scene:
    """An API with everything behind it in reach."""

    register: FakeRegister = field(default_factory=FakeRegister)
    documents: FakeDocuments = field(default_factory=FakeDocuments)
    files: FakeFiles = field(default_factory=FakeFiles)
    summaries: Flushed = field(default_factory=Flushed)
    api: Api = field(default_factory=Api)
    changed: list[tuple[DocumentId, UserId]] = field(default_factory=list)
    guests: bool = True
    numbers: Any = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        services = SessionServices(
            self.register,
            self.documents,
            self.summaries,
            lambda: f"id-{next(self.numbers)}",
            SECRET,
        )
        sessions = Sessions(services)
        self.api.services = ApiServices(
            sessions=sessions,
            transfers=Transfers(services, sessions, lambda: NOW_MS, MAX_FILE),
            messages=Messages(services, lambda: NOW_MS),
            members=Members(
                MemberServices(self.register, FakeMembers(self.register), self._on_changed)
            ),
            links=ShareLinks(
                LinkServices(
                    self.register,
                    FakeLinks(self.register),
                    Guests(SECRET, lambda: NOW_MS / 1000, admitted=self.guests),
                    self._on_changed,
                    services.mint,
                )
            ),
            attempts=Attempts(MAX_ATTEMPTS, per_s=3600),
            writes=Writes(MANY_WRITES, MANY_WRITES),
            runs=Runs(services),
            files=Files(
                FileServices(self.register, self.files, self.files, services.mint, MAX_FILE)
            ),
            downloads=Quota(MAX_IN_FLIGHT),
            events=Events(self.register, self.documents, lambda: NOW_MS / 1000),
            verify=lambda text: tokens.verify(SECRET, text, now=NOW_MS / 1000),
            max_body_bytes=MAX_BODY,
        )
        self.app = Starlette(
            routes=[*self.api.routes(OPERATIONS), openapi_route(OPERATIONS)],
            exception_handlers=dict(HANDLERS),
        )

    def _on_changed(self, session: DocumentId, user: UserId) -> None:
        self.changed.append((session, user))

    async def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        user: str | None = "alice",
        raw: bytes | None = None,
        parts: Sequence[bytes] | None = None,
        is_whole: bool = True,
        raising: type[Exception] | None = None,
        **headers: str,
    ) -> Answer:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if user is not None:
            sent.setdefault("authorization", f"Bearer {token(user)}")
        if body is not None or raw is not None:
            sent.setdefault("content-type", "application/json")
        data = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        return await ask(
            self.app,
            path,
            method,
            headers=sent,
            body=data,
            parts=parts,
            is_whole=is_whole,
            raising=raising,
        )

    def join(self, session: str, user: str, role: Role) -> None:
        self.register.members[DocumentId(session)][UserId(user)] = role
