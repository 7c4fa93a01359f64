"""Listening: a taken port is found out before anything starts, and who runs dev gets the next one."""

import contextlib
import socket
from collections.abc import Iterator

import pytest

from segue.cli.listening import PortTaken, listen, listen_from, port_of
from segue.errors import ConfigurationError


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that another program listens on, with a free one above it."""
    with contextlib.ExitStack() as stack:
        while True:
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            port: int = listener.getsockname()[1]
            with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port + 1)):
                break
        yield port


@pytest.fixture
def kept() -> Iterator[contextlib.ExitStack]:
    with contextlib.ExitStack() as stack:
        yield stack


def keep(kept: contextlib.ExitStack, sockets: list[socket.socket]) -> list[socket.socket]:
    for each in sockets:
        kept.enter_context(each)
    return sockets


def test_devices_can_connect_as_soon_as_it_returns(kept: contextlib.ExitStack) -> None:
    sockets = keep(kept, listen("127.0.0.1", 0))
    with socket.create_connection(("127.0.0.1", port_of(sockets)), timeout=5):
        pass


def test_a_taken_port_is_refused_with_what_to_do(taken: int) -> None:
    with pytest.raises(
        PortTaken, match=rf"Port {taken} on 127\.0\.0\.1 is taken.*PORT={taken + 1}"
    ):
        listen("127.0.0.1", taken)


def test_a_port_that_was_just_left_can_be_taken_again(kept: contextlib.ExitStack) -> None:
    first = listen("127.0.0.1", 0)
    port = port_of(first)
    with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        accepted, _ = first[0].accept()
        accepted.close()  # this side closes first: its end of the connection stays for a while
        client.recv(1)
    first[0].close()
    keep(kept, listen("127.0.0.1", port))


def test_two_servers_cannot_share_a_port(kept: contextlib.ExitStack) -> None:
    port = port_of(keep(kept, listen("127.0.0.1", 0)))
    with pytest.raises(PortTaken):
        listen("127.0.0.1", port)
    with pytest.raises(PortTaken):
        listen("0.0.0.0", port)


def test_the_next_free_port_is_found(taken: int, kept: contextlib.ExitStack) -> None:
    assert port_of(keep(kept, listen_from("127.0.0.1", taken))) > taken


def test_a_free_port_is_kept(taken: int, kept: contextlib.ExitStack) -> None:
    assert port_of(keep(kept, listen_from("127.0.0.1", taken + 1))) == taken + 1


def test_the_last_port_has_no_next_one(kept: contextlib.ExitStack) -> None:
    with contextlib.suppress(PortTaken):
        keep(kept, listen("127.0.0.1", 65535))
    with pytest.raises(PortTaken):
        listen_from("127.0.0.1", 65535)


def test_a_name_is_listened_on_at_all_its_addresses(kept: contextlib.ExitStack) -> None:
    sockets = keep(kept, listen("localhost", 0))
    assert len({each.getsockname()[1] for each in sockets}) == 1
    assert "127.0.0.1" in {each.getsockname()[0] for each in sockets}


@pytest.mark.parametrize("host", ["192.0.2.1", "no such host", "x" * 300, "a..b"])
def test_what_is_no_address_of_this_machine_is_refused(host: str) -> None:
    with pytest.raises(ConfigurationError, match="HOST is"):
        listen(host, 0)


def test_sockets_are_not_passed_on_to_other_programs(kept: contextlib.ExitStack) -> None:
    assert not any(each.get_inheritable() for each in keep(kept, listen("127.0.0.1", 0)))
