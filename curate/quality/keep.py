"""The keep rules of the score stage: they decide which scored documents are kept."""

from dataclasses import dataclass

from curate.quality.config import Score
from curate.records import Document, Reason, keyed_hash, uniform


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreCut:
    """The cut of the rule "fraction": it keeps higher scores, and of equal scores the documents of low draws."""

    score: float  # a document that scores more is kept
    draw: int  # a document that scores as much is kept if `tie_draw` of its id is not above this

    def keeps(self, document: Document, seed: int) -> bool:
        """Returns True if a scored document is kept."""
        score = document.quality or 0.0
        return score > self.score or (score == self.score and tie_draw(seed, document.id) <= self.draw)


def reason(document: Document, settings: Score, seed: int, cut: ScoreCut | None = None) -> Reason | None:
    """Returns why the keep rule drops a scored document, or None if it is kept; cut: of the rule "fraction".

    "pareto" is GPT-3's rule: keep iff pareto(alpha) > 1 - score, with the draw taken from the document's id. The chance
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
        draw = float((1.0 - uniform(seed, "pareto", document.id)) ** (-1.0 / float(settings.alpha)) - 1.0)
        return None if draw > 1.0 - score else Reason("score.pareto", score, 1.0 - draw)
    return None


def tie_draw(seed: int, document_id: bytes) -> int:
    """Returns the number that orders a document among those of equal score."""
    return int.from_bytes(keyed_hash(seed, "fraction", document_id))
