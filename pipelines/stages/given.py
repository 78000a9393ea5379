"""The inputs of a stage's plan, besides the recipe."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from curate.inputs.digests import Digests
from curate.stage.plan import Item


def quiet(_line: str) -> None:
    """Prints nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """The items of a stage, and what its plan may need to know of the run."""

    items: list[Item] = field(default_factory=list)  # as seen from the stage's folder
    previous: Path | None = None  # the folder of the stage before, for a stage that makes its own items of it
    digests: Digests = field(default_factory=Digests)  # what identifies input files
    miniweb: Path | None = None  # where the mini-web lies that inputs name
    say: Callable[[str], None] = quiet  # prints a line on work that takes its time
