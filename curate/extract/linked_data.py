"""The JSON-LD of a page: its scripts are taken out of the markup, mended where they are not quite JSON, and parsed.

A page without JSON-LD costs one search for a word. A script is parsed only if its text has a sign of what is wanted.
"""

import html
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

TYPE = "application/ld+json"  # in the start tag of a script
START_TAG = 300  # characters before TYPE, within which the tag begins
DEPTH = 12  # of objects in one another; what lies deeper is left out
# What leads from an object to those that the page is about; mentions and parts of lists stand on other pages.
INWARD = frozenset(("@graph", "mainentity", "mainentityofpage", "haspart", "subjectof"))

TOKEN = re.compile(  # a string; one between single quotes, which JSON has not; a comment; commas; each may lack its end
    r'"(?:[^"\\]++|\\.)*+"?+|(?<=[\s:,\[{])\'((?:[^\'\\\n]|\\.)*)\'|//[^\n]*+|/\*.*?(?:\*/|\Z)|,[\s,]*+', re.S
)
BAD_ESCAPE = re.compile(r'\\(?!["\\/bfnrtu])|\\u(?![0-9a-fA-F]{4})')
WRAPPING = re.compile(r"<!--|-->|<!\[CDATA\[|\]\]>")
BRACKET = re.compile(r"[\[{]")


def entities(markup: str, signs: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """Yields the objects that a page is about, outer ones first, their keys in lower case.

    signs: of these a script's text must hold one to be parsed.
    """
    for script in scripts(markup):
        if any(sign in script for sign in signs):
            yield from _inside(parsed(script), DEPTH)


def scripts(markup: str) -> Iterator[str]:
    """Yields the text of each script of JSON-LD."""
    at = markup.find(TYPE)
    end = start = 0
    while at >= 0:
        tag = markup.rfind("<", max(0, at - START_TAG), at)
        if start <= at:
            start = end = markup.find(">", at) + 1
        if not start:
            return
        if markup[tag : tag + 7].lower() == "<script" and markup.find(">", tag, at) < 0:
            end = markup.find("</", start)
            while end >= 0 and markup[end : end + 8].lower() != "</script":
                end = markup.find("</", end + 2)
            end = len(markup) if end < 0 else end
            yield markup[start:end]
        at = markup.find(TYPE, max(end, at + len(TYPE)))


def parsed(script: str) -> list[Any]:
    """Returns the values in the text of a script, with what is often wrong with it mended; [] if that does not help.

    >>> parsed('<!-- {"a": ["b", ], // first' + chr(10) + ' "c": 1} -->')
    [{'a': ['b'], 'c': 1}]
    """
    for mend in MENDS:
        try:
            return _values(mend(script))
        except (ValueError, RecursionError):
            continue
    return []


def _values(text: str) -> list[Any]:
    """Returns the values that stand one after another in a text, whatever stands between them."""
    decoder = json.JSONDecoder(strict=False)  # control characters in strings are read
    values: list[Any] = []
    start = BRACKET.search(text)
    while start:
        value, end = decoder.raw_decode(text, start.start())
        values.append(value)
        start = BRACKET.search(text, end)
    return values


def _mended(script: str) -> str:
    """Returns a script without comments and superfluous commas, its strings as JSON has them."""
    return TOKEN.sub(_token, WRAPPING.sub(" ", script))


def _token(match: re.Match[str]) -> str:
    token = match[0]
    if token[0] == '"':
        return BAD_ESCAPE.sub("", token) if "\\" in token else token
    if token[0] == ",":
        return "" if match.string[match.end() : match.end() + 1] in ("]", "}") else token
    return json.dumps(match[1].replace("\\'", "'")) if token[0] == "'" else ""


MENDS: tuple[Callable[[str], str], ...] = (str, _mended, html.unescape, lambda script: _mended(html.unescape(script)))


def _inside(value: Any, depth: int) -> Iterator[dict[str, Any]]:
    """Yields the objects of a value that the page is about."""
    if not depth:
        return
    if isinstance(value, list):
        for item in value:
            yield from _inside(item, depth - 1)
    elif isinstance(value, dict):
        entity = {key.lower(): part for key, part in value.items()}
        yield entity
        for key, part in entity.items():
            if key in INWARD or key.isdigit():
                yield from _inside(part, depth - 1)
