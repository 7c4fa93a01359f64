"""How real people put it: sixty dialogues of the Schema-Guided Dialogue dataset, their user turns only.

What is known at the end is compared with what a reader of the dialogue would say. The dataset's
"today" is the 1st of March 2019, a Friday.
"""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from talk import Talk

pytestmark = pytest.mark.anyio

FILE = Path(__file__).parents[4].parent / "shared" / "data" / "dialogues.jsonl"
TODAY_MS = int(datetime(2019, 3, 1, 9, tzinfo=UTC).timestamp() * 1000)
CLAIM = re.compile(
    r"\b(?:is|are|was|were|been|have|has|i'?ve|successfully) (?:now )?(?:booked|reserved|bought|paid)", re.I
)  # fmt: skip

# id: origin, destination, day of March, travellers. None: nobody said so.
RIDES = {
    "4_00127": ("Anaheim", "Las Vegas", 12, 1),
    "5_00018": ("Anaheim", "Los Angeles", 11, 2),
    "4_00109": ("San Francisco", "Sacramento", 5, 4),
    "4_00125": ("New York", "Philadelphia", 3, 4),
    "5_00002": ("San Diego", "Sacramento", 2, 3),
    "5_00010": ("Fresno", "Sacramento", 4, 2),
    "8_00107": ("New York", "Washington", 12, 1),
    "8_00115": ("Sacramento", "Fresno", 1, 1),
    "8_00119": ("Vancouver", "Seattle", 14, 1),
    "8_00124": ("Anaheim", "Sacramento", 12, 1),
    "8_00126": ("Chicago", "Washington", 9, 1),
    "4_00105": ("Anaheim", "San Francisco", 2, 4),
    "4_00107": ("San Francisco", "Los Angeles", 12, 3),
    "4_00108": ("New York", "Washington", 14, 4),
    "4_00111": ("Los Angeles", "San Diego", 13, 3),
    "4_00116": ("Long Beach", "Los Angeles", 4, 1),
    "4_00118": ("Washington", None, None, None),  # "Forget the details I just told you."
    "8_00111": ("Vancouver", "Seattle", 9, 2),
    "8_00112": ("New York", "Chicago", 9, 3),
    "8_00114": ("Vancouver", "Seattle", 9, 1),
    "8_00117": ("Philadelphia", "Washington", 4, 1),
    "8_00118": ("Chicago", "Philadelphia", 10, 1),
}
# id: where, day of March, nights.
STAYS = {
    "1_00102": ("New York", 7, 2),
    "1_00101": ("London", 8, 5),
    "1_00107": ("Phoenix", 12, 2),
    "1_00079": ("Seattle", 7, 7),
    "1_00083": ("London", 9, 4),
    "1_00094": ("Sydney", 5, 2),
    "1_00099": ("Chicago", 9, 5),
    "1_00112": ("Portland", 3, 6),
    "1_00040": ("New Delhi", None, None),
}
# id: where (a car is taken from there, or is for there), from and till in March.
CARS = {
    "3_00116": ("Philadelphia", 8, 14),
    "3_00118": ("Toronto", 1, 6),
    "3_00123": ("Las Vegas", 2, 3),
    "4_00018": ("Sydney", 10, 12),
    "4_00001": ("Washington", 3, 4),
    "3_00106": ("Paris", 3, 5),
    "3_00109": ("Rio de Janeiro", 4, 11),
    "3_00112": ("New York", 6, 8),
    "3_00113": ("Sydney", 4, 5),
    "3_00122": ("Las Vegas", 6, 13),
    "4_00002": ("Anaheim", 6, 10),
    "4_00005": ("Warsaw", 3, 4),
    "4_00006": ("Mexico City", 3, 4),
    "4_00008": ("San Diego", 1, 2),
    "4_00009": ("Long Beach", 8, 12),
    "4_00019": ("San Diego", 4, 5),
    "3_00100": ("Portland", 5, 8),
    "3_00107": ("Philadelphia", 10, 11),
    "3_00108": ("Anaheim", 13, 14),
    "3_00110": ("Las Vegas", 11, 14),
    "3_00111": ("Washington", 2, 6),
    "3_00114": ("Fresno", 2, 6),
    "3_00124": ("New York", 11, 14),
    "3_00126": ("Warsaw", 7, 13),
    "4_00004": ("Warsaw", 10, 11),
    "4_00007": ("Paris", 2, 9),
    "4_00011": ("New Delhi", 11, 12),
    "4_00012": ("San Francisco", 5, 6),
    "4_00016": ("Las Vegas", 6, 12),
}


@pytest.fixture(scope="module")
def dialogues() -> dict[str, list[str]]:
    if not FILE.exists():
        pytest.skip("needs ../shared/data/dialogues.jsonl, which is not part of the project")
    lines = [json.loads(line) for line in FILE.read_text().splitlines()]
    return {
        line["id"]: [turn["text"] for turn in line["turns"] if turn["role"] == "user"]
        for line in lines
    }


async def after(texts: list[str]) -> dict[str, Any]:
    talk = Talk(clock_ms=TODAY_MS, now_ms=TODAY_MS)
    await talk.say(*texts)
    return talk.known


def march(day: int | None) -> str | None:
    return f"2019-03-{day:02}" if day else None


async def test_no_dialogue_fails_or_claims_a_booking(dialogues: dict[str, list[str]]) -> None:
    for name, texts in dialogues.items():
        talk = Talk(clock_ms=TODAY_MS, now_ms=TODAY_MS)
        for text in texts:
            answer = (await talk.say(text)).replace("nothing is booked", "").replace("nothing is reserved or paid", "")  # fmt: skip
            assert answer.strip(), (name, text)
            assert not CLAIM.search(answer), (name, text)


async def test_rides_are_understood(dialogues: dict[str, list[str]]) -> None:
    wrong = []
    for name, (origin, destination, day, travellers) in RIDES.items():
        known = await after(dialogues[name])
        said = {"origin": origin, "destination": destination, "depart": march(day), "travellers": travellers}  # fmt: skip
        wrong += [f"{name} {key}: {known.get(key)}, not {value}" for key, value in said.items() if known.get(key) != value]  # fmt: skip
    assert wrong == []


async def test_stays_are_understood(dialogues: dict[str, list[str]]) -> None:
    wrong = []
    for name, (place, day, nights) in STAYS.items():
        known = await after(dialogues[name])
        said = {"destination": place, "depart": march(day), "nights": nights}
        wrong += [f"{name} {key}: {known.get(key)}, not {value}" for key, value in said.items() if known.get(key) != value]  # fmt: skip
    assert wrong == []


async def test_most_car_rentals_are_understood_although_they_are_no_trips(
    dialogues: dict[str, list[str]],
) -> None:
    wrong = []
    for name, (place, first, last) in CARS.items():
        known = await after(dialogues[name])
        if place not in (known.get("destination"), known.get("origin")):
            wrong.append(f"{name} {place}: {known}")
        said = {"depart": march(first), "return": march(last)}
        wrong += [f"{name} {key}: {known.get(key)}, not {value}" for key, value in said.items() if known.get(key) != value]  # fmt: skip
    assert len(wrong) <= 6, wrong  # of 87
