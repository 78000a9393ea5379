"""The prompts of items: their format at K = 0, 1 and 3, and the laws of their draws."""

import json
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import tomli_w
from hypothesis import assume, given
from hypothesis import strategies as st
from own_rows import json_lines

from curate.errors import UserError
from curate.evaluate import tasks

CASES = json.loads((Path(__file__).parents[2] / "cases" / "prompts.json").read_text())["cases"]
CHOICE = {"form": "choice", "layouts": [{"contexts": ["{q}"], "choices": ["{c}"], "gold": "{g}"}]}


def own(folder, task, rows, pool=()):
    """Writes a task of a user's own and its rows, and reads it."""
    (folder / "items.jsonl").write_bytes(json_lines(rows))
    (folder / "pool.jsonl").write_bytes(json_lines(pool)) if pool else None
    files = {"items": ["items.jsonl"], "demonstrations": ["pool.jsonl"]}
    (folder / "own.toml").write_text(tomli_w.dumps(files | task))
    return tasks.read_task(str(folder / "own.toml"))


def demonstration_lines(context):
    return context.split("\n")[1:-1]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_prompt_has_the_format_of_its_task(case, tmp_path):
    task = own(tmp_path, case["task"], case["rows"], case["pool"])
    (item,) = tasks.items(task, case["shots"], 0)
    contexts = item.contexts or (item.context,)
    if case["shots"] == 3:  # whose order is drawn
        wanted = case["contexts"][0]
        assert sorted(demonstration_lines(contexts[0])) == sorted(demonstration_lines(wanted))
        assert contexts[0].split("\n")[0] == wanted.split("\n")[0]
        assert contexts[0].split("\n")[-1] == wanted.split("\n")[-1]
    else:
        assert list(contexts) == case["contexts"]
    assert list(item.choices) == case["choices"]
    assert item.gold == case["gold"]
    assert item.pairs == tuple(zip(item.contexts or contexts * len(item.choices), item.choices, strict=True))


rows = st.lists(
    st.builds(
        lambda question, gold: {"q": f"q{question}", "c": [f"a{question}", f"b{question}"], "g": gold},
        st.integers(0, 30),
        st.integers(0, 1),
    ),
    min_size=6,
    max_size=20,
)


@contextmanager
def written(items, pool=()):
    """Writes a task with these items and demonstrations, and reads it."""
    with TemporaryDirectory() as folder:
        yield own(Path(folder), CHOICE, items, pool)


def shown(item):
    """Returns the demonstrations of a prompt, in order."""
    return item.context.split("\n\n")[:-1]


def texts(items):
    return [(item.context, item.choices, item.gold) for item in items]


@given(items=rows, pool=rows, seed=st.integers(0, 9), limit=st.integers(1, 20), shots=st.integers(0, 2), data=st.data())
def test_draws_depend_neither_on_the_order_nor_on_the_limit(items, pool, seed, limit, shots, data):
    assume(len({row["q"] for row in pool}) > shots)
    with written(items, pool) as task:
        before = set(texts(tasks.items(task, shots, seed)))
    with written(data.draw(st.permutations(items)), data.draw(st.permutations(pool))) as task:
        after = tasks.items(task, shots, seed)
        some = tasks.items(task, shots, seed, limit)
        fewer = tasks.items(task, shots, seed, max(1, limit - 1))
    assert set(texts(after)) == before
    assert len(some) == min(limit, len(items))
    assert [item for item in after if item.number in {item.number for item in some}] == some
    assert {item.number for item in fewer} <= {item.number for item in some}


@given(items=rows, pool=st.one_of(st.just([]), rows), seed=st.integers(0, 9), shots=st.integers(1, 4))
def test_demonstrations_differ_and_never_ask_what_the_item_asks(items, pool, seed, shots):
    with written(items, pool) as task:
        for number, row in enumerate(items):
            others = {other["q"] for other in pool or items} - {row["q"]}
            if len(others) < shots:
                with pytest.raises(UserError, match=f"{shots} demonstrations are more than the {len(others)}"):
                    tasks.prompt(task, number, shots, seed)
                continue
            lines = shown(tasks.prompt(task, number, shots, seed))
            asked = {line.split(" ")[0] for line in lines}
            assert len(lines) == len(asked) == shots
            assert asked <= others
            assert lines[: shots - 1] == shown(tasks.prompt(task, number, shots - 1, seed))


def test_another_seed_draws_other_demonstrations():
    with written([{"q": f"q{number}", "c": ["a", "b"], "g": 0} for number in range(50)]) as task:
        assert tasks.items(task, 2, 0) == tasks.items(task, 2, 0)
        assert tasks.items(task, 2, 0) != tasks.items(task, 2, 1)


def test_every_demonstration_is_drawn_about_as_often():
    pool = [{"q": f"p{number}", "c": ["a", "b"], "g": 0} for number in range(20)]
    with written([{"q": f"q{number}", "c": ["a", "b"], "g": 0} for number in range(2000)], pool) as task:
        counts = Counter(shown(item)[0].split(" ")[0] for item in tasks.items(task, 1, 0))
    assert len(counts) == 20
    assert 60 < min(counts.values()) <= max(counts.values()) < 150  # 100 each, four standard deviations


def test_chance_is_the_mean_over_the_choices_of_items():
    item = tasks.Item(number=0, context="", choices=(" a", " b"), gold=0, unconditional="")
    assert tasks.chance([item, replace(item, choices=(" a", " b", " c", " d"))], "choice") == 0.375
    assert tasks.chance([item], "cloze") == 0
