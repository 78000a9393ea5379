"""Pages per CPU second of the WARC writer against warcio's: response, request and metadata of each page, with digests.

    python tests/bench/writer.py [--repeat 3] [--pages 400] [--data ../shared/data/web]

The two take turns in one process on the same real pages; medians, ratio and bytes are printed. warcio packs by zlib's
level 9, which is its own choice.
"""

import argparse
import io
import statistics
import time
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from warcio.archiveiterator import ArchiveIterator
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from curate.warc.writer import Exchange, WarcWriter

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 1, 1, tzinfo=UTC)
REQUEST = [("Host", "a.test"), ("User-Agent", "bench")]
Captured = tuple[str, list[tuple[str, str]], bytes]


def pages(paths: list[Path]) -> list[Captured]:
    """URL, headers and body of the responses in these files."""
    captured = []
    for path in paths:
        with path.open("rb") as file:
            for record in ArchiveIterator(file):
                if record.rec_type == "response":
                    url = record.rec_headers.get_header("WARC-Target-URI")
                    captured.append((url, record.http_headers.headers, record.raw_stream.read()))
    return captured


def ours(captured: list[Captured]) -> int:
    """The bytes of a file by our writer."""
    file = io.BytesIO()
    writer = WarcWriter(file, prefix="bench")
    for number, (url, headers, body) in enumerate(captured):
        made = Exchange(
            key=str(number),
            url=url,
            date=NOW,
            ip="127.0.0.1",
            status_line=b"HTTP/1.1 200 OK",
            headers=tuple((name.encode(), value.encode()) for name, value in headers),
            body=body,
            request=b"GET / HTTP/1.1\r\nHost: a.test\r\nUser-Agent: bench\r\n\r\n",
            metadata={"fetchTimeMs": "1"},
        )
        writer.write(made)
    return len(file.getvalue())


def by_warcio(captured: list[Captured]) -> int:
    """The same by warcio."""
    file = io.BytesIO()
    writer = WARCWriter(file, gzip=True, warc_version="WARC/1.1")
    for url, headers, body in captured:
        http = StatusAndHeaders("200 OK", headers, protocol="HTTP/1.1")
        response = writer.create_warc_record(url, "response", payload=io.BytesIO(body), http_headers=http)
        asked = StatusAndHeaders("GET / HTTP/1.1", REQUEST, is_http_request=True)
        writer.write_request_response_pair(writer.create_warc_record(url, "request", http_headers=asked), response)
        fields = io.BytesIO(b"fetchTimeMs: 1\r\n")
        kind = "application/warc-fields"
        writer.write_record(writer.create_warc_record(url, "metadata", payload=fields, warc_content_type=kind))
    return len(file.getvalue())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--pages", type=int, default=400)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data" / "web")
    options = parser.parse_args()
    captured = list(islice(pages(sorted(options.data.glob("*.warc.gz"))[:2]), options.pages))
    seconds: dict[str, list[float]] = {"ours": [], "by_warcio": []}
    sizes = {}
    for _ in range(options.repeat):
        for way in (ours, by_warcio):
            start = time.process_time()
            sizes[way.__name__] = way(captured)
            seconds[way.__name__].append(time.process_time() - start)
    best = statistics.median(seconds["ours"])
    print(f"{len(captured)} pages, {sum(len(body) for *_, body in captured) / 1e6:.0f} MB of bodies")
    for name, times in seconds.items():
        middle = statistics.median(times)
        spread = f"{len(captured) / max(times):,.0f} to {len(captured) / min(times):,.0f}"
        speed = f"{len(captured) / middle:7,.0f} pages/s ({spread}), {sizes[name] / 1e6:.1f} MB"
        print(f"{name:10} {speed}; ours is {middle / best:.2f} times as fast")


if __name__ == "__main__":
    main()
