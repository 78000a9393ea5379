"""The keep rules of the score stage: which documents of a given score are kept."""

from dataclasses import dataclass

from curate.quality.config import Score
from curate.records import Document, Reason, keyed_hash, uniform


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreCut:
    """Kept is what scores more than `score`, and of what scores as much, the ids drawn at or below `draw`."""

    score: float
    draw: int

    def keeps(self, document: Document, seed: int) -> bool:
        """Whether a scored document stays."""
        score = document.quality or 0.0
        return score > self.score or (score == self.score and drawn(seed, document.id) <= self.draw)


def drawn(seed: int, identity: bytes) -> int:
    """The number by which a document takes its place among those of equal score."""
    return int.from_bytes(keyed_hash(seed, "fraction", identity))


def reason(document: Document, settings: Score, seed: int, cut: ScoreCut | None = None) -> Reason | None:
    """Why the keep rule drops a scored document, or None; cut: where the rule "fraction" cuts.

    "pareto" is GPT-3's: keep iff pareto(alpha) > 1 - score, with the draw taken from the document's id; so the chance
    to be kept is (2 - score)^-alpha.
    """
    if settings.only and document.source not in settings.only:
        return None
    score = document.quality or 0.0
    if settings.keep == "threshold":
        return Reason("score.threshold", score, settings.threshold) if score < settings.threshold else None
    if settings.keep == "fraction" and cut:
        return None if cut.keeps(document, seed) else Reason("score.fraction", score, cut.score)
    if settings.keep == "pareto":
        # numpy's and Spark's pareto(a) is Lomax: survival function (1 + x)^-a, inverted here at u in (0, 1].
        draw = float((1.0 - uniform(seed, "pareto", document.id)) ** (-1.0 / settings.alpha) - 1.0)
        return None if draw > 1.0 - score else Reason("score.pareto", score, 1.0 - draw)
    return None
