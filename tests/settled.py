"""What has to be true once everything is quiet: all equal, all saved, nothing promised and lost."""

from collections.abc import Sequence
from typing import Any

from devices import Device, DeviceHost
from stored import Stored, read_stored
from waiting import PATIENCE_S


async def assert_settled(
    host: DeviceHost,
    dsn: str,
    session: str,
    devices: Sequence[Device],
    timeout_s: float = PATIENCE_S,
) -> Stored:
    """Waits until all devices are saved and equal, then compares them with what is stored."""
    by_dialect = {
        dialect: [device for device in devices if device.dialect == dialect]
        for dialect in ("hocuspocus", "y-websocket")
    }
    await host.wait_all(by_dialect["hocuspocus"], timeout_s, saved=True, settled=True)
    await host.equal(devices, timeout_s)
    for device in by_dialect["y-websocket"]:
        await device.call("settle", timeout=timeout_s)
    hashes = await host.equal(devices, timeout_s)
    stored = await read_stored(dsn, session)
    replayed = await assert_all_acknowledged(host, stored, devices)
    assert replayed["content"] == hashes["content"], "the log replays to something else"
    assert replayed["state"] == hashes["state"], "the log replays to other inserts or deletes"
    return stored


async def assert_all_acknowledged(
    host: DeviceHost, stored: Stored, devices: Sequence[Device]
) -> Any:
    """Asserts that what devices were told is safe, or were shown of others, is in what is stored.

    Nothing may be committed between the reading of `stored` and this.
    """
    replayed = await host.fold(stored.updates, devices)
    assert not replayed["pending"], "a row builds on something that isn't stored"
    assert not replayed["early"], replayed["early"]
    for device, found in zip(devices, replayed["missing"], strict=True):
        assert found["lost"] == 0, f"{device.id}: acknowledged and not stored: {found}"
    return replayed
