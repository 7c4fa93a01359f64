"""Lines that break in the ways lines break, and servers that are killed."""

import re
from pathlib import Path

import pytest
from line import Line
from playwright.async_api import Browser, expect

from people import Devices
from servers import PostgresServer, SegueServer

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180)]


async def test_a_cut_line_is_noticed_and_mended(devices: Devices, server: SegueServer) -> None:
    laptop = await devices.open("laptop")
    await laptop.shows("Saved")
    async with Line.to(server.port) as line:
        phone = await devices.open("phone", origin=f"http://127.0.0.1:{line.port}")
        await phone.shows("Saved")
        for number in range(3):
            line.cut()
            await phone.send(f"phone {number}")
            await laptop.send(f"laptop {number}")
            await phone.shows("Saved")
        texts = await phone.messages.all_text_contents()
        assert sorted(texts) == sorted(
            f"{who} {n}" for who in ("phone", "laptop") for n in range(3)
        )
        await laptop.sees(*texts)


async def test_a_half_open_line_is_found(devices: Devices, server: SegueServer) -> None:
    """That it takes under ten seconds is proven on a scripted clock, in the client's own tests."""
    laptop = await devices.open("laptop")
    await laptop.shows("Saved")
    async with Line.to(server.port) as line:
        phone = await devices.open("phone", origin=f"http://127.0.0.1:{line.port}")
        await phone.shows("Saved")
        line.half_open()
        await phone.send("Into the void")
        await phone.shows("Saving…")
        await phone.shows("Saved")
        await laptop.sees("Into the void")


async def test_on_a_slow_line_drafts_of_both_devices_survive(
    devices: Devices, server: SegueServer
) -> None:
    laptop = await devices.open("laptop")
    await laptop.shows("Saved")
    async with Line.to(server.port) as line:
        phone = await devices.open("phone", origin=f"http://127.0.0.1:{line.port}")
        await phone.shows("Saved")
        line.delay_s = 0.2
        await phone.composer.press_sequentially("from the phone ", delay=20)
        await laptop.composer.press_sequentially("from the laptop ", delay=20)
        line.delay_s = 0
        whole = re.compile("^.{31}$")
        for device in (phone, laptop):
            await expect(device.composer).to_have_value(whole)
        value = await phone.composer.input_value()
        # One stands inside the other where the second began to type, and neither is torn apart.
        assert value.replace("from the laptop ", "", 1) == "from the phone "
        assert await laptop.composer.input_value() == value


async def test_a_killed_server_loses_nothing_that_showed_saved(
    browser: Browser, postgres: PostgresServer, tmp_path: Path, session: str
) -> None:
    address = await postgres.new_database()
    async with SegueServer.started(tmp_path, database_url=address) as server:
        devices = Devices(browser, server, session)
        phone, laptop = await devices.open("phone"), await devices.open("laptop")
        said = []
        for number in range(3):
            said.append(f"before {number}")
            await phone.send(said[-1])
            await phone.shows("Saved")
            server.kill()
            said.append(f"while away {number}")
            await laptop.send(said[-1])
            await server.start()
            await phone.shows("Saved")
            await laptop.shows("Saved")
            await phone.sees(*said)
            await laptop.sees(*said)
        await devices.close()
