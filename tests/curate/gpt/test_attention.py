"""Banded attention in every way equals its definition, sees the band and nothing else, and has its gradients."""

import pytest

torch = pytest.importorskip("torch", reason="the model needs torch: pip install '.[train]'")

from curate.gpt import attention  # noqa: E402

WAYS = [attention.banded_masked, attention.banded_blocks, attention.banded]


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def rows(time, *, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(2, 3, time, 4, generator=generator, dtype=dtype) for _ in range(3)]


def by_definition(query, key, value, band):
    """Returns the attention computed one position at a time, over the keys that it sees."""
    mixed = torch.empty_like(value)
    for at in range(query.shape[-2]):
        seen = slice(max(0, at - band + 1), at + 1)
        scores = query[..., at : at + 1, :] @ key[..., seen, :].transpose(-1, -2) / query.shape[-1] ** 0.5
        mixed[..., at : at + 1, :] = scores.softmax(-1) @ value[..., seen, :]
    return mixed


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("time", "band"), [(1, 1), (1, 4), (5, 1), (8, 4), (16, 4), (17, 4), (23, 5), (40, 8), (9, 20)]
)
def test_every_way_equals_the_definition(way, time, band):
    tensors = rows(time)
    assert torch.allclose(way(*tensors, band), by_definition(*tensors, band), atol=1e-12)


@pytest.mark.parametrize("way", WAYS)
def test_every_way_has_the_gradients_of_the_definition(way):
    ours, expected = ([tensor.requires_grad_() for tensor in rows(21)] for _ in range(2))
    way(*ours, 5).square().sum().backward()
    by_definition(*expected, 5).square().sum().backward()
    for tensor, other in zip(ours, expected, strict=True):
        assert torch.allclose(tensor.grad, other.grad, atol=1e-12)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("changed", [0, 3, 12, 20])
def test_a_changed_key_reaches_the_band_after_it_and_nothing_else(way, changed):
    query, key, value = rows(21)
    other = key.clone(), value.clone()
    for tensor in other:
        tensor[:, :, changed] += 1
    difference = (way(query, key, value, 5) - way(query, *other, 5)).abs().amax(dim=(0, 1, 3))
    reached = torch.arange(21)
    reached = (reached >= changed) & (reached < changed + 5)
    assert (difference[reached] > 0).all()
    assert (difference[~reached] == 0).all()


def test_the_last_row_sees_as_many_keys_as_the_band():
    query, key = (tensor.repeat(1, 1, 1, 8) for tensor in rows(32, dtype=torch.float32)[:2])
    value = torch.eye(32).expand(2, 3, 32, 32)
    assert (attention.banded(query, key, value, 8)[..., -1, :] > 0).sum(-1).eq(8).all()


@pytest.mark.parametrize("way", [attention.dense, attention.dense_short])
@pytest.mark.parametrize("time", [1, 2, 9, 33])
def test_dense_attention_equals_the_definition_and_has_its_gradients(way, time):
    ours, expected = ([tensor.requires_grad_() for tensor in rows(time)] for _ in range(2))
    mixed, wanted = way(*ours), by_definition(*expected, time)
    assert torch.allclose(mixed, wanted, atol=1e-12)
    mixed.square().sum().backward()
    wanted.square().sum().backward()
    for tensor, other in zip(ours, expected, strict=True):
        assert torch.allclose(tensor.grad, other.grad, atol=1e-12)


@pytest.mark.parametrize("time", [33, attention.SHORT, attention.SHORT + 1])
def test_attention_in_bf16_on_a_cpu_is_that_of_its_inputs_up_to_rounding(time):
    query, key, value = rows(time, dtype=torch.bfloat16)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = attention.dense(query, key, value)
    assert mixed.dtype == torch.bfloat16
    exact = attention.dense(query.double(), key.double(), value.double())
    assert (mixed.double() - exact).abs().max() < 0.03  # bf16 has 8 bits, and values reach 4


@pytest.mark.filterwarnings("error")
def test_flex_attention_is_a_part_of_a_model_that_is_compiled():
    """Traced whole, without the making of its mask, which is there before; the CPU computes it forward alone."""
    tensors = rows(40, dtype=torch.float32)
    attention.make_flex(40, 8, "cpu")
    compiled = torch.compile(lambda *given: attention.banded_flex(*given, 8), backend="eager", fullgraph=True)
    assert torch.allclose(compiled(*tensors), by_definition(*tensors, 8), atol=1e-6)


@pytest.mark.parametrize(("time", "band"), [(7, 5), (21, 5), (40, 8), (9, 20)])
def test_banded_attention_in_bf16_on_a_cpu_is_that_of_its_inputs_up_to_rounding(time, band):
    ours = [tensor.requires_grad_() for tensor in rows(time, dtype=torch.bfloat16)]
    others = [tensor.detach().double().requires_grad_() for tensor in ours]
    with torch.autocast("cpu", torch.bfloat16):
        mixed = attention.banded(*ours, band)
    exact = by_definition(*others, band)
    assert mixed.dtype == torch.bfloat16
    assert (mixed.double() - exact).abs().max() < 0.03
    mixed.float().sum().backward()
    exact.sum().backward()
    for tensor, other in zip(ours, others, strict=True):
        assert (tensor.grad.double() - other.grad).abs().max() < 0.06


@pytest.mark.skipif(not torch.cuda.is_available(), reason="flex_attention has no backward on a CPU; needs CUDA")
def test_flex_attention_equals_the_mask():
    tensors = [tensor.cuda().requires_grad_() for tensor in rows(512, dtype=torch.float32)]
    others = [tensor.detach().clone().requires_grad_() for tensor in tensors]
    ours, expected = attention.banded_flex(*tensors, 128), attention.banded_masked(*others, 128)
    assert torch.allclose(ours, expected, atol=1e-5)
    ours.square().sum().backward()
    expected.square().sum().backward()
    assert all(torch.allclose(a.grad, b.grad, atol=1e-4) for a, b in zip(tensors, others, strict=True))
