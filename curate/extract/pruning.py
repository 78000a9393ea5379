"""Trafilatura's pruning rules, faster: an XPath's verdict on an element is remembered by tag and attributes.

Trafilatura spends most of its time in XPath expressions that look at nothing but an element's tag and a few of its
attributes, over and over at the same classes. `hasten` puts stand-ins in their place that ask each expression itself,
once per kind of element, so that what they find is the same. An expression that looks further stays as it is.
"""

import re
from collections.abc import Callable, Iterable
from copy import copy
from typing import Any

from lxml.etree import Element, ElementDefaultClassLookup, SubElement
from lxml.html import HtmlComment, HtmlElement, HtmlEntity, HtmlProcessingInstruction

STRING = re.compile(r"'[^']*'")
PREDICATE = re.compile(r"\[[^\[\]]*\]")
LOCAL = re.compile(
    r"(?:\s|\.//\*|\.//[a-z][a-z0-9]*|self::[a-z][a-z0-9]*|@[\w-]+|re:test|contains|translate|starts-with|not|or|and"
    r"|[()\[\]|,=]|\[1\]|'')+"
)
FOLDED = re.compile(r"translate\((@[\w-]+),\s*'([A-Z]*)',\s*'([a-z]*)'\)")
TESTED = re.compile(r"re:test\([^(),']*,\s*'([^']*)'(?:,\s*'(i)')?\)")
BETWEEN_ATTRIBUTES = re.compile(r"translate|[=,]\s*@")
NO_HEADING_INSIDE = re.compile(r"not\(\.//h1\)")  # the one thing that an expression asks of an element's inside
MAX_KNOWN = 100_000
MAX_CHARACTERS = 300  # of attributes; longer ones seldom come back

Kind = tuple[Any, ...]


def is_local(expression: str) -> bool:
    """Does an XPath's verdict on an element depend on its own tag and attributes only?"""
    bare = STRING.sub("''", expression)
    inside = "".join(PREDICATE.findall(bare))
    return bool(LOCAL.fullmatch(bare)) and ".//" not in inside


def trigger(paths: Iterable[str]) -> re.Pattern[str] | None:
    """What finds something in every attribute's value whose content matters to these local expressions.

    Of the others it matters only that they are there. None where that cannot be told.
    """
    tests: list[str] = []
    for path in paths:
        folded = FOLDED.sub(lambda call: call[1] if call[2].lower() == call[3] else call[0], path)
        tests += [f"(?{flag}:{pattern})" for pattern, flag in TESTED.findall(folded)]
        rest = TESTED.sub("", folded)
        tests += [f"(?i:{re.escape(text[1:-1])})" for text in STRING.findall(rest)]
        if BETWEEN_ATTRIBUTES.search(STRING.sub("''", rest)):
            return None
    return re.compile("|".join(tests) or "(?!)")


class Matter(dict[str, str]):
    """An attribute's value to what matters of it to some expressions: all, or nothing, which is the empty value."""

    def __init__(self, paths: Iterable[str]) -> None:
        super().__init__()
        self.trigger = trigger(paths)

    def __missing__(self, value: str) -> str:
        matters = value if self.trigger is None or self.trigger.search(value) else ""
        if len(value) <= MAX_CHARACTERS:
            if len(self) >= MAX_KNOWN:
                self.clear()
            self[value] = matters
        return matters


class Remembered:
    """Several XPath expressions as one callable: tree -> matches, expression by expression, in document order.

    first: only the first match in document order, of a single expression.
    An expression that also asks for a heading inside is asked itself where an element could match.
    """

    def __init__(self, expressions: Iterable[Any], *, first: bool = False) -> None:
        self.expressions = tuple(expressions)
        self.first = first
        paths = [expression.path for expression in self.expressions]
        bare = [STRING.sub("''", path) for path in paths]
        self.attributes = frozenset(name for path in bare for name in re.findall(r"@([\w-]+)", path))
        named = [frozenset(re.findall(r"(?:self::|\.//)([a-z][a-z0-9]*)", path)) - {"h1"} for path in bare]
        self.names = frozenset().union(*named)
        self.tags = tuple(sorted(self.names)) if all(named) else ("*",)
        self.wider = [bool(NO_HEADING_INSIDE.search(path)) for path in bare]
        self.always = any(re.search(r"\.//[a-z]", path) for path in bare)  # may match without any attribute
        self._matter = Matter(paths)
        self._known: dict[Kind, tuple[int, ...]] = {}

    def __call__(self, tree: Any) -> list[Any]:
        """The matches under a tree."""
        found: list[list[Any]] = [[] for _ in self.expressions]
        known, attributes, always, matter = self._known, self.attributes, self.always, self._matter
        for element in tree.iterdescendants(*self.tags):
            given = [(name, matter[value]) for name, value in element.items() if name in attributes]
            if not given and not always:
                continue
            verdict = known.get((element.tag, *given))
            if verdict is None:
                verdict = self._judged(element, given)
            for number in verdict:
                if self.first:
                    return [element]
                found[number].append(element)
        for number, wider in enumerate(self.wider):
            if wider and found[number]:
                found[number] = self.expressions[number](tree)
        return [element for matches in found for element in matches]

    def _judged(self, element: Any, given: list[tuple[str, str]]) -> tuple[int, ...]:
        """The numbers of the expressions that match an element like this one."""
        root = Element("root")
        try:
            like = SubElement(root, element.tag if element.tag in self.names else "other")
            for name, value in given:  # in the page's order, on which `@id|@class` depends
                like.set(name, value)
        except ValueError:  # control characters, which only the parser may bring in
            like = copy(element)
            del like[:]
            root.append(like)
        verdict = tuple(number for number, expression in enumerate(self.expressions) if expression(root))
        if sum(len(value) for _, value in given) <= MAX_CHARACTERS:
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            self._known[(element.tag, *given)] = verdict
        return verdict


def remembered(expressions: list[Any]) -> list[Callable[[Any], list[Any]]]:
    """A list of rules as one, if all are such that can be remembered; else the list."""
    paths = [NO_HEADING_INSIDE.sub("not(self::h1)", getattr(each, "path", "?")) for each in expressions]
    return [Remembered(expressions)] if all(map(is_local, paths)) else expressions


def hasten() -> None:
    """Put the stand-ins into trafilatura's lists, and have its parser make elements of one class, as it needs no other.

    Once per process; a second time changes nothing.
    """
    from trafilatura import utils, xpaths

    one = ElementDefaultClassLookup(HtmlElement, HtmlComment, HtmlProcessingInstruction, HtmlEntity)
    utils.HTML_PARSER.set_element_class_lookup(
        one
    )  # in place of lxml.html's, which is asked in Python for each element

    for name in (
        "RAW_TREE_PRUNE_XPATH",
        "OVERALL_DISCARD_XPATH",
        "REMOVE_COMMENTS_XPATH",
        "REMOVE_COMMENTS_AND_LISTS_XPATH",
        "TEASER_DISCARD_XPATH",
        "PRECISION_DISCARD_XPATH",
        "DISCARD_IMAGE_ELEMENTS",
    ):
        rules = getattr(xpaths, name)
        rules[:] = remembered(rules)
    xpaths.BODY_XPATH[:] = [
        Remembered([each], first=True) if is_local(getattr(each, "path", "?")) else each for each in xpaths.BODY_XPATH
    ]
