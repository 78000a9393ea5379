"""Lines of Markdown with emphasis, code and links, such that a parser of CommonMark reads the same marks and words.

Every character of the text that could be a mark stands behind a backslash; formulas stay as they are written. A mark
that CommonMark would not read back, such as `**` between a full stop and a letter, is left out: the rules of delimiter
runs ("left-flanking", and sums that are multiples of 3) are followed here, on a stack. A line is written on its own.
"""

import re
import unicodedata
from collections.abc import Iterable
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from curate.markup.inline import Mark, cleaned
from curate.markup.marks import EMPHASIS, INLINE_CODE, INLINE_FORMULA, LINK, STRONG

DELIMITERS = {EMPHASIS: "*", STRONG: "**"}
ORDER = (LINK, EMPHASIS, STRONG)  # of marks with the same end, the outer first
SPECIAL = re.compile(  # what CommonMark could read as marks; "_" between letters is none
    r"[*`]|(?<![^\W_])_|_(?![^\W_])|\\(?=[!-/:-@\[-`{-~]|$)|<(?=[A-Za-z/!?])|&(?=#?\w+;)|\](?=\()|~(?=~~)"
)
BRACKETS = re.compile(r"[\[\]]")
LATEX = re.compile(r"\$\$[^$\n]+\$\$|\$(?![\s\d])[^$\n]*(?<![\s\\])\$(?!\d)|\\\(.{1,500}?\\\)|\\\[.{1,500}?\\\]")
BREAKS_EMPHASIS = re.compile(r"\*|(?<![^\W_])_(?=\S)")  # in a formula, whose signs are not escaped
BREAKS_MARKS = re.compile(r"`|<[A-Za-z/!?]|\]\(")
BACKTICKS = re.compile(r"`+")
BEGINNING = re.compile(  # of a line that would be no text
    r"[ \t]*(?:\d{1,9}(?=[.)](?:\s|$))|(?=#{1,6}(?:\s|$)|[-+*](?:\s|$)|>|\||\[[^\]]*\]:|(?:[-=*_:]\s*)+(?:[-:|\s]*)$))"
)
SIGNS = re.compile(r"[*`_\\<&\]\[~]")
SIGNS_IN_LINK = "[]"
UNSAFE = re.compile(r"[\x00-\x20<>`|\\\x7f]")  # in an address
ENTITY = re.compile(r"&(?=#?\w+;)")
NESTED = 3  # brackets in one another that stay in an address; parsers read 32
ROUNDS = 3  # of leaving out marks, before all of a line go


class Segment(NamedTuple):
    """A part of a line with the same marks."""

    text: str
    kinds: frozenset[str]
    link: Mark | None = None


class Token(NamedTuple):
    """A part of a written line: a text, or a delimiter of emphasis."""

    text: str
    kind: str = ""  # of emphasis; "" for any other text
    is_end: bool = False
    span: tuple[int, int] = (0, 0)  # the segments in the emphasis


class Around(NamedTuple):
    """A mark around what is written."""

    kind: str
    start: int  # its first segment
    end: int  # the segment behind which it ends
    token: int  # where it begins
    link: Mark | None


class Opener(NamedTuple):
    """A run of delimiters that a later one may close."""

    length: int  # of the whole run
    left: int  # of it, not closed yet
    closes: bool  # whether the run could also close


def begun(line: str) -> str:
    """Returns a line, of which all else is escaped, with a backslash before what would begin a list and the like."""
    beginning = BEGINNING.match(line)
    return f"{beginning[0].lstrip()}\\{line[beginning.end() :]}" if beginning else line.lstrip()


def marked_lines(text: str, marks: tuple[Mark, ...], *, begin_blocks: bool = False) -> list[str]:
    """Returns the lines of a text with its marks and its escapes.

    begin_blocks: whether a line could begin a list or another block, as one behind a number sign cannot.

    >>> marked_lines("a bell, *of* iron", (Mark(1, 6, STRONG), Mark(8, 12, LINK, "https://harbour.example/(iron")))
    ['a **bell,** \\\\*o[f\\\\* ir](https://harbour.example/\\\\(iron)on']
    """
    segments = segments_of(text, marks)
    parts = [segment._replace(text=cleaned(segment.text)) for segment in segments]
    whole = cleaned(text)
    if "".join(part.text for part in parts) != whole:  # a mark stands inside of a character
        parts = [Segment(whole, frozenset())]
    lines: list[list[Segment]] = [[]]
    for part in parts:
        first, *rest = part.text.split("\n")
        lines[-1].append(part._replace(text=first))
        lines += [[part._replace(text=line)] for line in rest]
    written = [tokens_of_line([segment for segment in line if segment.text]) for line in lines]
    texts = ["".join(token.text for token in tokens) for tokens in written]
    if not begin_blocks:
        return texts
    return [line if tokens and tokens[0].kind else begun(line) for tokens, line in zip(written, texts, strict=True)]


