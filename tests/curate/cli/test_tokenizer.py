"""`curate tokenizer`: a tokenizer of an output's training documents; every refusal is one line."""

import json

import pytest

from curate.dataset.texts import find
from curate.tokens import bpe_training, load


def test_a_run_s_documents_give_a_tokenizer_that_learned_nothing_of_held_out_ones(several_shards, call, tmp_path):
    path = tmp_path / "small.json"
    done = json.loads(call("tokenizer", several_shards, "-o", path, "--vocabulary", 300, "--json").out)
    assert (done["vocabulary"], load.load(str(path)).vocabulary) == (300, 300)
    texts = find(several_shards, None)
    trained = [document.text for document in texts.in_split("train")]
    assert path.read_bytes() == bpe_training.train(trained, 300)
    assert [document.text for document in texts.in_split("valid")]
    words = call(
        "tokenizer", several_shards, "-o", tmp_path / "more.json", "--vocabulary", 300, "--stage", "filter"
    ).out
    assert f"--set 'tokenize.encoding=\"{tmp_path / 'more.json'}\"'" in words.replace("\n", "")


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["-o", "x.json", "--vocabulary", 256], "vocabulary lies in 257..1048576, got 256"),
        (["-o", "x.model"], "x.model: the name of a tokenizer ends in .json"),
        (["-o", "x.json", "--stage", "pack"], "--stage pack: documents are left by"),
    ],
)
def test_what_cannot_be_done_is_one_line(words, error, several_shards, call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = call("tokenizer", several_shards, *words)
    assert (done.code, error in done.error) == (2, True)
    (tmp_path / "there.json").write_text("mine")
    done = call("tokenizer", several_shards, "-o", "there.json")
    assert (done.code, (tmp_path / "there.json").read_text()) == (2, "mine")
