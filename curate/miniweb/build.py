"""Builds the mini-web: a small crawl, made from texts and seeds, in which the truth about every page is known.

It ships with the project as the input of the recipe `quickstart`: two sources as WARC files (`articles`, the curated
hosts, and `web`, all others), `truth.jsonl` with what should become of each response, and labelled texts for a small
quality classifier. The same bytes come out on every machine and every day: no clock, no locale, no compressor.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from curate import __version__
from curate.extract.config import Extract
from curate.extract.main_text import main_text
from curate.miniweb.capture import Capture, warc
from curate.miniweb.sites import articles, web
from curate.storage import together

RECORD = "miniweb.json"
CHUNK = 100  # words of a training text, about


def sites() -> dict[str, list[Capture]]:
    """Returns every page of the mini-web by host."""
    hosts: dict[str, list[Capture]] = {}
    for capture in (*articles(), *web()):
        hosts.setdefault(capture.host, []).append(capture)
    return hosts


def build(folder: Path) -> None:
    """Writes the mini-web into a folder: WARC files, labelled texts, the truth, and last a record that names them.

    Nothing is written where this version has written it. SettingsError, before any work, where a file that is not ours
    would be replaced.
    """
    contents = _contents()
    together.check_free(folder / RECORD, contents.keys())
    if not is_built(folder):
        files = {name: partial(_write, content=content) for name, content in contents.items()}
        together.write_together(folder / RECORD, files, lambda _: {"version": __version__})


def is_built(folder: Path) -> bool:
    """Returns whether the folder holds the mini-web of this version."""
    stored = together.read(folder / RECORD)
    return stored.get("version") == __version__ and together.whole(folder / RECORD, stored)


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def _contents() -> dict[str, bytes]:
    """Returns the files of the mini-web by name."""
    sources = {"articles": articles(), "web": web()}
    captures = [capture for pages in sources.values() for capture in pages]
    files: dict[str, list[tuple[int, Capture]]] = {}
    for number, capture in enumerate(captures):
        files.setdefault(file_of(capture, number < len(sources["articles"])), []).append((number, capture))
    contents = {name: warc(name, numbered) for name, numbered in sorted(files.items())}
    for label in ("positive", "negative"):
        contents[f"labels-{label}.jsonl"] = json_lines(labels(captures, label))
    truth = [verdict(source, capture) for source, pages in sources.items() for capture in pages]
    return {**contents, "truth.jsonl": json_lines(truth)}


def file_of(capture: Capture, curated: bool) -> str:
    """Returns the name of a page's WARC file; a hash decides between the two of `web`, as hosts have no order."""
    half = hashlib.blake2b(capture.url.encode(), digest_size=1).digest()[0] % 2
    return "articles-00000.warc.gz" if curated else f"web-{half:05}.warc.gz"


def verdict(source: str, capture: Capture) -> dict[str, Any]:
    """Returns one line of the truth."""
    return {
        "url": capture.url,
        "source": source,
        "host": capture.host,
        "expect": capture.expect,
        "stage": capture.stage,
        "why": capture.why,
        "prose": capture.prose,
    }


def labels(captures: Iterable[Capture], label: str) -> Iterator[dict[str, str]]:
    """Yields the training texts of a label as the extractor sees them: every other page of a kind, no more."""
    seen: Counter[str] = Counter()
    for capture in captures:
        if capture.trains != label:
            continue
        kind = capture.host if capture.prose else capture.why
        seen[kind] += 1
        if seen[kind] % 2:
            for text in chunks(capture.text or main_text(capture.markup, "", Extract()).text):
                yield {"text": text, "url": capture.url}


def chunks(text: str) -> list[str]:
    """Returns the text in pieces of equal length, of about CHUNK words each."""
    words = text.split()
    count = max(1, round(len(words) / CHUNK))
    return [" ".join(words[len(words) * n // count : len(words) * (n + 1) // count]) for n in range(count)]


def json_lines(rows: Iterable[dict[str, Any]]) -> bytes:
    """Returns rows as JSON lines in UTF-8."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
