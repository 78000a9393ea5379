"""Sets of characters written as ranges of hexadecimal code points: "41-5A 61-7A"."""


def members(ranges: str) -> frozenset[str]:
    """Returns the characters of some ranges.

    >>> sorted(members("41-43 7A"))
    ['A', 'B', 'C', 'z']
    """
    return frozenset(chr(code) for first, last in _bounds(ranges) for code in range(first, last + 1))


def character_class(ranges: str) -> str:
    """Returns the ranges as the inside of a pattern's brackets; none of them holds ASCII but letters and digits."""
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in _bounds(ranges))


def _bounds(ranges: str) -> list[tuple[int, int]]:
    pairs = (part.partition("-") for part in ranges.split())
    return [(int(first, 16), int(last or first, 16)) for first, _, last in pairs]
