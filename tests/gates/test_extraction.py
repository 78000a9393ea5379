"""Extraction against text that people marked, and against what other extractors' test pages should give.

    python tests/gates/test_extraction.py                    # a table of each set
    python tests/gates/test_extraction.py --json FILE        # writes the means, too
    python tests/gates/test_extraction.py --before FILE      # with the means of that file, as the state before
    python tests/gates/test_extraction.py --worst 5 --sets defuddle --kind code   # what is lost, by page

A number is the mean over the pages of a set that have such parts. F1, precision and recall are over words; what the
other kinds are and which parts are expected stands in structure_measures.py.
"""

import argparse
import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from statistics import fmean

import pytest
from structure_measures import KINDS, surplus, tallies, word_scores
from structure_sets import WAYS, Case, sets

DATA = Path(__file__).parents[2].parent / "shared" / "data"
WORDS = ("F1", "P", "R")
PLAIN = "trafilatura text"
Means = dict[str, dict[str, dict[str, float]]]  # set -> way -> measure -> mean over pages
KEPT = {  # of both forms, which hold the same words
    "article-extraction-benchmark": {"F1": 0.97},
    "cleaneval-dev": {"F1": 0.902},
    "defuddle": {
        **{"F1": 0.927, "code": 0.985, "indentation": 0.98, "headings": 0.96, "items": 0.935, "numbers": 0.79},
        **{"rows": 0.99, "formulas": 0.99, "paragraphs": 0.91},
    },
    "readability": {
        **{"F1": 0.982, "code": 0.995, "indentation": 0.995, "headings": 0.895, "items": 0.88, "numbers": 0.96},
        **{"rows": 0.99, "paragraphs": 0.88},
    },
}
FLOORS: Means = {"default": KEPT, "markdown": KEPT}  # way -> set -> measure -> the least mean


def measured(cases: Iterable[Case], way: str) -> dict[str, float]:
    """Returns the mean of each measure over the pages of a set."""
    shares: dict[str, list[float]] = {name: [] for name in (*WORDS, *KINDS)}
    for case in cases:
        text = WAYS[way](case.page)
        for name, value in zip(WORDS, word_scores(text, case.expected, case.source), strict=True):
            shares[name].append(value)
        for kind, tally in tallies(text, case.blocks).items():
            shares[kind].append(tally.share)
    return {name: fmean(values) for name, values in shares.items() if values}


def table(name: str, cases: list[Case], ways: dict[str, dict[str, float]]) -> list[str]:
    """Returns the table of a set for people; the last rows say how many pages have a kind, and how many parts."""
    names = [measure for measure in (*WORDS, *KINDS) if any(measure in means for means in ways.values())]
    rows = [f"{name}, {len(cases)} pages", f"{'':24}" + "".join(f"{measure:>12}" for measure in names)]
    for way, means in ways.items():
        rows.append(f"{way:24}" + "".join(f"{means[measure]:12.4f}" for measure in names))
    pages, parts = Counter(), Counter()
    for case in cases:
        for kind, tally in tallies("", case.blocks).items():
            pages[kind] += 1
            parts[kind] += tally.expected
    for label, counts in (("pages that have it", pages), ("parts expected", parts)):
        if counts:
            rows.append(f"{label:24}" + "".join(f"{counts[measure] or '':>12}" for measure in names))
    return rows


def worst(cases: Iterable[Case], way: str, number: int, kind: str | None) -> list[str]:
    """Returns the pages that lose most parts by a way, with these, and with lines that the expected text lacks."""
    pages = []
    for case in cases:
        text = WAYS[way](case.page)
        losses = {name: tally.lost for name, tally in tallies(text, case.blocks).items()}
        losses["surplus"] = surplus(text, case.expected)
        losses = {name: lost for name, lost in losses.items() if lost and kind in (None, name)}
        score = word_scores(text, case.expected, case.source)[0]
        pages.append((sum(map(len, losses.values())) if case.blocks else 1 - score, score, case.page.url, losses))
    rows = []
    for _, score, url, losses in sorted(pages, key=lambda page: -page[0])[:number]:
        rows.append(f"\n{url}: words F1 {score:.3f}")
        for name, lost in losses.items():
            rows += [f"  {name}: {len(lost)}", *(f"    {line[:150]!r}" for line in lost[:25])]
    return rows


@pytest.fixture(scope="module")
def gold(data):
    return sets(data("gold").parent, "gold")


@pytest.fixture(scope="module")
def plain(gold):
    return {name: measured(cases, PLAIN)["F1"] for name, cases in gold.items()}


@pytest.fixture(scope="module")
def structured(data):
    return sets(data("structure").parent, "structure")


def below(means: dict[str, float], floors: dict[str, float]) -> dict[str, float]:
    """Returns the means that are below their floors."""
    return {name: means[name] for name, floor in floors.items() if means[name] < floor}


@pytest.mark.parametrize("way", ["default", "precision", "recall"])
def test_extraction_scores_at_least_what_plain_trafilatura_does_on_every_set(way, gold, plain):
    scores = {name: measured(cases, way) for name, cases in gold.items()}
    assert {name: means["F1"] for name, means in scores.items() if means["F1"] < plain[name]} == {}
    assert {name: below(means, FLOORS.get(way, {}).get(name, {})) for name, means in scores.items()} == {
        name: {} for name in gold
    }


@pytest.mark.parametrize("way", FLOORS)
def test_the_text_keeps_the_structure_of_the_page(way, structured):
    scores = {name: measured(cases, way) for name, cases in structured.items()}
    for name, means in scores.items():
        print("\n".join(table(name, structured[name], {way: means})))
    assert {name: below(scores[name], FLOORS[way][name]) for name in scores} == {name: {} for name in scores}


def main() -> None:
    """Prints the tables, or the pages that lose most."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--sets", nargs="*", help="names of sets; all without it")
    parser.add_argument("--ways", nargs="*", choices=WAYS, default=[*WAYS])
    parser.add_argument("--json", type=Path, help="write the means to this file")
    parser.add_argument("--before", type=Path, help="a file that --json wrote: the state before")
    parser.add_argument("--worst", type=int, metavar="N", help="print the N pages that lose most by the first way")
    parser.add_argument("--kind", choices=(*KINDS, "surplus"), help="with --worst: only what is lost of this kind")
    chosen = parser.parse_args()
    chosen_sets = sets(chosen.data, "gold", "structure")
    chosen_sets = {name: cases for name, cases in chosen_sets.items() if name in (chosen.sets or chosen_sets)}
    if chosen.worst:
        for cases in chosen_sets.values():
            print("\n".join(worst(cases, chosen.ways[0], chosen.worst, chosen.kind)))
        return
    before = json.loads(chosen.before.read_text()) if chosen.before else {}
    means: Means = {}
    for name, cases in chosen_sets.items():
        means[name] = {way: measured(cases, way) for way in chosen.ways}
        earlier = {f"before: {way}": old for way, old in before.get(name, {}).items() if way in ("default", "markdown")}
        print("\n".join(table(name, cases, means[name] | earlier)) + "\n", flush=True)
    if chosen.json:
        chosen.json.write_text(json.dumps(means, indent=1) + "\n")


if __name__ == "__main__":
    main()