def segments_of(text: str, marks: tuple[Mark, ...]) -> list[Segment]:
    """Returns a text in parts with the same marks."""
    if not marks:
        return [Segment(text, frozenset())]
    places = [place for place, character in enumerate(text) if not character.isspace()]
    borders: list[tuple[int, bool, Mark]] = []
    for mark in marks:
        end = min(mark.end, len(places))
        if mark.start < end:
            borders += [(places[mark.start], True, mark), (places[end - 1] + 1, False, mark)]
    borders.sort(key=lambda border: border[:2])
    segments: list[Segment] = []
    around: list[Mark] = []
    at = 0
    for place, is_start, mark in [*borders, (len(text), False, Mark(0, 0, ""))]:
        if place > at:
            kinds = frozenset(other.kind for other in around)
            link = next((other for other in around if other.kind == LINK), None)
            segments.append(Segment(text[at:place], kinds, link))
            at = place
        around = [*around, mark] if is_start else [other for other in around if other is not mark]
    return segments


def tokens_of_line(segments: list[Segment]) -> list[Token]:
    """Returns the parts of a line with the marks that CommonMark reads back."""
    line = "".join(segment.text for segment in segments)
    raw = formulas(segments, line)
    texts = [line[start:end] for start, end in raw]
    if any(map(BREAKS_MARKS.search, texts)) or any(map(BRACKETS.search, texts)):
        segments = [segment._replace(kinds=segment.kinds - {LINK}, link=None) for segment in segments]
    if any(map(BREAKS_MARKS.search, texts)):
        segments = [segment._replace(kinds=segment.kinds & {INLINE_FORMULA}) for segment in segments]
    if any(map(BREAKS_EMPHASIS.search, texts)):
        segments = [segment._replace(kinds=segment.kinds - DELIMITERS.keys()) for segment in segments]
    for _ in range(ROUNDS):
        segments = joined(segments)
        tokens = tokens_of(segments, escaped(segments, line, raw))
        lost = unread(tokens)
        if not lost:
            if is_read_back(tokens, symbols=False) and is_read_back(tokens, symbols=True):
                return tokens
            break
        segments = without(segments, lost)
    segments = joined(segment._replace(kinds=segment.kinds - DELIMITERS.keys()) for segment in segments)
    return tokens_of(segments, escaped(segments, line, raw))


def joined(segments: Iterable[Segment]) -> list[Segment]:
    """Returns segments of which neighbours with the same marks are one."""
    groups = groupby(segments, attrgetter("kinds", "link"))
    return [Segment("".join(segment.text for segment in same), *key) for key, same in groups]


def without(segments: list[Segment], lost: set[tuple[str, tuple[int, int]]]) -> list[Segment]:
    """Returns segments without some marks."""
    kept = list(segments)
    for kind, (start, end) in lost:
        for place in range(start, end):
            kept[place] = kept[place]._replace(kinds=kept[place].kinds - {kind})
    return kept


def formulas(segments: list[Segment], line: str) -> list[tuple[int, int]]:
    """Returns where the formulas of a line begin and end, in order: those of the markup, and those in the text."""
    if "$" not in line and "\\" not in line:
        return []
    at = 0
    places: list[tuple[int, int]] = []
    taken = bytearray(len(line))
    for segment in segments:
        end = at + len(segment.text)
        if INLINE_FORMULA in segment.kinds:
            places.append((at, end))
        if not segment.kinds.isdisjoint((INLINE_CODE, INLINE_FORMULA)):
            taken[at:end] = b"\1" * (end - at)
        at = end
    in_text = (match.span() for match in LATEX.finditer(line))
    return sorted(places + [span for span in in_text if not any(taken[slice(*span)])])


