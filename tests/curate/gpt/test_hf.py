"""Weights from and to transformers: logits, loss, bits per byte and greedy text are the same on both sides.

GPT-2 is compared in 64 and in 32 bits. GPT-Neo computes attention in 32 bits whatever the weights have, so it is
compared to 1e-5.
"""

import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hf_models import difference, gpt2, gpt_neo, ids_of, read, torch, trained, transformers
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from own_tokenizers import STORY, byte_level
from safetensors.torch import load_file, save_file
from small_sets import write

from curate.gpt import hf, sampling
from curate.gpt.checkpoint import load as load_run
from curate.gpt.config import Train
from curate.gpt.heldout import NO_TOKEN, held_out
from curate.gpt.shapes import Shape
from curate.tokens import load

EXACT = [(torch.float64, 1e-10), (torch.float32, 1e-5)]
SMALL = Shape(layers=3, heads=3, width=24, context=24, vocabulary=50257)
GREEDY = sampling.Sampling(tokens=20, temperature=0)
BANDED = {"layers": 4, "band": 5, "query_bias": False}


pytestmark = pytest.mark.usefixtures("one_thread_offline")


def without_prefix(folder):
    """Writes the weights as older files have them: no prefix, the head, and the masks."""
    weights = {name.removeprefix("transformer."): value for name, value in load_file(folder / hf.WEIGHTS).items()}
    weights["lm_head.weight"] = weights["wte.weight"].clone()
    weights["h.0.attn.bias"] = torch.ones(1, 1, 24, 24).tril()
    weights["h.0.attn.masked_bias"] = torch.tensor(-1e4)
    save_file(weights, folder / hf.WEIGHTS)


@pytest.mark.parametrize(("dtype", "tolerance"), EXACT)
@pytest.mark.parametrize("form", ["whole", "in parts", "without prefix"])
def test_logits_and_loss_of_a_gpt2_that_is_read_are_those_of_transformers(form, dtype, tolerance, tmp_path):
    theirs = gpt2(tmp_path, {"max_shard_size": "20KB"} if form == "in parts" else {})
    assert (tmp_path / hf.INDEX).exists() == (form == "in parts")
    if form == "without prefix":
        without_prefix(tmp_path)
    ours, ids = hf.load(tmp_path), ids_of(211)
    assert ours.shape == hf.shape_of(tmp_path) == Shape(layers=3, heads=3, width=24, context=24, vocabulary=211)
    ours, theirs = ours.to(dtype), theirs.to(dtype)
    assert difference(ours, theirs, ids) < tolerance
    assert abs(ours(ids[:, :-1], ids[:, 1:])[1] - theirs(ids, labels=ids).loss).item() < max(tolerance, 1e-6)


@pytest.mark.parametrize(("dtype", "tolerance"), EXACT)
@pytest.mark.parametrize("shape", [SMALL, replace(SMALL, query_bias=False), replace(SMALL, pattern=("banded",))])
def test_logits_and_loss_of_transformers_on_an_exported_model_are_ours(shape, dtype, tolerance, tmp_path):
    saved = trained(shape)
    exported = hf.export(saved, tmp_path)
    assert (exported.architecture, exported.notes) == ("GPT2LMHeadModel", ())
    ours, theirs, ids = saved.model.to(dtype), read(tmp_path).to(dtype), ids_of(50257)
    assert difference(ours, theirs, ids) < tolerance
    assert abs(ours(ids[:, :-1], ids[:, 1:])[1] - theirs(ids, labels=ids).loss).item() < max(tolerance, 1e-6)


@pytest.mark.parametrize(
    ("types", "pattern"),
    [
        ([[["global", "local"], 2]], ("dense", "banded")),
        ([[["local", "global"], 2]], ("banded", "dense")),
        ([[["global"], 1], [["local"], 3]], ("dense", "banded", "banded", "banded")),
        ([[["global"], 4]], ("dense",)),
    ],
)
def test_logits_of_a_gpt_neo_that_is_read_are_those_of_transformers(types, pattern, tmp_path):
    theirs, ids = gpt_neo(tmp_path, attention_types=types), ids_of(211)
    ours = hf.load(tmp_path)
    assert (ours.shape.pattern, ours.shape.band, ours.shape.query_bias) == (pattern, 5, False)
    assert difference(ours.double(), theirs.double(), ids) < 1e-5


