"""Ladders and their runs: presets, files of the user's, sizes, lengths, rates; what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate import settings
from curate.errors import SettingsError
from curate.gpt.config import Train
from curate.gpt.shapes import Shape
from curate.scaling.config import PRESETS, Ladder, Size, load, parameters
from curate.scaling.rungs import rungs

SIZES = st.builds(
    lambda layers, heads, each: Size(layers=layers, heads=heads, width=heads * each),
    st.integers(1, 6),
    st.integers(1, 4),
    st.integers(1, 32),
)
LADDERS = st.builds(
    Ladder,
    sizes=st.lists(SIZES, min_size=1, max_size=5, unique_by=lambda size: size.name).map(tuple),
    tokens_per_parameter=st.lists(st.floats(0.1, 100), min_size=1, max_size=3, unique=True).map(tuple),
    seeds=st.lists(st.integers(0, 99), min_size=1, max_size=3, unique=True).map(tuple),
    learning_rate=st.floats(1e-5, 1e-1),
    rate_power=st.floats(0, 1),
    warmup=st.floats(0, 0.5),
    train=st.builds(Train, context=st.integers(1, 256), batch=st.integers(1, 32)),
)


@given(LADDERS)
def test_every_size_is_trained_on_tokens_in_proportion_in_whole_steps(ladder):
    runs = rungs(ladder)
    assert len(runs) == len(ladder.sizes) * len(ladder.tokens_per_parameter) * len(ladder.seeds)
    step = ladder.train.batch * ladder.train.context
    for rung in runs:
        wanted = [ratio * rung.parameters for ratio in ladder.tokens_per_parameter]
        assert rung.tokens % step == 0
        assert any(0 <= rung.tokens - tokens < step for tokens in wanted)
        assert rung.settings.tokens == rung.tokens
        assert rung.settings.warmup_tokens == int(ladder.warmup * rung.tokens)
        width = rung.size.width
        assert rung.settings.learning_rate == ladder.learning_rate * (64 / width) ** ladder.rate_power
        assert (rung.settings.layers, rung.settings.width, rung.settings.seed) == (rung.size.layers, width, rung.seed)
    assert [run.parameters * run.tokens for run in runs] == sorted(run.parameters * run.tokens for run in runs)


@given(LADDERS)
def test_a_ladder_that_is_written_is_read_as_it_was(tmp_path_factory, ladder):
    path = tmp_path_factory.mktemp("ladder") / "own.toml"
    path.write_text(settings.to_toml(ladder))
    assert load(str(path)) == ladder


@given(st.integers(1, 8), st.integers(1, 64), st.integers(1, 512), st.integers(1, 50_000))
def test_parameters_without_embeddings_do_not_depend_on_vocabulary_and_context(layers, width, context, vocabulary):
    count = parameters(Shape(layers=layers, heads=1, width=width, context=context, vocabulary=vocabulary))
    assert count == layers * (12 * width**2 + 13 * width) + 2 * width


def test_names_of_runs_differ_where_a_ratio_has_many_digits():
    ladder = Ladder(sizes=(Size(layers=1, heads=1, width=8),), tokens_per_parameter=(20.00000001, 20.00000002))
    assert len({rung.name for rung in rungs(ladder)}) == 2


def test_the_laptop_s_ladder_is_the_protocol_s():
    runs = rungs(PRESETS["laptop"])
    sizes = {rung.size.name: rung.parameters for rung in runs}
    assert list(sizes.values()) == [56_640, 100_096, 233_680, 447_552, 793_344]
    assert all(0 <= rung.tokens - 20 * rung.parameters < 2048 for rung in runs)
    assert [sum(rung.size.name == name for rung in runs) for name in sizes] == [2, 2, 2, 1, 1]
    assert runs[-1].settings.learning_rate == pytest.approx(3e-3 * 0.5**0.5)


def test_a_file_of_the_user_s_states_sizes_and_the_rest_of_the_trainer_s_settings(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(
        'name = "mine"\nseeds = [1, 2]\n[[sizes]]\nlayers = 1\nheads = 2\nwidth = 16\n'
        "[[sizes]]\nlayers = 2\nheads = 2\nwidth = 32\nseeds = [7]\n[train]\ncontext = 64\nattention = 'gpt-neo'\n"
    )
    runs = rungs(load(str(path), ("train.batch=4",)))
    assert [(run.size.name, run.seed) for run in runs] == [("L1-H2-d16", 1), ("L1-H2-d16", 2), ("L2-H2-d32", 7)]
    assert {(run.settings.context, run.settings.batch, run.settings.attention) for run in runs} == {(64, 4, "gpt-neo")}


SIZE = "[[sizes]]\nlayers = 1\nheads = 2\nwidth = 16\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the setting 'sizes' is missing"),
        ("sizes = []", "a ladder has at least one size"),
        ("tokens_per_parameter = []\n" + SIZE, "tokens_per_parameter differ, got []"),
        ("tokens_per_parameter = [0.0]\n" + SIZE, "tokens_per_parameter are numbers above 0, got 0.0"),
        ("seeds = [1, 1]\n" + SIZE, "seeds differ from each other, got [1, 1]"),
        ("seeds = [-1]\n" + SIZE, "seeds lie in 0..2^64-1, got -1"),
        (SIZE + SIZE, "every size stands once, got L1-H2-d16 twice"),
        (SIZE + "seeds = [-1]\n", "seeds lie in 0..2^64-1, got -1"),
        ("[[sizes]]\nlayers = 1\nheads = 3\nwidth = 16\n", "width 16 / heads 3 is not whole"),
        ("[[sizes]]\nlayers = 0\nheads = 1\nwidth = 16\n", "layers, heads and width are at least 1"),
        ("warmup = 1.0\n" + SIZE, "warmup is a share from 0 to below 1, got 1.0"),
        ("processes = 0\n" + SIZE, "processes is at least 1, got 0"),
        ("learning_rat = 1.0\n" + SIZE, "did you mean 'learning_rate'?"),
        (SIZE + "[train]\nwidth = 64\n", "train.width: the ladder sets it, got 64; leave it out"),
        (SIZE + "[train]\nsteps = 64\n", "train.steps: the ladder sets it, got 64; leave it out"),
        (SIZE + "[train]\ndecay_tokens = 640\n", "train.decay_tokens: runs of several sizes cannot share it"),
        (SIZE + "[train]\nclip = -1\n", "clip is a number from 0 on"),
        ("rate_power = 400.0\nrate_width = 1000000\n" + SIZE, "the learning rate of L1-H2-d16 is inf"),
    ],
)
def test_a_ladder_that_cannot_be_is_refused_in_one_line(tmp_path, text, message):
    path = tmp_path / "own.toml"
    path.write_text(text)
    with pytest.raises(SettingsError) as refused:
        load(str(path))
    assert message in str(refused.value)
    assert "own.toml" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_an_unknown_ladder_is_refused_with_those_that_there_are(tmp_path):
    with pytest.raises(SettingsError, match=r"no ladder is called 'desktop'; there are laptop, tiny, or name a \.toml"):
        load("desktop")
    with pytest.raises(SettingsError, match=r"none\.toml: cannot be read: No such file"):
        load(str(tmp_path / "none.toml"))
    (tmp_path / "latin.toml").write_bytes(b"name = '\xe9'")
    with pytest.raises(SettingsError, match=r"latin\.toml: cannot be read: not UTF-8"):
        load(str(tmp_path / "latin.toml"))
