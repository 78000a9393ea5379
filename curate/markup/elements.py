"""Elements by name: those of their own lines, those without text, those that may be something else; their places."""

import re
from collections.abc import Callable
from typing import Any

from curate.markup.code import REMEMBERED, may_be_code
from curate.markup.mathematics import DATA, may_be_formula

LINES = (
    "address article aside body center dd details dialog dir fieldset footer form frameset header hgroup"
    " html legend main menu nav noframes optgroup search section summary tbody td tfoot th thead tr"
)
UNREAD = (
    "applet area audio base canvas datalist embed fencedframe frame head iframe input link map meta noscript object"
    " option param picture progress rp rt rtc select source style svg template textarea title track video"
)
UNSEEN = re.compile(  # classes of spans for screen readers and for editors
    r"(?:^|\s)(?:sr-only|visually-?hidden|screen-reader-text|a11y-hidden|assistive-text|mw-editsection)(?=\s|$)"
)
HIDDEN_STYLE = re.compile(r"(?i)display\s*:\s*none|visibility\s*:\s*hidden")
WRAPPER_TAGS = ("div", "p", "figure", "span")
WRAPPER = re.compile(r"(?i)code|highlight|syntax|math|equation")  # classes of what holds code or a formula
LIST_TAGS = ("ul", "ol", "li", "dl", "dd")
# Values of a nutrition label.
SET_APART = re.compile(r"(?:^|[\s_-])[Nn]utri\w{0,20}(?:-\w{1,20}){0,6}-(?:container|item)(?=[\s-]|$)")
SPECIAL: dict[tuple[Any, str], bool] = {}  # tag and class -> the answer of `is_special`
MAX_KINDS = 100_000  # of these; the memory is emptied when it is full

Shape = tuple[Any, ...]


def is_special(element: Any, names: list[str]) -> bool:
    """Returns True for an element that may be a formula, code, or a span that is not shown or set apart.

    names: of its attributes.
    Of an element with a class that depends on its tag and its class only, and is remembered, as a site has few of them;
    a class of more than REMEMBERED characters is not, so that the memory stays small.
    """
    if "class" not in names:
        return not DATA.isdisjoint(names)
    classes = element.get("class")
    kind = element.tag, classes
    answer = SPECIAL.get(kind)
    if answer is None:
        answer = may_be_formula(element) or may_be_code(element) or is_unseen(classes) or is_set_apart(classes)
        if len(classes) <= REMEMBERED:
            if len(SPECIAL) >= MAX_KINDS:
                SPECIAL.clear()
            SPECIAL[kind] = answer
    return answer


def is_unseen(classes: str | None) -> bool:
    """Returns True for the classes of a span that a browser does not show."""
    return classes is not None and UNSEEN.search(classes) is not None


def is_set_apart(classes: str | None) -> bool:
    """Returns True for the classes of a span that a style sheet sets apart from the span before it."""
    return classes is not None and "utri" in classes and SET_APART.search(classes) is not None


def is_hidden(span: Any, names: list[str]) -> bool:
    """Returns True for a span that its attributes hide; names: of the attributes.

    What is hidden from screen readers only is text where they read something else in its place.
    """
    if "hidden" in names or ("style" in names and HIDDEN_STYLE.search(span.get("style"))):
        return True
    if (
        "aria-hidden" not in names
        or span.get("aria-hidden") != "true"
        or span.getparent().get("aria-label") is not None
    ):
        return False
    beside = (span.getprevious(), span.getnext())
    return not any(other is not None and is_unseen(other.get("class")) for other in beside)


def without_end(tree: Any, names: tuple[str, ...]) -> list[Any]:
    """Returns the elements of these names that hold the main part of a page, as their end tag is missing.

    They hold `main`, or more than half of the text of all paragraphs: menus and footers hold few paragraphs.
    """
    wrappers = [element for element in tree.iter(*names) if len(element)]
    lengths = [paragraph_length(element) for element in wrappers]
    half = paragraph_length(tree) / 2 if any(lengths) else 0
    return [
        element
        for element, length in zip(wrappers, lengths, strict=True)
        if length > half or next(element.iter("main"), None) is not None
    ]


def inherited(test: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """Returns a test that holds for an element if `test` holds for it or for one around it; answers are remembered."""
    answers: dict[Any, bool] = {None: False}

    def holds(element: Any) -> bool:
        answer = answers.get(element)
        if answer is None:
            answer = answers[element] = test(element) or holds(element.getparent())
        return answer

    return holds


def paragraph_length(element: Any) -> int:
    """Returns the characters of the paragraphs in an element."""
    return sum(len(text) for paragraph in element.iter("p") for text in paragraph.itertext())


def outermost(element: Any) -> Any:
    """Returns the outermost of the wrappers around code or a formula, which say nothing of what is around them."""
    while (parent := element.getparent()) is not None and parent.tag in WRAPPER_TAGS:
        classes = parent.get("class")
        if parent.tag != "figure" and not (WRAPPER.search(classes) if classes else len(parent) == 1):
            break
        element = parent
    return element


def outermost_list(element: Any) -> Any:
    """Returns the list around an item that stands in no other list, or the element itself."""
    while (parent := element.getparent()) is not None and parent.tag in LIST_TAGS:
        element = parent
    return element


def shape(element: Any) -> Shape:
    """Returns an element's tag with the tags and classes of the two around it; like blocks of a page have one shape."""
    parent = element.getparent()
    if parent is None:
        return (element.tag,)
    outer = parent.getparent()
    around = () if outer is None else (outer.tag, outer.get("class"))
    return element.tag, element.get("class"), parent.tag, parent.get("class"), *around


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
