"""Rules of the user's own: the example of the page as printed, settings, the stage's key, and every wrong rule."""

import importlib
import json
import re
import shlex
import sys
from pathlib import Path

import pytest

from curate import recipe
from curate.errors import SettingsError
from curate.filters.own import is_own
from curate.filters.rules import Filter, judge
from curate.pipelines import plans, verbs
from curate.pipelines.engines.engine import Engine
from curate.pipelines.engines.target import EngineOptions
from curate.pipelines.stages import filter as stage
from curate.pipelines.stages.given import Given
from curate.records import EPOCH, Document
from curate.stage.record import read_stage

PAGE = (Path(__file__).parents[2] / "filters" / "README.md").read_text()
SECTION = PAGE.partition("\n## A rule of your own\n")[2].partition("\n## ")[0]
RULE = "mypackage.rules:shouting"
LOUD = "The ship is in the harbour of the old town, AND THE CAPTAIN OF THE SHIP SAID THAT IT WAS A GOOD DAY."
CALM = LOUD.capitalize()
HEAD = """from dataclasses import dataclass
from curate.records import Document, Reason

@dataclass
class S:
    n: int = 1

"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Writes a module of the user's into a folder from which Python imports; what was imported is forgotten."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(text, name="mypackage.rules"):
        path = tmp_path / f"{name.replace('.', '/')}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        forget()
        return path

    def forget():
        from curate import functions

        for name in [name for name in sys.modules if name.partition(".")[0] in ("mypackage", "wrong")]:
            del sys.modules[name]
        functions.forget()
        importlib.invalidate_caches()

    yield write
    forget()


def printed_rule():
    [(name, text)] = re.findall(r"```python\n# (\S+)\n(.*?)```", SECTION, re.DOTALL)
    assert name == "mypackage/rules.py"
    return text


def document(text):
    return Document(id=bytes(16), url="http://a.example/", timestamp=EPOCH, source="web", text=text, language="en")


def plan(folder, *assignments):
    return stage.plan(recipe.load("documents", assignments), folder, Given())


def test_the_rule_of_the_page_filters_by_the_command_of_the_page(module, tmp_path):
    module(printed_rule())
    rows = [{"text": text, "url": f"http://a.example/{number}"} for number, text in enumerate((LOUD, CALM))]
    (tmp_path / "documents.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    [words] = [shlex.split(line)[1:] for line in re.findall(r"```sh\n(curate [^\n]*)\n```", SECTION)]
    assignments = tuple(words[number + 1] for number, word in enumerate(words) if word == "--set")
    inputs, engine = (str(tmp_path / "documents.jsonl"),), Engine(target=EngineOptions(workers=1))
    verbs.run("filter", inputs, tmp_path / "out", None, assignments, engine, "web")
    assert read_stage(tmp_path / "out").counts.reasons == {"shouting.upper_case": 1}


def test_settings_come_from_the_recipe(module):
    module(printed_rule())
    rules = Filter(rules=(RULE,))
    reason = judge(document(LOUD), rules).reason
    assert (reason.rule, reason.threshold) == ("shouting.upper_case", 0.3)
    assert judge(document(CALM), rules).reason is None
    assert judge(document(LOUD), Filter(rules=(RULE,), own={"shouting": {"max_share": 1.0}})).reason is None


def test_the_source_and_the_settings_are_in_the_key(module, tmp_path):
    chosen = (f'filter.rules=["{RULE}"]',)
    path = module(printed_rule())
    first = plan(tmp_path, *chosen).key
    assert plan(tmp_path, *chosen).key == first
    assert plan(tmp_path, *chosen, "filter.own.shouting.max_share=0.5").key != first
    module(path.read_text() + "\n# changed\n")
    assert plan(tmp_path, *chosen).key != first


def test_a_worker_with_another_source_than_the_plan_s_stops(module, tmp_path):
    path = module(printed_rule())
    digests = plan(tmp_path, f'filter.rules=["{RULE}"]').settings["digests"]
    stage.check_sources(digests)
    module(path.read_text() + "\n# changed\n")
    with pytest.raises(RuntimeError, match=f"{RULE} has another source here than where the stage was planned"):
        stage.check_sources(digests)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ('return "loud"', "rule.loud"),
        ('return "rule"', "rule"),
        ('return Reason("rule.loud", 2.0, 1.0)', "rule.loud"),
        ("return None", None),
    ],
)
def test_a_reason_or_a_word_names_the_rule(module, body, reason):
    module(f"{HEAD}def rule(document: Document, settings: S):\n    {body}\n", "wrong")
    answer = judge(document(LOUD), Filter(rules=("wrong:rule",))).reason
    assert (answer and answer.rule) == reason


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("return True", "wrong:rule returns True; return a Reason, a word or None"),
        ('return ""', "wrong:rule returns ''; return a Reason, a word or None"),
        ("return 1 / 0", "wrong:rule fails on http://a.example/: ZeroDivisionError: division by zero"),
    ],
)
def test_a_rule_that_fails_is_named_with_its_document(module, body, message):
    module(f"{HEAD}def rule(document: Document, settings: S):\n    {body}\n", "wrong")
    with pytest.raises(RuntimeError, match=re.escape(message)):
        judge(document(LOUD), Filter(rules=("wrong:rule",)))


@pytest.mark.parametrize(
    ("text", "assignments", "message"),
    [
        (
            "",
            ('filter.rules=["absent.module:rule"]',),
            "absent.module:rule cannot be imported: No module named 'absent'; ",
        ),
        ("x = 1", ('filter.rules=["wrong:rule"]',), "wrong:rule: wrong has no function rule"),
        (
            "def rule(a): ...",
            ('filter.rules=["wrong:rule"]',),
            "wrong:rule takes 1 parameters; a rule takes (document, s",
        ),
        ("def rule(a, b): ...", ('filter.rules=["wrong:rule"]',), "wrong:rule: the hint of b is None; a rule takes"),
        ("import absent", ('filter.rules=["wrong:rule"]',), "wrong:rule cannot be imported: No module named 'absent'"),
        (
            f"{HEAD}def rule(document, settings: S): ...",
            ('filter.rules=["wrong:rule"]', "filter.own.rule.m=1"),
            "filter.own.rule.m: unknown setting 'm'; ",
        ),
        (
            f"{HEAD}def rule(document, settings: S): ...",
            ('filter.rules=["wrong:rule"]', "filter.own.rul.n=1"),
            "filter.own.rul: no rule of filter.rules is a function of this name",
        ),
    ],
)
def test_a_rule_that_cannot_run_is_refused_before_any_work(module, text, assignments, message):
    module(text, "wrong")
    with pytest.raises(SettingsError, match=re.escape(message)):
        plans.check_model_files(recipe.load("documents", assignments), None)


@pytest.mark.parametrize("name", ["rule", "a:b:c", "a:", ":b", "a-b:c", "a.b"])
def test_a_name_that_is_no_path_to_a_function_is_no_rule(name):
    assert not is_own(name)
    with pytest.raises(ValueError, match="no rule is called"):
        Filter(rules=(name,))
