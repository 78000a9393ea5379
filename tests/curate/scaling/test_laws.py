"""Points and their laws: out of runs, into a record, a table and a figure, and asked for other FLOPs."""

import csv
import struct

import numpy as np
import pytest

from curate.errors import SettingsError
from curate.scaling import laws
from curate.scaling.laws import DEFINITIONS, FORMAT, RECORD, Point
from curate.storage.together import write_together

pytest.importorskip("torch", reason="runs are read with torch: pip install '.[train]'")

from curate.scaling import plot, record
from curate.scaling.config import load
from curate.scaling.rungs import rungs
from curate.scaling.runs import Run, bits_per_nat, compute_per_token

EXPONENT, BITS = 0.06, 0.45
RATIOS = ("tokens_per_parameter=[10.0, 20.0, 40.0]",)


def runs_of(ladder, spread: float = 0.0) -> list[Run]:
    """Finished runs whose losses follow one power law of FLOPs with the head; seeds differ by a share of `spread`."""
    made = []
    for rung in rungs(ladder):
        per_token = compute_per_token(rung.settings.shape(3000))
        loss = 40 * (per_token["all"] * rung.tokens) ** -EXPONENT * (1 + spread * (rung.seed - 0.5))
        curve = tuple((rung.tokens * part // 16, loss * (2 - part / 16)) for part in range(1, 17))
        made.append(
            Run(
                rung=rung,
                vocabulary=3000,
                tokens=rung.tokens,
                per_token=per_token,
                loss=loss,
                bits=loss * BITS,
                curve=curve,
                record={},
            )
        )
    return made


def test_seeds_of_a_size_are_one_point_with_their_mean():
    points = record.points_of(runs_of(load("laptop"), spread=0.1))
    assert [point.seeds for point in points] == [2, 2, 2, 1, 1]
    for point in points[:3]:
        assert point.loss == pytest.approx(40 * point.compute["all"] ** -EXPONENT)


def test_every_definition_has_its_laws_and_one_that_is_not_determined_its_reason():
    points = record.points_of(runs_of(load("laptop")))
    for name in DEFINITIONS:
        law = laws.law(points, name)
        assert law.lowest == (True,) * 5
        assert law.record()["floor"] == {"refused": "5 points; a floor needs 6"}
    assert laws.law(points, "all").power.exponent == pytest.approx(EXPONENT)
    assert "all runs have about 20 tokens per parameter" in laws.chinchilla(points)


def test_sizes_and_tokens_that_vary_apart_determine_chinchilla_s_form():
    runs = runs_of(load("laptop", RATIOS))
    fitted = laws.chinchilla(record.points_of(runs))
    assert fitted.record()["points"] == 15
    assert np.abs(fitted.residuals).max() < 0.02


def stored(tmp_path, points: list[Point], bits: float | None) -> None:
    values = [{name: getattr(point, name) for name in Point.__slots__} for point in points]
    content = {"format": FORMAT, "points": values, "bits_per_nat": bits}
    write_together(tmp_path / RECORD, {}, lambda _: content)


def test_a_record_answers_for_other_flops_in_nats_and_in_bits(tmp_path):
    points = record.points_of(runs_of(load("laptop")))
    stored(tmp_path, points, BITS)
    answer = laws.predict(tmp_path, 1e15, "all")["power"]
    assert answer["nats_per_token"] == pytest.approx(40 * 1e15**-EXPONENT)
    assert answer["bits_per_byte"] == pytest.approx(BITS * answer["nats_per_token"])
    assert answer["interval"] == pytest.approx([answer["nats_per_token"]] * 2)
    stored(tmp_path, points, None)
    assert set(laws.predict(tmp_path, 1e15, "all")["power"]) == {"nats_per_token", "interval"}
    for compute in (1e18, 1e9):
        with pytest.raises(SettingsError, match="a fit says nothing beyond 10 times"):
            laws.predict(tmp_path, compute, "all")


def test_two_points_answer_nothing(tmp_path):
    stored(tmp_path, record.points_of(runs_of(load("laptop")))[:2], BITS)
    with pytest.raises(SettingsError, match="no law was fitted: 2 points; a power law needs 3"):
        laws.predict(tmp_path, 1e13, "all")


def test_the_table_has_a_row_for_each_run_with_its_distance_from_the_law():
    runs = runs_of(load("laptop"))
    points = record.points_of(runs)
    text = record.as_csv(runs, points, {name: laws.law(points, name) for name in DEFINITIONS}).decode()
    rows = list(csv.DictReader(text.splitlines()))
    assert [float(row["nats_per_token"]) for row in rows] == [run.loss for run in runs]
    assert [float(row["c_kaplan"]) for row in rows] == [run.compute["kaplan"] for run in runs]
    assert max(abs(float(row["residual_all"])) for row in rows) < 1e-9 < abs(float(rows[0]["residual_kaplan"]))


@pytest.mark.parametrize("count", [1, 2, 5])
def test_the_figure_is_drawn_for_any_number_of_points(count):
    runs = [run for run in runs_of(load("laptop")) if run.rung.size in load("laptop").sizes[:count]]
    points = record.points_of(runs)
    drawn = plot.draw(runs, points, laws.law(points, "all"), "web")
    width, height = struct.unpack(">II", drawn[16:24])
    assert drawn[:4] == b"\x89PNG"
    assert width > 1200
    assert height > 800


def test_the_caption_states_sizes_tokens_seeds_the_law_and_what_is_not_shown():
    runs = runs_of(load("laptop"))
    points = record.points_of(runs)
    words = " ".join(plot.caption(runs, points, laws.law(points, "all")))
    assert "5 sizes of 56.6k to 793k parameters without embeddings, vocabulary 3,000" in words
    assert "1.13M to 15.9M tokens, 20 per parameter; seeds of each: 1 and 2" in words
    assert "L = 40 C^-0.060 in nats, 95 % interval of the exponent -0.060 to -0.060 (5 points)" in words
    assert "6 (N + V d) D, with the head" in words
    assert "larger models or longer runs is not shown" in words
    few = record.points_of(runs[:2])
    assert "No law is fitted: 1 point; a power law needs 3" in " ".join(
        plot.caption(runs[:2], few, laws.law(few, "all"))
    )


def test_bits_per_byte_are_in_proportion_to_nats():
    assert bits_per_nat(runs_of(load("laptop"))) == pytest.approx(BITS)
