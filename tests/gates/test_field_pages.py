"""Pages of reported faults: encodings, what HTTP and WARC hold, and structure come out as expected.

OPEN names the rows that are not right yet, with the reason; a row that is mended fails until it is taken out.
"""

import json
import os
import re
from pathlib import Path

import pytest
from field_texts import TEXTS

from curate.extract.config import Extract
from curate.extract.page import attempt
from curate.records import Document, Page, Reason, Skipped
from curate.warc.reader import read_file

FIELD = Path(os.environ.get("CURATE_TEST_DATA", Path(__file__).parents[2].parent / "shared" / "data")) / "field"
MOJIBAKE = re.compile("Ã|Ð[°-¿]|[\x80-\x9f]|Р[°µё]")
WHOLE = ("The harbour town kept its old clock tower", "In the spring of that year", "mechanism")
FLAGS = {
    "w_dup_clen": "length_mismatch",
    "w_gz_badcrc": "gzip:partial",
    "w_gz_decoded": "gzip:raw",
    "w_gz_unlabelled": "gzip:unnamed",
    "w_zstd_unlab": "zstd:unnamed",
    "z_gzcrc_big": "gzip:partial",
}
OPEN: dict[str, str] = {}


def rows() -> dict[str, str]:
    """Returns the names of the pages that are there, and what is expected of each."""
    if not FIELD.is_dir():
        return {}
    cases = json.loads((FIELD / "pages.json").read_text())
    return {case["name"]: case["expected"] for case in cases if page_file(case["name"]).is_file()}


def page_file(name: str) -> Path:
    """Returns the file of a page."""
    return FIELD / "pages" / f"{name}.warc.gz"


def outcome_of(name: str) -> object:
    """Returns the outcome of the one record of a page's file."""
    (outcome,) = [
        attempt(page, "web", Extract()) if isinstance(page, Page) else page for page in read_file(page_file(name))
    ]
    return outcome


def faults(name: str, expected: str, outcome: object) -> list[str]:
    """Returns what is wrong with the outcome of a page, a message for each fault."""
    if expected.startswith("skipped"):
        return [] if outcome == Skipped("resource") else [f"not skipped: {outcome}"]
    if expected == "refused":
        refused = isinstance(outcome, Reason) and outcome.rule == "extract.mime"
        return [] if refused else [f"not refused: {outcome}"]
    if not isinstance(outcome, Document):
        return [f"no document: {outcome}"]
    if name in TEXTS:
        return TEXTS[name].faults(outcome.text)
    if expected.startswith("text holds: "):
        messages = [f"mojibake {garbled[0]!r}"] if (garbled := MOJIBAKE.search(outcome.text)) else []
        part = expected.removeprefix("text holds: ")
        return messages if part in outcome.text else [*messages, f"nowhere {part!r}"]
    if name == "z_conn":
        return [] if outcome.language == "ru" else [f"language {outcome.language}"]
    messages = [f"nowhere {part!r}" for part in WHOLE if part not in outcome.text]
    return messages if outcome.flags == FLAGS.get(name) else [*messages, f"flags {outcome.flags}"]


def params() -> list:
    """Returns the rows as parameters; those in OPEN are expected to fail."""
    marks = {name: [pytest.mark.xfail(reason=reason, strict=True)] for name, reason in OPEN.items()}
    return [pytest.param(name, expected, id=name, marks=marks.get(name, [])) for name, expected in rows().items()]


@pytest.mark.parametrize(("name", "expected"), params())
def test_a_page_of_a_reported_fault_is_read_as_expected(name, expected):
    assert faults(name, expected, outcome_of(name)) == []


def test_every_page_of_the_set_is_judged_and_every_judgement_has_its_page(data):
    names = rows()
    data("field")
    by_text = {name for name in names if name[0] in "uvxy"}
    assert by_text == set(TEXTS)
    assert set(OPEN) <= set(names)


@pytest.mark.parametrize("name", ["w_gz_badcrc", "w_cont100"])
def test_nothing_of_a_page_is_lost_that_another_form_of_it_holds(name, data):
    data("field")
    assert outcome_of(name).text == outcome_of("w_br").text
