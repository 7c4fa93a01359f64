"""Roles in a document, and what each may do."""

from enum import StrEnum


class Role(StrEnum):
    """What a connection may do in one document. On the wire and in SQL by its value."""

    OWNER = "owner"
    EDITOR = "editor"
    VIEWER = "viewer"
    AGENT = "agent"

    @property
    def may_write(self) -> bool:
        """Tells whether edits of this role are taken at all."""
        return self is not Role.VIEWER

    @property
    def may_share(self) -> bool:
        """Tells whether this role may let others in, as an editor at most."""
        return self in (Role.OWNER, Role.EDITOR)
