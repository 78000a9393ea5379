"""Trains a model for the commands train and run: a line per interval, a bar on a terminal, and the outcome."""

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from curate.console import say
from curate.errors import UserError
from curate.pipelines.engines.progress import DRAW_S, Display, Topic
from curate.stage import wording
from curate.stage.wording import Field

if TYPE_CHECKING:
    from curate.gpt.config import Train
    from curate.gpt.logs import Progress

UNITS = ("", "k", "M", "B", "T")


class Shown(Topic):
    """A training run as the topic of a bar."""

    def __init__(self, progress: "Progress") -> None:
        super().__init__("train", progress.of_tokens)
        self.progress = progress
        self.advance(progress.tokens)

    def fields(self) -> list[Field]:
        """Returns the fields of its line."""
        return fields(self.progress)


class Watch:
    """Shows a run on a console: a line for each row of its log, and on a terminal a bar below them."""

    def __init__(self, console: Console) -> None:
        self._console, self._display, self._due = console, Display(console), 0.0

    def report(self, progress: "Progress") -> None:
        """Prints a line if the step is logged, and draws the bar from time to time."""
        if progress.row:
            self.say(line(progress))
        now = time.monotonic()
        if now >= self._due or progress.row:
            self._due = now + DRAW_S
            self._display.draw(Shown(progress))

    def say(self, text: str) -> None:
        """Prints a line."""
        say(self._console, f"{'train':9} {text}")

    def clear(self) -> None:
        """Removes the bar."""
        self._display.clear()


def train_model(manifest: Path, out: Path, settings: "Train", console: Console, *, replace: bool) -> None:
    """Trains a model, unless this very model of this very dataset is there, and prints its losses.

    replace: begin anew where the folder holds checkpoints of another run.
    """
    from curate.gpt import result

    console.quiet = os.environ.get("RANK", "0") != "0"  # torchrun's: the first of several processes prints for all
    if result.is_done(manifest, out, settings):
        console.print("train     done before")
    else:
        from curate.gpt.train import train

        watch = Watch(console)
        try:
            train(manifest, out, settings, watch.report, say=watch.say, anew=replace)
        except ValueError as error:  # a manifest, a shard or a setting with which there is nothing to train
            raise UserError(str(error)) from error
        finally:
            watch.clear()
    for text in result.lines(out):
        say(console, text)


def line(progress: "Progress") -> str:
    """Returns the progress as a plain line."""
    return "  ".join(field.text for field in fields(progress))


def fields(progress: "Progress") -> list[Field]:
    """Returns the fields of a line of progress, in order."""
    pieces = [
        Field(f"step {progress.step:,} of {progress.steps:,}", 1),
        Field(f"{count(progress.tokens)} of {count(progress.of_tokens)} tokens", 6, 21),
        Field(f"loss {progress.loss:.3f}", 0),
    ]
    if progress.bits_per_byte is not None:
        pieces.append(Field(f"held out {progress.bits_per_byte:.3f} bits/byte", 5))
    if progress.tokens_per_second is not None:
        pieces.append(Field(f"{count(progress.tokens_per_second)} tokens/s", 4, 14))
    if progress.mfu is not None:
        pieces.append(Field(f"MFU {100 * progress.mfu:.0f} %", 7, 8))
    if progress.left_s is not None:
        pieces.append(Field(f"ETA {wording.duration(progress.left_s)}", 3, 10))
    return pieces


def count(number: float) -> str:
    """Returns a number in three digits and the unit that suits it.

    >>> count(41_000_000), count(9_830_000), count(12_345), count(384), count(999_999)
    ('41.0M', '9.83M', '12.3k', '384', '1.00M')
    """
    power, digits = 0, 0
    while number >= 999.5 and power < len(UNITS) - 1:
        number, power = number / 1000, power + 1
        digits = 2 if number < 9.995 else 1 if number < 99.95 else 0
    return f"{number:.{digits}f}{UNITS[power]}"
