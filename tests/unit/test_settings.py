"""Settings: read once, refused with the variable's name, and all of them known to the README."""

import dataclasses
from pathlib import Path
from typing import get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.auth.origins import parse_origin
from segue.errors import ConfigurationError
from segue.setting_values import Unusable, duration
from segue.settings import Settings, describe, load, unknown

SECRET = "0123456789abcdef0123456789abcdef"


def refusal(**environ: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load(environ)
    return str(caught.value)


def test_an_empty_environment_gives_the_defaults() -> None:
    settings = load({})
    assert settings == Settings()
    assert (settings.host, settings.port, settings.data) == ("127.0.0.1", 8000, Path(".segue"))
    assert (settings.database_url, settings.secret, settings.origins) == (None, None, frozenset())
    assert not settings.allow_unsafe_database
    assert not settings.development


def test_every_variable_is_read() -> None:
    settings = load(
        {
            "HOST": "0.0.0.0",
            "PORT": "80",
            "LOG_LEVEL": "WARNING",
            "DATABASE_URL": "postgres://u:p@db/segue",
            "SEGUE_SECRET": SECRET,
            "SEGUE_DATA": "/data",
            "SEGUE_ORIGINS": "https://a.example, http://b.example:8080",
            "SEGUE_WORKERS": "3",
            "SEGUE_ALLOW_UNSAFE_DATABASE": "on",
            "SEGUE_MAX_FRAME": "1 MiB",
            "SEGUE_KEEP_ALIVE": "1.5s",
        }
    )
    assert (settings.host, settings.port, settings.log_level) == ("0.0.0.0", 80, "warning")
    assert settings.database_url == "postgres://u:p@db/segue"
    assert (settings.secret, settings.data) == (SECRET.encode(), Path("/data"))
    expected = {parse_origin("https://a.example"), parse_origin("http://b.example:8080")}
    assert settings.origins == expected
    assert settings.workers == 3
    assert settings.allow_unsafe_database
    assert (settings.max_frame_bytes, settings.keep_alive_s) == (1024 * 1024, 1.5)


def test_a_variable_that_is_set_to_nothing_is_not_set() -> None:
    assert load({setting.variable: " " for setting in describe()}) == load({})


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PORT", "abc"),
        ("PORT", "65536"),
        ("PORT", "-1"),
        ("PORT", "8_0"),
        ("PORT", "٣"),
        ("LOG_LEVEL", "loud"),
        ("DATABASE_URL", "mysql://db/segue"),
        ("DATABASE_URL", "db.example"),
        ("SEGUE_ORIGINS", "*"),
        ("SEGUE_ORIGINS", "https://a.example app.example"),
        ("SEGUE_ORIGINS", "https://a.example/path"),
        ("SEGUE_WORKERS", "-1"),
        ("SEGUE_ALLOW_UNSAFE_DATABASE", "maybe"),
        ("SEGUE_MAX_FRAME", "16 parsecs"),
        ("SEGUE_MAX_FRAME", "0"),
        ("SEGUE_MAX_FRAME", "-1"),
        ("SEGUE_MAX_FRAME", "1e400"),
        ("SEGUE_ROOM_GRACE", "soon"),
        ("SEGUE_SECRET", SECRET[:-1]),
        (
            "SEGUE_SECRET",
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBm/RAlphM3+hUG6wWfcO5bIUIaqMLa2ywxc",
        ),
    ],
)
def test_an_unusable_value_is_refused_by_name_with_an_example(variable: str, value: str) -> None:
    text = refusal(**{variable: value})
    assert text.startswith(f"{variable} is")
    assert f"Example: {variable}=" in text


@pytest.mark.parametrize(
    ("variable", "value"),
    [("SEGUE_SECRET", "correct horse"), ("DATABASE_URL", "mysql://root:correct horse@db/x")],
)
def test_a_secret_value_is_never_shown(variable: str, value: str) -> None:
    assert "correct horse" not in refusal(**{variable: value})


def test_settings_can_be_printed_without_giving_secrets_away() -> None:
    settings = load({"SEGUE_SECRET": SECRET, "DATABASE_URL": "postgres://u:hunter2@db/segue"})
    assert SECRET not in repr(settings)
    assert "hunter2" not in repr(settings)


def test_rates_and_counts_can_be_lifted_but_no_size() -> None:
    usual, lifted = load({}), load({"SEGUE_LIMITS": "off", "SEGUE_FRAME_RATE": "7"})
    for name in ("frames_per_s", "frame_burst", "presence_per_s", "max_sockets_per_user"):
        assert getattr(lifted, name) > 1_000_000 > getattr(usual, name)
    assert lifted.max_sockets_per_address > 1_000_000
    assert lifted.max_documents_per_socket > 1_000_000
    assert lifted.max_user_backlog_bytes > lifted.max_backlog_bytes
    assert (lifted.max_frame_bytes, lifted.max_document_bytes) == (16 << 20, 16 << 20)


def test_production_needs_a_secret() -> None:
    with pytest.raises(ConfigurationError, match="SEGUE_SECRET is not set"):
        load({}).signing_secret()
    assert load({"SEGUE_SECRET": SECRET}).signing_secret() == SECRET.encode()


def test_defaults_have_the_types_they_are_declared_with() -> None:
    plain = {"str": str, "int": int, "float": float, "bool": bool}
    for name, hint in get_type_hints(Settings).items():
        if hint in plain.values():
            assert type(getattr(load({}), name)) is hint, name


def test_every_setting_is_described_once() -> None:
    described = describe()
    assert len({setting.variable for setting in described}) == len(described)
    assert len(described) == len(dataclasses.fields(Settings)) - 1  # all but `development`
    assert all(setting.meaning.endswith(".") for setting in described)


def test_defaults_that_are_described_are_the_ones_in_force() -> None:
    written = {setting.variable: setting.default for setting in describe()}
    assert load(written) == load({})


def test_variables_that_are_no_settings_are_found() -> None:
    environ = {"SEGUE_ORIGIN": "x", "SEGUE_DATA": "y", "PATH": "z"}
    assert unknown(environ) == ("SEGUE_ORIGIN",)


def test_workers_follow_the_cores_unless_they_are_set() -> None:
    assert [load({}).worker_count(cores) for cores in (1, 2, 4, 64)] == [2, 2, 3, 16]
    assert load({"SEGUE_WORKERS": "1"}).worker_count(8) == 1


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("30s", 30), ("15m", 900), ("1h", 3600), ("7 D", 604800)]
)
def test_times_have_units(text: str, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["", "h", "0", "-1h", "1y", "1h30m", "inf", "nan"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(Unusable, match="not a time"):
        duration(text)


@given(st.sampled_from([setting.variable for setting in describe()]), st.text(max_size=50))
def test_any_value_is_read_or_refused(variable: str, value: str) -> None:
    try:
        load({variable: value})
    except ConfigurationError as error:
        assert str(error).startswith(variable)  # noqa: PT017 - either outcome is good
