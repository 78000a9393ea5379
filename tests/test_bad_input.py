"""Bad input ends in one clear line and the right exit code, and leaves nothing half-written."""

import gzip
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from curate.inspection.verify import faults

pytestmark = pytest.mark.processes

GOOD = "articles-00000.warc.gz"


def temporaries(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.name.startswith(".") and path.name.endswith(".tmp")]


def recipe(folder: Path, *, name: str = "own", inputs: str = "in/*", more: str = "") -> Path:
    path = folder / f"{name}.toml"
    path.write_text(f'name = "{name}"\n[sources.web]\ninputs = ["{inputs}"]\n[pack]\nvalid_fraction = 0\n{more}')
    return path


@pytest.fixture
def inputs(tmp_path, miniweb) -> Path:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "good.warc.gz").write_bytes((miniweb / GOOD).read_bytes())
    return tmp_path / "in"


def test_a_missing_input_names_itself_and_makes_no_folder(call, tmp_path):
    done = call("run", recipe(tmp_path, inputs="no/such.warc.gz"), "-o", tmp_path / "out")
    assert done.code == 2
    assert "no/such.warc.gz: no such input file" in done.error
    assert not (tmp_path / "out").exists()


NO_WARC = {
    "empty": (b"", "empty_file"),
    "html": (b"<html>no archive</html>" * 99, "not_warc"),
    "gzipped text": (gzip.compress(b"plain text" * 99), "not_warc"),
    "broken gzip": (b"\x1f\x8b\x08 not really gzip", "not_warc"),
}


@pytest.fixture(scope="module")
def beside_good(curate, miniweb, tmp_path_factory):
    """A run over a good file and all that are none: its folder, and what was said."""
    folder = tmp_path_factory.mktemp("beside")
    (folder / "in").mkdir()
    (folder / "in" / "good.warc.gz").write_bytes((miniweb / GOOD).read_bytes())
    for name, (content, _) in NO_WARC.items():
        (folder / "in" / f"{name}.warc.gz").write_bytes(content)
    return folder / "out", curate("run", recipe(folder), "-o", folder / "out")


@pytest.mark.parametrize("name", NO_WARC)
def test_a_file_that_is_no_warc_is_a_dead_letter_and_the_other_files_are_done(name, beside_good):
    out, done = beside_good
    assert done.code == 1
    lines = done.err.splitlines()
    assert len(lines) == len(NO_WARC)
    assert (
        len([line for line in lines if line.startswith(f"curate: {name}.warc.gz, offset 0: {NO_WARC[name][1]}: ")]) == 1
    )
    assert (out / "manifest.json").exists()
    assert list(faults(out)) == []


def test_a_truncated_gzip_keeps_the_records_before_the_cut_and_names_the_offset(call, inputs, tmp_path, miniweb):
    whole = (miniweb / GOOD).read_bytes()
    (inputs / "cut.warc.gz").write_bytes(whole[: len(whole) * 2 // 3])
    done = call("extract", inputs / "cut.warc.gz", "-o", tmp_path / "out")
    assert done.code == 1
    assert "cut.warc.gz, offset " in done.error
    assert "kept 0" not in done.out
    assert temporaries(tmp_path / "out") == []


def test_a_run_in_which_nothing_can_be_read_says_so_and_writes_no_manifest(call, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "bad.warc").write_bytes(b"nothing of the kind")
    done = call("run", recipe(tmp_path), "-o", tmp_path / "out")
    assert done.code == 2
    assert "extract kept none of 0 documents; failed are 1, the first is bad.warc: no WARC or ARC record" in done.error
    assert not (tmp_path / "out" / "manifest.json").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = ", "not TOML"),
        (
            'name = "own"\n[filter.langage]\nallowed = []\n',
            "line 2: filter.langage: unknown setting 'langage'; did you mean 'language'?",
        ),
        ('name = "own"\n[dedup]\nbands = "x"\n', "line 3: dedup.bands: expected a whole number, got 'x'"),
        ('name = "own"\n[dedup]\nbands = 0\n', "dedup: need a band and a row"),
        ("seed = 1\n", "name"),
        ('name = "own"\n', "the recipe has no sources"),
    ],
)
def test_an_unusable_recipe_names_the_key_and_the_line(text, message, call, tmp_path):
    (tmp_path / "own.toml").write_text(text)
    done = call("run", tmp_path / "own.toml", "-o", tmp_path / "out")
    assert done.code == 2
    assert message in done.error
    assert not (tmp_path / "out").exists()


def test_an_unreadable_recipe_names_itself(call, tmp_path):
    done = call("run", tmp_path / "none.toml", "-o", tmp_path / "out")
    assert done.code == 2
    assert "none.toml: cannot read this recipe: No such file or directory" in done.error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--workers", "0"), "--workers 0: need at least one worker"),
        (("--runner", "sparkle"), "--runner sparkle: no such runner"),
        (("--", "--no_such_option=1"), "--no_such_option: Beam knows no such option"),
        (("--set", "dedup.bnads=3"), "unknown setting 'bnads'; did you mean 'bands'?"),
        (("--set", "nonsense"), "--set nonsense: expected PATH=VALUE"),
    ],
)
def test_bad_settings_fail_before_any_work(arguments, message, call, tmp_path):
    done = call("run", "quickstart", "--no-train", "-o", tmp_path / "out", *arguments)
    assert done.code == 2
    assert message in done.error
    assert not (tmp_path / "out").exists()


