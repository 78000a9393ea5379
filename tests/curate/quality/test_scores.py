"""The cut keeps exactly the share that is asked for, the best first, and draws among equals by the id."""

import math
from datetime import UTC, datetime
from fractions import Fraction
from itertools import pairwise

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stage_files import vouch

from curate.quality import scores
from curate.quality.config import Score
from curate.quality.keep import reason
from curate.records import Document, document_id

NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)
VALUES = st.lists(st.floats(0, 1, width=32) | st.sampled_from([0.0, 0.5, 1.0]), min_size=1, max_size=60)


def document(number, score, source="web"):
    return Document(
        id=document_id(str(number), NOON, b""), url="", timestamp=NOON, source=source, text="", quality=score
    )


def parts(folder, documents, places=(10, 30)):
    """The documents as parts of scores, cut at these places."""
    edges, paths = [0, *places, len(documents)], []
    for number, (start, stop) in enumerate(pairwise(edges)):
        rows = [{"id": row.id, "source": row.source, "quality": row.quality} for row in documents[start:stop]]
        paths.append(folder / f"part-{number:05d}.parquet")
        pq.write_table(pa.Table.from_pylist(rows, schema=scores.SCORES), paths[-1])
        vouch(paths[-1], number)
    return paths


def kept(documents, cut, seed=0, only=()):
    rules = Score(model="m", keep="fraction", only=only)
    return [judged for judged in documents if reason(judged, rules, seed, cut) is None]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("scores")


@given(VALUES, st.floats(0.001, 1), st.integers(0, 3))
def test_exactly_the_share_is_kept_and_none_scores_less_than_one_that_is_dropped(folder, values, fraction, seed):
    documents = [document(number, score) for number, score in enumerate(values)]
    cut = scores.cut(parts(folder, documents), fraction, (), seed)
    stay = kept(documents, cut, seed)
    assert len(stay) == math.ceil(Fraction(str(fraction)) * len(values))
    gone = [dropped.quality for dropped in documents if dropped not in stay]
    assert min(keeper.quality for keeper in stay) >= max(gone, default=0.0)


@pytest.mark.parametrize(("fraction", "count"), [(0.07, 7), (0.14, 14), (0.28, 28), (0.55, 55), (1.0, 100)])
def test_a_share_is_meant_as_it_is_written(folder, fraction, count):
    documents = [document(number, number / 128) for number in range(100)]
    assert len(kept(documents, scores.cut(parts(folder, documents), fraction, (), 0))) == count


@given(VALUES, st.floats(0.001, 1), st.randoms(use_true_random=False))
def test_neither_the_order_nor_the_parts_change_who_is_kept(folder, values, fraction, random):
    documents = [document(number, score) for number, score in enumerate(values)]
    cut = scores.cut(parts(folder, documents), fraction, (), 0)
    random.shuffle(documents)
    assert scores.cut(parts(folder, documents, (1, 1, 7)), fraction, (), 0) == cut


def test_only_the_documents_of_the_named_sources_count_and_are_judged(folder):
    web = [document(number, number / 100) for number in range(100)]
    books = [document(1000 + number, 0.0, "books") for number in range(50)]
    cut = scores.cut(parts(folder, web + books), 0.1, ("web",), 0)
    assert kept(web + books, cut, only=("web",)) == web[90:] + books


def test_of_equals_other_seeds_keep_others(folder):
    equal = [document(number, 0.5) for number in range(100)]
    first, second = (kept(equal, scores.cut(parts(folder, equal), 0.5, (), seed), seed) for seed in (0, 1))
    assert len(first) == len(second) == 50
    assert first != second


def test_no_documents_have_no_cut(folder):
    assert scores.cut(parts(folder, [], ()), 0.5, (), 0) is None


QUANTILES = [number / 100 for number in range(101)]


@given(VALUES, st.permutations(range(3)))
def test_alpha_depends_on_the_scores_alone_and_not_on_the_parts(folder, values, order):
    documents = [document(number, score) for number, score in enumerate(values)]
    fitted = scores.alpha(parts(folder, documents), QUANTILES, ())
    cut = parts(folder, documents, (1, 2))
    assert scores.alpha([cut[place] for place in order], QUANTILES, ()) == fitted
    assert 0.1 <= fitted <= 100


def test_alpha_is_of_the_sources_that_the_rule_judges_and_gpt_3_s_where_there_is_nothing_to_judge(folder):
    web = [document(number, (number / 100) ** 4) for number in range(100)]
    books = [document(1000 + number, (number / 100) ** 2, "books") for number in range(100)]
    both = parts(folder, [*web, *books])
    alone = {source: scores.alpha(both, QUANTILES, (source,)) for source in ("web", "books")}
    assert alone["web"] > alone["books"] > 0.1
    assert scores.alpha(parts(folder, web), QUANTILES, ()) == alone["web"]
    assert scores.alpha(both, QUANTILES, ("other",)) == 9
