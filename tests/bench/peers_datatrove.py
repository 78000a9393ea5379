"""datatrove's side of `extract.py`: its own reader, steps, executor and writer, run by the Python of .venv-peers.

    .venv-peers/bin/python tests/bench/peers_datatrove.py --warc DIR --out DIR --model lid.176.ftz [--balanced]
    .venv-peers/bin/python tests/bench/peers_datatrove.py --kernel PAGES.jsonl

The steps and their order are those of datatrove's examples/fineweb.py without its URL lists and its own quality filter,
all at its defaults but this: the language model is a local file (datatrove downloads lid.176.bin, 140 times as large),
and --balanced turns off favour_precision, which is on in the example and by default. English words and sentences are
split by spaCy's blank pipeline, as datatrove does it, which needs no download.
"""

import argparse
import json
import time
from importlib.metadata import version
from pathlib import Path


def steps(chosen: argparse.Namespace) -> list:
    """The pipeline, reader to writer."""
    from datatrove.pipeline.extractors import Trafilatura
    from datatrove.pipeline.filters import (
        C4QualityFilter,
        GopherQualityFilter,
        GopherRepetitionFilter,
        LanguageFilter,
    )
    from datatrove.pipeline.readers import WarcReader
    from datatrove.pipeline.writers import JsonlWriter

    def excluded(name: str) -> JsonlWriter | None:
        return JsonlWriter(str(chosen.out / "excluded" / name)) if chosen.excluded else None

    reading = [
        WarcReader(str(chosen.warc), glob_pattern="*.warc.gz"),
        Trafilatura(favour_precision=not chosen.balanced),
    ]
    language = LanguageFilter("en", 0.65, exclusion_writer=excluded("language"))
    language.model.MODEL_URL = str(chosen.model)  # of this object, so that it travels to the workers
    filters = [
        language,
        GopherRepetitionFilter(exclusion_writer=excluded("gopher_repetition")),
        GopherQualityFilter(exclusion_writer=excluded("gopher_quality")),
        C4QualityFilter(filter_no_terminal_punct=False, exclusion_writer=excluded("c4")),
    ]
    return [*reading, *([] if chosen.extract_only else filters), JsonlWriter(str(chosen.out / "kept"))]


def run(chosen: argparse.Namespace) -> None:
    """All files, a task each."""
    from datatrove.executor import LocalPipelineExecutor

    tasks = len([*chosen.warc.glob("*.warc.gz")])
    log = str(chosen.out / "log")
    LocalPipelineExecutor(steps(chosen), tasks=tasks, workers=chosen.workers, logging_dir=log).run()


def kernel(path: Path) -> dict[str, float]:
    """Pages per CPU second of this environment's trafilatura: as datatrove calls it, and by default."""
    from trafilatura import extract

    with path.open(encoding="utf-8") as file:
        pages = [json.loads(line) for line in file]
    as_datatrove = {"include_comments": False, "deduplicate": True}
    ways = {
        "precision": {"favor_precision": True, **as_datatrove},
        "balanced": {"favor_precision": False, **as_datatrove},
        "own default": {},
        "own default, no fallback": {"no_fallback": True},
    }
    extract(pages[0])
    rates = {}
    for name, options in ways.items():
        started = time.process_time()
        for page in pages:
            extract(page, **options)
        rates[f"trafilatura {version('trafilatura')}, {name}"] = len(pages) / (time.process_time() - started)
    return rates


def main() -> None:
    """Run one of both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--warc", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--balanced", action="store_true")
    parser.add_argument("--extract-only", action="store_true")
    parser.add_argument("--excluded", action="store_true", help="write what each filter drops, too")
    parser.add_argument("--kernel", type=Path)
    chosen = parser.parse_args()
    if chosen.kernel:
        print(json.dumps(kernel(chosen.kernel)))
    else:
        run(chosen)


if __name__ == "__main__":
    main()
