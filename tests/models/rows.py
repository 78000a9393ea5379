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
from curate.text.language import identify
from curate.web.urls import host_of

LABELS = Path(__file__).parents[1] / "labels" / "training.jsonl"
GOOD = ("clean", "useful")
# Works of english.py that are taken, by the ends of their hosts.
PROSE = {"wikipedia.example": 80, "inaugural.example": 10, "state-union.example": 20, "abc.example": 60}
FURNITURE = 600  # texts


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
        document = extracted.get(stored["url"])
        if document and identify(document["text"])[0] == "en":
            names = {name: stored[name] for name in ("url", "label", "kind")}
            rows.append(Row(text=document["text"], title=document["title"] or "", **names))
    return rows


def prose(folder: Path) -> Iterator[Row]:
    """Yields edited prose of the positive texts of english.py, in the order of a hash: as many works as PROSE says."""
    left = dict(PROSE)
    for row in _stored(folder / "positive.jsonl"):
        name = ".".join(row["url"].split("/")[2].split(".")[1:])
        if left.get(name, 0):
            left[name] -= 1
            kind = {"wikipedia.example": "reference", "abc.example": "news"}.get(name, "other")
            yield Row(text=row["text"], url=row["url"], label="clean", kind=kind)


def furniture(folder: Path) -> Iterator[Row]:
    """Yields what stands beside main texts, and pages that are none, from english.py; one text a host."""
    hosts: set[str] = set()
    for row in _stored(folder / "negative.jsonl"):
        if (host := host_of(row["url"])) not in hosts and len(hosts) < FURNITURE:
            hosts.add(host)
            yield Row(text=row["text"], url=row["url"], label="junk", kind="other")


def _stored(path: Path) -> list[dict[str, str]]:
    """Returns the rows of a file of english.py in the order of a hash."""
    return sorted(map(json.loads, path.open()), key=lambda row: sha256(row["text"].encode()).digest())


def public(sources: Path) -> Iterator[Row]:
    """Yields the texts of public repositories; their address has a host of its own, that of the repository."""
    for repository in repositories.repositories():
        for address, text in repositories.texts(repository, sources):
            if len(text.split()) >= english.LEAST:
                yield Row(text=text, url=address, label="clean", kind=repository.kind)
