"""Prices an ablation before anything is trained: tokens, epochs, and the time by a few steps of the model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from curate.ablation.arms import Data
from curate.ablation.config import Ablation
from curate.ablation.judges import Fixed
from curate.ablation.runs import Run, judgements
from curate.gpt.shapes import Shape
from curate.gpt.train import prepare
from curate.scaling.config import parameters
from curate.scaling.plan import check_unfinished, side_by_side, speed
from curate.scaling.rungs import check_finished

FORWARD = 1 / 3  # of a step's time
OVERLAP = 2  # times that a token of a long text is read, with a stride of half the context


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmCost:
    """The tokens and epochs that the runs of an arm take of it."""

    name: str
    documents: int
    tokens: int
    bytes: int
    epochs: float  # of all its tokens
    most_epochs: float  # of the source that is seen most often


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The cost of an ablation."""

    arms: tuple[ArmCost, ...]
    shape: Shape
    parameters: int  # without embeddings
    tokens: int  # of each run
    left: int  # runs that are not trained yet
    runs: int
    run_s: float  # of one run and its judges, estimated
    seconds: float  # from now on, with the processes side by side


def plan(
    ablation: Ablation,
    data: Mapping[str, Data],
    judges: Mapping[str, Fixed],
    runs: Sequence[Run],
    out: Path,
    *,
    replacing: bool,
) -> Plan:
    """Returns the plan, and checks that every run can be trained; writes nothing.

    replacing: runs of other settings in the folder are trained anew. Raises SettingsError where they are not.
    """
    tokens = runs[0].settings.tokens or 0
    setups = {run.arm: prepare(run.manifest, run.settings) for run in runs[: len(data)]}
    for run in runs:
        if not run.is_trained(out) and not replacing:
            check_finished(run.folder(out), run.manifest, run.settings)
            check_unfinished(prepare(run.manifest, run.settings), run.folder(out))
    left = [run for run in runs if not run.is_trained(out)]
    pace = speed(next(iter(setups.values())))
    times = []
    for run in runs:
        unjudged = judges.keys() - judgements(run, judges, out).keys()
        texts = sum(judges[name].tokens for name in unjudged)
        times.append((tokens if run in left else 0) / pace + texts * OVERLAP * FORWARD / pace)
    shape = setups[runs[0].arm].shape
    whole = sum(judge.tokens for judge in judges.values())
    return Plan(
        arms=tuple(
            _cost(own, setups[name].loader.seen(tokens // ablation.train.context), tokens) for name, own in data.items()
        ),
        shape=shape,
        parameters=parameters(shape),
        tokens=tokens,
        left=len(left),
        runs=len(runs),
        run_s=(tokens + whole * OVERLAP * FORWARD) / pace,
        seconds=side_by_side(times, ablation.processes),
    )


def _cost(data: Data, portions: Sequence[object], tokens: int) -> ArmCost:
    return ArmCost(
        name=data.name,
        documents=data.documents,
        tokens=data.tokens,
        bytes=data.bytes,
        epochs=tokens / data.tokens,
        most_epochs=max(one.epochs for one in portions),  # type: ignore[attr-defined]
    )
