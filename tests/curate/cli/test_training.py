"""`curate train` shows a line per row of the log, and on a terminal a bar that goes away."""

import io

import pytest
from rich.console import Console

from curate.cli.model import Watch, count, line

pytest.importorskip("altair", reason="the loss curve needs altair: pip install '.[train]'")
pytest.importorskip("torch", reason="training needs torch: pip install '.[train]'")

from curate.gpt.logs import Progress, Row


def progress(**changes):
    values = {
        "step": 1200,
        "steps": 5000,
        "tokens": 9_830_400,
        "of_tokens": 40_960_000,
        "loss": 3.2137,
        "bits_per_byte": 1.0204,
        "tokens_per_second": 12_345.0,
        "mfu": 0.314,
        "left_s": 723.0,
        "seconds": 800.0,
        "row": Row(step=1200, tokens=9_830_400, windows=64),
    }
    return Progress(**(values | changes))


def test_a_line_has_the_step_the_tokens_the_losses_the_speed_and_the_time_left():
    assert line(progress()) == (
        "step 1,200 of 5,000  9.83M of 41.0M tokens  loss 3.214  held out 1.020 bits/byte  12.3k tokens/s  MFU 31 %"
        "  ETA 12m03s"
    )


def test_what_is_not_known_is_left_out_of_a_line():
    unknown = dict.fromkeys(("bits_per_byte", "tokens_per_second", "mfu", "left_s"))
    assert line(progress(**unknown)) == "step 1,200 of 5,000  9.83M of 41.0M tokens  loss 3.214"


@pytest.mark.parametrize(
    ("number", "text"),
    [
        *((0, "0"), (999, "999"), (1000, "1.00k"), (99_949, "99.9k"), (99_951, "100k"), (999_499, "999k")),
        *((999_999, "1.00M"), (9_994_999, "9.99M"), (9_996_000, "10.0M"), (300e9, "300B"), (1.5e15, "1500T")),
    ],
)
def test_counts_have_three_digits(number, text):
    assert count(number) == text


def test_without_a_terminal_only_logged_steps_are_shown():
    console = Console(file=io.StringIO(), width=60)
    watch = Watch(console)
    watch.report(progress(row=None))
    watch.report(progress())
    watch.clear()
    assert console.file.getvalue() == f"train     {line(progress())}\n"


def test_on_a_terminal_a_bar_is_drawn_and_removed():
    console = Console(file=io.StringIO(), width=100, force_terminal=True, color_system=None)
    watch = Watch(console)
    watch.report(progress(row=None))
    shown = console.file.getvalue()
    assert "━" in shown
    assert "step 1,200 of 5,000" in shown
    assert "loss 3.214" in shown
    watch.clear()
    assert console.file.getvalue().endswith("\x1b[2K")
