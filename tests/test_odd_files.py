"""Commands refuse pipes and folders that stand where a file is needed, in one line, before any work."""

import os
import subprocess

import pytest

pytestmark = pytest.mark.processes


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("filter", "pipe.jsonl", "-o", "out"), "pipe.jsonl: a pipe, which can be read only once"),
        (("extract", "in", "-o", "out"), "in/pipe.warc: a pipe"),
        (("run", "./pipe.toml", "-o", "out"), "pipe.toml: a pipe"),
        (("run", "./folder.toml", "-o", "out"), "folder.toml: a folder, where a file is needed"),
        (("recipe", "./pipe.toml"), "pipe.toml: a pipe"),
        (("run", "webtext", "-o", "out", "--set", 'sources.webtext.inputs=["a\\u0000b"]'), "a name with a NUL"),
        (
            ("tokenize", "own.jsonl", "-o", "out", "--set", "tokenize.encoding=./pipe.json"),
            "./pipe.json: a pipe",
        ),
        (("train", "pipe.json", "-o", "out"), "pipe.json: a pipe"),
        (("mix", "pipe.json"), "pipe.json: a pipe"),
        (("export", "hf", "pipe.json", "-o", "out"), "pipe.json: a pipe"),
        (("pack", "own.jsonl", "-o", "out"), "own.jsonl: not the folder of a finished stage"),
        (("gate", "own.jsonl", "-o", "out"), "own.jsonl/extract: not the folder of a finished stage"),
        (("filter", "own.jsonl", "-o", "pipe"), "pipe: cannot write there"),
        (("filter", "own.jsonl", "-o", "own.jsonl"), "own.jsonl: lies in the output own.jsonl"),
        (("filter", "own.jsonl", "-o", ""), "an empty name"),
        (("filter", "", "-o", "out"), "'': an empty name"),
        (("miniweb", "own.jsonl"), "own.jsonl: not a folder"),
        (("miniweb", "pipe"), "pipe: not a folder"),
        (
            ("crawl", "own.jsonl", "-o", "out", "--contact", "a@b.example", "--resolve", "@pipe"),
            "--resolve: pipe: a pipe",
        ),
    ],
)
def test_what_is_no_file_is_refused_before_it_is_opened(arguments, error, call, tmp_path):
    for name in ("pipe", "pipe.jsonl", "pipe.toml", "pipe.json"):
        os.mkfifo(tmp_path / name)
    for name in ("in", "folder.toml"):
        (tmp_path / name).mkdir()
    os.mkfifo(tmp_path / "in" / "pipe.warc")
    (tmp_path / "own.jsonl").write_text('{"text": "hello"}\n')
    done = call(*arguments, cwd=tmp_path)
    assert done.code == 2
    assert error in done.error
    assert not list((tmp_path / "out").rglob("*.parquet"))


def test_a_shell_s_process_substitution_is_refused_with_the_mend(command, tmp_path):
    words = " ".join(command("filter", "<(cat own.jsonl)", "-o", "out"))
    (tmp_path / "own.jsonl").write_text('{"text": "hello"}\n')
    done = subprocess.run(["bash", "-c", words], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert "a pipe, which can be read only once; write it to a file, and name that" in done.stderr
    assert len(done.stderr.splitlines()) == 1
