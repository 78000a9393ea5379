"""Packing as an external sort: every document once, in one global order, the same bytes however the parts were cut."""

from collections import Counter, defaultdict
from itertools import groupby, pairwise

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import settings as limited
from hypothesis import strategies as st
from token_parts import EOT, contents, cuts_of, in_order, packed, planned, row, shard, tokenized

from curate.recipe import Recipe
from curate.records import EPOCH, Document, document_id, keyed_hash, uniform
from curate.stage.parts import read_receipt
from curate.stage.record import done, open_stage
from curate.storage import segments
from curate.tokens import bpe
from curate.tokens.config import Pack
from curate.tokens.packing import pack_shard
from curate.tokens.rows import tokenized_row
from curate.tokens.shards import META, read_index

GPT2 = bpe.named("gpt2")
read_each = segments.read_each

orders = st.integers(0, 2**64 - 1) | st.integers(2**64 - 4, 2**64 - 1)  # the latter meet
splits, sources = st.sampled_from(["train", "valid"]), st.sampled_from(["web", "books"])
drawn = st.lists(st.tuples(splits, sources, orders, st.integers(1, 12), st.integers(0, 4)), min_size=1, max_size=25)


@pytest.mark.parametrize("max_tokens", [1, 7, 10, 1000])
def test_shards_hold_every_document_once_in_the_global_order(tmp_path, max_tokens):
    rows = [row(number, order=number * 7919 % 101, length=1 + number % 9) for number in range(60)]
    plan = packed(tmp_path, [rows[:20], rows[20:21], [], rows[21:]], max_tokens)
    entries = [entry for cut in cuts_of(plan) for entry in shard(plan, cut)[0]]
    expected = in_order(rows)
    assert [entry["id"] for entry, _ in entries] == [entry["id"] for entry in expected]
    assert [ids.tobytes() for _, ids in entries] == [entry["ids"] for entry in expected]
    for entry, ours in zip((entry for entry, _ in entries), expected, strict=True):
        assert {name: entry[name] for name in ("url", "source", "bytes", "tokens")} == {
            name: ours[name] for name in ("url", "source", "bytes", "tokens")
        }
        assert entry["quality"] == pytest.approx(ours["quality"])


@given(drawn, st.integers(1, 40))
@limited(max_examples=6, deadline=None)
def test_whatever_the_documents_the_shards_are_a_partition_of_the_order(tmp_path_factory, drawn, max_tokens):
    rows = [row(number, split, source, order, length) for number, (split, source, order, length, _) in enumerate(drawn)]
    places = [place for *_, place in drawn]
    parts = [[entry for entry, place in zip(rows, places, strict=True) if place == part] for part in range(5)]
    one = packed(tmp_path_factory.mktemp("one"), parts, max_tokens)
    other = packed(tmp_path_factory.mktemp("other"), [[], in_order(rows)[::-1]], max_tokens)
    assert contents(one) == contents(other)
    documents = {entry["id"]: entry for entry in rows}
    seen = Counter()
    for (split, source), group in groupby(cuts_of(one), key=lambda cut: (cut.split, cut.source)):
        cuts = list(group)
        assert [cut.path for cut in cuts] == [
            f"{split}/{source}/part-{number:05d}-of-{len(cuts):05d}" for number in range(len(cuts))
        ]
        assert all(cut.high < later.low for cut, later in pairwise(cuts))
        order = []
        for cut in cuts:
            entries, ids = shard(one, cut)
            orders = [documents[entry["id"]]["order"] for entry, _ in entries]
            assert (min(orders), max(orders)) == (cut.low, cut.high)
            assert (len(ids), len(entries)) == (cut.tokens, cut.documents)
            assert cut.bytes == sum(entry["bytes"] for entry, _ in entries)
            before_last = sum(entry["tokens"] for entry, _ in entries if documents[entry["id"]]["order"] < cut.high)
            assert before_last <= max_tokens
            assert cut.tokens <= max_tokens or len(entries) == 1 or len(set(orders)) < len(orders)
            order += [(documents[entry["id"]]["order"], entry["id"]) for entry, _ in entries]
            for entry, own in entries:
                seen[entry["id"]] += 1
                assert own.tobytes() == documents[entry["id"]]["ids"]
                assert (documents[entry["id"]]["split"], entry["source"]) == (split, source)
        assert order == sorted(order)
    assert seen == Counter(documents.keys())


def test_shards_are_filled_greedily(tmp_path):
    rows = [row(number, length=length) for number, length in enumerate([4, 4, 4, 9, 30, 1, 1])]
    cuts = cuts_of(packed(tmp_path, [rows], 10))
    assert [(cut.documents, cut.tokens) for cut in cuts] == [(2, 8), (1, 4), (1, 9), (1, 30), (2, 2)]


