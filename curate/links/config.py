"""Which links become candidates: a recipe's [links] table, and the presets that it can begin from."""

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from curate.settings import Table, check, merge, to_table
from curate.web.domains import KINDS, MEDIA_EXTENSIONS

FORMATS = ("auto", "submissions", "lines", "text", "csv", "parquet", "wat", "warc", "sitemap")
PRESET_NAMES = ("webtext", "webtext2", "openwebtext", "openwebtext2")
HOST = re.compile(r"[^\s/:@?#]+")
# fmt: off
OPENWEBTEXT2_EXTENSIONS = (
    ".png", ".jpg", ".jpeg", ".gif", ".gifv", ".pdf", ".mp4", ".mp3", ".ogv", ".webm", ".doc", ".docx", ".log",
    ".csv", ".dat", ".iso", ".bin", ".exe", ".apk", ".jar", ".app", ".ppt", ".pps", ".pptx", ".xml", ".gz", ".xz",
    ".bz2", ".tgz", ".tar", ".zip", ".wma", ".mov", ".wmv", ".3gp", ".svg", ".rar", ".wav", ".avi", ".7z",
)
OPENWEBTEXT_EXTENSIONS = (
    *OPENWEBTEXT2_EXTENSIONS,
    ".swf", ".css", ".mid", ".midi", ".mpg", ".mpeg", ".mkv", ".qt", ".ram", ".tiff", ".txt", ".aif", ".ogg", ".deb",
    ".pkg", ".dmg", ".sql", ".py", ".otf", ".ttf", ".bmp", ".ai", ".psd", ".js",
)
# fmt: on


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """Which links become candidates; a preset's values come first, then those named beside it.

    format: what the inputs are, "auto" by their names. column: where a URL stands in rows that are no submissions, a
    name or a number from 0. score: what counts as a page's votes, over all submissions of it: "any" and "max" take the
    highest score, "sum" adds them up, a link and its crossposts once. unscored: the score of a link whose source has
    none (lists, outlinks, sitemaps). since, until: days (UTC) of submissions, both included.
    maturity_hours: a score read sooner after posting is immature; immature, over_18, quarantined, removed, promoted:
    "keep" or "drop" such submissions. subreddits: left out, without case. exclude: kinds of hosts
    (`curate.web.domains`); domains: more of them; allow: hosts that are kept all the same.
    internal: also links of a page to its own host.
    amp_paths: `/amp/` and `?amp=1` are taken off. provenance: how many submissions are listed of one page.
    max_line_bytes, max_dump_bytes: a longer line is left out, a longer (unpacked) file is left off there.
    """

    preset: str = ""
    format: str = "auto"
    column: str = "url"
    score: str = "any"
    min_score: int = 3
    unscored: int = 3
    since: str = ""
    until: str = ""
    maturity_hours: int = 24
    immature: str = "keep"
    over_18: str = "drop"
    quarantined: str = "drop"
    removed: str = "drop"
    promoted: str = "drop"
    subreddits: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ("wikipedia", "media", "social", "adult")
    domains: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    extensions: tuple[str, ...] = MEDIA_EXTENSIONS
    max_length: int = 2048
    internal: bool = False
    amp_paths: bool = False
    provenance: int = 100
    max_line_bytes: int = 16 << 20
    max_dump_bytes: int = 1 << 42

    def __post_init__(self) -> None:
        names = ("", *PRESET_NAMES)
        check(self.preset in names, f"no preset is called {self.preset!r}; there are {', '.join(PRESET_NAMES)}")
        check(self.format in FORMATS, f"format is one of {', '.join(FORMATS)}, got {self.format!r}")
        check(self.score in ("any", "sum", "max"), f"score is any, sum or max, got {self.score!r}")
        for name in ("immature", "over_18", "quarantined", "removed", "promoted"):
            value = getattr(self, name)
            check(value in ("keep", "drop"), f"{name} is keep or drop, got {value!r}")
        unknown = [kind for kind in self.exclude if kind not in KINDS]
        check(not unknown, f"exclude names no kind {unknown[0] if unknown else ''!r}; known are {', '.join(KINDS)}")
        for host in (*self.domains, *self.allow):
            check(HOST.fullmatch(host) is not None, f"domains and allow hold bare host names, not {host!r}")
        for name in ("since", "until"):
            _day(name, getattr(self, name))
        check(self.maturity_hours >= 0, f"maturity_hours is at least 0, got {self.maturity_hours}")
        check(10 <= self.max_length <= 1 << 16, f"max_length lies in 10..65536, got {self.max_length}")
        check(1 <= self.provenance <= 10_000, f"provenance lies in 1..10000, got {self.provenance}")
        check(self.max_line_bytes >= 1024, f"max_line_bytes is at least 1024, got {self.max_line_bytes}")
        check(self.max_dump_bytes >= 1024, f"max_dump_bytes is at least 1024, got {self.max_dump_bytes}")
        check(bool(self.column), "column is a name, or a number from 0")

    @property
    def first_second(self) -> int | None:
        """The first second since 1970 that `since` lets in."""
        return int(_day("since", self.since).timestamp()) if self.since else None

    @property
    def last_second(self) -> int | None:
        """The last second since 1970 that `until` lets in."""
        return int((_day("until", self.until) + timedelta(days=1)).timestamp()) - 1 if self.until else None


