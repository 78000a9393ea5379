"""Limits of the machine: one line names the path that could not be written, no draft is left, and a resume ends alike.

A disk that grows, or a limit that rises, stops the same command at one place after another until it is done.
"""

import resource
import subprocess
from pathlib import Path

import pytest
from ways import contents, differing

from curate.errors import LIMITS, WriteError, one_line, system_error, writing

pytestmark = pytest.mark.processes

STORY = "The keeper of the light walked to the harbour and looked at the boats that had come in with the tide."
MODES = {"one process": ("--workers", "1"), "two": ("--workers", "2", "--", "--direct_running_mode=multi_processing")}


@pytest.fixture(scope="module")
def own(once) -> Path:
    """Returns a recipe over documents, through every stage but extraction's own work, with a small quality model."""

    def fill(folder: Path) -> None:
        texts = [f"{STORY} {n} {STORY} {n * n} {STORY} {STORY}" for n in range(400)]
        rows = [f'{{"text": "{text}", "url": "http://a{n}.example/"}}\n' for n, text in enumerate(texts)]
        (folder / "own.jsonl").write_text("".join(rows))
        (folder / "own.toml").write_text(
            'name = "own"\n[sources.own]\ninputs = ["own.jsonl"]\n[filter]\nrules = ["gopher_quality"]\n[score]\n'
            'positive = ["own.jsonl"]\nnegative = ["own.jsonl"]\nkeep = "all"\ndim = 2\nbuckets = 5000\nepochs = 1\n'
            "[pack]\nmax_tokens = 4000\n"
        )

    return once("limits", fill) / "own.toml"


@pytest.fixture(scope="module")
def whole(once, call, own) -> dict[str, bytes]:
    """Returns the bytes of the output that the recipe makes without limits."""

    def fill(folder: Path) -> None:
        done = call("run", own, "-o", folder / "out", "--workers", 1)
        assert done.code == 0, done.err

    return contents(once("limits-whole", fill) / "out")


def stopped(code: int, message: str, place: Path, reason: str) -> str:
    """Checks the one line of a command that a limit stopped; returns the path that it names, from `place` on."""
    assert code == 1, message
    assert message.count("\n") == 1, message
    path, _, rest = message.removeprefix("curate: ").partition(": ")
    assert path.startswith(f"{place}/"), message
    assert rest.startswith(f"cannot be written: {reason}"), message
    assert rest.endswith("; the same command resumes once that is mended\n"), message
    assert [*place.rglob("*.tmp")] == []
    return path.removeprefix(f"{place}/")


@pytest.fixture
def disk(tmp_path):
    """Returns a function that makes a disk of a size, or changes the size."""
    place = tmp_path / "disk"
    place.mkdir()

    def mount(*options: str) -> bool:
        return subprocess.run(["mount", "-t", "tmpfs", *options, "tmpfs", place], capture_output=True).returncode == 0

    if not mount("-o", "size=16k"):
        pytest.skip("a small disk needs the right to mount one")

    def resized(size: int) -> Path:
        assert mount("-o", f"remount,size={size}")
        return place

    yield resized
    subprocess.run(["umount", place], check=True)


@pytest.mark.parametrize("mode", ["two"])
def test_a_disk_that_is_full_again_and_again(mode, curate, own, whole, disk):
    named, size = [], 32 << 10
    while True:
        out = disk(size) / "out"
        done = curate("run", own, "-o", out, *MODES[mode])
        if done.code == 0:
            break
        named.append(stopped(done.code, done.err, out, "No space left on device"))
        size *= 8
    assert len({Path(name).parent for name in named}) > 1  # it came further each time
    assert differing(contents(out), whole) == []


@pytest.mark.parametrize("mode", ["one process"])
def test_a_limit_on_the_size_of_a_file(mode, command, own, whole, tmp_path):
    out, size, named = tmp_path / "out", 200, []
    while True:
        done = limited(command("run", own, "-o", out, *MODES[mode]), resource.RLIMIT_FSIZE, size)
        if done.returncode == 0:
            break
        named.append(stopped(done.returncode, done.stderr, out, "File too large (ulimit -f tells the limit"))
        size *= 40
    assert len({Path(name).parent for name in named}) > 1
    assert differing(contents(out), whole) == []


