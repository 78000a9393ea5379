"""Scoring as a stage, with the model that ships: the column is written, the rules keep what they say."""

import json

import pyarrow.parquet as pq
import pytest

pytestmark = pytest.mark.processes

PROSE = (
    "In the spring of that year the council met to decide what should become of the old bridge, which had stood for "
    "two centuries and which, in the opinion of member {}, would not stand for another ten years."
)
SHOP = "Add to cart Free shipping Sign in Wish list Compare prices Item {} Checkout Newsletter Subscribe Contact us"


@pytest.fixture(scope="module")
def documents(tmp_path_factory):
    path = tmp_path_factory.mktemp("documents") / "documents.jsonl"
    texts = [form.format(number) for number in range(8) for form in (PROSE, SHOP)]
    rows = [{"text": text, "url": f"http://a.example/{number}"} for number, text in enumerate(texts)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def scored(call, documents, out, *assignments):
    """Text to score of the kept documents."""
    done = call("score", documents, "-o", out, *(word for setting in assignments for word in ("--set", setting)))
    assert done.code == 0, done.err
    rows = [row for part in sorted(out.glob("part-*.parquet")) for row in pq.read_table(part).to_pylist()]
    return {row["text"]: row["quality"] for row in rows}


def test_without_a_model_of_ones_own_prose_is_told_from_a_shop(call, documents, tmp_path):
    scores = scored(call, documents, tmp_path / "all", 'score.keep="all"')
    assert len(scores) == 16
    assert min(score for text, score in scores.items() if "bridge" in text) > 0.8
    assert max(score for text, score in scores.items() if "cart" in text) < 0.1


def test_the_threshold_of_a_top_share_keeps_that_share(call, documents, tmp_path):
    every = scored(call, documents, tmp_path / "score", 'score.keep="all"', 'score.model="default"')
    threshold = json.loads(call("quality", "threshold", tmp_path / "score", "--fraction", "0.25", "--json").out)
    assert threshold["documents"] == 16
    kept = scored(
        call, documents, tmp_path / "top", 'score.keep="threshold"', f"score.threshold={threshold['score']!r}"
    )
    assert len(kept) == threshold["kept"] >= 4
    assert min(kept.values()) == threshold["score"]
    assert set(kept) == {text for text, score in every.items() if score >= threshold["score"]}
