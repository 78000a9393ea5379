"""All filter rules with their variants and limits, and where two rules, variants or recipes disagree on documents."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from curate import recipe as recipes
from curate import settings
from curate.errors import SettingsError
from curate.filters.judged import Judged
from curate.filters.own import is_own
from curate.filters.rules import ROWS, Filter, judge, outside_digests, variants_of
from curate.inputs.columns import resolved, unheard
from curate.inputs.digests import Digests
from curate.inputs.documents import read_documents
from curate.inputs.items import named_items
from curate.records import Document, Reason
from curate.stage.plan import Plan

# How two filters may take one document.
BOTH_KEEP, BOTH_REJECT = "both keep", "both reject"
ONLY_FIRST, ONLY_SECOND = "only the first rejects", "only the second rejects"
OTHER_REASON, OTHER_TEXT = "both reject, for other reasons", "both keep, with other texts"
WORDS = (BOTH_KEEP, OTHER_TEXT, BOTH_REJECT, OTHER_REASON, ONLY_FIRST, ONLY_SECOND)
SHOWN = 160  # characters of a text that an example shows


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A document on which two filters disagree."""

    how: str  # one of WORDS
    url: str
    text: str  # its beginning, on one line
    reasons: tuple[Reason | None, Reason | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The verdicts of two filters on the same documents."""

    names: tuple[str, str]
    documents: int
    counts: dict[str, int]  # of WORDS
    pairs: dict[tuple[str, str], int]  # of reasons that differ, "" where a document is kept
    examples: tuple[Example, ...]  # the first of each disagreement


def listing() -> list[dict[str, Any]]:
    """Returns of each rule its name, what it is with its source, its settings, and what its variants have other."""
    rows = []
    on = Filter().rules
    for name, row in ROWS.items():
        table = settings.to_table(row.default)
        variants = {
            variant: settings.difference(table, settings.to_table(values))
            for variant, values in variants_of(name).items()
        }
        about = " ".join((type(row.default).__doc__ or "").split())
        row_of = {"rule": name, "on": name in on, "about": about, "settings": table, "variants": variants}
        rows.append({**row_of, "details": dict(row.metadata["details"])})
    return rows


def chosen(name: str) -> Filter:
    """Returns the filter that a rule, RULE:VARIANT, a path to a rule of the user's or a recipe names.

    Where a rule and a recipe share a name, the recipe is "recipe:NAME".
    """
    rule, _, variant = name.partition(":")
    if rule == "recipe" and variant in recipes.bundled_names():
        return filter_of(variant)
    if name in ROWS:
        return Filter(rules=(name,))
    if rule in ROWS:
        variants = variants_of(rule)
        if variant not in variants:
            mend = f"it has {', '.join(variants)}" if variants else "it has none"
            raise SettingsError(f"{name}: the rule {rule} has no variant {variant!r}; {mend}")
        values: dict[str, Any] = {rule: variants[variant]}
        return Filter(rules=(rule,), **values)
    if is_own(name):
        own = Filter(rules=(name,))
        outside_digests([own])
        return own
    if name in recipes.bundled_names() or name.endswith(".toml"):
        return filter_of(name)
    raise SettingsError(f"no rule and no recipe is called {name!r}; curate filters lists the rules")


def filter_of(recipe: str) -> Filter:
    """Returns a recipe's own filter; SettingsError where one of its rules cannot run here."""
    loaded = recipes.load(recipe)
    loaded.outside_rules()
    return loaded.filter


def compare(names: tuple[str, str], inputs: Sequence[str], *, most: int | None = None, shown: int = 5) -> Comparison:
    """Judges documents by two filters; most: of the documents that are read, shown: examples of each disagreement."""
    first, second = map(chosen, names)
    counts: Counter[str] = Counter()
    pairs: Counter[tuple[str, str]] = Counter()
    examples: list[Example] = []
    for document in islice(documents(inputs), most):
        verdicts = judge(document, first), judge(document, second)
        how = agreement(*verdicts)
        counts[how] += 1
        if how in (BOTH_KEEP, BOTH_REJECT):
            continue
        reasons = verdicts[0].reason, verdicts[1].reason
        pairs[(reasons[0].rule if reasons[0] else "", reasons[1].rule if reasons[1] else "")] += 1
        if counts[how] <= shown:
            text = " ".join(document.text[: 4 * SHOWN].split())[:SHOWN]
            examples.append(Example(how=how, url=document.url, text=text, reasons=reasons))
    if not counts:
        raise SettingsError(f"{inputs[0]}: holds no document with a text")
    return Comparison(
        names=names,
        documents=counts.total(),
        counts={word: counts[word] for word in WORDS},
        pairs=dict(pairs.most_common()),
        examples=tuple(sorted(examples, key=lambda example: WORDS.index(example.how))),
    )


def agreement(first: Judged, second: Judged) -> str:
    """Returns which of WORDS holds for two verdicts on one document."""
    if first.reason and second.reason:
        return BOTH_REJECT if first.reason.rule == second.reason.rule else OTHER_REASON
    if first.reason or second.reason:
        return ONLY_FIRST if first.reason else ONLY_SECOND
    return BOTH_KEEP if first.document.text == second.document.text else OTHER_TEXT


def documents(inputs: Sequence[str]) -> Iterator[Document]:
    """Yields the documents of stage folders and of the user's files; rows without a text are left out."""
    folder = Path.cwd()
    items = resolved(named_items(tuple(inputs), folder, Digests(), "documents"), {}, unheard)
    plan = Plan(stage="filter", folder=folder, settings={}, items=tuple(items))
    for item in items:
        for document in read_documents(plan, item):
            if isinstance(document, Document):
                yield document
