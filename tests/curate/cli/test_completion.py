"""Completion in bash: the command writes its script, and bash completes with it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.processes

COMPLETE = """
source "$HOME/.bashrc"
COMP_WORDS=({words}) COMP_CWORD={last}
_curate_completion curate
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.fixture
def home(tmp_path) -> dict[str, str]:
    """Returns the environment of a user whose home is empty, and who has the command on the path."""
    return os.environ | {"HOME": str(tmp_path), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


@pytest.mark.parametrize(
    ("words", "answer"),
    [(("curate", "ins"), "inspect"), (("curate", "extract", "--all-l"), "--all-languages"), (("curate", "zz"), "")],
)
def test_bash_completes_what_install_completion_has_installed(words, answer, home):
    bash = shutil.which("bash")
    if not bash:
        pytest.skip("bash is not here")
    install = [bash, "--norc", "-c", "curate --install-completion; exit $?"]  # for the shell that it is called in
    done = subprocess.run(install, env=home, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    script = COMPLETE.format(words=" ".join(words), last=len(words) - 1)
    completed = subprocess.run([bash, "--norc", "-c", script], env=home, capture_output=True, text=True)
    assert completed.stderr == ""
    assert completed.stdout.strip() == answer
