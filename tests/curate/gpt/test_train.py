import csv
import json
import math
import shutil
import struct
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch: pip install '.[train]'")
pytest.importorskip("vl_convert", reason="the loss curve needs vl-convert: pip install '.[train]'")
pytest.importorskip("altair", reason="the loss curve needs altair: pip install '.[train]'")

from counting import spell, write  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

from curate import storage  # noqa: E402
from curate.errors import SettingsError, UserError  # noqa: E402
from curate.gpt import devices  # noqa: E402
from curate.gpt.checkpoint import load  # noqa: E402
from curate.gpt.config import Train, settings_of  # noqa: E402
from curate.gpt.devices import Group  # noqa: E402
from curate.gpt.heldout import held_out  # noqa: E402
from curate.gpt.model import GPT  # noqa: E402
from curate.gpt.result import is_done  # noqa: E402
from curate.gpt.shapes import PRESETS, Shape  # noqa: E402
from curate.gpt.step import backward  # noqa: E402
from curate.gpt.train import train  # noqa: E402
from curate.gpt.vocabulary import Vocabulary  # noqa: E402
from curate.loader import Loader  # noqa: E402
from curate.tokens import bpe  # noqa: E402

SETTINGS = Train(
    layers=1,
    heads=2,
    width=32,
    context=16,
    batch=8,
    steps=60,
    warmup_tokens=640,
    learning_rate=1e-2,
    valid_windows=16,
    threads=1,
)
FILES = {"log.jsonl", "loss.csv", "loss.png", "model.safetensors", "train.json", "vocabulary.json"}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """One run: its manifest, its folder, what it returned and what it reported."""
    folder = tmp_path_factory.mktemp("train")
    manifest, reported = write(folder / "data"), []
    trained = train(manifest, folder / "out", SETTINGS, reported.append, decode=spell)
    return manifest, folder / "out", trained, reported


def rows(out: Path) -> list[dict[str, str]]:
    with (out / "loss.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_loss_falls_on_training_and_held_out_text(run):
    _, _, trained, _ = run
    assert trained.first_loss == pytest.approx(math.log(41), abs=0.2)
    assert trained.valid_before == pytest.approx(math.log(41), abs=0.2)
    assert trained.last_loss < trained.first_loss / 2
    assert trained.valid_after < trained.valid_before / 2


def test_every_step_is_reported(run):
    *_, trained, reported = run
    assert [progress.step for progress in reported] == list(range(1, 61))
    assert reported[0].loss == trained.first_loss
    assert reported[-1].loss == trained.last_loss


def test_the_log_has_a_row_before_the_first_step_and_one_after_the_last(run):
    log = rows(run[1])
    assert list(log[0]) == [
        *("step", "tokens", "train_loss", "valid_loss", "learning_rate", "windows", "gradient_norm", "bits_per_byte"),
        *("valid_loss/articles", "bits_per_byte/articles", "valid_loss/reference", "bits_per_byte/reference"),
    ]
    assert log[0]["train_loss"] == log[0]["learning_rate"] == ""
    assert log[0]["valid_loss"]
    assert (log[-1]["step"], log[-1]["tokens"], log[-1]["learning_rate"]) == ("60", str(60 * 8 * 16), "0.001")
    assert {10, 20, 30, 40, 50} <= {int(row["step"]) for row in log}


def test_two_runs_write_the_same_log_weights_and_record(run, tmp_path):
    manifest, out, _, _ = run
    train(manifest, tmp_path / "again", SETTINGS, decode=spell)
    for name in FILES - {"log.jsonl"}:  # which holds times
        assert (tmp_path / "again" / name).read_bytes() == (out / name).read_bytes(), name


def test_only_the_finished_files_are_left(run):
    assert {path.name for path in run[1].iterdir()} == FILES | {"checkpoints"}


def test_others_may_read_all_files_alike(run):
    assert {path.stat().st_mode for path in run[1].rglob("*") if path.is_file()} == {
        (run[1] / "loss.csv").stat().st_mode
    }


def test_the_curve_is_a_png_of_some_size(run):
    content = (run[1] / "loss.png").read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    assert content[-8:-4] == b"IEND"
    width, height = struct.unpack(">II", content[16:24])
    assert width > 1000
    assert height > 500


def test_the_record_holds_the_settings_the_shape_and_the_outcome(run):
    manifest, out, trained, _ = run
    record = json.loads((out / "train.json").read_text())
    assert record["settings"] == asdict(SETTINGS)
    assert Shape(**record["shape"]) == Shape(layers=1, heads=2, width=32, context=16, vocabulary=41)
    assert record["parameters"] == trained.shape.parameters
    assert record["fingerprint"] == Loader(manifest, context=16, batch=8, seed=0).fingerprint()
    assert record["manifest"]["name"] == "counting"
    assert record["last_loss"] == trained.last_loss
    assert record["tokens"] == 60 * 8 * 16
    assert record["torch"] == torch.__version__
    assert [(progress["source"], progress["samples"]) for progress in record["seen"]] == [
        ("articles", 336),
        ("reference", 144),
    ]


def test_bits_per_byte_are_the_held_out_loss_over_the_bytes_of_the_targets(run):
    manifest, _, trained, _ = run
    lengths = bpe.named("gpt2").byte_lengths()
    bits = {}
    for source in held_out(manifest, 16, 16):
        targets = source.windows[:, 1:][source.windows[:, 1:] != -100]
        bits[source.source] = (len(targets), int(lengths[targets].sum()))
    targets, size = map(sum, zip(*bits.values(), strict=True))
    assert trained.bits_per_byte == pytest.approx(trained.valid_after * targets / math.log(2) / size)


def test_a_finished_model_is_read_with_its_vocabulary_and_its_tokenizer(run):
    _, out, trained, _ = run
    saved = load(out)
    weights = load_file(out / "model.safetensors")
    assert saved.model.shape == trained.shape
    assert all(torch.equal(weights[name], value) for name, value in saved.model.state_dict().items())
    assert saved.vocabulary.ids.tolist() == [*range(0, 40000, 1000), 50256]
    assert (saved.vocabulary.eot, saved.tokenizer.name) == (50256, "gpt2")
    assert len(trained.sample.split()) == SETTINGS.sample_tokens
    assert {int(number) for number in trained.sample.split()} <= set(saved.vocabulary.ids)


def flip(path: Path) -> None:
    """Flips a bit of the last byte but one."""
    content = bytearray(path.read_bytes())
    content[-2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda out: (out / "train.json").unlink(), "holds no trained model"),
        (lambda out: (out / "train.json").write_text("{}"), "changed since it was written"),
        (lambda out: (out / "model.safetensors").unlink(), "missing or of another size"),
        (lambda out: flip(out / "model.safetensors"), "changed since it was written"),
        (lambda out: flip(out / "vocabulary.json"), "changed since it was written"),
    ],
)
def test_a_damaged_model_is_refused_in_one_line(run, tmp_path, damage, message):
    shutil.copytree(run[1], tmp_path / "out", ignore=shutil.ignore_patterns("checkpoints"))
    damage(tmp_path / "out")
    with pytest.raises(UserError, match=message) as raised:
        load(tmp_path / "out")
    assert "\n" not in str(raised.value)


