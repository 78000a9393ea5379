"""The recipe's [dedup] table."""

from dataclasses import dataclass

from curate.settings import check


@dataclass(frozen=True, slots=True, kw_only=True)
class Dedup:
    """Exact text, then MinHash-LSH: 14 bands of 8 rows over 5-word shingles, as FineWeb (arXiv:2406.17557).

    similarity: a candidate pair counts as duplicates when its signatures agree in at least this share of places.
    rounds: of large-star, small-star (Kiveris et al. 2014); too few only keep a duplicate, never lose a document.
    """

    exact: bool = True
    near: bool = True
    bands: int = 14
    rows: int = 8
    shingle: int = 5
    similarity: float = 0.75
    rounds: int = 6

    def __post_init__(self) -> None:
        check(self.bands >= 1 and self.rows >= 1, f"need a band and a row, got {self.bands} x {self.rows}")
        check(self.bands <= 256, f"at most 256 bands, got {self.bands}")
        check(self.shingle >= 1, f"shingle is at least 1 word, got {self.shingle}")
        check(0 <= self.similarity <= 1, f"similarity lies in [0, 1], got {self.similarity}")
        check(self.rounds >= 1, f"rounds is at least 1, got {self.rounds}")

    def catch_probability(self, similarity: float) -> float:
        """The chance that two documents of this Jaccard similarity share a band: 1 - (1 - s^rows)^bands."""
        return float(1 - (1 - similarity**self.rows) ** self.bands)
