"""The model file of a score stage: trained from labelled documents, or a copy of the user's, with a card beside it.

The card holds the digests of the model's inputs, so that a resumed run does not train again.
"""

import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import replace
from importlib import metadata, resources
from pathlib import Path
from typing import Any

import numpy as np

from curate import __version__, storage
from curate.errors import SettingsError
from curate.inputs.digests import Digests
from curate.inputs.items import files
from curate.quality import classifier
from curate.quality.config import SHIPPED, Score
from curate.quality.windows import labelled_documents
from curate.records import Document
from curate.stage import traces
from curate.stage.plan import json_digest
from curate.storage import together
from curate.storage.together import write_together
from curate.storage.writing import sha256_of

MODEL, CARD = "model.bin", "model.json"
QUANTILES = 101  # of the scores of good documents that a card states
KEEP_RULE = ("keep", "only", "alpha", "threshold", "fraction")  # settings of score that do not change the model
FOLDER = Path(str(resources.files("curate.manifests") / "quality"))


def shipped(name: str = SHIPPED[0]) -> Path:
    """Returns the file of a model that ships with the package."""
    return FOLDER / f"{name}.ftz"


def prepare(score: Score, folder: Path, digests: Digests, *, miniweb: Path | None) -> tuple[Score, str]:
    """Puts the model and its card into a stage's folder; returns the settings without paths, and the model's sha256.

    Nothing is made anew if the card there has the same settings, inputs and versions, and the model its digest.
    """
    check_positives(score)
    storage.make_folder(folder)
    sources = _source_files(score, miniweb)
    placed = replace(score, model=MODEL, positive=(), negative=())
    inputs = {kind: [digests.of(path) for path in paths] for kind, paths in sources.items()}
    versions = [__version__, metadata.version("fasttext-community")]
    training = {name: value for name, value in placed.key_table().items() if name not in KEEP_RULE}
    key = json_digest([training, inputs, versions])
    path, card = folder / MODEL, together.read(folder / CARD)
    if card.get("key") == key and path.exists() and sha256_of(path) == card["sha256"]:
        return placed, card["sha256"]
    traces.check_free(traces.read(folder, "score"), (MODEL, CARD))
    documents: dict[str, int] = {}

    def write(draft: Path) -> None:
        documents.update(_write_model(score, sources, draft))
        _check_label(score, draft, sha256_of(draft))
        (folder / "stage.json").unlink(missing_ok=True)  # of a stage with another model

    def describe(drafts: Mapping[str, Path]) -> dict[str, Any]:
        sha256 = sha256_of(drafts[MODEL])
        made: dict[str, Any] = {"key": key, "sha256": sha256, "inputs": inputs, "documents": documents}
        if sources["positive"]:
            model = classifier.load(drafts[MODEL], sha256)
            made["positives"] = score_quantiles(model, labelled_documents(sources["positive"]), score.label)
        return made

    made = write_together(folder / CARD, {MODEL: write}, describe)
    return placed, made["sha256"]


def score_quantiles(model: classifier.Model, documents: Iterable[Document], label: str) -> list[float]:
    """Returns the quantiles of the scores of good documents, from the least on, as cards state them."""
    scores = [model.score(document.text, label) for document in documents]
    return [round(float(value), 6) for value in np.quantile(scores, np.linspace(0, 1, QUANTILES))]


def check_positives(score: Score) -> None:
    """Raises SettingsError where alpha is to be fitted, and no card says how good documents score."""
    if score.fits and not score.positive:
        _stated_positives(score)


def positives(score: Score, folder: Path) -> list[float]:
    """Returns the quantiles of the scores of good documents: of the model's card, or of the documents that trained it.

    folder: of the score stage, where `prepare` has put the model.
    """
    if not score.positive:
        return _stated_positives(score)
    return [float(value) for value in together.read(folder / CARD)["positives"]]


def _stated_positives(score: Score) -> list[float]:
    """Returns what the card beside a model file states; SettingsError if it does not."""
    card = _model(score).with_suffix(".json")
    try:
        values = json.loads(card.read_bytes())["positives"]
        quantiles = [float(value) for value in values]
    except (OSError, ValueError, TypeError, KeyError):
        quantiles = []
    if len(quantiles) < 2 or sorted(quantiles) != quantiles:
        raise SettingsError(
            f'score.alpha: "fit" needs the scores of good documents, which {card} does not state; train the model with '
            "curate quality train, which writes them, or set a number"
        )
    return quantiles


def _model(score: Score) -> Path:
    """Returns the file of a model that is given or ships."""
    return shipped(score.shipped) if score.shipped else storage.path(str(score.model))


def _source_files(score: Score, miniweb: Path | None) -> dict[str, list[Path]]:
    """Returns the files that a model is made from: those of either kind of documents, or one model."""
    models = [] if score.positive else [_model(score)]
    if models and not models[0].is_file():
        fault = "not a regular file" if models[0].exists() else "no such file"
        raise SettingsError(f"score.model: {models[0]}: not a fastText model: {fault}")
    return {
        "positive": [path for pattern in score.positive for path in files(pattern, miniweb=miniweb)],
        "negative": [path for pattern in score.negative for path in files(pattern, miniweb=miniweb)],
        "model": models,
    }


def _write_model(score: Score, sources: dict[str, list[Path]], draft: Path) -> dict[str, int]:
    """Copies or trains a model; returns the numbers of documents of either kind that it was trained on, if any."""
    if sources["model"]:
        with storage.local(sources["model"][0]) as model:
            shutil.copyfile(model, draft)
        if not score.shipped:
            classifier.check(draft, f"score.model: {score.model}")
        return {}
    positive = [document.text for document in labelled_documents(sources["positive"])]
    negative = [document.text for document in labelled_documents(sources["negative"])]
    classifier.train(positive, negative, draft, score)
    return {"positive": len(positive), "negative": len(negative)}


def _check_label(score: Score, path: Path, sha256: str) -> None:
    """Raises SettingsError if a model has not the label, as every score would be 0."""
    labels = classifier.load(path, sha256).labels
    if score.label not in labels:
        raise SettingsError(f"score.label: {score.model or path} has no label {score.label!r}; it has {labels}")
