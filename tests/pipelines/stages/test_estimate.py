"""The memory of dedup's shuffle is estimated before it begins, never too low, and for the local runner only."""

import json
import resource
from pathlib import Path

import pytest

from curate.dedup.config import Dedup, Lines
from curate.errors import SettingsError
from curate.pipelines.engines.target import EngineOptions
from curate.pipelines.stages import estimate
from curate.pipelines.stages.estimate import need
from curate.settings import to_table
from curate.stage.plan import Plan

GIB = 2**30
LONG = 1e6  # seconds of work, so that it runs in processes
PLAN = Plan(stage="dedup", folder=Path(), settings={"dedup": to_table(Dedup())}, items=())


def meminfo(root: Path, available: int) -> Path:
    (root / "proc" / "self").mkdir(parents=True)
    (root / "proc" / "meminfo").write_text(f"MemTotal: 99999999 kB\nMemAvailable:  {available // 1024} kB\n")
    return root


def group(root: Path, path: str, **files: str) -> None:
    folder = root / "sys/fs/cgroup" / path
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name.replace("_dot_", ".")).write_text(content)


# (mode, workers, documents, peak bytes of the process tree) of dedup, as tests/bench/memory.py printed them; the last
# two of a corpus with 70 % duplicates, the others with 15 %.
MEASURED = (
    ("multi_processing", 2, 32_382, 1_078_000_000),
    ("multi_processing", 2, 325_093, 2_243_000_000),
    ("in_memory", 1, 32_382, 364_000_000),
    ("in_memory", 1, 325_093, 922_000_000),
    ("multi_processing", 2, 64_535, 1_633_000_000),
    ("in_memory", 1, 64_535, 617_000_000),
)


@pytest.mark.parametrize(("mode", "workers", "documents", "peak"), MEASURED)
def test_the_estimate_lies_above_every_measured_peak_and_not_absurdly(mode, workers, documents, peak):
    assert peak <= need(documents, Dedup(), mode, workers).memory <= 2.5 * peak


def test_the_estimate_grows_with_documents_bands_and_workers():
    one = need(1_000_000, Dedup(), "multi_processing", 2).memory
    assert need(2_000_000, Dedup(), "multi_processing", 2).memory > one
    assert need(1_000_000, Dedup(bands=28), "multi_processing", 2).memory > one
    assert need(1_000_000, Dedup(), "multi_processing", 4).memory > one
    assert need(1_000_000, Dedup(near=False), "multi_processing", 2).memory < one
    assert need(1_000_000, Dedup(), "multi_processing", 2, padding=4).memory > one


ALL = Lines(furniture=True, substrings=True)
SPANS, FURNITURE = Lines(), Lines(spans=False, furniture=True)
PASSAGES = Lines(spans=False, substrings=True)
# (mode, workers, bytes of text, rules, peak bytes of the process tree) of lines, as tests/bench/dedup.py printed them.
MEASURED_OF_LINES = (
    ("in_memory", 1, 10_200_000, SPANS, 294_000_000),
    ("in_memory", 1, 40_700_000, SPANS, 336_000_000),
    ("in_memory", 1, 81_500_000, SPANS, 435_000_000),
    ("in_memory", 1, 10_200_000, FURNITURE, 291_000_000),
    ("in_memory", 1, 40_700_000, FURNITURE, 323_000_000),
    ("in_memory", 1, 81_500_000, FURNITURE, 374_000_000),
    ("in_memory", 1, 10_200_000, PASSAGES, 335_000_000),
    ("in_memory", 1, 40_700_000, PASSAGES, 539_000_000),
    ("in_memory", 1, 81_500_000, PASSAGES, 825_000_000),
    ("in_memory", 1, 40_700_000, ALL, 555_000_000),
    ("multi_processing", 2, 81_500_000, SPANS, 1_080_000_000),
    ("multi_processing", 2, 81_500_000, FURNITURE, 868_000_000),
    ("multi_processing", 2, 81_500_000, PASSAGES, 1_531_000_000),
    ("multi_processing", 2, 81_500_000, ALL, 2_033_000_000),
)


@pytest.mark.parametrize(("mode", "workers", "text", "rules", "peak"), MEASURED_OF_LINES)
def test_the_estimate_of_lines_is_at_most_a_fourth_above_a_measured_peak_and_not_below(
    mode, workers, text, rules, peak
):
    assert peak <= estimate.need_of_lines(text, rules, mode, workers).memory <= 1.25 * peak


