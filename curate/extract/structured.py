"""Reads the JSON-LD and the microdata of a page as text: recipes, how-tos, questions, posts, articles.

`statements` reads them; curate/extract/supplements.py adds to a page's text those that it lacks.
"""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from lxml.etree import XPath, tostring

from curate.extract import linked_data

SIGNS = (  # names of what holds text, without what is written in either case; a script without any is not parsed
    *("ecipeIngredient", "ecipeInstructions", '"ingredients"', "articleBody", "liveBlogUpdate"),
    *('ForumPosting"', 'Question"', 'HowTo"'),
)
MICRODATA_SIGN = "schema.org/Recipe"  # the type of an element
LINES = 2000  # at most, of one statement

UNREAD = re.compile(r"<(script|style)\b|<!--", re.I)  # where begins what is no text
ENDS = {
    "script": re.compile(r"</script\s*+>", re.I),
    "style": re.compile(r"</style\s*+>", re.I),
    "": re.compile("-->"),
}
BREAKS = re.compile(r"</?(?:p|div|br|hr|li|[uod]l|d[td]|h[1-6]|tr|table|blockquote|section|article|pre)\b[^<>]*>", re.I)
TAGS = re.compile(r"</?[a-z][^<>]*>", re.I)
ESCAPED_MARKUP = re.compile(r"^\s*<[a-z]|</[a-z]|<br\b", re.I)  # once entities are read: the markup was escaped
ESCAPED_TWICE = re.compile(r"&(?:#\d+|[a-z]{2,6});", re.I)
LOST_ESCAPE = re.compile(r"u(00[0-9a-f]{2})")  # u003c, whose backslash a system took away
NUMBER = re.compile(r"^\s*(?:step\s*)?\d{1,2}\s*[.):](?=\s)\s*", re.I)  # before an item, which gets a marker anyway
BULLET = re.compile(r"^[-–•*▢□·]\s+")
GENERIC = re.compile(r"\W*(?:\w+\W+)?\d+\W*")  # the name of a step that says no more than its number


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A list or a passage that a page states about itself.

    kind: the type and what of it, such as "Recipe.ingredients"; statements of one type belong together, in order.
    heading: the title that the page gives it. lines: of text, at least one; the items if `is_list`.
    """

    kind: str
    heading: str | None = None
    lines: tuple[str, ...]
    is_list: bool = False
    is_ordered: bool = False  # as a list of steps is


def statements(tree: Any, markup: str) -> list[Statement]:
    """Returns what a page states in JSON-LD, and in microdata where JSON-LD says nothing of the kind; equal ones once.

    tree: the parsed markup.
    """
    stated: dict[tuple[str, ...], Statement] = {}
    for entity in linked_data.entities(markup, SIGNS):
        for statement in of_entity(entity):
            stated.setdefault(statement.lines, statement)
    if MICRODATA_SIGN in markup:
        kinds = {statement.kind for statement in stated.values()}
        for statement in of_recipe(_microdata(tree)):
            if statement.kind not in kinds:
                stated.setdefault(statement.lines, statement)
    return list(stated.values())


def of_entity(entity: dict[str, Any]) -> Iterator[Statement]:
    """Yields the statements of an object of JSON-LD; its keys are in lower case."""
    names = _types(entity)
    if "question" in names:
        yield from of_question(entity)
    elif names & {"discussionforumposting", "socialmediaposting"}:
        yield from of_posting(entity)
    else:
        yield from of_recipe(entity)
        yield from of_how_to(entity)
        yield from of_article(entity)


def of_recipe(entity: dict[str, Any]) -> Iterator[Statement]:
    """Yields the ingredients and the instructions of a recipe."""
    ingredients = items(entity.get("recipeingredient")) or items(entity.get("ingredients"))
    yield from _list("Recipe.ingredients", None, ingredients)
    yield from _steps("Recipe.instructions", entity.get("recipeinstructions"))


def of_how_to(entity: dict[str, Any]) -> Iterator[Statement]:
    """Yields the supplies, the tools and the steps of a how-to."""
    if "howto" in _types(entity):
        yield from _list("HowTo.supplies", None, items(entity.get("supply")))
        yield from _list("HowTo.tools", None, items(entity.get("tool")))
        yield from _steps("HowTo.steps", entity.get("step") or entity.get("steps"))


def of_question(entity: dict[str, Any]) -> Iterator[Statement]:
    """Yields a question and its answers, the accepted one first; the heading of the first of them is its name."""
    heading = _line(entity.get("name"))
    texts = [("Question.text", entity.get("text"))]
    for key in ("acceptedanswer", "suggestedanswer"):
        answers = entity.get(key)
        texts += [("Question.answers", answer) for answer in (answers if isinstance(answers, list) else [answers])]
    for kind, value in texts:
        if lines := _passage(value):
            if lines != (heading,):
                yield Statement(kind=kind, heading=heading, lines=lines)
            heading = None


def of_posting(entity: dict[str, Any]) -> Iterator[Statement]:
    """Yields a post of a forum, and the replies to it."""
    if lines := _passage(entity.get("text") or entity.get("articlebody")):
        yield Statement(kind="DiscussionForumPosting.text", heading=_line(entity.get("headline")), lines=lines)
    comments = entity.get("comment")
    for comment in comments if isinstance(comments, list) else [comments]:
        if lines := _passage(comment):
            yield Statement(kind="DiscussionForumPosting.comments", lines=lines)


def of_article(entity: dict[str, Any]) -> Iterator[Statement]:
    """Yields the body of an article, and the entries of a live blog."""
    if lines := _passage(entity.get("articlebody")):
        yield Statement(kind="Article.body", lines=lines)
    updates = entity.get("liveblogupdate")
    for update in updates if isinstance(updates, list) else []:
        if isinstance(update, dict):
            entry = {key.lower(): part for key, part in update.items()}
            if lines := _passage(entry.get("articlebody")):
                yield Statement(kind="LiveBlogPosting.updates", heading=_line(entry.get("headline")), lines=lines)


def items(value: Any) -> list[str]:
    """Returns the items of a list: strings, objects with a name or a text, or lists of these; or one string's lines."""
    if isinstance(value, str):
        return plain_lines(value)
    if isinstance(value, dict):
        return [line] if (line := _line(_text(value))) else []
    if not isinstance(value, list):
        return []
    if len(value) == 1:
        return items(value[0])
    lines: list[str] = []
    for part in value[:LINES]:
        nested = items(part)
        lines += nested if isinstance(part, list) else [" ".join(nested)] * bool(nested)
    return lines


