"""`init`: training begins with the weights of a folder of transformers, of the same sizes and the same ids."""

import json
from dataclasses import asdict, replace

import pytest
from hf_models import gpt2, gpt_neo, ids_of, torch
from own_tokenizers import STORY, byte_level
from small_sets import write

from curate.errors import SettingsError
from curate.gpt import hf
from curate.gpt.checkpoint import load as load_run
from curate.gpt.config import Train, sizes_of, with_sizes
from curate.gpt.result import is_done
from curate.gpt.shapes import PRESETS, Shape
from curate.tokens import load, merges

pytest.importorskip("vl_convert", reason="the loss curve needs vl-convert: pip install '.[train]'")

from curate.gpt.train import train

pytestmark = pytest.mark.usefixtures("one_thread_offline")

SIZES = {"n_embd": 16, "n_head": 2, "n_layer": 1, "n_positions": 16, "vocab_size": 50257}
SETTINGS = Train(
    **{"layers": 1, "heads": 2, "width": 16, "context": 16, "batch": 2, "steps": 2, "sample_tokens": 2},
    vocabulary="full",
)


@pytest.fixture
def dataset(tmp_path):
    ids = [number for text in STORY for number in load.load("gpt2").encode(text).tolist()]
    return write(tmp_path / "data", {"stories": (1, {"train": [ids * 2], "valid": [ids]})})


def begun(folder, **changes) -> Train:
    return replace(SETTINGS, init=str(folder), **changes)


def test_the_first_loss_is_that_of_transformers_on_the_weights_that_training_begins_with(dataset, tmp_path):
    theirs = gpt2(tmp_path / "hf", **SIZES)
    trained = train(dataset, tmp_path / "run", begun(tmp_path / "hf", learning_rate=1e-30))
    ours, ids = load_run(tmp_path / "run"), ids_of(50257, columns=16)
    with torch.no_grad():
        assert (ours.model(ids)[0] - theirs(ids).logits).abs().max() < 1e-5
    fresh = train(dataset, tmp_path / "fresh", replace(SETTINGS, learning_rate=1e-30))
    assert trained.first_loss != fresh.first_loss
    assert trained.valid_before == pytest.approx(trained.valid_after)


def test_the_record_states_the_weights_and_other_weights_make_another_run(dataset, tmp_path):
    gpt2(tmp_path / "hf", **SIZES)
    settings, out = begun(tmp_path / "hf"), tmp_path / "run"
    train(dataset, out, settings)
    record = json.loads((out / "train.json").read_text())
    assert record["init"].keys() == {"config.json", "model.safetensors"}
    assert is_done(dataset, out, settings)
    other = tmp_path / "hf" / "model.safetensors"
    other.write_bytes(other.read_bytes()[:-1] + b"\x01")
    assert not is_done(dataset, out, settings)


def test_a_run_goes_on_only_with_the_weights_that_it_began_with(dataset, tmp_path):
    gpt2(tmp_path / "hf", **SIZES)
    settings, out = begun(tmp_path / "hf", steps=8), tmp_path / "run"

    def stop(progress):
        if progress.step == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(dataset, out, settings, stop)
    weights = tmp_path / "hf" / "model.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[:-1] + b"\x01")
    with pytest.raises(ValueError, match=r"a checkpoint of another run: model\.safetensors was '"):
        train(dataset, out, settings)
    weights.write_bytes(content)
    assert train(dataset, out, settings).tokens == 8 * 2 * 16


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layers": 2}, r"layers is 2, but 1 in the weights of .*hf; set layers=1"),
        ({"context": 8}, r"context is 8, but 16 in the weights of .*hf; set context=16"),
        ({"query_bias": False}, r"query_bias is False, but True in the weights of .*hf; set query_bias=True"),
        ({"attention": "gpt-neo"}, r"attention is gpt-neo, but dense in the weights of .*hf; set attention=dense"),
    ],
)
def test_sizes_that_are_not_those_of_the_weights_are_refused_by_name(changes, message, dataset, tmp_path):
    gpt2(tmp_path / "hf", **SIZES)
    with pytest.raises(SettingsError, match=message):
        train(dataset, tmp_path / "run", begun(tmp_path / "hf", **changes))
    assert not (tmp_path / "run").exists()


def test_weights_of_another_vocabulary_are_refused(dataset, tmp_path):
    gpt2(tmp_path / "hf", **SIZES | {"vocab_size": 50304})
    message = r"hf: the model has a vocabulary of 50,304 ids, and the dataset's tokenizer one of 50,257"
    with pytest.raises(SettingsError, match=message):
        train(dataset, tmp_path / "run", begun(tmp_path / "hf"))


