"""A lot that is asked to stop, or is lost, ends in order at whatever moment that shows."""

import asyncio

import pytest

from curate.crawl.config import Crawl
from curate.crawl.journal import Place
from curate.crawl.lot_run import run_lot
from curate.crawl.lot_writer import LotWriter
from curate.crawl.targets import target

RULES = Crawl(contact="a@b.test")


class Stopping(Place):
    """A lot that is asked to stop once it has begun."""

    def stopped(self) -> bool:
        return True


class Lost(Place):
    """A lot that another process has taken over."""

    @property
    def holds(self) -> bool:
        return False


@pytest.mark.parametrize(("kind", "outcomes"), [(Stopping, ["skip_scheme"]), (Lost, [])])
def test_a_stop_in_the_moment_in_which_the_last_host_ends_is_no_fault(tmp_path, kind, outcomes):
    (tmp_path / "work" / "lot").mkdir(parents=True)
    place = kind(tmp_path / "work", "lot")
    writer = LotWriter(tmp_path, "lot", 0, RULES, place)
    assert not asyncio.run(run_lot([target("ftp://a.test/", "web")], writer, RULES, place))
    assert [row["outcome"] for row in writer.rows] == outcomes
