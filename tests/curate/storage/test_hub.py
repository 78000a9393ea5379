"""Files of a data set on the Hugging Face Hub, read through the Hub's own library from a server on loopback."""

import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hub import hub

pytestmark = pytest.mark.processes

TEXT = "The keeper of the archive said that she would be there with the letters and that we have to wait for number {}."


def parquet(texts):
    file = io.BytesIO()
    pq.write_table(pa.table({"text": texts}), file)
    return file.getvalue()


FILES = {
    "README.md": b"# A data set\n",
    "data/train-00000-of-00002.parquet": parquet([TEXT.format(1), TEXT.format(2)]),
    "data/train-00001-of-00002.parquet": parquet([TEXT.format(3)]),
    "more/deep/rows.jsonl": json.dumps({"text": TEXT.format(4)}).encode(),
}


def texts_of(out):
    return [row["text"] for path in sorted(out.glob("part-*")) for row in pq.read_table(path).to_pylist()]


@pytest.mark.parametrize(
    ("patterns", "numbers"),
    [(("data/train-*.parquet", "**/*.jsonl"), [1, 2, 3, 4]), (("data/train-00001-of-00002.parquet", "more"), [3, 4])],
)
def test_files_of_a_data_set_are_inputs(patterns, numbers, curate, tmp_path):
    with hub("own/set", FILES) as server:
        inputs = [f"hf://datasets/own/set/{pattern}" for pattern in patterns]
        words = ("filter", *inputs, "-o", tmp_path / "out", "--set", "filter.rules=[]")
        done = curate(*words, env={"HF_ENDPOINT": server.url})
        assert done.code == 0, done.err
        assert texts_of(tmp_path / "out") == [TEXT.format(number) for number in numbers]


@pytest.mark.parametrize("name", ["own/set/none.jsonl", "own/none/data/a.parquet", "own/set/none-*.jsonl"])
def test_a_file_that_is_not_there_is_named_in_one_line(name, curate, tmp_path):
    with hub("own/set", FILES) as server:
        done = curate("filter", f"hf://datasets/{name}", "-o", tmp_path / "out", env={"HF_ENDPOINT": server.url})
    assert done.code == 2
    assert done.error.startswith(f"hf://datasets/{name}: ")


def test_a_hub_out_of_reach_is_an_error_of_one_line(curate, tmp_path):
    for env in ({"HF_ENDPOINT": "http://127.0.0.1:9"}, {"HF_HUB_OFFLINE": "1"}):
        done = curate("filter", "hf://datasets/own/set/a.jsonl", "-o", tmp_path / "out", env=env)
        assert done.code == 2
        assert done.error.startswith("hf://datasets/own/set/a.jsonl: cannot look for this input: ")
