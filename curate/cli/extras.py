"""Names the libraries that a command needs and that are not installed, all at once, before any work."""

from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from curate.errors import UserError, install

if TYPE_CHECKING:
    from curate.recipe import Recipe

# The extras of pyproject.toml, each with the modules that its commands import.
MODULES = {
    "beam": ("apache_beam",),
    "report": ("jinja2",),
    "tokenizers": ("tokenizers",),
    "train": ("torch", "safetensors", "altair", "vl_convert"),
    "tensorboard": ("tensorboard",),
    "gcp": ("apache_beam", "google.cloud.dataflow", "gcsfs"),
    "s3": ("s3fs",),
    "gcs": ("gcsfs",),
    "hf": ("huggingface_hub",),
    "pii": ("phonenumbers", "stdnum"),
}


def need(extras: Iterable[str], *, instead: str = "", also: Iterable[str] = ()) -> None:
    """Raises UserError where a library of these extras is not installed.

    instead: what the user can do without them. also: extras that are no reason to stop, but are named with the others.
    """
    if lacking := _lacking(extras):
        lacking |= _lacking(also)
        modules = [module for missing in lacking.values() for module in missing]
        names = " and ".join(filter(None, (", ".join(modules[:-1]), modules[-1])))
        mend = f"{install([*lacking])}; {instead}" if instead else install([*lacking])
        raise UserError(f"{names} {'is' if len(modules) == 1 else 'are'} not installed: {mend}")


def need_for_run(recipe: "Recipe", out: Path, *, train: bool) -> None:
    """Raises UserError where a run of a recipe lacks libraries; train: whether it trains the recipe's model."""
    from curate.tokens.config import is_tokenizer_file

    patterns = [pattern for source in recipe.sources.values() for pattern in source.inputs]
    extras = ["beam", *_of_paths([*patterns, str(out)])]
    if is_tokenizer_file(recipe.tokenize.encoding):
        extras.append("tokenizers")
    if train:
        chosen = ["train", "tensorboard"] if recipe.train and recipe.train.tensorboard else ["train"]
        need([*extras, *chosen], instead="--no-train leaves the model out", also=["report"])
    else:
        need(extras, also=["report"])


def need_for_estimate(recipe: "Recipe") -> None:
    """Raises UserError where the estimate of a run lacks libraries."""
    from curate.tokens.config import is_tokenizer_file

    patterns = [pattern for source in recipe.sources.values() for pattern in source.inputs]
    tokenizer = ["tokenizers"] if is_tokenizer_file(recipe.tokenize.encoding) else []
    need(["beam", *_of_paths(patterns), *tokenizer])


def need_for_verb(inputs: list[str], out: Path) -> None:
    """Raises UserError where the verb of a stage lacks libraries."""
    need(["beam", *_of_paths([*inputs, str(out)])])


def _lacking(extras: Iterable[str]) -> dict[str, list[str]]:
    """Returns the extras of which modules are not installed, each with these modules."""
    missing = {extra: [module for module in MODULES[extra] if not _is_there(module)] for extra in extras}
    return {extra: modules for extra, modules in missing.items() if modules}


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # the package that should hold it
        return False


def _of_paths(names: Iterable[str]) -> list[str]:
    """Returns the extras that read the stores of these paths."""
    from curate.storage import EXTRAS

    protocols = [name.partition("://")[0] for name in names if "://" in name]
    return [EXTRAS[protocol] for protocol in protocols if protocol in EXTRAS]
