"""Weights from and to folders of Hugging Face's transformers: as GPT-2, or as GPT-Neo where attention is banded.

A folder holds `config.json` and `model.safetensors`, or parts that `model.safetensors.index.json` names. GPT-2 stores
its linear layers transposed. GPT-Neo has queries, keys and values without a bias, and does not divide their products by
sqrt(d_head): its query's weights are ours, divided by it.
"""

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curate.errors import SettingsError
from curate.gpt.config import Train, with_sizes
from curate.gpt.shapes import NORM_EPS, Shape
from curate.loader.streams import Tokens
from curate.storage.together import Write, check_free, write_together
from curate.storage.writing import as_json
from curate.tokens import merges
from curate.tokens.tokenizer import FILE, Tokenizer

if TYPE_CHECKING:
    from torch import Tensor

    from curate.gpt.checkpoint import Saved
    from curate.gpt.model import GPT

CONFIG, WEIGHTS, INDEX = "config.json", "model.safetensors", "model.safetensors.index.json"
PICKLES = (".bin", ".pt", ".pth", ".ckpt")
RECORD = "export.json"  # is removed before another file is replaced, and written last
FILES = (CONFIG, "generation_config.json", WEIGHTS, FILE, "tokenizer_config.json", "README.md")

PREFIX = "transformer."  # of all names but the head's, in files that the whole class wrote
HEAD = "lm_head.weight"
MASKS = re.compile(r"h\.\d+\.attn\.(attention\.)?(masked_)?bias")  # constants that older files hold
LINEAR = re.compile(r"(c_attn|c_proj|c_fc)\.weight$")
QUERY_KEY_VALUE = re.compile(r"(.*)c_attn\.weight$")
FLOATS = ("F64", "F32", "F16", "BF16")
MOST_LAYERS = 10_000

# Sizes of a Shape, their names in a config, and their values where it leaves them out.
SIZES = ("layers", "heads", "width", "context", "vocabulary")
KEYS = {
    "gpt2": ("n_layer", "n_head", "n_embd", "n_positions", "vocab_size"),
    "gpt_neo": ("num_layers", "num_heads", "hidden_size", "max_position_embeddings", "vocab_size"),
}
DEFAULTS = {"gpt2": (12, 12, 768, 1024, 50257), "gpt_neo": (24, 16, 2048, 2048, 50257)}
CLASSES = {"gpt2": "GPT2LMHeadModel", "gpt_neo": "GPTNeoForCausalLM"}
KINDS = {"global": "dense", "local": "banded"}
# What else decides the logits: the value of a config that leaves it out, and those that this model has.
CHOICES: Mapping[str, tuple[Any, tuple[Any, ...]]] = {
    "activation_function": ("gelu_new", ("gelu_new", "gelu_pytorch_tanh")),
    "layer_norm_epsilon": (NORM_EPS, (NORM_EPS,)),
    "tie_word_embeddings": (True, (True,)),
    "scale_attn_weights": (True, (True,)),
    "scale_attn_by_inverse_layer_idx": (False, (False,)),
    "add_cross_attention": (False, (False,)),
    "quantization_config": (None, (None,)),
}


@dataclass(frozen=True, slots=True)
class Stored:
    """A tensor in a file."""

    file: Path
    name: str  # in the file
    size: tuple[int, ...]
    dtype: str  # as the file names it, such as F32


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """The outcome of an export."""

    folder: Path
    architecture: str  # the class of transformers
    parameters: int
    notes: tuple[str, ...]  # what differs from the run, as sentences


