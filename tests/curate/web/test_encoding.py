"""A page's bytes become its text, as in browsers, also with wrong labels and wrong bytes."""

import json
from pathlib import Path

import pytest

from curate.web.encoding import decode

CASES = json.loads((Path(__file__).parents[2] / "cases" / "encodings.json").read_text())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_page_is_read_in_the_encoding_that_its_bytes_are_in(case):
    before, after = f"{case.get('before', '')}<html><head>{case['head']}</head><p>", "</p></html>"
    packed = case["text"].encode(case["encoding"])
    body = before.encode(case["encoding"]) + packed[: len(packed) - case.get("cut", 0)]
    body += bytes.fromhex(case.get("behind", "")) + after.encode(case["encoding"])
    text = decode(body, case["header"])
    assert text.startswith(before + case["text"][: len(case["text"]) - case.get("cut", 0)])
    assert text.endswith(after)
    assert len(text) <= len(before + case["text"] + after) + 2


def test_a_label_that_lies_and_bytes_that_tell_nothing_are_windows_1252():
    assert decode(b"caf\xe9 cr\xe8me", "utf-8") == "café crème"


@pytest.mark.parametrize("text", ["2\0" * 3, "x\0y", "a\0"])
def test_a_few_nul_characters_are_not_utf_16(text):
    assert decode(text.encode(), "") == text


def test_an_encoding_is_judged_by_what_is_not_ascii_wherever_that_stands():
    text = "<p>word </p>" * 50_000 + "Смотритель маяка спускался к гавани. " * 9
    assert decode(text.encode("cp1251"), "utf-8") == text
