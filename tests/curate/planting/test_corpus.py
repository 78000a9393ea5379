"""A planted corpus has the rates that were asked for, and each planted document can be recognised by its truth."""

import random
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.errors import SettingsError
from curate.planting.config import OPTIONS, Planting, allotted, counts
from curate.planting.copies import jaccard
from curate.planting.corpus import BOILERPLATE, CLEAN, DUPLICATE, LANGUAGE, LEAK, plant
from curate.planting.leaks import Item
from curate.planting.reading import Clean, text_id

VOCABULARY = str.split("the river rose over its banks and took the old mill with all that was in it before anyone woke")
NAMES = dict(zip(OPTIONS, (DUPLICATE, BOILERPLATE, LANGUAGE, LEAK), strict=True))
ITEMS = tuple(Item(task="capitals", number=n, text=f"The capital of country {n} is: City {n}") for n in range(40))


def clean(number: int) -> list[Clean]:
    texts = [
        "\n".join(" ".join(random.Random(f"{n} {line}").choices(VOCABULARY, k=25)) for line in range(6))
        for n in range(number)
    ]
    return [Clean(id=text_id(text), url="", text=text) for text in texts]


def within_limits(rates: tuple[float, ...]) -> tuple[float, ...]:
    """Returns rates whose sum is less than .95; each is 0 or more than .01."""
    scale = min(1, 0.9 / (sum(rates) or 1))
    return tuple(rate * scale for rate in rates)


RATES = st.tuples(*[st.just(0.0) | st.floats(0.03, 0.5)] * 4).filter(any).map(within_limits)


@given(st.integers(200, 3000), RATES)
def test_each_defect_has_its_share_of_the_planted_documents_within_rounding(number, rates):
    planting = Planting(**dict(zip(OPTIONS, rates, strict=True)))
    sizes = counts(number, planting)
    planted = (sizes.copies, sizes.pages + sizes.furnished, sizes.other_language, sizes.lists + sizes.inserted)
    for rate, documents in zip(rates, planted, strict=True):
        assert abs(documents - rate * sizes.total) <= 2
    assert sizes.untouched + sizes.furnished + sizes.inserted == number


@given(st.integers(0, 500), st.dictionaries(st.sampled_from("abcde"), st.floats(0.01, 1), min_size=1))
def test_kinds_are_allotted_by_their_shares_within_one(number, shares):
    sizes = Counter(allotted(number, shares))
    assert sum(sizes.values()) == number
    assert all(abs(sizes[name] - number * share / sum(shares.values())) < 1 + 1e-9 for name, share in shares.items())


@pytest.fixture(scope="module")
def planted():
    return plant(clean(150), Planting(), ITEMS, None)


def test_the_rates_are_those_of_the_documents_that_were_made(planted):
    by_defect = Counter(document.defect for document in planted)
    for name, defect in NAMES.items():
        assert abs(by_defect[defect] - getattr(Planting(), name) * len(planted)) <= 2
    assert len({document.id for document in planted}) == len({document.row for document in planted}) == len(planted)


def test_clean_documents_are_there_once_as_they_were_or_changed(planted):
    texts = {document.id: document.text for document in clean(150)}
    own = [document for document in planted if document.id in texts]
    assert Counter(document.id for document in own) == Counter([*texts])
    for document in own:
        if document.defect == CLEAN:
            assert document.text == texts[document.id]
            continue
        assert document.defect in (BOILERPLATE, LEAK)
        lines = document.text.splitlines()
        for passage in document.added:
            assert passage in document.text
            for line in passage.splitlines():
                lines.remove(line)
        assert lines == texts[document.id].splitlines()


def test_a_copy_names_an_untouched_document_and_its_similarity_to_it(planted):
    untouched = {document.id: document.text for document in planted if document.defect == CLEAN}
    made = [document for document in planted if document.defect == DUPLICATE]
    for document in made:
        assert document.jaccard == jaccard(untouched[document.origin], document.text)
        if document.kind == "exact":
            assert document.text == untouched[document.origin]
    assert {document.kind for document in made} == {"exact", "respelled", "edited", "cut", "framed"}


def test_leaked_documents_hold_the_items_that_they_name(planted):
    leaked = [document for document in planted if document.defect == LEAK]
    for document in leaked:
        assert [item.text for item in document.items] == [*document.added]
        assert all(item.text in document.text for item in document.items)
    drawn = Counter(item.number for document in leaked for item in document.items)
    assert max(drawn.values()) - min(drawn[item.number] for item in ITEMS) <= 1


def test_pages_of_furniture_and_texts_in_other_languages_differ(planted):
    pages = [document for document in planted if document.kind.startswith("page ")]
    assert len({document.text for document in pages}) == len(pages)
    others = [document for document in planted if document.defect == LANGUAGE]
    assert len({document.text for document in others}) == len(others)
    assert {document.kind for document in others} == {"de", "fr", "es"}


def test_the_order_of_documents_changes_nothing_and_the_seed_does(planted):
    documents = clean(150)
    random.Random(4).shuffle(documents)
    assert plant(documents, Planting(), ITEMS, None) == planted
    assert plant(documents, Planting(seed=1), ITEMS, None) != planted


def test_texts_of_the_user_in_other_languages_are_each_taken_once():
    long = [Clean(id="a", url="", language="it", text=" ".join(f"parola{n}" for n in range(4000)))]
    others = [one for one in plant(clean(150), Planting(), ITEMS, long) if one.defect == LANGUAGE]
    words = [word for one in others for word in one.text.split()]
    assert len(words) == len(set(words))
    assert {one.kind for one in others} == {"it"}
    with pytest.raises(
        SettingsError, match=r"--other: its 100 words make 4 documents of up to 40 words, and 75 are needed"
    ):
        plant(clean(150), Planting(), ITEMS, [replace(long[0], text=" ".join(map(str, range(100))))])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"duplicates": 1.0}, "--duplicates 1.0: a rate lies from 0 to below 1"),
        ({"leaks": -0.1}, "--leaks -0.1: a rate lies from 0 to below 1"),
        ({"boilerplate": float("nan")}, "--boilerplate nan: a rate lies"),
        ({"duplicates": 0.6}, "the rates add up to 1.05; below 1"),
        (dict.fromkeys(OPTIONS, 0.0), "every rate is 0"),
        ({"held_out": 1.0}, "--held-out 1.0"),
        ({"max_words": 10}, "--max-words 10"),
        ({"seed": -1}, "--seed -1"),
    ],
)
def test_settings_that_cannot_be_met_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Planting(**settings)


@pytest.mark.parametrize("number", [0, 1])
def test_too_few_documents_are_refused(number):
    with pytest.raises(SettingsError, match="give more documents"):
        counts(number, Planting())