def shape_of(folder: Path) -> Shape:
    """Returns the shape of the model in a folder, from its config alone; SettingsError where it is no model of ours."""
    config = _json(folder / CONFIG)
    family = config.get("model_type")
    if not isinstance(family, str) or family not in KEYS:
        raise SettingsError(f"{folder / CONFIG}: model_type is {_short(family)}; {' and '.join(KEYS)} can be read")
    sizes = {}
    for name, key, default in zip(SIZES, KEYS[family], DEFAULTS[family], strict=True):
        sizes[name] = value = config.get(key, default)
        most = MOST_LAYERS if name == "layers" else 2**31 - 1
        if type(value) is not int or not 1 <= value <= most:
            raise SettingsError(f"{folder / CONFIG}: {key} is {_short(value)}; it is a whole number in 1..{most}")
    inner = {"n_inner" if family == "gpt2" else "intermediate_size": (None, (None, 4 * sizes["width"]))}
    for key, (default, possible) in {**CHOICES, **inner}.items():
        value = config.get(key, default)
        if value not in possible:
            which = " or ".join(str(choice) for choice in possible)
            raise SettingsError(f"{folder / CONFIG}: {key} is {_short(value)}; only {which} can be read")
    try:
        return Shape(**sizes, **(_banding(config, sizes["layers"]) if family == "gpt_neo" else {}))
    except ValueError as error:
        raise SettingsError(f"{folder / CONFIG}: {error}") from None


def check_fits(settings: Train, tokenizer: Tokenizer, file: bytes | None) -> None:
    """Raises SettingsError where the weights of `init` have other sizes or ids; file: the dataset's tokenizer.json."""
    shape = shape_of(Path(settings.init))
    with_sizes(asdict(settings), shape)
    if shape.vocabulary != tokenizer.vocabulary:
        sizes = f"a vocabulary of {shape.vocabulary:,} ids, and the dataset's tokenizer one of {tokenizer.vocabulary:,}"
        raise SettingsError(f"{settings.init}: the model has {sizes}")
    merges.check_same(Path(settings.init), tokenizer, file)


def load(folder: Path) -> "GPT":
    """Returns the model of a folder, its weights as 32-bit floats; SettingsError where it is no model of ours."""
    import torch

    from curate.gpt.model import GPT

    shape, stored = shape_of(folder), _stored(folder)
    table, places = (shape.vocabulary, shape.width), (shape.context, shape.width)
    last = f"h.{shape.layers - 1}.ln_1.weight"
    for name, size in {"wte.weight": table, "wpe.weight": places, last: (shape.width,)}.items():
        _check_tensor(folder, stored, name, size)  # before anything of these sizes is made
    with torch.device("meta"):
        model = GPT(shape)
    state = model.state_dict()
    export = partial(_to_gpt2 if shape.query_bias else _to_gpt_neo, shape)
    expected = {name: tensor.shape for item in state.items() for name, tensor in export(*item)}
    for name, size in expected.items():
        _check_tensor(folder, stored, name, tuple(size))
    if others := sorted(stored.keys() - expected.keys() - {HEAD}):
        raise SettingsError(f"{stored[others[0]].file}: holds {_short(others[0])}, which a model of its config has not")
    read = partial(_read, stored)
    head = read(HEAD) if HEAD in stored else None
    restore = partial(_from_gpt2 if shape.query_bias else _from_gpt_neo, shape, read)
    model.load_state_dict({name: restore(name) for name in state}, assign=True)
    if head is not None and not torch.equal(head, model.wte.weight):
        raise SettingsError(f"{stored[HEAD].file}: {HEAD} is not the token embedding; only tied heads can be read")
    return model


def architecture(shape: Shape) -> str:
    """Returns the family that holds models of a shape, gpt2 or gpt_neo; SettingsError where transformers has none."""
    if shape.attention_width != shape.width:
        size = f"the heads of a layer are {shape.attention_width} wide and the model {shape.width}"
        raise SettingsError(f"{size}; transformers has no such class: train the resolved sizes, not the literal ones")
    banded = "banded" in {shape.attention(layer) for layer in range(shape.layers)}
    if not banded or shape.band >= shape.context:
        return "gpt2"
    if shape.query_bias:
        reason = "banded layers are GPT-Neo's in transformers, which has no bias on the query"
        raise SettingsError(f"{reason}: train with query_bias=false, or with attention=dense")
    return "gpt_neo"


