"""The verbs of the stages come from the table of kinds, and their engine's options from one function."""

import inspect

import pytest
import typer

from curate.cli import stages
from curate.cli.options import engine_options, takes_engine_options
from curate.pipelines.engines.target import EngineOptions
from curate.stage.kinds import KINDS, WHOLES


def test_every_kind_of_stage_but_a_first_half_is_a_verb_with_a_help():
    verbs = {command.name: command.help for command in stages.commands.registered_commands}
    assert verbs == {name: kind.summary for name, kind in KINDS.items() if name not in WHOLES}
    assert all(verbs.values())


def test_the_verbs_of_a_recipe_come_first_and_in_its_order():
    of_a_recipe = ("extract", "filter", "dedup", "lines", "score", "decontaminate", "tokenize", "pack")
    assert stages.VERBS[:8] == of_a_recipe
    assert stages.VERBS[8:] == ("crawl", "links")


@pytest.mark.parametrize("command", stages.commands.registered_commands, ids=lambda command: command.name)
def test_every_verb_has_the_options_of_the_engine(command):
    named = inspect.signature(command.callback).parameters
    assert inspect.signature(engine_options).parameters.items() <= named.items()


def test_a_command_is_given_its_engine_as_one_value():
    values = []

    @takes_engine_options
    def command(out: str, target: EngineOptions, json: bool = False) -> None:
        values.append((out, target, json))

    app = typer.Typer()
    app.command()(command)
    arguments = ["out", "--runner", "spark", "--json", "--conf", "spark.a=1", "--conf", "spark.b=2", "--workers", "3"]
    app(arguments, standalone_mode=False, obj=("--streaming",))
    conf = ("spark.a=1", "spark.b=2")
    assert values == [
        ("out", EngineOptions(runner="spark", workers=3, conf=conf, beam=("--streaming",)), True),
    ]


@pytest.mark.parametrize(
    ("setting", "error"),
    [
        ("steps=3", "no such manifest"),
        ("train.steps=3", "no such manifest"),
        ("train.stepz=3", "unknown setting 'stepz'"),
        ("train=3", "unknown setting 'train'"),
        ("pack.steps=3", "unknown setting 'pack'"),
    ],
)
def test_settings_of_training_are_named_with_and_without_their_table(setting, error, call, tmp_path):
    done = call("train", tmp_path / "none", "-o", tmp_path / "model", "--set", setting)
    assert done.code == 2
    assert error in done.error
