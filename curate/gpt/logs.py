"""What a training run says of itself: the rows of its log, and the curve of its loss."""

from collections.abc import Sequence
from typing import NamedTuple

import altair
import vl_convert


class Row(NamedTuple):
    """One line of loss.csv; None where nothing was measured."""

    step: int
    tokens: int  # seen so far
    train_loss: float | None  # in nats per token
    valid_loss: float | None  # in nats per token
    learning_rate: float | None


def as_csv(rows: Sequence[Row]) -> bytes:
    """Returns the content of loss.csv."""
    lines = [Row._fields, *([_cell(value) for value in row] for row in rows)]
    return "".join(",".join(line) + "\n" for line in lines).encode()


def draw(rows: Sequence[Row], title: str) -> bytes:
    """Returns the loss of training and held-out text against the step as PNG, drawn without a browser."""
    names = {"train_loss": "training batch", "valid_loss": "held-out text"}
    values = []
    for row in rows:
        for field, name in names.items():
            loss = getattr(row, field)
            if loss is not None:
                values.append({"step": row.step, "loss": loss, "of": name})
    chart = (
        altair.Chart(altair.InlineData(values), title=title)
        .mark_line(point=altair.OverlayMarkDef(size=24))
        .encode(
            x=altair.X("step:Q", title="step"),
            y=altair.Y("loss:Q", title="loss (nats per token)", scale=altair.Scale(zero=False)),
            color=altair.Color("of:N", title=None, sort=list(names.values()), legend=altair.Legend(orient="top-right")),
        )
        .properties(width=560, height=320)
    )
    return vl_convert.vegalite_to_png(chart.to_dict(), scale=2)


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
