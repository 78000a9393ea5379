"""Writes a dataset's card for the Hugging Face Hub: README.md with YAML front matter, beside `curate export hf`."""

from itertools import chain, count
from pathlib import Path
from typing import Any

from curate import recipe, settings, storage
from curate.dataset.forms import Dataset, Files
from curate.errors import SettingsError
from curate.settings import Where
from curate.stage.record import read_stage

# The Hub's names for numbers of rows.
SIZES = ("n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M", "10M<n<100M", "100M<n<1B", "1B<n<10B")
DEFAULT = "default"  # the configuration of all sources, which is read where none is named
RESERVED = (DEFAULT, "all")
FIELDS = """\
| column | what it holds |
|---|---|
| `id` | the document's id in hex, which `curate why` takes |
| `url`, `source` | where it came from |
| `quality` | the classifier's score, where there is one |
| `input_ids` | its tokens, end-of-text last |"""


def files(dataset: Dataset) -> Files:
    """Yields the one file, `README.md`."""
    content = card(dataset).encode()

    def write(draft: Path) -> None:
        draft.write_bytes(content)

    yield "README.md", write


def card(dataset: Dataset) -> str:
    """Returns the text of the card."""
    contract = dataset.contract
    chosen = recipe.from_table(settings.parse_toml(contract["recipe"], "the recipe"), Where("the recipe", ""))
    tokens = sum(sums["tokens"] for _, _, sums in _split_sums(dataset))
    documents = sum(sums["documents"] for _, _, sums in _split_sums(dataset))
    head = [
        f"pretty_name: {quoted(contract['name'])}",
        f"license: {quoted(dataset.license or 'unknown')}",
        *_yaml_list("language", _languages(chosen, dataset)),
        *_yaml_list("size_categories", [size_category(documents)]),
        *_yaml_list("task_categories", ["text-generation"]),
        *_yaml_list("tags", ["pretraining", "curate"]),
        *_configs(dataset),
    ]
    name, version = contract["tokenizer"]["name"], contract["versions"]["curate"]
    body = [
        f"# {contract['name']}",
        f"{tokens:,} tokens of {documents:,} documents for training language models, made by curate {version}. Ids are"
        f" of the {name} tokenizer; documents stand in an order drawn by hash, so a sequential reader gets a shuffled"
        " stream.",
        "Of this folder's Parquet files (`curate export hf`) each row is a document:",
        FIELDS,
        "## Sources and mixture",
        _mixture(dataset),
        "## What was kept",
        _funnel(dataset),
        "## Licence and rights",
        _rights(dataset),
        "## Recipe",
        "The whole recipe, with every default, as it was run:",
        f"```toml\n{contract['recipe'].rstrip()}\n```",
    ]
    front = "\n".join(["---", *head, "---"])
    return front + "\n\n" + "\n\n".join(body) + "\n"


def size_category(documents: int) -> str:
    """Returns the Hub's name for a number of rows.

    >>> size_category(999), size_category(1000), size_category(10**12)
    ('n<1K', '1K<n<10K', 'n>1T')
    """
    index = max(0, len(str(documents)) - 3)
    if index < len(SIZES):
        return SIZES[index]
    return ("10B<n<100B", "100B<n<1T", "n>1T")[min(index - len(SIZES), 2)]


def _split_sums(dataset: Dataset) -> list[tuple[dict[str, Any], str, dict[str, Any]]]:
    """Returns (source, split, its sums) of the sources and splits that are exported."""
    return [
        (source, split, source["splits"][split])
        for source in dataset.contract["sources"]
        for split in dataset.splits
        if split in source["splits"]
    ]


def _literal(name: str) -> str:
    """Returns the pattern that matches this name alone."""
    return "".join(f"[{char}]" if char in "*?[" else char for char in name)


def quoted(text: str) -> str:
    """Returns a text as a string of YAML in double quotes."""
    chars = (char if char.isprintable() and char not in '"\\' else f"\\U{ord(char):08X}" for char in text)
    return f'"{"".join(chars)}"'


def _yaml_list(name: str, values: list[str]) -> list[str]:
    """Returns the lines of a list in YAML; none for an empty one."""
    return [f"{name}:", *(f"- {quoted(value)}" for value in values)] if values else []


def _languages(chosen: recipe.Recipe, dataset: Dataset) -> list[str]:
    """Returns the codes of the languages that the filter lets pass; none where a source may have any language."""
    if "language" not in chosen.filter.rules:
        return []
    allowed = [chosen.filter.language.allowed]
    for source in dataset.contract["sources"]:
        own = chosen.sources.get(source.get("of", source["name"]))
        allowed += [own.filter.language.allowed] if own else []
    return sorted({code for codes in allowed for code in codes}) if all(allowed) else []


