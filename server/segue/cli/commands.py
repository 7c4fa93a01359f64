"""`segue dev | serve | migrate | token`."""

import sys
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import structlog

from segue import app, setting_values
from segue.auth.grants import Role
from segue.auth.tokens import AGENT_SCOPE, Claims, mint, verify
from segue.cli.listening import listen, listen_from, port_of
from segue.cli.logs import configure_logging
from segue.cli.secret import kept_secret, secret_path
from segue.cli.sign_in import TOKEN_TTL_S, os_user
from segue.cli.terminal import Terminal, ready_banner
from segue.errors import Unauthenticated
from segue.ids import DeviceId, DocumentId, UserId, session_id
from segue.settings import Settings, load, unknown

log = structlog.get_logger()

_host = click.option("--host", help="Address to listen on, instead of HOST.")
_port = click.option("--port", type=click.IntRange(0, 65535), help="Port, instead of PORT.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="segue", message="%(package)s %(version)s")
def commands() -> None:
    """Keeps one conversation going across every device, person and agent in it."""


@commands.command()
@_host
@_port
@click.option("--user", help="Whom the sign-in link is for.  [default: the system's user]")
def dev(host: str | None, port: int | None, user: str | None) -> None:
    """Runs a server with nothing to set up: its own secret, its own Postgres, a free port."""
    settings = _settings(host, port)
    terminal = Terminal(colour=settings.colour)
    is_first = settings.database_url is None and not settings.data.exists()
    settings = replace(
        settings, development=True, secret=settings.secret or kept_secret(settings.data)
    )
    token = _sign_in_token(settings, user or os_user())
    sockets = listen_from(settings.host, settings.port)
    asked, settings = settings.port, replace(settings, port=port_of(sockets))

    def banner(folder: Path | None) -> None:
        ready_banner(terminal, settings, asked, folder, token)
        _configure_logging(settings)
        _warn_of_unknown()

    # Until then only what is wrong is logged: what an operator reads first is the banner.
    _configure_logging(_quiet(settings))
    terminal.say("Setting up a database, then starting ..." if is_first else "Starting ...")
    with suppress(KeyboardInterrupt):
        app.serve(settings, sockets=sockets, banner=banner)
    terminal.say("\nStopped.")


@commands.command()
@_host
@_port
def serve(host: str | None, port: int | None) -> None:
    """Runs a server for production; needs SEGUE_SECRET."""
    settings = _settings(host, port)
    settings.signing_secret()
    sockets = listen(settings.host, settings.port)
    settings = replace(settings, port=port_of(sockets))
    _configure_logging(settings)
    _warn_of_unknown()
    log.info("node.listening", host=settings.host, port=settings.port)
    if settings.database_url is None:
        log.info("node.own_postgres", data=str(settings.data.absolute()), because="no DATABASE_URL")
    app.serve(settings, sockets=sockets, banner=None)


@commands.command()
@click.option("--status", is_flag=True, help="Lists migrations instead, done or not.")
@click.option("--check", is_flag=True, help="Changes nothing; exit code 1 if any is missing.")
def migrate(*, status: bool, check: bool) -> None:
    """Brings the database to the schema of this version."""
    settings = load()
    _configure_logging(_quiet(settings))
    terminal = Terminal(colour=settings.colour)
    if not (status or check):
        applied = app.migrate(settings)
        terminal.say(f"Applied {', '.join(applied)}." if applied else "Nothing to do: up to date.")
        return
    found = app.migration_status(settings)
    if status:
        terminal.table(("done" if each.applied else "missing", each.name) for each in found)
    if check and not all(each.applied for each in found):
        terminal.fail("The database lacks migrations. Run `segue migrate`.")
        raise click.exceptions.Exit(1)


def _session(_context: object, _parameter: object, names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if session_id(name) is None:
            raise click.BadParameter(
                f"{name!r} has other than 1 to 128 letters, digits, '_' or '-'."
            )
    return names


def _seconds(_context: object, _parameter: object, text: str) -> float:
    try:
        return setting_values.duration(text)
    except setting_values.Unusable as error:
        raise click.BadParameter(f"{text!r} is {error}.") from error


@commands.command()
@click.option("--user", required=True, help="Who it speaks for; any name or id of yours.")
@click.option("--session", multiple=True, callback=_session, help="Only this one; repeatable.")
@click.option(
    "--role",
    type=click.Choice([role.value for role in Role]),
    help="What it may do in the sessions listed.  [default: editor]",
)
@click.option(
    "--ttl", default="1d", show_default=True, callback=_seconds, help="As in 15m, 1h, 7d."
)
@click.option("--device", default="", help="The device it is for.")
@click.option("--name", default="", help="The name that others see.")
@click.option("--agent", is_flag=True, help="For a program that answers as the agent of this name.")
def token(  # noqa: PLR0913 - its options
    user: str,
    session: tuple[str, ...],
    role: str | None,
    ttl: float,
    device: str,
    name: str,
    *,
    agent: bool,
) -> None:
    """Prints a token, on the last line of its output."""
    if agent and role not in (None, Role.AGENT):
        raise click.UsageError("An agent's role is agent: leave --role out.")
    role = Role.AGENT if agent and session else role
    if role and not session:
        raise click.UsageError(
            "--role belongs to a --session; without one the user's own roles hold."
        )
    granted = Role(role or Role.EDITOR)
    claims = Claims(
        user=UserId(user),
        device=DeviceId(device),
        name=name,
        scope=AGENT_SCOPE if agent else "",
        sessions={DocumentId(each): granted for each in session} or None,
    )
    settings = load()
    is_new = not (settings.secret or secret_path(settings.data).exists())
    secret = settings.secret or kept_secret(settings.data)
    now = datetime.now(UTC)
    text = _mint(secret, claims, now, ttl)
    terminal = Terminal(colour=settings.colour)
    terminal.note(_about(claims, granted, now + timedelta(seconds=ttl), settings))
    if is_new:
        terminal.note("That secret is new: servers started in other folders won't take this token.")
    terminal.say(text)


def _sign_in_token(settings: Settings, user: str) -> str:
    claims = Claims(UserId(user), name=user)
    return _mint(settings.signing_secret(), claims, datetime.now(UTC), TOKEN_TTL_S)


def _mint(secret: bytes, claims: Claims, now: datetime, ttl_s: float) -> str:
    text = mint(secret, claims, now=now.timestamp(), ttl_s=ttl_s)
    try:
        verify(secret, text, now=now.timestamp())  # what a server would refuse is refused here
    except Unauthenticated as error:
        raise click.UsageError(f"No server would take this token. {error}") from error
    return text


def _about(claims: Claims, role: Role, ends: datetime, settings: Settings) -> str:
    reach = f"{role} of {', '.join(claims.sessions)}" if claims.sessions else "all they may open"
    if claims.scope == AGENT_SCOPE and not claims.sessions:
        reach = "answers wherever it is the responder"
    key = "SEGUE_SECRET" if settings.secret else str(secret_path(settings.data).absolute())
    return f"For {claims.user}: {reach}, until {ends:%Y-%m-%d %H:%M} UTC. Signed with {key}."


def _settings(host: str | None, port: int | None) -> Settings:
    settings = load()
    return replace(
        settings,
        host=settings.host if host is None else host,
        port=settings.port if port is None else port,
    )


def _configure_logging(settings: Settings) -> None:
    configure_logging(settings.log_level, sys.stderr, colour=settings.colour)


def _quiet(settings: Settings) -> Settings:
    """Gives settings that log only what is wrong, unless all is asked for."""
    if settings.log_level == "info":
        return replace(settings, log_level="warning")
    return settings


def _warn_of_unknown() -> None:
    for variable in unknown():
        log.warning("settings.unknown", variable=variable)
