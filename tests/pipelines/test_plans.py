"""The recipe and the folder of a run decide what it starts."""

import pytest

from curate.pipelines import plans


@pytest.mark.parametrize(
    ("stage", "inputs", "closed", "answer"),
    [
        ("extract", ("a.jsonl", "crawl/*.warc.gz"), False, True),
        ("extract", ("folder",), False, True),
        ("extract", ("commoncrawl:CC-MAIN-2024-10",), False, True),
        ("extract", ("a.jsonl.gz", "b.txt"), False, False),
        ("extract", ("crawl/*.warc.gz",), True, False),
        ("filter", ("folder",), False, False),
    ],
)
def test_pages_are_to_be_extracted_where_an_input_may_hold_some_and_the_stage_is_open(
    stage, inputs, closed, answer, tmp_path
):
    if closed:
        (tmp_path / "stage.json").touch()
    assert plans.may_extract(stage, inputs, tmp_path) is answer
