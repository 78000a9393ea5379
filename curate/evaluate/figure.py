"""The figure of an evaluation: accuracy and bits per byte of the right answer against the number of demonstrations.

It has the form of GPT-3's Figure 1.2: a line for each model, over the mean of the tasks or for each task by itself.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import altair
import vl_convert

from curate.evaluate.measures import Result

PANELS = {"accuracy": "accuracy", "bits": "right answer, bits per byte"}
MOST_TASKS = 12  # that have a panel of their own; more are drawn as their mean alone
MEAN = "mean of the tasks"


def draw(results: Sequence[Result]) -> bytes:
    """Returns the figure of results, of which one has items, as PNG, drawn without a browser."""
    results = [result for result in results if result.items]
    tasks = list(dict.fromkeys(result.task for result in results))
    shown = [MEAN] if len(tasks) > MOST_TASKS else ([MEAN, *tasks] if len(tasks) > 1 else tasks)
    order = [str(shots) for shots in sorted({result.shots for result in results}, key=_place)]
    rows = [row for result in results for row in _rows(result)]
    rows += _means(rows, len(tasks))
    charts = [_panel([row for row in rows if row["task"] == task], task, order) for task in shown]
    figure = altair.vconcat(*charts, spacing=24).resolve_scale(color="shared")
    return vl_convert.vegalite_to_png(figure.to_dict(), scale=2)


def _place(shots: int | str) -> float:
    return float(shots) if isinstance(shots, int) else float("inf")


def _rows(result: Result) -> list[dict[str, Any]]:
    """Returns the points of a result, each with its interval where it has one."""
    numbers = {"accuracy": result.reported, "bits": result.gold_bits_per_byte}
    shared = {"task": result.task, "model": result.model, "shots": str(result.shots), "chance": result.chance}
    return [
        shared | {"panel": panel, "value": number.value, "low": number.low, "high": number.high}
        for panel, number in numbers.items()
        if number is not None
    ]


def _means(rows: Sequence[dict[str, Any]], tasks: int) -> list[dict[str, Any]]:
    """Returns the mean over all tasks, for each model and number of demonstrations that has every task."""
    if tasks < 2:
        return []
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        groups[row["model"], row["shots"], row["panel"]].append(row)
    means = []
    for (model, shots, panel), some in groups.items():
        if len(some) == tasks:
            value, chance = (sum(row[name] for row in some) / tasks for name in ("value", "chance"))
            facts = {"task": MEAN, "model": model, "shots": shots, "panel": panel, "chance": chance}
            means.append(facts | {"value": value, "low": None, "high": None})
    return means


def _panel(rows: Sequence[dict[str, Any]], task: str, order: Sequence[str]) -> Any:
    """Returns the two charts of a task, side by side; the chance level is a dashed line."""
    charts = []
    for panel, title in PANELS.items():
        values = [row for row in rows if row["panel"] == panel]
        base = altair.Chart(altair.InlineData(values)).encode(
            x=altair.X("shots:O", title="demonstrations", sort=[*order], axis=altair.Axis(labelAngle=0)),
            color=altair.Color("model:N", title=None, legend=altair.Legend(orient="top", labelLimit=400)),
        )
        scale = altair.Scale(domain=[0, 1]) if panel == "accuracy" else altair.Scale(zero=False)
        lines = base.mark_line(point=altair.OverlayMarkDef(size=36)).encode(
            y=altair.Y("value:Q", title=title, scale=scale)
        )
        bars = base.transform_filter("datum.low !== null").mark_rule(opacity=0.5)
        layers = [lines, bars.encode(y=altair.Y("low:Q"), y2="high:Q")]
        if panel == "accuracy" and values:
            rule = altair.Chart(altair.InlineData([{"chance": values[0]["chance"]}]))
            layers.append(rule.mark_rule(strokeDash=[4, 4], color="gray").encode(y=altair.Y("chance:Q")))
        charts.append(altair.layer(*layers).properties(title=f"{task}: {title}", width=300, height=220))
    return altair.hconcat(*charts, spacing=32)
