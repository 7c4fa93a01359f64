"""What has to hold of a conversation, as devices saw it (witness.mjs) and as it is in the end."""

from collections.abc import Iterable, Mapping
from typing import Any


def assert_kept(roots: Mapping[str, Any], witnessed: Iterable[Mapping[str, Any]]) -> None:
    """Asserts that a conversation is one, and holds what each device saw of it."""
    messages = roots.get("messages", {})
    places = {message: entry["seq"] for message, entry in messages.items()}
    assert len(set(places.values())) == len(places), f"a place was given twice: {places}"
    for seen in witnessed:
        assert not seen["broken"], seen["broken"]
        assert seen["places"].items() <= places.items()
        for message, text in seen["answers"].items():
            assert text_of(messages[message]).startswith(text)
    for run in roots.get("runs", {}).values():
        if answer := messages.get(run.get("message")):
            counted = count_to(int(text_of(messages[run["reply_to"]])))
            assert counted.startswith(text_of(answer)), "an answer isn't what the agent said"
            assert answer["status"] != "complete" or text_of(answer) == counted


def count_to(number: int) -> str:
    """Gives what the agent answers."""
    return "".join(f"{each} " for each in range(number))


def text_of(message: Mapping[str, Any]) -> str:
    """Gives the text of a message as `Device.roots` shows it; an answer may have none yet."""
    part = (message.get("parts") or {}).get("0") or {}
    text: str = part.get("text") or ""
    return text
