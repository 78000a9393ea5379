"""Templates over the columns of a row, such as `Question: {question.stem}`, and the filters that they may name.

`{path|filter}` is replaced by a value. A path's steps are separated by dots; a step into a list is an index or is taken
of every element. Each text loses the blanks at its ends before its filters see it. `{{` and `}}` are braces.
"""

import difflib
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

Row = Mapping[str, Any]
Filter = Callable[[str, Row], str]
Part = str | tuple[str, tuple[str, ...]]  # a literal text, or a path and its filters
HOLE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
LAST_SENTENCE = re.compile(r"([.!?]['\"”’)]* )([a-z])(?=[^.!?]*$)")
UPPER = frozenset(("A", "An", "The", "She", "He", "It", "They", "My", "His", "Her", "Their"))
POSSESSIVE = frozenset(("my", "his", "her", "our", "their"))


class MissingColumn(ValueError):
    """A column that a template names and the row does not have; the text of the error is its path."""


@lru_cache(maxsize=1024)
def parse(template: str) -> tuple[Part, ...]:
    """Returns the parts of a template; raises ValueError at a lone brace, an empty path or an unknown filter."""
    parts: list[Part] = []
    at = 0
    for hole in HOLE.finditer(template):
        parts.append(template[at : hole.start()])
        at = hole.end()
        if hole[1] is None:
            if len(hole[0]) == 1:
                raise ValueError(f"{template!r}: a lone {hole[0]}; write {hole[0] * 2} for a brace")
            parts.append(hole[0][0])
            continue
        path, *filters = (word.strip() for word in hole[1].split("|"))
        if not all(path.split(".")):
            raise ValueError(f"{template!r}: {hole[0]} names no column")
        for name in filters:
            if name not in FILTERS:
                close = difflib.get_close_matches(name, FILTERS, n=1)
                mend = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(FILTERS)}"
                raise ValueError(f"{template!r}: unknown filter {name!r}; {mend}")
        parts.append((path, tuple(filters)))
    parts.append(template[at:])
    return tuple(part for part in parts if part != "")


def paths(template: str) -> list[str]:
    """Returns the paths of the columns that a template reads."""
    return [part[0] for part in parse(template) if isinstance(part, tuple)]


def fill(template: str, row: Row) -> list[str]:
    """Returns the text of a template for a row; of a template that is one path to a list, a text for each element.

    Raises MissingColumn where the row lacks a column, ValueError where a value is no text and no number.
    """
    parts = parse(template)
    if len(parts) == 1 and isinstance(parts[0], tuple):
        path, filters = parts[0]
        value = value_at(row, path)
        values = value if isinstance(value, list | tuple) else [value]
        return [_filtered(path, one, filters, row) for one in values]
    texts = (
        part if isinstance(part, str) else _filtered(part[0], value_at(row, part[0]), part[1], row) for part in parts
    )
    return ["".join(texts)]


def value_at(row: Row, path: str) -> Any:
    """Returns the value of a row at a path; raises MissingColumn where there is none."""
    value: Any = row
    for step in path.split("."):
        try:
            value = _step(value, step)
        except (KeyError, IndexError, TypeError):
            raise MissingColumn(path) from None
    return value


def _step(value: Any, step: str) -> Any:
    if isinstance(value, list | tuple):
        return value[int(step)] if step.isdigit() else [_step(element, step) for element in value]
    return value[step]


def _filtered(path: str, value: Any, filters: tuple[str, ...], row: Row) -> str:
    """Returns a value as text, without blanks at its ends, after its filters."""
    if isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, str):
        text = value.strip()
    elif isinstance(value, int | float):
        text = str(value)
    else:
        raise ValueError(f"column {path!r} holds {_kind(value)}, no text")
    for name in filters:
        text = FILTERS[name](text, row)
    return text


def _kind(value: Any) -> str:
    return {type(None): "null", list: "a list", dict: "an object"}.get(type(value), f"a {type(value).__name__}")


def last_word(text: str, row: Row) -> str:
    """Returns what follows the last blank, which is the target of LAMBADA."""
    return text.rpartition(" ")[2]


def but_last_word(text: str, row: Row) -> str:
    """Returns the text before the last blank."""
    return text.rpartition(" ")[0]


def lower_first(text: str, row: Row) -> str:
    """Returns the text with a small first letter, but with a capital where its first word is I.

    >>> lower_first("The sun rose.", {}), lower_first("i'm late.", {})
    ('the sun rose.', "I'm late.")
    """
    first = text[:1].upper() if re.match(r"[Ii]\b", text) else text[:1].lower()
    return first + text[1:]


def capital_first(text: str, row: Row) -> str:
    """Returns the text with a capital first letter."""
    return text[:1].upper() + text[1:]


def capital_last_sentence(text: str, row: Row) -> str:
    """Returns the text with a capital at the start of its last sentence, which HellaSwag's files leave small.

    >>> capital_last_sentence("A man sits on a roof. he", {})
    'A man sits on a roof. He'
    """
    return LAST_SENTENCE.sub(lambda match: match[1] + match[2].upper(), text)


def no_full_stop(text: str, row: Row) -> str:
    """Returns the text without the full stop at its end."""
    return text.removesuffix(".")


def connective(text: str, row: Row) -> str:
    """Returns the word that leads to a cause or an effect, as COPA asks for one of the two."""
    words = {"cause": "because", "effect": "therefore"}
    if text not in words:
        raise ValueError(f"{text!r} is neither cause nor effect")
    return words[text]


def wikihow(text: str, row: Row) -> str:
    """Returns the text without the marks in brackets that WikiHow left in HellaSwag, as lm-eval cleans it."""
    return re.sub(r"\[.*?\]", "", text.replace(" [title]", ". ")).replace("  ", " ").strip()


def before_blank(text: str, row: Row) -> str:
    """Returns the text before the underscore that WinoGrande asks to fill."""
    return _parted(text)[0]


def after_blank(text: str, row: Row) -> str:
    """Returns the text after the underscore that WinoGrande asks to fill."""
    return _parted(text)[1]


def _parted(text: str) -> tuple[str, str]:
    before, blank, after = text.partition("_")
    if not blank:
        raise ValueError(f"no _ to fill in {text[:60]!r}")
    return before, after


def before_pronoun(text: str, row: Row) -> str:
    """Returns the text before the pronoun of the Winograd schema, whose place is the column `pronoun_loc`."""
    return text[: int(value_at(row, "pronoun_loc"))]


def after_pronoun(text: str, row: Row) -> str:
    """Returns the text after the pronoun of the Winograd schema."""
    return text[int(value_at(row, "pronoun_loc")) + len(value_at(row, "pronoun")) :]


def for_pronoun(text: str, row: Row) -> str:
    """Returns a candidate as it reads in the place of the pronoun: with `'s`, and small within a sentence."""
    pronoun, at = value_at(row, "pronoun"), int(value_at(row, "pronoun_loc"))
    if pronoun.lower() in POSSESSIVE:
        text += "'s"
    starts = value_at(row, "text")[:at].rstrip()[-1:] in ("", ".", "!", "?")
    return lower_first(text, row) if not starts and text.split(" ")[0] in UPPER else text


FILTERS: dict[str, Filter] = {
    function.__name__: function
    for function in (
        *(last_word, but_last_word, lower_first, capital_first, capital_last_sentence, no_full_stop, connective),
        *(wikihow, before_blank, after_blank, before_pronoun, after_pronoun, for_pronoun),
    )
}
