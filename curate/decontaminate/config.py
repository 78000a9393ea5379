"""The recipe's [decontaminate] table."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from curate.settings import check

ACTIONS = ("cut", "drop", "mark")
MOST_SETS = 1024
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,59}")


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationSet:
    """The files of an evaluation set, and what of their rows is the text of an item.

    Either `fields` or `task` is given. A field is a column, or a path of columns such as `question.stem`; where it
    holds a list, every element begins a text of its own (see `sets.py`).
    """

    files: tuple[str, ...] = ()  # files or globs, in any form in which documents are read
    fields: tuple[str, ...] = ()  # whose texts, joined in this order, are the item
    task: str = ""  # a bundled task of `curate evaluate`, whose context and completions are the item

    def __post_init__(self) -> None:
        check(bool(self.files), "files: names no file of the set")
        check(bool(self.fields) != bool(self.task), 'give either fields, such as ["context", "answer"], or task')
        check(all(self.fields), f"fields: a name is empty in {list(self.fields)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Decontaminate:
    """The evaluation sets that are looked for in documents, and what is done with documents that hold passages of them.

    The defaults are those of GPT-3 (Brown et al. 2020, arXiv:2005.14165, appendix C).
    """

    sets: Mapping[str, EvaluationSet] = field(default_factory=dict)  # by name
    action: str = "cut"  # "cut" the passages out, "drop" the documents, or only "mark" them in the column flags
    # The words of a gram are the 5th percentile of the lengths of a set's items, but lie within these bounds.
    min_ngram: int = 8
    max_ngram: int = 13
    window: int = 200  # characters that are removed on each side of a gram too
    min_piece: int = 200  # characters; a shorter piece between two cuts is removed
    max_pieces: int = 10  # a document that is cut into more is dropped
    max_documents: int = 10  # a gram that more documents hold is a common phrase, and stays

    def __post_init__(self) -> None:
        check(self.action in ACTIONS, f"action is {', '.join(ACTIONS[:-1])} or {ACTIONS[-1]}, got {self.action!r}")
        check(
            1 <= self.min_ngram <= self.max_ngram <= 64,
            f"min_ngram and max_ngram lie from 1 to 64 in this order, got {self.min_ngram} and {self.max_ngram}",
        )
        check(self.window >= 0, f"window is a number of characters from 0 on, got {self.window}")
        check(self.min_piece >= 1, f"min_piece is a number of characters from 1 on, got {self.min_piece}")
        check(self.max_pieces >= 1, f"max_pieces is at least 1, got {self.max_pieces}")
        check(self.max_documents >= 1, f"max_documents is at least 1, got {self.max_documents}")
        check(bool(self.sets), "sets: names no evaluation set; add a table [decontaminate.sets.NAME]")
        check(len(self.sets) <= MOST_SETS, f"sets: at most {MOST_SETS}, got {len(self.sets)}")
        for name in self.sets:
            check(bool(NAME.fullmatch(name)), f"sets: {name!r} is not a plain name of at most 60 characters")
