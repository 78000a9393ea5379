"""Trafilatura's pruning rules, made faster: each rule's answer is remembered by an element's tag and attributes.

Trafilatura spends most of its time in XPath expressions that read only an element's tag and a few of its attributes,
again and again for the same classes. `hasten` replaces these expressions by callables that evaluate each expression
once per kind of element, so that they match the same elements. An expression that reads more of the tree stays.
"""

import re
from collections.abc import Callable, Iterable
from copy import copy
from functools import lru_cache
from typing import Any

from lxml.etree import Element, ElementDefaultClassLookup, SubElement
from lxml.html import HtmlComment, HtmlElement, HtmlEntity, HtmlProcessingInstruction

STRING = re.compile(r"'[^']*'")
PREDICATE = re.compile(r"\[[^\[\]]*\]")
# All that an expression may consist of, its strings emptied, if it reads an element's own tag and attributes only.
LOCAL = re.compile(
    r"(?:\s|\.//\*|\.//[a-z][a-z0-9]*|self::[a-z][a-z0-9]*|@[\w-]+|re:test|contains|translate|starts-with|not|or|and"
    r"|[()\[\]|,=]|\[1\]|'')+"
)
FOLDED = re.compile(r"translate\((@[\w-]+),\s*'([A-Z]*)',\s*'([a-z]*)'\)")  # an attribute in lower case
TESTED = re.compile(r"re:test\([^(),']*,\s*'([^']*)'(?:,\s*'(i)')?\)")  # an attribute against a pattern
BETWEEN_ATTRIBUTES = re.compile(r"translate|[=,]\s*@")  # a comparison of attributes with each other
NO_HEADING_INSIDE = re.compile(r"not\(\.//h1\)")  # the one condition on an element's inside that is remembered
MAX_ENTRIES = 100_000  # of a memory; it is emptied when it is full
MAX_CHARACTERS = 300  # of attributes; longer ones seldom come back
# Lists of rules in trafilatura.xpaths, all of whose matches are wanted.
RULE_LISTS = (
    "RAW_TREE_PRUNE_XPATH",
    "OVERALL_DISCARD_XPATH",
    "REMOVE_COMMENTS_XPATH",
    "REMOVE_COMMENTS_AND_LISTS_XPATH",
    "TEASER_DISCARD_XPATH",
    "PRECISION_DISCARD_XPATH",
    "DISCARD_IMAGE_ELEMENTS",
)

Kind = tuple[Any, ...]  # of an element: its tag, then (attribute, what is relevant of its value) in the page's order


class RelevantValues(dict[str, str]):
    """Maps an attribute's value to itself if its content is relevant to some expressions, else to ""."""

    def __init__(self, paths: Iterable[str]) -> None:
        super().__init__()
        self.pattern = relevant_pattern(paths)

    def __missing__(self, value: str) -> str:
        relevant = value if self.pattern is None or self.pattern.search(value) else ""
        if len(value) <= MAX_CHARACTERS:
            if len(self) >= MAX_ENTRIES:
                self.clear()
            self[value] = relevant
        return relevant


