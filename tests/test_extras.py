"""A real environment without the extras: the package installs, explains itself, and names what is missing."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.processes

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def bare(tmp_path_factory) -> Path:
    """The command of an environment with the core package alone."""
    uv = shutil.which(os.environ.get("UV", "uv"), path=os.pathsep.join([os.environ["PATH"], str(ROOT)]))
    if not uv:
        pytest.skip("uv makes the environment, and is not here")
    folder = tmp_path_factory.mktemp("bare")
    venv = folder / "venv"
    made = subprocess.run([uv, "venv", "--quiet", "--python", "3.11", venv], capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    arguments = [uv, "pip", "install", "--quiet", "--python", venv, "--constraint", "constraints.txt", "."]
    made = subprocess.run(arguments, capture_output=True, text=True, cwd=ROOT)
    assert made.returncode == 0, made.stderr
    return venv / "bin" / "curate"


@pytest.mark.parametrize(
    ("arguments", "mend"),
    [
        (
            ("run", "quickstart", "-o", "out"),
            "apache_beam, torch, safetensors, altair, vl_convert and jinja2 are not installed: pip install '.[all]' in "
            "curate's checkout; --no-train leaves the model out",
        ),
        (
            ("run", "quickstart", "--no-train", "-o", "out"),
            "apache_beam and jinja2 are not installed: pip install '.[beam,report]' in curate's checkout",
        ),
        (
            ("run", "quickstart", "--no-train", "-o", "s3://bucket/out", "--set", "tokenize.encoding=own.json"),
            "apache_beam, s3fs, tokenizers and jinja2 are not installed: pip install '.[beam,report,s3,tokenizers]'",
        ),
        (
            ("run", "quickstart", "-o", "gs://bucket/out", "--runner", "dataflow"),
            "apache_beam, google.cloud.dataflow and gcsfs are not installed: pip install '.[gcp]' in curate's checkout",
        ),
        (
            ("filter", "s3://bucket/x.jsonl", "-o", "out"),
            "apache_beam and s3fs are not installed: pip install '.[beam,s3]' in curate's checkout",
        ),
        (
            ("filter", "hf://datasets/owner/name/x.jsonl", "-o", "out"),
            "apache_beam and huggingface_hub are not installed: pip install '.[beam,hf]' in curate's checkout",
        ),
        (
            ("train", "out", "-o", "model"),
            "torch, safetensors, altair and vl_convert are not installed: pip install '.[train]'",
        ),
        (("report", "out"), "jinja2 is not installed: pip install '.[report]' in curate's checkout"),
        (("inspect", "s3://bucket/out"), "is not installed; pip install '.[s3]' in curate's checkout"),
        (("inspect", "gs://bucket/out"), "is not installed; pip install '.[gcs]' in curate's checkout"),
    ],
)
def test_what_is_not_installed_is_named_in_one_line_with_the_mend(arguments, mend, bare, tmp_path):
    done = subprocess.run([bare, *arguments], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert mend in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_core_alone_prints_recipes_and_writes_the_mini_web(bare, tmp_path):
    assert 'name = "gpt3"' in subprocess.run([bare, "recipe", "gpt3"], capture_output=True, text=True).stdout
    assert subprocess.run([bare, "miniweb", tmp_path / "web"], capture_output=True).returncode == 0
    assert (tmp_path / "web" / "truth.jsonl").exists()
