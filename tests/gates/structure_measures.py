"""Counts by kind the parts of an expected page that stand in an extracted text, and lists those that do not.

Letters and digits decide whether a part stands there; blanks, quotes and marks of Markdown do not, except in code,
where every character of a line counts. What stands nowhere in the page's source is not counted: neither in its text
(scripts included) nor in an attribute; of formulas, not even as LaTeX in an address. Words that the source lacks are
not counted either.
"""

import html
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import unquote

import lxml.html
from structure import Block

KINDS = ("code", "indentation", "headings", "items", "numbers", "rows", "formulas", "paragraphs")
WORD = re.compile(r"\w+")
MARKER = re.compile(r"\s*(?:([-*+•‣◦▪·–])|\(?(\d{1,4}|[a-zA-Z])[.)]|\[\^?(\w{1,4})\]:?)\s+(?=\S)")
SIGN = re.compile(r"\s*\[?\^?\d{1,3}\]?[.:)]?\s*")  # of a note, before it
QUOTED = re.compile(r"^\s*(?:> ?)+")
LINK = re.compile(r"!?\[([^\]]*)\]\([^)\s]*(?: \"[^\"]*\")?\)")
NOT_LETTERS = re.compile(r"[\W_]+")


def letters(text: str) -> str:
    """Returns a text's letters and digits, in lower case, without the links to edit a section of Wikipedia."""
    return NOT_LETTERS.sub("", text.replace("[edit]", "")).lower()


def compact(text: str) -> str:
    """Returns a text without white space."""
    return "".join(text.split())


@dataclass(frozen=True, slots=True)
class Source:
    """The content of a page's markup, to compare parts with."""

    letters: str
    words: frozenset[str]
    compact: str


def source_of(markup: str) -> Source:
    """Returns the text and the attributes of a page's markup."""
    tree = lxml.html.document_fromstring(
        markup.encode("utf-8", "replace"), parser=lxml.html.HTMLParser(encoding="utf-8")
    )
    texts = [(node, node.getparent().tag in ("script", "style")) for node in tree.xpath("//text()")]
    page, scripts = ([str(node) for node, is_script in texts if is_script == chosen] for chosen in (False, True))
    attributes = " ".join(map(str, tree.xpath("//@*")))
    text = f"{''.join(page)} {' '.join(scripts)} {attributes}"
    vocabulary = frozenset(WORD.findall(f"{text} {' '.join(page)}".lower()))
    return Source(letters(text), vocabulary, compact(unquote(html.unescape(text))))


def blocks_in_source(blocks: Iterable[Block], source: Source) -> list[Block]:
    """Returns the blocks that stand in a page's source; of code, the lines that do."""
    kept = []
    for block in blocks:
        if block.kind == "formula":
            present = compact(block.text) in source.compact
        elif block.kind == "code":
            lines = block.text.splitlines()
            block = Block(kind="code", text="\n".join(line for line in lines if letters(line) in source.letters))
            present = bool(letters(block.text))
        else:
            present = bool(letters(block.words)) and all(letters(part) in source.letters for part in block.parts)
        if present:
            kept.append(block)
    return kept


