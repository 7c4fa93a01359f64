"""What is written into a home is kept; nobody answers there."""

from conversation_devices import Talk, Talker

from segue.workers.main import open_replica
from segue.workers.protocol import Open, Terms

TERMS = Terms(0, 0, 0, 1.0, gated=True, agents=("demo",))


def talk_in(*, is_home: bool) -> Talk:
    talk = Talk()
    talk.replica = open_replica(TERMS, Open(1, None, (), is_home))
    return talk


def test_a_message_in_a_home_is_kept_and_starts_no_run() -> None:
    home, alice = talk_in(is_home=True), Talker("alice")
    alice.say("m")
    alice.map("session")["settings"] = {"responder": "demo"}
    alice.say("n")
    alice.ask("r", "regenerate", "m")
    home.sync(alice)
    assert set(home.stored()) == {"m", "n"}
    assert home.runs() == {}
    assert home.replica.take_news() == ()


def test_in_a_session_it_does() -> None:
    session, alice = talk_in(is_home=False), Talker("alice")
    alice.say("m")
    session.sync(alice)
    assert session.runs()["m"]["status"] == "queued"
