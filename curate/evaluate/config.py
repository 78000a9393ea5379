"""Task: the definition of a task, as its small TOML file states it.

The protocol is that of GPT-3 (Brown et al. 2020, arXiv:2005.14165, section 2.4): K demonstrations from the training
split, then the item; nothing is trained.
"""

from dataclasses import dataclass

from curate.evaluate import templates
from curate.settings import check

FORMS = ("choice", "cloze", "generate")
NORMALISATIONS = ("sum", "per_token", "per_byte", "unconditional")
MEASURES = {
    "choice": "the likeliest completion is the right one",
    "cloze": "greedy decoding gives the completion",
    "generate": "the greedy text up to the stop equals the answer",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """One of the ways in which files state the items of a task: templates over the columns of a row.

    A template that is one `{column}` and nothing else stands for all elements where the column holds a list.
    """

    contexts: tuple[str, ...]  # the text before the completion; several: one for each choice (partial evaluation)
    choices: tuple[str, ...]  # the completions; with several contexts the one that follows each of them
    gold: str = "0"  # the number of the right choice from 0, or one of the labels
    labels: tuple[str, ...] = ()  # what stands for each choice in the column of gold, such as A, B, C, D

    def __post_init__(self) -> None:
        check(bool(self.contexts), "contexts: at least one template is needed")
        check(bool(self.choices), "choices: at least one template is needed")
        for template in (*self.contexts, *self.choices, self.gold, *self.labels):
            templates.parse(template)

    @property
    def columns(self) -> tuple[str, ...]:
        """Returns the columns that the templates read, as paths, in the order of their first use."""
        used = (*self.contexts, *self.choices, self.gold, *self.labels)
        return tuple(dict.fromkeys(path for template in used for path in templates.paths(template)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """The definition of a task.

    items, demonstrations: names of files in the user's folder, with `*` and `**` as in a shell, without the end of
    their packing; the first that exist are read.
    """

    name: str
    form: str  # one of FORMS
    summary: str = ""  # what it asks, in a few words
    citation: str = ""
    chance: float = 0.0  # the accuracy of a guess
    items: tuple[str, ...] = ()
    demonstrations: tuple[str, ...] = ()  # of the training split; where none exists, other items take its place
    lines: tuple[str, ...] = ()  # the columns of a text file (.txt): a row is as many lines
    layouts: tuple[Layout, ...] = ()  # the first whose columns a file has is used
    description: str = ""  # stands before the demonstrations
    separator: str = "\n\n"  # stands between the description, the demonstrations and the item
    lead: str = " "  # stands between a context and its completion, and is scored with the completion
    continues: bool = False  # completions go on with the sentence: no lead before closing punctuation or 's
    normalise: str = "per_token"  # how the likelihoods of completions are made comparable, one of NORMALISATIONS
    unconditional: str = ""  # the context of the likelihood that `unconditional` divides by
    stop: str = "\n"  # ends a generated answer

    def __post_init__(self) -> None:
        check(bool(self.name), "name: is empty")
        check(self.form in FORMS, f"form: {self.form!r} is none of {', '.join(FORMS)}")
        check(
            self.normalise in NORMALISATIONS,
            f"normalise: {self.normalise!r} is none of {', '.join(NORMALISATIONS)}",
        )
        check(
            self.normalise != "unconditional" or bool(self.unconditional),
            'normalise: "unconditional" needs its context, such as unconditional = "Answer:"',
        )
        check(0 <= self.chance < 1, f"chance: {self.chance} does not lie from 0 to below 1")
        check(bool(self.stop), "stop: is empty")
        check(all((*self.items, *self.demonstrations)), "items, demonstrations: a name of a file is empty")
