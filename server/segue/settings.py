"""Every setting, read once from the environment into one frozen object.

A setting is declared once, below: variable, default, how it is read, what it means. README's table
is `describe()`. Values that can't be used stop the start with a text that names the variable.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Final, NoReturn, TypeVar

from segue import setting_values as values
from segue.auth.origins import Origin
from segue.auth.tokens import MIN_SECRET_BYTES
from segue.errors import ConfigurationError

Value = TypeVar("Value")

_UNLIMITED: Final = 999_999_999


@dataclass(frozen=True, slots=True)
class Setting:
    """What an operator has to know of one setting; `default` as one would write it."""

    variable: str
    default: str
    meaning: str


@dataclass(frozen=True, slots=True)
class _Source:
    setting: Setting
    read: Callable[[str], object]
    example: str
    hidden: bool = False


def _from(
    variable: str, default: str, read: Callable[[str], Value], meaning: str, *, example: str = ""
) -> Value:
    source = _Source(Setting(variable, default, meaning), read, example or default)
    return _declared(source, read(default))


def _from_hidden(
    variable: str, read: Callable[[str], Value], meaning: str, example: str
) -> Value | None:
    """Declares a setting without a default, whose value is never shown."""
    source = _Source(Setting(variable, "", meaning), read, example, hidden=True)
    return _declared(source, None)


def _declared(source: _Source, default: Value) -> Value:
    return field(default=default, metadata={"source": source}, repr=not source.hidden)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All that the environment decides. `development` is set by `segue dev` alone."""

    development: bool = False

    host: str = _from("HOST", "127.0.0.1", values.text, "Address to listen on.")
    port: int = _from(
        "PORT", "8000", values.whole(0, 65535), "Port to listen on; 0 takes any free one."
    )
    log_level: str = _from(
        "LOG_LEVEL",
        "info",
        values.level,
        "Least level that is logged: debug, info, warning or error.",
    )
    colour: bool = _from(
        "NO_COLOR", "", values.is_empty, "Set to anything: no colours in the terminal.", example="1"
    )
    database_url: str | None = _from_hidden(
        "DATABASE_URL",
        values.database,
        "Postgres to use, instead of one that Segue runs by itself.",
        "postgresql://user:password@localhost:5432/segue",
    )
    allow_unsafe_database: bool = _from(
        "SEGUE_ALLOW_UNSAFE_DATABASE",
        "off",
        values.switch,
        "Takes a Postgres with fsync or synchronous_commit off: a power cut loses saved work.",
    )
    data: Path = _from(  # noqa: RUF009 - a Path is as immutable as the other defaults
        "SEGUE_DATA",
        ".segue",
        values.folder,
        "Folder of Segue's own Postgres and of its own secret.",
    )
    secret: bytes | None = _from_hidden(
        "SEGUE_SECRET",
        values.secret,
        f"Key of the tokens (HS256), {MIN_SECRET_BYTES} bytes or more. `segue dev` makes its own.",
        "$(openssl rand -hex 32)",
    )
    origins: frozenset[Origin] = _from(
        "SEGUE_ORIGINS",
        "",
        values.origins,
        "Web pages that may connect beside the server's own, separated by commas.",
        example="https://app.example.com,https://www.example.com",
    )
    guests: bool | None = _from(
        "SEGUE_GUESTS",
        "",
        values.switch_or_unset,
        "Lets people without a token in by a share link. `segue dev` does, `segue serve` doesn't.",
        example="on",
    )
    agent: str = _from(
        "SEGUE_AGENT",
        "",
        values.text,
        "Who answers: `demo`, `openai`, `none`, or `module:factory` of yours. `segue dev` has the demo.",
    )
    remote_agents: tuple[str, ...] = _from(
        "SEGUE_REMOTE_AGENTS",
        "",
        values.names,
        "Agents that answer from programs of their own, by name, separated by commas.",
        example="helper,writer",
    )
    agent_model: str = _from(
        "SEGUE_AGENT_MODEL", "", values.text, "Model that the agent `openai` asks."
    )
    agent_instructions: str = _from(
        "SEGUE_AGENT_INSTRUCTIONS", "", values.text, "What the agent `openai` is told to be."
    )
    agent_max_tokens: int = _from(
        "SEGUE_AGENT_MAX_TOKENS",
        "0",
        values.whole(0, 100_000_000),
        "About how many tokens `openai` sends at most, leaving out the oldest turns; 0: no limit.",
    )
    openai_api_key: str | None = _from_hidden(
        "OPENAI_API_KEY", values.text, "Key for the model's server.", "sk-..."
    )
    openai_base_url: str = _from(
        "OPENAI_BASE_URL", "", values.text, "Another server that speaks OpenAI's Chat Completions."
    )
    max_frame_bytes: int = _from(
        "SEGUE_MAX_FRAME", "16MiB", values.size, "Largest frame a device may send."
    )
    max_update_bytes: int = _from(
        "SEGUE_MAX_UPDATE",
        "1MiB",
        values.size,
        "Largest single edit; first syncs are bounded by frame.",
    )
    max_documents_per_socket: int = _from(
        "SEGUE_MAX_DOCUMENTS_PER_SOCKET",
        "100",
        values.whole(1, 100_000),
        "Documents that one socket may have open.",
    )
    max_document_bytes: int = _from(
        "SEGUE_MAX_DOCUMENT",
        "16MiB",
        values.size,
        "Size from which a document takes deletions only.",
    )
    max_sockets_per_user: int = _from(
        "SEGUE_MAX_SOCKETS_PER_USER",
        "200",
        values.whole(1, _UNLIMITED),
        "Sockets that one user may have open.",
    )
    max_sockets_per_address: int = _from(
        "SEGUE_MAX_SOCKETS_PER_ADDRESS",
        "1000",
        values.whole(1, _UNLIMITED),
        "Sockets from one address (of IPv6: one /64 network).",
    )
    proxies: str = _from(
        "SEGUE_PROXIES",
        "127.0.0.1,::1",
        values.text,
        "Proxies whose X-Forwarded-For is believed, separated by commas.",
    )
    frames_per_s: int = _from(
        "SEGUE_FRAME_RATE",
        "500",
        values.whole(1, _UNLIMITED),
        "Messages a second that a socket may send, for long.",
    )
    frame_burst: int = _from(
        "SEGUE_FRAME_BURST", "2000", values.whole(1, _UNLIMITED), "Messages it may send at once."
    )
    presence_per_s: int = _from(
        "SEGUE_PRESENCE_RATE",
        "10",
        values.whole(1, _UNLIMITED),
        "Presence states a second that are passed on for a device; of more the latest.",
    )
    limits: bool = _from(
        "SEGUE_LIMITS", "on", values.switch, "`off` lifts rates, counts and shares: for benchmarks."
    )
    max_presence_bytes: int = _from(
        "SEGUE_MAX_PRESENCE", "2KiB", values.size, "Largest presence state of a device."
    )
    sign_in_s: float = _from(
        "SEGUE_SIGN_IN_TIMEOUT",
        "5s",
        values.duration,
        "How long a socket may be open without a token.",
    )
    max_sign_in_bytes: int = _from(
        "SEGUE_MAX_SIGN_IN",
        "64KiB",
        values.size,
        "What a socket may send before its token is checked.",
    )
    write_mark_bytes: int = _from(
        "SEGUE_WRITE_MARK",
        "256KiB",
        values.size,
        "Unread bytes beyond which a device gets nothing, then all it misses at once.",
    )
    max_backlog_bytes: int = _from(
        "SEGUE_MAX_BACKLOG",
        "64MiB",
        values.size,
        "Edits held for Postgres before writers are sent away.",
    )
    max_user_backlog_bytes: int = _from(
        "SEGUE_MAX_BACKLOG_PER_USER",
        "16MiB",
        values.size,
        "Of those, the edits of one user.",
    )
    max_file_bytes: int = _from(
        "SEGUE_MAX_FILE", "25MiB", values.size, "Largest file in a session."
    )
    max_session_files_bytes: int = _from(
        "SEGUE_MAX_FILES_PER_SESSION", "1GiB", values.size, "All files of a session together."
    )
    max_user_files_bytes: int = _from(
        "SEGUE_MAX_FILES_PER_USER",
        "1GiB",
        values.size,
        "All files that one user has added, in all sessions together.",
    )
    room_grace_s: float = _from(
        "SEGUE_ROOM_GRACE",
        "30s",
        values.duration,
        "How long a document without devices stays in memory.",
    )
    snapshot_every_rows: int = _from(
        "SEGUE_SNAPSHOT_EVERY",
        "500",
        values.whole(1, 1_000_000),
        "Rows of a document's log between two snapshots.",
    )
    workers: int = _from(
        "SEGUE_WORKERS",
        "0",
        values.whole(0, 256),
        "Processes that hold documents; 0: chosen by cores.",
    )
    worker_cpu_s: float = _from(
        "SEGUE_WORKER_CPU", "2s", values.duration, "CPU time that one edit may take."
    )
    worker_load_cpu_s: float = _from(
        "SEGUE_WORKER_LOAD_CPU",
        "20s",
        values.duration,
        "CPU time to load or read a whole document.",
    )
    worker_memory_bytes: int = _from(
        "SEGUE_WORKER_MEMORY", "2GiB", values.size, "Memory that one worker process may use."
    )
    keep_alive_s: float = _from(
        "SEGUE_KEEP_ALIVE",
        "10s",
        values.duration,
        "How often a silent server sends a sign of life.",
    )
    drain_s: float = _from(
        "SEGUE_DRAIN",
        "100ms",
        values.duration,
        "How long a stopping node says so in /readyz before it sends devices away.",
    )
    token_lead_s: float = _from(
        "SEGUE_TOKEN_LEAD",
        "30s",
        values.duration,
        "How long before a token ends a new one is asked for.",
    )

    def worker_count(self, cores: int) -> int:
        """Gives the number of worker processes: at least two, so that a stuck one isn't all."""
        return self.workers or max(2, min(cores - 1, 16))

    @property
    def agent_spec(self) -> str | None:
        """Who answers in sessions that say nothing else; None for nobody."""
        spec = self.agent or ("demo" if self.development else "none")
        return None if spec == "none" else spec

    @property
    def admits_guests(self) -> bool:
        """Tells whether a share link is enough to come in."""
        return self.development if self.guests is None else self.guests

    def signing_secret(self) -> bytes:
        """Gives the secret.

        Raises:
            ConfigurationError: none is set.
        """
        if self.secret is None:
            raise ConfigurationError(
                "SEGUE_SECRET is not set; tokens are signed with it. "
                "Example: SEGUE_SECRET=$(openssl rand -hex 32)"
            )
        return self.secret