class Remembered:
    """Several XPath expressions as one callable: tree -> matches, expression by expression, in document order.

    first: returns only the first match in document order, of a single expression.
    An expression with a condition on headings inside is evaluated itself on each tree in which an element could match.
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
        self._relevant = RelevantValues(paths)
        self._answers: dict[Kind, tuple[int, ...]] = {}

    def __call__(self, tree: Any) -> list[Any]:
        """Returns the elements under a tree that match."""
        matches: list[list[Any]] = [[] for _ in self.expressions]
        answers, attributes, always, relevant = self._answers, self.attributes, self.always, self._relevant
        for element in tree.iterdescendants(*self.tags):
            values = [(name, relevant[value]) for name, value in element.items() if name in attributes]
            if not values and not always:
                continue
            numbers = answers.get((element.tag, *values))
            if numbers is None:
                numbers = self._evaluate(element, values)
            for number in numbers:
                if self.first:
                    return [element]
                matches[number].append(element)
        for number, wider in enumerate(self.wider):
            if wider and matches[number]:
                matches[number] = self.expressions[number](tree)
        return [element for elements in matches for element in elements]

    def _evaluate(self, element: Any, values: list[tuple[str, str]]) -> tuple[int, ...]:
        """Returns the numbers of the expressions that match an element of this kind, and remembers them."""
        root = Element("root")
        try:
            sample = SubElement(root, element.tag if element.tag in self.names else "other")
            for name, value in values:  # in the page's order, on which `@id|@class` depends
                sample.set(name, value)
        except ValueError:  # control characters, which only the parser may bring in
            sample = copy(element)
            del sample[:]
            root.append(sample)
        numbers = tuple(number for number, expression in enumerate(self.expressions) if expression(root))
        if sum(len(value) for _, value in values) <= MAX_CHARACTERS:
            if len(self._answers) >= MAX_ENTRIES:
                self._answers.clear()
            self._answers[(element.tag, *values)] = numbers
        return numbers


@lru_cache(maxsize=1)
def hasten() -> None:
    """Replaces trafilatura's rules by remembered ones, and makes its parser create elements of one class only.

    Once per process; a second call does nothing.
    """
    from trafilatura import htmlprocessing, utils, xpaths

    # lxml.html's own look-up of classes is called in Python for each element, and trafilatura does not need it.
    plain_classes = ElementDefaultClassLookup(HtmlElement, HtmlComment, HtmlProcessingInstruction, HtmlEntity)
    utils.HTML_PARSER.set_element_class_lookup(plain_classes)
    for name in RULE_LISTS:
        rules = getattr(xpaths, name)
        rules[:] = remember(rules)
    htmlprocessing.link_density_test = quick_link_density_test(htmlprocessing.link_density_test)
    xpaths.BODY_XPATH[:] = [
        Remembered([rule], first=True) if is_local(getattr(rule, "path", "?")) else rule for rule in xpaths.BODY_XPATH
    ]


def quick_link_density_test(link_density_test: Callable[..., tuple[bool, bool]]) -> Callable[..., tuple[bool, bool]]:
    """Returns trafilatura's test of the share of links in an element, with a short way for elements without links."""

    def test(element: Any, favor_precision: bool = False) -> tuple[bool, bool]:
        if next(element.iter("ref"), None) is None:
            return False, False
        return link_density_test(element, favor_precision)

    return test


def remember(expressions: list[Any]) -> list[Callable[[Any], list[Any]]]:
    """Returns a list of rules as one remembered rule, or the same list if one of them cannot be remembered."""
    paths = [NO_HEADING_INSIDE.sub("not(self::h1)", getattr(rule, "path", "?")) for rule in expressions]
    return [Remembered(expressions)] if all(map(is_local, paths)) else expressions


def together(*rule_lists: list[Any]) -> list[Any]:
    """Returns lists of rules as one list; those that are remembered become one rule, so that a tree is walked once."""
    rules = [rule for rules in rule_lists for rule in rules]
    remembered = [expression for rule in rules if isinstance(rule, Remembered) for expression in rule.expressions]
    others = [rule for rule in rules if not isinstance(rule, Remembered)]
    return [Remembered(remembered), *others] if remembered else others


def is_local(expression: str) -> bool:
    """Returns True if an XPath's result for an element depends only on the element's own tag and attributes."""
    bare = STRING.sub("''", expression)
    inside = "".join(PREDICATE.findall(bare))
    return bool(LOCAL.fullmatch(bare)) and ".//" not in inside


def relevant_pattern(paths: Iterable[str]) -> re.Pattern[str] | None:
    """Returns a pattern that matches in every attribute's value whose content can change these expressions' answers.

    Of any other value it matters only that the attribute is there. Returns None where the expressions compare
    attributes with each other, so that every value is relevant.
    """
    tests: list[str] = []
    for path in paths:
        folded = FOLDED.sub(lambda call: call[1] if call[2].lower() == call[3] else call[0], path)
        tests += [f"(?{flag}:{pattern})" for pattern, flag in TESTED.findall(folded)]
        rest = TESTED.sub("", folded)
        tests += [f"(?i:{re.escape(text[1:-1])})" for text in STRING.findall(rest)]
        if BETWEEN_ATTRIBUTES.search(STRING.sub("''", rest)):
            return None
    return re.compile("|".join(dict.fromkeys(tests)) or "(?!)")
