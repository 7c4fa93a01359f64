"""Words that may stand where a place could, and name none."""

from typing import Final

ORDINARY_WORDS: Final = frozenset(
    """
    a about add adult adults again all alone also am an and any anything anywhere april are as
    ask at august awesome back be beach bed best bit book boss both budget bus but by bye can
    cancel car cars change cheap cheaper check cheers children city company continue cool could
    countryside damn day days december delete different direct do does done drop dunno else
    english even evening everything expensive family february fine first flight flights fly food
    for forget french friday friend friends from fun german get give go going good great haha
    hello help here hey hi him his hmm holiday home hotel hotels house how huh i idea idk if in
    info insurance is it italian its january java javascript july june just kids know later
    leave less let like lol longer look looking lot love luggage make march maybe me meet meh
    mine monday money more morning mountains much museum my nah need never next nice night no
    nope not nothing november now october of off ok okay omg on one only or other our out over
    party pays perfect plan please price prices proceed python really relax remove ride right
    saturday save school sea seat seats second see seems september shorter sleep some somewhere
    soon sorry sounds spanish spend start stay still stop sunday sunny sure swim take test
    testing thank thanks that the them then there they thing think this those though thursday
    ticket tickets till time to today together tomorrow tonight too town train travel trip try
    tuesday two u until up us vacation visit wait walk want warm was we weather wednesday week
    weekend well were what whatever when where which who why will with without work would wow
    write yay yeah year yep yes you your yours yup
    """.split()
)
