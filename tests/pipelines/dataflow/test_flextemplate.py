"""The Flex Template has the documented metadata, and its parameters become a recipe."""

import json
import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass

import jsonschema
import pytest

from curate import recipe as recipes
from curate.errors import SettingsError
from curate.pipelines.dataflow import flextemplate, launcher

OUT = "gs://bucket/out"

# The documented fields of a Flex Template's metadata, and the types that Google's client library knows.
SCHEMA = {
    "type": "object",
    "required": ["name", "description", "parameters"],
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string", "minLength": 1},
        "description": {"type": "string", "minLength": 1},
        "parameters": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name", "label", "helpText", "isOptional", "paramType"],
                "additionalProperties": False,
                "properties": {
                    "name": {"type": "string", "pattern": "^[a-z][a-zA-Z0-9_]*$"},
                    "label": {"type": "string", "minLength": 1},
                    "helpText": {"type": "string", "minLength": 10},
                    "isOptional": {"type": "boolean"},
                    "regexes": {"type": "array", "minItems": 1, "items": {"type": "string", "format": "regex"}},
                    "paramType": {"enum": ["TEXT", "NUMBER", "BOOLEAN"]},
                },
            },
        },
    },
}


def test_the_templates_metadata_has_the_documented_form_and_a_parameter_for_every_setting(curate, tmp_path):
    done = curate("dataflow", "template", "-o", tmp_path / "metadata.json")
    assert done.code == 0, done.err
    metadata = json.loads((tmp_path / "metadata.json").read_text())
    jsonschema.validate(metadata, SCHEMA)
    names = [parameter["name"] for parameter in metadata["parameters"]]
    assert len(set(names)) == len(names)
    for parameter in metadata["parameters"]:
        for regex in parameter.get("regexes", ()):
            re.compile(regex)

    def plain(table, above=()):
        for key in (field.name for field in fields(table) if above or field.name not in flextemplate.LEFT_OUT):
            value = getattr(table, key)
            if is_dataclass(value):
                yield from plain(value, (*above, key))
            elif value is not None and not (isinstance(value, Mapping) and any(map(is_dataclass, value.values()))):
                yield "_".join((*above, key))

    sets = 'decontaminate.sets.a={files = ["a.jsonl"], fields = ["text"]}'
    recipe = recipes.load("quickstart", (sets,))
    expected = set(plain(recipe))
    assert expected >= {"mixture_repetitions", "dedup_max_removed", "dedup_similarity"}
    assert expected <= set(names)


def test_the_help_of_a_parameter_is_the_comment_of_its_setting():
    helps = {parameter.name: parameter.help for parameter in flextemplate.parameters()}
    assert helps["dedup_bands"].startswith("Bands of a signature; documents that agree in all rows of one are ")
    assert helps["filter_c4_fineweb_max_chars"].startswith("No limit. ")  # and not the comment of C4's own
    assert helps["filter_c4_fineweb_citations"] == helps["filter_c4_citations"]


def test_template_parameters_become_the_recipe_that_set_would_make():
    values = {
        "sources": "webtext=gs://b/a-*.gz,gs://b/c.gz",
        "set": "sources.webtext.weight=0.5",
        "dedup_similarity": "0.8",
        "dedup_near": "false",
        "filter_language_allowed": "en, de",
        "extract_statuses": "200,203",
        "score_label": 'a"b',
        "score_model": "gs://b/model.bin",
        "mixture_repetitions": "1=1, 5 = 2.5",
        "dedup_max_removed": "",
        "seed": "7",
    }
    assignments = (
        'sources.webtext.inputs=["gs://b/a-*.gz", "gs://b/c.gz"]',
        "sources.webtext.weight=0.5",
        "dedup.similarity=0.8",
        "dedup.near=false",
        'filter.language.allowed=["en", "de"]',
        "extract.statuses=[200, 203]",
        'score.label="a\\"b"',
        'score.model="gs://b/model.bin"',
        'mixture.repetitions={"1" = 1, "5" = 2.5}',
        "seed=7",
    )
    assert recipes.load("webtext", flextemplate.assignments(values)) == recipes.load("webtext", assignments)


@pytest.mark.parametrize("value", ["1", "1=", "=2", "1=1,2"])
def test_a_value_of_a_table_without_a_name_or_a_number_is_refused(value):
    with pytest.raises(SettingsError, match=r"^mixture_repetitions: .*expected NAME=VALUE"):
        flextemplate.assignments({"mixture_repetitions": value})


def test_a_templates_regexes_take_the_defaults_and_refuse_nonsense():
    for parameter in flextemplate.parameters():
        if parameter.regex and parameter.path:
            assert not re.fullmatch(parameter.regex, "nonsense"), parameter.name
    by_name = {parameter.name: parameter for parameter in flextemplate.parameters()}
    for name, value in (("train", ""), ("seed", "12"), ("dedup_similarity", "0.75"), ("dedup_near", "true")):
        assert name not in by_name or re.fullmatch(by_name[name].regex, value), name
    for value in ("web=gs://b/*.gz,gs://c/x.gz;books=gs://d/e", "web=gs://b/crawl=2024-30/subset=warc/*.gz;"):
        assert re.fullmatch(by_name["sources"].regex, value)
    for value in ("web", "web=", "=gs://b/c", "web=;"):
        assert not re.fullmatch(by_name["sources"].regex, value)


def test_a_path_with_an_equals_sign_arrives_as_it_is():
    given = {"sources": "webtext=gs://b/crawl=2024-30/subset=warc/*.gz,gs://c/x=1.gz"}
    recipe = recipes.load("webtext", flextemplate.assignments(given))
    assert recipe.sources["webtext"].inputs == ("gs://b/crawl=2024-30/subset=warc/*.gz", "gs://c/x=1.gz")


def test_the_launcher_takes_its_parameters_and_leaves_beams_to_beam():
    parameters, own = launcher.split(
        [
            "--recipe=webtext",
            "--runner=DataflowRunner",
            "--project=p",
            "--dedup_near=false",
            "--labels=a=b",
            f"--out={OUT}",
        ]
    )
    assert parameters == {"recipe": "webtext", "dedup_near": "false", "out": OUT}
    assert own == ("--project=p", "--labels=a=b")
    with pytest.raises(SettingsError, match="parameter sdk_container_image is missing"):
        launcher.launch(["--recipe=webtext", f"--out={OUT}"])
