"""The calibration of a quality model and the Pareto rule that fits it, as PNG."""

from collections.abc import Sequence
from pathlib import Path

import altair
import vl_convert

from curate.storage.writing import write_bytes

GPT_3_ALPHA = 9.0
MEASURED = "share of positives, per tenth of the score"
PERFECT = "perfect calibration"


def write(path: Path, calibration: Sequence[tuple[float, float, int]], alpha: float) -> None:
    """Draws a chart of the score against the share of positives, and against the chance that the Pareto rule keeps."""
    rules = {f"kept by Pareto, alpha {value:.3g}": value for value in dict.fromkeys((GPT_3_ALPHA, alpha))}
    values = [{"score": score, "share": share, "of": MEASURED} for score, share, _ in calibration]
    values += [{"score": score, "share": score, "of": PERFECT} for score in (0.0, 1.0)]
    for name, value in rules.items():
        values += [{"score": step / 50, "share": (2 - step / 50) ** -value, "of": name} for step in range(51)]
    legend = altair.Legend(orient="top-left", labelLimit=320)
    base = altair.Chart(altair.InlineData(values)).encode(
        x=altair.X("score:Q", title="score", scale=altair.Scale(domain=[0, 1])),
        y=altair.Y("share:Q", title="share", scale=altair.Scale(domain=[0, 1])),
        color=altair.Color("of:N", title=None, sort=[MEASURED, PERFECT, *rules], legend=legend),
    )
    points = base.mark_point(filled=True, size=60).transform_filter(altair.datum.of == MEASURED)
    chart = (base.mark_line() + points).properties(title="Quality model on held-out hosts", width=480, height=420)
    write_bytes(path, vl_convert.vegalite_to_png(chart.to_dict(), scale=2))