@pytest.mark.parametrize("pattern", [("dense", "banded"), ("banded", "dense"), ("dense", "banded", "banded")])
def test_logits_of_a_gpt_neo_that_is_exported_are_ours(pattern, tmp_path):
    saved = trained(replace(SMALL, pattern=pattern, **BANDED))
    assert hf.export(saved, tmp_path).architecture == "GPTNeoForCausalLM"
    ids = ids_of(50257)
    again, ours = hf.load(tmp_path).double(), saved.model.double()
    assert difference(ours, read(tmp_path).double(), ids) < 1e-5
    assert [again.shape.attention(n) for n in range(4)] == [ours.shape.attention(n) for n in range(4)]
    with torch.no_grad():
        assert (again(ids)[0] - ours(ids)[0]).abs().max() < 1e-5


def test_a_model_that_is_exported_and_read_again_has_the_same_weights(tmp_path):
    saved = trained(SMALL)
    hf.export(saved, tmp_path)
    state = hf.load(tmp_path).state_dict()
    assert state.keys() == saved.model.state_dict().keys()
    assert all(torch.equal(value, state[name]) for name, value in saved.model.state_dict().items())


def test_a_compact_vocabulary_is_expanded_and_the_ids_that_occur_keep_their_logits(tmp_path):
    ids = np.array([5, 13, 200, 4000, 50000, 50256])
    saved = trained(replace(SMALL, vocabulary=len(ids)), ids=ids)
    exported = hf.export(saved, tmp_path)
    theirs, rows = read(tmp_path), ids_of(len(ids))
    with torch.no_grad():
        logits = theirs(torch.from_numpy(ids)[rows]).logits
        assert (logits[..., ids] - saved.model(rows)[0]).abs().max() < 1e-5
    table = theirs.transformer.wte.weight
    assert (table[7] - saved.model.wte.weight.mean(0)).abs().max() < 1e-6
    assert table.shape == (50257, 24)
    assert theirs.generation_config.suppress_tokens == sorted({*range(50257)} - {*ids.tolist()})
    assert len(exported.notes) == 1
    assert exported.notes[0].startswith("50,251 of the 50,257 ids do not occur")
    assert exported.notes[0] in (tmp_path / "README.md").read_text()


@pytest.mark.parametrize("ids", [np.arange(50257), np.array([5, 13, 200, 4000, 50000, 50256])], ids=["full", "compact"])
@pytest.mark.parametrize("banding", [{}, BANDED | {"pattern": ("dense", "banded")}], ids=["gpt2", "gpt-neo"])
def test_greedy_text_of_transformers_is_ours(ids, banding, tmp_path):
    saved = trained(replace(SMALL, vocabulary=len(ids), **banding), ids=ids)
    hf.export(saved, tmp_path)
    start = saved.vocabulary.encode(np.array([50256, 13, 5])).tolist()
    ours = saved.vocabulary.decode([*start, *sampling.write(saved.model, start, GREEDY)])
    prompt = torch.tensor([[50256, 13, 5]])
    theirs = read(tmp_path).generate(
        prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=20, do_sample=False, eos_token_id=-1
    )
    assert theirs[0].tolist() == ours


@pytest.mark.parametrize("vocabulary", ["full", "compact"])
def test_bits_per_byte_of_held_out_text_are_the_same(vocabulary, tmp_path):
    """Of a compact vocabulary too, once the ids that do not occur cannot be drawn, as in `generate`."""
    pytest.importorskip("vl_convert", reason="the loss curve needs vl-convert: pip install '.[train]'")
    from curate.gpt.train import train

    ids = [number for text in STORY for number in load.load("gpt2").encode(text).tolist()]
    manifest = write(tmp_path / "data", {"stories": (1, {"train": [ids * 3], "valid": [ids]})})
    chosen = Train(layers=2, heads=2, width=16, context=24, batch=4, steps=8, vocabulary=vocabulary, valid_windows=32)
    train(manifest, tmp_path / "run", chosen)
    saved = load_run(tmp_path / "run")
    hf.export(saved, tmp_path / "out")
    (source,) = held_out(manifest, 24, 32, load.load("gpt2").byte_lengths())
    theirs, nats = read(tmp_path / "out"), 0.0
    suppressed = theirs.generation_config.suppress_tokens or []
    assert bool(suppressed) == (vocabulary == "compact")
    for window in source.windows:
        ids = torch.from_numpy(window[window != NO_TOKEN])
        logits = theirs(ids[None, :-1]).logits[0].detach()
        logits[:, suppressed] = -math.inf
        nats += torch.nn.functional.cross_entropy(logits, ids[1:], reduction="sum").item()
    assert nats / math.log(2) / source.bytes == pytest.approx(saved.record["bits_per_byte"], rel=1e-6)