def plain_lines(value: str) -> list[str]:
    """Returns the lines of a value that may hold markup and entities, without both.

    >>> plain_lines("<p>Mix &amp; <b>rest</b>.</p><p>Bake.</p>")
    ['Mix & rest.', 'Bake.']
    """
    if "u003c" in value:
        value = LOST_ESCAPE.sub(lambda escape: chr(int(escape[1], 16)), value)
    value = _without_markup(value)
    if "&" in value:
        value = html.unescape(value)
        if ESCAPED_MARKUP.search(value) or ESCAPED_TWICE.search(value):
            value = html.unescape(_without_markup(value))
    value = value.encode("utf-8", "replace").decode()  # a string of JSON may hold half a pair
    return [line for line in (" ".join(line.split()) for line in value.splitlines()) if line][:LINES]


def _without_markup(value: str) -> str:
    if "<" not in value:
        return value
    value = BREAKS.sub("\n", _without_unread(value).replace("\n", " "))
    return TAGS.sub("", value)


def _without_unread(value: str) -> str:
    """Returns markup without scripts, styles and comments; one that has no end stays."""
    ends = dict(ENDS)
    parts: list[str] = []
    at = start = 0
    while match := UNREAD.search(value, start):
        start = match.end()
        name = (match[1] or "").lower()
        end = ends[name].search(value, start) if name in ends else None
        if end is None:
            ends.pop(name, None)  # none follows further on either
            continue
        parts.append(value[at : match.start()])
        at = start = end.end()
    return "".join(parts) + value[at:]


def _steps(kind: str, value: Any) -> Iterator[Statement]:
    """Yields steps as lists: one of each section, and one of the steps between two sections."""
    if isinstance(value, str):
        yield from _list(kind, None, plain_lines(value), is_ordered=True)
        return
    steps: list[Any] = []
    for part in _flat(value)[:LINES]:
        if isinstance(part, dict) and "itemlistelement" in (section := _lowered(part)) and _has_steps(section):
            yield from _list(kind, None, _texts(steps), is_ordered=True)
            steps = []
            heading = _line(section.get("name"))
            yield from _list(kind, heading, _texts(_flat(section["itemlistelement"])), is_ordered=True)
        else:
            steps.append(part)
    yield from _list(kind, None, _texts(steps), is_ordered=True)


