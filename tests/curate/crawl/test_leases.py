"""Leases: one process has a thing at a time, whoever else wants it, and however a store writes."""

import threading

import pytest

from curate import storage
from curate.crawl.sharing import leases
from curate.crawl.sharing.leases import Watch, create, take

TERM = 30.0


@pytest.fixture
def now(monkeypatch):
    """A clock that stands still until its value is changed."""
    hands = [1000.0]
    monkeypatch.setattr(leases, "clock", lambda: hands[0])
    return hands


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(leases, "SETTLE_S", 0.0)
    monkeypatch.setattr(leases, "create", lambda path, content: create(path, content, 0.0))
    return tmp_path


def test_who_sees_a_lease_unchanged_for_a_term_takes_it_and_its_holder_has_stopped_by_then(folder, now):
    first, watch = take(folder, -1, TERM, {}), Watch(folder)
    assert (first.number, first.holds) == (0, True)
    for _ in range(3):
        now[0] += TERM / 2
        first.renew({"ready": {"a.test": 7.0}})
        assert first.holds
        assert watch.look().idle == 0.0
    assert take(folder, -1, TERM, {}) is None  # whoever looked before there was one
    now[0] += TERM
    assert not first.holds
    look = watch.look()
    assert (look.idle, look.ended, look.state) == (TERM, False, {"ready": {"a.test": 7.0}})
    second = take(folder, look.number, TERM, look.state)
    assert (second.number, second.holds) == (1, True)
    first.renew({})
    assert not first.holds
    second.renew({}, ended=True)
    assert (second.holds, watch.look().ended) == (False, True)


def test_a_number_that_was_followed_and_removed_is_not_taken_again(folder, now):
    numbers = [take(folder, number, TERM, {}).number for number in (-1, 0, 1)]
    assert (numbers, storage.names(folder)) == ([0, 1, 2], {"lease-00002"})
    assert take(folder, 0, TERM, {}) is None
    assert storage.names(folder) == {"lease-00002"}


def test_where_a_store_has_no_conditional_writes_one_of_many_creates_a_file():
    path, results = storage.path("memory://leases/lease-00000"), list[bool]()
    path.parent.mkdir(parents=True, exist_ok=True)
    threads = [threading.Thread(target=lambda: results.append(create(path, b"", 0.4))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results.count(True) == 1
    assert storage.names(path.parent) == {path.name}


def test_what_a_process_that_ended_left_there_keeps_nobody_out():
    path = storage.path("memory://left/lease-00000")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_name("lease-00000.0123456789abcdef").write_bytes(b"")
    assert [create(path, b"", 0.01) for _ in range(2)] == [False, True]
