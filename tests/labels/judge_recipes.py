"""Judges recipes, rules and the quality model by the labelled sample; README.md beside this file explains the words.

    python tests/labels/judge_recipes.py [RECIPE …] [--set PATH=VALUE] [--data ../shared/data] [--limits]

RECIPE is a bundled recipe or a .toml file, its filter and its score; without one, every bundled recipe that needs no
training, and every rule alone. `--limits` prints what other limits of the repetition rules would reject.

The pages are extracted by the checkout's own code, in half a minute, so that a change of extraction is judged too. A
label is of the text as it was when it was read.
"""

import argparse
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import labelled
import numpy as np

from curate import recipe as recipes
from curate.extract.config import Extract
from curate.extract.page import extract
from curate.filters.gopher import GopherRepetition, quality_measures, repetition_measures
from curate.filters.judged import Judged
from curate.filters.rules import FUNCTIONS, RULES, Filter, judge
from curate.quality.classifier import Model
from curate.quality.config import Score
from curate.quality.measure import fitted_alpha_of_counts, pareto_keeps
from curate.quality.model_file import positives, shipped
from curate.quality.scores import BINS
from curate.quality.windows import host_or_id, is_held_out
from curate.recipe import Recipe
from curate.records import Document, Page
from curate.warc.reader import read_file

ROOT = Path(__file__).parents[2]
MEASURES = {"gopher_quality": quality_measures, "gopher_repetition": repetition_measures}
ALONE = "rule "  # what the name of a rule that is judged alone begins with
FACTORS = (1.0, 1.25, 1.5, 2.0, 3.0)  # of the limits of the repetition rules that `--limits` tries


@dataclass(frozen=True, slots=True)
class Read:
    """A document of the sample with its label."""

    label: labelled.Labelled
    document: Document  # its `quality` is the default model's score


def sample(data: Path) -> list[Read]:
    """Returns the documents of the sample that have a text today."""
    labels = {row.url: row for row in labelled.read()}
    model = Model(shipped())
    documents = []
    for path in sorted((data / "web").glob("*.warc.gz")):
        for page in read_file(path):
            if isinstance(page, Page) and page.url in labels:
                document = extract(page, "web", Extract())
                if isinstance(document, Document):
                    score = model.score(document.text, "positive")
                    documents.append(Read(labels[page.url], replace(document, quality=score)))
    return documents


def chance(document: Document, recipe: Recipe, model: Model) -> float:
    """Returns the chance that a recipe's filter and score keep a document: 0 or 1, but for a Pareto draw."""
    judged = judge(document, recipe.filter)
    if judged.reason:
        return 0.0
    if recipe.score is None or recipe.score.keep == "all":
        return 1.0
    score = model.score(judged.document.text, recipe.score.label)
    if recipe.score.keep == "threshold":
        return float(score >= recipe.score.threshold)
    return float(pareto_keeps(np.array([score]), float(recipe.score.alpha))[0])


def with_alpha(recipe: Recipe, reads: list[Read], model: Model) -> Recipe:
    """Returns a recipe whose alpha is fitted, if it asks for that, to the frame that the sample stands for."""
    score = recipe.score
    if score is None or not score.fits:
        return recipe
    rated = np.array([model.score(read.document.text, score.label) for read in reads])
    counts, _ = np.histogram(rated, BINS, (0, 1), weights=[read.label.weight for read in reads])
    alpha = fitted_alpha_of_counts(np.array(positives(score, ROOT)), counts)
    return replace(recipe, score=replace(score, alpha=alpha))


def reasons(document: Document, filters: Filter) -> set[str]:
    """Returns the full names of all rules that reject a document, each asked alone."""
    broken = set()
    for name in filters.rules:
        rules = getattr(filters, name)
        if name in MEASURES:
            measures = MEASURES[name](document.text, rules)
            broken |= {f"{name}.{one.rule}" for one in measures if not one.low <= one.value <= one.high}
            continue
        outcome = FUNCTIONS[name](document, rules)
        reason = outcome.reason if isinstance(outcome, Judged) else outcome
        broken |= {reason.rule} if reason else set()
    return broken


def table(head: Iterable[object], rows: Iterable[Iterable[object]]) -> Iterator[str]:
    """Yields the lines of a Markdown table; all columns but the first are numbers."""
    head = [*head]
    yield "| " + " | ".join(map(str, head)) + " |"
    yield "|" + "|".join(["---"] + ["--:"] * (len(head) - 1)) + "|"
    for row in rows:
        yield "| " + " | ".join(map(str, row)) + " |"


