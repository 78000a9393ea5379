"""The quality classifier, a supervised fastText model (Joulin et al. 2016): it is trained, loaded, and scores texts."""

import errno
import os
from functools import lru_cache
from pathlib import Path
from typing import Any

from curate import storage
from curate.errors import SettingsError, writing
from curate.quality import features
from curate.quality.config import Score
from curate.records import keyed_hash
from curate.storage.writing import replacing, sha256_of
from curate.text import fasttext_binding
from curate.text.fasttext_file import check_classifier, has_frequent_word

# White space beyond ASCII's, at which fastText does not part words.
BLANKS = (
    "\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)


class Model:
    """A loaded classifier, which reads texts by the features that it was trained on."""

    def __init__(self, path: Path) -> None:
        self._model: Any = fasttext_binding.load(str(path))
        self._line = features.line if has_frequent_word(path, features.MARKER) else one_line

    @property
    def labels(self) -> list[str]:
        """The labels of the model, sorted."""
        return sorted(name.removeprefix("__label__") for _, name in self._model.predict("\n", -1, 0.0, "replace"))

    def score(self, text: str, label: str) -> float:
        """Returns the probability in [0, 1] that a text has a label; 0 for a label that the model does not know."""
        predictions = self._model.predict(self._line(text) + "\n", -1, 0.0, "strict")
        wanted = f"__label__{label}"
        return min(1.0, next((float(chance) for chance, name in predictions if name == wanted), 0.0))


def check(path: Path, name: str) -> None:
    """Raises SettingsError unless a local file is a classifier that loads in bounded memory and time.

    name: of the file in the message.
    """
    check_classifier(path, name)
    if fault := fasttext_binding.try_load(path):
        raise SettingsError(f"{name}: not a fastText model that can be used: {fault}")


@lru_cache(maxsize=2)
def load(path: Path, sha256: str) -> Model:
    """Loads the model of a file, once per process; RuntimeError if another run has replaced it."""
    with storage.local(path) as file:
        if sha256_of(file) != sha256:
            raise RuntimeError(
                f"{path}: the quality model is not the one that this stage was planned with; run it again"
            )
        return Model(file)


def one_line(text: str) -> str:
    """Returns a text in the form that fastText reads: one line, with ASCII blanks between the words.

    >>> one_line("Two\\nlines,\\xa0 three")
    'Two lines,  three'
    """
    text = text.replace("\n", " ")
    if not text.isascii():
        for blank in BLANKS:
            text = text.replace(blank, " ")
    return text


def train(positive: list[str], negative: list[str], path: Path, settings: Score, *, quantised: bool = False) -> None:
    """Trains a model on texts of both kinds and writes its file; reproducible, by one thread and a fixed seed.

    quantised: makes the file a tenth of the size (product quantisation, Joulin et al. 2016b), at hardly any loss.
    """
    fasttext = fasttext_binding.training()
    line_of = features.line if settings.features == "shape" else one_line
    path.parent.mkdir(parents=True, exist_ok=True)
    training_file = storage.draft(path)
    try:
        lines = [
            f"__label__{label} {line_of(text.replace('__label__', 'label '))}\n"
            for label, texts in ((settings.label, positive), (f"not-{settings.label}", negative))
            for text in texts
            if text.strip()
        ]
        # fastText learns from the lines in their order, and would lean to the kind that comes last.
        lines.sort(key=lambda line: keyed_hash(0, "quality-order", line.encode("utf-8", "replace")))
        with writing(path, training_file), training_file.open("w", encoding="utf-8") as file:
            file.writelines(lines)
        model = fasttext.train_supervised(
            input=str(training_file),
            dim=settings.dim,
            epoch=settings.epochs,
            lr=settings.learning_rate,
            wordNgrams=settings.word_ngrams,
            bucket=settings.buckets,
            minCount=settings.min_count,
            thread=1,
            seed=1,
            verbose=0,
        )
        if quantised:
            model.quantize(dsub=2, qnorm=True, thread=1)
    finally:
        training_file.unlink(missing_ok=True)
    with replacing(path) as draft:
        model.save_model(str(draft))
        _check_saved(draft)


def _check_saved(path: Path) -> None:
    """Raises OSError where fastText has not written all of a model, of which it says nothing itself."""
    try:
        check_classifier(path, str(path))
    except SettingsError:
        with path.open("ab") as file:
            file.write(bytes(1 << 20))  # the system says why
        raise OSError(errno.EIO, os.strerror(errno.EIO), str(path)) from None
