"""The calibration of a quality model and the Pareto rule that fits it, as PNG."""

from collections.abc import Sequence
from pathlib import Path

import altair
import vl_convert

from curate.storage.writing import write_bytes

GPT_3 = 9.0  # its alpha
PERFECT = "perfect calibration"


def write(path: Path, calibration: Sequence[tuple[float, float, int]], alpha: float) -> None:
    """Draw the share of positives against the score, and the chance that the Pareto rule keeps a document of it."""
    found = "share of positives, per tenth of the score"
    rules = {f"kept by Pareto, alpha {value:.3g}": value for value in dict.fromkeys((GPT_3, alpha))}
    values = [{"score": score, "share": share, "of": found} for score, share, _ in calibration]
    values += [{"score": score, "share": score, "of": PERFECT} for score in (0.0, 1.0)]
    for name, value in rules.items():
        values += [{"score": step / 50, "share": (2 - step / 50) ** -value, "of": name} for step in range(51)]
    base = altair.Chart(altair.InlineData(values)).encode(
        x=altair.X("score:Q", title="score", scale=altair.Scale(domain=[0, 1])),
        y=altair.Y("share:Q", title="share", scale=altair.Scale(domain=[0, 1])),
        color=altair.Color(
            "of:N",
            title=None,
            sort=[found, PERFECT, *rules],
            legend=altair.Legend(orient="top-left", labelLimit=320),
        ),
    )
    points = base.mark_point(filled=True, size=60).transform_filter(altair.datum.of == found)
    chart = (base.mark_line() + points).properties(title="Quality model on held-out hosts", width=480, height=420)
    write_bytes(path, vl_convert.vegalite_to_png(chart.to_dict(), scale=2))
