"""The manifest: what its numbers mean, and that the schema fits what is written and nothing else."""

import copy
import json
from dataclasses import replace
from importlib import resources

import jsonschema
import pytest
from hypothesis import HealthCheck, assume, given
from hypothesis import settings as laws
from hypothesis import strategies as st

from curate import recipe, settings
from curate.dataset import manifest
from curate.errors import SettingsError
from curate.loader.mixture import Mixture
from curate.recipe import Recipe, Source
from curate.stage import plan
from curate.stage.receipts import Counts, FileRecord
from curate.stage.record import StageRecord, read_stage
from curate.storage.writing import sha256_of

SCHEMA = json.loads((resources.files("curate.manifests") / "manifest.schema.json").read_text(encoding="utf-8"))
STORY = "The keeper of the light walked to the harbour and looked at the boats that had come in with the tide."


@pytest.fixture
def finished(several_shards):
    return several_shards


@pytest.fixture
def contract(finished):
    return manifest.read(finished)


def record(*cuts):
    """The record of a pack stage with these (split, source, tokens)."""
    made, outputs = [], {}
    for number, (split, source, tokens) in enumerate(cuts):
        path = f"{split}/{source}/part-{number:05d}-of-{len(cuts):05d}"
        made.append({"path": path, "split": split, "source": source, "low": 0, "high": 1, "documents": 2})
        made[-1] |= {"tokens": tokens, "bytes": 5 * tokens}
        outputs |= {f"{path}.{suffix}": FileRecord(rows=2, bytes=9, sha256="ab" * 32) for suffix in FILES}
    counts = Counts(read=1, kept=1)
    return StageRecord(
        stage="pack",
        key="cd" * 32,
        settings={"cuts": made},
        items=(),
        outputs=outputs,
        counts=counts,
        seconds=0,
        versions={},
    )


FILES = ("bin", "idx", "meta.parquet")


def made(tmp_path, weights, *cuts, tokens=None):
    sources = {name: Source(weight=weight) for name, weight in weights.items()}
    given = Recipe(name="own", sources=sources, mixture=Mixture(tokens=tokens))
    return manifest.make(given, tmp_path, {"pack": record(*cuts)})


def test_the_schema_is_a_schema_that_describes_every_field():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    tables = [SCHEMA, *SCHEMA["$defs"].values(), *(field for field in SCHEMA["properties"].values())]
    for table in tables:
        for name, field in table.get("properties", {}).items():
            description = field.get("description") or SCHEMA["$defs"].get(field.get("$ref", "").rpartition("/")[2])
            assert description or name == "shards", name
        if table.get("type") == "object":
            assert "additionalProperties" in table


def test_the_manifest_of_a_run_fits_the_schema(contract):
    jsonschema.validate(contract, SCHEMA)


def mutations(contract):
    """Every way to leave a field out, to add one, and to give one another type."""

    def places(value, path=()):
        if isinstance(value, dict):
            yield path
            for key, item in value.items():
                yield from places(item, (*path, key))
        elif isinstance(value, list):
            yield from places(value[0], (*path, 0))

    for path in places(contract):
        for key in (*at(contract, path), None):
            changed = copy.deepcopy(contract)
            table = at(changed, path)
            if key is None:
                table["surprise"] = 1
                yield (*path, "surprise"), changed
                continue
            table[key] = [table[key], 0.5]
            yield (*path, key), changed
            changed = copy.deepcopy(contract)
            del at(changed, path)[key]
            yield (*path, key, "left out"), changed


def at(value, path):
    for key in path:
        value = value[key]
    return value