def test_the_segments_in_which_cuts_fall_are_read_many_at_a_time(tmp_path, monkeypatch):
    sizes = []
    monkeypatch.setattr(
        segments, "read_each", lambda places, schema: sizes.append(len(places)) or read_each(places, schema)
    )
    rows = [row(number, order=number << 54, length=300 + 7 * number % 400) for number in range(400)]
    plan = packed(tmp_path, [rows[::2], rows[1::2]], 9_000)
    assert len(cuts_of(plan)) > 20
    assert len(sizes) <= 6
    assert max(sizes) > 10
    assert all(cut.tokens > 9_000 - 700 for cut in cuts_of(plan)[:-1])


def test_documents_of_equal_order_stay_together_though_the_shard_overflows(tmp_path):
    rows = [row(number, order=7 if number < 3 else number + 7, length=4) for number in range(5)]
    cuts = cuts_of(packed(tmp_path, [rows], 5))
    assert [(cut.documents, cut.low, cut.high) for cut in cuts] == [(3, 7, 7), (1, 10, 10), (1, 11, 11)]


def test_documents_of_equal_order_are_cut_alike_whichever_part_comes_first(tmp_path):
    rows = [row(number, order=order, length=length) for number, (order, length) in enumerate([(0, 12), (1, 1), (1, 2)])]
    one = packed(tmp_path / "one", [rows[:2], rows[2:]], 13)
    other = packed(tmp_path / "other", [rows[2:], rows[:2]], 13)
    assert contents(one) == contents(other)


def test_the_order_is_that_of_unsigned_numbers(tmp_path):
    rows = [row(number, order=order) for number, order in enumerate([2**64 - 1, 0, 2**63, 2**63 - 1])]
    plan = packed(tmp_path, [rows], 100)
    (cut,) = cuts_of(plan)
    assert [entry["id"][-1] for entry, _ in shard(plan, cut)[0]] == [1, 3, 2, 0]
    assert (cut.low, cut.high) == (0, 2**64 - 1)


def test_one_id_given_to_two_documents_packs_the_same_however_the_parts_were_cut(tmp_path):
    rows = [row(5, order=9) | {"url": url, "ids": row(first)["ids"]} for first, url in ((1, "b"), (2, "b"), (3, "a"))]
    one = packed(tmp_path / "one", [rows], 100)
    other = packed(tmp_path / "other", [[rows[2]], [rows[1]], [rows[0]]], 100)
    assert contents(one) == contents(other)


def test_nothing_to_pack_is_a_plan_without_shards(tmp_path):
    plan = packed(tmp_path, [[], []], 10)
    assert plan.items == ()
    assert contents(plan) == {}


def test_parts_that_changed_after_the_plan_are_an_error(tmp_path):
    source = tokenized(tmp_path / "tokenize", [[row(1), row(2)]])
    plan = planned(Recipe(name="own"), tmp_path / "shards", source)
    open_stage(plan)
    planned(Recipe(name="own"), tmp_path / "shards", tokenized(tmp_path / "tokenize", [[row(1)]]))
    with pytest.raises(RuntimeError, match="the tokenized parts changed after packing was planned"):
        pack_shard(plan, plan.items[0])
    assert contents(plan) == {}


def test_the_three_files_of_a_shard_agree_and_the_receipt_describes_them(tmp_path):
    plan = packed(tmp_path, [[row(number, length=number + 1) for number in range(4)]], 100)
    (cut,) = cuts_of(plan)
    stem = plan.folder / cut.path
    index, meta = read_index(stem.with_suffix(".idx")), pq.read_table(f"{stem}.meta.parquet")
    assert meta.schema.remove_metadata() == META
    assert index.lengths.tolist() == meta["tokens"].to_pylist() == [1, 2, 3, 4]
    assert index.pointers.tolist() == [2 * offset for offset in meta["offset"].to_pylist()] == [0, 2, 6, 12]
    assert done(plan)
    receipt = read_receipt(plan.folder, 0, plan.part_key(plan.items[0]))
    assert receipt.counts.read == receipt.counts.kept == 4
    assert receipt.counts.by_source == {"web": [4, 4]}
    assert set(receipt.files) == {f"{cut.path}.{suffix}" for suffix in ("bin", "idx", "meta.parquet")}


