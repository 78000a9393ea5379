"""The labelled pages in other languages are sound, and the page of the values states as many."""

import json
import re
from collections import Counter
from pathlib import Path

import judge_languages

from curate.filters.language import LANGUAGES

PAGE = Path(__file__).parents[2] / "filters" / "languages" / "README.md"
ROW = re.compile(r"^\| (\w{2}) \| (\d+) \| (\d+) \| (\d+) \| (\d+) % \| (\d+) \| (\d+) \| (\d+) \|$", re.MULTILINE)


def test_the_file_holds_addresses_languages_and_labels_alone_sorted():
    rows = [json.loads(line) for line in judge_languages.FILE.read_text(encoding="utf-8").splitlines()]
    assert {frozenset(row) for row in rows} == {frozenset({"url", "language", "label"})}
    assert rows == sorted(rows, key=lambda row: (row["language"], row["url"]))
    assert len({row["url"] for row in rows}) == len(rows)
    assert {row["label"] for row in rows} == {judge_languages.PROSE, judge_languages.OTHER}
    assert {row["language"] for row in rows} == set(judge_languages.LANGUAGES) <= LANGUAGES


def test_the_page_states_the_labels_of_the_file_and_at_least_85_percent_of_prose_kept():
    counts = Counter((row.language, row.label) for row in judge_languages.labels().values())
    stated = {language: [*map(int, numbers)] for language, *numbers in ROW.findall(PAGE.read_text(encoding="utf-8"))}
    assert set(stated) == set(judge_languages.LANGUAGES)
    for language, (prose, published, kept, percent, other, *_) in stated.items():
        assert (prose, other) == (counts[language, "prose"], counts[language, "other"])
        assert published <= kept
        assert percent == round(100 * kept / prose) >= 85


def test_a_table_has_the_counts_of_each_language():
    numbers = Counter({("de", "prose", "all"): 8, ("de", "prose", "published"): 1, ("de", "prose", "language"): 6})
    lines = [*judge_languages.rows(numbers)]
    assert lines[2] == "| de | 8 | 1 | 6 | 75 % | 0 | 0 | 0 |"
    assert len(lines) == 2 + len(judge_languages.LANGUAGES)
