"""The Python client: sessions that programs hold, edit at once, and that are saved when they can be."""

from segue.client.files import File
from segue.client.home import Profile
from segue.client.session import Message, Session

__all__ = ["File", "Message", "Profile", "Session"]
