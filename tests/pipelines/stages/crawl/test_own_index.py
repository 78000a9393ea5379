"""Pages fetched from the loopback web, written as WARC with a CDXJ beside it, extracted through that index."""

from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from loopback.plan import Plan, named
from loopback.play import links, plan_of
from loopback.process import running
from loopback.replay import Replayed, table
from polite import ask

from curate.inspection.verify import faults
from curate.pipelines import verbs
from curate.pipelines.engines.engine import Engine
from curate.pipelines.engines.target import EngineOptions
from curate.warc.cdxj import index, line
from curate.warc.writer import Exchange, WarcWriter

NAME = "crawl/a.warc.gz"


def fetched(url: str, answer: bytes, number: int) -> Exchange:
    """An answer as the exchange that it came of."""
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.split(b"\r\n")
    headers = tuple((name, value.strip()) for name, _, value in (header.partition(b":") for header in lines))
    date = datetime(2026, 1, 2, 3, 4, number % 60, tzinfo=UTC)
    return Exchange(key=str(number), url=url, date=date, status_line=status, headers=headers, body=body)


@pytest.fixture(scope="module")
def crawled(tmp_path_factory, miniweb) -> Path:
    """A folder with the WARC of the mini-web's first site of articles and its index."""
    folder = tmp_path_factory.mktemp("crawled")
    files = [miniweb / "articles-00000.warc.gz"]
    pages: dict[str, Replayed] = table(files)
    plan = plan_of(pages, files, any_port=True)
    entries = []
    (folder / "crawl").mkdir()
    with running(folder / "web", plan) as web, (folder / NAME).open("wb") as file:
        writer = WarcWriter(file, prefix="lot")
        writer.write_info("a.warc.gz", datetime(2026, 1, 2, tzinfo=UTC), {"software": "curate"})
        hosts = {host.name: host for host in plan.hosts}
        for number, (page, link) in enumerate(zip(pages.values(), links(pages, web.plan), strict=True)):
            name, _, path = link.partition("://")[2].partition("/")
            made = fetched(page.url, ask(web, hosts[name.partition(":")[0]], f"/{path}"), number)
            entries.append(line(made, writer.write(made), NAME))
    (folder / "a.cdxj").write_bytes(index(entries))
    return folder


def documents(out: Path) -> dict[str, str]:
    rows = [row for path in sorted(out.glob("part-*.parquet")) for row in pq.read_table(path).to_pylist()]
    return {row["url"]: row["text"] for row in rows}


def extract(given: Path, out: Path, *settings: str) -> dict[str, str]:
    verbs.run("extract", (str(given),), out, None, settings, Engine(target=EngineOptions(workers=1)), "web")
    assert list(faults(out)) == []
    return documents(out)


def test_a_crawl_of_the_mini_web_gives_the_texts_that_the_mini_web_gives(crawled, miniweb, tmp_path):
    by_file = extract(crawled / NAME, tmp_path / "file")
    assert len(by_file) > 10
    assert by_file == extract(miniweb / "articles-00000.warc.gz", tmp_path / "miniweb")


def test_our_index_selects_what_is_extracted(crawled, tmp_path):
    base = f"commoncrawl={crawled}"
    whole = extract(crawled / "a.cdxj", tmp_path / "whole", base)
    assert whole == extract(crawled / NAME, tmp_path / "file")
    name = min(whole).split("/")[2]
    some = extract(crawled / "a.cdxj", tmp_path / "some", base, f'sources.web.select.domains=["{name}"]')
    assert some == {url: text for url, text in whole.items() if url.split("/")[2] == name}
    assert 0 < len(some) < len(whole)


def test_a_page_that_was_made_up_is_text_that_passes_extraction(tmp_path):
    plan = Plan(hosts=named(["a.test"], tls=False))
    with running(tmp_path / "web", plan) as web, (tmp_path / "a.warc.gz").open("wb") as file:
        writer = WarcWriter(file, prefix="lot")
        for number in range(5):
            path = f"/page/{number}"
            writer.write(fetched(f"http://a.test{path}", ask(web, plan.hosts[0], path), number))
    texts = extract(tmp_path / "a.warc.gz", tmp_path / "out")
    assert len(texts) == 5
    assert all(len(text.split()) > 200 for text in texts.values())
