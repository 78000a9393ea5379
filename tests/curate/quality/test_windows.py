"""Windows lose nothing but a short tail, both kinds come in the same lengths, and a host is on one side."""

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.errors import UserError
from curate.quality.windows import (
    BINS,
    HOST_WINDOWS,
    LONGEST,
    SHORTEST,
    cut_text,
    held_out_windows,
    host_or_id,
    is_held_out,
    match_lengths,
    train_and_test_windows,
    windows,
)
from curate.records import EPOCH, Document, document_id

HOSTS = [f"site{number}.example" for number in range(40)]


def document(number, words, url=""):
    text = " ".join(f"w{place}" for place in range(words))
    return Document(id=document_id(str(number), EPOCH, b""), url=url, timestamp=EPOCH, source="labels", text=text)


def made(count, words, start=0):
    return [document(start + number, words, f"http://{HOSTS[number % 40]}/{number}") for number in range(count)]


@given(st.integers(0, 3000), st.binary(max_size=16))
def test_windows_are_the_words_in_order_but_for_a_tail_too_short(words, key):
    text = " ".join(map(str, range(words)))
    pieces = list(cut_text(text, key))
    together = " ".join(pieces).split()
    assert together == text.split()[: len(together)]
    assert words - len(together) < SHORTEST
    assert all(SHORTEST <= len(piece.split()) <= LONGEST for piece in pieces)


def test_windows_of_long_texts_have_every_class_of_lengths():
    cut = windows([document(number, 5000) for number in range(20)], positive=True)
    classes = Counter(next(low for low, high in BINS if low <= window.words < high) for window in cut)
    assert all(classes[low] > 20 for low, _ in BINS)


@given(st.lists(st.integers(30, 900), min_size=1, max_size=30), st.lists(st.integers(30, 900), min_size=1, max_size=30))
def test_matched_kinds_have_like_many_words_of_each_class_of_lengths(positive, negative):
    kinds = [
        windows([document(f"{kind} {number}", size) for number, size in enumerate(sizes)], positive=kind)
        for kind, sizes in ((True, positive), (False, negative))
    ]
    matched = match_lengths(*kinds)
    for low, high in BINS:
        words = [
            sum(window.words for window in matched if window.positive is kind and low <= window.words < high)
            for kind in (True, False)
        ]
        assert abs(words[0] - words[1]) < high
    assert set(matched) <= {*kinds[0], *kinds[1]}


def test_no_host_is_a_kind_by_itself():
    cut = windows(made(400, 2000), positive=True)
    assert max(Counter(window.host for window in cut).values()) == HOST_WINDOWS


def test_the_order_of_the_documents_changes_nothing():
    documents = made(60, 500)
    assert windows(documents, positive=True) == windows(documents[::-1], positive=True)


@pytest.mark.parametrize(
    ("url", "name"),
    [("https://A.Example:8/x?y", "a.example"), ("http://xn--bcher-kva.example/", "xn--bcher-kva.example")],
)
def test_a_host_is_that_of_the_address(url, name):
    assert host_or_id(document(1, 1, url)) == name


@pytest.mark.parametrize("url", ["", "no address", "mailto:a@b.example", "http://[broken/"])
def test_a_document_without_a_host_is_its_own(url):
    assert host_or_id(document(1, 1, url)) == document_id("1", EPOCH, b"").hex()


def test_three_of_ten_hosts_are_held_out():
    assert sum(is_held_out(f"host{number}.example") for number in range(10_000)) == pytest.approx(3000, abs=200)


def write(path, documents):
    rows = [{"text": document.text, "url": document.url} for document in documents]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return [path]


def test_a_host_that_is_held_out_trains_nothing(tmp_path):
    files = write(tmp_path / "p.jsonl", made(200, 90)), write(tmp_path / "n.jsonl", made(200, 300))
    train, test = train_and_test_windows(*files)
    assert {window.host for window in train} | {window.host for window in test} == set(HOSTS)
    assert not any(is_held_out(window.host) for window in train)
    assert all(is_held_out(window.host) for window in test)
    assert held_out_windows(*files, every_host=False) == test
    assert len(held_out_windows(*files, every_host=True)) > len(test)


def test_kinds_without_a_length_in_common_are_refused(tmp_path):
    files = write(tmp_path / "p.jsonl", made(200, 31)), write(tmp_path / "n.jsonl", made(200, 20))
    with pytest.raises(UserError, match="too few documents or hosts of either kind to train on"):
        train_and_test_windows(*files)
