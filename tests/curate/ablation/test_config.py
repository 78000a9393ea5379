"""The file of an ablation: what it means, and what is refused with the line that says it."""

from pathlib import Path

import pytest

from curate import settings
from curate.ablation import arms, judges
from curate.ablation.config import Ablation, load
from curate.errors import SettingsError

SMALL = """[arms.raw]
documents = ["raw.jsonl"]
[arms.clean]
recipe = "own.toml"
inputs = ["web=pages/*.warc.gz", "more.warc.gz"]
[judges.gold]
documents = ["gold.jsonl"]
[judges.raw]
arm = "clean"
inputs = ["miniweb:web-*.warc.gz"]
"""


def read(folder: Path, text: str, *assignments: str) -> Ablation:
    file = folder / "arms.toml"
    file.write_text(text)
    return load(file, assignments)


def test_paths_are_from_the_folder_of_the_file_and_names_stay(tmp_path):
    made = read(tmp_path, SMALL + '[judges.cloze]\ntask = "lambada"\ndata = "eval"\n', 'encoding="tok/tokenizer.json"')
    assert made.name == "arms"
    assert made.arms["raw"].documents == (f"{tmp_path}/raw.jsonl",)
    assert made.arms["clean"].recipe == f"{tmp_path}/own.toml"
    assert made.arms["clean"].inputs == (f"web={tmp_path}/pages/*.warc.gz", f"{tmp_path}/more.warc.gz")
    assert made.judges["raw"].inputs == ("miniweb:web-*.warc.gz",)
    assert (made.judges["cloze"].task, made.judges["cloze"].data) == ("lambada", f"{tmp_path}/eval")
    assert made.encoding == f"{tmp_path}/tok/tokenizer.json"
    named = SMALL.replace('"own.toml"', '"webtext"').replace('"web=pages/*.warc.gz", ', "")
    assert read(tmp_path, named, "encoding=gpt2").arms["clean"].recipe == "webtext"


def test_the_settings_are_read_back_as_they_were(tmp_path):
    made = read(tmp_path, SMALL, "seeds=[4]", "train.width=64")
    assert (made.seeds, made.train.width, made.train.precision) == ((4,), 64, "fp32")
    assert settings.build(Ablation, settings.parse_toml(settings.to_toml(made), "")) == made


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ('arms.raw.manifest="out"', "arms.raw: needs one of manifest, recipe or documents, got manifest and documents"),
        ("arms.third.inputs=[]", "arms.third: needs one of manifest, recipe or documents, got none"),
        ('arms.raw.inputs=["x"]', "arms.raw: inputs are those of a recipe; name one"),
        ('judges.gold.task="lambada"', "judges.gold: needs one of manifest, recipe, documents, arm or task"),
        ('judges.raw.arm="other"', "judges.raw: arm 'other' is none; there are raw, clean"),
        ('judges.raw.arm="raw"', "judges.raw: arm 'raw' has no recipe"),
        ("judges.gold.shots=1", "judges.gold: data, shots and measure are those of a task; name one"),
        ("judges.gold.stride=200", "judges.gold: stride is at most 128, the context, got 200"),
        ('judges.gold.hosts="all"', "judges.gold: hosts is unseen or any, got 'all'"),
        ("judges.gold.least_documents=0", "judges.gold: least_documents is at least 1, got 0"),
        ('baseline="none"', "baseline 'none' is no arm; there are raw, clean"),
        ("seeds=[]", "an ablation has at least one seed"),
        ("seeds=[1,1]", "seeds differ from each other, got [1, 1]"),
        ("epochs=0", "epochs lie in (0, 1000], got 0.0"),
        ("train.seed=3", "train.seed: the ablation sets it, got 3; leave it out"),
        ("train.tokens=300", "train.tokens: the ablation sets it, got 300; leave it out"),
        ('train.vocabulary="full"', "train.vocabulary: the ablation sets it, got 'full'; leave it out"),
        ('train.precision="auto"', 'train.precision "auto" may differ between runs; give fp32 or bf16'),
        ('gap.clean="clean"', "gap: the setting 'planted' is missing"),
        ('gap={clean="raw",planted="clean",curated="x"}', "gap: 'x' is no arm; there are raw, clean"),
        ('gap={clean="raw",planted="clean",curated="raw"}', "gap: clean, planted and curated are three arms"),
        ("judge.gold=1", "unknown setting 'judge'; did you mean 'judges'?"),
    ],
)
def test_what_no_ablation_can_have_is_refused(tmp_path, change, message):
    with pytest.raises(SettingsError) as refused:
        read(tmp_path, SMALL, change)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_one_arm_or_no_judge_is_no_ablation(tmp_path):
    with pytest.raises(SettingsError, match="an ablation compares at least two arms"):
        read(tmp_path, '[arms.raw]\nmanifest = "out"\n[judges.gold]\ndocuments = ["a"]\n')
    with pytest.raises(SettingsError, match="at least one judge"):
        read(tmp_path, '[arms.raw]\nmanifest = "out"\n[arms.other]\nmanifest = "out"\n')


def test_documents_are_an_arm_as_they_are(tmp_path):
    made = arms.recipe_of(read(tmp_path, SMALL).arms["raw"], "gpt2")
    assert made.filter.rules == ()
    assert not made.dedup.exact
    assert not made.dedup.near
    assert made.pack.valid_fraction == 0
    assert made.sources["documents"].inputs == (f"{tmp_path}/raw.jsonl",)


def test_a_judge_whose_file_is_missing_or_holds_pages_is_named(tmp_path):
    made = read(tmp_path, SMALL)
    with pytest.raises(SettingsError, match=r"judge gold: .*gold\.jsonl: no such input file"):
        judges.check(made, "gpt2")
    (tmp_path / "gold.warc.gz").write_bytes(b"")
    made = read(tmp_path, SMALL.replace("gold.jsonl", "gold.warc.gz"))
    with pytest.raises(SettingsError, match="no file of documents; name documents, or give recipe and inputs"):
        judges.check(made, "gpt2")
