"""A support bot: the order number and the complaint are told once, on whichever device.

The person writes in one request and goes on in another, minutes later, from another device: the bot holds
nothing between them. What it needs to know is in the session.

    SEGUE_URL=http://127.0.0.1:8000 uvicorn support_bot:app
    curl -d '{"text": "Order 4711 arrived broken"}' -H "Authorization: Bearer $TOKEN" localhost:8001/chat/help-1
"""

import re

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from segue import Session
from segue.integrations.starlette import with_session

COMPLAINTS = ("broken", "late", "missing", "wrong")


async def learn(session: Session, text: str) -> None:
    """Keeps what the message tells."""
    if found := re.search(r"\b\d{4,}\b", text):
        await session.set("order", found[0])
    for word in COMPLAINTS:
        if word in text.lower():
            await session.set("complaint", word)


def answer(session: Session) -> str:
    """Says what comes next; asks only for what nobody has told yet."""
    order, complaint = session.get("order"), session.get("complaint")
    if order is None:
        return "I am sorry to hear that. What is the number of your order?"
    if complaint is None:
        return f"I have your order {order} here. What is wrong with it?"
    return f"Your order {order} was {complaint}: a new one is on its way, you pay nothing."


@with_session()
async def chat(request: Request, session: Session) -> Response:
    """Takes a message and answers it; both are durable before the answer leaves."""
    text = str((await request.json())["text"])
    await session.add_message("user", text)
    await learn(session, text)
    reply = await session.add_message("agent", answer(session))
    return JSONResponse({"text": reply.text})


app = Starlette(routes=[Route("/chat/{session_id}", chat, methods=["POST"])])