def escaped(segments: list[Segment], line: str, raw: list[tuple[int, int]]) -> list[str]:
    """Returns the segments of a line as CommonMark reads their words; raw: where its formulas begin and end."""
    special = {match.start() for match in SPECIAL.finditer(line)}
    inside = {place for start, end in raw for place in range(start, end)}
    texts: list[str] = []
    at = 0
    for segment in segments:
        end = at + len(segment.text)
        if INLINE_CODE in segment.kinds:
            texts.append(code(segment.text))
        elif SIGNS.search(segment.text) is None:
            texts.append(segment.text)
        else:
            edges = {place for place in (at, end - 1) if line[place] == "_"}
            edges |= {end - 1} if line[end - 1] == "\\" else set()
            signs = SIGNS_IN_LINK if segment.link else ""
            texts.append(
                "".join(
                    f"\\{sign}"
                    if place not in inside and (place in special or place in edges or sign in signs)
                    else sign
                    for place, sign in enumerate(segment.text, at)
                )
            )
        at = end
    return texts


def code(text: str) -> str:
    """Returns code between backticks, more of them than any run in it.

    >>> code("a"), code("`a")
    ('`a`', '`` `a ``')
    """
    fence = "`" * (max(map(len, BACKTICKS.findall(text)), default=0) + 1)
    return f"{fence} {text} {fence}" if text[0] == "`" or text[-1] == "`" else f"{fence}{text}{fence}"


def destination(address: str) -> str:
    """Returns an address as it stands in a link, whose brackets do not end it.

    >>> destination("https://a.example/b(c)?d&copy;=e f"), destination("https://a.example/:)")
    ('https://a.example/b(c)?d\\\\&copy;=e%20f', 'https://a.example/:\\\\)')
    """
    address = UNSAFE.sub(lambda match: f"%{ord(match[0]):02X}", address)
    depth = deepest = 0
    for bracket in re.findall(r"[()]", address):
        depth += 1 if bracket == "(" else -1
        deepest = max(deepest, depth if depth >= 0 else NESTED + 1)
    if depth or deepest > NESTED:
        address = re.sub(r"[()]", r"\\\g<0>", address)
    return ENTITY.sub(r"\\&", address)


def tokens_of(segments: list[Segment], texts: list[str]) -> list[Token]:
    """Returns the parts of a line in order; marks end before those around them and begin again behind them."""
    ends = ends_of(segments)
    tokens: list[Token] = []
    stack: list[Around] = []
    for place, (segment, text) in enumerate(zip(segments, texts, strict=True)):
        kept = next((number for number, mark in enumerate(stack) if mark.end <= place), len(stack))
        close(tokens, stack, kept, place)
        around = {mark.kind for mark in stack}
        missing = [kind for kind in ORDER if kind in segment.kinds and kind not in around]
        furthest = max((ends[place][kind] for kind in missing), default=0)
        kept = next((number for number, mark in enumerate(stack) if mark.end < furthest), len(stack))
        missing += [mark.kind for mark in stack[kept:]]
        close(tokens, stack, kept, place)
        for kind in sorted(missing, key=lambda kind: (-ends[place][kind], ORDER.index(kind))):
            if kind == LINK and tokens and tokens[-1].text.endswith("!"):
                tokens[-1] = tokens[-1]._replace(text=f"{tokens[-1].text[:-1]}\\!")
            stack.append(Around(kind, place, ends[place][kind], len(tokens), segment.link))
            tokens.append(Token(DELIMITERS.get(kind, "["), kind))
        tokens.append(Token(text))
    close(tokens, stack, 0, len(segments))
    return tokens


def ends_of(segments: list[Segment]) -> list[dict[str, int]]:
    """Returns for each segment, by the kind of its marks, behind which segment each of them ends."""
    ends: list[dict[str, int]] = []
    after = Segment("", frozenset())
    following: dict[str, int] = {}
    for place in range(len(segments) - 1, -1, -1):
        segment = segments[place]
        following = {
            kind: following[kind] if kind in after.kinds and (kind != LINK or after.link is segment.link) else place + 1
            for kind in segment.kinds
        }
        ends.append(following)
        after = segment
    return ends[::-1]