class Text:
    """An extracted text, ready for comparison."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.compact = compact(text)
        self.runs: set[str] = set()  # the letters of each line, and of what stands behind its marker or note's sign
        self.alone: set[str] = set()  # the letters of each line that is no item
        self.items: list[tuple[str, str]] = []  # number or "" of each line with a marker, letters behind the marker
        self.code: dict[str, list[str]] = defaultdict(list)  # a stripped line -> its indentations
        for line in text.replace("\xa0", " ").split("\n"):
            for form in dict.fromkeys((line, QUOTED.sub("", line))):
                if stripped := form.strip():
                    self.code[stripped].append(form[: len(form) - len(form.lstrip())])
            plain = LINK.sub(r"\1", QUOTED.sub("", line))
            self.runs.add(letters(plain))
            if marker := MARKER.match(plain):
                rest = letters(plain[marker.end() :])
                self.items.append((marker[2] or "", rest))
                self.runs.add(rest)
            if sign := SIGN.match(plain):
                self.runs.add(letters(plain[sign.end() :]))
            if not marker or not marker[1]:
                self.alone.add(letters(plain))


@dataclass(slots=True)
class Tally:
    """Of one kind: how many parts are expected, how many stand in the text, and which do not."""

    expected: int = 0
    standing: int = 0
    lost: list[str] = field(default_factory=list)

    def count(self, stands: bool, part: str) -> None:
        """Counts one part."""
        self.expected += 1
        self.standing += stands
        if not stands:
            self.lost.append(part)

    @property
    def share(self) -> float:
        """The share of the expected parts that stands in the text."""
        return self.standing / self.expected


def tallies(extracted: str, blocks: Iterable[Block]) -> dict[str, Tally]:
    """Returns what a text keeps of the expected blocks, by kind; a kind without parts is absent."""
    text, by_kind = Text(extracted), defaultdict(Tally)
    for block in blocks:
        forms = [form for form in (letters(block.words), letters(block.bare)) if form]
        if block.kind == "code":
            _code(block.text.replace("\xa0", " "), text, by_kind)
        elif block.kind == "formula":
            by_kind["formulas"].count(compact(block.text) in text.compact, block.text)
        elif block.kind == "heading":
            by_kind["headings"].count(any(form in text.alone for form in forms), block.bare)
        elif block.kind == "item":
            numbers = [number for number, line in text.items if any(line.startswith(form) for form in forms)]
            by_kind["items"].count(bool(numbers), block.bare)
            if block.number:
                by_kind["numbers"].count(block.number in numbers, f"{block.number}. {block.bare}")
        elif block.kind != "display":
            kind = "rows" if block.kind == "row" else "paragraphs"
            by_kind[kind].count(any(form in text.runs for form in forms), block.bare)
    return dict(by_kind)


def _code(code: str, text: Text, by_kind: dict[str, Tally]) -> None:
    """Counts the lines of a block of code, with and without their indentation.

    A line is indented right if what precedes its expected indentation is the same as for most lines of the block.
    """
    lines = [line.rstrip() for line in code.split("\n") if line.strip()]
    shared = min((line[: len(line) - len(line.lstrip())] for line in lines), key=len)
    lines = [line.removeprefix(shared) for line in lines]
    before = [_before(line, text.code.get(line.strip(), ())) for line in lines]
    (common, _), *_ = Counter(prefix for prefixes in before for prefix in prefixes).most_common(1) or [(None, 0)]
    for line, prefixes in zip(lines, before, strict=True):
        by_kind["code"].count(line.strip() in text.code, line)
        by_kind["indentation"].count(common in prefixes, line)


def _before(line: str, indentations: Iterable[str]) -> set[str]:
    """Returns what precedes the expected indentation of a line in each place where the text has it."""
    expected = line[: len(line) - len(line.lstrip())]
    return {place.removesuffix(expected) for place in indentations if place.endswith(expected)}


def word_scores(extracted: str, expected: str, source: Source | None = None) -> tuple[float, float, float]:
    """Returns F1, precision and recall over the words of both, each as often as it stands there."""
    mine, theirs = Counter(WORD.findall(extracted.lower())), Counter(WORD.findall(expected.lower()))
    if source:
        theirs = Counter({word: number for word, number in theirs.items() if word in source.words})
    both = sum((mine & theirs).values())
    if not both:
        return (float(mine == theirs),) * 3
    precision, recall = both / mine.total(), both / theirs.total()
    return 2 * precision * recall / (precision + recall), precision, recall


def surplus(extracted: str, expected: str) -> list[str]:
    """Returns the lines of a text that the expected text does not hold."""
    whole = letters(expected)
    return [line for line in extracted.split("\n") if (part := letters(LINK.sub(r"\1", line))) and part not in whole]
