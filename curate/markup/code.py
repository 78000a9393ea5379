"""Code of a page, byte for byte, out of the markup that highlighters put around it.

`code` is called with a `pre`, or with another element that `may_be_code` names. Spans are joined; line numbers, copy
buttons and labels are left out; a line that is an element of its own gets one line end. What changes in the text: CR LF
is LF, a no-break space is a blank, and empty lines before the first line and white space after the last one go.

A `pre` is prose, not code, where no highlighter marked it and no class calls it code, it has PROSE_LENGTH characters or
more, at least half of its lines hold PROSE_WORDS words or more, and at most SIGNS of its characters are signs of code.
Messages of mailing lists and RFCs are such. Verse is prose by its class. The text of prose is the same, byte for byte,
as its lines and indentation may be a table or a drawing; `is_prose` says that it is no code.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any

from curate.markup.languages import LANGUAGES, language_of

PROSE_LENGTH = 200  # characters; most shorter texts of a `pre` are commands or output
PROSE_WORDS = 6
SIGNS = 0.03  # prose has under .01, code over .05
READ = 5_000  # characters by which prose is told
REMEMBERED = 300  # characters of a class; longer ones seldom come back
MOST = 5_000  # elements in a highlighter's element that are looked at
WORD = re.compile(
    r"(?<![^\W\d_])[^\W\d_]{2,}+(?:['’-][^\W\d_]++)*+[.,;:!?)\]\"”’]*(?=\s|$)"
    r"|[\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7a3]{2}"
)
SIGN = re.compile(r"[{}<>=\\|&$%^~@#*/]|\(\)|::|;$", re.MULTILINE)
CODE_CLASS = re.compile(
    r"(?i)code|highlight|pretty|prism|hljs|brush|listing|example|console|terminal|shell|screen|rust|synopsis|literal|syntax"
)
VERSE_CLASS = re.compile(r"(?i)verse|poem|poetry|lyrics|address")

CODE_TAGS = frozenset(("pre", "code", "table", "listing", "xmp"))
HOLDERS = frozenset(  # classes of a `div`
    (
        *("CodeMirror", "cm-editor", "ace_editor", "syntaxhighlighter", "crayon-syntax", "dp-highlighter", "fragment"),
        *("code-block", "codeblock", "blob-wrapper", "react-code-lines", "urvanov-syntax-highlighter-syntax"),
    )
)
BODIES = frozenset(
    (
        *("cm-content", "CodeMirror-code", "ace_text-layer", "crayon-code", "react-code-lines"),
        "urvanov-syntax-highlighter-code",
    )
)
LINES = frozenset(  # classes of spans that are one line
    (
        *("line", "token-line", "code-line", "cm-line", "ace_line", "crayon-line", "view-line", "source-line"),
        *("blob-code-inner", "hljs-ln-line", "react-file-line"),
    )
)
MARKED_LINES = frozenset(("gatsby-highlight-code-line",))  # lines among others that are text
NUMBERS = re.compile(  # classes of line numbers, where what they hold is a number
    r"[Ll]ine[-_]?(?:[Nn]o(?:s|div)?(?![a-z])|[Nn]um(?![a-z])|[Nn]umber)|(?:^|[\s_-])(?:lnt|ln|lntd|hljs-ln-n|gutter|blob-num"
    r"|crayon-nums?|urvanov-syntax-highlighter-nums?|pre-numbering)(?=[\s_-]|$)"
)
NUMBER = re.compile(r"[\s\d.:|+\u200b-]*")
LEFT_OUT = re.compile(  # classes of what stands beside the code or hovers over it
    r"(?:^|[\s_-])(?:copy|copied|clipboard|toolbar|tooltip|popup|popover|sr-only|visually-hidden|select-none|twoslash-popup"
    r"|hover-info|code-header|lang-label|code-lang|tools|bar|gutters?|gutter-wrapper)(?=[\s_-]|$)"
)
POPUP = re.compile(r"(?:^|\s)(?:twoslash-popup|hover-info|tooltip|popover)")
LABEL = re.compile(
    r"(?i)(?:copy(?: code| to clipboard)?+|copied!?+|run(?: code)?+|edit|wrap(?: lines)?+|expand|collapse|view raw|raw"
    r"|code|copier|copiar|kopieren|копировать|复制(?:代码)?+|複製|コピー|복사|[?\s])*+"
)
SKIPPED = frozenset(
    ("button", "style", "script", "svg", "template", "noscript", "textarea", "input", "select", "audio")
)
BLOCKS = frozenset(
    ("div", "li", "p", "tr", "pre", "section", "article", "ol", "ul", "table", "tbody", "thead", "dl", "dd")
)
STRUCTURE = frozenset(
    ("table", "thead", "tbody", "tfoot", "tr", "colgroup", "ul", "ol", "dl")
)  # hold no text themselves
FIRST_LINE_END = re.compile(r"\A[ \t]*\n")
UNSEEN_LINE = re.compile(r"^[\u00a0\u200b]+$", re.MULTILINE)  # what editors put into an empty line


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """Code; text: "" for line numbers that stand beside the code, which are left out."""

    text: str
    language: str  # as the page names it, in small letters; "" where it names none
    is_prose: bool = False  # a text in a `pre` that is no code, its lines and indentation as the page sets them


def may_be_code(element: Any) -> bool:
    """Returns True for an element that `code` has to look at; what it refuses, a walk reads as it reads any other."""
    tag = element.tag
    if tag == "div":
        name = element.get("class")
        if name is None or len(name) > REMEMBERED:
            return name is not None and _names_holder.__wrapped__(name)
        return _names_holder(name)
    return tag in CODE_TAGS


@lru_cache(maxsize=1 << 16)
def _names_holder(classes: str) -> bool:
    """Returns True for the class of a highlighter; cached, as the elements of a site have few classes."""
    return not HOLDERS.isdisjoint(classes.split())


def code(element: Any) -> Code | None:
    """Returns the code that an element holds, or None if it holds anything else."""
    body = _body(element)
    if body is None:
        return None
    if _is_numbers(body):
        return Code(text="", language="")
    parts: list[str] = []
    _read(body, parts)
    text = _tidied("".join(parts))
    if not text:
        return None
    if body.tag == "code" and element.tag == "code":
        text = text.strip()
    language = language_of(element, body)
    if not language and body is not element:
        language = next(
            (word for text in _texts_outside(element, body) if (word := text.strip().lower()) in LANGUAGES), ""
        )
    return Code(
        text=text, language=language, is_prose=not language and element.tag == "pre" and _is_prose(element, text)
    )


def _tidied(text: str) -> str:
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.isascii():
        text = UNSEEN_LINE.sub("", text).replace("\u00a0", " ")
    text = text.rstrip()
    blank = len(text) - len(text.lstrip(" \t\n"))
    return text[text.rfind("\n", 0, blank) + 1 :]


def _is_prose(pre: Any, text: str) -> bool:
    """Returns True for a `pre` that sets prose; the text of this file says by which rule."""
    classes = pre.get("class") or ""
    if VERSE_CLASS.search(classes):
        return True
    parent = pre.getparent()
    around = "" if parent is None else parent.get("class") or ""
    if len(text) < PROSE_LENGTH or CODE_CLASS.search(f"{classes} {around}") or pre.find(".//code") is not None:
        return False
    start = text[:READ]
    lines = [line for line in start.split("\n") if line.strip()]
    sentences = sum(len(WORD.findall(line)) >= PROSE_WORDS for line in lines)
    return 2 * sentences >= len(lines) and len(SIGN.findall(start)) <= SIGNS * len(start)


def _body(element: Any) -> Any:
    """Returns the element that holds the lines of an element's code, or None if the element is no code."""
    tag = element.tag
    if tag in ("pre", "listing", "xmp"):
        return _inner(element)
    if tag == "code":
        return _block_code(element)
    if tag == "table":
        return element if _is_code_table(element) else None
    return _held(element)