def close(tokens: list[Token], stack: list[Around], kept: int, place: int) -> None:
    """Ends the marks around a segment but for the outer ones; kept: how many stay; place: of the segment."""
    while len(stack) > kept:
        mark = stack.pop()
        span = mark.start, place
        tokens[mark.token] = tokens[mark.token]._replace(span=span)
        text = f"]({destination(mark.link.address)})" if mark.kind == LINK and mark.link else DELIMITERS[mark.kind]
        tokens.append(Token(text, mark.kind, is_end=True, span=span))


def runs_of(tokens: list[Token]) -> list[list[Token]]:
    """Returns tokens of which the delimiters that stand in a row are together; any other is alone."""
    runs: list[list[Token]] = []
    for token in tokens:
        if runs and token.kind in DELIMITERS and runs[-1][-1].kind in DELIMITERS:
            runs[-1].append(token)
        else:
            runs.append([token])
    return runs


def flanks(inner: str, outer: str, *, symbols: bool) -> bool:
    """Returns True if delimiters between two characters may open or close towards the inner one; "" ends a line.

    symbols: whether symbols such as the euro's are punctuation, as they are since CommonMark 0.31.
    """
    if not inner or inner.isspace():
        return False
    return not is_punctuation(inner, symbols) or not outer or outer.isspace() or is_punctuation(outer, symbols)


def is_punctuation(character: str, symbols: bool) -> bool:
    """Returns True for what CommonMark takes for punctuation."""
    if character.isascii():
        return not character.isalnum() and character.isprintable() and character != " "
    return unicodedata.category(character)[0] in ("PS" if symbols else "P")


def sides(runs: list[list[Token]], number: int, *, symbols: bool) -> tuple[bool, bool]:
    """Returns whether a run of delimiters may open, and whether it may close."""
    before = runs[number - 1][-1].text[-1:] if number else ""
    after = runs[number + 1][0].text[:1] if number + 1 < len(runs) else ""
    return flanks(after, before, symbols=symbols), flanks(before, after, symbols=symbols)


def unread(tokens: list[Token]) -> set[tuple[str, tuple[int, int]]]:
    """Returns the kinds and the segments of emphasis whose delimiters are none where they stand."""
    lost: set[tuple[str, tuple[int, int]]] = set()
    runs = runs_of(tokens)
    for number, run in enumerate(runs):
        if run[0].kind in DELIMITERS:
            for symbols in (False, True):
                opens, closes = sides(runs, number, symbols=symbols)
                lost.update((token.kind, token.span) for token in run if not (closes if token.is_end else opens))
    return lost


def is_read_back(tokens: list[Token], *, symbols: bool) -> bool:
    """Returns True if a parser pairs the delimiters of a line as meant; those in a link are pairs of their own."""
    scopes: list[list[Opener]] = [[]]
    runs = runs_of(tokens)
    for number, run in enumerate(runs):
        kind, is_end = run[0].kind, run[0].is_end
        if kind == LINK and is_end:
            scopes.pop()
        elif kind == LINK:
            scopes.append([])
        elif kind and not pairs(run, scopes[-1], *sides(runs, number, symbols=symbols)):
            return False
    return True


def pairs(run: list[Token], openers: list[Opener], opens: bool, closes: bool) -> bool:
    """Returns True if a run of delimiters closes those of the openers that it is meant to; it becomes one of them."""
    length = left = sum(len(token.text) for token in run)
    ends = [len(token.text) for token in run if token.is_end]
    while closes and left:
        place = next((at for at in range(len(openers) - 1, -1, -1) if may_pair(openers[at], length, opens)), None)
        if place is None:
            break
        opener = openers[-1]
        size = 2 if opener.left >= 2 and left >= 2 else 1
        if place < len(openers) - 1 or ends[:1] != [size]:
            return False
        del ends[0]
        left -= size
        openers[-1:] = [opener._replace(left=opener.left - size)] if opener.left > size else []
    if left:
        openers.append(Opener(length, left, closes))
    return not ends and (opens or not left)


def may_pair(opener: Opener, length: int, opens: bool) -> bool:
    """Returns True if a run may close an opener, by the rule on sums of their lengths; opens: it may open as well."""
    total = opener.length + length
    return total % 3 != 0 or not (opener.closes or opens) or (opener.length % 3 == 0 and length % 3 == 0)
