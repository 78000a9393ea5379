"""The sample is drawn at places spread over the bytes of each source, and stands for all of them together."""

import gzip
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from crawl import build
from hypothesis import given
from hypothesis import strategies as st

from curate import recipe as recipes
from curate import storage
from curate.errors import SettingsError
from curate.pipelines.estimation.listing import Listing, listed
from curate.pipelines.estimation.places import PAGES, Place, Sample, _spread, drawn
from curate.pipelines.estimation.weights import Number, Weights
from curate.stage.plan import Item
from curate.warc.reader import Page, read_file, read_pages

SIZES = st.lists(st.integers(0, 10**12), min_size=1, max_size=30)


def item(number: int, size: int) -> Item:
    return Item(number=number, name=str(number), uri="", form="warc", digest="", size=size, source="web")


@given(sizes=SIZES, count=st.integers(1, 50))
def test_there_is_a_place_in_each_of_equal_stretches_of_bytes_inside_an_item(sizes, count):
    items = [item(number, size) for number, size in enumerate(sizes)]
    spread = _spread(items, count)
    assert len(spread) == (count if sum(sizes) else 0)
    starts = np.cumsum([0, *sizes])
    offsets = [starts[number] + share * sizes[number] for number, share in spread]
    assert all(0 <= share < 1 and sizes[number] for number, share in spread)
    stretches = np.array(offsets) * count / max(1, sum(sizes))
    assert np.all(np.abs(stretches - np.arange(len(spread)) - 0.5) <= 0.5 + 1e-6)


def sample_of(files, pages, folder):
    recipe = recipes.load("webtext", files=tuple(map(str, files)))
    folder.mkdir()
    inputs = listed(recipe, folder)
    return inputs, drawn(inputs, pages, folder)


def pages_of(place):
    """The addresses of the pages of a place."""
    with storage.opened(storage.path(place.item.uri)) as (file, size):
        records = read_pages(file, "sample", size=size, max_bytes=10**7, start=place.item.start, stop=place.item.stop)
        return [record.url for record in records if isinstance(record, Page)]


def test_a_large_sample_takes_every_page_once(miniweb, tmp_path):
    files = sorted(miniweb.glob("web-*.warc.gz"))
    _, sample = sample_of(files, 10_000, tmp_path / "drawn")
    urls = [url for place in sample.places for url in pages_of(place)]
    expected = [page.url for file in files for page in read_file(file) if isinstance(page, Page)]
    assert len(urls) == len(set(urls))
    assert {*urls} <= {*expected}
    assert len(urls) > 0.9 * len(expected)  # what lies before the first place is left out


def test_a_sample_is_drawn_the_same_again(miniweb, tmp_path):
    files = sorted(miniweb.glob("articles-*.warc.gz"))
    samples = [sample_of(files, 30, tmp_path / name)[1] for name in ("one", "two")]
    places = [[(place.item.start, place.item.stop) for place in sample.places] for sample in samples]
    assert places[0] == places[1]


def test_a_crawl_on_a_store_is_listed_by_name_and_only_places_of_it_are_copied(miniweb, tmp_path):
    crawl = build(tmp_path / "crawl", sorted(miniweb.glob("*.warc.gz")))
    store = storage.path("memory://commoncrawl")
    for path in crawl.root.rglob("*"):
        if path.is_file():
            (store / str(path.relative_to(crawl.root))).write_bytes(path.read_bytes())
    recipe = replace(recipes.load("webtext", files=("commoncrawl:CC-TEST-2026-01/warc",)), commoncrawl=str(store))
    (tmp_path / "drawn").mkdir()
    inputs = listed(recipe, tmp_path / "drawn")
    assert (inputs.files, inputs.parts) == (len(crawl.names), len(crawl.names))
    sample = drawn(inputs, 20, tmp_path / "drawn")
    sizes = {name.rpartition("/")[2]: (crawl.root / name).stat().st_size for name in crawl.names}
    for place in sample.places:
        real = sizes[place.item.name.rpartition("/")[2]]
        assert place.growth == pytest.approx(real / 1_000_000_000)
        assert not storage.is_remote(place.item.uri)
        assert 1 <= len(pages_of(place)) <= 4 * PAGES
    weights = Weights(inputs, sample)
    assert min(sizes.values()) <= weights.input[0] / len(sizes) <= max(sizes.values())