def test_without_held_out_text_the_outcome_says_so(tmp_path):
    manifest = write(tmp_path / "data", valid=False)
    settings = Train(**{**asdict(SETTINGS), "steps": 3, "vocabulary": "full", "sample_tokens": 5})
    trained = train(manifest, tmp_path / "out", settings, decode=spell)
    assert trained.valid_before is trained.valid_after is trained.bits_per_byte is None
    assert trained.shape.vocabulary == 50257
    assert {row["valid_loss"] for row in rows(tmp_path / "out")} == {""}


def test_a_run_leaves_torch_as_it_was(run, tmp_path):
    torch.manual_seed(5)
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    settings = Train(**{**asdict(SETTINGS), "steps": 1, "sample_tokens": 1})
    train(run[0], tmp_path, settings, decode=spell)
    assert (torch.get_rng_state() == state).all()
    assert torch.get_num_threads() == threads
    assert not torch.are_deterministic_algorithms_enabled()


def test_a_loss_that_is_no_number_stops_the_run_and_writes_nothing(run, tmp_path):
    settings = Train(**{**asdict(SETTINGS), "learning_rate": 1e30, "warmup_tokens": 0, "clip": 1e30})
    with pytest.raises(ValueError, match=r"at step .*; lower learning_rate"):
        train(run[0], tmp_path / "out", settings, decode=spell)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["log.jsonl"]


@pytest.mark.parametrize("sample", [0, 5])
def test_weights_that_are_no_numbers_after_the_last_step_are_not_saved(run, tmp_path, sample):
    settings = Train(**{**asdict(SETTINGS), "steps": 1, "learning_rate": 1e300, "sample_tokens": sample})
    with pytest.raises(ValueError, match=r"no finite number; lower learning_rate 1e\+300"):
        train(run[0], tmp_path / "out", settings, decode=spell)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["log.jsonl"]


