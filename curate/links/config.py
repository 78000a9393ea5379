"""Defines a recipe's [links] table, the rules by which links become candidates, and the presets for it."""

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
    """The rules by which links become candidates; a value that a table names replaces its preset's.

    score: how the scores of all submissions of a page become its votes. "any" and "max" take the highest score, "sum"
    adds them up, where a link and its crossposts count once.
    """

    preset: str = ""  # one of PRESET_NAMES, or '' for the values below
    format: str = "auto"  # the form of the inputs, one of FORMATS; "auto" goes by the name of each file
    column: str = "url"  # the column of URLs in rows that are no submissions: its name, or its number from 0
    score: str = "any"  # "any", "max" or "sum"
    min_score: int = 3  # a page with fewer votes is no candidate
    unscored: int = 3  # the score of a link whose source has none (lists, outlinks, sitemaps)
    since: str = ""  # the first day (UTC) of submissions, such as 2017-12-31; '' for no limit
    until: str = ""  # the last day (UTC) of submissions; '' for no limit
    maturity_hours: int = 24  # a score that is read sooner after posting is immature (hours)
    immature: str = "keep"  # "keep" or "drop" submissions whose score is immature
    over_18: str = "drop"  # "keep" or "drop" submissions that are marked over 18
    quarantined: str = "drop"  # "keep" or "drop" submissions that are quarantined
    removed: str = "drop"  # "keep" or "drop" submissions that were removed
    promoted: str = "drop"  # "keep" or "drop" submissions that are advertisements
    subreddits: tuple[str, ...] = ()  # names of subreddits that are dropped, whatever their case
    exclude: tuple[str, ...] = ("wikipedia", "media", "social", "adult")  # kinds of hosts (`curate.web.domains`)
    domains: tuple[str, ...] = ()  # more hosts that are dropped, each with all hosts below it
    allow: tuple[str, ...] = ()  # hosts that are kept although a list or a kind names them
    extensions: tuple[str, ...] = MEDIA_EXTENSIONS  # ends of paths that are dropped, such as ".jpg"
    max_length: int = 2048  # characters of an address
    internal: bool = False  # keep also the links of a page to its own host
    amp_paths: bool = False  # take `/amp/` and `?amp=1` off an address
    provenance: int = 100  # submissions that are listed with one candidate
    max_line_bytes: int = 16 << 20  # a longer line is dropped (bytes)
    max_dump_bytes: int = 1 << 42  # a file is read no further (bytes, unpacked)

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
        """Returns the first second of `since`, in seconds since 1970, or None."""
        return int(_day("since", self.since).timestamp()) if self.since else None

    @property
    def last_second(self) -> int | None:
        """Returns the last second of `until`, in seconds since 1970, or None."""
        if not self.until:
            return None
        next_day = _day("until", self.until) + timedelta(days=1)
        return int(next_day.timestamp()) - 1


def _day(name: str, text: str) -> datetime:
    """Returns the start of a day; raises ValueError that names the setting."""
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

PRESETS = {preset.preset: preset for preset in (WEBTEXT, WEBTEXT2, OPENWEBTEXT, OPENWEBTEXT2)}


def with_preset(table: Table) -> Table:
    """Returns a [links] table with the values of the preset that it names underneath."""
    name = table.get("preset", "")
    preset = PRESETS.get(name) if isinstance(name, str) else None
    return merge(to_table(preset), table) if preset else table
