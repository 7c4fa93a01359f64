"""What the `payload` columns hold: a format byte, then the content.

Format 3, checked: a CRC-32 of the content, big-endian, then the content. In `updates`: a msgpack
array of runs, each [user, device, [data, ...]]; a run is what one device sent in a row, so that its
names are stored once. In `snapshots`: the bytes as the document gave them. Format 0 is the same
without the CRC: read, not written any more. Format 1 will be the sealed one.

Decoding is total: any bytes give a value or `CorruptPayload`. Without the CRC a flipped bit would
mostly be read as another text, and be shown to everybody as what was written.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import Final
from zlib import crc32

import msgspec

from segue.document.submission import LoggedUpdate
from segue.errors import Quarantined
from segue.ids import DeviceId, UserId

_CRC_BYTES: Final = 4


class _Format:
    PLAIN: Final = b"\x00"
    CHECKED: Final = b"\x03"  # two bits from PLAIN: no flip makes one the other


class CorruptPayload(Quarantined):
    """A stored payload is not what was written."""


class _Run(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    user: UserId
    device: DeviceId
    data: list[bytes]


_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(list[_Run])


def encode_updates(updates: Sequence[LoggedUpdate]) -> bytes:
    """Gives the payload of one row: these updates, in this order."""
    runs = [
        _Run(user, device, [update.data for update in sent])
        for (user, device), sent in groupby(
            updates, key=lambda update: (update.user, update.device)
        )
    ]
    return _checked(_encoder.encode(runs))


def decode_updates(payload: bytes) -> tuple[LoggedUpdate, ...]:
    """Gives the updates of a row.

    Raises:
        CorruptPayload: these bytes were not made by `encode_updates`.
    """
    try:
        runs = _decoder.decode(_content(payload))
    except msgspec.DecodeError as error:
        raise CorruptPayload(f"a row of the log can't be read: {error}") from error
    return tuple(LoggedUpdate(run.user, run.device, data) for run in runs for data in run.data)


def encode_snapshot(snapshot: bytes) -> bytes:
    """Gives the payload of a snapshot."""
    return _checked(snapshot)


def decode_snapshot(payload: bytes) -> bytes:
    """Gives the snapshot.

    Raises:
        CorruptPayload: these bytes were not made by `encode_snapshot`.
    """
    return bytes(_content(payload))


def _checked(content: bytes) -> bytes:
    return _Format.CHECKED + crc32(content).to_bytes(_CRC_BYTES) + content


def _content(payload: bytes) -> memoryview:
    view = memoryview(payload)
    match payload[:1]:
        case _Format.CHECKED:
            content = view[1 + _CRC_BYTES :]
            if crc32(content).to_bytes(_CRC_BYTES) != view[1 : 1 + _CRC_BYTES]:
                raise CorruptPayload("a stored payload is damaged: its CRC is another one")
            return content
        case _Format.PLAIN:
            return view[1:]
        case found:
            raise CorruptPayload(
                f"a stored payload has the format {found.hex() or 'nothing'}, which this version of "
                "Segue doesn't know: it was written by a newer version, or is damaged"
            )
