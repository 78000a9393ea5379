"""Held-out windows and the ids that occur."""

import pytest
from small_sets import write

from curate.gpt.heldout import held_out
from curate.gpt.vocabulary import NO_TOKEN, occurring_ids


def test_held_out_windows_predict_every_token_but_the_first_once_and_in_order(tmp_path):
    manifest = write(
        tmp_path, {"a": (1, {"valid": [range(20), range(20, 50)]}), "b": (1, {"valid": [[5]]}), "c": (1, {})}
    )
    windows, size = held_out(manifest, 16, 100)
    assert windows.shape == (4, 17)
    assert [token for token in windows[:, 1:].flatten().tolist() if token != NO_TOKEN] == list(range(1, 50))
    assert size == 49 * 3


def test_held_out_windows_are_shared_out_by_weight_and_limited(tmp_path):
    sources = {"a": (0.75, {"valid": [range(500)]}), "b": (0.25, {"valid": [range(1000, 1500)]})}
    windows, _ = held_out(write(tmp_path, sources), 16, 8)
    assert windows[:, 0].tolist() == [0, 16, 32, 48, 64, 80, 1000, 1016]


def test_without_held_out_text_there_are_no_windows(tmp_path):
    assert held_out(write(tmp_path, {"a": (1, {"train": [range(500)]})}), 16, 8)[0].shape == (0, 17)


def test_ids_that_occur_are_those_of_both_splits(tmp_path):
    manifest = write(tmp_path, {"a": (1, {"train": [[5, 9, 50256], []], "valid": [[7, 5]]})})
    assert occurring_ids(manifest).tolist() == [5, 7, 9, 50256]


@pytest.mark.parametrize(("dtype", "wrong"), [("<u2", 50300), ("<u4", 100_300)])
def test_an_id_beyond_the_tokenizer_is_named_with_its_file(tmp_path, dtype, wrong):
    manifest = write(tmp_path, {"a": (1, {"train": [[5], [wrong]]})}, dtype=dtype)
    with pytest.raises(ValueError, match=rf"part-00001-of-00002\.bin: holds token {wrong}"):
        occurring_ids(manifest)