def test_weights_whose_tokenizer_has_other_ids_are_refused(dataset, tmp_path):
    gpt2(tmp_path / "hf", **SIZES)
    table = json.loads(merges.tokenizer_json("gpt2"))
    vocabulary = table["model"]["vocab"]
    (tmp_path / "hf" / "vocab.json").write_text(json.dumps(vocabulary))
    train(dataset, tmp_path / "run", begun(tmp_path / "hf"))
    vocabulary["he"], vocabulary["re"] = vocabulary["re"], vocabulary["he"]
    for name, content in (("vocab.json", vocabulary), ("tokenizer.json", table)):
        (tmp_path / "hf" / name).write_text(json.dumps(content))
        with pytest.raises(SettingsError, match=rf"hf/{name}: other ids than those of .* that of '[hr]e'"):
            train(dataset, tmp_path / "other", begun(tmp_path / "hf"))
    for content in ("{", '{"model": []}', '{"model": {"vocab": {"a": []}}}', "[" * 100_000, "[]"):
        (tmp_path / "hf" / "tokenizer.json").write_text(content)
        with pytest.raises(SettingsError, match=r"hf/tokenizer\.json: not the vocabulary of a tokenizer: \w+Error"):
            train(dataset, tmp_path / "other", begun(tmp_path / "hf"))


def test_a_dataset_s_own_tokenizer_is_compared_with_that_of_the_weights(tmp_path):
    mine, other = byte_level(tmp_path / "mine.json"), byte_level(tmp_path / "other.json", eot="<eos>")
    tokenizer, content = load.load(str(mine)), mine.read_bytes()
    for path in (mine, other):
        (tmp_path / "tokenizer.json").write_bytes(path.read_bytes())
        if path == mine:
            merges.check_same(tmp_path, tokenizer, content)
        else:
            with pytest.raises(SettingsError, match="other ids than those of the dataset's tokenizer"):
                merges.check_same(tmp_path, tokenizer, content)


def test_weights_need_all_ids():
    with pytest.raises(ValueError, match='init needs vocabulary="full"'):
        Train(init="folder")


@pytest.mark.parametrize("name", PRESETS)
def test_the_settings_of_a_shape_make_it(name):
    shape = PRESETS[name].shape
    table = {"init": "folder", "vocabulary": "full"}
    assert Train(**with_sizes(table, shape)).shape(shape.vocabulary) == shape
    assert sizes_of(shape).keys() <= asdict(Train()).keys()


def test_a_pattern_that_no_setting_has_is_refused():
    shape = Shape(layers=3, heads=1, width=8, pattern=("dense", "banded", "banded"))
    with pytest.raises(SettingsError, match="no setting has layers of dense, banded, banded in turn; there is dense"):
        sizes_of(shape)


def test_the_option_init_takes_the_sizes_of_the_weights_and_goes_on_from_a_gpt_neo(several_shards, call, tmp_path):
    sizes = {"vocab_size": 50257, "hidden_size": 16, "num_heads": 2, "num_layers": 2, "max_position_embeddings": 32}
    gpt_neo(tmp_path / "hf", **sizes, attention_types=[[["global", "local"], 1]])
    words = (
        "train",
        several_shards,
        "-o",
        tmp_path / "run",
        "--init",
        tmp_path / "hf",
        "--steps",
        2,
        "--set",
        "batch=2",
    )
    done = call(*words, "--set", "sample_tokens=4")
    assert done.code == 0, done.err
    settings = json.loads((tmp_path / "run" / "train.json").read_text())["settings"]
    assert settings["init"] == str(tmp_path / "hf")
    sizes = {"layers": 2, "width": 16, "context": 32, "attention": "gpt-neo", "band": 5, "query_bias": False}
    assert sizes.items() <= settings.items()
    assert load_run(tmp_path / "run").model.shape == hf.shape_of(tmp_path / "hf")

    refused = call(*words, "--set", "width=32")
    assert refused.error == f"width is 32, but 16 in the weights of {tmp_path / 'hf'}; set width=16"
    assert call(*words, "--set", 'vocabulary="compact"').error.endswith("as the weights have all ids")
    gone = call("train", several_shards, "-o", tmp_path / "run", "--init", tmp_path / "gone")
    assert gone.error.endswith("gone/config.json: cannot read it: No such file or directory")


def test_a_recipe_whose_sizes_are_not_those_of_its_weights_is_refused_before_any_work(call, tmp_path):
    gpt2(tmp_path / "hf", **SIZES)
    (tmp_path / "a.txt").write_text(STORY[0])
    (tmp_path / "own.toml").write_text(
        'name = "own"\n[sources.a]\ninputs = ["a.txt"]\n[train]\ninit = "hf"\nvocabulary = "full"\n'
    )
    done = call("run", tmp_path / "own.toml", "-o", tmp_path / "out")
    assert (done.code, done.error) == (2, f"layers is 4, but 1 in the weights of {tmp_path / 'hf'}; set layers=1")
    assert not (tmp_path / "out").exists()