def test_the_output_of_another_recipe_is_left_alone(call, inputs, tmp_path):
    assert call("run", recipe(tmp_path), "-o", tmp_path / "out").code == 0
    before = sorted(tmp_path.joinpath("out").rglob("*"))
    done = call("run", recipe(tmp_path, name="other"), "-o", tmp_path / "out")
    assert done.code == 2
    assert "holds recipe 'own', not 'other'" in done.error
    assert sorted(tmp_path.joinpath("out").rglob("*")) == before


def test_a_folder_of_someone_elses_files_is_left_alone(call, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("years of work")
    done = call("run", "quickstart", "--no-train", "-o", tmp_path / "out")
    assert done.code == 2
    assert "not empty and no output of curate" in done.error
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["thesis.txt"]


def test_a_verb_refuses_the_folder_of_another_stage(call, inputs, tmp_path):
    assert call("extract", inputs / "good.warc.gz", "-o", tmp_path / "out").code == 0
    (tmp_path / "own.jsonl").write_text('{"text": "hello"}\n')
    done = call("filter", tmp_path / "own.jsonl", "-o", tmp_path / "out")
    assert done.code == 2
    assert "holds the output of extract, not of filter" in done.error


def test_a_verb_refuses_an_input_that_is_no_document(call, inputs, tmp_path):
    done = call("filter", inputs / "good.warc.gz", "-o", tmp_path / "out")
    assert done.code == 2
    assert "good.warc.gz: neither a stage folder nor " in done.error


def test_two_runs_do_not_write_to_one_folder_and_an_interrupt_says_how_to_resume(command, call, tmp_path):
    arguments = ("run", "quickstart", "--no-train", "-o", tmp_path / "out")
    first = subprocess.Popen(command(*arguments), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    while not (tmp_path / "out" / "extract" / "plan.json").exists():
        assert first.poll() is None
        time.sleep(0.01)
    done = call(*arguments)
    assert done.code == 2
    assert "another run is writing there" in done.error
    first.send_signal(signal.SIGINT)
    _, err = first.communicate()
    assert first.returncode == 130
    assert err.strip().splitlines()[-1] == "curate: interrupted; the same command resumes where it stopped"
    assert call(*arguments).code == 0


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 40 kB, too small for one part."""
    place = tmp_path / "small"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40k", "tmpfs", place], capture_output=True).returncode:
        pytest.skip("a small file system needs the right to mount one")
    yield place
    subprocess.run(["umount", place], check=True)


@pytest.mark.parametrize("mode", ["in_memory", "multi_processing"])
def test_a_full_disk_is_one_line_and_leaves_no_half_written_file(mode, curate, inputs, small_disk):
    done = curate("extract", inputs / "good.warc.gz", "-o", small_disk / "out", "--", f"--direct_running_mode={mode}")
    assert done.code == 1
    assert "No space left on device" in done.error
    assert temporaries(small_disk) == []


def test_an_output_that_may_not_be_written_is_one_line(command, tmp_path):
    if os.getuid():
        place = Path("/proc/curate-out")
    else:
        place = tmp_path / "read-only"
        place.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", place], capture_output=True).returncode:
            place = Path("/proc/curate-out")
    arguments = command("run", "quickstart", "--no-train", "-o", place / "out")
    done = subprocess.run(arguments, capture_output=True, text=True)
    if place.name == "read-only":
        subprocess.run(["umount", place])
    assert done.returncode == 2
    assert done.stderr.startswith(f"curate: {place / 'out'}: cannot write there: ")
    assert len(done.stderr.splitlines()) == 1


def test_debug_shows_the_trace_and_its_absence_does_not(call, tmp_path):
    arguments = ("run", "none.toml", "-o", tmp_path / "out")
    assert "Traceback" not in call(*arguments).err
    assert "Traceback" in call(*arguments, "--debug").err


@pytest.mark.parametrize(
    ("missing", "arguments", "mend"),
    [
        ("apache_beam", ("run", "quickstart", "--no-train"), "pip install '.[beam]'"),
        (
            "torch",
            ("run", "quickstart"),
            "pip install '.[train]' in curate's checkout; --no-train leaves the model out",
        ),
    ],
)
def test_a_missing_extra_is_named_before_any_work(missing, arguments, mend, tmp_path):
    code = f"import sys; sys.modules[{missing!r}] = None; from curate.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments, "-o", tmp_path / "out"], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert mend in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("way", [(), ("--one-job",)], ids=["staged", "one job"])
def test_a_model_that_is_not_there_is_told_before_any_work(way, call, tmp_path):
    missing = ("--set", "score.model=missing.bin", "--set", "score.positive=[]", "--set", "score.negative=[]")
    done = call("run", "quickstart", "--no-train", "-o", tmp_path / "out", *missing, *way)
    assert done.code == 2
    assert "missing.bin: no such input file" in done.error
    assert not list(tmp_path.rglob("*.parquet"))


def test_the_version_is_printed_without_a_command(curate):
    from curate import __version__

    done = curate("--version")
    assert (done.code, done.out, done.err) == (0, f"curate {__version__}\n", "")
