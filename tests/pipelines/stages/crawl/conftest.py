"""One crawl of everything hostile, which the tests of several files look at."""

import pytest
from crawled_hostile import crawled


@pytest.fixture(scope="session")
def hostile(curate, tmp_path_factory):
    """The finished crawl of all hostile hosts."""
    with crawled(curate, tmp_path_factory.mktemp("hostile")) as crawl:
        yield crawl