def _inner(pre: Any) -> Any:
    """Returns the part of a `pre` that holds its code: an editor's content, or the one `code` among labels."""
    if len(pre) == 0:
        return pre
    for child in pre.iterdescendants():
        if child.tag == "code":
            return child if LABEL.fullmatch(_unlabelled(pre, child)) else pre
        if _is_body(child):  # else libxml2 put what follows into a `pre` whose markup lacks an end
            return child if LABEL.fullmatch(_unlabelled(pre, child)) else None
    return pre


def _is_body(element: Any) -> bool:
    return not BODIES.isdisjoint((element.get("class") or "").split())


def _block_code(element: Any) -> Any:
    """Returns the body of a `code` outside of a `pre` if it is a block: it wraps a `pre`, has lines, or says so."""
    if len(element) == 0 and not element.attrib:
        return None
    inner = element.find(".//pre")
    if inner is not None:
        return _inner(inner) if len(element) == 1 else element
    classes = (element.get("class") or "").split()
    style = (element.get("style") or "").replace(" ", "")
    is_block = "block" in classes or "white-space:pre" in style or "display:block" in style
    return element if is_block or any(child.tag in ("br", "div") or _is_line(child) for child in element) else None


def _is_code_table(table: Any) -> bool:
    """Returns True for a table of lines and their numbers, which the first cell of the first row holds."""
    cell = next(table.iter("td", "th"), None)
    if cell is None:
        return False
    classes = cell.get("class") or ""
    if "blob-code" in classes or "hljs-ln" in classes:
        return True
    second = next(cell.itersiblings("td", "th"), None)
    if second is None or not _has_only_numbers(cell):
        return False
    has_pre = second.find(".//pre") is not None
    if NUMBERS.search(classes) or "data-line-number" in cell.attrib:
        names = (second.get("class") or "").lower()
        return has_pre or "code" in names or "lntd" in names or "line" in names
    return has_pre and cell.find(".//pre") is not None


