"""A travel planner: takes the home airport from the profile, and "two weeks" for the way back.

SEGUE_TOKEN=$(segue token --user harsh | tail -1) python travel_planner.py
"""

import asyncio

from segue import Agent, Profile, Session


async def ask(agent: Agent, session: Session, profile: Profile, text: str) -> str:
    """Says something and gives the answer; both are durable then."""
    await session.add_message("user", text)
    return await agent.resume(session, profile=profile.values)


async def main() -> list[str]:
    """Plans a trip in two messages; the second could come from another device, a week later."""
    agent = Agent("demo")
    async with await Profile.load() as profile, await Session.create() as session:
        if profile.get("home_airport") is None:
            await profile.set("home_airport", "OSL")
        first = await ask(agent, session, profile, "Find flights to Lisbon on 3 May for two of us")
        name = session.id
    async with await Profile.load() as profile, await Session.load(name) as session:
        second = await ask(agent, session, profile, "We stay for two weeks")
        for message in session.messages:
            print(f"{message.role}: {message.text}\n")
    return [first, second]


if __name__ == "__main__":
    asyncio.run(main())