def test_a_limit_on_open_files_that_one_worker_meets_is_of_no_input(curate, call, tmp_path, miniweb):
    (tmp_path / "sitecustomize.py").write_text(  # the limit falls once the work has begun, when it is checked no more
        "import pyarrow.parquet as pq, resource\nbefore = pq.ParquetWriter.__init__\n"
        "def begun(*words, **more):\n    before(*words, **more)\n"
        "    resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))\npq.ParquetWriter.__init__ = begun\n"
    )
    words = ("extract", miniweb / "articles-00000.warc.gz", "-o", tmp_path / "out", "--workers", "1")
    done = curate(*words, env={"PYTHONPATH": str(tmp_path)})
    named = stopped(done.code, done.err, tmp_path / "out", "Too many open files; raise the limit with ulimit -n")
    assert named == "part-00000.parquet"
    assert not [*(tmp_path / "out").glob("failed-*")]
    assert call(*words).code == 0


def limited(words: list[str], kind: int, value: int) -> subprocess.CompletedProcess[str]:
    """Runs a command under a limit."""

    def limit() -> None:
        resource.setrlimit(kind, (value, value))

    return subprocess.run(words, capture_output=True, text=True, preexec_fn=limit)


TINY = [word for setting in ("steps=1", "layers=1", "heads=1", "width=8", "batch=2") for word in ("--set", setting)]
VERBS = {  # on a disk that is nearly full: other commands that write, and what they cannot write
    "export": (("export", "npy", "OUT", "-o", "DISK/new"), "new/"),
    "links": (("links", "LINKS", "-o", "DISK/new"), "new/"),
    "quality": (
        ("quality", "train", "--positive", "GOOD", "--negative", "BAD", "-o", "DISK/model.bin"),
        "model.bin",
    ),
    "miniweb": (("miniweb", "DISK/new"), "new/"),
    "train": (("train", "OUT", "-o", "DISK/new", *TINY), "new/"),
}


@pytest.mark.parametrize("name", VERBS)
def test_other_commands_on_a_full_disk(name, call, quickstart, miniweb, disk, tmp_path):
    (tmp_path / "links.txt").write_text("".join(f"https://a{n}.example/{n * n * n}\n" for n in range(5000)))
    place = disk(32 << 10)
    (place / "theirs").write_bytes(bytes(12 << 10))
    places = {"OUT": quickstart, "LINKS": tmp_path / "links.txt"}
    places |= {"GOOD": miniweb / "labels-positive.jsonl", "BAD": miniweb / "labels-negative.jsonl"}
    words, named = VERBS[name]
    done = call(*(str(places.get(word, word)).replace("DISK", str(place)) for word in words))
    assert stopped(done.code, done.err, place, "No space left on device").startswith(named)
    assert (place / "theirs").exists()


def test_temporary_files_that_have_no_room_are_named(curate, tmp_path, disk, own):
    import zstandard  # noqa: F401 - the packed input is unpacked as a stream, not into a temporary file

    place = disk(4 << 10)
    (place / "theirs").write_bytes(bytes(8 << 10)[: 4 << 10])
    done = curate("run", own, "-o", tmp_path / "out", env={"TMPDIR": str(place)})
    assert done.code == 0, done.err
    assert [path.name for path in place.iterdir()] == ["theirs"]


@pytest.mark.parametrize("number", LIMITS)
def test_a_limit_in_a_workers_trace_is_one_line_with_the_path(number, tmp_path):
    path = tmp_path / 'it\'s "odd" é\nname'
    with pytest.raises(WriteError) as met, writing(path):
        raise OSError(number, "a library's words.\nDetail: more of them")
    line = one_line(met.value)
    assert line.startswith(f"{path}: cannot be written: ")
    trace = (
        f"Traceback:\n  File x\nOSError: [Errno {number}] Detail\n\nThe above\nTraceback:\nRuntimeError: curate.errors."
    )
    wrapped = RuntimeError(f"{trace}WriteError: {met.value} [while running 'Make parts-ptransform-7']\n")
    assert one_line(wrapped) == line
    assert system_error(wrapped).filename == str(path)


def test_an_error_of_a_file_that_is_read_meanwhile_stays_as_it_is(tmp_path):
    with pytest.raises(FileNotFoundError) as met, writing(tmp_path / "new", tmp_path / ".new.1.tmp"):
        (tmp_path / "input").read_bytes()
    assert one_line(met.value) == f"{tmp_path / 'input'}: No such file or directory"
    with pytest.raises(WriteError, match="new'"), writing(tmp_path / "new", tmp_path / "none" / ".new.1.tmp"):
        (tmp_path / "none" / ".new.1.tmp").write_bytes(b"")
