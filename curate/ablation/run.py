"""An ablation from its settings to its result: data, judges, plan, training, judgement. READ FIRST."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curate.ablation import arms, judges, record, started
from curate.ablation.arms import Data
from curate.ablation.config import Ablation
from curate.ablation.judges import Fixed
from curate.ablation.runs import Run, is_judged, runs_of
from curate.scaling.ladder import side_by_side

if TYPE_CHECKING:
    from curate.pipelines.engines.engine import Engine

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """An ablation whose data and judges are there."""

    ablation: Ablation
    data: Mapping[str, Data]  # by arm
    judges: Mapping[str, Fixed]
    runs: tuple[Run, ...]


def prepare(ablation: Ablation, out: Path, engine: "Engine", *, replacing: bool) -> Prepared:
    """Makes the datasets of the arms, fixes the judges, and returns both with the runs; trains nothing.

    replacing: what is there of other settings is made anew. Raises SettingsError where it is not, where an arm or a
    judge cannot be used, where an arm has too few tokens, and where too little of a judge is in no arm.
    """
    if not replacing:
        started.check_settings(ablation, out)
    encoding = arms.encoding_of(ablation)
    judges.check(ablation, encoding)
    data = arms.make(ablation, out, encoding, engine, replacing=replacing)
    tokens = arms.tokens_of(ablation, data)
    read = judges.read_all(ablation, out, encoding, engine, replacing=replacing)
    engine.progress.say(f"judges    {len(read)}: compared with the documents of {len(data)} arms")
    fixed = judges.fix(ablation, read, data, out, encoding)
    if not replacing:
        started.check_content(data, fixed, out)
    return Prepared(ablation=ablation, data=data, judges=fixed, runs=runs_of(ablation, data, tokens))


def run(prepared: Prepared, out: Path, *, say: Say, replacing: bool) -> dict[str, str]:
    """Trains and judges what is not done; returns the reasons of the runs that failed, by name.

    An interrupt ends it after a checkpoint of each run; the same call goes on.
    """
    ablation, fixed = prepared.ablation, prepared.judges
    started.write(ablation, prepared.data, fixed, out)
    left = [one for one in prepared.runs if not (one.is_trained(out) and is_judged(one, fixed, out))]
    jobs = [one.job(out, anew=replacing) for one in left]
    return side_by_side(jobs, out, processes=ablation.processes, say=say, work="an ablation runs")


def write(prepared: Prepared, out: Path, failures: Mapping[str, str]) -> dict[str, Any]:
    """Writes the result of the runs that did not fail, of which there is one at least; returns the record."""
    done = [one for one in prepared.runs if one.name not in failures]
    return record.write(prepared.ablation, prepared.data, prepared.judges, done, out, failures)
