"""The file of labels is sound, and README.md says of it what is measured."""

import json
import re
from collections import Counter
from pathlib import Path

import labelled
import pytest
from draw import Candidate, draw, guess

README = Path(__file__).with_name("README.md")


def test_every_document_is_labelled_once_a_reading_with_words_of_the_guideline():
    for reading, number in ((1, 400), (2, 100), (3, 100)):
        rows = labelled.read(reading)
        assert len({row.url for row in rows}) == len(rows) == number
        assert {row.label for row in rows} <= set(labelled.LABELS)
        assert {row.kind for row in rows} <= set(labelled.KINDS)


def test_the_file_holds_addresses_and_labels_alone_sorted():
    rows = [json.loads(line) for line in labelled.FILE.read_text().splitlines()]
    assert {frozenset(row) for row in rows} == {frozenset({"url", "label", "kind", "reading", "weight"})}
    assert rows == sorted(rows, key=lambda row: (row["url"], row["reading"]))


def test_the_second_reader_read_the_documents_that_the_first_read_again():
    assert [(row.url, row.weight) for row in labelled.read(3)] == [(row.url, row.weight) for row in labelled.read(2)]


def test_no_host_has_more_than_three_documents():
    hosts = Counter(row.url.split("/")[2] for row in labelled.read())
    assert max(hosts.values()) <= 3


def test_the_weights_add_up_to_the_frame_that_readme_states():
    frame = int(re.search(r"frame of ([\d,]+) documents", README.read_text())[1].replace(",", ""))
    assert sum(row.weight for row in labelled.read()) == pytest.approx(frame, abs=2)


@pytest.mark.parametrize(
    ("name", "view"),
    [("label", lambda row: row.label), ("good or not", lambda row: row.good), ("kind", lambda row: row.kind)],
)
def test_the_agreement_is_what_readme_says(name, view):
    line = f"| {name} |"
    for reading in (2, 3):
        measured = labelled.agreement((view(one), view(two)) for one, two in labelled.pairs(reading))
        line += f" {measured.same} | {measured.kappa:.2f} | {measured.low:.2f} to {measured.high:.2f} |"
    assert line in README.read_text().splitlines()


@pytest.mark.parametrize("reading", [2, 3])
def test_the_table_of_two_readings_is_what_readme_says(reading):
    counts = Counter((one.label, two.label) for one, two in labelled.pairs(reading))
    for label in labelled.LABELS:
        row = " | ".join(str(counts[label, other]) for other in labelled.LABELS)
        assert f"| {label} | {row} |" in README.read_text().splitlines()


def test_readings_that_agree_by_chance_alone_have_a_kappa_of_zero():
    assert labelled.agreement([("a", "a"), ("a", "b"), ("b", "a"), ("b", "b")]).kappa == 0
    assert labelled.agreement([("a", "a"), ("b", "b")]).kappa == 1


def test_strata_take_turns_and_hosts_that_did_not_train_go_first():
    frame = [Candidate(url=f"http://{n}.example/", host=f"{n}.example", stratum=("news", n % 2)) for n in range(40)]
    frame += [Candidate(url="http://rare.example/", host="rare.example", stratum=("recipe", 4))]
    drawn = draw(frame, 9)
    assert len(drawn) == len({url for url, _ in drawn}) == 9
    assert dict(drawn)["http://rare.example/"] == 1
    assert sum(weight for _, weight in drawn) == pytest.approx(41)
    assert draw(frame[::-1], 9) == drawn


def test_a_guess_goes_by_the_first_row_that_matches():
    assert guess("http://a.example/forum/recipe", "", "") == "question"
    assert guess("http://a.example/x", "", "Ingredients\n2 eggs\nMethod\nBeat them.") == "recipe"
    assert guess("http://a.example/a/b", "Untitled", "") == "other"
