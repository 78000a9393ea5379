"""An estimate of a run is made of its own stages: what can be exact is what a run gives."""

import io
import json
from dataclasses import asdict, replace

import pytest
from rich.console import Console

from curate import recipe as recipes
from curate.cli.tables import print_estimate
from curate.errors import SettingsError
from curate.pipelines.estimation.estimate import estimate, measured
from curate.pipelines.estimation.projection import Projection
from curate.stage.plan import stage_folder
from curate.stage.record import read_stage


@pytest.fixture(scope="module")
def recipe(several_shards):
    """A recipe over two files of nine rows each, and the settings of the run that is compared."""
    return recipes.load(str(several_shards.parent / "own.toml"))


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    return tmp_path_factory.mktemp("known") / "index"


@pytest.fixture(scope="module")
def measures(recipe, index):
    """What a sample of the recipe took, against an index that is not there yet."""
    return measured(replace(recipe, dedup=replace(recipe.dedup, index=str(index))), 20)


@pytest.fixture(scope="module")
def made(recipe, measures):
    return Projection(recipe, *measures, workers=1, unique=None).estimate()


@pytest.fixture(scope="module")
def done(several_shards):
    """The records of a finished run of the recipe."""
    names = ("extract", "filter", "dedup", "tokenize", "pack")
    return {name: read_stage(stage_folder(several_shards, name)) for name in names}


def test_parts_and_documents_are_those_of_the_run(made, done):
    assert [stage.stage for stage in made.stages] == [*done]
    for stage in made.stages:
        if stage.stage != "pack":
            assert stage.parts.value == len(done[stage.stage].items), stage.stage
        assert stage.read.value == pytest.approx(done[stage.stage].counts.read), stage.stage
        assert stage.kept.value == pytest.approx(done[stage.stage].counts.kept), stage.stage
    assert made.documents.value == pytest.approx(18)


def test_shards_are_those_of_the_run_or_one_more_or_less_in_each_split_of_a_source(made, done):
    splits = len({(item.source, item.name.partition("/")[0]) for item in done["pack"].items})
    assert abs(made.shards.value - len(done["pack"].items)) <= splits < len(done["pack"].items) / 2


def test_tokens_and_bytes_are_near_those_of_the_run(made, done):
    width = 2
    tokens = sum(item.size for item in done["pack"].items) / width
    assert made.tokens.value == pytest.approx(tokens, rel=0.05)
    written = sum(file.bytes for record in done.values() for file in record.outputs.values())
    assert written < made.disk.value < 2.5 * written  # records are counted too


def test_every_stage_costs_something_and_the_run_what_they_do(made):
    assert all(stage.cpu_s.value > 0 and stage.memory > 0 and stage.requests > 0 for stage in made.stages)
    assert sum(stage.cpu_s.value for stage in made.stages) < made.cpu_s.value
    assert made.cpu_s.low <= made.cpu_s.value <= made.cpu_s.high


def test_what_dedup_keeps_is_what_the_user_knows(recipe, measures, made):
    stated = Projection(recipe, *measures, workers=1, unique=0.5).estimate()
    assert stated.documents.value == pytest.approx(made.documents.value / 2)
    assert stated.tokens.value == pytest.approx(made.tokens.value / 2)
    assert "--unique" in " ".join(made.notes)
    assert "--unique" not in " ".join(stated.notes)


def test_an_index_is_not_added_to(measures, index):
    assert not index.exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pages": 4}, "--sample 4: at least 10 pages"),
        ({"unique": 0.0}, "--unique 0.0: a share above 0 and up to 1"),
        ({"workers": 0}, "--workers 0: need at least one worker"),
    ],
)
def test_an_option_that_means_nothing_is_refused_before_any_work(recipe, options, message):
    with pytest.raises(SettingsError, match=message):
        estimate(recipe, **options)


def test_a_sample_that_keeps_nothing_ends_there_and_says_so(recipe, measures):
    inputs, sample, tried = measures
    short = Projection(
        recipe, inputs, sample, replace(tried, stages=tried.stages[:2]), workers=1, unique=None
    ).estimate()
    assert [stage.stage for stage in short.stages] == ["extract", "filter"]
    assert "filter kept nothing of the sample" in " ".join(short.notes)
    assert short.shards.value == 0


def test_the_command_refuses_before_any_work_and_names_what_is_missing(call, tmp_path):
    done = call("estimate", "documents", tmp_path / "none.parquet")
    assert (done.code, done.error) == (2, f"{tmp_path}/none.parquet: no such input file")


def test_the_table_says_what_the_values_say(made):
    console = Console(file=io.StringIO(), width=200)
    print_estimate(made, console)
    shown = console.file.getvalue()
    assert "inputs: 2 files" in shown
    assert "18 documents" in shown
    assert all(stage.stage in shown for stage in made.stages)
    assert json.loads(json.dumps(asdict(made)))["shards"]["value"] == made.shards.value
