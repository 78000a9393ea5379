"""Pages of reported faults: encodings, and what HTTP and WARC hold, come out as expected."""

import json
import re

import pytest

from curate.extract.config import Extract
from curate.extract.page import attempt
from curate.records import Document, Page, Skipped
from curate.warc.reader import read_file

KINDS = re.compile("enc|w_|z_")  # the other pages are about structure
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


def outcomes(data, name):
    """Returns the outcome of each record of a page's file."""
    read = read_file(data("field") / "pages" / f"{name}.warc.gz")
    return [attempt(page, "web", Extract()) if isinstance(page, Page) else page for page in read]


def test_pages_are_read_as_expected(data):
    cases = json.loads((data("field") / "pages.json").read_text())
    faults = {}
    for case in cases:
        name, expected = case["name"], case["expected"]
        if not KINDS.match(name) or not (data("field") / "pages" / f"{name}.warc.gz").is_file():
            continue
        (outcome,) = outcomes(data, name)
        if expected == "refused":
            ok = getattr(outcome, "rule", "") == "extract.mime"
        elif expected.startswith("skipped"):
            ok = outcome == Skipped("resource")
        elif not isinstance(outcome, Document):
            ok = False
        elif expected.startswith("text holds: "):
            ok = expected.removeprefix("text holds: ") in outcome.text and not MOJIBAKE.search(outcome.text)
        elif name == "z_conn":
            ok = outcome.language == "ru"
        else:
            ok = all(words in outcome.text for words in WHOLE) and outcome.flags == FLAGS.get(name)
        if not ok:
            faults[name] = outcome
    assert faults == {}


@pytest.mark.parametrize("name", ["w_gz_badcrc", "w_cont100"])
def test_nothing_of_a_page_is_lost_that_another_form_of_it_holds(name, data):
    (whole,), (mended,) = outcomes(data, "w_br"), outcomes(data, name)
    assert mended.text == whole.text