def test_the_page_s_example_writes_the_text_that_our_model_writes(tmp_path, monkeypatch, capsys):
    """The model repeats its words, so that no end of text cuts what transformers writes short."""
    saved = trained(SMALL)
    hf.export(saved, tmp_path / "FOLDER")
    page = Path(hf.__file__).with_name("README.md").read_text()
    monkeypatch.chdir(tmp_path)
    exec(re.search(r"```python\n(.*?)```", page, re.DOTALL)[1], {})
    start = [50256, *load.load("gpt2").encode("The keeper").tolist()[:-1]]
    ours = [*start, *sampling.write(saved.model, start, GREEDY)]
    assert 50256 not in ours[1:]
    assert capsys.readouterr().out == saved.tokenizer.decode(ours) + "\n"


def stopped(manifest, out, **settings):
    """Trains until the step after a checkpoint, where an interrupt ends it."""
    from curate.gpt.train import train

    def stop(progress):
        if progress.step == 5:
            raise KeyboardInterrupt

    sizes = {"layers": 1, "heads": 2, "width": 16, "context": 16, "batch": 2, "steps": 8, "sample_tokens": 2}
    with pytest.raises(KeyboardInterrupt):
        train(manifest, out, Train(**sizes, checkpoint_tokens=64, **settings), stop)
    return sorted((out / "checkpoints").glob("step-*.safetensors"))[-1]


def test_a_run_that_is_not_finished_and_a_checkpoint_are_exported_with_the_dataset_s_own_tokenizer(tmp_path):
    pytest.importorskip("vl_convert", reason="the loss curve needs vl-convert: pip install '.[train]'")
    (tmp_path / "data" / "tokenize").mkdir(parents=True)
    own = load.load(str(byte_level(tmp_path / "data" / "tokenize" / "tokenizer.json")))
    ids = [number for text in STORY for number in own.encode(text).tolist()]
    manifest = write(tmp_path / "data", {"stories": (1, {"train": [ids], "valid": [ids]})}, {"tokenizer": own.stated()})
    newest = stopped(manifest, tmp_path / "run", vocabulary="full")
    hf.export(load_run(tmp_path / "run"), tmp_path / "out")
    hf.export(load_run(newest), tmp_path / "of checkpoint")
    weights = [(tmp_path / name / hf.WEIGHTS).read_bytes() for name in ("out", "of checkpoint")]
    assert weights[0] == weights[1]
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path / "out")
    assert theirs(STORY[1])["input_ids"] == own.encode(STORY[1]).tolist()[:-1]
    assert (theirs.eos_token_id, read(tmp_path / "out").config.vocab_size) == (own.eot, own.vocabulary)
    assert "Trained by curate on 128 tokens of test (manifest sha256 " in (tmp_path / "out" / "README.md").read_text()


def test_others_may_read_the_weights_as_far_as_any_new_file(tmp_path):
    hf.export(trained(SMALL), tmp_path)
    assert {path.stat().st_mode for path in tmp_path.iterdir()} == {(tmp_path / hf.CONFIG).stat().st_mode}


@st.composite
def shapes(draw):
    heads = draw(st.integers(1, 3))
    pattern = draw(st.lists(st.sampled_from(["dense", "banded"]), min_size=1, max_size=3).map(tuple))
    return Shape(
        layers=draw(st.integers(1, 4)),
        heads=heads,
        width=heads * draw(st.integers(1, 6)),
        context=draw(st.integers(1, 12)),
        vocabulary=draw(st.integers(1, 300)),
        pattern=pattern,
        band=draw(st.integers(1, 14)),
        query_bias=False,
    )


@given(shape=shapes())
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_model_of_any_shape_that_is_exported_and_read_again_has_the_same_logits(shape, tmp_path_factory):
    folder = tmp_path_factory.mktemp("shape")
    tokenizer = load.load(str(byte_level(folder / "own.json")))
    file = (folder / "own.json").read_bytes()
    ids = np.sort(np.random.default_rng(0).permutation(tokenizer.vocabulary)[: shape.vocabulary])
    saved = replace(trained(shape, tokenizer, ids), tokenizer_file=file)
    exported, rows = hf.export(saved, folder / "out"), ids_of(shape.vocabulary, 2, shape.context)
    again, theirs = hf.load(folder / "out").double(), read(folder / "out").double()
    assert type(theirs).__name__ == exported.architecture
    with torch.no_grad():
        ours = saved.model.double()(rows)[0]
        for logits in (again(torch.from_numpy(ids)[rows])[0], theirs(torch.from_numpy(ids)[rows]).logits):
            assert (logits[..., ids] - ours).abs().max() < 1e-4 * max(1, float(ours.abs().max()))
