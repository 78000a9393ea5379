"""The device, precision and compilation that settings lead to here, and the operations that a model costs."""

import re
from dataclasses import replace

import pytest

torch = pytest.importorskip("torch", reason="the trainer needs torch: pip install '.[train]'")

from torch.nn.attention import SDPBackend, sdpa_kernel  # noqa: E402
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from curate.errors import SettingsError  # noqa: E402
from curate.gpt import devices  # noqa: E402
from curate.gpt.devices import Hardware, Member  # noqa: E402
from curate.gpt.model import GPT  # noqa: E402
from curate.gpt.shapes import PRESETS, Shape  # noqa: E402

TINY = Shape(layers=2, heads=2, width=32, context=16, vocabulary=50)
WIDE = replace(TINY, width=devices.PROBE_WIDTH)


def hardware(name: str, *, kind: str = "cuda", precision: str = "bf16") -> Hardware:
    return Hardware(device=torch.device(kind), name=name, precision=precision, compile=False, threads=1, why="")


def test_the_cpu_is_chosen_where_there_is_no_other_device():
    chosen = devices.choose(TINY)
    if not torch.cuda.is_available() and not torch.backends.mps.is_available():
        assert chosen.device == torch.device("cpu")
    assert devices.choose(TINY, device="cpu").device == torch.device("cpu")


@pytest.mark.parametrize("name", ["cuda", "mps"])
def test_a_device_that_is_not_there_is_refused_in_one_line(name):
    if (torch.cuda if name == "cuda" else torch.backends.mps).is_available():
        pytest.skip(f"there is {name} here")
    with pytest.raises(SettingsError, match=rf"^device '{name}' is not there: torch .* finds .*cpu; device=auto$"):
        devices.choose(TINY, device=name)


def test_a_narrow_model_computes_in_fp32_on_every_cpu_and_nothing_is_measured():
    chosen = devices.choose(TINY, device="cpu")
    assert (chosen.precision, chosen.compile) == ("fp32", False)
    assert chosen.why == "a model narrower than 256 takes fp32 without a probe; compiled by default on CUDA only"


def test_a_wide_model_computes_on_a_cpu_in_what_a_probe_shows():
    chosen = devices.choose(WIDE, device="cpu")
    times = re.search(r"in a probe bf16 was ([\d.]+) times as fast as fp32", chosen.why)[1]
    assert chosen.precision == ("bf16" if float(times) >= devices.GAIN else "fp32")


def test_the_probe_leaves_random_numbers_and_threads_as_they_were():
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    assert devices.gain(WIDE, 8, 1) > 0
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize("name", ["gpt2-xl", "gpt3-175b", "gpt3-13b"])
def test_the_probe_of_a_large_model_is_small(name):
    assert devices.gain(PRESETS[name].shape, 8, 1) > 0


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_precision_and_compilation_are_as_set(precision):
    chosen = devices.choose(WIDE, device="cpu", precision=precision, compile="off")
    assert (chosen.precision, chosen.compile) == (precision, False)
    assert chosen.line().startswith("cpu (")
    assert chosen.line().endswith(f", {precision}, not compiled: {precision} as set; compilation is off")
    logits = torch.randn(2, 2) @ torch.randn(2, 2)
    with chosen.autocast():
        assert (logits @ logits).dtype == (torch.bfloat16 if precision == "bf16" else torch.float32)


def test_compilation_without_a_compiler_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(SettingsError, match=r"^compile 'on': there is no C\+\+ compiler; compile=off$"):
        devices.choose(TINY, device="cpu", compile="on")


def test_the_record_says_what_a_run_computed_on():
    record = devices.choose(TINY, device="cpu", threads=3).record()
    assert record.pop("name")
    assert record == {"device": "cpu", "threads": 3, "precision": "fp32", "compile": False}


def test_a_process_is_alone_where_the_environment_states_nothing(monkeypatch):
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    assert devices.member() == Member()
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert devices.member() == Member()


def test_a_process_takes_its_place_from_the_environment(monkeypatch):
    for name, value in {"RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1"}.items():
        monkeypatch.setenv(name, value)
    assert devices.member() == Member(rank=5, size=8, local_rank=1)
    monkeypatch.setenv("RANK", "8")
    with pytest.raises(SettingsError, match=r"^RANK 8 is not below WORLD_SIZE 8"):
        devices.member()
    monkeypatch.setenv("RANK", "first")
    with pytest.raises(SettingsError, match=r"^RANK is a whole number, got 'first'"):
        devices.member()


def counted_flops(shape: Shape, context: int) -> float:
    """Returns what torch counts for one window, forward and backward, per token; it counts no product of oneDNN's."""
    model, tokens = GPT(shape).double(), torch.randint(shape.vocabulary, (1, context))
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        model(tokens, tokens)[1].backward()
    return counter.get_total_flops() / context


@pytest.mark.parametrize("shape", [TINY, replace(TINY, layers=3, heads=4, vocabulary=77), replace(TINY, inner=24)])
def test_flops_are_those_that_torch_counts(shape):
    assert devices.flops_per_token(shape, 16) == counted_flops(shape, 16)
    assert devices.flops_per_token(shape, 8) == counted_flops(shape, 8)


def test_flops_by_hand():
    matrices = 2 * 12 * 32**2 + 50 * 32
    assert devices.flops_per_token(TINY, 16) == 6 * matrices + 12 * 2 * 32 * 16
    banded = replace(TINY, pattern=("dense", "banded"), band=4)
    assert devices.flops_per_token(banded, 16) == 6 * matrices + 12 * 32 * (16 + 4)
    assert devices.flops_per_token(banded, 3) == 6 * matrices + 12 * 32 * (3 + 3)


def test_flops_of_gpt2_are_the_six_per_parameter_and_attention():
    flops = devices.flops_per_token(PRESETS["gpt2"].shape, 1024)
    assert flops == pytest.approx(6 * (124_439_808 - 1024 * 768) + 12 * 12 * 768 * 1024, rel=2e-3)


@pytest.mark.parametrize(
    ("name", "bf16", "fp32"),
    [
        ("NVIDIA H100 80GB HBM3", 989.4, 67),
        ("NVIDIA H100 PCIe", 756, 51),
        ("NVIDIA H100 NVL", 835.5, 60),
        ("NVIDIA A100-SXM4-80GB", 312, 19.5),
        ("NVIDIA A10G", 70, 35),
        ("NVIDIA L40S", 362.1, 91.6),
        ("NVIDIA L4", 121, 30.3),
        ("NVIDIA GeForce RTX 4090", 165.2, 82.6),
    ],
)
def test_the_peak_of_a_gpu_is_its_data_sheets(name, bf16, fp32):
    assert devices.peak_flops(hardware(name)) == bf16 * 1e12
    assert devices.peak_flops(hardware(name, precision="fp32")) == fp32 * 1e12


@pytest.mark.parametrize(
    "name", ["NVIDIA RTX A4000", "NVIDIA GeForce RTX 3090 Ti", "NVIDIA A100-SXM4-40GB MIG 1g.5gb", "Apple M4"]
)
def test_the_peak_of_another_gpu_is_unknown(name):
    assert devices.peak_flops(hardware(name)) is None
    assert devices.peak_flops(hardware(name, kind="mps")) is None


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_peak_of_a_cpu_is_measured(precision):
    assert devices.peak_flops(hardware("a processor", kind="cpu", precision=precision)) > 1e8
