"""Every file of an output has an owner, and what has none is told."""

from curate.records import EPOCH, Document, document_id
from curate.stage.ownership import owners, strays
from curate.stage.parts import PartWriter
from curate.stage.plan import Item, Plan
from curate.stage.record import close_stage, open_stage
from curate.storage.together import write_together


def plan_in(folder) -> Plan:
    item = Item(number=0, name="n", uri="/in", form="part", digest="ab", size=9, source="web")
    return Plan(stage="filter", folder=folder, settings={}, items=(item,))


def make(plan) -> None:
    with PartWriter(plan.folder, 0, plan.part_key(plan.items[0])) as part:
        part.keep(Document(id=document_id("", EPOCH, b""), url="", timestamp=EPOCH, source="web", text="some text"))


def named(out) -> dict[str, str]:
    return {str(path.relative_to(out)): owner for path, owner in owners(out).items()}


def test_the_files_of_a_run_belong_to_the_run_its_stages_and_their_parts(tmp_path):
    plan = plan_in(tmp_path / "filter")
    open_stage(plan)
    make(plan)
    close_stage(plan)
    for name in ("recipe.toml", "manifest.json", "notes.txt", "filter/.part.tmp", "filter/x/y"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    for folder, record in (("miniweb", "miniweb.json"), ("train", "train.json")):
        write_together(tmp_path / folder / record, {"a": lambda path: path.write_text("ours")}, lambda _: {})
        (tmp_path / folder / "mine").write_text("mine")
    assert named(tmp_path) == {
        "recipe.toml": "run",
        "manifest.json": "run",
        "notes.txt": "",
        "miniweb/miniweb.json": "mini-web",
        "miniweb/a": "mini-web",
        "miniweb/mine": "",
        "train/train.json": "model",
        "train/a": "model",
        "train/mine": "",
        "filter/plan.json": "filter",
        "filter/stage.json": "filter",
        "filter/part-00000.parquet": "filter part 0",
        "filter/receipts.json": "filter",
        "filter/.part.tmp": "",
        "filter/x/y": "",
    }
    assert len(list(strays(tmp_path))) == 5


def test_of_an_open_stage_whole_parts_are_owned_and_half_ones_are_strays(tmp_path):
    plan = plan_in(tmp_path / "filter")
    open_stage(plan)
    make(plan)
    (tmp_path / "filter" / "part-00001.parquet").write_text("half")
    assert named(tmp_path) == {
        "filter/plan.json": "open stage",
        "filter/part-00000.parquet": "open stage",
        "filter/receipts/00000.json": "open stage",
        "filter/part-00001.parquet": "",
    }


def test_in_a_stages_own_folder_a_runs_files_are_strays(tmp_path):
    plan = plan_in(tmp_path)
    open_stage(plan)
    (tmp_path / "recipe.toml").write_text("")
    assert [path.name for path in strays(tmp_path)] == ["recipe.toml"]
