"""What a message wants beside telling facts."""

import re
from enum import Enum, auto
from typing import Final

from segue.agents.demo.text import clean, lower


class Intent(Enum):
    """In the order in which they are looked for; the first that fits is answered."""

    RESET = auto()
    RECAP = auto()
    BOOK = auto()
    LIVE = auto()
    IDENTITY = auto()
    PLAN = auto()
    OTHER = auto()
    SUGGEST = auto()
    BYE = auto()
    THANKS = auto()
    GREETING = auto()
    TRAVEL = auto()
    AGREE = auto()
    DECLINE = auto()
    UNSURE = auto()


_PATTERNS: Final = (
    (Intent.RESET, r"\bstart (?:over|again|afresh)\b|\b(?:new|another|different) trip\b|\bforget (?:everything|all|it all|the details|about (?:it|the trip|everything))\b|\breset\b"),
    (Intent.RECAP, r"\bwhat (?:do|have) (?:you|we) (?:know|remember|have|got|noted)\b|\b(?:summary|summari[sz]e|recap|so far)\b|\bwhere am i (?:leaving|going)\b"),
    (Intent.BOOK, r"\b(?:book|reserve|buy|purchase|order (?:it|them|tickets?)|confirm|pay|make (?:a|the) (?:reservation|booking))\b|\b(?:booking|reservation|get me \w+ tickets?)\b"),
    (Intent.LIVE, r"\b(?:price|prices|cost|costs|fare|fares|how much|rate|available|availability|phone|number|address|contact|call them|reach them|station|stops?|departs?|arrives?|smok\w+|wi-?fi|luggage|refundable|insurance|check[- ]?in time|weather|visa|rooms?|timetable|schedule|direct)\b"),
    (Intent.IDENTITY, r"\bwho are you\b|\bwhat are you\b|\bare you (?:a|an|real|human|chatgpt|claude|gpt)\b|\bwhat can you do\b|^\W*help\W*$|\bhow do you work\b|\byour name\b"),
    (Intent.PLAN, r"\b(?:plan|itinerary|day by day|schedule it|show me)\b"),
    (Intent.OTHER, r"\b(?:something else|other thing|anything else|what else|other (?:option|idea|plan|suggestion)s?|another (?:one|option|idea|plan|version)|different (?:one|plan|idea)|more options|again)\b"),
    (Intent.SUGGEST, r"\b(?:recommend\w*|suggest\w*|where (?:should|could|can) (?:i|we) go|any ideas?|(?:surprise|inspire) (?:me|us))\b"),
    (Intent.BYE, r"^\W*(?:bye|goodbye|see you|good night|ciao)\b"),
    (Intent.THANKS, r"\b(?:thanks?|thank you|thx|cheers|that's all|that is all|that'll be all|all set|that's it|appreciate)\b"),
    (Intent.GREETING, r"^\W*(?:hi|hello|hey|good (?:morning|afternoon|evening)|hola|moin|servus)\b"),
    (Intent.TRAVEL, r"\b(?:trip|travel\w*|holidays?|vacation|hotels?|flights?|fly|trains?|bus|tickets?|getaway|journey|visit|rental|rent a car)\b"),
    (Intent.AGREE, r"^\W*(?:yes|yeah|yep|yup|ok|okay|sure|fine|great|good|perfect|awesome|cool|nice|sounds? (?:good|great)|that(?:'s| is)? (?:\w+ ){0,2}(?:good|great|fine|perfect|right|correct|works?)|it is good|right|correct|please)\b"),
    (Intent.DECLINE, r"^\W*(?:no|nope|nah|not|never ?mind)\b"),
    (Intent.UNSURE, r"\b(?:don't know|do not know|not sure|no idea|unsure|no clue|idk|dunno|you (?:choose|decide)|whatever|anywhere|somewhere|any time|anytime)\b"),
)  # fmt: skip
_FINDERS: Final = tuple((intent, re.compile(pattern)) for intent, pattern in _PATTERNS)


def wants(text: str) -> Intent | None:
    """Gives what a message wants; None: it can't be told."""
    said = lower(clean(text))
    return next((intent for intent, finder in _FINDERS if finder.search(said)), None)
