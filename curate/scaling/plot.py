"""The figure of loss against compute, as in GPT-3's Figure 3.1 (Brown et al. 2020): runs, their envelope, the law."""

import math
import textwrap
from collections.abc import Sequence

import altair
import numpy as np
import vl_convert

from curate.scaling.fit import Line
from curate.scaling.laws import DEFINITIONS, Law, Point
from curate.scaling.runs import Run, bits_per_nat

WIDTH, HEIGHT = 680, 400
PIECES = 60  # of the fitted line
MARGIN = 2.0  # times the compute of the runs, as far as the line is drawn
ROOM = 1.02  # times the lowest and the highest loss, on the axis
TICKS = 7
CAPTION = 158  # characters of a line
NATS, BITS = "held-out loss (nats per token)", "bits per byte"


def draw(runs: Sequence[Run], points: Sequence[Point], law: Law, dataset: str) -> bytes:
    """Returns the figure as PNG, drawn without a browser."""
    losses = [loss for run in runs for _, loss in run.curve] + [run.loss for run in runs]
    if isinstance(law.power, Line):
        losses.append(float(law.power.loss(law.compute.max() * MARGIN)))
    domain = (min(losses) / ROOM, max(losses) * ROOM)
    scale = altair.Scale(type="log", domain=domain, nice=False)
    axis = altair.Axis(values=_ticks(*domain), format="~g")
    nats = altair.Y("loss:Q", title=NATS, scale=scale, axis=axis)
    main = altair.layer(*_line(law, nats, scale), _curves(runs, law, nats), _ends(points, law, nats))
    bits = bits_per_nat(runs)
    both = main if bits is None else altair.layer(main, _right_axis(domain, bits)).resolve_scale(y="independent")
    title = altair.TitleParams(
        f"{dataset}: held-out loss against compute",
        subtitle=caption(runs, points, law),
        anchor="start",
        fontSize=15,
        subtitleFontSize=11,
        subtitleLineHeight=15,
        offset=12,
    )
    chart = both.properties(width=WIDTH, height=HEIGHT, title=title, padding=12)
    return vl_convert.vegalite_to_png(chart.to_dict(), scale=2)


def caption(runs: Sequence[Run], points: Sequence[Point], law: Law) -> list[str]:
    """Returns what the figure shows and what it does not, as lines."""
    sizes, tokens = [point.parameters for point in points], [point.tokens for point in points]
    ratios = sorted({round(point.tokens / point.parameters) for point in points})
    seeds = sorted({point.seeds for point in points})
    lines = [
        f"{len({*sizes})} sizes of {spread_of(sizes)} parameters without embeddings, vocabulary "
        f"{runs[0].vocabulary:,}; {spread_of(tokens)} tokens, {listed(ratios)} per parameter; "
        f"seeds of each: {listed(seeds)}.",
        "Curves: the held-out loss of each run as it went. Dots: ends of runs, the mean of seeds; full dots are the "
        "lower envelope, to which the law is fitted.",
        _words(law),
        "One dataset, and one rule for the learning rate of all sizes, which was not tuned: what holds for other data, "
        "larger models or longer runs is not shown.",
    ]
    return [part for line in lines for part in textwrap.wrap(line, CAPTION)]


def _words(law: Law) -> str:
    """Returns the fitted law as a line of the caption."""
    meaning = f"C in FLOPs: {DEFINITIONS[law.definition]}."
    if isinstance(law.power, str):
        return f"No law is fitted: {law.power}. {meaning}"
    low, high = law.power.exponent_interval()
    form = f"L = {law.power.factor:.3g} C^{-law.power.exponent:.3f}"
    spread = f"95 % interval of the exponent {-high:.3f} to {-low:.3f}"
    return f"Dashed: {form} in nats, {spread} ({sum(law.lowest)} points). {meaning}"


