"""Folders of transformers that cannot be read, and models that it cannot hold: one line that names the reason."""

import json
from contextlib import suppress
from dataclasses import replace

import pytest
from hf_models import gpt2, gpt_neo, torch, trained
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from curate.errors import SettingsError
from curate.gpt import hf
from curate.gpt.shapes import Shape, preset

pytestmark = pytest.mark.usefixtures("one_thread_offline")

SMALL = Shape(layers=1, heads=2, width=8, context=16, vocabulary=50257)


@pytest.fixture
def folder(tmp_path):
    gpt2(tmp_path)
    return tmp_path


def refusal(folder) -> str:
    with pytest.raises(SettingsError) as caught:
        hf.load(folder)
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    assert len(message) < 600
    return message.replace(f"{folder}/", "").replace(str(folder), "FOLDER")


def change(folder, **changes):
    path = folder / hf.CONFIG
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def change_weights(folder, **changes):
    """Replaces tensors by name, with __ for a point; None takes one away."""
    weights = load_file(folder / hf.WEIGHTS)
    for name, value in changes.items():
        weights.pop(name.replace("__", "."), None)
        if value is not None:
            weights[name.replace("__", ".")] = value
    save_file(weights, folder / hf.WEIGHTS)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "llama"}, "config.json: model_type is llama; gpt2 and gpt_neo can be read"),
        ({"model_type": ["gpt2"]}, "config.json: model_type is ['gpt2']; gpt2 and gpt_neo can be read"),
        (
            {"activation_function": "gelu"},
            "activation_function is gelu; only gelu_new or gelu_pytorch_tanh can be read",
        ),
        ({"layer_norm_epsilon": 1e-6}, "config.json: layer_norm_epsilon is 1e-06; only 1e-05 can be read"),
        ({"tie_word_embeddings": False}, "config.json: tie_word_embeddings is False; only True can be read"),
        ({"scale_attn_by_inverse_layer_idx": True}, "scale_attn_by_inverse_layer_idx is True; only False can be read"),
        ({"scale_attn_weights": False}, "config.json: scale_attn_weights is False; only True can be read"),
        ({"add_cross_attention": True}, "config.json: add_cross_attention is True; only False can be read"),
        ({"quantization_config": {"bits": 4}}, "quantization_config is {'bits': 4}; only None can be read"),
        ({"n_inner": 95}, "config.json: n_inner is 95; only None or 96 can be read"),
        ({"n_layer": 0}, "config.json: n_layer is 0; it is a whole number in 1..10000"),
        ({"n_layer": 10**12}, "config.json: n_layer is 1000000000000; it is a whole number in 1..10000"),
        ({"n_layer": 10000}, "FOLDER: its weights lack h.9999.ln_1.weight, which a model of its config has"),
        ({"n_layer": 2}, "model.safetensors: holds h.2.attn.c_attn.bias, which a model of its config has not"),
        ({"n_head": True}, "config.json: n_head is True; it is a whole number in 1..2147483647"),
        ({"n_head": 5}, "config.json: width is a multiple of heads, got width 24 and 5 heads"),
        ({"n_embd": 48}, "model.safetensors: wte.weight has the size (211, 24), not (211, 48) as in the config"),
        ({"n_positions": 25}, "model.safetensors: wpe.weight has the size (24, 24), not (25, 24) as in the config"),
        ({"vocab_size": 2**31 - 1}, "wte.weight has the size (211, 24), not (2147483647, 24) as in the config"),
        ({"activation_function": "x\n" * 999}, "..."),
    ],
)
def test_a_config_that_is_not_of_this_model_is_refused(changes, message, folder):
    change(folder, **changes)
    assert message in refusal(folder)


@pytest.mark.parametrize("harmless", [{"reorder_and_upcast_attn": True}, {"attn_pdrop": 0.5}, {"n_inner": 96}])
def test_what_changes_no_logits_is_read_all_the_same(harmless, folder):
    change(folder, **harmless)
    assert hf.load(folder).shape == hf.shape_of(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"attention_types": [[["global"], 3]]},
            "attention_types is [[['global'], 3]], which cannot be read: it makes 3",
        ),
        ({"attention_types": [[["global"], 10**12]]}, "which cannot be read: it makes more than 4 layers"),
        ({"attention_types": [[["sparse"], 4]]}, "which cannot be read: 'sparse'"),
        ({"attention_types": 7}, "attention_types is 7, which cannot be read"),
        ({"window_size": "5"}, "config.json: window_size is 5; it is a whole number"),
        ({"window_size": 0}, "config.json: every size is at least 1"),
        ({"intermediate_size": 97}, "config.json: intermediate_size is 97; only None or 96 can be read"),
    ],
)
def test_a_config_of_gpt_neo_that_is_not_of_this_model_is_refused(changes, message, tmp_path):
    gpt_neo(tmp_path)
    change(tmp_path, **changes)
    assert message in refusal(tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"transformer__ln_f__bias": None}, "FOLDER: its weights lack ln_f.bias, which a model of its config has"),
        ({"score__weight": torch.ones(2)}, "holds score.weight, which a model of its config has not"),
        ({"ln_f__bias": torch.ones(24)}, "model.safetensors: holds ln_f.bias a second time"),
        ({"transformer__ln_f__bias": torch.ones(3)}, "ln_f.bias has the size (3,), not (24,) as in the config"),
        ({"transformer__ln_f__bias": torch.ones(24, dtype=torch.int8)}, "ln_f.bias holds I8; only F64, F32, F16, BF16"),
        ({"transformer__ln_f__bias": torch.full((24,), torch.nan)}, "ln_f.bias holds numbers that are not finite"),
        ({"lm_head__weight": torch.ones(211, 24)}, "lm_head.weight is not the token embedding; only tied heads can be"),
    ],
)
def test_weights_that_are_not_those_of_the_config_are_refused(changes, message, folder):
    change_weights(folder, **changes)
    assert message in refusal(folder)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_weights_of_another_precision_become_32_bits(dtype, folder):
    change_weights(folder, transformer__ln_f__bias=torch.full((24,), 0.5, dtype=dtype))
    model = hf.load(folder)
    assert (model.ln_f.bias == 0.5).all()
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