_LIFTED: Final[dict[str, Any]] = dict.fromkeys(
    (
        "max_documents_per_socket",
        "max_sockets_per_user",
        "max_sockets_per_address",
        "max_user_backlog_bytes",
        "frames_per_s",
        "frame_burst",
        "presence_per_s",
    ),
    _UNLIMITED,
)
"""What `SEGUE_LIMITS=off` sets."""


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """Reads the settings; a variable that is empty counts as not set.

    Raises:
        ConfigurationError: a value can't be used; the text names it, unless it is a secret.
    """
    found: dict[str, Any] = {}
    for name, source in _sources().items():
        raw = environ.get(source.setting.variable, "").strip()
        if raw:
            found[name] = _read(source, raw)
    settings = replace(Settings(), **found)
    return settings if settings.limits else replace(settings, **_LIFTED)


def describe() -> tuple[Setting, ...]:
    """Lists every setting, in the order of the table in README."""
    return tuple(source.setting for source in _sources().values())


def unknown(environ: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Lists variables that look like settings of ours and are none: misspelt, or of another version."""
    known = {setting.variable for setting in describe()}
    return tuple(
        sorted(name for name in environ if name.startswith("SEGUE_") and name not in known)
    )


def _sources() -> dict[str, _Source]:
    return {
        declared.name: declared.metadata["source"]
        for declared in fields(Settings)
        if "source" in declared.metadata
    }


def _read(source: _Source, raw: str) -> object:
    try:
        return source.read(raw)
    except values.Unusable as problem:
        _refuse(source, raw, problem)


def _refuse(source: _Source, raw: str, problem: values.Unusable) -> NoReturn:
    variable = source.setting.variable
    shown = "" if source.hidden else f" {raw!r},"
    raise ConfigurationError(
        f"{variable} is{shown} {problem}. Example: {variable}={source.example}"
    ) from problem
