"""An index answers about the documents of its clusters, each once, and reads a row group at a time."""

import random

import index_additions
import pyarrow.parquet as pq
import pytest
from index_additions import Shuffles, add, address

from curate.dedup.clusters import components
from curate.dedup.index import answering, places, tables
from curate.dedup.index.generations import read_index
from curate.errors import DamageError
from curate.records import document_id

RULES = {"bands": 3, "rows": 2, "shingle": 2, "similarity": 0.5}
COMMON = [f"common{place}" for place in range(12)]


def text(name: str, own: int = 12) -> str:
    """Words of which others share a part."""
    return " ".join([*COMMON, *(f"{name}{place}" for place in range(own))])


def edited(words: str) -> str:
    return " ".join([*words.split()[:-1], "edit"])


def test_a_file_of_the_index_names_each_document_of_a_cluster_once(tmp_path, monkeypatch):
    texts, answers, edges = [text(name) for name in "abcdefghijkl"], [], answering._edges
    assert add(tmp_path, 0, [texts], RULES, Shuffles(0)) == {}

    def noted(*arguments):
        answers.append([*edges(*arguments)])
        return answers[-1]

    monkeypatch.setattr(answering, "_edges", noted)
    assert len(add(tmp_path, 1, [[*map(edited, texts)]], RULES, Shuffles(0))) == len(texts)
    pairs = [pair for answer in answers for pair in answer]
    assert len({*pairs}) == len(pairs)
    assert 12 < len(pairs) < 2 * len(texts)


def test_a_kept_document_that_too_few_rounds_left_out_of_its_cluster_still_beats_new_ones(tmp_path, monkeypatch):
    texts = [text(name) for name in "abc"]
    ids = {document_id(address(0, 0, row), None, words.encode()): words for row, words in enumerate(texts)}
    identity = max(ids)  # so that the cluster has the name of another one

    def unconverged(pairs):
        return {node: first for node, first in components(pairs).items() if identity not in node}

    assert add(tmp_path, 0, [texts], RULES, Shuffles(0)) == {}
    with monkeypatch.context() as patch:
        patch.setattr(index_additions, "components", unconverged)
        add(tmp_path, 1, [[text(name) for name in "defgh"]], RULES, Shuffles(0))
    (loss,) = add(tmp_path, 2, [[edited(ids[identity])]], RULES, Shuffles(0)).values()
    assert loss[0] == identity


def test_documents_are_read_by_row_group(tmp_path, monkeypatch):
    draw, numbers, read = random.Random(0), [], pq.ParquetFile.read_row_group
    monkeypatch.setattr(tables, "DOCUMENTS", 3)
    add(tmp_path, 0, [[" ".join(draw.choices("abcdefgh", k=30)) for _ in range(9)]], {}, Shuffles(0))

    def noted(file, number, **options):
        numbers.append(number)
        return read(file, number, **options)

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", noted)
    at = [places.place(1, 0, row) for row in (8, 0, 4)]
    index = read_index(tmp_path / "index")
    rows = index.stream(at, ("url",))
    assert next(rows) == (at[1], {"key": 0, "url": address(0, 0, 0)})
    assert numbers == [0]
    assert [place for place, _ in rows] == [at[2], at[0]]
    with pytest.raises(DamageError, match="1 documents are missing that the index refers to; restore it"):
        index.documents([*at, places.place(1, 0, 9)], ("url",))
