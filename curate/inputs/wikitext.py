"""The prose of an article out of its wiki markup, parsed by mwparserfromhell.

What a reader of the article would read stays: paragraphs, headings, lists, quotations, code, formulas (as `$…$`). What
is a picture, a table, a box, a note, a category or a link to another language goes. Templates go, as their text lies
elsewhere, except a few whose text is in the article (`{{lang|fr|mot}}`). A heading without text below it goes too.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

MAIN = ("file", "image", "media", "category")  # names of namespaces in every wiki
LANGUAGE = re.compile(
    r"(?:[a-z]{2,3}|simple|be-tarask|be-x-old|zh-[a-z-]+|roa-[a-z]+|map-bms|nds-nl|fiu-vro|bat-smg|cbk-zam):"
)
COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
NOTE = re.compile(r"<ref\b[^<>]*/>|<ref\b[^<>]*>.*?</ref\s*>", re.DOTALL | re.IGNORECASE)
QUOTES = re.compile(r"'{2,}")
SWITCH = re.compile(r"__[A-Z]{3,}__")
HOLLOW = re.compile(r" ?[(（][\s,;:/–—-]*[)）]")  # brackets that held a template
AFTER_BRACKET = re.compile(r"([(（])[\s,;]+")
DETACHED = re.compile(r" ([,.])(?=\s|$)")  # from the template that stood before
COMMAS = re.compile(r",{2,}")
RUN = re.compile(r"[ \t\xa0]{2,}")
LEFTOVER = re.compile(
    r"\{\||\|[-}+]|\||!.*(?:!!|\|)|\}\}|</?(?:ref|table|div|span)\b[^>]*>$"
)  # begins a line of broken markup
ITEM, NUMBERED, HEADING = "\x01", "\x02", "\x03"  # marks in what is rendered, before it is set in lines
CONTROLS = re.compile("[\x00-\x08\x0b-\x1f]")
# fmt: off
DROPPED = frozenset((  # tags that go with what they hold
    "ref", "references", "table", "gallery", "timeline", "score", "graph", "mapframe", "maplink", "imagemap", "hiero",
    "templatestyles", "indicator", "categorytree", "inputbox", "templatedata", "includeonly", "style", "section",
))
FORMULAS = frozenset(("math", "chem", "ce"))
BLOCKS = frozenset(("blockquote", "poem", "pre", "source", "syntaxhighlight", "div", "p", "center", "ul", "ol", "dl"))
# Templates whose text stands in the article: the name, and which of their arguments it is.
TEXT_OF = {
    "lang": 2, "transl": 2, "nowrap": 1, "nobr": 1, "small": 1, "big": 1, "em": 1, "strong": 1, "abbr": 1, "tooltip": 1,
    "quote": 1, "blockquote": 1, "cquote": 1, "quotation": 1, "sic": 1, "smallcaps": 1, "sc": 1, "sup": 1, "sub": 1,
}
SIGNS = {
    "ndash": "–", "mdash": "—", "snd": " – ", "spaced ndash": " – ", "spnd": " – ", "nbsp": " ", "'": "'", "=": "=",
    "!": "|", "pi": "π",
}
# fmt: on
UNCLOSED = 50  # beginnings without an end, for each of which the parser reads on to the end of the page
PAIRS = (("{{", "}}"), ("[[", "]]"), ("{|", "|}"), ("[http", "]"), ("[//", "]"))
OPENING = re.compile(r"<(?!(?:br|hr|li|dt|dd|td|tr|th|p|wbr)\b)[a-z][^<>/]*>", re.IGNORECASE)
CLOSING = re.compile(r"</[^<>]*>")
Prefixes = frozenset[str]


def prefixes_of(names: Iterable[str]) -> Prefixes:
    """Returns the names, in lower case, of the namespaces to which a link shows no text: of files and categories."""
    return frozenset((*MAIN, *(name.casefold() for name in names)))


def plain_text(markup: str, prefixes: Prefixes) -> str:
    """Returns the prose of an article's markup.

    >>> plain_text("'''Ohm''' is a [[unit]].<ref>x</ref>\\n== Use ==\\n* [[File:a.png|thumb]]one", prefixes_of(()))
    'Ohm is a unit.\\n\\nUse\\n\\n- one'
    """
    import mwparserfromhell

    markup = _without_notes(COMMENT.sub("", CONTROLS.sub("", markup)))
    _check_ends(markup)
    try:
        parsed = mwparserfromhell.parse(markup, skip_style_tags=True)
    except mwparserfromhell.parser.ParserError as error:
        raise ValueError(str(error)) from None
    text = SWITCH.sub("", QUOTES.sub(_apostrophes, "".join(_parts(parsed, prefixes))))
    return "\n".join(_set(_lines(text))).strip("\n")


def _without_notes(markup: str) -> str:
    """Returns markup without its notes, whose citations would take as long to parse as the text."""
    end = markup.casefold().rfind("</ref")  # beyond it an open <ref> has no end to look for
    if end < 0:
        return NOTE.sub("", markup) if "/>" in markup else markup
    close = markup.find(">", end) + 1 or len(markup)
    return NOTE.sub("", markup[:close]) + markup[close:]


def _check_ends(markup: str) -> None:
    """Raises ValueError for markup in which so many things begin and do not end that parsing it would take hours."""
    open_tags = len(OPENING.findall(markup)) - len(CLOSING.findall(markup))
    counts = {begin: markup.count(begin) - markup.count(end) for begin, end in PAIRS} | {"<": open_tags}
    for begin, count in counts.items():
        if count > UNCLOSED:
            raise ValueError(f"{count} times {begin} without its end; the most that is parsed is {UNCLOSED}")


def _apostrophes(match: re.Match[str]) -> str:
    """Returns what is left of a run of apostrophes once those that make text bold or italic are taken."""
    count = len(match[0])
    return "'" if count == 4 else "'" * max(0, count - 5)


def _parts(code: Any, prefixes: Prefixes) -> Iterator[str]:
    """Yields the text of parsed markup, with a mark where an item or a heading begins."""
    for node in code.nodes:
        kind = type(node).__name__
        if kind == "Text":
            yield str(node)
        elif kind == "Wikilink":
            yield from _link(node, prefixes)
        elif kind == "Tag":
            yield from _tag(node, prefixes)
        elif kind == "Template":
            yield from _template(node, prefixes)
        elif kind == "Heading":
            title = " ".join("".join(_parts(node.title, prefixes)).split())
            yield f"\n{HEADING}{node.level}{title}\n"
        elif kind == "ExternalLink":
            if node.title is not None:
                yield from _parts(node.title, prefixes)
            elif not node.brackets:
                yield str(node.url)
        elif kind == "HTMLEntity":
            yield CONTROLS.sub("", _entity(node))


def _entity(node: Any) -> str:
    try:
        return str(node.normalize())
    except (ValueError, OverflowError):
        return ""


def _link(node: Any, prefixes: Prefixes) -> Iterator[str]:
    """Yields the text of a link to a page; none of one to a file, a category, or the article in another language."""
    title = str(node.title).strip()
    shown = title.removeprefix(":")
    if shown == title:
        if title.partition(":")[0].strip().casefold() in prefixes and ":" in title:
            return
        if node.text is None and LANGUAGE.match(title):
            return
    if node.text is None:
        yield from _parts(node.title, prefixes) if shown == title else (shown,)
    else:
        yield from _parts(node.text, prefixes)


def _tag(node: Any, prefixes: Prefixes) -> Iterator[str]:
    """Yields what a tag holds, or the mark of the item that it begins."""
    name = str(node.tag).strip().casefold()
    if name in DROPPED:
        return
    if node.wiki_markup and name in ("li", "dd", "dt"):
        yield {"*": ITEM, "#": NUMBERED}.get(str(node.wiki_markup), "")
    elif name in ("br", "hr"):
        yield "\n"
    elif node.contents is not None:
        inner = "".join(_parts(node.contents, prefixes))
        if name in FORMULAS:
            yield f"${' '.join(inner.split())}$"
        elif name == "li":
            yield f"\n{ITEM}{inner.strip()}\n"
        else:
            yield f"\n{inner}\n" if name in BLOCKS else inner


def _template(node: Any, prefixes: Prefixes) -> Iterator[str]:
    """Yields the text of a template if it is a sign, or has its text among its arguments."""
    name = " ".join(str(node.name).replace("_", " ").split()).casefold()
    positional = [parameter.value for parameter in node.params if not parameter.showkey]
    if name in SIGNS:
        yield SIGNS[name]
    elif name in ("convert", "cvt") and len(positional) > 1:
        yield f"{positional[0]} {positional[1]}"
    elif name == "as of" and positional:
        yield f"As of {positional[0]}"
    elif 0 < TEXT_OF.get(name, 0) <= len(positional):
        yield from _parts(positional[TEXT_OF[name] - 1], prefixes)


def _lines(text: str) -> Iterator[str]:
    """Yields the lines of a rendered text, with one blank for a run of them, and without what broken markup left."""
    for line in text.split("\n"):
        line = RUN.sub(" ", line.replace("\xa0", " "))
        line = AFTER_BRACKET.sub(r"\1", HOLLOW.sub("", line))
        line = COMMAS.sub(",", DETACHED.sub(r"\1", line)).rstrip()
        if not LEFTOVER.match(line.lstrip()):
            yield line


def _set(lines: Iterable[str]) -> list[str]:
    """Returns lines with items and headings laid out, no heading without text below it, and no two empty lines."""
    kept: list[str] = []
    waiting: list[tuple[int, str]] = []  # headings with no text below them so far
    number = 0
    for line in lines:
        bare = line.strip()
        if bare.startswith(HEADING):
            level = int(bare[1:2])
            waiting = [(above, title) for above, title in waiting if above < level] + [(level, bare[2:])]
            number = 0
            continue
        content = bare.lstrip(f"{ITEM}{NUMBERED} ,;")
        if not content.strip(".,;:-–—"):
            if not bare and kept and kept[-1]:
                kept.append("")
            continue
        for _, title in waiting:
            kept += [*(("",) if kept and kept[-1] else ()), title, ""]
        waiting = []
        marks = re.match(f"[{ITEM}{NUMBERED}]*", bare)[0]  # type: ignore[index]
        number = number + 1 if marks == NUMBERED else number if marks else 0
        kept.append(_item(marks, content, number))
    return kept


def _item(marks: str, content: str, number: int) -> str:
    """Returns a line, with its bullet or number if it is an item."""
    content = content.replace(ITEM, "").replace(NUMBERED, "").replace(HEADING, "")
    if not marks:
        return content
    bullet = f"{number}. " if marks == NUMBERED else "- "
    return f"{'  ' * (len(marks) - 1)}{bullet}{content}"
