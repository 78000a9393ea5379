"""Our verdicts on 2,119 real robots.txt files beside Protego's, and a cause for each one that differs.

A cause is a rewriting of the file that RFC 9309, or a statement of ours, calls the same file. The rewritings are made
one after the other, and the first after which Protego's verdict is ours is the cause.

python tests/gates/test_robots_truth.py    # prints the table
"""

import base64
import json
import os
import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import ada_url
import pytest
from backports import zstd
from protego import Protego

from curate.web import robots

DATA = Path(os.environ.get("CURATE_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))
PATTERNS, AGENTS = 8, 2  # how many of a file's own are asked about
AGENT_NAMES = r"user[- ]?agent"
RULE_NAMES = r"disallow|dissallow|dissalow|disalow|diasllow|disallaw|allow"
AGENT = re.compile(rf"(?im)^([ \t]*(?:{AGENT_NAMES})[ \t]*:?[ \t]*)([^#\r\n]*)")
RULE = re.compile(rf"(?im)^([ \t]*(?:{RULE_NAMES})[ \t]*:?[ \t]*)([^#\r\n]*)")
OTHER_LINE = re.compile(rf"(?im)^[ \t]*(?!{AGENT_NAMES}|{RULE_NAMES})[^\r\n]+")
WHOLE_URL = re.compile(r"https?://[^/\s]*/?")
TOKEN = re.compile(r"[A-Za-z_-]*")


class Cause(NamedTuple):
    """Why verdicts differ; `rfc` is the section of RFC 9309 that bears us out, "" where we are stricter by choice."""

    name: str
    rfc: str
    why: str
    rewrite: Callable[[str, str], str]


class Question(NamedTuple):
    """A URL asked about for an agent of a file; `cause` is "" where both answer the same."""

    file: str
    agent: str
    url: str
    allowed: bool
    cause: str


def unmarked(text: str, agent: str) -> str:
    return text.lstrip("\ufeff")


def cut_to_token(text: str, agent: str) -> str:
    def cut(match: re.Match[str]) -> str:
        name = match[2].strip()
        return match[1] + (name if name == "*" else TOKEN.match(name)[0])

    return AGENT.sub(cut, text)


def other_lines_dropped(text: str, agent: str) -> str:
    return OTHER_LINE.sub("", text)


def whole_urls_dropped(text: str, agent: str) -> str:
    return RULE.sub(lambda match: match[1] + ("" if WHOLE_URL.match(match[2]) else match[2]), text)


def slashes_added(text: str, agent: str) -> str:
    def rooted(match: re.Match[str]) -> str:
        bare = (
            match[1].strip().lower().startswith("d")
            and match[2][:1] not in ("", "/", "*", "$")
            and not WHOLE_URL.match(match[2])
        )
        return f"{match[1]}/{match[2]}" if bare else match[0]

    return RULE.sub(rooted, text)


def whole_urls_cut(text: str, agent: str) -> str:
    return RULE.sub(lambda match: match[1] + WHOLE_URL.sub("/", match[2]), text)


CAUSES = (
    Cause("byte order mark", "2.2", "the file is UTF-8; its mark is no part of the first line", unmarked),
    Cause("product token", "2.2.1", "a User-agent line stands for its leading [A-Za-z_-]", cut_to_token),
    Cause("lines between", "2.2.4", "other lines do not part the User-agent lines of a group", other_lines_dropped),
    Cause("no leading slash", "", "a Disallow without its slash is held to mean the path", slashes_added),
    Cause("whole URL, as text", "2.2", "a pattern starts with a slash, so a URL is none", whole_urls_dropped),
    Cause("whole URL, as path", "", "a Disallow of a URL is held to mean its path", whole_urls_cut),
)


def asked(name: str, text: str) -> tuple[list[str], list[str]]:
    """Agents and URLs to ask of a file: from its own names and patterns, and one at random; the same each time."""
    draw = random.Random(name)
    values = sorted({match[2].strip() for match in RULE.finditer(text)} - {""})
    names = {TOKEN.match(match[2].strip())[0].lower() for match in AGENT.finditer(text)} - {"curate"}
    named = sorted(agent for agent in names if len(agent) > 1)  # Protego gives one letter no more weight than `*`
    paths = {"/", "/" + "".join(draw.choices("abc/?&=._-~%$*", k=12))}
    for value in draw.sample(values, min(PATTERNS, len(values))):
        for run in ("", "x/y"):
            path = value.removesuffix("$").replace("*", run)
            paths |= {path, f"{path}z", path[:-1]}
    urls = {f"https://example.com{path if path.startswith('/') else f'/{path}'}" for path in paths}
    agents = ["curate", *draw.sample(named, min(AGENTS, len(named)))]
    return agents, sorted({ada_url.normalize_url(url) for url in urls if ada_url.check_url(url)})


def cause_of(text: str, agent: str, url: str, allowed: bool) -> str:
    for cause in CAUSES:
        changed = cause.rewrite(text, agent)
        if Protego.parse(changed).can_fetch(url, agent) == allowed:
            return cause.name
        text = text if cause.rewrite is whole_urls_dropped else changed
    return "?"


def answers(files: dict[str, str]) -> Iterator[Question]:
    for name, encoded in files.items():
        body = base64.b64decode(encoded)
        text = body.decode("utf-8", "replace")
        ours, theirs = robots.parse(body), Protego.parse(text)
        agents, urls = asked(name, text)
        for agent in agents:
            for url in urls:
                allowed = ours.verdict(agent, url).allowed
                same = allowed == theirs.can_fetch(url, agent)
                yield Question(name, agent, url, allowed, "" if same else cause_of(text, agent, url, allowed))


def read(path: Path) -> list[Question]:
    return list(answers(json.loads(zstd.decompress(path.read_bytes()))))


def lines(questions: list[Question]) -> list[str]:
    """The table for people."""
    counts = Counter((question.cause, question.allowed) for question in questions)
    files = defaultdict(set)
    for question in questions:
        files[question.cause].add(question.file)
    differing = [question for question in questions if question.cause]
    part = (
        f"{len(differing):,} ({len(differing) / len(questions):.2%})"
        f" in {len({question.file for question in differing}):,} files"
    )
    rows = [
        f"{len(questions):,} questions to {len({question.file for question in questions}):,} files;"
        f" answered differently: {part}"
    ]
    rows.append(f"{'cause':20} {'RFC 9309':8} {'stricter':>8} {'looser':>6} {'files':>5}  because")
    for name, rfc, why, _ in (*CAUSES, Cause("?", "", "not explained", unmarked)):
        strict, loose = counts[name, False], counts[name, True]
        rows.append(f"{name:20} {rfc or '-':8} {strict:8,} {loose:6,} {len(files[name]):5}  {why}")
    return rows


@pytest.fixture(scope="module")
def questions(data):
    return read(data("robots") / "real-robots.json.zst")


def test_every_verdict_that_differs_from_protegos_has_a_cause(questions):
    print("\n".join(lines(questions)))
    assert [question for question in questions if question.cause == "?"] == []
    assert len(questions) > 70_000


def test_we_are_looser_only_where_the_rfc_says_so(questions):
    by_the_rfc = {cause.name for cause in CAUSES if cause.rfc}
    assert [
        question for question in questions if question.allowed and question.cause and question.cause not in by_the_rfc
    ] == []


if __name__ == "__main__":
    print("\n".join(lines(read(DATA / "robots" / "real-robots.json.zst"))))