def test_nanogpt_s_memmap_reads_a_shard_as_it_is(tmp_path):
    plan = packed(tmp_path, [[row(number, length=50) for number in range(20)]], 10**6)
    (cut,) = cuts_of(plan)
    data = np.memmap(plan.folder / f"{cut.path}.bin", dtype=np.uint16, mode="r")
    block, starts = 8, [0, 17, 500]
    x = np.stack([data[i : i + block].astype(np.int64) for i in starts])
    y = np.stack([data[i + 1 : i + 1 + block].astype(np.int64) for i in starts])
    assert len(data) == 1000
    assert (x[:, 1:] == y[:, :-1]).all()
    assert data[49::50].tolist() == [EOT] * 20


def test_several_shards_concatenated_are_the_one_shard_of_a_larger_limit(tmp_path):
    rows = [row(number, order=number * 31 % 97, length=1 + number % 5) for number in range(50)]
    many, one = packed(tmp_path / "many", [rows], 9), packed(tmp_path / "one", [rows], 10**6)
    joined = b"".join((many.folder / f"{cut.path}.bin").read_bytes() for cut in cuts_of(many))
    assert joined == (one.folder / "train/web/part-00000-of-00001.bin").read_bytes()


def document(number, text="Hello world"):
    return Document(
        id=document_id(str(number), EPOCH, b""), url=f"u{number}", timestamp=EPOCH, source="web", text=text, quality=0.5
    )


def test_a_document_s_split_and_order_are_drawn_from_its_id():
    made = document(1)
    entry = tokenized_row(made, 7, 0.5, GPT2)
    assert entry["order"] == int.from_bytes(keyed_hash(7, "order", made.id), "big")
    assert entry["split"] == ("valid" if uniform(7, "split", made.id) < 0.5 else "train")
    assert np.frombuffer(entry["ids"], "<u2").tolist() == [15496, 995, EOT]
    assert (entry["tokens"], entry["bytes"], entry["quality"], entry["url"]) == (3, 11, 0.5, "u1")


def test_the_share_of_the_valid_split_is_the_fraction_and_a_larger_one_holds_the_smaller():
    splits = defaultdict(set)
    for fraction in (0.0, 0.05, 0.1):
        for number in range(2000):
            if tokenized_row(document(number, ""), 0, fraction, GPT2)["split"] == "valid":
                splits[fraction].add(number)
    assert not splits[0.0]
    assert splits[0.05] < splits[0.1]
    assert 160 < len(splits[0.1]) < 240


def test_an_empty_text_is_one_end_of_text():
    assert tokenized_row(document(1, ""), 0, 0, GPT2)["tokens"] == 1


EDGES = (0.1, 0.5, 0.8)
QUALITIES = st.none() | st.floats(0, 1, width=32) | st.sampled_from(EDGES)


@given(st.lists(st.tuples(st.sampled_from(["web", "books"]), QUALITIES), min_size=1, max_size=25), st.integers(1, 40))
@limited(max_examples=6, deadline=None)
def test_every_document_is_in_the_bucket_of_its_quality_and_in_no_other(tmp_path_factory, drawn, max_tokens):
    """A quality at an edge, as 32 bits hold it, belongs to one bucket; a document without a score to none."""
    rows = [row(number, source=source) | {"quality": quality} for number, (source, quality) in enumerate(drawn)]
    plan = packed(tmp_path_factory.mktemp("buckets"), [rows[::2], rows[1::2]], max_tokens, EDGES)
    seen = []
    for cut in cuts_of(plan):
        name = cut.source if cut.bucket is None else f"{cut.source}.q{cut.bucket}"
        assert cut.path.startswith(f"train/{name}/part-")
        entries = shard(plan, cut)[0]
        assert len(entries) == cut.documents
        for entry, _ in entries:
            quality, source = rows[int.from_bytes(entry["id"])]["quality"], rows[int.from_bytes(entry["id"])]["source"]
            kept = None if quality is None else int(np.searchsorted(EDGES, np.float64(np.float32(quality)), "right"))
            assert (entry["source"], entry["bucket"], cut.bucket) == (source, kept, kept)
        seen += [entry["id"] for entry, _ in entries]
    assert Counter(seen) == Counter(entry["id"] for entry in rows)


@pytest.mark.parametrize("buckets", [(0.5, 0.5), (0.8, 0.2), (0.0,), (1.0,), (-1.0,)])
def test_edges_of_buckets_that_do_not_rise_between_0_and_1_are_refused(buckets):
    with pytest.raises(ValueError, match="ascending"):
        Pack(buckets=buckets)


def test_a_quality_that_is_no_number_counts_as_none():
    document = Document(id=bytes(16), url="", timestamp=EPOCH, source="web", text="a", quality=float("nan"))
    assert tokenized_row(document, 0, 0.0, GPT2)["quality"] is None