def _configs(dataset: Dataset) -> list[str]:
    """Returns the lines of the configurations: "default" with all sources, and one of each source."""
    of_split = {
        split: [source["name"] for source, own, _ in _split_sums(dataset) if own == split] for split in dataset.splits
    }
    names = dict.fromkeys(source["name"] for source, _, _ in _split_sums(dataset))
    configs = {DEFAULT: of_split}
    for config, name in zip(config_names([*names]), names, strict=True):
        configs[config] = {split: [name] for split, own in of_split.items() if name in own}
    lines = ["configs:"]
    for config, splits in configs.items():
        lines += [f"- config_name: {quoted(config)}", "  data_files:"]
        for split, folders in splits.items():
            lines += [f"  - split: {'validation' if split == 'valid' else split}", "    path:"]
            lines += [f"    - {quoted(f'{split}/{_literal(folder)}/*.parquet')}" for folder in folders]
    return lines


def config_names(sources: list[str]) -> list[str]:
    """Returns the name of each source's configuration, all different, also where case is ignored.

    The Hub takes no name that cannot be a folder's on every system, and "default" holds all sources.

    >>> config_names(["web", "Web", "default", "a:b"])
    ['web', 'source-Web', 'source-default', 'a-b']
    """
    names: list[str] = []
    taken = {*RESERVED}
    for source in sources:
        plain = "".join(char if char.isalnum() or char in "-_." else "-" for char in source)
        tries = chain([plain, f"source-{plain}"], (f"source-{plain}-{number}" for number in count(2)))
        names.append(next(name for name in tries if name.casefold() not in taken))
        taken.add(names[-1].casefold())
    return names


def _mixture(dataset: Dataset) -> str:
    """Returns the table of the sources, and a paragraph on their epochs."""
    mixture = dataset.contract["mixture"]
    rows = [
        "| source | split | documents | tokens | bytes of text | share of training | epochs |",
        "|---|---|" + "--:|" * 5,
    ]
    for source, split, sums in _split_sums(dataset):
        epochs = "–" if split != "train" or source["epochs"] is None else f"{source['epochs']:.2f}"
        share = f"{100 * source['share']:.1f} %" if split == "train" else "–"
        numbers = " | ".join(f"{sums[unit]:,}" for unit in ("documents", "tokens", "bytes"))
        rows.append(f"| {_cell(source['name'])} | {split} | {numbers} | {share} | {epochs} |")
    cap = f", at most {mixture['max_epochs']} epochs of each" if mixture["max_epochs"] else ""
    budget = f"Epochs are within {mixture['tokens']:,} tokens (preset `{mixture['preset']}`{cap})."
    once = "The files hold each document once: what is to be seen more often, your loader repeats."
    return "\n".join(rows) + f"\n\n{budget} {once}"


def _funnel(dataset: Dataset) -> str:
    """Returns the table of the stages' counts."""
    rows = ["| stage | read | kept | rejected | by reason |", "|---|--:|--:|--:|---|"]
    for stage in dataset.contract["stages"]:
        counts = " | ".join(f"{stage[name]:,}" for name in ("read", "kept", "rejected"))
        rows.append(f"| {stage['name']} | {counts} | {_reasons(dataset, stage)} |")
    return "\n".join(rows)


def _reasons(dataset: Dataset, stage: dict[str, Any]) -> str:
    """Returns a stage's reasons, the most frequent first; nothing where its record is no longer beside the manifest."""
    try:
        reasons = read_stage(storage.join(dataset.out, stage["path"]).parent).counts.reasons
    except SettingsError:
        return ""
    ordered = sorted(reasons.items(), key=lambda pair: (-pair[1], pair[0]))
    return ", ".join(f"`{_cell(reason)}` {number:,}" for reason, number in ordered)


def _rights(dataset: Dataset) -> str:
    stated = f"For the selection as such: {dataset.license}. " if dataset.license else ""
    return (
        f"{stated}The documents were written by others, and each is under its author's terms, which this dataset"
        " neither changes nor grants; the address of each is in `url`. Whoever uses them has to see to it that the use"
        " is allowed, and whoever publishes them should say how a document can be taken out."
    )


def _cell(text: str) -> str:
    """Returns a text escaped for a cell of a Markdown table."""
    return text.replace("|", "\\|").replace("\n", " ")
