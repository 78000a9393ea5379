"""The recipe's [extract] table, and the gates that a page must pass before its text is extracted."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from curate import settings
from curate.filters.rules import Filter
from curate.filters.urls import UrlRules
from curate.functions import Door, is_path
from curate.settings import check

UNDECIDED = 200  # characters; a shorter quick text is no ground to refuse a page
EXTRACTORS = ("trafilatura", "resiliparse")
FORMATS = ("text", "markdown")
DOOR = Door(setting="extract.extractor", kind="an extractor", takes=("html", "url", "settings"))
VISIBLE = "visible"  # all text of a page, its menus and footers too


@dataclass(frozen=True, slots=True, kw_only=True)
class Extract:
    """The settings by which pages become text.

    Trafilatura's own deduplication stays off, because its result depends on the pages that a process has seen before.
    """

    statuses: tuple[int, ...] = (200,)  # HTTP statuses of the pages that are extracted
    max_bytes: int = 10_000_000  # of a page's body; a larger page is rejected
    split_bytes: int = 256 << 20  # a larger input file is cut into pieces of equal size, which several workers share
    # Or "resiliparse"; "visible" keeps all visible text, for comparisons; or a function of your own, as
    # "package.module:function".
    extractor: str = "trafilatura"
    own: Mapping[str, Any] = field(default_factory=dict, hash=False)  # settings of an extractor of your own
    # What replaces the text where trafilatura's main extractor finds little: "resiliparse" (its quick text), or
    # "trafilatura", which is plain trafilatura with all its own fallbacks.
    fallback: str = "resiliparse"
    # The form of a text: "text", or "markdown" with marks of headings, code and tables; the words are the same.
    format: str = "text"
    emphasis: bool = False  # whether Markdown marks emphasis and code in lines: **strong**, *emphasis*, `code`
    links: bool = False  # whether Markdown has links as [text](address), with absolute addresses
    # "reject" keeps one page of each payload over all inputs, and reads every input twice for that; "keep" keeps all.
    payload_duplicates: str = "keep"
    # The least probability, in [0, 1], that a page's quick text is in a language which its source's filter keeps; a
    # page below it is refused before extraction. 0 refuses no page.
    language_gate: float = 0.2
    quality_model: str | None = None  # the model file that `curate gate` writes
    quality_gate: float = 0.0  # the least score in [0, 1] by that model; a page below it is refused before extraction
    max_seconds: float = 30.0  # CPU seconds for one page; a page that takes longer is a failure
    precision: bool = False  # trafilatura's favor_precision: less text, with less noise
    recall: bool = False  # trafilatura's favor_recall: more text, with more noise
    comments: bool = False  # whether readers' comments belong to the text
    tables: bool = True  # whether tables belong to the text

    def __post_init__(self) -> None:
        chosen = (
            ("extractor", self.extractor, (*EXTRACTORS, VISIBLE)),
            ("fallback", self.fallback, EXTRACTORS),
            ("format", self.format, FORMATS),
        )
        for name, value, possible in chosen:
            is_own = name == "extractor" and is_path(value)
            check(is_own or value in possible, f"{name} is {' or '.join(possible)}, got {value!r}")
        check(self.is_own or not self.own, "own holds the settings of an extractor of your own, and there is none")
        check(
            not self.is_own or self.format == "text", "an extractor of your own writes its text itself: format = 'text'"
        )
        check(not (self.precision and self.recall), "precision and recall exclude each other")
        check(self.max_bytes > 0, f"max_bytes is above 0, got {self.max_bytes}")
        choices = ("keep", "reject")
        check(
            self.payload_duplicates in choices, f"payload_duplicates is keep or reject, got {self.payload_duplicates!r}"
        )
        check(self.split_bytes >= 1000, f"split_bytes is at least 1000, got {self.split_bytes}")
        check(0 <= self.language_gate <= 1, f"language_gate lies in [0, 1], got {self.language_gate}")
        check(0 <= self.quality_gate <= 1, f"quality_gate lies in [0, 1], got {self.quality_gate}")
        check(not self.quality_gate or bool(self.quality_model), "a quality_gate needs a quality_model")
        check(0 < self.max_seconds <= 86_400, f"max_seconds lies in (0, 86400], got {self.max_seconds}")
        is_markdown = self.format == "markdown"
        plain = self.extractor == "trafilatura" and self.fallback == "trafilatura"
        check(
            not (is_markdown and plain), "fallback = 'trafilatura' gives plain text, format = 'markdown' needs another"
        )
        for name, is_marked in (("emphasis", self.emphasis), ("links", self.links)):
            check(not is_marked or is_markdown, f"{name} = true needs format = 'markdown', got {self.format!r}")
        favours = self.precision or self.recall or self.comments
        check(self.extractor == "trafilatura" or not favours, "precision, recall and comments are trafilatura's")

    @property
    def is_own(self) -> bool:
        """True if the extractor is a function of the user's."""
        return is_path(self.extractor)

    def outside_digests(self) -> dict[str, str]:
        """Returns the digest of the source of an extractor of the user's; SettingsError where it cannot run here."""
        if not self.is_own:
            return {}
        DOOR.loaded(self.extractor, self.own, ("extract", "own"))
        return {self.extractor: DOOR.source_digest(self.extractor)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Gates:
    """The tests that the pages of one source must pass before extraction; most come from the source's filter."""

    url: UrlRules | None = None  # None: the filter has no rules about addresses
    languages: tuple[str, ...] = ()  # codes that the filter keeps; empty: it keeps every language
    model: tuple[str, ...] = ()  # the file of a classifier of quick text and its sha256; empty: there is none


@dataclass(frozen=True, slots=True, kw_only=True)
class Extraction:
    """The settings of the extract stage, as its plan holds them."""

    extract: Extract = Extract()
    default: Gates = Gates()  # for documents of a source that the recipe does not name
    sources: Mapping[str, Gates] = field(default_factory=dict)  # by the name of the source
    digests: Mapping[str, str] = field(default_factory=dict)  # of the source of an extractor of the user's

    def gates(self, source: str) -> Gates:
        """Returns the gates of a source."""
        return self.sources.get(source, self.default)


def key_table(chosen: Extraction) -> dict[str, Any]:
    """Returns the settings as tables, without those of an extractor of the user's where there is none."""
    table: dict[str, Any] = settings.to_table(chosen)
    if not chosen.extract.own:
        del table["extract"]["own"]
    if not chosen.digests:
        del table["digests"]
    return table


def gates_of(rules: Filter, model: tuple[str, ...] = ()) -> Gates:
    """Returns the gates that refuse early what a filter would reject later.

    model: the file and the sha256 of a quality gate's model, or nothing.
    """
    url = rules.url if "url" in rules.rules else None
    languages = rules.language.allowed if "language" in rules.rules else ()
    return Gates(url=url, languages=languages, model=model)
