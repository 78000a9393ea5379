"""Lines that many documents of a host share, against a plain count, over any parts."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from curate.dedup import counting, furniture
from curate.dedup.candidates import HASH
from curate.dedup.config import Lines

HOSTS = ("http://a.example/", "https://www.a.example/", "http://b.example:8080/", "")
LINES = ("Home", "HOME ", "About us", "A line of its own.", "* * *", "")
DOCUMENTS = st.lists(st.tuples(st.sampled_from(HOSTS), st.lists(st.sampled_from(LINES), max_size=6)), max_size=14)
HOST_OF = {HOSTS[0]: "a", HOSTS[1]: "a", HOSTS[2]: "b"}
RULES = st.builds(
    Lines, furniture=st.just(True), host_documents=st.integers(2, 4), host_share=st.sampled_from([0.01, 0.25, 0.5, 1.0])
)


def shared_of(documents: list[tuple[str, str]], parts: int, least: int) -> list[counting.Totals]:
    """The totals that each part is sent."""
    blobs: dict[bytes, list[bytes]] = {}
    for part in range(parts):
        for partition, blob in counting.counts(part, furniture.keys(documents[part::parts]), 3, HASH):
            blobs.setdefault(partition, []).insert(0, blob)
    sent: dict[int, list[bytes]] = {}
    for partition, group in blobs.items():
        for part, entries in counting.totals((partition, group), least, HASH):
            sent.setdefault(int.from_bytes(part), []).append(entries)
    return [counting.by_key(sent.get(part, []), HASH) for part in range(parts)]


@given(DOCUMENTS, st.integers(1, 4), RULES)
def test_furniture_is_what_enough_documents_of_a_host_have(pages, parts, rules):
    documents = [(f"{host}{number}" if host else "", "\n".join(lines)) for number, (host, lines) in enumerate(pages)]
    hosts, lines_of = Counter[str](), Counter[tuple[str, str]]()
    for host, lines in pages:
        if host:
            hosts[HOST_OF[host]] += 1
            lines_of.update((HOST_OF[host], line) for line in {line.strip().lower() for line in lines})
    shared = shared_of(documents, parts, rules.host_documents)
    for number, ((host, lines), (url, text)) in enumerate(zip(pages, documents, strict=True)):
        expected = {
            place
            for place, line in enumerate(lines)
            if host
            and line.strip(" *")
            and lines_of[HOST_OF[host], line.strip().lower()]
            >= max(rules.host_documents, rules.host_share * hosts[HOST_OF[host]])
        }
        assert furniture.furniture(url, text, shared[number % parts], rules) == expected


def test_a_line_counts_once_for_a_document_and_code_not_at_all():
    rules = Lines(furniture=True, host_documents=3, host_share=0.1)
    text = "Menu\nMenu\nMenu\n```\nimport os\n```"
    three = [(f"http://a.example/{number}", text) for number in range(3)]
    (shared,) = shared_of(three[:2], 1, 3)
    assert furniture.furniture(*three[0], shared, rules) == set()
    (shared,) = shared_of(three, 1, 3)
    assert furniture.furniture(*three[0], shared, rules) == {0, 1, 2}
