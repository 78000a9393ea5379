"""Strict TOML into frozen dataclasses: what is refused, where the message points, what survives a round trip."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.errors import SettingsError
from curate.settings import (
    Where,
    assign,
    build,
    difference,
    line_of,
    merge,
    parse_assignment,
    parse_toml,
    to_table,
    to_toml,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    power: int = 1
    ratio: float = 0.5
    turbo: bool = False

    def __post_init__(self):
        if self.power < 1:
            raise ValueError(f"power is at least 1, got {self.power}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Car:
    name: str
    wheels: tuple[int, ...] = (4,)
    engine: Engine = Engine()
    spare: Engine | None = None
    owners: Mapping[str, Engine] = field(default_factory=dict)


keys = st.text(alphabet="abcé. -_\"'", min_size=1, max_size=5)
values = st.integers(-(2**63), 2**63 - 1) | st.booleans() | st.text(max_size=5)
tables = st.recursive(values, lambda inner: st.dictionaries(keys, inner, max_size=3), max_leaves=8)
engines = st.builds(Engine, power=st.integers(1, 99), ratio=st.floats(allow_nan=False), turbo=st.booleans())
cars = st.builds(
    Car,
    name=st.text(),
    wheels=st.lists(st.integers(-9, 9)).map(tuple),
    engine=engines,
    spare=st.none() | engines,
    owners=st.dictionaries(keys, engines, max_size=3),
)


def refusal(text):
    with pytest.raises(SettingsError) as caught:
        build(Car, parse_toml(text, "car.toml"), where=Where("car.toml", text))
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('nam = "a"', "car.toml, line 1: nam: unknown setting 'nam'; did you mean 'name'?"),
        (
            'name = "a"\nxyzzy = 1',
            "line 2: xyzzy: unknown setting 'xyzzy'; known here: name, wheels, engine, spare, owners",
        ),
        ('name = "a"\n\n# engine\n[engine]\npowr = 2', "line 5: engine.powr: unknown setting 'powr'; did you mean 'po"),
        ('name = "a"\nengine.powr = 2', "line 2: engine.powr: unknown setting 'powr'; did you mean 'power'?"),
        ('name = "a"\n[owners]\n"J. Doe".powr = 2', "line 3: owners.J. Doe.powr: unknown setting 'powr'; did you mean"),
        ('name = "a"\n[owners . "J. Doe"] # hers\npowr = 2', "line 3: owners.J. Doe.powr: unknown setting 'powr'"),
        ("name = 'a'\nwheels = [\n  1,\n  2,\n]\n[engine]\n'powr' = 2", "line 7: engine.powr: unknown setting 'powr'"),
        ('name = "a"\nengine.powr.x = 2', "line 2: engine.powr: unknown setting 'powr'"),
        ('name = "a"\n[engine.powr]\nx = 2', "line 2: engine.powr: unknown setting 'powr'"),
        ('name = "a"\nowners = {x = {powr = 1}}', "car.toml: owners.x.powr: unknown setting 'powr'"),
    ],
)
def test_an_unknown_key_names_its_line_and_the_nearest_known_one(text, message):
    assert message in refusal(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = 3", "line 1: name: expected a string, got 3"),
        ('name = "a"\n[engine]\npower = "2"', "line 3: engine.power: expected a whole number, got '2'"),
        ('name = "a"\n[engine]\npower = 2.0', "line 3: engine.power: expected a whole number, got 2.0"),
        ('name = "a"\n[engine]\npower = true', "line 3: engine.power: expected a whole number, got True"),
        ('name = "a"\n[engine]\nratio = true', "line 3: engine.ratio: expected a number, got True"),
        ('name = "a"\n[engine]\nturbo = 1', "line 3: engine.turbo: expected true or false, got 1"),
        ('name = "a"\nwheels = 4', "line 2: wheels: expected a list, got 4"),
        ('name = "a"\nwheels = [4, "x"]', "line 2: wheels: expected a whole number, got 'x'"),
        ('name = "a"\nengine = 4', "line 2: engine: expected a table, got 4"),
        ('name = "a"\nspare = 4', "line 2: spare: expected a table, got 4"),
        ('name = "a"\nowners = 4', "line 2: owners: expected a table, got 4"),
        ('name = "a"\nowners.x = 4', "line 2: owners.x: expected a table, got 4"),
        ('name = "a"\n[engine]\npower = 0', "line 2: engine: power is at least 1, got 0"),
        ("[engine]\npower = 1", "car.toml: the setting 'name' is missing"),
        ("name = 2020-01-01", "line 1: name: expected a string, got datetime.date(2020, 1, 1)"),
    ],
)
def test_a_value_of_a_wrong_type_or_range_names_key_line_and_value(text, message):
    assert message in refusal(text)


@pytest.mark.parametrize("text", ["name = ", "[a", "a = 1\na = 2\n", '"\n'])
def test_what_is_not_toml_names_the_file_and_the_place(text):
    with pytest.raises(SettingsError, match=r"car\.toml: not TOML: .* \(at (line|end)"):
        parse_toml(text, "car.toml")


def test_a_whole_number_is_good_for_a_fraction_and_an_optional_table_may_be_there():
    assert build(Car, {"name": "a", "engine": {"ratio": 2}}).engine.ratio == 2.0
    assert build(Car, {"name": "a", "spare": {"power": 3}}).spare == Engine(power=3)


@pytest.mark.parametrize(
    ("text", "path", "line"),
    [
        ("a = 1\n[b]\na = 2", ("b", "a"), 3),
        ("a = 1\n[b]\na = 2", ("b",), 2),
        ("[[b]]\na = 2", ("b", "a"), 2),
        ("b.c.d = 2", ("b", "c"), 1),
        ("[b.c]\nd = 2", ("b",), 1),
        ("a = [\n  [1],\n  [2],\n]\nb = 1", ("b",), 5),
        ("a = 1", ("b",), None),
        ("a = 1", (), None),
        ("[a]\nb = 1", (), None),
        ("# b = 2\nb = 1", ("b",), 2),
    ],
)
def test_the_line_of_a_path_is_where_its_key_or_table_is_written(text, path, line):
    assert line_of(text, path) == line


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        ("seed=3", ("seed",), 3),
        ("a.b.c=0.5", ("a", "b", "c"), 0.5),
        (" a . b = true", ("a", "b"), True),
        ('sources."J. Doe".weight=1', ("sources", "J. Doe", "weight"), 1),
        ("inputs=['x=y.gz']", ("inputs",), ["x=y.gz"]),
        ("score.model=/data/model=1.bin", ("score", "model"), "/data/model=1.bin"),
        ("score.keep=all", ("score", "keep"), "all"),
        ("name=", ("name",), ""),
        ("owners={x={power=2}}", ("owners",), {"x": {"power": 2}}),
    ],
)
def test_an_assignment_is_a_path_and_a_toml_value_or_else_a_string(text, path, value):
    assert parse_assignment(text) == (path, value)


@pytest.mark.parametrize("text", ["seed", "=3", " =3", "a..b=1", ".a=1", "a.=1", "x=[1", "x={a=", 'x="a', ""])
def test_a_broken_assignment_is_named_whole(text):
    with pytest.raises(SettingsError) as caught:
        parse_assignment(text)
    assert str(caught.value).startswith(f"--set {text}: ")


def test_assigning_makes_the_tables_on_the_way_and_leaves_the_original_alone():
    table = {"a": {"b": 1}}
    assert assign(table, ("a", "c", "d"), 2) == {"a": {"b": 1, "c": {"d": 2}}}
    assert table == {"a": {"b": 1}}


def test_assigning_below_a_value_is_refused():
    with pytest.raises(SettingsError, match=r"--set b\.c: b holds a value, not a table"):
        assign({"a": {"b": 1}}, ("a", "b", "c"), 2)


@given(st.dictionaries(keys, tables, max_size=4), st.dictionaries(keys, tables, max_size=4))
def test_merging_keeps_every_value_on_top_and_is_idempotent(base, over):
    merged = merge(base, over)
    assert merged.keys() == base.keys() | over.keys()
    assert merge(merged, over) == merged
    assert merge(base, {}) == base
    assert merge({}, over) == over
    for key, value in over.items():
        assert isinstance(value, dict) or merged[key] == value


@given(st.dictionaries(keys, tables, max_size=4), st.dictionaries(keys, tables, max_size=4))
def test_the_difference_is_what_must_be_merged_and_no_more(base, changes):
    over = merge(base, changes)
    assert merge(base, difference(base, over)) == over
    assert difference(over, over) == {}
    assert all(key not in base or base[key] != over[key] for key in difference(base, over))


@given(st.dictionaries(keys, tables, max_size=4), st.lists(keys, min_size=1, max_size=3), values)
def test_an_assigned_value_is_found_again_and_nothing_beside_it_changes(table, path, value):
    try:
        changed = assign(table, tuple(path), value)
    except SettingsError:
        return
    value_there = changed
    for key in path:
        value_there = value_there[key]
    assert value_there == value
    assert {key: changed[key] for key in table if key != path[0]} == {
        key: table[key] for key in table if key != path[0]
    }


@given(cars)
def test_a_dataclass_survives_its_table_and_its_toml(car):
    assert build(Car, to_table(car)) == car
    assert build(Car, parse_toml(to_toml(car), "toml")) == car


@given(cars)
def test_the_canonical_toml_is_a_fixpoint(car):
    text = to_toml(car)
    assert to_toml(build(Car, parse_toml(text, "toml"))) == text


@given(st.dictionaries(keys, tables, max_size=4) | tables)
def test_any_table_is_built_or_refused(table):
    with suppress(SettingsError):
        build(Car, table)
