"""Matching and cutting are what a plain reference does: words as strings, every gram compared with every gram."""

import unicodedata
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.decontaminate import cutting, matches, words
from curate.decontaminate.config import Decontaminate, EvaluationSet
from curate.decontaminate.grams import Table, keys_of, percentile
from curate.decontaminate.matches import Match, matches_of
from curate.decontaminate.words import words_of
from curate.records import Document, Reason

SET = EvaluationSet(files=("x.jsonl",), fields=("text",))
RULES = Decontaminate(sets={"own": SET}, window=10, min_piece=8, max_pieces=4)
WORDS = st.sampled_from(["a", "A", "b.", "(b)", "don't", "dont", "Ünder", "under", "3", "--", "語", "ก", "é"])
BLANKS = st.sampled_from([" ", "\n", "  ", "\u00a0"])
TEXTS = st.lists(st.tuples(WORDS, BLANKS), max_size=40).map(lambda pairs: "".join(map("".join, pairs)))


def folded(word: str) -> str:
    """A word as it is compared, by the definition."""
    bare = (mark for mark in unicodedata.normalize("NFKD", word.lower()) if not "\u0300" <= mark < "\u0370")
    return "".join(mark for mark in bare if unicodedata.category(mark)[0] in "LMN")


def spelt(text: str) -> list[tuple[str, int, int]]:
    """The words of a text with their places, one character after the other."""
    out: list[tuple[str, int, int]] = []
    open_ = False
    for at, character in enumerate(text):
        bare = folded(character)
        if character.isspace():
            open_ = False
        elif bare and bare in "語ก":
            out.append((bare, at, at + 1))
            open_ = False
        elif bare:
            word, start, _ = out.pop() if open_ else ("", at, at)
            out.append((word + bare, start, at + 1))
            open_ = True
    return out


def reference(text: str, items: list[str], size: int) -> list[tuple[int, int]]:
    """Returns the places of the items' grams in a text."""
    grams = [[word for word, _, _ in spelt(item)] for item in items]
    own = spelt(text)
    return [
        (own[at][1], own[at + size - 1][2])
        for at in range(len(own) - size + 1)
        if any(
            [word for word, _, _ in own[at : at + size]] == item[other : other + size]
            for item in grams
            for other in range(len(item) - size + 1)
        )
    ]


def table_of(items: list[str], size: int) -> Table:
    grams = [key for item in items for key in keys_of(words_of(item), [size]).get(size, ())]
    return Table(["own"], [size], [words.np.unique(words.np.array(grams, words.np.uint64))])


@given(text=TEXTS, items=st.lists(TEXTS, max_size=4), size=st.integers(1, 5))
def test_the_matches_are_those_of_the_reference(text, items, size):
    result = matches_of([text], table_of(items, size))[0]
    places = list(zip(result.starts, result.stops, strict=True)) if result else []
    assert places == reference(text, items, size)


@given(texts=st.lists(TEXTS, min_size=1, max_size=5), items=st.lists(TEXTS, max_size=3))
def test_texts_that_are_matched_together_have_the_matches_of_each_alone(texts, items):
    table = table_of(items, 2)
    assert matches_of(texts, table) == [matches_of([text], table)[0] for text in texts]


@given(text=TEXTS)
def test_words_are_those_of_the_reference(text):
    own = words_of(text)
    places = list(zip(own.starts.tolist(), own.stops.tolist(), strict=True))
    assert places == [(start, stop) for _, start, stop in spelt(text)]
    assert words.plain(text).split() == [word for word, _, _ in spelt(text)]


@given(text=TEXTS, chunk=st.integers(1, 12))
def test_a_text_that_is_hashed_in_chunks_has_the_same_words(text, chunk):
    whole = words_of(text)
    longest = max((stop - start for start, stop in zip(whole.starts, whole.stops, strict=True)), default=0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(words, "CHUNK", max(chunk, int(longest) + 1))
        parts = words_of(text)
    assert parts.hashes.tolist() == whole.hashes.tolist()
    assert (parts.starts.tolist(), parts.stops.tolist()) == (whole.starts.tolist(), whole.stops.tolist())


SPANS = st.lists(st.tuples(st.integers(0, 150), st.integers(1, 12)), min_size=1, max_size=8)


def removed_places(size: int, spans: list[tuple[int, int]], window: int) -> set[int]:
    return {place for start, stop in spans for place in range(max(0, start - window), min(size, stop + window))}


@given(text=st.text("ab \n", min_size=165, max_size=200), spans=SPANS)
def test_a_cut_removes_the_grams_and_their_windows_and_nothing_else(text, spans):
    places = sorted((start, start + length) for start, length in spans)
    starts, stops = zip(*places, strict=True)
    result = cutting.cut(text, Match((1,) * len(places), starts, stops), RULES)
    gone = removed_places(len(text), places, RULES.window)
    runs: list[str] = []
    for at, character in enumerate(text):
        if at not in gone:
            runs[len(runs) - 1 if at and at - 1 not in gone and runs else len(runs) :] = [
                (runs[-1] if at and at - 1 not in gone and runs else "") + character
            ]
    pieces = [run.strip() for run in runs if run.strip()]
    assert list(result.pieces) == pieces
    assert list(result.kept) == [piece for piece in pieces if len(piece) >= RULES.min_piece]
    assert result.removed == len(text) - sum(map(len, result.kept))


@given(spans=SPANS)
def test_merged_spans_cover_the_same_places_without_touching(spans):
    places = sorted((start, start + length) for start, length in spans)
    merged = matches.merged(*zip(*places, strict=True))
    covered = {at for start, stop in places for at in range(start, stop)}
    assert covered == {at for start, stop in merged for at in range(start, stop)}
    assert all(before[1] < after[0] for before, after in pairwise(merged))


@given(lengths=st.lists(st.integers(0, 100), min_size=1, max_size=200))
def test_the_percentile_is_the_least_that_a_twentieth_does_not_exceed(lengths):
    value = percentile(lengths)
    assert value in lengths
    assert 20 * sum(length <= value for length in lengths) >= len(lengths)
    assert 20 * sum(length < value for length in lengths) < len(lengths)


@pytest.mark.parametrize("action", ["cut", "drop", "mark"])
@given(text=TEXTS, item=TEXTS)
def test_a_document_that_holds_a_gram_is_cut_dropped_or_marked(action, text, item):
    document = Document(id=bytes(16), url="u", timestamp=None, source="s", text=text, flags="chunked:raw")
    result = matches_of([text], table_of([item], 3))[0]
    if result is None:
        return
    rules = replace(RULES, action=action)
    outcome = cutting.decide(document, result, ["own"], rules)
    if isinstance(outcome, Reason):
        assert action != "mark"
        assert (
            outcome.rule
            in {"cut": ("decontaminate.pieces", "decontaminate.short"), "drop": ("decontaminate.match",)}[action]
        )
        assert outcome.detail == "of own"
    else:
        assert action != "drop"
        assert outcome.flags.startswith("chunked:raw decontaminate:sets=own decontaminate:pieces=")
        assert (outcome.text == text) == (action == "mark")
