"""The inputs of a recipe as names and sizes: they are listed, and none is read for its digest."""

from dataclasses import dataclass, replace
from pathlib import Path

from curate import storage
from curate.commoncrawl.indexes import resolve_indexes
from curate.errors import SettingsError
from curate.inputs.digests import Digests
from curate.inputs.items import pieces, source_items
from curate.pipelines import plans
from curate.pipelines.stages.given import quiet
from curate.recipe import Recipe
from curate.records import uniform
from curate.stage.plan import Item, stage_folder
from curate.storage.identity import Fact

INDEX_BYTES = 256 << 20  # of a source's indexes are read; of a larger set so many whole files, at least one
UNREAD = "unread"  # the digest of an input that was not read


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The inputs of a recipe."""

    items: tuple[Item, ...]  # whole files, groups of small texts, and groups of pointers
    sizes: dict[str, float]  # bytes of all inputs, by source
    files: int
    parts: int
    exact: bool  # False: only some of the indexes were read, and the rest is taken to be like them
    piece_sizes: tuple[int, ...]  # the bytes of the input of each part, as far as it is listed


class Unread(Digests):
    """Identifies input files by their sizes alone."""

    def facts(self, paths: list[Path]) -> list[Fact]:
        """Returns the size of each file; SettingsError in one line if one cannot be found."""
        remote = [path for path in paths if storage.is_remote(path)]
        stated = dict(zip(remote, super().facts(remote), strict=True)) if remote else {}
        try:
            return [stated.get(path) or Fact(path.stat().st_size, UNREAD) for path in paths]
        except OSError as error:
            raise SettingsError(f"{error.filename}: cannot read this input: {error.strerror}") from None


def listed(recipe: Recipe, out: Path) -> Listing:
    """Lists the inputs of a recipe; out: the folder of the sample, into which pages of the mini-web are written."""
    plans.build_miniweb(recipe, out)
    inputs = plans.given_inputs(recipe)
    files = source_items(inputs, Unread(), miniweb=plans.miniweb_folder(out), base=recipe.commoncrawl)
    items = [replace(item, form="owned") if item.form == "documents" else item for item in files]
    items, factors = _with_pointers(items, recipe, out)
    sizes = dict.fromkeys(inputs, 0.0)
    for item in items:
        sizes[item.source] += item.size * factors.get(item.source, 1.0)
    cut = [piece for item in items for piece in pieces(item, recipe.extract.split_bytes)]
    parts = sum(factors.get(piece.source, 1.0) for piece in cut)
    return Listing(
        items=tuple(items),
        sizes=sizes,
        files=len(files),
        parts=round(parts),
        exact=not factors,
        piece_sizes=tuple(piece.size for piece in cut),
    )


def _with_pointers(items: list[Item], recipe: Recipe, out: Path) -> tuple[list[Item], dict[str, float]]:
    """Returns the items with indexes replaced by what they select; by source, of how many times as many it is one."""
    factors: dict[str, float] = {}
    chosen = [item for item in items if item.form != "index"]
    for source in dict.fromkeys(item.source for item in items if item.form == "index"):
        indexes = [item for item in items if item.source == source and item.form == "index"]
        read = _some(indexes)
        if len(read) < len(indexes):
            factors[source] = sum(item.size for item in indexes) / sum(item.size for item in read)
        chosen += read
    selects = {name: source.select for name, source in recipe.sources.items() if name in plans.given_inputs(recipe)}
    folder = stage_folder(out, recipe.stages[0])
    return resolve_indexes(chosen, folder, selects, recipe.commoncrawl, quiet), factors


def _some(indexes: list[Item]) -> list[Item]:
    """Returns the indexes, or where they are large some of them, drawn by a hash of their names."""
    read: list[Item] = []
    for item in sorted(indexes, key=lambda item: uniform(0, "estimate", item.name.encode())):
        if read and sum(other.size for other in read) + item.size > INDEX_BYTES:
            break
        read.append(item)
    return [item for item in indexes if item in read]
