import math
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the model needs torch: pip install '.[train]'")

from curate.errors import SettingsError  # noqa: E402
from curate.gpt.config import Train  # noqa: E402
from curate.gpt.model import GPT, linear  # noqa: E402
from curate.gpt.shapes import PATTERNS, PRESETS, Shape, preset  # noqa: E402

TINY = Shape(layers=2, heads=2, width=32, context=16, vocabulary=50)


@pytest.fixture(autouse=True)
def _one_thread():
    """Tiny tensors gain nothing from threads, and two of them wait for each other on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def model(shape: Shape = TINY, seed: int = 0) -> GPT:
    torch.manual_seed(seed)
    return GPT(shape)


def tokens(rows: int, columns: int, vocabulary: int = 50, seed: int = 0):
    return torch.randint(vocabulary, (rows, columns), generator=torch.Generator().manual_seed(seed))


def reference(weights: dict[str, np.ndarray], shape: Shape, ids: np.ndarray) -> np.ndarray:
    """openai/gpt-2 `src/model.py` in NumPy, one sequence: ids (T,) to logits (T, V); banded where the shape says so."""

    def norm(x, name):
        x = (x - x.mean(-1, keepdims=True)) / np.sqrt(
            ((x - x.mean(-1, keepdims=True)) ** 2).mean(-1, keepdims=True) + 1e-5
        )
        return x * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    def linear(x, name):
        return x @ weights[f"{name}.weight"].T + weights.get(f"{name}.bias", 0)

    def gelu(x):
        return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))

    def attend(query, key, value, kind):
        scores = query @ key.T / np.sqrt(query.shape[-1])
        scores[np.triu_indices(len(ids), 1)] = -np.inf
        if kind == "banded":
            scores[np.tril_indices(len(ids), -shape.band)] = -np.inf
        shares = np.exp(scores - scores.max(-1, keepdims=True))
        return shares / shares.sum(-1, keepdims=True) @ value

    x = weights["wte.weight"][ids] + weights["wpe.weight"][: len(ids)]
    for layer in range(shape.layers):
        block = f"h.{layer}"
        stacked = np.split(linear(norm(x, f"{block}.ln_1"), f"{block}.attn.c_attn"), 3, axis=-1)
        heads = zip(*(np.split(matrix, shape.heads, axis=-1) for matrix in stacked), strict=True)
        x = x + linear(
            np.concatenate([attend(*head, shape.attention(layer)) for head in heads], axis=-1), f"{block}.attn.c_proj"
        )
        x = x + linear(gelu(linear(norm(x, f"{block}.ln_2"), f"{block}.mlp.c_fc")), f"{block}.mlp.c_proj")
    return norm(x, "ln_f") @ weights["wte.weight"].T


def counted(shape: Shape) -> int:
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in GPT(shape).parameters())


@pytest.mark.parametrize(
    ("name", "expected"),
    [("gpt2", 124439808), ("gpt2-medium", 354823168), ("gpt2-large", 774030080), ("gpt2-xl", 1557611200)],
)
def test_gpt2_has_the_parameters_of_the_released_files_and_the_paper_counts_the_ids_of_gpt1(name, expected):
    shape = PRESETS[name].shape
    assert counted(shape) == shape.parameters == expected
    assert round(replace(shape, vocabulary=40478).parameters / 1e6) == int(PRESETS[name].printed)


@pytest.mark.parametrize("name", [name for name in PRESETS if name.startswith("gpt3")])
def test_gpt3_has_the_parameters_of_table_d1(name):
    """The paper rounds to three or four digits, of the large models to tens of millions."""
    shape, printed = PRESETS[name].shape, PRESETS[name].printed
    assert counted(shape) == shape.parameters
    step = 1 if len(printed) < 4 else 10 if len(printed) < 6 else 100
    assert round(shape.parameters / 1e6 / step) * step == int(printed)


@pytest.mark.parametrize("inner", [0, 48])
def test_without_a_bias_on_the_query_attention_has_only_the_outputs_bias(inner):
    shape = replace(TINY, query_bias=False, inner=inner)
    assert counted(shape) == shape.parameters == replace(shape, query_bias=True).parameters - 2 * 3 * (inner or 32)
    names, others = ({*model(each).state_dict()} for each in (shape, replace(shape, query_bias=True)))
    assert names == others - {"h.0.attn.c_attn.bias", "h.1.attn.c_attn.bias"}


def test_the_setting_query_bias_is_that_of_the_shape():
    assert Train().shape(50).query_bias
    assert not Train(query_bias=False).shape(50).query_bias


@pytest.mark.parametrize("name", [name for name in PRESETS if name.startswith("tiny")])
def test_a_tiny_model_has_the_parameters_that_its_shape_counts(name):
    assert counted(PRESETS[name].shape) == PRESETS[name].shape.parameters


def test_the_misprints_of_gpt3_are_resolved_and_can_be_built_as_printed_or_are_refused():
    literal = preset("gpt3-xl", literal=True).shape
    assert (literal.heads, literal.attention_width, literal.width) == (24, 3072, 2048)
    assert counted(literal) == literal.parameters == 1_517_123_584
    with pytest.raises(SettingsError, match=r"^gpt3-13b: no model has the printed sizes: .* 5140"):
        preset("gpt3-13b", literal=True)
    assert preset("gpt2", literal=True) is PRESETS["gpt2"]
    with pytest.raises(SettingsError, match=r"^no model is called 'gpt4'; there are gpt2, "):
        preset("gpt4")


def test_a_banded_layer_stands_where_the_pattern_says():
    shape = PRESETS["gpt3-small"].shape
    assert [shape.attention(layer) for layer in range(4)] == ["dense", "banded", "dense", "banded"]
    other = Train(attention="gpt-oss").shape(shape.vocabulary)
    assert (shape.band, other.band) == (256, 128)
    assert other.attention(0) == "banded"
    with pytest.raises(ValueError, match=r"^attention is dense, gpt-neo, gpt-oss, got 'full'"):
        Train(attention="full")


@pytest.mark.parametrize(
    "shape",
    [
        *(TINY, replace(TINY, inner=24), replace(TINY, query_bias=False)),
        *(replace(TINY, pattern=kinds, band=3) for kinds, _ in PATTERNS.values()),
    ],
)
def test_logits_equal_gpt2_and_gpt3_written_in_numpy(shape):
    built = model(shape).double()
    with torch.no_grad():
        for parameter in built.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)  # far from the start, where GELU and norms matter
    weights = {name: value.numpy() for name, value in built.state_dict().items()}
    ids = tokens(1, 16)
    assert np.abs(built(ids)[0][0].detach().numpy() - reference(weights, shape, ids[0].numpy())).max() < 1e-10


@pytest.mark.parametrize("vocabulary", [65, 4096, 50257])
def test_the_first_loss_is_that_of_a_uniform_guess(vocabulary):
    shape = Shape(layers=2, heads=4, width=128, context=64, vocabulary=vocabulary)
    ids = tokens(4, 65, vocabulary)
    assert abs(model(shape)(ids[:, :-1], ids[:, 1:])[1].item() - math.log(vocabulary)) < 0.15


def test_initial_weights_follow_the_paper():
    built = model(Shape(layers=8, heads=4, width=128, context=64, vocabulary=500))
    for name, parameter in built.named_parameters():
        if name.endswith("bias"):
            assert not parameter.any(), name
        elif "ln_" in name:
            assert (parameter == 1).all(), name
        else:
            expected = 0.02 / math.sqrt(16) if "c_proj" in name else 0.02
            assert parameter.std().item() == pytest.approx(expected, rel=0.05), name


def test_one_batch_can_be_learned_by_heart():
    shape = Shape(layers=2, heads=4, width=64, context=32, vocabulary=100)
    built, ids = model(shape), tokens(4, 33, 100)
    optimiser = torch.optim.AdamW(built.parameters(), lr=3e-3)
    for _ in range(150):
        loss = built(ids[:, :-1], ids[:, 1:])[1]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.01


@pytest.mark.parametrize("kinds", [kinds for kinds, _ in PATTERNS.values()])
@pytest.mark.parametrize("changed", [0, 7, 15])
def test_a_token_changes_no_logit_before_it(changed, kinds):
    built, ids = model(replace(TINY, pattern=kinds, band=3)), tokens(2, 16)
    other = ids.clone()
    other[:, changed] = (other[:, changed] + 1) % 50
    with torch.no_grad():
        difference = (built(ids)[0] - built(other)[0]).abs().amax(dim=(0, 2))
    assert (difference[:changed] == 0).all()
    assert (difference[changed:] > 0).all()


@pytest.mark.parametrize("context", [10, 16, 21])  # a mask; blocks; blocks, and a rest
@pytest.mark.parametrize("changed", [0, 4, 9])
def test_a_token_changes_as_many_logits_as_the_bands_of_all_layers_reach(changed, context):
    for layers, reach in [(1, 4), (2, 7)]:
        built = model(replace(TINY, layers=layers, context=context, pattern=("banded",), band=4))
        ids = tokens(2, context)
        other = ids.clone()
        other[:, changed] = (other[:, changed] + 1) % 50
        with torch.no_grad():
            difference = (built(ids)[0] - built(other)[0]).abs().amax(dim=(0, 2))
        assert difference.nonzero().flatten().tolist() == list(range(changed, min(changed + reach, context)))


@pytest.mark.parametrize("biased", [True, False])
@pytest.mark.parametrize(("inputs", "outputs"), [(24, 7), (7, 24), (1, 1)])
@pytest.mark.parametrize("rows", [(5,), (2, 3), (1, 4, 3)])
def test_a_linear_layer_equals_that_of_torch_and_has_its_gradients(rows, inputs, outputs, biased):
    generator = torch.Generator().manual_seed(1)
    sizes = [(*rows, inputs), (outputs, inputs), *([(outputs,)] if biased else [])]
    ours = [torch.randn(size, generator=generator).requires_grad_() for size in sizes]
    others = [tensor.detach().double().requires_grad_() for tensor in ours]
    product, expected = linear(*ours), torch.nn.functional.linear(*others)
    assert torch.allclose(product.double(), expected, atol=1e-5)
    product.square().sum().backward()
    expected.square().sum().backward()
    for tensor, other in zip(ours, others, strict=True):
        assert torch.allclose(tensor.grad.double(), other.grad, rtol=1e-5, atol=1e-4)


def test_targets_of_minus_100_are_left_out_of_the_loss():
    built, ids = model(), tokens(2, 9)
    targets = ids[:, 1:].clone()
    targets[1] = -100
    assert torch.allclose(built(ids[:, :-1], targets)[1], built(ids[:1, :-1], ids[:1, 1:])[1])


def test_without_targets_there_is_no_loss():
    logits, loss = model()(tokens(3, 5))
    assert logits.shape == (3, 5, 50)
    assert loss is None


def test_more_tokens_than_the_context_are_refused():
    with pytest.raises(ValueError, match="17 tokens do not fit a context of 16"):
        model()(tokens(1, 17))


@pytest.mark.parametrize("sizes", [{"heads": 3}, {"layers": 0}, {"vocabulary": 0}])
def test_a_shape_that_cannot_be_built_is_refused(sizes):
    with pytest.raises(ValueError, match=r"heads|at least 1"):
        Shape(**{"layers": 2, "heads": 2, "width": 32, **sizes})
