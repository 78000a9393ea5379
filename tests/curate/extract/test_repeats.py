"""The page that is kept of each payload does not depend on the files that the pages lie in, nor on their order."""

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from curate.extract.config import Gates
from curate.extract.repeats import SIGHTING, by_bucket, payload_digest, repeats, sighting
from curate.records import Page, Pointer, page_id

NOON = datetime(2020, 1, 2, 12, tzinfo=UTC)
PAGE = Page(
    url="http://a/",
    timestamp=NOON,
    status=200,
    mime="text/html",
    charset="",
    body=b"body",
    pointer=Pointer(file="f", offset=0, length=1),
)
PAGES = st.lists(
    st.tuples(st.sampled_from("abcdefgh"), st.sampled_from([b"1", b"2", b"3"]), st.integers(0, 2)), max_size=12
)


def sightings(pages, items):
    """Returns the source and the page at each place, and the blobs of each bucket, for pages spread over items."""
    where, blobs = {}, {}
    for number, ((url, body, rank), item) in enumerate(zip(pages, items, strict=False)):
        page = replace(PAGE, url=f"http://{url}/", body=body)
        where[item, number] = (rank, page)
        for bucket, blob in by_bucket([sighting(page, Gates(), rank=rank, item=item, number=number)], 3).items():
            blobs.setdefault(bucket, []).append(blob)
    return where, blobs


@given(PAGES, st.lists(st.integers(0, 5), min_size=12, max_size=12), st.randoms(use_true_random=False))
def test_one_page_of_each_payload_is_kept_that_of_the_first_source_and_least_id(pages, items, random):
    where, blobs = sightings(pages, items)
    gone = set()
    for bucket in blobs.values():
        random.shuffle(bucket)
        for repeat in repeats(bucket):
            gone.add((repeat.item, repeat.page))
    for body in {page.body for _, page in where.values()}:
        same = {place: (rank, page_id(page)) for place, (rank, page) in where.items() if page.body == body}
        (kept,) = same.keys() - gone
        assert same[kept] == min(same.values())


def test_a_repeat_names_the_page_that_is_kept_for_it():
    _, blobs = sightings([("a", b"1", 1), ("b", b"1", 0)], [7, 8])
    (only,) = (repeat for bucket in blobs.values() for repeat in repeats(bucket))
    assert (only.item, only.page, only.kept) == (7, 0, page_id(replace(PAGE, url="http://b/", body=b"1")))


def test_pages_count_as_one_only_where_their_text_must_be_the_same_and_the_same_languages_are_asked_for():
    same = payload_digest(PAGE, Gates())
    assert payload_digest(replace(PAGE, url="http://b/", status=404), Gates()) == same
    for other in (replace(PAGE, body=b"x"), replace(PAGE, mime="text/plain"), replace(PAGE, charset="koi8-r")):
        assert payload_digest(other, Gates()) != same
    assert payload_digest(PAGE, Gates(languages=("en",))) != same


def test_a_bucket_holds_whole_records():
    _, blobs = sightings([("a", b"1", 0), ("b", b"2", 0), ("c", b"3", 0)], [0, 1, 2])
    assert all(len(blob) == SIGHTING.size == 42 for bucket in blobs.values() for blob in bucket)
