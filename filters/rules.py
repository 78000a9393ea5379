"""The table of all rules, which is also the recipe's [filter] table, and `judge`, which applies them to a document."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

from curate import settings
from curate.errors import SettingsError
from curate.filters import c4, fineweb, gopher
from curate.filters.c4 import C4, C4FineWeb, c4_fineweb_signals, c4_signals, judge_c4, judge_c4_fineweb
from curate.filters.characters import Characters, characters_values, judge_characters
from curate.filters.compression import Compression, compression_values, judge_compression
from curate.filters.fineweb import FineWeb, fineweb_values, judge_fineweb
from curate.filters.genre.signs import Genre, judge_genre
from curate.filters.gopher import GopherQuality, GopherRepetition
from curate.filters.gopher_readings import judge_quality, judge_repetition, quality_values, repetition_values
from curate.filters.judged import Judged, Measures, Outcome, Signals
from curate.filters.language import LanguageRules, judge_language
from curate.filters.languages import profiles
from curate.filters.mime import MimeRules, judge_mime
from curate.filters.openwebtext import OpenWebText, judge_openwebtext, openwebtext_values
from curate.filters.own import checked, is_own, judge_own, source_digest
from curate.filters.pii import Pii, judge_pii, need_libraries, pii_signals
from curate.filters.refinedweb import RefinedWeb, judge_refinedweb, refinedweb_signals
from curate.filters.url_lists import UrlLists, file_digest, file_digests, files_of, judge_url_lists
from curate.filters.urls import UrlRules, judge_url
from curate.functions import function_name
from curate.records import Document, Reason

Settings = TypeVar("Settings")
Quality = Callable[[Document], float]
SPARED = "spared by quality: "  # what the name of a count begins with
NO_DETAILS: Mapping[str, str] = {}


def rule(
    settings: Settings,
    function: Callable[[Document, Settings], Outcome],
    variants: tuple[Settings, ...] = (),
    *,
    details: Mapping[str, str] = NO_DETAILS,
    measures: Measures | None = None,
    signals: Callable[[Document, Settings], Signals] | None = None,
) -> Settings:
    """Returns a row of the table: a field that holds a rule's settings and knows the function that reads them.

    variants: the settings of each published reading of the rule, which its setting `variant` names. details: what each
    reads in its own way, beside its values. measures: what the rule measures, in place of which a rule that changes
    texts has signals.
    """
    return field(
        default=settings,
        metadata={
            "function": function,
            "variants": variants,
            "details": details,
            "measures": measures,
            "signals": signals,
        },
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Spare:
    """Rules that spare a document which the quality model rates high (Nemotron-CC, arXiv:2412.02595, section 2.3)."""

    rules: tuple[str, ...] = ()  # their names; empty: no rule, and no document is rated
    min_quality: float = 0.5  # the least score by `score.model` at which a document is spared, in [0, 1]

    def __post_init__(self) -> None:
        settings.check(0 <= self.min_quality <= 1, f"min_quality lies in [0, 1], got {self.min_quality}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """The rules that a source's documents must pass, and the settings of all rules; one row a rule.

    A row names the rule as a recipe does; its function takes a document and the row's settings.
    """

    # Names of the rules that are on, in order; the first that rejects names the reason. A rule of your own is named as
    # "package.module:function".
    rules: tuple[str, ...] = ("url", "mime", "language", "gopher_quality", "gopher_repetition")

    url: UrlRules = rule(UrlRules(), judge_url)
    mime: MimeRules = rule(MimeRules(), judge_mime)
    language: LanguageRules = rule(LanguageRules(), judge_language)
    gopher_quality: GopherQuality = rule(
        GopherQuality(), judge_quality, gopher.QUALITY_VARIANTS, details=gopher.QUALITY_DETAILS, measures=quality_values
    )
    gopher_repetition: GopherRepetition = rule(
        GopherRepetition(),
        judge_repetition,
        gopher.REPETITION_VARIANTS,
        details=gopher.REPETITION_DETAILS,
        measures=repetition_values,
    )
    c4: C4 = rule(C4(), judge_c4, c4.VARIANTS, details=c4.DETAILS, signals=c4_signals)
    c4_fineweb: C4FineWeb = rule(C4FineWeb(), judge_c4_fineweb, signals=c4_fineweb_signals)
    fineweb: FineWeb = rule(
        FineWeb(), judge_fineweb, fineweb.VARIANTS, details=fineweb.DETAILS, measures=fineweb_values
    )
    refinedweb: RefinedWeb = rule(RefinedWeb(), judge_refinedweb, signals=refinedweb_signals)
    openwebtext: OpenWebText = rule(OpenWebText(), judge_openwebtext, measures=openwebtext_values)
    url_lists: UrlLists = rule(UrlLists(), judge_url_lists)
    compression: Compression = rule(Compression(), judge_compression, measures=compression_values)
    characters: Characters = rule(Characters(), judge_characters, measures=characters_values)
    pii: Pii = rule(Pii(), judge_pii, signals=pii_signals)
    genre: Genre = rule(Genre(), judge_genre)

    # Documents of other languages than English are judged by the stop words and limits of their language where those
    # of a rule are as published; False: by the published ones.
    per_language: bool = True
    own: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # settings of your own rules, by function name
    signals: bool = False  # all that the rules measure is written beside each document, kept or rejected
    all_reasons: bool = False  # a rejected row names each rule that would reject it, and these are counted
    spare: Spare = Spare()  # rules that do not reject what the quality model rates high
    kept_share: tuple[float, ...] = ()  # least and greatest share of documents kept, beyond which there is a warning

    def __post_init__(self) -> None:
        for rule, _, variant in (name.partition(":") for name in self.rules):
            if variant and rule in RULES:
                raise ValueError(
                    f"rules name {rule!r} alone; its variant is set by filter.{rule}.variant = {variant!r}"
                )
        unknown = [name for name in (*self.rules, *self.spare.rules) if name not in RULES and not is_own(name)]
        if unknown:
            mend = f"the rules are {', '.join(RULES)}, and your own are named as package.module:function"
            raise ValueError(f"no rule is called {unknown[0]!r}; {mend}")
        band = self.kept_share
        if band and not (len(band) == 2 and 0 <= band[0] <= band[1] <= 1):
            raise ValueError(f"kept_share is two shares in [0, 1], the least first, got {[*band]}")


ROWS = {row.name: row for row in fields(Filter) if "function" in row.metadata}
FUNCTIONS: dict[str, Callable[[Document, Any], Outcome]] = {
    name: row.metadata["function"] for name, row in ROWS.items()
}
RULES = tuple(FUNCTIONS)
MEASURES: dict[str, Measures] = {
    name: row.metadata["measures"] for name, row in ROWS.items() if row.metadata["measures"]
}
SIGNALS: dict[str, Callable[[Document, Any], Signals]] = {  # of the rules that change texts
    name: row.metadata["signals"] for name, row in ROWS.items() if row.metadata["signals"]
}
# Rules and settings of the first version, which are in every stage's key; those added later are in it where they count.
C4_RULES = ("c4", "c4_fineweb")
IN_EVERY_KEY = ("url", "mime", "language", "gopher_quality", "gopher_repetition", *C4_RULES)
LATER = ("per_language", "own", "signals", "all_reasons", "spare")
DEFAULTS: dict[str, Any] = {
    "per_language": True,
    "own": {},
    "signals": False,
    "all_reasons": False,
    "spare": Spare(),
}


def judge(document: Document, filters: Filter, quality: Quality | None = None) -> Judged:
    """Applies the rules in order until one rejects; a rule that changes the document does so for those after it.

    quality: rates a document, for `filter.spare`.
    """
    notes: Counter[str] = Counter()
    for name in filters.rules:
        if skipped := settings_of(name, document, filters).skipped:
            notes[skipped] += 1
        outcome = judge_by(name, document, filters)
        if outcome is None:
            continue
        reason = outcome if isinstance(outcome, Reason) else outcome.reason
        if isinstance(outcome, Judged):
            document = outcome.document
            notes.update(outcome.notes)
        if reason and is_spared(name, document, filters, quality):
            notes[SPARED + name] += 1
        elif reason:
            return Judged(document, reason, notes)
    return Judged(document, None, notes)


def is_spared(name: str, document: Document, filters: Filter, quality: Quality | None) -> bool:
    """Returns whether a document that a rule rejects is rated so high that the rule spares it."""
    if name not in filters.spare.rules:
        return False
    if quality is None:
        raise SettingsError("filter.spare: documents are rated by the stage filter alone; leave it out here")
    return quality(document) >= filters.spare.min_quality


def judge_by(name: str, document: Document, filters: Filter) -> Outcome:
    """Returns what one rule says of a document."""
    if name in FUNCTIONS:
        return FUNCTIONS[name](document, settings_of(name, document, filters).rules)
    return judge_own(name, document, filters.own)


def settings_of(name: str, document: Document, filters: Filter) -> profiles.Adapted:
    """Returns the settings of a rule for a document, by its language, and what of the rule is skipped."""
    rules = getattr(filters, name, None)
    return profiles.adapted(name, rules, document.language) if filters.per_language else profiles.Adapted(rules)


def outside_digests(filters: Sequence[Filter]) -> dict[str, str]:
    """Returns the digests of what rules read beside settings: own sources, files of lists ("@…"), languages' values.

    SettingsError where one of the rules cannot run here.
    """
    digests: dict[str, str] = {}
    tables: set[str] = set()
    for chosen in filters:
        digests |= checked(chosen.rules, chosen.own)
        tables |= chosen.own.keys()
    for name in sorted(tables - set(map(function_name, digests))):
        raise SettingsError(f"filter.own.{name}: no rule of filter.rules is a function of this name")
    if any(map(meets_other_languages, filters)):
        digests[profiles.NAME] = profiles.digest()
    for chosen in filters:
        if "pii" in chosen.rules:
            need_libraries(chosen.pii)
        if "url_lists" in chosen.rules:
            digests |= file_digests(chosen.url_lists)
        for name in C4_RULES:
            if name in chosen.rules:
                digests |= c4.file_digests(getattr(chosen, name))
    return digests


def list_files(filters: Filter) -> Iterator[tuple[str, str]]:
    """Yields the files of lists ("@FILE") that the rules of a filter read: the rule, and the path."""
    for name in filters.rules:
        if name == "url_lists":
            yield from ((name, path) for path in filters.url_lists.files)
        elif name in C4_RULES:
            yield from ((name, path) for path in files_of(getattr(filters, name).bad_words))


def outside_digest(name: str) -> str:
    """Returns the digest of one thing that `outside_digests` names, as it is now."""
    if name == profiles.NAME:
        return profiles.digest()
    return file_digest(name[1:]) if name.startswith("@") else source_digest(name)


def variants_of(name: str) -> dict[str, Any]:
    """Returns the settings of each published reading of a rule, by its name; none where a rule has one reading."""
    return {settings.variant: settings for settings in ROWS[name].metadata["variants"]}


def with_variants(table: Any) -> Any:
    """Returns a [filter] table in which a rule that names its variant has that variant's values below its own."""
    if not isinstance(table, dict):
        return table
    merged = dict(table)
    for name in ROWS:
        given = table.get(name)
        variant = given.get("variant") if isinstance(given, dict) else None
        if isinstance(variant, str) and (values := variants_of(name).get(variant)):
            merged[name] = settings.to_table(values) | given
    return merged


def key_table(filters: Filter) -> dict[str, Any]:
    """Returns the settings as tables, without what was added after the first version and has no effect here."""
    table: dict[str, Any] = settings.to_table(filters)
    for name in ROWS:
        if name not in IN_EVERY_KEY and name not in filters.rules:
            del table[name]
        elif table[name].get("variant") == getattr(ROWS[name].default, "variant", ""):
            table[name].pop("variant", None)
    for name in C4_RULES:
        if not table[name]["bad_words"] or name not in filters.rules:
            del table[name]["bad_words"]
    for name in LATER:
        if getattr(filters, name) == DEFAULTS[name] or (name == "per_language" and not meets_other_languages(filters)):
            del table[name]
    if not filters.spare.rules:
        table.pop("spare", None)
    del table["kept_share"]  # it only warns
    return table


def meets_other_languages(filters: Filter) -> bool:
    """Returns whether rules that depend on the language may meet documents in another one than English."""
    if filters.signals or filters.all_reasons:  # then a rule measures what an earlier one rejects
        return not {*profiles.BY_WORDS}.isdisjoint(filters.rules)
    return profiles.meets_other_languages(filters.rules, filters.language.allowed)