def test_a_field_left_out_or_added_or_of_another_type_does_not_fit(contract):
    validator = jsonschema.Draft202012Validator(SCHEMA)
    fitting = {path for path, changed in mutations(contract) if validator.is_valid(changed)}
    free = {("versions", name, "left out") for name in contract["versions"]}  # a table of any libraries
    free |= {("sources", 0, "splits", split, "left out") for split in ("train", "valid")}  # one of two is enough
    free |= {("tokenizer", "sha256", name, "left out") for name in contract["tokenizer"]["sha256"]}
    assert fitting <= free
    assert ("versions", "curate", "left out") not in fitting


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("version",), 2),
        (("format",), "other"),
        (("sources", 0, "share"), 1.5),
        (("sources", 0, "weight"), -0.5),
        (("sources", 0, "name"), "../up"),
        (("sources", 0, "splits"), {}),
        (("sources", 0, "splits", "train", "tokens"), 0),
        (("sources", 0, "splits", "train", "shards"), []),
        (("sources", 0, "splits", "train", "shards", 0, "path"), "/etc/passwd"),
        (("sources", 0, "splits", "train", "shards", 0, "files", "bin", "sha256"), "AB" * 32),
        (("stages",), []),
        (("stages", 0, "read"), -1),
        (("tokenizer", "eot_position"), "prefix"),
        (("dtype",), ">u2"),
    ],
)
def test_a_value_out_of_range_does_not_fit(path, value, contract):
    at(contract, path[:-1])[path[-1]] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(contract, SCHEMA)


def leaves(value, path=()):
    """The path of every value in a manifest but the tables' own names."""
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in below:
        yield (*path, key)
        yield from leaves(item, (*path, key))


NULL = {"epochs", "max_epochs"}  # may be null
OTHER = st.sampled_from([None, True, -1, -1.5, "", "x\ny", [], [1], {}, {"a": 1}])


@laws(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None, max_examples=200
)
@given(data=st.data())
def test_one_broken_field_is_refused_in_one_line_on_read_and_on_write(data, contract, tmp_path):
    path = data.draw(st.sampled_from(list(leaves(contract))))
    value = data.draw(OTHER)
    old = at(contract, path)
    assume(type(value) is not type(old) and not (value is None and path[-1] in NULL))
    broken = copy.deepcopy(contract)
    at(broken, path[:-1])[path[-1]] = value
    with pytest.raises(SettingsError) as refused:
        manifest.write(broken, tmp_path)
    assert not (tmp_path / "manifest.json").exists()
    (tmp_path / "broken.json").write_text(json.dumps(broken))
    with pytest.raises(SettingsError) as unread:
        manifest.read(tmp_path / "broken.json")
    for error, name in ((refused, "manifest.json"), (unread, "broken.json")):
        message = str(error.value)
        assert len(message.splitlines()) == 1
        assert message.startswith(f"{tmp_path / name}: ")
        assert path[0] in message or path[0] in ("format", "version")


def test_sums_are_those_of_the_shards_and_files_are_those_on_disk(contract, finished):
    for source in contract["sources"]:
        for name, split in source["splits"].items():
            for unit in ("documents", "tokens", "bytes"):
                assert split[unit] == sum(shard[unit] for shard in split["shards"])
            for shard in split["shards"]:
                assert shard["path"].startswith(f"shards/{name}/{source['name']}/part-")
                for suffix, file in shard["files"].items():
                    path = finished / f"{shard['path']}.{suffix}"
                    assert (path.stat().st_size, sha256_of(path)) == (file["bytes"], file["sha256"])
                assert shard["files"]["bin"]["bytes"] == 2 * shard["tokens"]


def test_the_recipe_is_held_verbatim_and_is_the_same_recipe(contract, finished):
    assert contract["recipe"] == (finished / "recipe.toml").read_text(encoding="utf-8")
    table = settings.parse_toml(contract["recipe"], "manifest")
    assert recipe.from_table(table, settings.Where("manifest", "")).name == "own"


def test_each_stage_read_what_the_one_before_kept(contract):
    assert [stage["name"] for stage in contract["stages"]] == ["extract", "filter", "dedup", "tokenize", "pack"]
    for before, after in zip(contract["stages"], contract["stages"][1:], strict=False):
        assert after["read"] == before["kept"]
    assert all(stage["read"] == stage["kept"] + stage["rejected"] for stage in contract["stages"])