def _held(element: Any) -> Any:
    """Returns the body in a highlighter's element, or None if it holds several codes or text beside the code."""
    held = []
    for child in islice(element.iterdescendants(), MOST):
        if _is_body(child):
            return child
        if child.tag in ("pre", "table"):
            held.append(child)
    if not held:
        return element if any(_is_line_by_class(child) for child in element.iter("div", "li", "span")) else None
    if held[0].tag == "table":
        return held[0] if _is_code_table(held[0]) else None
    is_alone = len(held) == 1 and LABEL.fullmatch(_unlabelled(element, held[0]))
    return _inner(held[0]) if is_alone else None


def _unlabelled(element: Any, inner: Any) -> str:
    """Returns the text of an element outside of another one in it, without line numbers and names of languages."""
    texts = (text.strip() for text in _texts_outside(element, inner))
    return " ".join(text for text in texts if text.lower() not in LANGUAGES and not NUMBER.fullmatch(text))


def _texts_outside(element: Any, inner: Any) -> Iterator[str]:
    if element is inner or element.tag in ("style", "script"):
        return
    if element.text and isinstance(element.tag, str):
        yield element.text
    for child in element:
        yield from _texts_outside(child, inner)
        if child.tail:
            yield child.tail


def _is_numbers(element: Any) -> bool:
    """Returns True for an element of line numbers."""
    classes = element.get("class") or ""
    return NUMBERS.search(classes) is not None and _has_only_numbers(element)


def _has_only_numbers(element: Any) -> bool:
    return all(NUMBER.fullmatch(text) for text in element.itertext())


def _is_left_out(element: Any) -> bool:
    """Returns True for what is no part of the code: line numbers, buttons, labels, and what hovers over it."""
    if element.tag in SKIPPED or not isinstance(element.tag, str):
        return True
    attributes = element.attrib
    if not attributes:
        return False
    if classes := attributes.get("class"):
        if NUMBERS.search(classes) and _is_numbers(element):
            return True
        if LEFT_OUT.search(classes):
            return element.tag != "span" or POPUP.search(classes) is not None or _is_label(element)
    return "data-line-number" in attributes and _has_only_numbers(element)