def export(saved: "Saved", folder: Path) -> Exported:
    """Writes a model that was trained as transformers loads it, with its tokenizer and a card; all files or none.

    Raises SettingsError, before any work, where transformers has no class for the model, or where a file in the folder
    would be replaced that is not ours.
    """
    shape, tokenizer, ids = saved.model.shape, saved.tokenizer, saved.vocabulary.ids
    family = architecture(shape)
    check_free(folder / RECORD, FILES)
    files = merges.files_of(tokenizer, saved.tokenizer_file, shape.context)
    notes = [] if files else [f"There are no tokenizer files: {tokenizer.name} cannot be stated exactly."]
    ends: dict[str, Any] = dict.fromkeys(("bos_token_id", "eos_token_id", "pad_token_id"), tokenizer.eot)
    if untrained := sorted({*range(tokenizer.vocabulary)} - {*ids.tolist()}):
        notes.append(
            f"{len(untrained):,} of the {tokenizer.vocabulary:,} ids do not occur in the dataset and were not trained:"
            " their embedding is the mean of the others', and generation_config.json suppresses them."
        )
        ends["suppress_tokens"] = untrained
    files[CONFIG] = as_json(_config(shape, family, tokenizer))
    files["generation_config.json"] = json.dumps(ends).encode()
    files["README.md"] = _card(saved, family, notes).encode()
    writes: dict[str, Write] = {name: partial(Path.write_bytes, data=content) for name, content in files.items()}
    writes[WEIGHTS] = partial(_write_weights, saved=saved, family=family)
    run = {name: saved.record.get(name) for name in ("fingerprint", "manifest", "settings")}
    write_together(folder / RECORD, writes, lambda _: {"architecture": CLASSES[family], "run": run})
    return Exported(folder=folder, architecture=CLASSES[family], parameters=shape.parameters, notes=tuple(notes))


def _json(path: Path) -> dict[str, Any]:
    """Returns the table that a file of JSON holds."""
    try:
        value = json.loads(path.read_bytes())
    except OSError as error:
        raise SettingsError(f"{path}: cannot read it: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{path}: not JSON: {str(error)[:80]}") from None
    if not isinstance(value, dict):
        raise SettingsError(f"{path}: not a table of JSON")
    return value


def _banding(config: Mapping[str, Any], layers: int) -> dict[str, Any]:
    """Returns what a config of GPT-Neo states of attention, as values of a Shape."""
    types, band = config.get("attention_types", [[["global", "local"], 12]]), config.get("window_size", 256)
    kinds: list[str] = []
    try:
        for names, times in types:
            if not 1 <= len(names) * times <= layers - len(kinds):
                raise ValueError(f"it makes more than {layers} layers")
            kinds += [KINDS[name] for name in names] * times
        if len(kinds) != layers:
            raise ValueError(f"it makes {len(kinds)} layers, not {layers}")
    except (TypeError, KeyError, ValueError) as error:
        raise ValueError(f"attention_types is {_short(types)}, which cannot be read: {_short(str(error))}") from None
    if type(band) is not int:
        raise ValueError(f"window_size is {_short(band)}; it is a whole number")
    period = next(size for size in range(1, layers + 1) if kinds == (kinds[:size] * layers)[:layers])
    return {"pattern": tuple(kinds[:period]), "band": band, "query_bias": False}


def _weight_files(folder: Path) -> list[Path]:
    """Returns the files that hold the weights of a folder."""
    if (folder / WEIGHTS).is_file():
        return [folder / WEIGHTS]
    if (folder / INDEX).is_file():
        parts = _json(folder / INDEX).get("weight_map")
        names = {*parts.values()} if isinstance(parts, dict) and all(map(_is_name, parts.values())) else set()
        if not names:
            raise SettingsError(f"{folder / INDEX}: its weight_map names no files of this folder")
        return [folder / name for name in sorted(names)]
    pickles = sorted(path.name for path in folder.glob("*") if path.suffix in PICKLES)
    if pickles:
        mend = "load it with transformers where you trust it, and save it with save_pretrained"
        raise SettingsError(f"{folder / pickles[0]}: a pickle, which can run code, is not read; {mend}")
    raise SettingsError(f"{folder}: holds no {WEIGHTS}")


