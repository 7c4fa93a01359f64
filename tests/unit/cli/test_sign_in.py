"""The sign-in link: for this machine, and for a phone in the same network."""

import getpass
import socket
from types import SimpleNamespace

import psutil
import pytest

from segue.cli import sign_in
from segue.cli.sign_in import lan_address, os_user, phone_host, sign_in_link
from segue.settings import Settings


def test_the_token_is_in_the_fragment() -> None:
    assert sign_in_link("127.0.0.1", 8000, "a.b.c") == "http://127.0.0.1:8000/#token=a.b.c"
    assert sign_in_link("::1", 8000, "a.b.c") == "http://[::1]:8000/#token=a.b.c"


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", None),
        ("127.8.8.8", None),
        ("::1", None),
        ("localhost", None),
        ("0.0.0.0", "lan 2"),
        ("::", "lan 10"),
        ("192.168.1.20", "192.168.1.20"),
        ("my-laptop.local", "my-laptop.local"),
    ],
)
def test_a_phone_comes_in_by_the_address_that_is_listened_on(
    monkeypatch: pytest.MonkeyPatch, host: str, expected: str | None
) -> None:
    monkeypatch.setattr(sign_in, "lan_address", lambda family: f"lan {family.value}")
    assert phone_host(Settings(host=host)) == expected


class Probe:
    """A socket that says by which address it would leave; without a route it fails."""

    address: str | None = None

    def __init__(self, family: int, kind: int) -> None:
        assert kind == socket.SOCK_DGRAM, "of UDP, connecting sends nothing"

    def __enter__(self) -> "Probe":
        return self

    def __exit__(self, *_: object) -> None:
        return

    def connect(self, to: tuple[str, int]) -> None:
        if self.address is None:
            raise OSError("no route")

    def getsockname(self) -> tuple[str | None, int]:
        return self.address, 1


@pytest.fixture
def probe(monkeypatch: pytest.MonkeyPatch) -> type[Probe]:
    """No route out, and these networks."""
    addresses = {
        "lo": ["127.0.0.1", "::1"],
        "down0": ["192.168.7.7"],
        "wan0": ["11.0.0.5", "fe80::1%wan0"],
        "wifi0": ["169.254.1.1", "192.168.1.20", "2001:db8:1::5"],
    }
    monkeypatch.setattr(
        psutil,
        "net_if_addrs",
        lambda: {
            name: [
                SimpleNamespace(
                    address=each, family=socket.AF_INET6 if ":" in each else socket.AF_INET
                )
                for each in found
            ]
            for name, found in addresses.items()
        },
    )
    monkeypatch.setattr(
        psutil,
        "net_if_stats",
        lambda: {name: SimpleNamespace(isup=name != "down0") for name in addresses},
    )
    kind = type("Probe", (Probe,), {})
    monkeypatch.setattr(sign_in.socket, "socket", kind)
    return kind


def test_the_address_is_the_one_that_packets_would_leave_by(probe: type[Probe]) -> None:
    probe.address = "10.0.0.7"
    assert lan_address(socket.AF_INET) == "10.0.0.7"


def test_in_a_network_without_a_way_out_it_is_the_machines_own(probe: type[Probe]) -> None:
    assert lan_address(socket.AF_INET) == "192.168.1.20"
    assert lan_address(socket.AF_INET6) == "2001:db8:1::5"
    probe.address = "127.0.0.1"
    assert lan_address(socket.AF_INET) == "192.168.1.20"


def test_without_a_network_there_is_none(
    probe: type[Probe], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(psutil, "net_if_addrs", dict)
    assert lan_address(socket.AF_INET) is None


def test_who_is_nobody_to_the_system_is_you(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> str:
        raise KeyError("getpwuid(): uid not found")

    monkeypatch.setattr(getpass, "getuser", fail)
    assert os_user() == "you"