def test_weights_are_the_recipe_s_shares_add_up_to_1_and_epochs_follow_from_the_budget(tmp_path):
    sources = made(tmp_path, {"a": 60, "b": 40}, ("train", "a", 100), ("train", "b", 400), tokens=1000)["sources"]
    rows = [(source["weight"], source["share"], source["epochs"]) for source in sources]
    assert rows == [(60, 0.6, 6.0), (40, 0.4, 1.0)]


def test_gpt_3_s_epochs_are_those_that_its_weights_imply(tmp_path):
    held = {"webtext2": 19, "books1": 12, "books2": 55, "wikipedia": 3, "common_crawl": 410}
    given = recipe.load("gpt3")
    cuts = [("train", name, tokens * 10**9) for name, tokens in held.items()]
    contract = manifest.make(given, tmp_path, {"pack": record(*cuts)})
    epochs = {source["name"]: source["epochs"] for source in contract["sources"]}
    published_sum = 1.01  # Table 2.2's weights add up to 101 %
    for name, weight in {"webtext2": 22, "books1": 8, "books2": 8, "wikipedia": 3, "common_crawl": 60}.items():
        assert epochs[name] == pytest.approx(weight / 100 / published_sum * 300 / held[name], abs=1e-4)
    assert sum(source["share"] for source in contract["sources"]) == pytest.approx(1)


def test_without_a_budget_it_is_what_the_train_split_holds(tmp_path):
    contract = made(tmp_path, {"a": 1, "b": 1}, ("train", "a", 100), ("train", "b", 300), ("valid", "a", 50))
    assert contract["mixture"]["tokens"] == 400
    assert [source["epochs"] for source in contract["sources"]] == [2.0, 0.6667]


def test_sources_stand_in_the_recipe_s_order_and_unknown_ones_follow_with_weight_1(tmp_path):
    cuts = [("train", name, 10) for name in ("a", "b", "other", "z")]
    contract = made(tmp_path, {"z": 2, "a": 1}, *cuts)
    assert [source["name"] for source in contract["sources"]] == ["z", "a", "b", "other"]
    assert [source["weight"] for source in contract["sources"]] == [2, 1, 1, 1]
    assert [source["share"] for source in contract["sources"]] == [0.4, 0.2, 0.2, 0.2]


def test_a_source_without_documents_is_left_out_and_one_without_train_documents_has_no_epochs(tmp_path):
    contract = made(tmp_path, {"a": 1, "b": 1, "c": 2}, ("valid", "a", 10), ("train", "b", 10))
    assert [(source["name"], source["epochs"]) for source in contract["sources"]] == [("a", None), ("b", 0.5)]
    assert set(contract["sources"][0]["splits"]) == {"valid"}


def test_weights_that_are_all_0_are_refused(tmp_path):
    with pytest.raises(SettingsError, match="every source with documents has weight 0"):
        made(tmp_path, {"a": 0}, ("train", "a", 10))


def test_the_same_run_gives_the_same_manifest(contract, finished):
    given = recipe.from_table(settings.parse_toml(contract["recipe"], ""), settings.Where("", ""))
    stages = ("extract", "filter", "dedup", "tokenize", "pack")
    records = {name: read_stage(plan.stage_folder(finished, name)) for name in stages}
    assert json.loads(json.dumps(manifest.make(given, finished, records))) == contract
    assert manifest.make(replace(given, seed=1), finished, records) != contract


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such manifest"),
        ("{", "cannot read this manifest"),
        ("[]", "not a manifest of format curate.manifest, version 1"),
        ('{"format": "curate.manifest", "version": 2}', "not a manifest of format"),
        ('{"format": "other", "version": 1}', "not a manifest of format"),
    ],
)
def test_a_file_that_is_no_manifest_is_named(content, message, tmp_path):
    if content is not None:
        (tmp_path / "manifest.json").write_text(content)
    for path in (tmp_path / "manifest.json", *([tmp_path] if content else [])):
        with pytest.raises(SettingsError, match=rf"manifest\.json: {message}"):
            manifest.read(path)