def _line(law: Law, nats: altair.Y, scale: altair.Scale) -> list[altair.Chart]:
    """Returns the fitted line and the band of its interval; nothing where no law is fitted."""
    if not isinstance(law.power, Line):
        return []
    ends = (law.compute.min() / MARGIN, law.compute.max() * MARGIN)
    compute = np.geomspace(*ends, PIECES)
    low, high = law.power.loss_interval(compute)
    columns = zip(compute, law.power.loss(compute), low, high, strict=True)
    rows = [dict(zip(("compute", "loss", "low", "high"), map(float, row), strict=True)) for row in columns]
    base = altair.Chart(altair.InlineData(rows)).encode(x=_x(law))
    band = base.mark_area(color="#999999", opacity=0.25, clip=True).encode(
        y=altair.Y("low:Q", title=NATS, scale=scale), y2="high:Q"
    )
    return [band, base.mark_line(color="black", strokeDash=[6, 4], strokeWidth=1.5, clip=True).encode(y=nats)]


def _curves(runs: Sequence[Run], law: Law, nats: altair.Y) -> altair.Chart:
    rows = [
        {"compute": run.per_token[law.definition] * tokens, "loss": loss, "run": run.rung.name, "N": _size(run)}
        for run in runs
        for tokens, loss in run.curve
    ]
    return (
        altair.Chart(altair.InlineData(rows))
        .mark_line(strokeWidth=1.4, opacity=0.8)
        .encode(x=_x(law), y=nats, detail="run:N", color=_colour(runs))
    )


def _ends(points: Sequence[Point], law: Law, nats: altair.Y) -> altair.Chart:
    rows = [
        {"compute": float(compute), "loss": point.loss, "lowest": lowest}
        for point, compute, lowest in zip(points, law.compute, law.lowest, strict=True)
    ]
    fill = altair.condition("datum.lowest", altair.value("black"), altair.value("white"))
    return (
        altair.Chart(altair.InlineData(rows))
        .mark_point(size=42, stroke="black", strokeWidth=1.2, opacity=1)
        .encode(x=_x(law), y=nats, fill=fill)
    )


def _right_axis(domain: tuple[float, float], bits: float) -> altair.Chart:
    """Returns an invisible mark, whose axis on the right is of bits per byte."""
    low, high = domain[0] * bits, domain[1] * bits
    axis = altair.Axis(orient="right", values=_ticks(low, high), format="~g", grid=False)
    y = altair.Y("bits:Q", title=BITS, scale=altair.Scale(type="log", domain=(low, high), nice=False), axis=axis)
    return altair.Chart(altair.InlineData([{"bits": low}])).mark_point(opacity=0).encode(y=y)


def _x(law: Law) -> altair.X:
    scale = altair.Scale(type="log", nice=False)
    axis = altair.Axis(format="~e", tickCount=TICKS)
    return altair.X("compute:Q", title=f"compute C (FLOPs: {DEFINITIONS[law.definition]})", scale=scale, axis=axis)


def _colour(runs: Sequence[Run]) -> altair.Color:
    order = list(dict.fromkeys(_size(run) for run in sorted(runs, key=lambda run: run.rung.parameters)))
    scale = altair.Scale(scheme="viridis", reverse=True)
    return altair.Color("N:O", title="parameters", sort=order, scale=scale, legend=altair.Legend(symbolType="stroke"))


def _size(run: Run) -> str:
    return short(run.rung.parameters)


def _ticks(low: float, high: float) -> list[float]:
    """Returns about seven round numbers between two.

    >>> _ticks(4.6, 7.9)
    [5.0, 5.5, 6.0, 6.5, 7.0, 7.5]
    """
    rough = (high - low) / TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * times for times in (1, 2, 5, 10) if power * times >= rough)
    first, last = math.ceil(low / step), math.floor(high / step)
    return [float(f"{number * step:.10g}") for number in range(first, last + 1)]


def short(number: float) -> str:
    """Returns a number with three digits and its power of a thousand.

    >>> short(56640), short(1.13e6)
    ('56.6k', '1.13M')
    """
    for power, letter in ((9, "B"), (6, "M"), (3, "k")):
        if number >= 10**power:
            return f"{number / 10**power:.3g}{letter}"
    return f"{number:.3g}"


def spread_of(numbers: Sequence[float]) -> str:
    """Returns the least and the most of some numbers in few digits."""
    low, high = short(min(numbers)), short(max(numbers))
    return low if low == high else f"{low} to {high}"


def listed(numbers: Sequence[int]) -> str:
    """Returns some numbers in words."""
    words = [str(number) for number in numbers]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