def test_the_estimate_of_lines_lies_above_what_its_hashes_take():
    sentences = 10**6 // 83  # the bytes of a sentence of real pages, and 49 bytes of a record for each
    both = estimate.need_of_lines(10**6, Lines(furniture=True), "multi_processing", 1).memory
    spans = estimate.need_of_lines(10**6, Lines(), "multi_processing", 1).memory
    fixed = estimate.need_of_lines(0, Lines(), "multi_processing", 1).memory
    assert both > spans > fixed + 49 * sentences
    assert estimate.need_of_lines(10**9, Lines(), "multi_processing", 2).message >= 49 * 1000 * sentences // 2


def test_a_workers_message_is_its_share_of_the_largest_shuffle_and_one_process_is_sent_none():
    assert need(1_000_000, Dedup(), "multi_processing", 4).message == 2 * (29 + 29 + 16 + 4 * 112) * 1_000_000 // 4
    assert need(1_000_000, Dedup(near=False), "multi_processing", 4).message == (16 + 29 + 1) * 1_000_000 // 4
    assert need(1_000_000, Dedup(), "in_memory", 1).message == 0


def test_memory_is_the_least_of_machine_and_control_groups(tmp_path):
    root = meminfo(tmp_path, 8 * GIB)
    assert min(estimate.limits(root)) == 8 * GIB
    (root / "proc/self/cgroup").write_text("0::/user/job\n")
    group(root, "user/job", memory_dot_max="max\n", memory_dot_current="1\n")
    group(root, "user", memory_dot_max=f"{3 * GIB}\n", memory_dot_current=f"{2 * GIB}\n")
    assert min(estimate.limits(root)) == GIB


def test_files_that_the_kernel_may_drop_do_not_count_as_used(tmp_path):
    root = meminfo(tmp_path, 8 * GIB)
    (root / "proc/self/cgroup").write_text("4:memory:/job\n0::/\n")
    limit = {"memory_dot_limit_in_bytes": str(3 * GIB), "memory_dot_usage_in_bytes": str(2 * GIB)}
    group(root, "memory/job", **limit, memory_dot_stat=f"cache 5\ntotal_inactive_file {GIB}\n")
    assert min(estimate.limits(root)) == 2 * GIB


def test_a_limit_of_the_address_space_counts(tmp_path):
    root = meminfo(tmp_path, 1 << 60)
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (1 << 44, before[1]))
    try:
        assert min(estimate.limits(root)) == 1 << 44
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def test_what_the_user_states_counts_and_nothing_else(monkeypatch):
    monkeypatch.setenv(estimate.VARIABLE, "12345")
    assert estimate.available() == 12345
    monkeypatch.setenv(estimate.VARIABLE, "8G")
    with pytest.raises(SettingsError, match="CURATE_MEMORY=8G: expected a number of bytes"):
        estimate.available()


def documents(folder: Path) -> Path:
    path = folder / "in.jsonl"
    path.write_text(
        "".join(json.dumps({"url": f"http://a/{n}", "text": f"one two three {n}"}) + "\n" for n in range(9))
    )
    return path


@pytest.mark.processes
def test_a_shuffle_that_does_not_fit_is_refused_in_one_line_before_it_begins_and_the_signatures_stay(call, tmp_path):
    arguments = ("dedup", documents(tmp_path), "-o", tmp_path / "out")
    refused = call(*arguments, env={"CURATE_MEMORY": "1000000"})
    assert refused.code == 2
    last = refused.err.strip().splitlines()[-1]
    for phrase in ("dedup of 9 documents", "0.00 GB are available", "--runner spark", "CURATE_MEMORY=BYTES"):
        assert phrase in last
    assert not (tmp_path / "out" / "plan.json").exists()
    signed = tmp_path / "out" / "signatures" / "part-00000.parquet"
    before = signed.stat().st_mtime_ns
    done = call(*arguments, env={"CURATE_MEMORY": str(10 * GIB)})
    assert done.code == 0, done.err
    assert signed.stat().st_mtime_ns == before


def test_more_than_a_worker_can_be_sent_at_once_is_refused_whatever_the_memory(monkeypatch):
    monkeypatch.setenv(estimate.VARIABLE, str(10**15))
    monkeypatch.setattr(estimate.signatures, "documents", lambda plan: (8_000_000, 16_000_000_000))
    with pytest.raises(SettingsError, match=r"each of 2 workers about 4\.18 GB at once.*--runner spark"):
        estimate.check(PLAN, EngineOptions(workers=2), LONG)
    estimate.check(PLAN, EngineOptions(workers=8), LONG)


def test_other_runners_are_not_held_back(monkeypatch):
    monkeypatch.setenv(estimate.VARIABLE, "1")
    monkeypatch.setattr(estimate.signatures, "documents", lambda plan: (8_000_000, 16_000_000_000))
    with pytest.raises(SettingsError):
        estimate.check(PLAN, EngineOptions(), 0.0)
    estimate.check(PLAN, EngineOptions(runner="spark"), 0.0)
