"""What machines share: an address is one run's at a time, and who takes over a lot keeps the pauses of its hosts."""

import asyncio
import itertools
import time
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from curate.crawl.config import Crawl
from curate.crawl.sharing import leases, places
from curate.crawl.sharing.claims import Claims
from curate.crawl.sharing.leases import Lease, take

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


@pytest.mark.parametrize("way", ["gives its lot back", "is lost with its machine", "is lost on this machine"])
def test_who_takes_a_lot_over_has_its_pauses_and_waits_if_the_machine_was_lost(tmp_path, monkeypatch, way):
    monkeypatch.setattr(places.tempfile, "tempdir", str(tmp_path / "one"))
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
        monkeypatch.setattr(places.tempfile, "tempdir", str(tmp_path / "two"))
    began = time.monotonic()
    with places.held(work, "lot", RULES, lambda: False) as place:
        assert place.journal.ready == {"a.test": ready}
        assert place.first == places.PARTS
        assert place.cooldown == (60.0 + 30.0 if way == "is lost with its machine" else 0.0)
    assert (time.monotonic() - began >= TERM) == (way == "is lost with its machine")
    with places.held(work, "lot", RULES, lambda: True) as place:
        assert place is None
