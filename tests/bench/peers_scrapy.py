"""scrapy's side of `crawl.py`: a list of links to a WARC file, run by the Python of .venv-peers.

    .venv-peers/bin/python tests/bench/peers_scrapy.py --links FILE --resolve FILE --out DIR --contact URL --delay 0.5

Set up as scrapy's own page about broad crawls has it, at its defaults but for this: robots.txt is obeyed; a request at
a time to each host and as many at once as there are hosts; the delay as it is given, not drawn at random around it; no
cookies, console or log; names come from a file, by a resolver where scrapy has a place for one. A downloader middleware
writes requests and responses by warcio, below the one that takes content codings off, so that bodies are stored as they
came. robots.txt is not stored, as curate does not store it; curate's metadata records, index and outcomes have no
counterpart here.
"""

import argparse
import io
from pathlib import Path
from urllib.parse import urlsplit

from scrapy import Spider, signals
from scrapy.crawler import CrawlerProcess
from scrapy.http import Request
from scrapy.resolver import CachingThreadedResolver
from twisted.internet.defer import fail, succeed
from twisted.internet.error import DNSLookupError
from twisted.web.http import RESPONSES
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter


class Pinned(CachingThreadedResolver):
    """Names to addresses by a file of HOST:PORT:ADDRESS lines."""

    @classmethod
    def from_crawler(cls, crawler, reactor):
        """With the file that the settings name."""
        made = super().from_crawler(crawler, reactor)
        lines = Path(crawler.settings["RESOLVE_FILE"]).read_text().split()
        made.addresses = {host: address for host, _, address in (line.split(":") for line in lines)}
        return made

    def getHostByName(self, name, timeout=()):
        """Does what Twisted asks for."""
        address = self.addresses.get(name)
        return succeed(address) if address else fail(DNSLookupError(name))


class Warc:
    """Writes every exchange but robots.txt."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self._file = (folder / "scrapy.warc.gz").open("wb")
        self._writer = WARCWriter(self._file, gzip=True, warc_version="WARC/1.1")
        info = {"software": "scrapy with warcio", "format": "WARC File Format 1.1"}
        self._writer.write_record(self._writer.create_warcinfo_record("scrapy.warc.gz", info))

    @classmethod
    def from_crawler(cls, crawler):
        """In the folder that the settings name."""
        made = cls(Path(crawler.settings["WARC_FOLDER"]))
        crawler.signals.connect(made.close, signal=signals.spider_closed)
        return made

    def process_response(self, request, response):
        """Write a response as it came, with its request."""
        parts = urlsplit(request.url)
        if parts.path == "/robots.txt":
            return response
        writer, url = self._writer, response.url
        status = f"{response.status} {RESPONSES.get(response.status, b'').decode()}"
        http = StatusAndHeaders(status, pairs(response.headers), protocol="HTTP/1.1")
        fields = {"WARC-IP-Address": str(response.ip_address)} if response.ip_address else {}
        body = io.BytesIO(response.body)
        record = writer.create_warc_record(url, "response", payload=body, http_headers=http, warc_headers_dict=fields)
        line = f"{request.method} {parts.path or '/'}{'?' + parts.query if parts.query else ''} HTTP/1.1"
        asked = StatusAndHeaders(line, [("Host", parts.netloc), *pairs(request.headers)], is_http_request=True)
        writer.write_request_response_pair(writer.create_warc_record(url, "request", http_headers=asked), record)
        return response

    def close(self) -> None:
        """The file is whole."""
        self._file.close()


def pairs(headers) -> list[tuple[str, str]]:
    """Header fields, a value each."""
    return [(name.decode("latin-1"), value.decode("latin-1")) for name in headers for value in headers.getlist(name)]


class Links(Spider):
    """Asks for a list of links and follows none."""

    name = "links"

    async def start(self):
        """A request for each line."""
        with Path(self.settings["LINKS_FILE"]).open() as lines:
            for line in lines:
                yield Request(line.strip())

    def parse(self, response):
        """The page is in the WARC already."""


def settings(chosen: argparse.Namespace) -> dict:
    """Returns the settings of scrapy."""
    lines = chosen.links.read_text().split()
    return {
        "LINKS_FILE": str(chosen.links),
        "RESOLVE_FILE": str(chosen.resolve),
        "WARC_FOLDER": str(chosen.out),
        "USER_AGENT": f"scrapy-bench/1.0 (+{chosen.contact})",
        "ROBOTSTXT_OBEY": True,
        "CONCURRENT_REQUESTS": max(16, len({urlsplit(line).netloc for line in lines})),
        "CONCURRENT_REQUESTS_PER_DOMAIN": 1,
        "DOWNLOAD_DELAY": chosen.delay,
        "DOWNLOAD_DELAY_JITTER": 0.0,
        "TWISTED_DNS_RESOLVER": Pinned,
        "DOWNLOADER_MIDDLEWARES": {Warc: 595},
        "COOKIES_ENABLED": False,
        "TELNETCONSOLE_ENABLED": False,
        "LOG_LEVEL": "ERROR",
    }


def main() -> None:
    """Crawl, and end when all is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("links", "resolve", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--contact", required=True)
    parser.add_argument("--delay", type=float, required=True)
    process = CrawlerProcess(settings(parser.parse_args()))
    process.crawl(Links)
    process.start()


if __name__ == "__main__":
    main()