def test_rows_of_parquet_stand_for_all_rows(tmp_path):
    rows = [{"text": f"Row {number} of the table."} for number in range(103)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet", row_group_size=40)
    recipe = recipes.load("documents", files=(f"{tmp_path}/a.parquet",))
    (tmp_path / "drawn").mkdir()
    inputs = listed(recipe, tmp_path / "drawn")
    sample = drawn(inputs, 25, tmp_path / "drawn")
    texts = [text for place in sample.places for text in pq.read_table(place.item.uri)["text"].to_pylist()]
    assert len(texts) == len(set(texts)) >= 25
    counts = [pq.read_metadata(place.item.uri).num_rows for place in sample.places]
    assert Weights(inputs, sample).total(counts)[0] == pytest.approx(103)


@pytest.mark.parametrize("packing", ["", ".gz"])
def test_rows_of_lines_stand_for_all_rows_where_they_are_alike(tmp_path, packing):
    content = "".join(f'{{"text": "Row {number:05d} of the file."}}\n' for number in range(900)).encode()
    path = tmp_path / f"a.jsonl{packing}"
    path.write_bytes(gzip.compress(content) if packing else content)
    recipe = recipes.load("documents", files=(str(path),))
    (tmp_path / "drawn").mkdir()
    inputs = listed(recipe, tmp_path / "drawn")
    sample = drawn(inputs, 25, tmp_path / "drawn")
    counts = [len(storage.path(place.item.uri).read_text().splitlines()) for place in sample.places]
    assert Weights(inputs, sample).total(counts)[0] == pytest.approx(900)


def test_small_texts_of_a_group_stand_for_all_of_them(tmp_path):
    folder = tmp_path / "texts"
    folder.mkdir()
    for number in range(100):
        (folder / f"{number:03d}.txt").write_text("A text of the same length.")
    recipe = recipes.load("documents", files=(str(folder),))
    inputs = listed(recipe, tmp_path)
    sample = drawn(inputs, 20, tmp_path)
    assert Weights(inputs, sample).total([len(place.item.files) for place in sample.places])[0] == pytest.approx(100)


@given(values=st.lists(st.floats(0, 1e6), min_size=1, max_size=30), size=st.floats(1, 1e12))
def test_a_sum_over_places_of_one_size_is_their_mean_times_what_they_stand_for(values, size):
    places = tuple(Place(item=item(number, 1), bytes=10.0) for number in range(len(values)))
    inputs = Listing(items=(), sizes={"web": size}, files=1, parts=1, exact=True, piece_sizes=(1,))
    weights = Weights(inputs, Sample(places=places, idle=()))
    number = Number.of(weights.total(values))
    assert number.value == pytest.approx(np.mean(values) * size / 10)
    slack = 1e-6 * max(1.0, number.value)
    assert number.low - slack <= number.high
    if len({*values}) == 1:
        assert number.low == pytest.approx(number.value)
        assert number.high == pytest.approx(number.value)
    assert weights.input[0] == pytest.approx(size)


@pytest.mark.parametrize("name", ["own.jsonl", "pages.warc.gz"])
def test_a_source_without_a_page_or_row_that_can_be_read_is_refused_by_name(miniweb, tmp_path, name):
    (tmp_path / name).write_bytes(b"neither a row nor a record\n" * 9000)
    recipe = tmp_path / "own.toml"
    recipe.write_text(f'''
name = "own"
[sources.pages]
inputs = ["{miniweb}/web-*.warc.gz"]
weight = 1.0
[sources.garbage]
inputs = ["{tmp_path / name}"]
weight = 1.0
''')
    folder = tmp_path / "drawn"
    folder.mkdir()
    with pytest.raises(SettingsError, match="source garbage: no page or row can be read"):
        drawn(listed(recipes.load(str(recipe)), folder), 100, folder)
