"""The figure of in-context gain against size, as in GPT-3's Figures 1.2 and 3.8 (Brown et al. 2020)."""

import textwrap
from collections import defaultdict
from collections.abc import Sequence
from statistics import fmean
from typing import Any

import altair
import vl_convert

from curate.evaluate.bootstrap import Estimate
from curate.scaling.gains import Evaluated, Gain
from curate.scaling.plot import listed, spread_of

WIDTH, HEIGHT = 330, 220
CAPTION = 150  # characters of a line
MOST_NOTES = 6


def draw(runs: Sequence[Evaluated], dataset: str, notes: Sequence[str]) -> bytes:
    """Returns the figure as PNG, drawn without a browser: the loss and the gain of each task side by side."""
    rows = [row for run in runs for gain in run.gains for row in _rows(run, gain)]
    tasks = list(dict.fromkeys(row["task"] for row in rows))
    charts = [_panels([row for row in rows if row["task"] == task], task) for task in tasks]
    title = altair.TitleParams(
        f"{dataset}: what models of several sizes draw from their context",
        subtitle=caption(runs, notes),
        anchor="start",
        fontSize=15,
        subtitleFontSize=11,
        subtitleLineHeight=15,
        offset=12,
    )
    figure = altair.vconcat(*charts, spacing=24).resolve_scale(color="independent", strokeDash="independent")
    chart = figure.properties(title=title, padding=12)
    return vl_convert.vegalite_to_png(chart.to_dict(), scale=2)


def caption(runs: Sequence[Evaluated], notes: Sequence[str]) -> list[str]:
    """Returns what the figure shows and what it does not, as lines."""
    sizes, tokens = [run.rung.parameters for run in runs], [run.rung.tokens for run in runs]
    contexts = sorted({run.facts["shape"]["context"] for run in runs})
    lines = [
        f"{len({*sizes})} sizes of {spread_of(sizes)} parameters without embeddings, trained on {spread_of(tokens)} "
        f"tokens; context {listed(contexts)}; nothing is trained here.",
        "Dots: runs, with 95 % intervals by bootstrap over items, which do not hold what another seed would give; "
        "lines: means of seeds. Gain: the loss under the first condition less that under another, on the same items.",
        "One dataset, and models far below those of the paper: what holds for larger ones is not shown.",
        *notes[:MOST_NOTES],
        *([f"… and {len(notes) - MOST_NOTES} more such lines in the record."] if notes[MOST_NOTES:] else []),
    ]
    return [part for line in lines for part in textwrap.wrap(line, CAPTION)]


def _rows(run: Evaluated, gain: Gain) -> list[dict[str, Any]]:
    """Returns the points of a run under one condition: its loss, and its gain where it has one."""
    rung = run.rung
    shared = {"task": gain.task, "condition": gain.condition, "unit": gain.unit, "size": rung.parameters}
    shared["tokens"] = round(rung.tokens / rung.parameters)  # per parameter: sizes of a ladder may have several
    numbers: dict[str, Estimate | None] = {"loss": gain.loss, "gain": gain.gain}
    return [
        shared | {"panel": panel, "value": number.value, "low": number.low, "high": number.high}
        for panel, number in numbers.items()
        if number is not None
    ]


def _panels(rows: Sequence[dict[str, Any]], task: str) -> Any:
    """Returns the charts of a task side by side: its loss, and its gain with a line at 0."""
    conditions = list(dict.fromkeys(row["condition"] for row in rows))
    unit = rows[0]["unit"]
    charts = []
    for panel, title in (("loss", "loss"), ("gain", f"gain over {conditions[0]}")):
        own = [row for row in rows if row["panel"] == panel]
        if not own:
            continue
        layers = _layers(own, conditions, f"{title} ({unit})")
        if panel == "gain":
            zero = altair.Chart(altair.InlineData([{"zero": 0}])).mark_rule(strokeDash=[4, 4], color="gray")
            layers.append(zero.encode(y=altair.Y("zero:Q")))
        charts.append(altair.layer(*layers).properties(title=f"{task}: {title}", width=WIDTH, height=HEIGHT))
    return altair.hconcat(*charts, spacing=32)


def _layers(rows: Sequence[dict[str, Any]], conditions: Sequence[str], title: str) -> list[Any]:
    """Returns the dots of runs, their intervals, and lines through the means of the seeds of each size."""
    x = altair.X(
        "size:Q", title="parameters without embeddings", scale=altair.Scale(type="log", nice=False, padding=14)
    )
    x = x.axis(altair.Axis(format="~s", tickCount=5))
    y = altair.Y("value:Q", title=title, scale=altair.Scale(zero=False))
    legend = altair.Legend(orient="right", labelLimit=300)
    colour = altair.Color("condition:N", title=None, sort=[*conditions], scale=altair.Scale(domain=[*conditions]))
    colour = colour.legend(legend)
    dots = altair.Chart(altair.InlineData(list(rows))).encode(x=x, color=colour)
    lines = altair.Chart(altair.InlineData(_means(rows))).mark_line().encode(x=x, y=y, color=colour, detail="tokens:N")
    bars = dots.transform_filter("datum.low !== null").mark_rule(strokeWidth=1.4, opacity=0.8)
    return [lines, dots.mark_point(size=30, filled=True, opacity=1).encode(y=y), bars.encode(y="low:Q", y2="high:Q")]


def _means(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Returns the mean over the seeds of each size, length and condition."""
    groups: dict[tuple[Any, ...], list[float]] = defaultdict(list)
    names = ("condition", "size", "tokens")
    for row in rows:
        groups[tuple(row[name] for name in names)].append(row["value"])
    return [{**dict(zip(names, key, strict=True)), "value": fmean(values)} for key, values in groups.items()]
