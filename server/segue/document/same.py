"""Tells whether two encoded states hold the same.

Bytes can't be compared: pycrdt writes the keys of an object in random order, and how neighbours are
merged hangs on how they came. So states are compared item by item: ids, origins, parents, keys and
values, with neighbours that Yjs would merge taken as one.
"""

import msgspec

from segue.document import content
from segue.document.content import decode_values, read_bytes, read_text
from segue.document.update import Id, ParsedUpdate, Section, Struct, parse


class _Piece(msgspec.Struct):
    """An item, or several that follow each other as one; `held` is a list that grows."""

    struct: Struct
    end: int
    held: list[object]


def same_content(one: bytes, other: bytes) -> bool:
    """Compares two states of pycrdt, in O(their size)."""
    if one == other:
        return True
    first, second = parse(one), parse(other)
    if first.deletes != second.deletes or len(first.sections) != len(second.sections):
        return False
    return all(
        _pieces(first, a) == _pieces(second, b)
        for a, b in zip(_by_client(first), _by_client(second), strict=True)
    )


def _by_client(parsed: ParsedUpdate) -> list[Section]:
    return sorted(parsed.sections, key=lambda section: section.client)


def _pieces(parsed: ParsedUpdate, section: Section) -> list[object]:
    pieces: list[_Piece] = []
    for struct in section.structs:
        held = _content(struct, parsed.data)
        if pieces and _continues(pieces[-1], struct, section.client):
            pieces[-1].end += struct.length
            pieces[-1].held += held
        else:
            pieces.append(_Piece(struct, struct.clock + struct.length, held))
    return [section.client, *map(_described, pieces)]


def _continues(piece: _Piece, struct: Struct, client: int) -> bool:
    first = piece.struct
    if struct.ref != first.ref:
        return False
    if struct.ref == content.GC:
        return True
    follows: Id = (client, struct.clock - 1)
    return struct.origin == follows and struct.right == first.right


def _described(piece: _Piece) -> object:
    struct = piece.struct
    where = (struct.origin, struct.right, struct.parent, struct.sub)
    held: object = piece.held
    if struct.ref == content.STRING:
        held = "".join(map(str, piece.held))
    elif struct.ref in (content.GC, content.DELETED):
        held = None
    return struct.clock, piece.end, struct.ref, where, held


def _content(struct: Struct, data: bytes) -> list[object]:
    """Gives what a struct holds: values and formats decoded, the order of keys forgotten."""
    start = struct.at
    held: list[object] = [struct.kind]
    match struct.ref:
        case content.STRING:
            held = [read_text(data, start)[0]]
        case content.ANY:
            held, _ = decode_values(data, start)
        case content.BINARY:
            held = [read_bytes(data, start)[0]]
        case content.EMBED:
            held = [_json(data, start)]
        case content.FORMAT:
            key, start = read_text(data, start)
            held = [key, _json(data, start)]
        case content.TYPE if struct.kind == content.ELEMENT_TYPE:
            held += [read_text(data, start + 1)[0]]
    return held


def _json(data: bytes, start: int) -> object:
    return msgspec.json.decode(read_bytes(data, start)[0])
