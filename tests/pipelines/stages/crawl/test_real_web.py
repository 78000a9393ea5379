"""The path on real pages: two files of the real web end to end, the funnel printed."""

import json
from itertools import pairwise

import pyarrow.parquet as pq
import pytest

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def finished(curate, data, tmp_path_factory):
    web = data("web")
    out = tmp_path_factory.mktemp("web") / "out"
    done = curate("run", "webtext", "-o", out, "--set", f'sources.webtext.inputs=["{web}/pages-0000[01].warc.gz"]')
    assert done.code == 0, done.err
    assert done.err == ""
    print(done.out)
    return out


def test_every_page_is_accounted_for_and_verify_agrees(call, finished):
    summary = json.loads(call("inspect", finished, "--json").out)
    stages = {stage["stage"]: stage for stage in summary["stages"]}
    assert stages["extract"]["read"] == 828
    assert stages["extract"]["failed"] == 0
    chain = list(stages.values())
    assert all(later["read"] == earlier["kept"] for earlier, later in pairwise(chain))
    assert call("verify", finished).code == 0


def test_most_real_pages_yield_text_and_the_english_prose_of_them_is_kept(call, finished):
    stages = {stage["stage"]: stage for stage in json.loads(call("inspect", finished, "--json").out)["stages"]}
    extract, filtered = stages["extract"], stages["filter"]
    assert extract["kept"] + extract["reasons"]["extract.language"] >= 0.95 * extract["read"]
    assert 0.25 <= filtered["kept"] / extract["read"] <= 0.65


def test_kept_documents_are_english_and_their_pointers_lead_back_to_the_page(finished, data):
    rows = pq.read_table(sorted((finished / "filter").glob("part-*.parquet"))).to_pylist()
    assert {row["language"] for row in rows} == {"en"}
    from fastwarc.warc import ArchiveIterator

    for row in rows[:5]:
        with (data("web") / row["warc_file"]).open("rb") as file:
            file.seek(row["warc_offset"])
            record = next(iter(ArchiveIterator(file)))
            assert record.headers["WARC-Target-URI"] == row["url"]
