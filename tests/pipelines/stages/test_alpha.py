"""The Pareto rule with an alpha that the run's own scores give: stated in the record, and decided by it alone."""

import json
from dataclasses import replace

import pyarrow.parquet as pq
import pytest

from curate.quality import model_file, scores
from curate.quality.config import Score
from curate.quality.keep import reason
from curate.records import Document

NEWS = "The council said on Tuesday that the bridge over the river, which was closed in March, would be open by spring."
SALE = "Buy now, best price, free shipping, click here to add to cart, save big on all top brands today only."


@pytest.fixture(scope="module")
def scored(call, tmp_path_factory):
    folder = tmp_path_factory.mktemp("alpha")
    for part in range(2):
        rows = [{"text": f"{SALE if number % 4 else NEWS} {part} {number}."} for number in range(20)]
        lines = (json.dumps(row | {"url": f"http://{part}/{number}"}) + "\n" for number, row in enumerate(rows))
        (folder / f"{part}.jsonl").write_text("".join(lines))
    done = call("score", folder / "0.jsonl", folder / "1.jsonl", "-o", folder / "score", "--set", "score.alpha=fit")
    assert done.code == 0, done.err
    return folder / "score", done


def rows_of(folder):
    return [row for path in sorted(folder.glob("part-*.parquet")) for row in pq.read_table(path).to_pylist()]


def test_the_alpha_is_in_the_record_and_on_the_screen_and_is_that_of_the_scores(scored):
    folder, done = scored
    alpha = json.loads((folder / "stage.json").read_text())["settings"]["alpha"]
    assert f"alpha {alpha} is fitted" in done.out
    parts = sorted((folder / "scores").glob("part-*.parquet"))
    assert alpha == scores.alpha(parts, model_file.positives(Score(), folder), ())


def test_the_draw_is_by_that_alpha(scored):
    folder, _ = scored
    settings = json.loads((folder / "stage.json").read_text())["settings"]
    rules = replace(Score(), alpha=settings["alpha"])
    rated = rows_of(folder / "scores")
    kept = {row["id"] for row in rows_of(folder)}
    assert 0 < len(kept) < len(rated)
    for row in rated:
        document = Document(id=row["id"], url="", timestamp=None, source=row["source"], text="", quality=row["quality"])
        assert (reason(document, rules, settings["seed"]) is None) == (row["id"] in kept)


def test_a_model_whose_card_states_no_scores_fails_before_any_work(call, tmp_path):
    (tmp_path / "own.ftz").write_bytes(model_file.shipped().read_bytes())
    (tmp_path / "a.jsonl").write_text(json.dumps({"text": NEWS}) + "\n")
    words = ("--set", "score.alpha=fit", "--set", f"score.model={tmp_path / 'own.ftz'}")
    done = call("score", tmp_path / "a.jsonl", "-o", tmp_path / "out", *words)
    assert done.code == 2
    assert "needs the scores of good documents" in done.error
    assert not [*(tmp_path / "out").rglob("part-*")]
