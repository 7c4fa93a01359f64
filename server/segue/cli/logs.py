"""Logging: one JSON object a line, or readable lines on a terminal; always to stderr.

Tokens stay out by three means. What is logged by name is dropped here; the finished line goes through
`redact`; and uvicorn's own loggers, which write whole URLs and in debug whole handshakes, are held at
warnings whatever LOG_LEVEL says (start it with `log_config=None`, `access_log=False`).
"""

import logging
from collections.abc import MutableMapping
from typing import Any, Final, TextIO

import structlog
from structlog.typing import EventDict, Processor

from segue.auth.redaction import REDACTED, redact

_SECRET_FIELDS: Final = frozenset({"token", "secret", "password", "authorization", "dsn"})
_NOISY: Final = ("uvicorn", "uvicorn.error", "uvicorn.access", "websockets", "asyncio")


def configure_logging(level: str, stream: TextIO, *, colour: bool) -> None:
    """Sends all that is logged in this process to `stream`; later calls replace earlier ones."""
    least = logging.getLevelNamesMapping()[level.upper()]
    finish = _finishing(terminal=stream.isatty(), colour=colour)
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, *_shared(), *finish],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    _configure_foreign(least, stream, finish)


def _shared() -> list[Processor]:
    return [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _drop_secret_fields,
    ]


def _finishing(*, terminal: bool, colour: bool) -> list[Processor]:
    if terminal:
        # Never the rich tracebacks that structlog prefers: they print local variables.
        renderer: list[Processor] = [
            structlog.dev.ConsoleRenderer(
                colors=colour, exception_formatter=structlog.dev.plain_traceback
            )
        ]
    else:
        renderer = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    return [*renderer, _redact_line]


def _configure_foreign(least: int, stream: TextIO, finish: list[Processor]) -> None:
    """Has the libraries' logs (standard logging, warnings) look and end up like ours."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *_shared()],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *finish],
        )
    )
    logging.captureWarnings(capture=True)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(least)
    for name in _NOISY:
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], True
        logger.setLevel(max(least, logging.WARNING))


def _drop_secret_fields(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> EventDict:
    return {key: REDACTED if key.lower() in _SECRET_FIELDS else event[key] for key in event}


def _redact_line(_logger: Any, _method: str, line: Any) -> str:
    return redact(str(line))
