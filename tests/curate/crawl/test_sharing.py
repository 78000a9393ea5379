"""Claims and leases: an address is one run's at a time, and who takes over a lot keeps the pauses of its hosts."""

import asyncio
import itertools
import shutil
import time
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from curate import storage
from curate.crawl.config import LEAST_LEASE, Crawl
from curate.crawl.sharing import leases, places
from curate.crawl.sharing.claims import Claims
from curate.crawl.sharing.leases import Lease, take
from curate.errors import SettingsError

TERM, LONGEST = 1.2, 0.5
RULES = Crawl(contact="a@b.test", lease_seconds=TERM)


@pytest.fixture(autouse=True)
def no_settling(monkeypatch):
    """Makes leases on a disk at once, as in a store with conditional writes."""

    def create(path: Path, content: bytes) -> bool:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            path.open("xb").write(content)
        except FileExistsError:
            return False
        return True

    monkeypatch.setattr(leases, "create", create)
    monkeypatch.setattr("curate.crawl.sharing.claims.POLL_S", 0.02)


class Run:
    """A run of a lot, which enters when it asked the address."""

    def __init__(self, work: Path, name: str) -> None:
        self.work, self.name, self.turns = work, name, list[float]()
        (work / name).mkdir(parents=True)
        self.lease: Lease = take(work / name, -1, TERM, {})
        self.claims = Claims(
            work, name, self.lease.number, term=TERM, pause=0.01, longest=LONGEST, turn=self.no_other_pause
        )

    @asynccontextmanager
    async def no_other_pause(self, _address):
        yield

    async def ask(self, times: int) -> None:
        for _ in range(times):
            async with self.claims.turn("10.0.0.1"):
                self.turns.append(time.monotonic())
                await asyncio.sleep(0.02)

    async def tend(self) -> None:
        """Renews the lease, and gives away what others want, as the place of a lot does."""
        while True:
            self.lease.renew({})
            wanted = self.work / self.name / "wanted"
            await self.claims.give_away({path.name for path in wanted.iterdir()} if wanted.is_dir() else set())
            await asyncio.sleep(0.1)


def test_an_address_is_asked_by_one_run_at_a_time_and_given_away_when_another_waits(tmp_path):
    async def both():
        runs = [Run(tmp_path, name) for name in ("a", "b")]
        tending = [asyncio.create_task(run.tend()) for run in runs]
        await asyncio.gather(*(run.ask(40) for run in runs))
        for task in tending:
            task.cancel()
        return [run.turns for run in runs]

    turns = asyncio.run(both())
    order = [name for _, name in sorted((at, name) for name, run in zip("ab", turns, strict=True) for at in run)]
    changes = sum(one != other for one, other in itertools.pairwise(order))
    assert sorted(order) == ["a"] * 40 + ["b"] * 40
    assert 1 <= changes <= 8  # a run has it for a third of a term at the least


@pytest.mark.parametrize("way", ["gives its lot back", "is lost"])
def test_the_address_of_a_run_that_ended_is_free_once_its_last_request_must_have_ended(tmp_path, way):
    async def one_after_another():
        first, second = Run(tmp_path, "a"), Run(tmp_path, "b")
        await first.ask(1)
        if way == "gives its lot back":
            first.lease.renew({}, ended=True)
        began = time.monotonic()
        await second.ask(1)
        return second.turns[0] - began

    waited = asyncio.run(one_after_another())
    assert waited >= (TERM + LONGEST if way == "is lost" else 0.01)


def failing(function, error):
    """The function of a store that answers every second time."""
    answers = itertools.cycle([False, True])

    def called(*words, **more):
        if not next(answers):
            raise error
        return function(*words, **more)

    return called


def test_a_store_that_answers_every_second_time_takes_no_address_away_and_ends_no_crawl(tmp_path, monkeypatch):
    async def asks_and_gives_away():
        run = Run(tmp_path, "a")
        monkeypatch.setattr(leases.Watch, "look", failing(leases.Watch.look, ConnectionError("reset")))
        monkeypatch.setattr(leases, "create", failing(leases.create, OSError("SlowDown")))
        await run.ask(2)
        await asyncio.sleep(TERM / 3)
        monkeypatch.setattr(Lease, "renew", failing(Lease.renew, TimeoutError("no answer")))
        await run.claims.give_away({path.name for path in (tmp_path / "addresses").iterdir()})
        assert len(run.turns) == 2
        monkeypatch.undo()
        return [leases.Watch(path).look().ended for path in (tmp_path / "addresses").iterdir()]

    assert asyncio.run(asks_and_gives_away()) == [True]


