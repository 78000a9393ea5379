"""Google's robots.txt conformance cases, each file of them, read from protobuf text format."""

import re

import pytest

from curate.web.robots import parse

TOKEN = re.compile(rb'#[^\n]*|"((?:[^"\\]|\\.)*)"|([a-z_]+)\s*:|([A-Z_]+)')
ESCAPE = re.compile(rb"\\(?:x([0-9A-Fa-f]{2})|(.))")
PLAIN = {b"n": b"\n", b"r": b"\r", b"t": b"\t"}


def fields(text: bytes) -> list[tuple[str, bytes]]:
    """Returns names and values in order, adjacent strings joined; comments are left out."""
    pairs: list[list] = []
    for string, name, word in TOKEN.findall(text):
        if name:
            pairs.append([name.decode(), b""])
        elif word:
            pairs[-1][1] = word
        elif string:
            pairs[-1][1] += ESCAPE.sub(unescaped, string)
    return [(name, value) for name, value in pairs]


def unescaped(escape: re.Match[bytes]) -> bytes:
    """Returns the bytes that an escape stands for."""
    return bytes.fromhex(escape[1].decode()) if escape[1] else PLAIN.get(escape[2], escape[2])


def expectations(text: bytes) -> list[tuple[bytes, str, str, bool]]:
    """Returns a row for each case: file, agent, URL and whether it may be fetched."""
    rows, last = [], {}
    for name, value in fields(text):
        last[name] = value
        if name == "expected_outcome":
            rows.append((last["robotstxt"], last["useragent"].decode(), last["testurl"].decode(), value == b"ALLOWED"))
    return rows


@pytest.fixture(scope="module")
def cases(data) -> dict[str, list]:
    return {path.stem: expectations(path.read_bytes()) for path in sorted(data("robots/spec-test").glob("*.textproto"))}


def test_every_case_has_the_outcome_that_google_expects(cases):
    wrong = [
        (name, agent, url, wanted)
        for name, rows in cases.items()
        for body, agent, url, wanted in rows
        if parse(body).verdict(agent, url).allowed is not wanted
    ]
    assert wrong == []


def test_all_cases_are_read(cases, data):
    texts = [path.read_bytes() for path in data("robots/spec-test").glob("*.textproto")]
    assert sum(map(len, cases.values())) == sum(text.count(b"expected_outcome:") for text in texts) > 0
