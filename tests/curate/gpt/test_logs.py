"""The log of a run, by source; cut and kept when a run goes on; its table, its curves and TensorBoard."""

import csv
import io
import json
import math
import random
import struct
from dataclasses import replace
from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch", reason="training needs torch: pip install '.[train]'")
pytest.importorskip("vl_convert", reason="the loss curve needs vl-convert: pip install '.[train]'")
pytest.importorskip("altair", reason="the loss curve needs altair: pip install '.[train]'")

from counting import spell, write  # noqa: E402
from hypothesis import given  # noqa: E402
from hypothesis import settings as limited  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from curate.errors import SettingsError  # noqa: E402
from curate.gpt import logs  # noqa: E402
from curate.gpt.config import Train  # noqa: E402
from curate.gpt.logs import LOG, Log, Meter, Row, as_csv, draw, plain  # noqa: E402
from curate.gpt.schedule import schedule_of  # noqa: E402
from curate.gpt.train import train  # noqa: E402
from curate.inspection.notes import log_faults  # noqa: E402
from curate.loader import Loader  # noqa: E402

SETTINGS = Train(
    layers=1, heads=2, width=16, context=16, batch=8, steps=12, warmup_tokens=128, log_every=4, sample_tokens=4
)
numbers = st.floats(allow_nan=False, allow_infinity=False)
by_source = st.dictionaries(st.sampled_from(["web", "books", "web.q1"]), numbers)
rows = st.builds(
    Row,
    step=st.integers(0, 2**40),
    tokens=st.integers(0, 2**60),
    windows=st.integers(0, 2**20),
    train_loss=st.none() | numbers,
    valid_loss=st.none() | numbers,
    bits_per_byte=st.none() | numbers,
    train_by_source=by_source,
    valid_by_source=by_source,
    epochs=by_source,
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run that writes TensorBoard's events too: its manifest, its folder, its reports."""
    pytest.importorskip("tensorboard", reason="needs tensorboard: pip install '.[tensorboard]'")
    folder, reports = tmp_path_factory.mktemp("logs"), []
    manifest = write(folder / "data")
    train(manifest, folder / "out", replace(SETTINGS, tensorboard=True), reports.append, decode=spell)
    return manifest, folder / "out", reports


def lines(out):
    """The lines of a log, without its seal."""
    read = [json.loads(line) for line in (out / LOG).read_text().splitlines()]
    return [line for line in read if "seal" not in line]


@given(rows)
def test_a_row_survives_json_exactly(row):
    assert Row(**json.loads(json.dumps(plain(row)))) == row


def test_the_log_has_what_the_table_has_and_speeds_and_the_loss_and_epochs_of_each_source(run):
    manifest, out, reports = run
    header, *logged = lines(out)
    assert header["header"]["settings"]["steps"] == 12
    table = list(csv.DictReader((out / "loss.csv").open(newline="")))
    assert [line["step"] for line in logged] == [int(row["step"]) for row in table]
    for line, row in zip(logged, table, strict=True):
        for name in ("train_loss", "valid_loss", "bits_per_byte", "gradient_norm"):
            assert row[name] == (f"{line[name]:.6g}" if name in line else "")
        for source, loss in line.get("valid_by_source", {}).items():
            assert row[f"valid_loss/{source}"] == f"{loss:.6g}"
            assert row[f"bits_per_byte/{source}"] == f"{line['bits_by_source'][source]:.6g}"
    last = logged[-1]
    assert last["tokens_per_second"] > 0
    assert last["left_s"] == 0
    assert last["seconds"] >= logged[1]["seconds"] > 0
    seen = Loader(manifest, context=16, batch=8, seed=0).seen(12 * 8)
    assert last["epochs"] == {progress.source: progress.epochs for progress in seen}
    assert reports[-1].row == Row(**{name: value for name, value in last.items() if name in Row.__slots__})
    assert [report.step for report in reports if report.row] == [line["step"] for line in logged[1:]]


def test_the_losses_of_sources_average_to_that_of_the_batch_by_their_windows(run):
    manifest, out, _ = run
    loader = Loader(manifest, context=16, batch=8, seed=0)
    for line in lines(out)[2:]:
        first = (line["step"] - 1) * 8
        names = [loader.sources[number].name for number in loader.sources_of(first, 8).tolist()]
        mean = math.fsum(line["train_by_source"][name] for name in names) / 8
        assert line["train_by_source"].keys() == {*names}
        assert mean == pytest.approx(line["train_loss"], rel=1e-5)


def test_tensorboard_reads_the_losses_that_the_log_has(run):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    _, out, _ = run
    events = EventAccumulator(str(out / logs.BOARD))
    events.Reload()
    for name, get in {
        "train_loss": lambda line: line.get("train_loss"),
        "bits_by_source/articles": lambda line: line.get("bits_by_source", {}).get("articles"),
        "tokens_per_second": lambda line: line.get("tokens_per_second"),
    }.items():
        expected = [(line["step"], get(line)) for line in lines(out)[1:] if get(line) is not None]
        assert [(event.step, pytest.approx(event.value, rel=1e-6)) for event in events.Scalars(name)] == expected


def test_without_tensorboard_the_setting_is_refused_before_any_work(tmp_path, monkeypatch):
    real = logs.importlib.util.find_spec
    monkeypatch.setattr(logs.importlib.util, "find_spec", lambda name: None if name == "tensorboard" else real(name))
    with pytest.raises(SettingsError, match=r"tensorboard is not installed: pip install '\.\[tensorboard\]'"):
        train(write(tmp_path / "data"), tmp_path / "out", replace(SETTINGS, tensorboard=True))
    assert not (tmp_path / "out").exists()


def test_a_log_of_the_user_s_is_not_replaced(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / LOG).write_text('{"mine": 1}\n')
    with pytest.raises(SettingsError, match=r"log\.jsonl: not written by curate"):
        train(write(tmp_path / "data"), tmp_path / "out", SETTINGS)
    assert (tmp_path / "out" / LOG).read_text() == '{"mine": 1}\n'


def test_a_log_goes_on_behind_the_rows_of_a_checkpoint_and_keeps_their_speeds(tmp_path):
    made = [Row(step=step, tokens=10 * step, windows=1, train_loss=5.0 - step) for step in range(6)]
    with Log(tmp_path, {"run": 1}) as log:
        for row in made:
            log.add(row, SimpleNamespace(seconds=1.0, tokens_per_second=7.0, mfu=None, left_s=2.0))
    path = tmp_path / LOG
    path.write_bytes(path.read_bytes() + b'{"step": 6, "tok')  # cut off by a kill
    with Log(tmp_path, {"run": 1}, made[:4]) as log:
        log.add(replace(made[4], train_loss=9.0))
    header, *logged = lines(tmp_path)
    assert [line["step"] for line in logged] == [0, 1, 2, 3, 4]
    assert [line.get("tokens_per_second") for line in logged] == [7.0] * 4 + [None]
    assert (header, logged[-1]["train_loss"]) == ({"header": {"run": 1}}, 9.0)
    path.unlink()
    with Log(tmp_path, {"run": 1}, made[:4]):
        pass
    assert [Row(**line) for line in lines(tmp_path)[1:]] == made[:4]


def test_any_changed_byte_of_a_finished_log_is_found_and_an_unfinished_one_has_no_seal(run, tmp_path):
    path, content = tmp_path / LOG, (run[1] / LOG).read_bytes()
    for at in random.Random(3).sample(range(len(content)), 50):
        path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        assert [*log_faults(path)], at
    path.write_bytes(content)
    assert not [*log_faults(path)]
    with pytest.raises(KeyError), Log(tmp_path, {}):
        raise KeyError
    assert [*log_faults(path)] == [f"{path}: changed since it was written, or the run is not at its end"]


def test_the_log_of_a_run_that_was_stopped_and_went_on_has_each_row_once_with_its_speed(run, tmp_path):
    def stop(progress):
        if progress.step == 9:
            raise EOFError

    manifest, *_ = run
    settings = replace(SETTINGS, checkpoint_tokens=300)
    with pytest.raises(EOFError):
        train(manifest, tmp_path / "out", settings, stop, decode=spell)
    before = {line["step"]: line for line in lines(tmp_path / "out")[1:]}
    train(manifest, tmp_path / "out", settings, decode=spell)
    logged = lines(tmp_path / "out")[1:]
    table = list(csv.DictReader((tmp_path / "out" / "loss.csv").open(newline="")))
    assert [line["step"] for line in logged] == [int(row["step"]) for row in table]
    assert all("tokens_per_second" in line for line in logged[1:])
    assert [line for line in logged if line == before.get(line["step"])] == logged[: sum(s < 9 for s in before)]


def test_rows_of_another_run_do_not_stay_in_a_log(tmp_path):
    with Log(tmp_path, {}) as log:
        log.add(Row(step=1, tokens=1, windows=1, train_loss=1.0))
    with Log(tmp_path, {}, [Row(step=1, tokens=1, windows=1, train_loss=2.0)]):
        pass
    assert lines(tmp_path)[1]["train_loss"] == 2.0


def test_a_table_has_a_column_for_each_source_with_held_out_text():
    row = Row(step=3, tokens=9, windows=2, valid_loss=1.5, valid_by_source={"web": 1.5}, bits_by_source={"web": 0.25})
    (read,) = csv.DictReader(io.StringIO(as_csv([row], ["web", "books"]).decode()))
    assert (read["valid_loss/web"], read["bits_per_byte/web"], read["valid_loss/books"]) == ("1.5", "0.25", "")


def size(content):
    assert (content[:8], content[-8:-4]) == (b"\x89PNG\r\n\x1a\n", b"IEND")
    return struct.unpack(">II", content[16:24])


def test_a_curve_has_a_panel_for_held_out_text_of_many_sources_and_none_without():
    bare = [Row(step=step, tokens=step, windows=1, train_loss=4.0 - step) for step in range(1, 3000)]
    losses = {f"s{number}": float(number) for number in range(30)}
    held = [replace(row, valid_loss=4.0, valid_by_source=losses) for row in bare[::500]]
    one, two = size(draw(bare, "title")), size(draw([*bare, *held], "title"))
    bits = size(draw([replace(row, bits_by_source=losses) for row in held], "title", [*losses]))
    assert one[0] > 1000
    assert one[1] > 500
    assert two[1] > 1.7 * one[1]
    assert bits[1] > 1.7 * one[1]


@given(st.integers(1, 20), st.integers(0, 19))
@limited(max_examples=20)
def test_a_meter_counts_tokens_and_knows_how_many_are_left(steps, before):
    settings = replace(SETTINGS, steps=steps)
    hardware = SimpleNamespace(device=torch.device("meta"), name="", precision="fp32")
    group = SimpleNamespace(hardware=hardware, size=1)
    meter = Meter(schedule_of(settings, 10_000), settings.shape(41), group, windows=8 * min(before, steps))
    assert meter.tokens_per_second is meter.left_s is meter.mfu is None
    for _ in range(min(before, steps), steps):
        with meter.step(8 * 16):
            pass
    assert meter.tokens == meter.of_tokens == steps * 8 * 16
    assert meter.steps == steps
    assert meter.left_s in (None, 0.0)
