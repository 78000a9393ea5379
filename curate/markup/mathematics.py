r"""Formulas of a page as LaTeX, each of them once, however the page wrote them.

A formula stands in a page as MathML, as a script of MathJax, as KaTeX's pair of MathML and spans, as an image with
LaTeX in its `alt` or its address, or as LaTeX in an attribute or between delimiters. Often it stands there twice or
three times: a formula of Wikipedia is hidden MathML and an image, one of MathJax 2 a preview, spans and a script.
`formula` is called with the outermost element that stands for a formula, and what is in that element is given once; of
siblings that repeat each other, all but one are given as "".

A walk over a page asks `may_be_formula` of each element, before it leaves out hidden elements and scripts. Most pages
hold no formula, so that test looks at a few names of elements, and at the class of a `span` or a `div`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any
from urllib.parse import unquote, unquote_plus

from curate.markup.mathjax import mathml_of
from curate.markup.mathml import latex_of, name_of

TESTED = frozenset(("span", "div", "p", "figure"))  # elements whose class may name a formula
HINT = re.compile(r"[Mm]ath|[Kk]a[Tt]e[Xx]|arithmatex|MJX|formula|equation")
IMAGE_HINT = re.compile(r"(?i)math|tex|formula|equation|ql-img|(?:^|[\s_-])eq(?:[\s_-]|$)")
SOURCES = ("data-tex", "data-latex", "data-katex", "data-formula", "data-math", "data-expr")  # attributes with LaTeX
DATA = frozenset(SOURCES)
TAGS = frozenset(("math", "mml:math", "m:math", "mjx-container", "d-math", "tex-math", "math-renderer", "amp-mathml"))
# Classes of elements that hold a formula as MathML, as a script or as an image, beside what repeats it.
HOLDERS = re.compile(
    r"(?:^|\s)(?:katex(?:-display|--display|--inline)?|mwe-math-element\S*|MathJax(?:_\w+)?|MJXc-display|mjx-chtml|ztext-math"
    r"|mathjax-(?:tex|block|inline|wrapper)|math-container|math-tex|arithmatex|math|math-(?:inline|display|block)"
    r"|inline-math|display-math|ltx_Math|equation)(?=\s|$)"
)
RENDERED = re.compile(r"(?:^|\s)(?:MathJax(?:_\w+)?|MJXc-display|mjx-chtml)(?=\s|$)")  # a script of MathJax 2 follows
WHOLE = re.compile(r"katex|mwe-math|MathJax|MJXc|mjx-chtml")  # holders that never wrap more than one formula
DISPLAY_CLASS = re.compile(r"(?i)display|block|latexcenter|numberedequation")
IMAGE_CLASS = re.compile(
    r"(?i)(?:^|[\s_-])(?:tex|latex|latexcenter|mathtex|mimetex|mathimage|math|mwe-math-fallback-image\S*|(?:inline|display)formula"
    r"|numberedequation|formula(?:inl|dsp)|ql-img-\S+|equation|eq)(?=\s|$)"
)
ADDRESS = re.compile(
    r"codecogs\.com/[\w.]*\?|/(?:mathtex|mimetex)\.cgi\?|latex\.php\?(?:[^?]*&)?latex=|cht=tx(?:(?!cht=tx).)*?&chl=|equation\?tex="
    r"|render/math\?(?:[^?]*&)?math=|/svg\?tex=|s2cms\.(?:ru|com)/(?:svg|png)/|upmath\.me/(?:svg|png)/|math\.vercel\.app/\?from="
)
LAST_PART = re.compile(r"/([^/?]*+)(?=\?|$)")  # of an address
COMMAND = re.compile(r"\\[a-zA-Z]{2,}")
NAME = re.compile(r"\\[a-zA-Z]")  # the start of a command
SCRIPTS = "{}_^"  # behind a command
LATEX = re.compile(r"[_^]\{|\\(?:begin|left|alpha|beta|frac|sum|int|sqrt|pi|theta|lambda)\b")
PRICE = re.compile(r"\d[\d.,]*(?:\s|$)")
WORD = re.compile(r"[A-Za-z]{3,}")
IN_WORDS = re.compile(r"(?i)[a-z]{3}\s++[a-z]{3}|^(?:equation|formula|math|image|graphic)\b")
DELIMITERS = (("$$", "$$"), ("\\[", "\\]"), ("\\(", "\\)"), ("$", "$"))
CDATA = re.compile(r"^\s*(?:%\s*)?<!\[CDATA\[|(?:%\s*)?\]\]>\s*$")
COMMENT = re.compile(r"(?<!\\)%[^\n]*")
STYLE_WRAPPER = re.compile(r"\{\\(?:displaystyle|textstyle|scriptstyle)(?![A-Za-z])")
ENVIRONMENT = re.compile(r"\\begin\{(?:align|equation|gather|multline|eqnarray|alignat|flalign)\*?\}")
REMEMBERED = 300  # characters of a class; longer ones seldom come back
LONGEST = 20_000  # characters of LaTeX


@dataclass(frozen=True, slots=True, kw_only=True)
class Formula:
    """A formula; latex: without delimiters, "" where another element gives the same formula."""

    latex: str
    is_display: bool  # on lines of its own


NOTHING = Formula(latex="", is_display=False)


def may_be_formula(element: Any) -> bool:
    """Returns True for an element that `formula` has to look at."""
    tag = element.tag
    if tag in TESTED:
        name = element.get("class")
        if name is None:
            return not DATA.isdisjoint(element.keys())
        return _names_formula(name) if len(name) <= REMEMBERED else _names_formula.__wrapped__(name)
    if tag == "img":
        return _may_be_image(element)
    return tag in TAGS or (tag == "script" and element.get("type", "").startswith("math/"))


@lru_cache(maxsize=1 << 16)
def _names_formula(classes: str) -> bool:
    """Returns True for a class that may name a formula; cached, as the elements of a site have few classes."""
    return HINT.search(classes) is not None


def _may_be_image(image: Any) -> bool:
    alt = image.get("alt", "")
    if "\\" in alt or alt[:1] == "$":
        return True
    source = image.get("src", "")
    if "tex" in source or "%5C" in source or "%5c" in source or "math" in source or "cht=tx" in source:
        return True
    return bool(alt) and IMAGE_HINT.search(image.get("class", "")) is not None


def formula(element: Any) -> Formula | None:
    """Returns the formula that an element stands for, or None if it stands for none; what is inside is used up."""
    tag = name_of(element)
    if tag == "img":
        return _of_image(element)
    if tag == "script":
        return _of_script(element)
    if tag == "math":
        return _of_mathml(element)
    if element.get("class") and RENDERED.search(element.get("class")) and _script_follows(element):
        return NOTHING
    if latex := _attribute(element):
        return _made(latex, element)
    if "katex-html" in (element.get("class") or "") and element.getparent().find(".//math") is not None:
        return NOTHING
    if tag in TAGS or HOLDERS.search(element.get("class") or ""):
        return _of_holder(element)
    return None


def _of_holder(element: Any) -> Formula | None:
    """Returns the formula of an element that wraps one: by a script, by MathML, by an image or by its own text."""
    for child in element.iter("script", "math", "mml:math", "m:math", "img"):
        made = formula(child)
        if made is not None and made.latex:
            is_display = made.is_display or _is_display(element)
            return Formula(latex=made.latex, is_display=is_display) if _is_alone(element, child) else None
    for child in element.iter("mjx-math"):  # of MathJax 4
        if text := child.get("data-latex"):
            return _made(text, element)
    if mathml := element.get("data-mathml"):
        return _parsed(mathml, element)
    if name_of(element) == "mjx-container" and (math := mathml_of(element)) is not None:
        return _made(latex_of(math), element)
    if (error := element.find(".//*[@class='katex-error']")) is not None:
        return _made(error.text or "", element)
    text = "".join(element.itertext()).strip() if len(element) == 0 else ""
    if text and (name_of(element) in TAGS or _undelimited(text) != text):
        return _made(text, element)
    return None


def _is_alone(element: Any, source: Any) -> bool:
    """Returns True if a holder wraps one formula and what repeats it, not a section with formulas in it."""
    if name_of(element) == "mjx-container" or WHOLE.search(element.get("class") or ""):
        return True
    same = islice(element.iter(source.tag), 2)
    return len(list(same)) == 1 and not any(text.strip() for text in _texts_outside(element))


def _texts_outside(element: Any) -> Iterator[str]:
    """Yields the texts of a holder that are outside of what renders its formula."""
    if element.text:
        yield element.text
    for child in element:
        name = name_of(child)
        rendered = name in ("", "math", "script", "img", "mjx-container", "svg", "annotation")
        classes = child.get("class") or "" if name else ""
        if not rendered and not RENDERED.search(classes) and "katex" not in classes:
            yield from _texts_outside(child)
        if child.tail:
            yield child.tail


def _of_mathml(math: Any) -> Formula:
    """Returns the formula of MathML: its LaTeX where it carries one, else its elements as LaTeX."""
    for annotation in math.iter("annotation"):
        if "tex" in (annotation.get("encoding") or "").lower() and (text := "".join(annotation.itertext()).strip()):
            return _made(text, math)
    alternative = math.get("data-latex") or math.get("alttext") or ""
    is_latex = _looks_like_latex(alternative) or "ltx_" in (math.get("class") or "") or not WORD.search(alternative)
    if alternative.strip() and is_latex:
        return _made(alternative, math)
    return _made(latex_of(math), math)


def _of_script(script: Any) -> Formula | None:
    kind = script.get("type") or ""
    text = script.text or ""
    if not kind.startswith("math/") or not text.strip():
        return None
    if kind.startswith("math/mml"):
        return _parsed(text, script)
    made = _made(CDATA.sub("", text), script)
    return Formula(latex=made.latex, is_display=made.is_display or "mode=display" in kind.replace(" ", ""))


def _parsed(mathml: str, element: Any) -> Formula | None:
    """Returns the formula of MathML that stands in an attribute or a script."""
    from lxml import etree, html

    try:
        math = html.fragment_fromstring(mathml.strip(), create_parent="div").find(".//math")
    except (etree.ParserError, ValueError):
        return None
    if math is None:
        return None
    made = _of_mathml(math)
    return Formula(latex=made.latex, is_display=made.is_display or _is_display(element))


def _of_image(image: Any) -> Formula | None:
    """Returns the formula of an image by its `alt` or its address, or None for any other image."""
    alt = (image.get("alt") or "").strip()
    classes = image.get("class") or ""
    source = image.get("src") or ""
    of_class = bool(IMAGE_CLASS.search(classes))
    latex = _in_address(source)
    if alt and _is_latex(alt, of_class=of_class):
        latex = alt
    if not latex:
        return None
    if "mwe-math" in classes and _math_before(image):
        return NOTHING
    made = _made(latex, image)
    return Formula(latex=made.latex, is_display=made.is_display or (not of_class and _is_only_content(image)))


def _is_latex(alt: str, *, of_class: bool) -> bool:
    """Returns True if the alternative text of an image is LaTeX; of_class: the image is a formula by its class."""
    bare = _undelimited(alt)
    if bare != alt:
        return not PRICE.match(bare)
    if _looks_like_latex(alt):
        return of_class or COMMAND.search(alt) is not None
    return of_class and not IN_WORDS.search(alt)


def _looks_like_latex(text: str) -> bool:
    """Returns True for a text with a command and braces, or with another sign of LaTeX."""
    return _has_behind(NAME, text, SCRIPTS) or LATEX.search(text) is not None


def _has_behind(pattern: re.Pattern[str], text: str, marks: str) -> bool:
    """Returns True if one of some characters stands behind the first match of a pattern."""
    match = pattern.search(text)
    return match is not None and any(text.find(mark, match.end()) >= 0 for mark in marks)


def _in_address(source: str) -> str:
    """Returns the LaTeX in the address of an image that a service renders, or ""."""
    if match := ADDRESS.search(source):
        rest = source[match.end() :]
        rest = rest.partition("&")[0] if "=" in match[0] else rest
        return re.sub(
            r"^(?:\\(?:dpi\{\d+\}|bg_\w+|fn_\w+|inline|large|small)\s*)+",
            "",
            unquote_plus(rest).replace("&space;", " "),
        ).strip()
    if "%5C" in source or "%5c" in source:
        parts = (match[1] for match in LAST_PART.finditer(unquote(source.partition("?")[0])))
        return next((part for part in parts if _has_behind(COMMAND, part, "{}")), "")
    return ""


def _attribute(element: Any) -> str:
    """Returns the LaTeX that stands in an attribute of an element, or ""."""
    for source in SOURCES:
        text = (element.get(source) or "").strip()
        if not text:
            continue
        if (
            source in ("data-tex", "data-latex", "data-katex")
            and not text.isdecimal()
            and text not in ("true", "false")
        ):
            return text
        if _looks_like_latex(text) or COMMAND.search(text) or _undelimited(text) != text:
            return text
    return ""


def _script_follows(element: Any) -> bool:
    """Returns True if a script with the same formula follows an element that renders it."""
    for sibling in islice(element.itersiblings(), 3):
        name = name_of(sibling)
        if name == "script":
            return (sibling.get("type") or "").startswith("math/")
        if name and not RENDERED.search(sibling.get("class") or ""):
            return False
        if (sibling.tail or "").strip():
            return name == ""
    return False


def _math_before(image: Any) -> bool:
    """Returns True if MathML of the same formula stands in front of a fallback image."""
    before = image.getprevious()
    return before is not None and name_of(before) != "" and next(before.iter("math"), None) is not None


def _is_only_content(image: Any) -> bool:
    parent = image.getparent()
    return (
        parent is not None and len(parent) == 1 and not (parent.text or "").strip() and not (image.tail or "").strip()
    )


def _is_display(element: Any) -> bool:
    """Returns True if an element, or the one around it, sets a formula on lines of its own."""
    for place in (element, element.getparent()):
        if place is None or not isinstance(place.tag, str):
            continue
        display = place.get("display") or ""
        if display in ("block", "true") or place.get("mode") == "display" or "block" in place.attrib:
            return True
        classes = place.get("class") or ""
        if ("ath" in classes or "katex" in classes or "formula" in classes or "latex" in classes) and (
            DISPLAY_CLASS.search(classes)
        ):
            return True
    return False


def _made(text: str, element: Any) -> Formula:
    """Returns LaTeX as a formula: without delimiters, comments, wrappers and blank lines."""
    latex = text.strip()[:LONGEST]
    bare = _undelimited(latex)
    is_display = (
        _is_display(element) or (bare != latex and latex.startswith(("$$", "\\["))) or bool(ENVIRONMENT.search(bare))
    )
    return Formula(latex=_one_line(_unwrapped(bare)), is_display=is_display)


def _undelimited(latex: str) -> str:
    for opening, closing in DELIMITERS:
        if latex.startswith(opening) and latex.endswith(closing) and len(latex) > len(opening) + len(closing):
            inner = latex[len(opening) : -len(closing)]
            return latex if closing in inner else inner.strip()
    return latex


def _unwrapped(latex: str) -> str:
    r"""Returns LaTeX without the braces that Wikipedia puts around all of it.

    >>> _unwrapped(r"{\displaystyle x^{2}}"), _unwrapped(r"{\displaystyle a}+{b}")
    ('x^{2}', '{\\displaystyle a}+{b}')
    """
    match = STYLE_WRAPPER.match(latex)
    if match is None or not latex.endswith("}"):
        return latex
    depth = 0
    for place, mark in enumerate(re.sub(r"\\.", "..", latex)):
        depth += (mark == "{") - (mark == "}")
        if depth == 0 and place < len(latex) - 1:
            return latex
    return latex[match.end() : -1].strip()


def _one_line(latex: str) -> str:
    """Returns LaTeX without comments and blank lines; lines stay where an environment has them."""
    if "%" in latex:
        latex = COMMENT.sub("", latex)
    lines = [" ".join(line.split()) for line in latex.splitlines()]
    return ("\n" if "\\begin" in latex else " ").join(line for line in lines if line)
