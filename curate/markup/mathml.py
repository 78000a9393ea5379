"""MathML to LaTeX: the presentation elements of MathML 3, for formulas that carry no LaTeX of their own.

https://www.w3.org/TR/MathML3/chapter3.html names the elements. An element that is not in the table gives its children.
"""

import re
from collections.abc import Callable
from typing import Any

from curate.markup.symbols import ACCENTS, BIG, FUNCTIONS, INVISIBLE, STYLES, UNDER_ACCENTS, symbol

DEEPEST = 100  # of nested elements; what lies deeper is given as its text
OPENING, CLOSING = "([{|⟨⌊⌈‖", ")]}|⟩⌋⌉‖"
MATRICES = {"()": "pmatrix", "[]": "bmatrix", "{}": "Bmatrix", "||": "vmatrix", "‖‖": "Vmatrix", "{": "cases"}
TALL = re.compile(r"\\(?:d?frac|sum|prod|int|oint|begin|bigcup|bigcap|genfrac)(?![A-Za-z])")
COMMAND_END = re.compile(r"\\[A-Za-z]+$")
ATOM = re.compile(r"(?s)(?:\\[A-Za-z]+|\\.|.)")  # what a script may follow without braces
SPACED = frozenset("=<>+-−±∓×÷⋅·∗≤≥≠≈≡∼≃≅∝→←↔⇒⇐⇔⟶⟹↦∈∉∋⊂⊃⊆⊇∪∩∧∨∖≪≫:/⊕⊗≔≺≻⪯⪰∣∘*") | {":=", "<=", ">=", "==", "->"}
ARROWS = {"→": r"\xrightarrow", "⟶": r"\xrightarrow", "←": r"\xleftarrow", "⟵": r"\xleftarrow"}
TEXT_ESCAPES = str.maketrans({mark: rf"\{mark}" for mark in "%#&$_{}"} | {"\\": r"\backslash "})
SKIPPED = frozenset(("annotation", "annotation-xml", "maligngroup", "malignmark", "mphantom", "mprescripts", "none"))
WIDTH = re.compile(r"([\d.]+)(em|ex|px|pt|mu)?")


def latex_of(math: Any) -> str:
    r"""Returns the LaTeX of a `math` element, or of any element of MathML.

    >>> from lxml import html
    >>> latex_of(html.fromstring("<math><msup><mi>x</mi><mn>2</mn></msup><mo>=</mo><mi>π</mi></math>"))
    'x^{2} = \\pi'
    """
    return " ".join(_latex(math, 0).split())


def name_of(element: Any) -> str:
    """Returns the name of an element without its namespace or prefix; "" for a comment."""
    tag = element.tag
    return re.split("[:}]", tag)[-1].lower() if isinstance(tag, str) else ""


def _latex(element: Any, depth: int) -> str:
    name = name_of(element)
    if not name or name in SKIPPED:
        return ""
    if depth > DEEPEST:
        return _escaped("".join(element.itertext()))
    convert = CONVERTERS.get(name)
    return convert(element, depth + 1) if convert else _row(element, depth + 1)


def _parts(element: Any, depth: int) -> list[str]:
    return [_latex(child, depth) for child in element if name_of(child)]


def _row(element: Any, depth: int) -> str:
    children = [child for child in element if name_of(child) not in ("", *SKIPPED)]
    if not children:
        return _escaped(_text(element))
    if matrix := _matrix(children, depth):
        return matrix
    parts = [_spaced(child, place, len(children), depth) for place, child in enumerate(children)]
    if len(children) > 2 and _is_fence(children[0], OPENING) and _is_fence(children[-1], CLOSING):
        return _fenced(parts[0].strip(), joined(parts[1:-1]), parts[-1].strip())
    return joined(parts)


def joined(parts: list[str]) -> str:
    r"""Returns parts in a row; a command and a letter behind it stay apart.

    >>> joined([r"\alpha", "x"])
    '\\alpha x'
    """
    text = ""
    for part in parts:
        gap = " " if part[:1].isalpha() and part.isprintable() and COMMAND_END.search(text) else ""
        text += gap + part
    return text


def _spaced(child: Any, place: int, count: int, depth: int) -> str:
    """Returns a child of a row, with blanks around it where it is an operator between two others."""
    latex = _latex(child, depth)
    if name_of(child) != "mo" or not latex:
        return latex
    text = _text(child)
    if text in (",", ";"):
        return f"{latex} "
    return f" {latex} " if text in SPACED and 0 < place < count - 1 else latex


