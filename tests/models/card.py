"""The part of a card that measures a model that ships on documents of hosts that did not train it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from rows import Row

from curate.quality.measure import auc
from curate.quality.model_file import QUANTILES

Floats = npt.NDArray[np.float64]
SHARES = (0.98, 0.95, 0.9, 0.85, 0.8, 0.7)  # of the good documents that a threshold of the card keeps


def measures(scores: Floats, rows: Sequence[Row]) -> dict[str, Any]:
    """Returns the measures of the scores of rows that did not train the models that gave them."""
    good = np.array([row.good for row in rows])
    labels = np.array([row.label for row in rows])
    return {
        "documents": len(rows),
        "hosts": len({row.host for row in rows}),
        "auc": auc(scores, good),
        "auc_against": {word: _against(scores, good, labels == word) for word in ("junk", "promotional")},
        "kinds": {kind: of_kind(scores, rows, kind) for kind in sorted({row.kind for row in rows})},
        "thresholds": [threshold(scores, good, share) for share in SHARES],
    }


def of_kind(scores: Floats, rows: Sequence[Row], kind: str) -> dict[str, float]:
    """Returns of a kind the numbers of its good and other documents, their mean scores, and the AUC between both."""
    own = np.array([row.kind == kind for row in rows])
    good = own & np.array([row.good for row in rows])
    other = own & ~good
    means = {
        name: float(scores[part].mean()) for name, part in (("mean_good", good), ("mean_others", other)) if part.any()
    }
    both = {"auc": auc(scores[own], good[own])} if good.any() and other.any() else {}
    return {"good": int(good.sum()), "others": int(other.sum()), **means, **both}


def threshold(scores: Floats, good: npt.NDArray[np.bool_], share: float) -> dict[str, float]:
    """Returns the threshold that keeps a share of the good documents, and what share of the kept ones is good."""
    least = float(np.quantile(scores[good], 1 - share))
    kept = scores >= least
    return {"score": least, "of_the_good": share, "good_of_the_kept": float(good[kept].mean())}


def quantiles(scores: Floats, rows: Sequence[Row]) -> list[float]:
    """Returns the quantiles of the scores of the good rows, for `score.alpha = "fit"`."""
    good = np.array([row.good for row in rows])
    return [round(float(score), 6) for score in np.quantile(scores[good], np.linspace(0, 1, QUANTILES))]


def _against(scores: Floats, good: npt.NDArray[np.bool_], others: npt.NDArray[np.bool_]) -> float:
    return auc(scores[good | others], good[good | others])