def _day(name: str, text: str) -> datetime:
    try:
        return datetime.strptime(text or "1970-01-01", "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise ValueError(f"{name} is a day such as 2017-12-31, got {text!r}") from None


WEBTEXT = Links(preset="webtext", until="2017-12-31")
"""GPT-2's WebText (Radford et al. 2019, section 2.1, and its model card).

Published: outbound links of Reddit with at least 3 karma, none after December 2017, no Wikipedia, no subreddits that
are sexually explicit or otherwise offensive. Our reading: "with 3 karma" is some submission of the link; as the list of
subreddits was never published, submissions marked over 18 and our list of adult hosts stand for it; media and social
hosts are left out because WebText's published top 1,000 domains lack them, while google, github, ebay, pastebin and
mediafire, which are high in it, are kept. Removed and promoted submissions are left out.
"""

WEBTEXT2 = replace(WEBTEXT, preset="webtext2", until="2018-10-31")
"""WebText2 (Kaplan et al. 2020, arXiv:2001.08361, section 2.3): WebText and the links of January to October 2018."""

OPENWEBTEXT = Links(
    preset="openwebtext",
    quarantined="keep",
    removed="keep",
    promoted="keep",
    exclude=("openwebtext",),
    extensions=OPENWEBTEXT_EXTENSIONS,
)
"""jcpeterson/openwebtext (url_utils.py, extract_urls.py): score above 2, not over 18, lists of hosts and extensions.

Published code, which knows no other rule and takes its years from the command line: name the dumps, or set `until`.
Our reading: a domain stands for every host below it (theirs too, by registered domain); extensions are tested on the
path's last part alone. Their tests of a URL's length (at least 10) and ours (at most 2,048) hardly ever differ.
"""

OPENWEBTEXT2 = replace(
    OPENWEBTEXT,
    preset="openwebtext2",
    until="2020-04-30",
    score="sum",
    over_18="keep",
    exclude=("openwebtext2",),
    extensions=OPENWEBTEXT2_EXTENSIONS,
)
"""OpenWebText2 (EleutherAI): submissions of June 2005 to April 2020, scores of a URL summed, at least 3; its lists.

Our reading: the sum counts a link and its crossposts once, and runs over addresses that are equal under our key, where
theirs compares the strings.
"""

PRESETS = {each.preset: each for each in (WEBTEXT, WEBTEXT2, OPENWEBTEXT, OPENWEBTEXT2)}


def with_preset(table: Table) -> Table:
    """A [links] table with the values of the preset that it names underneath."""
    preset = PRESETS.get(table.get("preset", "")) if isinstance(table.get("preset", ""), str) else None
    return merge(to_table(preset), table) if preset else table