def _is_fence(child: Any, marks: str) -> bool:
    return name_of(child) == "mo" and _text(child) in marks and bool(_text(child))


def _fenced(opening: str, content: str, closing: str) -> str:
    if not TALL.search(content):
        return f"{opening}{content}{closing}"
    return rf"\left{opening or '.'} {content} \right{closing or '.'}"


def _matrix(children: list[Any], depth: int) -> str:
    """Returns a table between fences as a matrix or as cases, or "" where the children are something else."""
    names = [name_of(child) for child in children]
    fences = "".join(_text(child) for child, name in zip(children, names, strict=True) if name == "mo")
    if names in (["mo", "mtable", "mo"], ["mo", "mtable"]) and fences in MATRICES:
        return _table(children[1], depth, MATRICES[fences])
    return ""


def _table(element: Any, depth: int, environment: str = "matrix") -> str:
    rows = []
    for row in element.iter():
        if name_of(row) in ("mtr", "mlabeledtr") and _owner(row) is element:
            cells = [_row(cell, depth) for cell in row if name_of(cell) == "mtd"]
            rows.append(" & ".join(cells[1:] if name_of(row) == "mlabeledtr" else cells))
    return rf"\begin{{{environment}}} " + r" \\ ".join(rows) + rf" \end{{{environment}}}"


def _owner(row: Any) -> Any:
    parent = row.getparent()
    return parent.getparent() if parent is not None and name_of(parent) in ("tbody", "thead") else parent


def _text(element: Any) -> str:
    return (
        " ".join((element.text or "").split()) if len(element) == 0 else " ".join("".join(element.itertext()).split())
    )


def _escaped(text: str) -> str:
    return joined([symbol(character) if not character.isspace() else " " for character in text])


def _identifier(element: Any, depth: int) -> str:
    text = "".join(character for character in _text(element) if character not in INVISIBLE)
    if text in FUNCTIONS:
        return rf"\{text}"
    style = STYLES.get(element.get("mathvariant") or "")
    if style is None and (
        (len(text) > 1 and text.isalpha()) or (element.get("mathvariant") == "normal" and text.isalpha())
    ):
        style = r"\mathrm" if text.isascii() else None
    latex = _escaped(text)
    return f"{style}{{{latex}}}" if style and latex else latex


def _number(element: Any, depth: int) -> str:
    return _escaped(_text(element).replace("\u202f", "").replace(" ", ""))


def _operator(element: Any, depth: int) -> str:
    text = "".join(character for character in _text(element) if character not in INVISIBLE)
    if text in FUNCTIONS:
        return rf"\{text}"
    if len(text) > 1 and text.replace(" ", "").isalpha():
        return rf"\operatorname{{{text}}}"
    return _escaped(text)


def _words(element: Any, depth: int) -> str:
    text = re.sub(r"\s+", " ", "".join(element.itertext()))
    return rf"\text{{{text.translate(TEXT_ESCAPES)}}}" if text.strip() else r"\ " if text else ""


def _space(element: Any, depth: int) -> str:
    width = WIDTH.match((element.get("width") or "").strip())
    if width is None:
        return " "
    em = float(width[1].strip(".") or 0) * {"em": 1, "ex": 0.5, "mu": 1 / 18}.get(width[2] or "", 1 / 16)
    return r"\qquad " if em >= 2 else r"\quad " if em >= 1 else r"\, " if em > 0 else ""


def _fraction(element: Any, depth: int) -> str:
    above, below = (*_parts(element, depth), "", "")[:2]
    if element.get("bevelled") == "true":
        return f"{_base(above)}/{_base(below)}"
    if re.match(r"0(?:\D|$)", element.get("linethickness") or ""):
        return rf"\genfrac{{}}{{}}{{0pt}}{{}}{{{above}}}{{{below}}}"
    return rf"\frac{{{above}}}{{{below}}}"


def _square_root(element: Any, depth: int) -> str:
    return rf"\sqrt{{{_row(element, depth)}}}"


def _root(element: Any, depth: int) -> str:
    base, index = (*_parts(element, depth), "", "")[:2]
    return rf"\sqrt[{index}]{{{base}}}"


def _base(latex: str) -> str:
    """Returns what scripts may follow: one letter or command as it is, anything else in braces."""
    return latex if ATOM.fullmatch(latex) or _is_one_group(latex) else f"{{{latex}}}"


def _is_one_group(latex: str) -> bool:
    return bool(re.fullmatch(r"\\(?:math|text|operator)[a-z]*\{[^{}]*\}|\([^()]*\)", latex))


