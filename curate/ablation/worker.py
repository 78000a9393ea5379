"""The process of one run: `python -m curate.ablation.worker STARTED RUN JUDGED [MANIFEST OUT SETTINGS EVERY [anew]]`.

It trains the run as `curate.scaling.worker` does, where the words for that follow; then it measures the model in the
folder RUN by every judge that STARTED states and that has not measured it before, and writes JUDGED after each.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curate.scaling.worker import done, tell, train_run

if TYPE_CHECKING:
    from curate.ablation.judges import Fixed
    from curate.evaluate.models import Model


def main(arguments: list[str]) -> int:
    """Trains and measures the run that the arguments name, and returns the exit code."""
    return done(lambda: _work(*arguments))


def _work(started: str, run: str, judged: str, *training: str) -> None:
    if training:
        train_run(*training)
    _judge(Path(started), Path(run), Path(judged))


def _judge(started: Path, run: Path, judged: Path) -> None:
    from curate.ablation.started import read
    from curate.evaluate import models
    from curate.gpt import result
    from curate.storage.writing import sha256_of, unsealed, write_record

    judges, weights = read(started), sha256_of(run / result.WEIGHTS)
    try:
        before = unsealed(judged.read_bytes())
        rows: dict[str, Any] = before["judges"] if before["weights_sha256"] == weights else {}
    except (OSError, ValueError, KeyError):
        rows = {}
    rows = {name: row for name, row in rows.items() if name in judges and row["key"] == judges[name].key}
    model = models.load(run)
    for name, fixed in judges.items():
        if name not in rows:
            rows[name] = {"key": fixed.key, **_measured(model, fixed, started.parent)}
            judged.parent.mkdir(exist_ok=True)
            write_record(judged, {"weights_sha256": weights, "judges": rows})
            tell(say=f"{name}: {rows[name]['words']}")


def _measured(model: "Model", fixed: "Fixed", out: Path) -> dict[str, Any]:
    """Returns the numbers of a model by one judge."""
    from curate.ablation.judges import SEED, check_file, task_of
    from curate.evaluate import evaluation, perplexity

    if fixed.judge.task is None:
        check_file(fixed, out)
        text = perplexity.measure(model, fixed.file(out), seed=SEED, stride=fixed.judge.stride or None)
        if text.left_out["documents"] or text.whole.bits_per_byte is None:
            raise ValueError(f"{text.left_out['documents']} documents have tokens that the model has no row for")
        bits = text.whole.bits_per_byte.value
        return {"bits": bits, "stride": text.stride, "words": f"{bits:.4f} bits per byte"}
    settings = evaluation.Settings(seed=SEED)
    done = evaluation.run(model, task_of(fixed.judge), fixed.judge.shots, settings, only={*fixed.items})
    numbers = {}
    if done.gold_bits_per_byte is not None:
        numbers["bits"] = done.gold_bits_per_byte.value
    if done.reported is not None:
        numbers["accuracy"] = done.reported.value
    words = ", ".join(f"{value:.4f} {name}" for name, value in numbers.items())
    return {**numbers, "chance": done.chance, "cut": done.cut, "left_out": dict(done.left_out), "words": words}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
