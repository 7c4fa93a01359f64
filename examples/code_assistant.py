"""A code assistant: it edits the component it wrote, which is an artifact that people edit as well.

Run it beside an editor that shows the root `artifact:button.tsx` of the session: what is typed there while
the assistant works is kept.

    SEGUE_TOKEN=... python code_assistant.py my-session
"""

import asyncio
import sys

from segue import Session

COMPONENT = "button.tsx"
DRAFT = """export function Button({ label }) {
  return <button>{label}</button>
}
"""


def rewrite(code: str, wish: str) -> str:
    """Stands for a model: gives the component as the person wants it."""
    if "component" in wish.lower() or not code:
        return DRAFT
    if "red" in wish.lower():
        return code.replace("<button>", '<button className="red">')
    if "click" in wish.lower():
        return code.replace("{ label }", "{ label, onClick }").replace(
            "<button", "<button onClick={onClick}"
        )
    return code


async def answer(session: Session, wish: str) -> None:
    """Edits the component, and says in the conversation what was done."""
    before = session.artifact(COMPONENT)
    after = rewrite(before, wish)
    async with session.stream("agent") as reply:
        reply.write(f"Working on {COMPONENT}... ")
        await session.write_artifact(COMPONENT, after)
        reply.write("done." if after != before else "I see nothing to change.")
    await session.save()


async def serve(session: Session) -> None:
    """Answers every message of a person, until it is stopped."""
    async for event in session.events():
        if event.type == "message.created" and event.data["role"] == "user":
            await answer(session, event.data["parts"][0]["text"])


async def main(session_id: str) -> None:
    """Joins a session and serves it."""
    async with await Session.load(session_id) as session:
        await serve(session)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
