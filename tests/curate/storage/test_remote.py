"""A remote file reads like a local one, whatever its server does; or the reading fails and names the file."""

import hashlib
import io
import threading
import tracemalloc

import pytest
from faulty import SLOW_DOWN, Fault, Server, serving
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curate import storage
from curate.errors import SettingsError
from curate.storage import patience
from curate.storage.http_range import retry_after
from curate.storage.patience import BlockedError, ChangedError, Patience, RemoteError
from curate.storage.remote import RangeReader

QUICK = Patience(first_s=0.0005, longest_s=0.002, tries_later=30, tries_broken=5, timeout_s=5)
CONTENT = b"".join(hashlib.sha256(number.to_bytes(4, "big")).digest() for number in range(1500))  # 48 kB
LATER = [408, 429, 500, 502, 503, 504]


@pytest.fixture
def server():
    with serving() as web_server:
        yield web_server


def reader(url: str, chunk: int = 5000) -> RangeReader:
    return RangeReader(storage.path(url), chunk=chunk, patience=QUICK)


def read(url: str, chunk: int = 5000) -> bytes:
    """The whole file, in pieces that fit no chunk."""
    with reader(url, chunk) as file:
        return b"".join(iter(lambda: file.read(3001), b""))


@pytest.mark.parametrize("size", [0, 1, 4999, 5000, 5001, len(CONTENT)])
@pytest.mark.parametrize("always", [Fault(), Fault(no_ranges=True)], ids=["ranges", "none"])
def test_a_file_of_any_size_is_read_whole(server, size, always):
    server.always = always
    url = server.put("a.bin", CONTENT[:size])
    assert read(url) == CONTENT[:size]
    with reader(url) as file:
        assert file.size == size


PASSING = [
    *(pytest.param(Fault(status=status), id=str(status)) for status in LATER),
    pytest.param(Fault(status=429, headers=(("Retry-After", "0"),)), id="Retry-After"),
    pytest.param(Fault(status=503, headers=(("Retry-After", "soon"),), body=SLOW_DOWN), id="Retry-After of no sense"),
    pytest.param(Fault(status=200, body=SLOW_DOWN), id="200 with an error"),
    pytest.param(Fault(cut=0), id="cut at once"),
    pytest.param(Fault(cut=1234), id="cut"),
    pytest.param(Fault(short=77), id="short without a length"),
    pytest.param(Fault(hang_up=True), id="no answer"),
    pytest.param(Fault(no_ranges=True), id="range ignored"),
    pytest.param(Fault(no_ranges=True, cut=20_000), id="range ignored and cut"),
]


@pytest.mark.parametrize("fault", PASSING)
@pytest.mark.parametrize("first", [0, 1, 3])
def test_a_passing_fault_changes_nothing(server, fault, first):
    url = server.put("a.bin", CONTENT)
    server.faults.extend([*[Fault()] * first, fault, fault])
    assert read(url, 9000) == CONTENT


@pytest.mark.parametrize("fault", [Fault(cut=0), Fault(cut=1, no_ranges=True), Fault(status=503)])
def test_a_fault_that_does_not_pass_is_told_with_the_file(server, fault):
    url = server.put("a.bin", CONTENT)
    server.faults.append(Fault())
    server.always = fault
    with reader(url) as file:
        assert file.size
        file.seek(30_000)
        with pytest.raises(RemoteError, match=rf"^{url}: given up after \d+ tries in a row"):
            file.read(10)


@pytest.mark.parametrize("every", [1, 2, 97])
def test_a_connection_that_is_cut_after_so_many_bytes_each_time_gives_every_byte(server, every):
    url = server.put("a.bin", CONTENT[: 300 * every])
    server.always = Fault(cut=every)
    assert read(url) == CONTENT[: 300 * every]


def test_twenty_times_503_and_then_an_answer_is_patience(server):
    url = server.put("a.bin", CONTENT)
    server.faults.extend([Fault(status=503, body=SLOW_DOWN)] * 20)
    assert read(url) == CONTENT


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (Fault(content_range="bytes 0-9/48000"), "asked for bytes 30000-.*Content-Range 'bytes 0-9/48000'"),
        (Fault(content_range="bytes 30000-30009/*"), "Content-Range"),
        (Fault(content_range="bytes 30001-30010/48000"), "Content-Range"),
        (Fault(content_range="bites"), "Content-Range 'bites'"),
        (Fault(etag='"another"'), "was changed while it was read"),
        (Fault(etag='"another"', no_ranges=True), "was changed while it was read"),
        (Fault(status=412), "was changed while it was read"),
        (Fault(status=416, headers=(("Content-Range", "bytes */20000"),)), "was changed while it was read"),
        (Fault(status=416), "416"),
        (Fault(status=206, body=b"x" * 10), "Content-Range ''"),
        (Fault(status=200, body=SLOW_DOWN.replace(b"SlowDown", b"AccessDenied")), "200 with the error AccessDenied"),
        (Fault(status=200, body=b"<html>please log in</html>"), "states neither|was changed"),
        (Fault(status=401, body=b"<h1>Who are you?</h1>"), "401 Unauthorized: Who are you\\?"),
        (Fault(status=302), "302|redirect"),
    ],
)
def test_what_cannot_be_read_is_an_error_at_once(server, fault, message):
    url = server.put("a.bin", CONTENT)
    with reader(url) as file:
        assert file.size == len(CONTENT)
        server.always = fault
        file.seek(30_000)
        asked = len(server.asked)
        with pytest.raises((RemoteError, SettingsError), match=message) as error:
            file.read(10)
        assert url in str(error.value)
        assert len(server.asked) == asked + 1


