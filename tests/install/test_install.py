"""README's install commands work: plain pip as Python ships it, no constraints, the newest versions, then a run.

Run by `make install-check`. torch alone is not installed anew: its 5 GB are taken from the environment of the checkout.
"""

import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Path:
    """Returns a copy of the checkout, as pip builds in the folder that it installs from."""
    folder = tmp_path_factory.mktemp("checkout")
    names = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True)
    for name in filter(None, names.stdout.split("\n")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((ROOT / name).read_bytes())
    return folder


def environment(folder: Path) -> Path:
    """Makes an environment with the pip that Python ships, and returns its commands' folder."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    return folder / "bin"


def install(commands: Path, checkout: Path, extras: str) -> None:
    """Runs the command of README in the checkout."""
    done = subprocess.run([commands / "pip", "install", f".[{extras}]"], cwd=checkout, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    checked = subprocess.run([commands / "pip", "check"], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout


def curate(commands: Path, *arguments: object, folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs the installed command; where it fails, the test does."""
    done = subprocess.run([commands / "curate", *map(str, arguments)], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="module")
def small(checkout, tmp_path_factory) -> Path:
    """Returns the environment of `pip install '.[beam]'`."""
    commands = environment(tmp_path_factory.mktemp("small") / "venv")
    install(commands, checkout, "beam")
    return commands


@pytest.fixture(scope="module")
def whole(checkout, tmp_path_factory) -> Path:
    """Returns the environment of `pip install '.[all]'`, beside a torch that is there."""
    folder = tmp_path_factory.mktemp("whole")
    commands = environment(folder / "venv")
    lend_torch(commands, folder / "torch")
    install(commands, checkout, "all")
    return commands


def lend_torch(commands: Path, folder: Path) -> None:
    """Links torch and the libraries of its GPUs into a folder, which becomes one of the environment's."""
    folder.mkdir()
    for distribution in metadata.distributions():
        if distribution.name.startswith(("torch", "nvidia", "cuda", "triton")):
            for top in {path.parts[0] for path in distribution.files or ()} - {"..", "__pycache__"}:
                if not (folder / top).exists():
                    (folder / top).symlink_to(distribution.locate_file(top))
    packages = next(commands.parent.glob("lib/python*/site-packages"))
    (packages / "torch.pth").write_text(f"{folder}\n")


def funnel(out: Path) -> dict[str, list[int]]:
    """Returns the documents read and kept by each stage of a run."""
    records = {path.parent.name: json.loads(path.read_text())["counts"] for path in out.glob("*/stage.json")}
    return {stage: [counts["read"], counts["kept"]] for stage, counts in records.items()}


def test_the_small_installation_runs_the_quickstart_without_its_model(small, tmp_path):
    assert "extract" in curate(small, "--help", folder=tmp_path).stdout
    done = curate(small, "run", "quickstart", "--no-train", "-o", "out", folder=tmp_path)
    assert funnel(tmp_path / "out")["extract"] == [196, 160]
    assert "no report: pip install '.[report]' in curate's checkout, then: curate report out" in done.stdout
    curate(small, "verify", "out", folder=tmp_path)


@pytest.fixture(scope="module")
def larger(small, checkout) -> Path:
    """Returns the same environment with the small extras added."""
    install(small, checkout, "gcs,report,s3,tokenizers")
    return small


@pytest.mark.parametrize(
    ("arguments", "refusal"),
    [
        (("report", "none"), "none: no output"),
        (("tokenize", "none.jsonl", "-o", "x", "--set", "tokenize.encoding=none.json"), "none.json"),
    ],
)
def test_an_extra_added_to_it_is_no_longer_missing(arguments, refusal, larger, tmp_path):
    done = subprocess.run([larger / "curate", *arguments], cwd=tmp_path, capture_output=True, text=True)
    assert refusal in done.stderr
    assert "not installed" not in done.stderr


@pytest.mark.parametrize("name", ["s3://bucket/out", "gs://bucket/out"])
def test_a_store_whose_extra_was_added_can_be_read(name, larger):
    code = f"from curate import storage; storage.need(storage.path({name!r}))"
    done = subprocess.run([larger / "python", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_whole_installation_runs_the_quickstart_with_its_model_and_report(whole, tmp_path):
    curate(whole, "run", "quickstart", "-o", "out", "--set", "train.steps=20", folder=tmp_path)
    assert (tmp_path / "out" / "report.html").is_file()
    assert (tmp_path / "out" / "train" / "model.safetensors").is_file()
    curate(whole, "verify", "out", folder=tmp_path)