def test_a_pickle_is_named_and_not_read(folder):
    (folder / hf.WEIGHTS).unlink()
    assert refusal(folder) == "FOLDER: holds no model.safetensors"
    torch.save({}, folder / "pytorch_model.bin")
    assert refusal(folder).startswith("pytorch_model.bin: a pickle, which can run code, is not read; load it with")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "model.safetensors.index.json: not JSON"),
        ("[]", "model.safetensors.index.json: not a table of JSON"),
        ("[" * 100_000, "model.safetensors.index.json: not JSON"),
        ("{}", "model.safetensors.index.json: its weight_map names no files of this folder"),
        ('{"weight_map": {"a": "../x"}}', "its weight_map names no files of this folder"),
        ('{"weight_map": {"a": 7}}', "its weight_map names no files of this folder"),
        ('{"weight_map": {"a": "gone.safetensors"}}', "gone.safetensors: cannot read it: No such file or directory"),
    ],
)
def test_an_index_that_names_no_files_is_refused(content, message, folder):
    (folder / hf.WEIGHTS).unlink()
    (folder / hf.INDEX).write_text(content)
    assert message in refusal(folder)


def test_a_folder_without_a_config_is_refused(tmp_path):
    assert refusal(tmp_path) == "config.json: cannot read it: No such file or directory"
    assert refusal(tmp_path / "none") == "config.json: cannot read it: No such file or directory"


@given(st.data())
@settings(max_examples=150)
def test_damaged_weights_are_refused_in_one_line_or_read_as_finite_numbers(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("damaged")
    gpt2(folder, n_layer=1)
    path = folder / hf.WEIGHTS
    content = path.read_bytes()
    kind = data.draw(st.sampled_from(["cut", "flip", "header"]))
    if kind == "cut":
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    else:
        place = data.draw(st.integers(0, 2000 if kind == "header" else len(content) - 1))
        content = content[:place] + bytes([data.draw(st.integers(0, 255))]) + content[place + 1 :]
    path.write_bytes(content)
    with suppress(SettingsError):
        assert all(parameter.isfinite().all() for parameter in hf.load(folder).parameters())
        return
    assert refusal(folder)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (
            replace(SMALL, pattern=("dense", "banded"), layers=2, band=4),
            "banded layers are GPT-Neo's in transformers, which has no bias on the query: train with query_bias=false",
        ),
        (replace(SMALL, inner=16), "the heads of a layer are 16 wide and the model 8; transformers has no such class"),
        (preset("gpt3-small").shape, "no bias on the query"),
        (preset("gpt3-xl", literal=True).shape, "the heads of a layer are 3072 wide and the model 2048"),
    ],
)
def test_a_shape_that_transformers_has_no_class_for_is_refused_with_the_reason(shape, message):
    with pytest.raises(SettingsError, match=message):
        hf.architecture(shape)


@pytest.mark.parametrize("name", ["gpt2", "gpt2-medium", "gpt2-large", "gpt2-xl"])
def test_the_models_of_gpt2_s_paper_can_be_exported(name):
    assert hf.architecture(preset(name).shape) == "gpt2"


def test_the_models_of_gpt3_s_paper_can_be_exported_without_a_bias_on_the_query_or_with_dense_attention():
    for name in (
        "gpt3-small",
        "gpt3-medium",
        "gpt3-large",
        "gpt3-xl",
        "gpt3-2.7b",
        "gpt3-6.7b",
        "gpt3-13b",
        "gpt3-175b",
    ):
        shape = preset(name).shape
        assert hf.architecture(replace(shape, query_bias=False)) == "gpt_neo"
        assert hf.architecture(replace(shape, pattern=("dense",))) == "gpt2"


def test_a_folder_that_holds_a_file_of_another_is_left_alone(tmp_path):
    (tmp_path / "config.json").write_text("mine")
    with pytest.raises(SettingsError, match=r"config\.json: not written by curate, or changed since"):
        hf.export(trained(SMALL), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]
    assert (tmp_path / "config.json").read_text() == "mine"


def test_an_export_is_repeated_to_the_byte_and_states_its_files(tmp_path):
    hf.export(trained(SMALL), tmp_path)
    first = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert first.keys() == {*hf.FILES, hf.RECORD}
    assert json.loads(first[hf.RECORD])["files"].keys() == {*hf.FILES}
    hf.export(trained(SMALL), tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == first


def test_the_config_of_an_exported_gpt_neo_states_its_layers(tmp_path):
    hf.export(trained(replace(SMALL, layers=3, pattern=("dense", "banded"), band=4, query_bias=False)), tmp_path)
    config = json.loads((tmp_path / hf.CONFIG).read_text())
    assert config["attention_types"] == [[["global", "local", "global"], 1]]
    assert (config["window_size"], config["model_type"], config["architectures"]) == (
        4,
        "gpt_neo",
        ["GPTNeoForCausalLM"],
    )
