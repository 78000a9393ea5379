"""Duplicate pairs to clusters: the star operations of Kiveris et al. (SoCC 2014), and union-find as their oracle.

A node is 25 bytes, priority(1) id(16) part(4) row(4), big-endian, so that the least node of a cluster is its winner:
the earliest source's, then the least id. An edge is a pair of nodes (lower, higher).
"""

from collections.abc import Iterable, Iterator

Node = bytes
Edge = tuple[bytes, bytes]


def make_node(priority: int, identity: bytes, part: int, row: int) -> Node:
    """The node of one document; raises OverflowError outside 256 sources, 2^32 parts or rows."""
    return priority.to_bytes(1, "big") + identity + part.to_bytes(4, "big") + row.to_bytes(4, "big")


def node_id(node: Node) -> bytes:
    """The document id in a node."""
    return node[1:17]


def node_part(node: Node) -> bytes:
    """The part number in a node, 4 bytes big-endian."""
    return node[17:21]


def node_row(node: Node) -> int:
    """The row number in a node."""
    return int.from_bytes(node[21:25], "big")


def star(nodes: Iterable[Node]) -> Iterator[Edge]:
    """Edges from the least node of a bucket to each other one; linear in the bucket, which is walked twice."""
    hub = min(nodes)
    for node in nodes:
        if node != hub:
            yield hub, node


def both_ways(edge: Edge) -> Iterator[Edge]:
    """An edge as seen from either end."""
    lower, higher = edge
    yield lower, higher
    yield higher, lower


def large_star(node: Node, neighbours: Iterable[Node]) -> Iterator[Edge]:
    """Link every neighbour above the node to the least node around; keyed by the higher end."""
    least = min(node, min(neighbours))
    for neighbour in neighbours:
        if neighbour > node:
            yield neighbour, least


def small_star(node: Node, lower: Iterable[Node]) -> Iterator[Edge]:
    """Link the node and its lower neighbours to the least of them; keyed by the higher end."""
    least = min(lower)
    yield node, least
    for neighbour in set(lower):
        if neighbour != least:
            yield neighbour, least


def components(edges: Iterable[Edge]) -> dict[Node, Node]:
    """Every node that is not its cluster's least, with that least one; union-find with path halving."""
    parent: dict[Node, Node] = {}

    def root(node: Node) -> Node:
        while (above := parent.setdefault(node, node)) != node:
            parent[node] = parent[above]
            node = parent[node]
        return node

    for one, other in edges:
        low, high = sorted((root(one), root(other)))
        parent[high] = low
    return {node: least for node in parent if (least := root(node)) != node}
