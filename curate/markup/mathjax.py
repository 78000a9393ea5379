"""Formulas that MathJax 3 has set, as MathML: out of its elements for HTML and SVG, and the glyphs in them.

MathJax names its elements after those of MathML and its glyphs by their code points: `<mjx-c class="mjx-c1D465 TEX-I">`
or `<use data-c="1D465">` is an italic x. What it adds to set them (struts, rules, surds, boxes, frames) is left out,
and scripts are put into MathML's order. A formula has no MathML here if an element with glyphs is of another kind
(`mmultiscripts`, `maction`), or a brace of SVG is made of pieces. Numbers of equations are left out, widths of SVG too.
"""

import re
import unicodedata
from collections.abc import Iterator
from typing import Any

from lxml.etree import Element

TOKENS = frozenset(("mi", "mn", "mo", "mtext", "ms"))
SCRIPTS = frozenset(("msub", "msup", "msubsup", "munder", "mover", "munderover"))
ROWS = "math mrow texatom mstyle mpadded mtd mtr mlabeledtr mtable menclose mfrac msqrt mroot mspace"
NODES = TOKENS | SCRIPTS | frozenset(ROWS.split())
NAMES = {"texatom": "mrow", "menclose": "mrow", "mlabeledtr": "mtr"}
ADDED = frozenset(("surd", "labels", "mphantom"))  # with glyphs that are no part of the formula
AROUND = "frac num dbox dtable row den sqrt box root script over under base table itable block rbox g svg"
BOXES = frozenset(AROUND.split())  # around nodes, without a meaning of their own
GLYPH = re.compile(r"(?:^|\s)mjx-c([0-9A-F]{1,6})(?=\s|$)")
FONT = re.compile(r"TEX-([A-Z]+)(?=[\s-]|$)")
FONTS = {"C": "script", "CB": "bold-script", "FR": "fraktur", "SS": "sans-serif", "T": "monospace", "N": "normal"}
STYLED = re.compile(
    r"MATHEMATICAL ((?:BOLD |SANS-SERIF )?(?:ITALIC|FRAKTUR|SCRIPT)|BOLD|DOUBLE-STRUCK|SANS-SERIF|MONOSPACE)"
)
STYLES = {"italic": "", "sans-serif-italic": "sans-serif"}
PIECES = dict(zip("⎛⎜⎝⎞⎟⎠⎡⎢⎣⎤⎥⎦⎧⎨⎩⎫⎬⎭", "((()))[[[]]]{{{}}}", strict=True))  # of tall brackets
LINES = {"–": "¯", "―": "¯", "−→": "→", "→−": "→", "←−": "←", "−←": "←"}  # what stands above and below, with its pieces
UPWARDS = re.compile(r"translate\(\s*[-\d.]+[\s,]+(-?[\d.]+)")
WIDTH = re.compile(r"width:\s*([\d.]+em)")
DEEPEST = 100  # of nested elements


class Unreadable(ValueError):
    """An element whose parts cannot be told."""


def mathml_of(container: Any) -> Any:
    """Returns the formula of an `mjx-container` as MathML, or None where it cannot be told."""
    for element in container.iter():
        if name_of(element) == "math":
            try:
                return node(element, 0)
            except ValueError:  # lxml takes no controls
                return None
    return None


def name_of(element: Any) -> str:
    """Returns the name that MathJax gives to an element, such as "mi"; "" for a comment."""
    if not isinstance(element.tag, str):
        return ""
    return str(element.get("data-mml-node") or element.tag.removeprefix("mjx-")).lower()


def node(element: Any, depth: int) -> Any:
    """Returns an element of MathJax as one of MathML."""
    name = name_of(element)
    if name not in NODES or depth > DEEPEST:
        raise Unreadable
    made = Element(NAMES.get(name, name))
    if name in TOKENS:
        letters = [letter for glyph in glyphs(element) for letter in letters_of(*glyph)]
        made.text = "".join(letter for letter, _ in letters)
        styles = {style for _, style in letters}
        if name == "mi" and len(styles) == 1:
            made.set("mathvariant", styles.pop())
        if name == "mo":
            made.text = operator(made.text)
        return made
    if name == "mspace" and (width := WIDTH.search(element.get("style") or "")):
        made.set("width", width[1])
    parts = list(parts_of(element))
    if name == "mfrac" and not any(name_of(part) in ("line", "rect") for part in parts):
        made.set("linethickness", "0")
    nodes = [part for part in parts if name_of(part) in NODES]
    made.extend([node(part, depth + 1) for part in ordered(element, name, nodes)])
    return made


def parts_of(element: Any) -> Iterator[Any]:
    """Yields what stands right below a node, in the page's order: other nodes, and what is no part of a formula."""
    for child in element:
        name = name_of(child)
        if name in BOXES:
            yield from parts_of(child)
        elif name in NODES or name in ADDED or next(glyphs(child), None) is None:
            yield child
        else:
            raise Unreadable


def ordered(element: Any, name: str, parts: list[Any]) -> list[Any]:
    """Returns the parts of a node in MathML's order: base, below, above; of a root its base and its index."""
    is_svg = element.get("data-mml-node") is not None
    if name == "msqrt":
        return parts[:-1] if is_svg else parts
    if name == "mroot":
        return parts[:2] if is_svg else parts[::-1]
    if name not in SCRIPTS:
        return parts
    if len(parts) < 2:
        raise Unreadable
    if is_svg:
        return parts[:1] + sorted(parts[1:], key=height)
    if name_of(element[0]) == "over":
        inner = list(parts_of(parts[1])) if name == "munderover" else parts[1:]
        return inner + parts[:1]
    return parts[:1] + parts[:0:-1]


def height(part: Any) -> float:
    """Returns how far a script of SVG stands above its base."""
    match = UPWARDS.search(part.get("transform") or "")
    return float(match[1]) if match else 0.0


def glyphs(element: Any) -> Iterator[tuple[str, str]]:
    """Yields the characters of an element with the fonts of their glyphs, such as "I"."""
    classes = element.get("class") or ""
    code = element.get("data-c") or ((match := GLYPH.search(classes)) and match[1])
    if code:
        if re.fullmatch(r"[0-9A-Fa-f]{1,6}", code) is None or int(code, 16) > 0x10FFFF:
            raise Unreadable
        font = FONT.search(f"{classes} {element.get('xlink:href') or element.get('href') or ''}")
        yield chr(int(code, 16)), font[1] if font else "N"
    elif name_of(element) in ("utext", "text"):
        yield "".join(element.itertext()), ""
    else:
        for child in element.iterchildren("*"):
            yield from glyphs(child)


def letters_of(text: str, font: str) -> Iterator[tuple[str, str]]:
    """Yields characters as plain letters with their styles, as of `mathvariant`."""
    for character in text:
        match = STYLED.match(unicodedata.name(character, ""))
        if unicodedata.category(character) == "Co":  # a piece of a brace
            raise Unreadable
        if character == "ℎ":
            yield "h", ""
        elif match:
            style = match[1].lower().replace(" ", "-")
            yield chr(int(unicodedata.decomposition(character).split()[1], 16)), STYLES.get(style, style)
        else:
            yield character, FONTS.get(font, "") if character.isascii() and character.isalpha() else ""


def operator(text: str) -> str:
    """Returns an operator whose glyph may be made of pieces."""
    pieces = [PIECES[character] for character in text if character in PIECES]
    return pieces[0] if pieces else LINES.get(text, text)