def test_a_store_that_refuses_is_not_asked_again(tmp_path, monkeypatch):
    monkeypatch.setattr(leases.Watch, "look", failing(leases.Watch.look, PermissionError("Access Denied")))
    with pytest.raises(PermissionError, match="Access Denied"):
        asyncio.run(Run(tmp_path, "a").ask(1))


def use_scratch(monkeypatch, folder: Path) -> None:
    """Makes a folder that of the temporary files of one command."""
    monkeypatch.setenv("CURATE_SCRATCH", str(folder))
    monkeypatch.setattr(places.tempfile, "tempdir", str(folder))


@pytest.mark.parametrize("way", ["gives its lot back", "is lost with its machine", "is lost on this machine"])
def test_who_takes_a_lot_over_has_its_pauses_and_waits_if_the_machine_was_lost(tmp_path, monkeypatch, way):
    use_scratch(monkeypatch, tmp_path / "one" / "curate-1")
    work, ready = tmp_path / "work", time.time() + 500
    (work / "lot").mkdir(parents=True)
    with places.held(work, "lot", RULES, lambda: False) as place:
        assert (place.first, place.cooldown, place.holds) == (0, 0.0, True)
        place.journal.ready["a.test"] = ready
        place.pause_is_long()
        while not leases.Watch(work / "lot").look().state.get("ready"):
            time.sleep(0.01)
        if way != "gives its lot back":
            monkeypatch.setattr(Lease, "renew", lambda *_, **__: None)
    if way == "is lost with its machine":
        use_scratch(monkeypatch, tmp_path / "two" / "curate-1")
    else:
        use_scratch(monkeypatch, tmp_path / "one" / "curate-2")  # the folder of the first command is gone
    began = time.monotonic()
    with places.held(work, "lot", RULES, lambda: False) as place:
        assert place.journal.ready == {"a.test": ready}
        assert place.first == places.PARTS
        assert place.cooldown == (60.0 + 30.0 if way == "is lost with its machine" else 0.0)
    assert (time.monotonic() - began >= TERM) == (way == "is lost with its machine")
    with places.held(work, "lot", RULES, lambda: True) as place:
        assert place is None


def test_a_pause_that_is_long_is_written_again_where_the_store_did_not_answer(tmp_path, monkeypatch):
    use_scratch(monkeypatch, tmp_path / "curate-1")
    work, answers, renew = tmp_path / "work", [False, True], Lease.renew
    (work / "lot").mkdir(parents=True)

    def renew_at_second_try(lease, state, **more):
        if not answers.pop(0):
            raise OSError("no answer")
        renew(lease, state, **more)

    with places.held(work, "lot", Crawl(contact="a@b.test", lease_seconds=4000), lambda: False) as place:
        monkeypatch.setattr(Lease, "renew", renew_at_second_try)
        place.journal.ready["a.test"] = time.time() + 500
        place.pause_is_long()
        for _ in range(400):
            if not answers:
                break
            time.sleep(0.025)
        assert answers == []  # the next renewal is otherwise due after 1000 s
        monkeypatch.setattr(Lease, "renew", renew)


def test_the_journal_of_an_output_that_was_removed_is_not_that_of_a_new_one(tmp_path, monkeypatch):
    use_scratch(monkeypatch, tmp_path / "curate-1")
    work = tmp_path / "work"
    requests = []
    for _ in range(2):
        (work / "lot").mkdir(parents=True)
        with places.held(work, "lot", RULES, lambda: False) as place:
            requests.append(len(place.journal.asked))
            place.journal.asking("a.test", 0.0, "http://a.test/")
        with places.held(work, "lot", RULES, lambda: False) as place:
            requests.append(len(place.journal.asked))
        shutil.rmtree(work)
    assert requests == [0, 1, 0, 1]


@pytest.mark.parametrize(("uri", "least"), [("s3://bucket/work", 0.0), ("hdfs://host/work", 12.0)])
def test_a_lease_lasts_longer_than_its_making(uri, least):
    assert leases.shortest(storage.path(uri)) == pytest.approx(least)


def test_a_lease_is_long_enough_to_be_renewed_in_time():
    with pytest.raises(ValueError, match=r"lease_seconds is 1 or more, got 0\.9"):
        Crawl(lease_seconds=0.9)
    assert leases.SHARE * LEAST_LEASE > LEAST_LEASE / 4 + places.TICK_S


def test_a_lease_that_is_over_before_it_is_made_is_refused_before_any_work(tmp_path):
    with pytest.raises(SettingsError, match=r"crawl\.lease_seconds: on this store 12 or more, got 1\.2"):
        places.check_store(tmp_path / "work", RULES)
    assert [*tmp_path.iterdir()] == []
