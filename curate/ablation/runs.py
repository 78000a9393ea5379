"""The runs of an ablation: each arm by each seed, trained on equal tokens, then measured by every judge."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from curate.ablation.arms import Data
from curate.ablation.config import Ablation
from curate.ablation.judges import Fixed
from curate.gpt import result
from curate.gpt.config import Train
from curate.scaling.ladder import Job, training
from curate.storage.writing import sha256_of, unsealed

FOLDER = "runs"  # of the models
JUDGED = "judged"  # of what the judges say of them
START = "started.json"  # the settings and the judges with which training began


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One model: an arm and a seed."""

    arm: str
    seed: int
    manifest: Path
    settings: Train

    @property
    def name(self) -> str:
        """Returns the name of its folder."""
        return f"{self.arm}-seed{self.seed}"

    def folder(self, out: Path) -> Path:
        """Returns the folder of the model."""
        return out / FOLDER / self.name

    def judged(self, out: Path) -> Path:
        """Returns the file of what the judges say of it."""
        return out / JUDGED / f"{self.name}.json"

    def is_trained(self, out: Path) -> bool:
        """Returns whether its model is there, of this dataset and these settings."""
        return result.is_done(self.manifest, self.folder(out), self.settings)

    def job(self, out: Path, *, anew: bool) -> Job:
        """Returns its training, where that is not done, and its measurement."""
        words = (str((out / START).absolute()), str(self.folder(out).absolute()), str(self.judged(out).absolute()))
        module, threads = "curate.ablation.worker", self.settings.threads
        if self.is_trained(out):
            return Job(name=self.name, module=module, arguments=words, threads=threads)
        trained = training(
            self.name, self.manifest, self.folder(out), self.settings, self.settings.tokens or 0, anew=anew
        )
        return replace(trained, module=module, arguments=(*words, *trained.arguments))


def runs_of(ablation: Ablation, data: Mapping[str, Data], tokens: int) -> tuple[Run, ...]:
    """Returns the runs, seed by seed, so that pairs are whole as early as can be."""
    base = replace(ablation.train, vocabulary="full", tokens=tokens)
    return tuple(
        Run(arm=arm, seed=seed, manifest=own.manifest, settings=replace(base, seed=seed))
        for seed in ablation.seeds
        for arm, own in data.items()
    )


def judgements(run: Run, judges: Mapping[str, Fixed], out: Path) -> dict[str, dict[str, Any]]:
    """Returns what each judge says of a run's model; those that have not measured this very model are left out."""
    try:
        stored = unsealed(run.judged(out).read_bytes())
        weights = sha256_of(run.folder(out) / result.WEIGHTS)
        whole = stored["judges"] if stored["weights_sha256"] == weights else {}
        return {name: whole[name] for name, own in judges.items() if whole.get(name, {}).get("key") == own.key}
    except (OSError, ValueError, KeyError, AttributeError):
        return {}


def is_judged(run: Run, judges: Mapping[str, Fixed], out: Path) -> bool:
    """Returns whether every judge has measured the run's model."""
    return len(judgements(run, judges, out)) == len(judges)
