"""What makes a document differ from its own reload: a device lied about what its texts stand between."""

import encoded as yjs

ROOT = "spoiled"


def spoiling(first_client: int) -> list[bytes]:
    """Gives updates, of four clients with ids from `first_client` on, that the gate has to take.

    The last says to stand between X and b, which are the other way round. Where it ends up hangs on
    what was there before it.
    """
    one, two, three, four = range(first_client, first_client + 4)
    placed = ((two, "XYZ", (one, 1), (one, 2)), (three, "3", (one, 1), (two, 1)))
    lied = (four, "4", (two, 0), (one, 1))
    return [
        yjs.update(yjs.section(one, 0, yjs.item(yjs.string("abc"), parent=ROOT))),
        *(
            yjs.update(yjs.section(client, 0, yjs.item(yjs.string(text), origin=left, right=right)))
            for client, text, left, right in (*placed, lied)
        ),
    ]
