"""The markers of the items of a list."""

from typing import Any


class Numbering:
    """The numbers of a list's items."""

    __slots__ = ("number", "ordered", "step")

    def __init__(self, element: Any) -> None:
        self.ordered = element.tag == "ol"
        if self.ordered:
            backwards = element.get("reversed") is not None
            self.step = -1 if backwards else 1
            first = len(element.findall("li")) if backwards else 1
            self.number = whole(element.get("start"), first)

    def marker(self, item: Any) -> str:
        """Returns the marker of the next item."""
        if not self.ordered:
            return "-"
        number = whole(item.get("value"), self.number)
        self.number = number + self.step
        return f"{number}."


def whole(value: str | None, default: int) -> int:
    """Returns a number out of an attribute."""
    try:
        return int(value) if value else default
    except ValueError:
        return default