def number(value: float) -> str:
    """Returns an expected number of documents, without a fraction of a certain one."""
    return f"{value:.0f}" if abs(value - round(value)) < 1e-9 else f"{value:.1f}"


def ratio(part: float, whole: float) -> str:
    """Returns a share in percent, or a dash where there is nothing."""
    return f"{100 * part / whole:.0f} %" if whole else "-"


def recipe_rows(reads: list[Read], kept: dict[str, list[float]]) -> Iterator[list[str]]:
    """Yields for each recipe what it keeps of each kind of label, counted, and its shares, the last two weighted."""
    good = np.array([read.label.good for read in reads])
    labels = np.array([read.label.label for read in reads])
    weights = np.array([read.label.weight for read in reads])
    for name, chances in kept.items():
        keeps = np.array(chances)
        parts = [good, *(labels == word for word in labelled.LABELS if word not in labelled.GOOD)]
        shares = []
        for worth in (np.ones(len(reads)), weights):
            all_kept, good_kept = float((keeps * worth).sum()), float((keeps * worth)[good].sum())
            shares += [ratio(good_kept, float(worth[good].sum())), ratio(good_kept, all_kept)]
        yield [name, *(number(float(keeps[own].sum())) for own in parts), *shares]


def kind_rows(reads: list[Read], kept: dict[str, list[float]]) -> Iterator[list[object]]:
    """Yields for each kind its good documents and its others, and how many of both each recipe keeps."""
    for kind in labelled.KINDS:
        own = [
            [n for n, r in enumerate(reads) if r.label.kind == kind and r.label.good is good] for good in (True, False)
        ]
        cells = [" / ".join(number(sum(chances[n] for n in group)) for group in own) for chances in kept.values()]
        yield [kind, " / ".join(str(len(group)) for group in own), *cells]


def rule_rows(reads: list[Read], filters: Filter) -> Iterator[list[object]]:
    """Yields for each rule its wrong and right rejections, and those that no other rule of the filter shares."""
    broken = [(read.label.good, reasons(read.document, filters)) for read in reads]
    for rule in sorted({name for _, names in broken for name in names}):
        row: list[object] = [rule]
        for alone in (False, True):
            for good in (True, False):
                row.append(
                    sum(
                        is_good is good and rule in names and not (alone and len(names) > 1)
                        for is_good, names in broken
                    )
                )
        yield row


def area(reads: list[Read], *, weighted: bool = False) -> float:
    """Returns the chance that a good document scores above another one, ties as half (the AUC).

    weighted: the documents count as often as those of the frame for which they stand.
    """
    sides = [[read for read in reads if read.label.good is good] for good in (True, False)]
    above, below = (np.array([read.document.quality for read in side]) for side in sides)
    gaps = above[:, None] - below[None, :]
    wins = (gaps > 0) + 0.5 * (gaps == 0)
    worth = [np.array([read.label.weight if weighted else 1.0 for read in side]) for side in sides]
    return float(worth[0] @ wins @ worth[1] / (worth[0].sum() * worth[1].sum()))


def score_rows(reads: list[Read]) -> Iterator[list[str]]:
    """Yields the AUC of the default model's score, over all hosts and over those that did not train it."""
    tests: dict[str, Callable[[labelled.Labelled], bool]] = {
        "good against the rest": lambda row: True,
        "good against junk alone": lambda row: row.good or row.label == "junk",
        "good against promotional alone": lambda row: row.good or row.label == "promotional",
    }
    for name, belongs in tests.items():
        row = [name]
        for unseen in (False, True):
            own = [r for r in reads if belongs(r.label) and (not unseen or is_held_out(host_or_id(r.document)))]
            row += [str(len(own)), f"{area(own):.3f}", f"{area(own, weighted=True):.3f}"]
        yield row


def kind_score_rows(reads: list[Read]) -> Iterator[list[object]]:
    """Yields for each kind its documents, the mean score of its good ones, and their AUC against all others."""
    rest = [read for read in reads if not read.label.good]
    for kind in labelled.KINDS:
        own = [read for read in reads if read.label.kind == kind]
        if good := [read for read in own if read.label.good]:
            mean = np.mean([read.document.quality for read in good])
            yield [kind, len(own), len(good), f"{mean:.2f}", f"{area(good + rest):.3f}"]


