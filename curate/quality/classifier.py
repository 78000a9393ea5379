"""The quality classifier: fastText supervised (Joulin et al. 2016), its training, its score, and the keep rules."""

from functools import lru_cache
from pathlib import Path
from typing import Any

from curate import storage
from curate.quality.config import Score
from curate.records import keyed_hash
from curate.storage.writing import replacing, sha256_of
from curate.text import fasttext_binding

# Beyond those of ASCII, which fastText knows itself.
BLANKS = (
    "\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)


class Model:
    """A loaded classifier; one per process."""

    def __init__(self, path: Path) -> None:
        self._model: Any = fasttext_binding.load(str(path))

    @property
    def labels(self) -> list[str]:
        """The labels that it knows."""
        return sorted(name.removeprefix("__label__") for _, name in self._model.predict("\n", -1, 0.0, "replace"))

    def score(self, text: str, label: str) -> float:
        """The probability in [0, 1] that the text is of the label."""
        found = self._model.predict(one_line(text) + "\n", -1, 0.0, "strict")
        wanted = f"__label__{label}"
        return min(1.0, next((float(chance) for chance, name in found if name == wanted), 0.0))


@lru_cache(maxsize=2)
def load(path: Path, sha256: str) -> Model:
    """The model of a file, which must have this digest; RuntimeError if another run has replaced it."""
    with storage.local(path) as file:
        if sha256_of(file) != sha256:
            raise RuntimeError(f"{path}: the quality model is not the one that this stage was planned with")
        return Model(file)


def one_line(text: str) -> str:
    """A text as fastText reads it: one line, with blanks that it knows between the words.

    >>> one_line("Two\\nlines,\\xa0 three")
    'Two lines,  three'
    """
    text = text.replace("\n", " ")
    if not text.isascii():
        for blank in BLANKS:
            text = text.replace(blank, " ")
    return text


def train(positive: list[str], negative: list[str], path: Path, settings: Score, *, quantised: bool = False) -> None:
    """Train on texts of both kinds and write the model file; one thread and a fixed seed, so it is reproducible.

    quantised: a tenth of the size (product quantisation, Joulin et al. 2016b), and hardly less sure.
    """
    fasttext = fasttext_binding.training()
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = storage.draft(path)
    try:
        labelled = [
            f"__label__{label} {one_line(text.replace('__label__', 'label '))}\n"
            for label, texts in ((settings.label, positive), (f"not-{settings.label}", negative))
            for text in texts
            if text.strip()
        ]
        # fastText takes the lines as they come: a kind that came last would be what it remembers.
        labelled.sort(key=lambda line: keyed_hash(0, "quality-order", line.encode("utf-8", "replace")))
        with lines.open("w", encoding="utf-8") as file:
            file.writelines(labelled)
        model = fasttext.train_supervised(
            input=str(lines),
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
        lines.unlink(missing_ok=True)
    with replacing(path) as draft:
        model.save_model(str(draft))