def _script(mark: str, latex: str) -> str:
    return f"{mark}{{{latex}}}" if latex else ""


def _subscript(element: Any, depth: int) -> str:
    base, below = (*_parts(element, depth), "", "")[:2]
    return _base(base) + _script("_", below)


def _superscript(element: Any, depth: int) -> str:
    base, above = (*_parts(element, depth), "", "")[:2]
    if above and not above.replace(r"\prime", "").strip():
        return _base(base) + "'" * above.count(r"\prime")
    return _base(base) + _script("^", above)


def _both_scripts(element: Any, depth: int) -> str:
    base, below, above = (*_parts(element, depth), "", "", "")[:3]
    return _base(base) + _script("_", below) + _script("^", above)


def _under(element: Any, depth: int) -> str:
    base, below = (*_parts(element, depth), "", "")[:2]
    if base in BIG or base.startswith(r"\underbrace"):
        return base + _script("_", below)
    accent = UNDER_ACCENTS.get(_last_text(element))
    return f"{accent}{{{base}}}" if accent else rf"\underset{{{below}}}{{{base}}}"


def _over(element: Any, depth: int) -> str:
    base, above = (*_parts(element, depth), "", "")[:2]
    if base in BIG or base.startswith(r"\overbrace"):
        return base + _script("^", above)
    accent = ACCENTS.get(_last_text(element))
    if accent == r"\bar" and not ATOM.fullmatch(base):
        accent = r"\overline"
    if accent:
        return f"{accent}{{{base}}}"
    arrow = ARROWS.get(_text(element[0])) if len(element) else None
    return f"{arrow}{{{above}}}" if arrow else rf"\overset{{{above}}}{{{base}}}"


def _under_and_over(element: Any, depth: int) -> str:
    base, below, above = (*_parts(element, depth), "", "", "")[:3]
    if base in BIG:
        return base + _script("_", below) + _script("^", above)
    arrow = ARROWS.get(_text(element[0])) if len(element) else None
    return f"{arrow}[{below}]{{{above}}}" if arrow else rf"\overset{{{above}}}{{\underset{{{below}}}{{{base}}}}}"


def _last_text(element: Any) -> str:
    return _text(element[-1]) if len(element) > 1 else ""


def _many_scripts(element: Any, depth: int) -> str:
    before, after, scripts = "", "", []
    names = [name_of(child) for child in element]
    cut = names.index("mprescripts") if "mprescripts" in names else len(names)
    scripts = [_latex(child, depth) for child in element]
    for start, stop in ((1, cut), (cut + 1, len(names))):
        pairs = "".join(
            _script("_", scripts[place]) + _script("^", (*scripts, "")[place + 1]) for place in range(start, stop, 2)
        )
        before, after = (before, pairs) if start == 1 else (pairs, after)
    base = _base(scripts[0]) if scripts else ""
    return (f"{{}}{before}" if before else "") + base + after


def _fence_element(element: Any, depth: int) -> str:
    marks = [mark for mark in (element.get("separators") or ",") if not mark.isspace()] or [""]
    parts = [part for part in _parts(element, depth) if part]
    content = "".join(
        part + (f"{marks[min(place, len(marks) - 1)]} " if place + 1 < len(parts) else "")
        for place, part in enumerate(parts)
    )
    opening, closing = (element.get(side) for side in ("open", "close"))
    return _fenced(
        _escaped("(" if opening is None else opening), content, _escaped(")" if closing is None else closing)
    )


def _first_child(element: Any, depth: int) -> str:
    return next((_latex(child, depth) for child in element if name_of(child)), "")


def _enclosed(element: Any, depth: int) -> str:
    notation, content = element.get("notation") or "", _row(element, depth)
    command = {"radical": r"\sqrt", "box": r"\boxed", "roundedbox": r"\boxed", "top": r"\overline"}.get(notation)
    return f"{command}{{{content}}}" if command else content


CONVERTERS: dict[str, Callable[[Any, int], str]] = {
    "mi": _identifier,
    "mn": _number,
    "mo": _operator,
    "mtext": _words,
    "ms": _words,
    "mspace": _space,
    "mfrac": _fraction,
    "msqrt": _square_root,
    "mroot": _root,
    "msub": _subscript,
    "msup": _superscript,
    "msubsup": _both_scripts,
    "munder": _under,
    "mover": _over,
    "munderover": _under_and_over,
    "mmultiscripts": _many_scripts,
    "mtable": _table,
    "mfenced": _fence_element,
    "menclose": _enclosed,
    "maction": _first_child,
    "semantics": _first_child,
}