def limit_rows(reads: list[Read]) -> Iterator[list[object]]:
    """Yields for each repetition rule, and for all of them, the wrong and right rejections at multiples of the limit.

    The last column is the limit, as a multiple, from which on no good document is rejected, and what is then rejected.
    """
    values: dict[str, list[tuple[float, bool]]] = {"all rules": []}  # multiples of the limit
    for read in reads:
        excess = 0.0
        for measure in repetition_measures(read.document.text, GopherRepetition()):
            values.setdefault(measure.rule, []).append((measure.value / measure.high, read.label.good))
            excess = max(excess, measure.value / measure.high)
        values["all rules"].append((excess, read.label.good))
    for rule, own in values.items():
        cells = []
        for factor in FACTORS:
            broken = [good for value, good in own if value > factor]
            cells.append(f"{sum(broken)} / {len(broken) - sum(broken)}")
        spared = max(value for value, good in own if good)
        yield [rule, *cells, f"x {spared:.2f}: {sum(value > spared for value, _ in own)}"]


def chosen(names: list[str], assignments: tuple[str, ...]) -> dict[str, Recipe]:
    """Returns the recipes of these names; without one, the bundled ones that need no training, and each rule alone."""
    if names:
        return {name: recipes.load(name, assignments) for name in names}
    bundled = {name: recipes.load(name, assignments) for name in recipes.bundled_names()}
    ready = {name: one for name, one in bundled.items() if not (one.score and one.score.positive)}
    alone = {f"{ALONE}{name}": Recipe(name=name, filter=Filter(rules=(name,))) for name in RULES}
    return ready | alone


def model_of(recipe: Recipe) -> Model:
    """Returns the quality model of a recipe."""
    score = recipe.score or Score()
    return Model(shipped(score.shipped) if score.shipped else Path(str(score.model)))


def lines(reads: list[Read], chosen_recipes: dict[str, Recipe]) -> Iterator[str]:
    """Yields the report."""
    good = sum(read.label.good for read in reads)
    yield f"{len(reads)} documents have a text, {good} of them are good, {len(reads) - good} are not\n"
    measured = ["documents", "AUC", "weighted"]
    yield from table(["the default score", *measured, "hosts that did not train", *measured[1:]], score_rows(reads))
    yield ""
    head = ["kind", "documents", "good", "mean score of these", "AUC against all others"]
    yield from table(head, kind_score_rows(reads))
    kept = {}
    for name, recipe in chosen_recipes.items():
        model = model_of(recipe)
        fitted = with_alpha(recipe, reads, model)
        kept[name] = [chance(read.document, fitted, model) for read in reads]
    yield ""
    head = ["kept by", "good", "promotional", "junk", "damaged", "of the good", "good of what is kept"]
    yield from table([*head, "of the good, weighted", "good of what is kept, weighted"], recipe_rows(reads, kept))
    yield ""
    whole = {name: chances for name, chances in kept.items() if not name.startswith(ALONE)}
    yield from table(["kind, good / others", "number", *whole], kind_rows(reads, whole))
    shown = {rule for name in whole for rule in chosen_recipes[name].filter.rules}
    for name, recipe in chosen_recipes.items():
        if name in whole or not shown.issuperset(recipe.filter.rules):
            yield f"\n{name}: rejections by each rule\n"
            head = ["rule", "wrong", "right", "wrong by it alone", "right by it alone"]
            yield from table(head, rule_rows(reads, recipe.filter))


def main() -> None:
    """Prints the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipes", nargs="*")
    parser.add_argument("--set", action="append", default=[], metavar="PATH=VALUE")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--limits", action="store_true", help="what other limits of the repetition rules would reject")
    options = parser.parse_args()
    if not (options.data / "web").is_dir():
        parser.error(f"{options.data}: has no folder web; name the folder of the real pages by --data")
    reads = sample(options.data)
    print("\n".join(lines(reads, chosen(options.recipes, tuple(options.set)))))
    if options.limits:
        head = ["rule", *(f"x {factor:g}" for factor in FACTORS), "none wrong from: right"]
        print("\nrepetition rules, wrong / right rejections at multiples of the limit\n")
        print("\n".join(table(head, limit_rows(reads))))


if __name__ == "__main__":
    main()
