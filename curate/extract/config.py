"""What decides how pages become text: a recipe's [extract] table, and what each source refuses before extraction."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from curate.filters.rules import Filter
from curate.filters.urls import UrlRules
from curate.settings import check

UNDECIDED = 200  # characters; a shorter quick text is no ground to refuse a page
EXTRACTORS = ("trafilatura", "resiliparse")


@dataclass(frozen=True, slots=True, kw_only=True)
class Extract:
    """How pages become text; trafilatura's own deduplication stays off, as it depends on what a process saw before.

    split_bytes: a larger file is cut into pieces of equal size, so that several workers share it.
    extractor: "trafilatura" or "resiliparse". fallback: what takes over where trafilatura's main extractor finds
    little: "resiliparse" (its quick text), or "trafilatura", which is plain trafilatura with all its own fallbacks.
    payload_duplicates: "reject" keeps one page of each payload, over all inputs, which are read twice for it.
    language_gate: a page is refused early unless its quick text is, with at least this probability, in a language that
    its source's filter will keep; 0 lets all through. quality_model, quality_gate: what `curate gate` makes;
    a page is refused whose quick text scores less. max_seconds: of CPU for one page.
    """

    statuses: tuple[int, ...] = (200,)
    max_bytes: int = 10_000_000
    split_bytes: int = 256 << 20
    extractor: str = "trafilatura"
    fallback: str = "resiliparse"
    payload_duplicates: str = "keep"
    language_gate: float = 0.2
    quality_model: str | None = None
    quality_gate: float = 0.0
    max_seconds: float = 30.0
    precision: bool = False
    recall: bool = False
    comments: bool = False
    tables: bool = True

    def __post_init__(self) -> None:
        for name, value in (("extractor", self.extractor), ("fallback", self.fallback)):
            check(value in EXTRACTORS, f"{name} is {' or '.join(EXTRACTORS)}, got {value!r}")
        check(not (self.precision and self.recall), "precision and recall exclude each other")
        check(self.max_bytes > 0, f"max_bytes is above 0, got {self.max_bytes}")
        kept = ("keep", "reject")
        check(self.payload_duplicates in kept, f"payload_duplicates is keep or reject, got {self.payload_duplicates!r}")
        check(self.split_bytes >= 1000, f"split_bytes is at least 1000, got {self.split_bytes}")
        check(0 <= self.language_gate <= 1, f"language_gate lies in [0, 1], got {self.language_gate}")
        check(0 <= self.quality_gate <= 1, f"quality_gate lies in [0, 1], got {self.quality_gate}")
        check(not self.quality_gate or bool(self.quality_model), "a quality_gate needs a quality_model")
        check(0 < self.max_seconds <= 86_400, f"max_seconds lies in (0, 86400], got {self.max_seconds}")
        favours = self.precision or self.recall or self.comments
        check(self.extractor == "trafilatura" or not favours, "precision, recall and comments are trafilatura's")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gates:
    """What is asked of a page before extraction, most of it from its source's filter.

    url is None, and languages are empty, where the filter does not ask. model: the file and the sha256 of a classifier
    of quick text, where there is one.
    """

    url: UrlRules | None = None
    languages: tuple[str, ...] = ()
    model: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Extraction:
    """The settings of the extract stage; `default` is for documents of a source that the recipe does not name."""

    extract: Extract = Extract()
    default: Gates = Gates()
    sources: Mapping[str, Gates] = field(default_factory=dict)

    def gates(self, source: str) -> Gates:
        """The gates of a source."""
        return self.sources.get(source, self.default)


def gates_of(rules: Filter, model: tuple[str, ...] = ()) -> Gates:
    """The gates that a filter amounts to."""
    url = rules.url if "url" in rules.rules else None
    return Gates(url=url, languages=rules.language.allowed if "language" in rules.rules else (), model=model)