def _has_steps(section: dict[str, Any]) -> bool:
    """Returns True for a section, False for a step that is made of directions."""
    return "howtostep" not in _types(section)


def _texts(steps: list[Any]) -> list[str]:
    """Returns the text of each step; of a single one its lines."""
    texts = [plain_lines(_step(step)) for step in steps]
    return texts[0] if len(texts) == 1 else [" ".join(lines) for lines in texts if lines]


def _step(value: Any) -> str:
    """Returns what a step says, after its name if that says more than a number."""
    if not isinstance(value, dict):
        return value if isinstance(value, str) else ""
    step = _lowered(value)
    text = _text(step, "text") or " ".join(_step(part) for part in _flat(step.get("itemlistelement")))
    name = _text(step, "name").strip()
    if not (text and name) or GENERIC.fullmatch(name) or name.rstrip(".…").casefold() in text.casefold():
        return text or name
    return f"{name}{'' if name[-1] in '.:!?' else ':'} {text}"


def _list(kind: str, heading: str | None, lines: list[str], *, is_ordered: bool = False) -> Iterator[Statement]:
    """Yields a list without the markers of its items, or a passage where it has but one item or its own numbers."""
    lines = [bare for line in lines if (bare := BULLET.sub("", line))]
    numbered = sum(NUMBER.match(line) is not None for line in lines) if is_ordered else 0
    if lines and numbered == len(lines) > 1:
        lines = [NUMBER.sub("", line) or line for line in lines]
    is_list = len(lines) > 1 and numbered in (0, len(lines))
    if lines:
        yield Statement(
            kind=kind, heading=heading, lines=tuple(lines), is_list=is_list, is_ordered=is_list and is_ordered
        )


def _passage(value: Any) -> tuple[str, ...]:
    """Returns the lines of a text, or of an object's text."""
    if isinstance(value, list):
        return tuple(line for part in value[:LINES] for line in _passage(part))
    if isinstance(value, dict):
        entity = _lowered(value)
        value = entity.get("text") or entity.get("articlebody")
    return tuple(plain_lines(value)) if isinstance(value, str) else ()


def _flat(value: Any) -> list[Any]:
    """Returns the parts of a list, of a list in a list and of an ItemList."""
    if isinstance(value, dict):
        return [value]
    if not isinstance(value, list):
        return [value] if isinstance(value, str) else []
    return [part for nested in value for part in (nested if isinstance(nested, list) else [nested])]


def _lowered(entity: dict[str, Any]) -> dict[str, Any]:
    return {key.lower(): value for key, value in entity.items()}


def _text(entity: dict[str, Any], *keys: str) -> str:
    """Returns the first of some properties that is a text."""
    for key in keys or ("name", "text"):
        if isinstance(value := entity.get(key), str) and value.strip():
            return value
    return ""


def _line(value: Any) -> str | None:
    """Returns a text on one line, or None."""
    return " ".join(plain_lines(value)) or None if isinstance(value, str) else None


def _types(entity: dict[str, Any]) -> set[str]:
    """Returns the names of an object's types, in lower case, without their vocabulary."""
    value = entity.get("@type")
    names = value if isinstance(value, list) else [value]
    return {re.split("[/#:]", name)[-1].lower() for name in names if isinstance(name, str)}


def _microdata(tree: Any) -> dict[str, Any]:
    """Returns the properties of a recipe that a page marks in its own elements."""
    return {
        "recipeingredient": [
            _content(element) for element in _marked("recipeIngredient", "ingredients", "ingredient")(tree)
        ],
        "recipeinstructions": [_content(element) for element in _marked("recipeInstructions", "instructions")(tree)],
    }


@lru_cache(maxsize=4)
def _marked(*names: str) -> XPath:
    """Returns the outermost elements that are marked as one of some properties."""
    marks = " or ".join(f'@itemprop="{name}"' for name in names)
    return XPath(f"//*[{marks}][not(ancestor::*[{marks}])]")


def _content(element: Any) -> str:
    """Returns the markup of an element, or the value of one that is not shown."""
    return str(element.get("content") or tostring(element, encoding="unicode", with_tail=False))
