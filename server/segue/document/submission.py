"""Updates on their way in and in the log. Plain values: importing this module imports no pycrdt."""

import msgspec

from segue.auth.grants import Role
from segue.document.edits import Edit
from segue.ids import DeviceId, UserId


class LoggedUpdate(msgspec.Struct, frozen=True, array_like=True):
    """One update as it was received, and who sent it."""

    user: UserId
    device: DeviceId
    data: bytes


class Submission(msgspec.Struct, frozen=True, array_like=True):
    """An update on its way in. `number` rises by one with each submission of an incarnation."""

    number: int
    role: Role
    update: LoggedUpdate


class Order(msgspec.Struct, frozen=True, array_like=True):
    """An edit of the server's on its way in; numbered together with submissions."""

    number: int
    edit: Edit
