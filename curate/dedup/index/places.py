"""Places of documents in an index, in bytes, and the nodes by which they meet new documents.

A place is generation(3) part(4) row(4); a name is the document's id(16) and its place; a member is generation(3), the
order of its source and rank, and the tail of its node. All are big-endian. A generation counts from 1 on.
In a run against an index every node begins with a priority of at least 1 where the document is new, and with 0 and the
generation where it is old, so that old documents come first and those of an earlier generation before later ones.
"""

from curate.dedup.clusters import RANK, Node

GENERATION, PLACE, ID = 3, 11, 16  # bytes
NAME = ID + PLACE
TAIL = 28  # bytes of a node from its id on
OLD = 1 + GENERATION  # bytes of an old node before its order
Name = bytes
Member = bytes


def padding(criteria: int, others: int) -> int:
    """Returns how much wider nodes are against an index whose generations have at most `others` criteria."""
    return RANK * (1 + max(others - criteria, 0))


def is_old(node: Node) -> bool:
    """Returns whether a node stands for a document of the index."""
    return node[0] == 0


def old_node(member: Member, width: int) -> Node:
    """Returns the node of a member among nodes of this width."""
    order = member[GENERATION:-TAIL].ljust(width - OLD - TAIL, b"\0")
    return b"\0" + member[:GENERATION] + order + member[-TAIL:]


def order_of(node: Node, criteria: int) -> bytes:
    """Returns the place of a new document's source and its rank, as the index keeps them."""
    return bytes([node[0] - 1]) + node[1 : 1 + RANK * criteria]


def member_of(node: Node, generation: int, criteria: int) -> Member:
    """Returns the member that a new node becomes in a generation of the index."""
    return generation.to_bytes(GENERATION) + order_of(node, criteria) + node[-TAIL:]


def name_of(node: Node, generation: int) -> Name:
    """Returns the name of the document of a node; generation: that of new ones."""
    own = node[1:OLD] if is_old(node) else generation.to_bytes(GENERATION)
    return node[-TAIL : -TAIL + ID] + own + node[-TAIL + ID : -4]


def name_of_member(member: Member) -> Name:
    """Returns the name of a member."""
    return member[-TAIL : -TAIL + ID] + member[:GENERATION] + member[-TAIL + ID : -4]


def place_of(name: Name) -> bytes:
    """Returns the place in a name."""
    return name[ID:]


def file_of(place: bytes) -> bytes:
    """Returns the generation and the part of a place: one file of documents."""
    return place[: GENERATION + 4]


def row_of(place: bytes) -> int:
    """Returns the row in a place."""
    return int.from_bytes(place[GENERATION + 4 :])


def file_of_node(node: Node) -> bytes:
    """Returns where the document of a node lies: the part of a new one, or the file of an old one, which is longer."""
    part = node[-TAIL + ID : -8]
    return node[1:OLD] + part if is_old(node) else part


def moved_name(name: Name, shift: int) -> Name:
    """Returns a name whose generation is `shift` higher."""
    return name[:ID] + _moved(name[ID : ID + GENERATION], shift) + name[ID + GENERATION :]


def moved_member(member: Member, shift: int) -> Member:
    """Returns a member whose generation is `shift` higher."""
    return _moved(member[:GENERATION], shift) + member[GENERATION:]


def _moved(generation: bytes, shift: int) -> bytes:
    return (int.from_bytes(generation) + shift).to_bytes(GENERATION)


def place(generation: int, part: int, row: int) -> bytes:
    """Returns a place."""
    return generation.to_bytes(GENERATION) + part.to_bytes(4) + row.to_bytes(4)
