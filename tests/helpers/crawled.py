"""A crawl of the loopback web by the command, and what it left."""

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from judge import Rules, Verdict, judge
from loopback.process import Running

CONTACT = "https://operator.test/bot"
QUICK = {
    "min_delay": 0.3,
    "address_delay": 0.25,
    "defer_seconds": 0.5,
    "connect_seconds": 2.0,
    "first_byte_seconds": 2.0,
    "idle_seconds": 2.0,
    "hosts_per_lot": 20,
}
PROCESSES = ["--workers", "2", "--", "--direct_running_mode=multi_processing"]
RULES = Rules(min_delay=0.3, address_delay=0.25)


def arguments(web: Running, urls: list[str], folder: Path, **more: Any) -> list[str]:
    """Returns the arguments of `curate` to crawl these URLs of a web into folder/out."""
    path = folder / "urls.txt"
    path.write_text("".join(f"{url}\n" for url in urls))
    settings = {**QUICK, "authority": str(web.authority), **more}
    options = [f"crawl.{name}={_toml(value)}" for name, value in settings.items()]
    words = ["crawl", str(path), "-o", str(folder / "out"), "--contact", CONTACT, "--allow-network", "127.0.0.0/8"]
    return [*words, "--resolve", f"@{web.resolve}", *(word for option in options for word in ("--set", option))]


def _toml(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value).replace("'", '"')


def rows(out: Path, name: str = "part") -> list[dict[str, Any]]:
    """The rows of all tables of this name."""
    return [row for path in sorted(out.glob(f"{name}-*.parquet")) for row in pq.read_table(path).to_pylist()]


def outcomes(out: Path) -> dict[str, str]:
    """The outcome of each URL; every one has exactly one."""
    table = rows(out)
    by_url = {row["url"]: row["outcome"] for row in table}
    assert len(by_url) == len(table)
    return by_url


def verdict(web: Running) -> Verdict:
    """Returns the judge's verdict on all that the web was asked."""
    return judge(web.ledger(), web.plan, RULES)
