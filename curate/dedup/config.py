"""The recipe's [dedup] table."""

from dataclasses import dataclass

from curate.settings import check
from curate.text.words import NONE, TEXT


@dataclass(frozen=True, slots=True, kw_only=True)
class Dedup:
    """The settings by which duplicates are found: addresses, equal texts, MinHash-LSH as in FineWeb (arXiv:2406.17557).

    The defaults are FineWeb's: 14 bands of 8 rows over shingles of 5 words.
    """

    url: bool = False  # whether captures of one address are duplicates, of which the newest is kept
    exact: bool = True  # whether documents of equal text are duplicates
    near: bool = True  # whether documents of similar text are duplicates
    normalise: str = TEXT  # what counts for nothing in both: "text-1" (case, forms, punctuation, blanks), or "none"
    bands: int = 14  # bands of a signature; documents that agree in all rows of one are candidates
    rows: int = 8  # hashes of a band
    shingle: int = 5  # words of a shingle; in scripts that set no blanks between words, characters
    similarity: float = (
        0.75  # least share of equal hashes in two signatures, in [0, 1], that makes candidates duplicates
    )
    rounds: int = 6  # rounds that join pairs to clusters (Kiveris et al. 2014); too few leave some duplicates in

    def __post_init__(self) -> None:
        check(self.bands >= 1 and self.rows >= 1, f"need a band and a row, got {self.bands} x {self.rows}")
        check(self.bands <= 256, f"at most 256 bands, got {self.bands}")
        check(
            self.normalise in (TEXT, NONE),
            f'there is no normalisation {self.normalise!r}; use "{TEXT}" or "{NONE}"',
        )
        check(self.shingle >= 1, f"shingle is at least 1 word, got {self.shingle}")
        check(0 <= self.similarity <= 1, f"similarity lies in [0, 1], got {self.similarity}")
        check(self.rounds >= 1, f"rounds is at least 1, got {self.rounds}")

    def catch_probability(self, similarity: float) -> float:
        """Returns the chance that two documents of this Jaccard similarity share a band: 1 - (1 - s^rows)^bands."""
        return float(1 - (1 - similarity**self.rows) ** self.bands)
