"""Clusters of duplicates from pairs: the star operations of Kiveris et al. (SoCC 2014), and union-find to test them.

A node stands for a document: 25 bytes, priority(1) id(16) part(4) row(4), big-endian, so that the least node of a
cluster is its winner, which is of the earliest source and there of the least id. An edge is a pair of nodes, lower
first.
"""

from collections.abc import Iterable, Iterator

Node = bytes
Edge = tuple[bytes, bytes]


def make_node(priority: int, document_id: bytes, part: int, row: int) -> Node:
    """Returns the node of a document.

    priority: the place of its source in the recipe's order. Raises OverflowError outside 256 sources, 2^32 parts or
    rows.
    """
    return priority.to_bytes(1, "big") + document_id + part.to_bytes(4, "big") + row.to_bytes(4, "big")


def node_id(node: Node) -> bytes:
    """Returns the document id in a node."""
    return node[1:17]


def node_part(node: Node) -> bytes:
    """Returns the part number in a node, as 4 bytes big-endian."""
    return node[17:21]


def node_row(node: Node) -> int:
    """Returns the row number in a node."""
    return int.from_bytes(node[21:25], "big")


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