def _is_label(element: Any) -> bool:
    text = "".join(element.itertext()).strip()
    return NUMBER.fullmatch(text) is not None or LABEL.fullmatch(text) is not None or text.lower() in LANGUAGES


def _is_line(element: Any) -> bool:
    if element.tag in BLOCKS:
        return True
    return element.tag == "span" and _is_line_by_class(element)


def _is_line_by_class(element: Any) -> bool:
    attributes = element.attrib
    if not attributes:
        return element.tag == "li" and "dp-" in (element.getparent().get("class") or "")
    return "data-line" in attributes or not LINES.isdisjoint(attributes.get("class", "").split())


def _holds_only_lines(element: Any) -> bool:
    """Returns True if an element has no text beside its lines."""
    if len(element) == 0 or (element.text and not element.text.isspace()):
        return False
    has_lines = False
    many_codes = element.tag == "pre" and len(element) > 1 and all(child.tag == "code" for child in element)
    for child in element:
        if child.tail and not child.tail.isspace():
            return False
        if many_codes or _is_line(child):
            has_lines = True
        elif child.tag != "br" and not _is_left_out(child):
            return False
    return has_lines


def _line_numbers(lines: Any) -> frozenset[Any]:
    """Returns the elements with which lines begin if they count the lines: numbers without a class of their own."""
    firsts: list[Any] = []
    for line in lines:
        if line.tag != "br" and not _is_left_out(line):
            if len(line) == 0 or len(line[0]):
                return frozenset()
            firsts.append(line[0])
    if len(firsts) < 2:
        return frozenset()
    texts = [(first.text or "").strip() for first in firsts]
    if not (texts[0].isdecimal() and all(text == str(int(texts[0]) + place) for place, text in enumerate(texts))):
        return frozenset()
    return frozenset(firsts)


def _read(element: Any, parts: list[str], numbers: frozenset[Any] = frozenset()) -> None:
    """Adds the text of an element to the parts; each line that is an element of its own ends with one line end."""
    lines_only = element.tag in STRUCTURE or _holds_only_lines(element)
    if lines_only:
        numbers |= _line_numbers(element)
    if element.text and not (lines_only and element.text.isspace()):
        parts.append(element.text.removeprefix("\n") if element.tag == "pre" else element.text)
    for child in element:
        tail = child.tail or ""
        if child in numbers or _is_left_out(child):
            tail = "" if (lines_only or child in numbers) and tail.isspace() else tail
        elif child.tag == "br":
            parts.append("\n")
        elif lines_only or child.tag in BLOCKS or child.get("class") in MARKED_LINES:
            tail = _read_line(child, tail, parts, numbers)
        else:
            _read(child, parts, numbers)
        if tail and not (element.tag in STRUCTURE and tail.isspace()):
            parts.append(tail)


def _read_line(line: Any, tail: str, parts: list[str], numbers: frozenset[Any]) -> str:
    """Adds a line that is an element of its own; returns what of the text behind it still counts."""
    if line.tag in ("td", "th"):
        _read(line, parts, numbers)
        return tail
    if line.tag in BLOCKS and not _ends_line(parts):
        parts.append("\n")
    start = len(parts)
    _read(line, parts, numbers)
    if len(parts) > start and parts[-1].endswith("\n"):
        return FIRST_LINE_END.sub("", tail) if line.tag in BLOCKS else tail
    behind = line.getnext()
    if line.tag in BLOCKS or behind is None or behind.tag != "br" or tail:  # else that line break is its end
        parts.append("\n")
    return FIRST_LINE_END.sub("", tail)


def _ends_line(parts: list[str]) -> bool:
    return next((part.endswith("\n") for part in reversed(parts) if part), True)
