"""The table of recipes: what each keeps of the labelled sample and of its frame, of what worth, and how fast it is.

    python tests/labels/recipe_table.py [RECIPE …] [--set PATH=VALUE] [--data ../shared/data] [--documents FOLDER]

All recipes see the same texts, whatever their own [extract] says: those of the pages of DATA, extracted now, or those
of the folder of an extract stage. A recipe's filter and its score are judged; deduplication is not, as the sample has
no duplicates. README.md beside this file explains the words; documents and tokens are those of the frame.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import process_time

import judge_recipes
import labelled
import numpy as np
from judge_recipes import Read, ratio, table

from curate import recipe as recipes
from curate.filters.rules import judge
from curate.inspection.filters import documents as documents_of
from curate.quality.classifier import Model
from curate.quality.measure import pareto_keeps
from curate.recipe import Recipe
from curate.records import Document
from curate.tokens.bpe import gpt2

JUNK = ("junk", "damaged")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdicts:
    """The verdicts of a recipe on documents, in their order."""

    chances: np.ndarray  # of each document to be kept: 0 or 1, but for a Pareto draw
    tokens: np.ndarray  # of the text that the rules left, where it may be kept
    seconds: float  # of CPU, to judge all


def verdicts(recipe: Recipe, documents: list[Document]) -> Verdicts:
    """Returns what a recipe's filter and score say of documents; of the keep rule "fraction" the share is of these."""
    model = judge_recipes.model_of(recipe) if recipe.score else None
    began = process_time()
    texts = [None if (judged := judge(document, recipe.filter)).reason else judged.document for document in documents]
    scores = np.array([scored(document, recipe, model) for document in texts])
    seconds = process_time() - began
    passed = np.array([document is not None for document in texts])
    tokens = np.array([len(gpt2().encode_ordinary(document.text)) if document else 0 for document in texts])
    return Verdicts(chances=np.where(passed, keeps(recipe, scores, passed), 0.0), tokens=tokens, seconds=seconds)


def scored(document: Document | None, recipe: Recipe, model: Model | None) -> float:
    """Returns the score of a document that the filter keeps."""
    return model.score(document.text, recipe.score.label) if document and model and recipe.score else 0.0


def keeps(recipe: Recipe, scores: np.ndarray, passed: np.ndarray) -> np.ndarray:
    """Returns the chances to be kept by the score alone."""
    score = recipe.score
    if score is None or score.keep == "all":
        return np.ones(len(scores))
    if score.keep == "pareto":
        return pareto_keeps(scores, score.alpha)
    least = score.threshold if score.keep == "threshold" else np.quantile(scores[passed], 1 - score.fraction)
    return (scores >= least).astype(float)


def row(name: str, sample: Verdicts, reads: list[Read]) -> list[str]:
    """Returns the row of a recipe: what it keeps of the frame, and of the sample, plain and weighted to the frame."""
    labels = np.array([read.label.label for read in reads])
    good = np.isin(labels, labelled.GOOD)
    weights = np.array([read.label.weight for read in reads])
    kept = sample.chances
    own = [labels == "clean", labels == "useful", labels == "promotional", np.isin(labels, JUNK)]
    cells = [ratio(float(kept[one].sum()), float(kept.sum())) for one in own]
    for worth in (np.ones(len(reads)), weights):
        keeps = kept * worth
        cells += [ratio(float(keeps[good].sum()), float(total)) for total in (keeps.sum(), worth[good].sum())]
    documents, tokens = (kept * weights).sum(), (kept * weights * sample.tokens).sum()
    rate = len(reads) / sample.seconds
    return [f"`{name}`", f"{documents:,.0f}", f"{tokens / 1e6:.2f} M", *cells, f"{rate:,.0f}"]


def stored(folder: str) -> list[Read]:
    """Returns the documents of the sample, with the texts of an extract stage."""
    labels = {label.url: label for label in labelled.read()}
    texts = {document.url: document for document in documents_of([folder]) if document.url in labels}
    return [Read(labels[url], document) for url, document in texts.items()]


def kind_rows(kept: dict[str, Verdicts], reads: list[Read]) -> Iterator[list[str]]:
    """Yields for each kind its good documents, and how many of them each recipe keeps; last, those of no worth."""
    for kind in (*labelled.KINDS, "of all others"):
        own = np.array([read.label.good and read.label.kind == kind for read in reads])
        if kind == "of all others":
            own = np.array([not read.label.good for read in reads])
        if own.any():
            yield [kind, str(own.sum()), *(f"{verdict.chances[own].sum():.0f}" for verdict in kept.values())]


def main() -> None:
    """Prints both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipes", nargs="*")
    parser.add_argument("--set", action="append", default=[], metavar="PATH=VALUE")
    parser.add_argument("--data", type=Path, default=judge_recipes.ROOT.parent / "shared" / "data")
    parser.add_argument("--documents", help="the folder of an extract stage that holds the pages")
    options = parser.parse_args()
    reads = stored(options.documents) if options.documents else judge_recipes.sample(options.data)
    names = options.recipes or [name for name in recipes.bundled_names() if name not in ("documents", "quickstart")]
    rows, kept = [], {}
    for name in names:
        recipe = recipes.load(name, tuple(options.set))
        kept[name] = verdicts(recipe, [read.document for read in reads])
        rows.append(row(name, kept[name], reads))
    head = [
        "recipe",
        "documents",
        "tokens",
        "clean",
        "useful",
        "promotional",
        "junk or damaged",
        "good of what is kept",
    ]
    head += ["of the good", "good of what is kept, weighted", "of the good, weighted", "documents/s"]
    print("\n".join(table(head, rows)) + "\n")
    print("\n".join(table(["kind, good pages", "number", *kept], kind_rows(kept, reads))))


if __name__ == "__main__":
    main()
