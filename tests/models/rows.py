"""The labelled texts that train the model `useful`: documents of the web, prose and public repositories."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import english
import pyarrow.parquet as pq
import repositories

from curate.quality.windows import is_held_out
from curate.web.urls import host_of

LABELS = Path(__file__).parents[1] / "labels" / "training.jsonl"
GOOD = ("clean", "useful")
PROSE = {
    "wikipedia": 80,
    "book": 2,
    "inaugural": 10,
    "state-union": 20,
    "abc": 60,
}  # works, by the middle of their hosts


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A text with a label."""

    text: str
    url: str
    label: str
    kind: str
    title: str = ""

    @property
    def good(self) -> bool:
        """True if the text is worth reading."""
        return self.label in GOOD

    @property
    def host(self) -> str:
        """The host of its address."""
        return host_of(self.url)

    @property
    def held_out(self) -> bool:
        """True if the text trains no model."""
        return is_held_out(self.host)


def web(documents: Path) -> list[Row]:
    """Returns the documents that readers labelled, as an extract stage holds them; one an address."""
    extracted: dict[str, dict[str, str]] = {}
    for path in sorted(documents.glob("part-*.parquet")):
        for row in pq.read_table(path, columns=["url", "title", "text"]).to_pylist():
            extracted.setdefault(row["url"], row)
    rows = []
    for line in LABELS.read_text().splitlines():
        stored = json.loads(line)
        if document := extracted.get(stored["url"]):
            names = {name: stored[name] for name in ("url", "label", "kind")}
            rows.append(Row(text=document["text"], title=document["title"] or "", **names))
    return rows


def prose(data: Path) -> Iterator[Row]:
    """Yields edited prose: articles of an encyclopedia, books, speeches and news, in the order of a hash."""
    works: dict[str, list[english.Labelled]] = {}
    for work in (*english.wikipedia(data), *english.texts(data)):
        if len(work.text.split()) >= english.LEAST:
            works.setdefault(host_of(work.url).split(".")[1], []).append(work)
    for name, number in PROSE.items():
        chosen = sorted(works[name], key=lambda work: sha256(work.text.encode()).digest())[:number]
        kind = {"wikipedia": "reference", "abc": "news"}.get(name, "other")
        yield from (Row(text=work.text, url=work.url, label="clean", kind=kind) for work in chosen)


def public(sources: Path) -> Iterator[Row]:
    """Yields the texts of public repositories; their address has a host of its own, that of the repository."""
    for repository in repositories.repositories():
        for address, text in repositories.texts(repository, sources):
            if len(text.split()) >= english.LEAST:
                yield Row(text=text, url=address, label="clean", kind=repository.kind)
