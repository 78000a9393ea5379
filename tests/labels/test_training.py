"""The labels that train the quality models share no host with the sample that judges them."""

import json
from collections import Counter

import english
import labelled
import pytest
import repositories
import rows
import useful

from curate.web.urls import host_of

ROWS = [json.loads(line) for line in rows.LABELS.read_text().splitlines()]


def test_every_document_is_labelled_once_by_a_reader_with_words_of_the_guideline():
    assert len({row["url"] for row in ROWS}) == len(ROWS) > 1000
    assert {frozenset(row) for row in ROWS} == {frozenset({"url", "label", "kind", "reader"})}
    assert {row["label"] for row in ROWS} <= set(labelled.LABELS)
    assert {row["kind"] for row in ROWS} <= set(labelled.KINDS)
    assert {row["reader"] for row in ROWS} == {"A", "B"}


def test_no_host_of_the_sample_trains():
    judged = {host_of(row.url) for row in labelled.read()}
    assert judged == english.judged_hosts()
    assert not judged & {host_of(row["url"]) for row in ROWS}


def test_no_host_has_more_than_four_documents():
    assert max(Counter(host_of(row["url"]) for row in ROWS).values()) <= 4


def test_every_repository_is_named_with_its_commit_its_kind_and_its_licence():
    for repository in repositories.repositories():
        assert len(repository.commit) == 40
        assert repository.kind in labelled.KINDS
        assert repository.licence


@pytest.mark.parametrize(
    ("path", "content", "texts"),
    [
        ("a.md", "---\ntitle: x\n---\n# Soup\n\n- *Boil* [water](http://a.example/)", ["Soup\n\nBoil water"]),
        ("a.rst", "Title\n=====\n\n.. code:: sh\n\nSee :ref:`there <place>` and ``x``.", ["Title\n\nSee there and x."]),
        ("a.jsonl", '{"source": ["One.", "Two."]}\n{"source": ["Three."]}\n', ["One. Two.", "Three."]),
        ("a.xml", "<D><Question>Why?</Question><Answer>So.</Answer></D>", ["Why?\n\nSo."]),
    ],
)
def test_a_file_of_a_repository_gives_texts_without_marks(path, content, texts):
    assert [*repositories.documents(path, content)] == texts


def test_a_text_that_is_short_is_one_window_and_a_long_one_gives_its_first():
    short, long = ("word " * number for number in (5, 5000))
    row = rows.Row(text=short, url="http://a.example/", label="junk", kind="other")
    assert [*useful.windows(row, 6)] == [short]
    row = rows.Row(text=long, url="http://a.example/", label="clean", kind="other")
    assert len([*useful.windows(row, 6)]) == 6


def test_a_host_is_of_one_fold():
    made = [
        rows.Row(text="", url=f"http://{n}.example/{m}", label="junk", kind="other") for n in range(40) for m in "ab"
    ]
    folds = {row.host: set() for row in made}
    for row in made:
        folds[row.host].add(useful.fold_of(row))
    assert all(len(own) == 1 for own in folds.values())
    assert {fold for own in folds.values() for fold in own} == set(range(useful.FOLDS))


def test_the_data_is_named_where_it_is_absent(tmp_path):
    with pytest.raises(SystemExit, match="absent: no such folder"):
        useful.check([tmp_path / "absent"])
