"""QR codes (ISO/IEC 18004) for terminals: two rows of modules in each line of text."""

from typing import Final

import segno

# By whether the upper and the lower module are dark. Light ones are drawn: on a dark terminal the code
# is right without any colour.
_BLOCKS: Final = {(0, 0): "█", (0, 1): "▀", (1, 0): "▄", (1, 1): " "}
_BORDER: Final = 2


def qr_lines(text: str) -> list[str]:
    """Gives the code for `text`, drawn with half blocks, all lines of one width."""
    code = segno.make(text, micro=False, error="l", boost_error=False)
    rows = [[int(bool(dark)) for dark in row] for row in code.matrix_iter(border=_BORDER)]
    if len(rows) % 2:
        rows.append([0] * len(rows[0]))
    return [
        "".join(_BLOCKS[pair] for pair in zip(upper, lower, strict=True))
        for upper, lower in zip(rows[::2], rows[1::2], strict=True)
    ]