def _is_name(name: Any) -> bool:
    return isinstance(name, str) and Path(name).name == name


def _stored(folder: Path) -> dict[str, Stored]:
    """Returns the tensors of a folder by their names without the prefix, without reading them."""
    stored: dict[str, Stored] = {}
    for file in _weight_files(folder):
        with _opened(file) as tensors:
            for full in tensors.keys():  # noqa: SIM118 - not a mapping
                name, part = full.removeprefix(PREFIX), tensors.get_slice(full)
                if MASKS.fullmatch(name):
                    continue
                if name in stored:
                    raise SettingsError(f"{file}: holds {_short(name)} a second time")
                stored[name] = Stored(file, full, tuple(part.get_shape()), part.get_dtype())
    return stored


@contextmanager
def _opened(file: Path) -> Iterator[Any]:
    """Yields a file of safetensors, open; SettingsError where it cannot be read."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="pt") as tensors:
            yield tensors
    except SafetensorError as error:
        raise SettingsError(f"{file}: damaged, or not of safetensors: {_short(str(error))}") from None
    except OSError as error:
        raise SettingsError(f"{file}: cannot read it: {error.strerror or error}") from None


def _check_tensor(folder: Path, stored: Mapping[str, Stored], name: str, size: tuple[int, ...]) -> None:
    if name not in stored:
        raise SettingsError(f"{folder}: its weights lack {name}, which a model of its config has")
    tensor = stored[name]
    if tensor.size != size:
        raise SettingsError(f"{tensor.file}: {name} has the size {tensor.size}, not {size} as in the config")
    if tensor.dtype not in FLOATS:
        raise SettingsError(f"{tensor.file}: {name} holds {tensor.dtype}; only {', '.join(FLOATS)} can be read")


def _read(stored: Mapping[str, Stored], name: str) -> "Tensor":
    """Returns a tensor as 32-bit floats."""
    with _opened(stored[name].file) as tensors:
        tensor: Tensor = tensors.get_tensor(stored[name].name).float()
    if not tensor.isfinite().all():
        raise SettingsError(f"{stored[name].file}: {name} holds numbers that are not finite")
    return tensor


def _to_gpt2(shape: Shape, name: str, tensor: "Tensor") -> Iterator[tuple[str, "Tensor"]]:
    """Yields what a tensor of ours is in GPT-2; without a bias on the query, a bias of zeros."""
    yield name, tensor.T if LINEAR.search(name) else tensor
    if not shape.query_bias and (match := QUERY_KEY_VALUE.fullmatch(name)):
        yield f"{match[1]}c_attn.bias", tensor.new_zeros(len(tensor))


def _from_gpt2(shape: Shape, read: "Callable[[str], Tensor]", name: str) -> "Tensor":
    return read(name).T.contiguous() if LINEAR.search(name) else read(name)


def _to_gpt_neo(shape: Shape, name: str, tensor: "Tensor") -> Iterator[tuple[str, "Tensor"]]:
    """Yields what a tensor of ours is in GPT-Neo."""
    if match := QUERY_KEY_VALUE.fullmatch(name):
        query, key, value = tensor.chunk(3)
        scaled = (query.double() / math.sqrt(shape.width // shape.heads)).to(tensor.dtype)
        for letter, part in zip("qkv", (scaled, key, value), strict=True):
            yield f"{match[1]}attention.{letter}_proj.weight", part
    else:
        yield name.replace("attn.c_proj", "attn.attention.out_proj"), tensor


def _from_gpt_neo(shape: Shape, read: "Callable[[str], Tensor]", name: str) -> "Tensor":
    import torch

    if match := QUERY_KEY_VALUE.fullmatch(name):
        query, key, value = (read(f"{match[1]}attention.{letter}_proj.weight") for letter in "qkv")
        scaled = (query.double() * math.sqrt(shape.width // shape.heads)).float()
        return torch.cat((scaled, key, value))
    return read(name.replace("attn.c_proj", "attn.attention.out_proj"))


def _write_weights(path: Path, saved: "Saved", family: str) -> None:
    """Writes the weights of a model under the names of transformers; the head is the embedding, and is left out."""
    from curate.gpt.checkpoint import write_tensors

    convert = _to_gpt2 if family == "gpt2" else _to_gpt_neo
    state = saved.model.state_dict()
    state["wte.weight"] = _spread(state["wte.weight"], saved.vocabulary.ids, saved.tokenizer.vocabulary)
    tensors = (named for item in state.items() for named in convert(saved.model.shape, *item))
    write_tensors(path, {PREFIX + name: tensor.clone() for name, tensor in tensors}, {"format": "pt"})


def _spread(weight: "Tensor", ids: Tokens, vocabulary: int) -> "Tensor":
    """Returns an embedding (rows, d) as that of all ids (V, d); an id without a row gets the mean of all rows."""
    spread = weight.double().mean(0).to(weight.dtype).repeat(vocabulary, 1)
    spread[ids] = weight
    return spread


def _config(shape: Shape, family: str, tokenizer: Tokenizer) -> dict[str, Any]:
    """Returns the content of config.json."""
    sizes = {key: getattr(shape, name) for name, key in zip(SIZES, KEYS[family], strict=True)}
    chosen = {"activation_function": "gelu_new", "layer_norm_epsilon": NORM_EPS, "tie_word_embeddings": True}
    ends = {"vocab_size": tokenizer.vocabulary, "bos_token_id": tokenizer.eot, "eos_token_id": tokenizer.eot}
    if family == "gpt2":
        own: dict[str, Any] = {"attn_pdrop": 0.0, "embd_pdrop": 0.0, "resid_pdrop": 0.0}
    else:
        names = {kind: name for name, kind in KINDS.items()}
        kinds = [names[shape.attention(layer)] for layer in range(shape.layers)]
        own = {"attention_types": [[kinds, 1]], "window_size": shape.band, "intermediate_size": 4 * shape.width}
        own |= {"attention_dropout": 0.0, "embed_dropout": 0.0, "resid_dropout": 0.0}
    return {
        "architectures": [CLASSES[family]],
        "model_type": family,
        "dtype": "float32",
        **sizes,
        **chosen,
        **ends,
        **own,
    }


def _card(saved: "Saved", family: str, notes: Sequence[str]) -> str:
    """Returns the text of README.md."""
    shape, run, manifest = saved.model.shape, saved.record, saved.record["manifest"]
    attention = "dense" if family == "gpt2" else f"dense and locally banded ({shape.band} positions)"
    facts = [
        f"{shape.parameters:,} parameters: {shape.layers} layers of width {shape.width} with {shape.heads} heads; a"
        f" context of {shape.context:,} tokens; attention is {attention}.",
        f"Trained by curate on {run['tokens']:,} tokens of {manifest['name']} (manifest sha256 {manifest['sha256']}).",
        f"Documents end with `{saved.tokenizer.eot_token}`; a text starts after one.",
        *notes,
    ]
    if run.get("bits_per_byte") is not None:
        facts.append(f"Held-out text takes {run['bits_per_byte']:.4f} bits per byte.")
    head = "---\nlibrary_name: transformers\npipeline_tag: text-generation\ntags: [curate]\n---"
    title = f"# {manifest['name']}: {CLASSES[family]}\n"
    return "\n".join((head, title, *(f"- {fact}" for fact in facts), ""))


def _short(value: Any) -> str:
    """Returns a value of a file in one short line."""
    text = value if isinstance(value, str) and value.isprintable() else repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
