"""The model file of a score stage: trained from labelled documents or copied from the user's, with a card beside it.

The card names the digests of what it was made from, so that a resume does not train again.
"""

import json
import shutil
from dataclasses import replace
from importlib import metadata, resources
from pathlib import Path

from curate import __version__, settings, storage
from curate.errors import SettingsError
from curate.inputs.digests import Digests
from curate.inputs.items import files
from curate.quality import classifier
from curate.quality.config import Score
from curate.quality.windows import labelled
from curate.stage.plan import json_digest
from curate.storage.writing import sha256_of, write_json

MODEL, CARD = "model.bin", "model.json"
KEEP_RULE = ("keep", "only", "alpha", "threshold", "fraction")  # settings of score that make no other model
DEFAULT = Path(str(resources.files("curate.manifests") / "quality" / "english.ftz"))


def prepare(score: Score, folder: Path, digests: Digests, *, miniweb: Path | None) -> tuple[Score, str]:
    """Put model and card into the stage's folder; the settings without paths, and the model's sha256."""
    storage.make_folder(folder)
    named = {
        "positive": [path for pattern in score.positive for path in files(pattern, miniweb=miniweb)],
        "negative": [path for pattern in score.negative for path in files(pattern, miniweb=miniweb)],
        "model": [DEFAULT if score.is_default else storage.path(str(score.model))] if not score.positive else [],
    }
    plain = replace(score, model=MODEL, positive=(), negative=())
    inputs = {kind: [digests.of(path) for path in paths] for kind, paths in named.items()}
    versions = [__version__, metadata.version("fasttext-community")]
    making = {name: value for name, value in settings.to_table(plain).items() if name not in KEEP_RULE}
    key = json_digest([making, inputs, versions])
    path, draft = folder / MODEL, storage.draft(folder / MODEL)
    card = _card(folder)
    if card.get("key") == key and path.exists() and sha256_of(path) == card["sha256"]:
        return plain, card["sha256"]
    numbers: dict[str, int] = {}
    try:
        if named["model"]:
            with storage.local(named["model"][0]) as model:
                shutil.copyfile(model, draft)
        else:
            positive, negative = ([found.text for found in labelled(named[kind])] for kind in ("positive", "negative"))
            numbers = {"positive": len(positive), "negative": len(negative)}
            classifier.train(positive, negative, draft, score)
        sha256 = sha256_of(draft)
        _check_label(score, draft, sha256)
        storage.publish(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    write_json(folder / CARD, {"key": key, "sha256": sha256, "inputs": inputs, "documents": numbers})
    return plain, sha256


def _check_label(score: Score, path: Path, sha256: str) -> None:
    """SettingsError where the file is no model or its model does not know the label: every score would be 0."""
    try:
        labels = classifier.load(path, sha256).labels
    except ValueError as error:
        raise SettingsError(f"{score.model or path}: not a fastText model: {error}") from None
    if score.label not in labels:
        raise SettingsError(f"score.label: {score.model or path} has no label {score.label!r}; it has {labels}")


def _card(folder: Path) -> dict[str, str]:
    try:
        return dict(json.loads((folder / CARD).read_bytes()))
    except (OSError, ValueError):
        return {}
