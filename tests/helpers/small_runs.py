"""Two small models of one dataset, and a task of one's own over its words."""

import json
from pathlib import Path

from curate.gpt.config import Train
from curate.gpt.train import train

TASK = """form = "choice"
items = ["boats.jsonl"]
separator = " "
normalise = "sum"

[[layouts]]
contexts = ["{context}"]
choices = ["{choices}"]
gold = "{gold}"
"""
ROWS = (
    ("The keeper of the", ["light", "tide"], 0),
    ("The keeper of the light walked to the", ["boats", "harbour"], 1),
    ("The keeper looked at the", ["boats", "light"], 0),
    ("The boats had come in with the", ["keeper", "tide"], 1),
)
SIZES = {"layers": 1, "heads": 2, "width": 16, "batch": 4, "sample_tokens": 0, "threads": 1}


def models_of(dataset: Path, folder: Path) -> None:
    """Fills a folder with `full` and `compact`, models of a dataset, and the task `boats.toml`."""
    sizes = {"full": {"context": 64, "vocabulary": "full", "steps": 3}, "compact": {"context": 32, "steps": 40}}
    for name, own in sizes.items():
        train(dataset / "manifest.json", folder / name, Train(**SIZES, **own), lambda *_: None)
    write_task(folder)


def write_task(folder: Path) -> None:
    """Writes the task and its items."""
    rows = [{"context": context, "choices": choices, "gold": gold} for context, choices, gold in ROWS]
    (folder / "boats.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "boats.toml").write_text(TASK)
