"""Clusters of duplicates from pairs: the star operations of Kiveris et al. (SoCC 2014), and union-find to test them.

A node stands for a document: priority(1) rank(4 for each of the recipe's criteria) id(16) part(4) row(4) sketch(4),
big-endian, so that nodes of one recipe have one width and the keeper's order. An edge is a pair of nodes, lower first.
"""

from collections.abc import Iterable, Iterator

Node = bytes
Edge = tuple[bytes, bytes]

PLAIN = 29  # bytes of a node without a rank
RANK = 4  # bytes of a rank's criterion
ID, PART, ROW, SKETCH = slice(-28, -12), slice(-12, -8), slice(-8, -4), slice(-4, None)  # of a node
MOST = 4096  # documents that are compared in one worker


def make_node(priority: int, document_id: bytes, part: int, row: int, *, rank: bytes = b"", sketch: int = 0) -> Node:
    """Returns the node of a document.

    priority: the place of its source in the recipe's order. rank: less is kept first. sketch: a hash that documents
    share with a chance equal to their similarity. Raises OverflowError outside 256 sources, 2^32 parts or rows.
    """
    place = part.to_bytes(4, "big") + row.to_bytes(4, "big")
    return priority.to_bytes(1, "big") + rank + document_id + place + sketch.to_bytes(4, "big")


def node_id(node: Node) -> bytes:
    """Returns the document id in a node."""
    return node[ID]


def node_part(node: Node) -> bytes:
    """Returns the part number in a node, as 4 bytes big-endian."""
    return node[PART]


def node_row(node: Node) -> int:
    """Returns the row number in a node."""
    return int.from_bytes(node[ROW], "big")


def blocks(members: Iterable[Node], most: int = MOST) -> list[list[Node]]:
    """Returns the documents of a cluster in blocks of at most `most`, each in the keeper's order.

    Those of a larger cluster are laid in the order of their sketches, so that similar ones are mostly of one block, and
    cut; the first document of the cluster is of every block.
    """
    first, *others = sorted(set(members))
    if len(others) < most:
        return [[first, *others]]
    others.sort(key=lambda node: (node[SKETCH], node))
    return [[first, *sorted(others[start : start + most - 1])] for start in range(0, len(others), most - 1)]


def star(nodes: Iterable[Node]) -> Iterator[Edge]:
    """Yields edges from the least node of a bucket to every other node; linear in the bucket, which is read twice."""
    hub = min(nodes)
    for node in nodes:
        if node != hub:
            yield hub, node


def both_ways(edge: Edge) -> Iterator[Edge]:
    """Yields an edge keyed by its lower end, then keyed by its higher end."""
    lower, higher = edge
    yield lower, higher
    yield higher, lower


def large_star(node: Node, neighbours: Iterable[Node]) -> Iterator[Edge]:
    """Yields edges from every neighbour above a node to the least of the node and its neighbours.

    The edges are keyed by the higher end.
    """
    least = min(node, min(neighbours))
    for neighbour in neighbours:
        if neighbour > node:
            yield neighbour, least


def small_star(node: Node, lower: Iterable[Node]) -> Iterator[Edge]:
    """Yields edges from a node and its lower neighbours to the least of them, keyed by the higher end."""
    least = min(lower)
    yield node, least
    for neighbour in set(lower):
        if neighbour != least:
            yield neighbour, least


def components(edges: Iterable[Edge]) -> dict[Node, Node]:
    """Returns every node that is not the least of its cluster, with that least node; union-find with path halving."""
    parent: dict[Node, Node] = {}

    def root(node: Node) -> Node:
        while (above := parent.setdefault(node, node)) != node:
            parent[node] = parent[above]
            node = parent[node]
        return node

    for lower, higher in edges:
        low, high = sorted((root(lower), root(higher)))
        parent[high] = low
    return {node: least for node in parent if (least := root(node)) != node}
