"""The recipe's [dedup] table."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from curate.settings import check
from curate.text.words import NONE, TEXT

VERIFY = ("shingles", "signature")
KEEP = ("quality", "longest", "newest", "oldest", "hash")
ALARMS = ("max_removed", "max_removed_of_host", "host_removed")  # settings that change no decision


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
    similarity: float = 0.75  # least similarity to a kept document, in [0, 1], for which a document is removed
    verify: str = "shingles"  # what decides it: "shingles" (their exact Jaccard similarity) or "signature" (estimated)
    containment: float = 0.0  # share of a document that a kept longer one has, for which it is removed; 0: none is
    priority: tuple[str, ...] = ()  # sources whose documents are kept first; the others follow in the recipe's order
    keep: tuple[str, ...] = ("hash",)  # of one source, whose documents are kept: see KEEP
    rounds: int = 6  # rounds that join pairs to clusters (Kiveris et al. 2014); too few leave some duplicates in
    index: str = ""  # a folder that holds what earlier runs kept: new documents are compared with it and added to it
    max_removed: Mapping[str, float] = field(default_factory=dict)  # by source: a share that warns when more is removed
    max_removed_of_host: float = 1.0  # the same for each host, over all sources; 1 never warns
    host_removed: int = 100  # documents that a host has lost at least where it is named

    def __post_init__(self) -> None:
        check(self.bands >= 1 and self.rows >= 1, f"need a band and a row, got {self.bands} x {self.rows}")
        check(self.bands <= 256, f"at most 256 bands, got {self.bands}")
        check(
            self.normalise in (TEXT, NONE),
            f'there is no normalisation {self.normalise!r}; use "{TEXT}" or "{NONE}"',
        )
        check(self.shingle >= 1, f"shingle is at least 1 word, got {self.shingle}")
        check(0 <= self.similarity <= 1, f"similarity lies in [0, 1], got {self.similarity}")
        check(self.verify in VERIFY, f"verify is one of {', '.join(VERIFY)}, got {self.verify!r}")
        check(self.rounds >= 1, f"rounds is at least 1, got {self.rounds}")
        self._check_keeper()
        self._check_containment()
        for source, share in self.max_removed.items():
            check(0 <= share <= 1, f"max_removed.{source} lies in [0, 1], got {share}")
        share = self.max_removed_of_host
        check(0 <= share <= 1, f"max_removed_of_host lies in [0, 1], got {share}")
        check(self.host_removed >= 1, f"host_removed is at least 1, got {self.host_removed}")

    def _check_containment(self) -> None:
        check(0 <= self.containment <= 1, f"containment lies in [0, 1], got {self.containment}")
        if self.containment:
            check(self.near and self.verify == "shingles", 'containment needs near = true and verify = "shingles"')
            check(self.keep[0] == "longest", 'containment keeps the longer document: keep = ["longest"]')
            check(not self.index, "containment is not looked for in an index; leave out one of the two")

    def _check_keeper(self) -> None:
        for name in self.keep:
            check(name in KEEP, f"keep knows {', '.join(KEEP)}, got {name!r}")
        for name, values in (("keep", self.keep), ("priority", self.priority)):
            check(len(set(values)) == len(values), f"{name} names something twice: {', '.join(values)}")
        check(not {"newest", "oldest"} <= {*self.keep}, 'keep takes one of "newest" and "oldest"')
        check("hash" not in self.keep[:-1], 'keep: "hash" leaves no ties, so nothing comes after it')

    @property
    def alarms(self) -> dict[str, Any]:
        """Returns the settings that only warn: a stage is not run again where they change."""
        return {name: getattr(self, name) for name in ALARMS}

    @property
    def criteria(self) -> tuple[str, ...]:
        """Returns what decides which document of a source is kept before the hash of its id does."""
        return tuple(name for name in self.keep if name != "hash")

    @property
    def linking(self) -> float:
        """Returns the least share of equal hashes that puts a candidate pair in one cluster.

        It lies three standard deviations of the estimate below `similarity`, so that few similar pairs are missed.
        """
        return self.similarity - 3 * math.sqrt(self.similarity * (1 - self.similarity) / (self.bands * self.rows))

    def catch_probability(self, similarity: float) -> float:
        """Returns the chance that two documents of this Jaccard similarity share a band: 1 - (1 - s^rows)^bands."""
        return float(1 - (1 - similarity**self.rows) ** self.bands)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """The settings by which text is cut out of documents because other documents have it too.

    Spans are C4's (arXiv:1910.10683, section 2.2): three sentences that occurred before. Furniture is what many
    documents of a host share; CCNet (arXiv:1911.00359) counts paragraphs over all hosts. Substrings are those of Lee et
    al. (arXiv:2107.06499), who take 50 tokens of a tokenizer.
    """

    spans: bool = True  # whether spans that occurred before are cut
    sentences: int = 3  # sentences of a span
    within: bool = False  # whether a span that occurred before in the same document is cut too, as C4 does
    furniture: bool = False  # whether lines that many documents of a host share are cut
    host_documents: int = 10  # documents of a host that have a line, at least, where it is furniture
    host_share: float = 0.1  # their share of the documents of the host, at least, in (0, 1]
    substrings: bool = False  # whether passages of many tokens that another document has word for word are cut
    tokens: int = 50  # of such a passage, at least: words between blanks, or letters of scripts without blanks
    min_chars: int = 200  # characters that are left of a document of which something was cut, else it is rejected

    def __post_init__(self) -> None:
        kinds = (self.spans, self.furniture, self.substrings)
        check(any(kinds), "lines has nothing to do: set spans, furniture or substrings, or leave the table out")
        check(self.tokens >= 10, f"tokens is at least 10, so that passages are no phrases, got {self.tokens}")
        check(self.sentences >= 1, f"sentences is at least 1, got {self.sentences}")
        check(self.host_documents >= 2, f"host_documents is at least 2, got {self.host_documents}")
        check(0 < self.host_share <= 1, f"host_share lies in (0, 1], got {self.host_share}")
        check(self.min_chars >= 1, f"min_chars is at least 1, so that no document ends empty, got {self.min_chars}")