@pytest.mark.parametrize("step", range(6))
def test_a_model_that_is_replaced_half_counts_as_none_and_is_made_whole_by_the_next_training(step, tmp_path):
    manifest, out, other = write(tmp_path / "set"), tmp_path / "model", replace(SETTINGS, steps=3, seed=7)
    train(manifest, out, replace(SETTINGS, steps=2))
    left = [step]

    def publish(draft, path):
        if path.parent == out and left[0] == 0:  # not a checkpoint
            raise OSError(28, "No space left on device")
        left[0] -= path.parent == out
        real(draft, path)

    real = storage.publish
    with pytest.MonkeyPatch.context() as patch, suppress(OSError):
        patch.setattr(storage, "publish", publish)
        train(manifest, out, other)
    done = [is_done(manifest, out, settings) for settings in (replace(SETTINGS, steps=2), other)]
    assert done == [False, step >= len(FILES) - 2]
    train(manifest, out, other)
    assert is_done(manifest, out, other)
    assert {path.name for path in out.iterdir()} == FILES | {"checkpoints"}


def test_a_file_of_the_user_s_is_not_replaced_by_a_model(tmp_path):
    manifest, out = write(tmp_path / "set"), tmp_path / "model"
    out.mkdir()
    for name in ("model.safetensors", "train.json", "notes.txt"):
        (out / name).write_text("mine")
    with pytest.raises(SettingsError, match=r"model\.safetensors: not written by curate"):
        train(manifest, out, replace(SETTINGS, steps=1))
    assert {path.name: path.read_text() for path in out.iterdir()} == dict.fromkeys(
        ("model.safetensors", "train.json", "notes.txt"), "mine"
    )
    for name in ("model.safetensors", "train.json"):
        (out / name).unlink()
    train(manifest, out, replace(SETTINGS, steps=1))
    (out / "loss.csv").write_text("mine now")
    with pytest.raises(SettingsError, match=r"loss\.csv: not written by curate, or changed since"):
        train(manifest, out, replace(SETTINGS, steps=2))
    assert (out / "notes.txt").read_text() == "mine"


def test_a_vocabulary_encodes_to_rows_and_back():
    vocabulary = Vocabulary(np.array([3, 7, 50256]), 50256)
    encoded = vocabulary.encode(np.array([[50256, 3, -100], [7, 7, 3]]))
    assert encoded.tolist() == [[2, 0, -100], [1, 1, 0]]
    assert vocabulary.decode(encoded[1].tolist()) == [7, 7, 3]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("warmup_tokens", -1),
        ("weight_decay", -0.1),
        ("clip", -1.0),
        ("clip", math.nan),
        ("valid_windows", -1),
        ("sample_tokens", -1),
        ("learning_rate", 0.0),
        ("learning_rate", -1e-3),
        ("learning_rate", math.inf),
        ("batch", 0),
        ("seed", -1),
        ("threads", 100_000),
    ],
)
def test_a_setting_that_no_training_can_have_is_refused_by_its_name(name, value):
    with pytest.raises(ValueError, match=name):
        Train(**{**asdict(SETTINGS), name: value})


@pytest.mark.parametrize("size", [1, 3, 8])
def test_windows_one_after_another_have_the_gradients_of_the_whole_batch(size):
    torch.manual_seed(0)
    model = GPT(SETTINGS.shape(41)).double()
    batch = torch.randint(41, (8, 17), generator=torch.Generator().manual_seed(1))
    gradients, losses = [], []
    for windows in (8, size):
        model.zero_grad()
        losses.append(backward(model, batch, 8, windows, Group(devices.choose(SETTINGS.shape(41), device="cpu"))))
        gradients.append([parameter.grad.clone() for parameter in model.parameters()])
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)
    assert all(torch.allclose(a, b, rtol=1e-5, atol=1e-7) for a, b in zip(*gradients, strict=True))


@pytest.mark.parametrize("name", PRESETS)
def test_the_settings_of_a_model_of_the_papers_make_its_shape(name):
    preset = PRESETS[name]
    settings = Train(**settings_of(preset))
    assert settings.shape(preset.shape.vocabulary) == preset.shape
    assert settings.batch * settings.context == preset.batch_tokens


def test_a_model_with_banded_attention_learns(tmp_path):
    settings = Train(**{**asdict(SETTINGS), "layers": 2, "attention": "gpt-oss", "band": 4, "micro_batch": 4})
    trained = train(write(tmp_path / "set"), tmp_path / "out", settings, decode=spell)
    assert trained.shape.pattern == ("banded", "dense")
    assert trained.last_loss < trained.first_loss - 1


def test_without_clipping_a_model_learns_as_with_a_limit_that_no_gradient_reaches(tmp_path):
    manifest = write(tmp_path / "set")
    losses = {
        clip: train(
            manifest, tmp_path / str(clip), Train(**{**asdict(SETTINGS), "steps": 12, "clip": clip}), decode=spell
        )
        for clip in (0.0, 1e9)
    }
    assert losses[0.0].last_loss == pytest.approx(losses[1e9].last_loss)
    assert losses[0.0].last_loss < losses[0.0].first_loss - 0.1