def test_a_file_that_is_replaced_midway_is_not_mixed(server):
    url = server.put("a.bin", CONTENT)
    with reader(url) as file:
        file.read(6000)
        server.put("a.bin", CONTENT[::-1])
        file.seek(30_000)
        with pytest.raises(ChangedError, match=url):
            file.read(10)


def test_a_file_is_known_by_its_etag_or_its_time_and_refused_without(server):
    url = server.put("a.bin", CONTENT)
    fact = storage.facts([storage.path(url)])[0]
    assert (fact.size, fact.identity.partition(":")[0]) == (len(CONTENT), "etag")
    with storage.opened(storage.path(url), fact.identity) as (file, size):
        assert (file.read(9), size) == (CONTENT[:9], len(CONTENT))
    with (
        pytest.raises(ChangedError, match="after the stage was planned"),
        storage.opened(storage.path(url), "etag:x:1"),
    ):
        pass
    server.etags = False
    with pytest.raises(SettingsError, match=rf"^{url}: its server states neither"):
        storage.facts([storage.path(url)])
    with pytest.raises(FileNotFoundError) as missing:
        storage.facts([storage.path(f"{url}.not")])
    assert missing.value.filename == f"{url}.not"


def test_what_needs_a_name_is_downloaded_whole(server):
    url = server.put("a.jsonl.gz", CONTENT)
    server.faults.extend([Fault(), Fault(cut=3000), Fault(no_ranges=True)])
    with storage.local(storage.path(url)) as copy:
        assert copy.name == "a.jsonl.gz"
        assert copy.read_bytes() == CONTENT
    assert not copy.exists()


def test_a_403_after_good_answers_is_a_block_and_stops_every_reader(server):
    url = server.put("a.bin", CONTENT)
    server.faults.append(Fault(status=403, body=b"forbidden at first"))
    with pytest.raises(RemoteError, match="403 Forbidden: forbidden at first"):
        read(url)
    assert read(url) == CONTENT
    server.always = Fault(status=403, body=b"<html>Request blocked</html>")
    with pytest.raises(BlockedError, match=r"Request blocked.*wait 10 minutes"):
        read(url)
    asked = len(server.asked)
    with pytest.raises(BlockedError):
        read(url)
    assert len(server.asked) == asked


def test_a_host_that_asks_for_patience_slows_every_reader(server, monkeypatch):
    now, waits = [0.0], []

    def wait(_event, seconds):
        waits.append(seconds)
        now[0] += seconds
        return False

    monkeypatch.setattr(threading.Event, "wait", wait)
    monkeypatch.setattr(patience.time, "monotonic", lambda: now[0])
    host, stop = patience.HostPatience("h"), threading.Event()
    host.delay(Patience(), 7.0)
    host.wait(stop)  # any reader
    assert now[0] == 7.0
    host.delay(Patience(), 10_000.0)
    host.wait(stop)
    assert now[0] == 7.0 + patience.AFTER_LONGEST_S
    for refusals in range(2, 40):
        before = now[0]
        host.delay(Patience(), None)
        host.wait(stop)
        assert now[0] - before <= min(120.0, 2.0**refusals)


FAULTS = st.sampled_from([Fault(), *(case.values[0] for case in PASSING)])
MOVES = st.lists(st.tuples(st.integers(0, len(CONTENT) + 10), st.integers(0, 12_000)), max_size=8)


@pytest.fixture(scope="module")
def shared():
    with serving() as web_server:
        yield web_server


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(moves=MOVES, faults=st.lists(FAULTS, max_size=4), chunk=st.integers(1000, 20_000))
def test_any_seeks_and_reads_give_the_bytes_of_a_local_file(shared: Server, moves, faults, chunk):
    url, local = shared.put("a.bin", CONTENT), io.BytesIO(CONTENT)
    shared.faults.clear()
    shared.faults.extend(faults)
    with reader(url, chunk) as file:
        for offset, size in moves:
            assert file.seek(offset) == local.seek(offset)
            assert file.read(size) == local.read(size)
            assert file.read(size) == local.read(size)


@pytest.mark.parametrize("always", [Fault(), Fault(no_ranges=True)], ids=["ranges", "none"])
def test_a_large_file_is_read_in_little_memory(server, always):
    size = 64 << 20
    server.always = always
    url = server.put("large.bin", bytes(size))
    tracemalloc.start()
    with reader(url, 1 << 20) as file:
        total, piece = 0, bytearray(1 << 16)
        while got := file.readinto(piece):
            total += got
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total == size
    assert peak < 8 << 20, f"{peak >> 20} MiB"
    if always == Fault():
        assert len(server.asked) < 70
    else:
        assert len(server.asked) <= 2  # read on in one answer, not from its start for each chunk


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7),
        ("9" * 400, float("inf")),
        ("9" * 5000, None),
        ("soon", None),
        ("Thu, 01 Jan 1970 00:00:00 +9999", None),
    ],
)
def test_a_retry_after_of_any_length_is_a_time_or_nothing(value, seconds):
    assert retry_after(value) == seconds
