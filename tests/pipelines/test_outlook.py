"""A run that will take hours says so before it begins, by the sizes of its inputs; a short one says nothing."""

from hypothesis import given
from hypothesis import strategies as st

from curate.pipelines import outlook
from curate.stage.plan import Item

BYTES = st.integers(0, 10**16)


def item(form: str, size: int) -> Item:
    return Item(number=0, name="a", uri="a", form=form, digest="", size=size)


def test_the_quickstart_is_short_and_a_crawl_is_long():
    assert outlook.lines([item("warc", 1_200_000)], 1) == []
    crawl = [item("warc", 10**9)] * 90_000
    first, second = outlook.lines(crawl, 1000)
    assert "33,333 core-hours" in first
    assert "90 TB of input" in first
    assert "curate estimate" in second


@given(archives=BYTES, documents=BYTES, workers=st.integers(1, 10**4))
def test_more_workers_never_make_a_short_run_long(archives, documents, workers):
    if not outlook.of_sizes(archives, documents, workers):
        assert not outlook.of_sizes(archives, documents, workers + 1)
    else:
        assert outlook.of_sizes(archives + 1, documents, workers)


def test_documents_of_ones_own_are_weighed_by_their_own_rate():
    size = round(outlook.RATES[False] * outlook.LONG_S * 1.5)
    assert outlook.lines([item("owned", size)], 1)
    assert not outlook.lines([item("warc", size)], 1)


def test_small_are_inputs_of_some_minutes_that_lie_here(tmp_path):
    file = tmp_path / "pages.warc.gz"
    limit = int(outlook.RATES[False] * outlook.SMALL_S)
    with file.open("wb") as sparse:
        sparse.truncate(limit - 1)
    assert outlook.is_small([str(file)])
    assert outlook.is_small(["miniweb:web-*.warc.gz"])
    assert not outlook.is_small([str(file), "s3://bucket/*.warc.gz"])
    assert not outlook.is_small(["commoncrawl:CC-MAIN-2024-10/warc[0:1]"])
    with file.open("ab") as sparse:
        sparse.truncate(limit)
    assert not outlook.is_small([str(file)])
