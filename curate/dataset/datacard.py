"""A dataset's card for the Hugging Face Hub: README.md with YAML front matter, for the folder of `curate export hf`."""

import json
from pathlib import Path
from typing import Any

from curate import recipe, settings, storage
from curate.dataset.forms import Dataset, Files
from curate.errors import SettingsError
from curate.settings import Where
from curate.stage.record import read_stage

SIZES = ("n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M", "10M<n<100M", "100M<n<1B", "1B<n<10B")
FIELDS = """\
| column | what it holds |
|---|---|
| `id` | the document's id in hex, which `curate why` takes |
| `url`, `source` | where it came from |
| `quality` | the classifier's score, where there is one |
| `input_ids` | its tokens, end-of-text last |"""


def files(dataset: Dataset) -> Files:
    """The one file, `README.md`."""
    content = card(dataset).encode()

    def write(draft: Path) -> None:
        draft.write_bytes(content)

    yield "README.md", write


def card(dataset: Dataset) -> str:
    """The text of the card."""
    contract = dataset.contract
    chosen = recipe.from_table(settings.parse_toml(contract["recipe"], "the recipe"), Where("the recipe", ""))
    tokens, documents = (sum(part[unit] for _, _, part in _parts(dataset)) for unit in ("tokens", "documents"))
    head = [
        f"pretty_name: {json.dumps(contract['name'])}",
        f"license: {json.dumps(dataset.license or 'unknown')}",
        *_listed("language", _languages(chosen, dataset)),
        *_listed("size_categories", [size_category(documents)]),
        *_listed("task_categories", ["text-generation"]),
        *_listed("tags", ["pretraining", "curate"]),
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
    """The Hub's name for a number of rows.

    >>> size_category(999), size_category(1000), size_category(10**12)
    ('n<1K', '1K<n<10K', 'n>1T')
    """
    place = max(0, len(str(documents)) - 3)
    if place < len(SIZES):
        return SIZES[place]
    return ("10B<n<100B", "100B<n<1T", "n>1T")[min(place - len(SIZES), 2)]


def _parts(dataset: Dataset) -> list[tuple[dict[str, Any], str, dict[str, Any]]]:
    """(source, split, its sums) of all that is wanted."""
    return [
        (source, split, source["splits"][split])
        for source in dataset.contract["sources"]
        for split in dataset.splits
        if split in source["splits"]
    ]


def _listed(name: str, values: list[str]) -> list[str]:
    return [f"{name}:", *(f"- {json.dumps(value)}" for value in values)] if values else []


def _languages(chosen: recipe.Recipe, dataset: Dataset) -> list[str]:
    """The languages that the filter lets pass, if it asks for any."""
    if "language" not in chosen.filter.rules:
        return []
    wanted = [chosen.filter.language.allowed]
    for source in dataset.contract["sources"]:
        own = chosen.sources.get(source.get("of", source["name"]))
        wanted += [own.filter.language.allowed] if own else []
    return sorted({code for codes in wanted for code in codes}) if all(wanted) else []


def _configs(dataset: Dataset) -> list[str]:
    lines = ["configs:"]
    every = [("default", "*", dataset.splits)]
    own = [
        (source["name"], source["name"], [split for split in dataset.splits if split in source["splits"]])
        for source in dataset.contract["sources"]
    ]
    for name, folder, splits in every + [each for each in own if each[2]]:
        lines += [f"- config_name: {json.dumps(name)}", "  data_files:"]
        for split in splits:
            told = "validation" if split == "valid" else split
            lines += [f"  - split: {told}", f"    path: {json.dumps(f'{split}/{folder}/*.parquet')}"]
    return lines


def _mixture(dataset: Dataset) -> str:
    mixture = dataset.contract["mixture"]
    rows = [
        "| source | split | documents | tokens | bytes of text | share of training | epochs |",
        "|---|---|" + "--:|" * 5,
    ]
    for source, split, part in _parts(dataset):
        seen = "–" if split != "train" or source["epochs"] is None else f"{source['epochs']:.2f}"
        share = f"{100 * source['share']:.1f} %" if split == "train" else "–"
        sums = " | ".join(f"{part[unit]:,}" for unit in ("documents", "tokens", "bytes"))
        rows.append(f"| {_cell(source['name'])} | {split} | {sums} | {share} | {seen} |")
    capped = f", at most {mixture['max_epochs']} epochs of each" if mixture["max_epochs"] else ""
    told = f"Epochs are within {mixture['tokens']:,} tokens (preset `{mixture['preset']}`{capped})."
    once = "The files hold each document once: what is to be seen more often, your loader repeats."
    return "\n".join(rows) + f"\n\n{told} {once}"


def _funnel(dataset: Dataset) -> str:
    rows = ["| stage | read | kept | rejected | by reason |", "|---|--:|--:|--:|---|"]
    for stage in dataset.contract["stages"]:
        counts = " | ".join(f"{stage[name]:,}" for name in ("read", "kept", "rejected"))
        rows.append(f"| {stage['name']} | {counts} | {_reasons(dataset, stage)} |")
    return "\n".join(rows)


def _reasons(dataset: Dataset, stage: dict[str, Any]) -> str:
    """A stage's reasons, the most frequent first; nothing where its record is not beside the manifest any more."""
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
    """A name that does not end a cell."""
    return text.replace("|", "\\|").replace("\n", " ")
