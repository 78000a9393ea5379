"""The forest plot: each arm against the baseline on every judge, with the interval of 95 %."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import altair
import vl_convert

from curate.ablation.config import Ablation
from curate.ablation.outcome import BETTER, NONE, WORSE, Comparison

WIDTH, ROW = 560, 26
CAPTION = 130  # characters of a line
COLOURS = {BETTER: "#1b7837", WORSE: "#b2182b", NONE: "#777777", "one seed": "#777777"}
TITLES = {
    "bits": "bits per byte, arm less baseline (left of 0: the arm is better)",
    "accuracy": "accuracy, arm less baseline",
}


def draw(ablation: Ablation, compared: Sequence[Comparison], content: Mapping[str, Any]) -> bytes:
    """Returns the figure as PNG, drawn without a browser."""
    against = [one for one in compared if one.other == ablation.baseline]
    panels = [_panel(ablation, [one for one in against if one.measure == measure], measure) for measure in TITLES]
    title = altair.TitleParams(
        f"{ablation.name}: each arm against {ablation.baseline}",
        subtitle=caption(ablation, content),
        anchor="start",
        fontSize=15,
        subtitleFontSize=11,
        subtitleLineHeight=15,
        offset=12,
    )
    chart = altair.vconcat(*[panel for panel in panels if panel is not None]).properties(title=title, padding=12)
    return vl_convert.vegalite_to_png(chart.to_dict(), scale=2)


def caption(ablation: Ablation, content: Mapping[str, Any]) -> list[str]:
    """Returns what the figure shows and what it does not, as lines."""
    model, seeds = content["model"], len(ablation.seeds)
    texts = ", ".join(f"{name} {judge['bytes'] / 1e3:,.0f} kB" for name, judge in content["judges"].items())
    lines = [
        f"One model of {model['parameters']:,} parameters, {model['tokens']:,} tokens a run, seeds: {seeds}; judges: "
        f"{texts}.",
        "Dots: the mean over paired seeds; bars: Student's interval of 95 % of each alone. Where it covers 0, no "
        "difference is shown. What holds at other sizes or lengths, or in tasks, is not shown.",
    ]
    return [part for line in lines for part in textwrap.wrap(line, CAPTION)]


def _panel(ablation: Ablation, compared: Sequence[Comparison], measure: str) -> Any:
    """Returns the rows of one measure; None where no judge has it."""
    if not compared:
        return None
    order = [f"{arm}: {judge}" for arm in ablation.arms for judge in ablation.judges]
    rows = [
        {
            "row": f"{one.arm}: {one.judge}",
            "mean": one.paired.mean,
            "low": one.paired.mean if one.paired.low is None else one.paired.low,
            "high": one.paired.mean if one.paired.high is None else one.paired.high,
            "outcome": one.outcome or "one seed",
        }
        for one in compared
    ]
    y = altair.Y("row:N", sort=[name for name in order if name in {row["row"] for row in rows}], title=None)
    scale = altair.Scale(domain=[*COLOURS], range=[*COLOURS.values()])
    shown = [name for name in COLOURS if name in {row["outcome"] for row in rows}]
    colour = altair.Color("outcome:N", scale=scale, title=None, legend=altair.Legend(values=shown))
    base = altair.Chart(altair.InlineData(rows)).encode(y=y, color=colour)
    zero = altair.Chart(altair.InlineData([{"zero": 0}])).mark_rule(strokeDash=[4, 3]).encode(x="zero:Q")
    bars = base.mark_rule(strokeWidth=2).encode(x=altair.X("low:Q", title=TITLES[measure]), x2="high:Q")
    dots = base.mark_point(size=60, filled=True, opacity=1).encode(x="mean:Q")
    return altair.layer(zero, bars, dots).properties(width=WIDTH, height=ROW * len(rows))
