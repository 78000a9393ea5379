"""Dataflow without a cloud: the graph, its limits, what crosses its shuffles, the image, no wait."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.portability import common_urns
from apache_beam.portability.api import beam_runner_api_pb2 as runner_api
from apache_beam.runners.portability.fn_api_runner import execution, fn_runner
from apache_beam.runners.runner import PipelineResult, PipelineRunner, PipelineState
from google.protobuf import json_format

from curate import recipe as recipes
from curate.errors import SettingsError
from curate.pipelines.dataflow import flextemplate, image, launcher, submit
from curate.pipelines.engines.target import RUNNERS, EngineOptions, parse_options
from curate.stage.ranges import MOST_PASSES
from curate.storage import path

ROOT = Path(__file__).parents[3]
LIMIT = 10 << 20  # Dataflow's, of a job request in JSON
INPUTS = 10_000
OUT = "gs://bucket/out"
BEAM = ("--project=my-project", "--region=here", "--temp_location=gs://bucket/tmp", "--sdk_container_image=image:1")
OPTIONS = EngineOptions(runner="dataflow", beam=BEAM)
MARKER = "xylophonequagga"
TEXT = "The council said that the {} and the road would be open to all of the village in the spring of that year. "


def assigned(*assignments: str) -> recipes.Recipe:
    return recipes.load("webtext", ('sources.webtext.inputs=["gs://bucket/*.gz"]', *assignments))


def test_the_image_has_the_pinned_beam_and_a_python_that_we_support():
    text = (ROOT / "pipelines" / "dataflow" / "Dockerfile").read_text()
    python, version = re.search(r"^FROM apache/beam_python(\d\.\d+)_sdk:(\S+)$", text, re.MULTILINE).groups()
    assert f"apache-beam=={version}" in (ROOT / "constraints.txt").read_text().splitlines()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert f"Programming Language :: Python :: {python}" in project["classifiers"]
    assert f"python{python.replace('.', '')}-template-launcher" in text


def test_the_image_copies_all_that_the_package_is_built_of():
    text = (ROOT / "pipelines" / "dataflow" / "Dockerfile").read_text()
    copied = {name for line in re.findall(r"^COPY (?!--)(.+) \S+$", text, re.MULTILINE) for name in line.split()}
    assert all((ROOT / name).exists() for name in copied)
    tables = tomllib.loads((ROOT / "pyproject.toml").read_text())
    folders = set(tables["tool"]["setuptools"]["package-dir"].values())
    files = {tables["project"]["readme"], *tables["project"]["license-files"], "pyproject.toml", "constraints.txt"}
    assert folders | files <= copied


def test_the_image_is_checked_by_modules_that_exist():
    text = (ROOT / "pipelines" / "dataflow" / "Dockerfile").read_text()
    names = re.findall(r"\bcurate\.[\w.]+", text)
    assert names
    assert [name for name in names if find_spec(name) is None] == []


def test_the_page_says_that_it_was_not_run_in_the_cloud_and_names_only_options_that_beam_knows():
    page = (ROOT / "pipelines" / "dataflow" / "README.md").read_text()
    assert "not run in the cloud" in page
    names = re.findall(r"^\| `(--[\w-]+)", page, re.MULTILINE)
    assert len(names) >= 6
    parse_options([f"{name}=1" if name not in ("--no_use_public_ips",) else name for name in names])


@pytest.mark.parametrize("named", [False, True], ids=["glob", "each-by-name"])
def test_the_graph_of_ten_thousand_inputs_is_far_below_the_limit(tmp_path, named):
    (tmp_path / "in").mkdir()
    for number in range(0 if named else INPUTS):
        (tmp_path / "in" / f"{number:05d}.jsonl").touch()
    given = [f"gs://bucket/crawl/{number:05d}.warc.gz" for number in range(INPUTS)]
    inputs = given if named else [f"{tmp_path}/in/*.jsonl"]
    recipe = assigned(f"sources.webtext.inputs={json.dumps(inputs)}")
    options = OPTIONS if named else EngineOptions()
    size = submit.dry_run(recipe, path(OUT) if named else tmp_path / "out", options, tmp_path / "graph.json")
    print(f"{size:,} bytes of JSON")
    assert size == (tmp_path / "graph.json").stat().st_size < LIMIT / (4 if named else 20)
    graph = json_format.Parse((tmp_path / "graph.json").read_text(), runner_api.Pipeline())
    assert len(graph.components.transforms) > 100


def coder_urns(graph: runner_api.Pipeline, coder: str) -> list[object]:
    """Returns a coder as nested lists of urns."""
    definition = graph.components.coders[coder]
    inner = [coder_urns(graph, component) for component in definition.component_coder_ids]
    return [definition.spec.urn, *inner]


def test_every_grouping_is_of_bytes_by_bytes_and_every_reshuffle_of_names_and_numbers():
    graph = submit.graph(assigned(), path(OUT), OPTIONS)
    transforms = graph.components.transforms.values()
    coders = common_urns.coders
    reshuffles = [row for row in transforms if row.spec.urn == common_urns.composites.RESHUFFLE.urn]
    inside = tuple(f"{row.unique_name}/" for row in reshuffles)
    groupings = [row for row in transforms if row.spec.urn == common_urns.primitives.GROUP_BY_KEY.urn]
    groupings = [row for row in groupings if not row.unique_name.startswith(inside)]

    def input_coders(chosen):
        names = {next(iter(row.inputs.values())) for row in chosen}
        return {json.dumps(coder_urns(graph, graph.components.pcollections[name].coder_id)) for name in names}

    assert input_coders(groupings) == {json.dumps([coders.KV.urn, [coders.BYTES.urn], [coders.BYTES.urn]])}
    pick = [coders.KV.urn, [coders.STRING_UTF8.urn], [coders.VARINT.urn]]
    assert input_coders(reshuffles) == {json.dumps(pick), json.dumps([coders.VARINT.urn])}
    assert len(groupings) >= 20
    assert len(reshuffles) == len(assigned().stages) + 1 + MOST_PASSES  # the first halves of dedup and of pack
    environments = graph.components.environments.values()
    assert any(b"image:1" in environment.payload for environment in environments)


def grouped_by(monkeypatch, run) -> list[bytes]:
    """Returns all that enters a grouping of the in-process runner, which a Reshuffle is too, while `run` runs."""
    entered: list[bytes] = []
    append = execution.GroupingBuffer.append

    def tap(buffer, elements):
        entered.append(bytes(elements))
        append(buffer, elements)

    monkeypatch.setattr(execution.GroupingBuffer, "append", tap)
    run()
    return entered


def test_the_tap_sees_a_text_that_is_shuffled(monkeypatch):
    def run() -> None:
        with beam.Pipeline(runner=fn_runner.FnApiRunner()) as pipeline:
            pipeline | beam.Create([f"a text with {MARKER}"]) | beam.Reshuffle() | beam.Map(len)

    assert any(MARKER.encode() in elements for elements in grouped_by(monkeypatch, run))


def test_the_written_graph_runs_and_no_text_of_a_document_enters_a_shuffle_of_it(monkeypatch, tmp_path):
    words = ["bridge", "market", "station", "harbour", "school", "library"]
    texts = [TEXT.format(f"{MARKER} {word}") + TEXT.format(word) * number for number, word in enumerate(words)]
    texts += [texts[0], f"{texts[5]} And that is all of it."]  # an exact and a near duplicate, which must be compared
    lines = [json.dumps({"text": text, "url": f"http://x.example/{number}"}) for number, text in enumerate(texts)]
    (tmp_path / "a.jsonl").write_text("\n".join(lines[:4]))
    (tmp_path / "b.jsonl").write_text("\n".join(lines[4:]))
    recipe = assigned(
        f'sources.webtext.inputs=["{tmp_path}/*.jsonl"]',
        'filter.rules=["gopher_quality"]',
        "filter.gopher_quality.min_words=10",
        "dedup.similarity=0.6",
    )
    out = tmp_path / "out"
    out.mkdir()
    submit.dry_run(recipe, out, EngineOptions(), tmp_path / "graph.pb")
    graph = runner_api.Pipeline.FromString((tmp_path / "graph.pb").read_bytes())

    def run() -> None:
        fn_runner.FnApiRunner().run_via_runner_api(graph, PipelineOptions([])).wait_until_finish()

    entered = grouped_by(monkeypatch, run)
    dedup = json.loads((out / "dedup" / "stage.json").read_text())["counts"]["reasons"]
    assert dedup == {"dedup.exact": 1, "dedup.near": 1}  # so the evidence of candidates has gone through too
    assert (out / "manifest.json").exists()
    assert len(entered) > 20
    assert not [elements for elements in entered if MARKER.encode() in elements or b"council" in elements]
    assert sum(map(len, entered)) < 100_000


class Detached(PipelineRunner):
    """A runner that takes a job as Dataflow's does, and fails if its end is waited for."""

    def run_pipeline(self, pipeline, options):
        class Result(PipelineResult):
            _job = "taken"

            def job_id(self):
                return "job-1"

            def wait_until_finish(self, duration=None):
                raise AssertionError("the launcher has waited")

        self.graph = pipeline.to_runner_api()
        return Result(PipelineState.RUNNING)


def test_a_launch_gives_the_whole_graph_to_the_runner_and_does_not_wait():
    runner = Detached()
    job = submit.launch(assigned(), path(OUT), OPTIONS, runner)
    assert job.id == "job-1"
    assert job.console.endswith("/jobs/here/job-1?project=my-project")
    names = {row.unique_name.split("/")[0] for row in runner.graph.components.transforms.values()}
    assert names >= {"extract", "filter", "sign", "dedup", "tokenize", "pack", "Manifest"}


def test_a_job_is_named_by_its_folder_so_that_dataflow_refuses_a_second_one_into_it():
    def name(out: str, *own: str) -> str:
        options = EngineOptions(runner="dataflow", beam=(*BEAM, *own))
        return submit._beam_options(assigned(), path(out), options).get_all_options()["job_name"]

    assert re.fullmatch(r"curate-webtext-[0-9a-f]{8}", name(OUT))
    assert name(f"{OUT}/") == name(OUT) != name("gs://bucket/other")
    assert name(OUT, "--job_name=mine") == "mine"


def test_nothing_that_launches_names_a_wait():
    for module in (submit, launcher):
        names = {
            node.attr
            for node in ast.walk(ast.parse(Path(module.__file__).read_text()))
            if isinstance(node, ast.Attribute)
        }
        assert "wait_until_finish" not in names


@pytest.mark.parametrize(
    ("out", "options", "assignments", "message"),
    [
        ("/tmp/out", OPTIONS, (), r"^-o /tmp/out: Dataflow's workers write to gs://"),
        ("s3://b/out", OPTIONS, (), r"^-o s3://b/out: "),
        (OUT, EngineOptions(runner="dataflow", beam=BEAM[1:]), (), r"needs -- --project=PROJECT$"),
        (OUT, EngineOptions(runner="dataflow", beam=BEAM[:-1]), (), r"needs -- --sdk_container_image=IMAGE"),
        (
            OUT,
            EngineOptions(runner="dataflow", beam=(*BEAM[:2], "--temp_location=/tmp/x", BEAM[3])),
            (),
            r"^--temp_location=/tmp",
        ),
        (
            OUT,
            EngineOptions(runner="dataflow", beam=(*BEAM, "--nonsense=1")),
            (),
            r"^--nonsense: Beam knows no such option$",
        ),
        (
            OUT,
            EngineOptions(runner="dataflow", beam=BEAM, workers=9),
            (),
            r"^--workers 9: Dataflow takes -- --max_num_workers=9$",
        ),
        (OUT, EngineOptions(runner="dataflow", beam=BEAM, master="yarn"), (), r"^--master goes with other runners"),
        (
            OUT,
            OPTIONS,
            ('sources.webtext.inputs=["crawl.gz"]',),
            r"^sources\.webtext\.inputs: .*crawl\.gz: .* copy it to gs://",
        ),
        (OUT, OPTIONS, ('score.model="model.bin"',), r"^score\.model: .*model\.bin: "),
        (
            OUT,
            OPTIONS,
            ('sources.webtext.inputs=["s3://b/crawl.gz"]',),
            r"^sources\.webtext\.inputs: s3://b/crawl\.gz: the worker image lacks the extra \[s3\]; copy it to gs://$",
        ),
        (
            OUT,
            OPTIONS,
            ('sources.webtext.inputs=["hdfs://b/crawl.gz"]',),
            r": hdfs://b/crawl\.gz: the worker image reads no hdfs://; copy it to gs://$",
        ),
        (OUT, OPTIONS, ("sources.webtext.inputs=[]",), r"^sources\.webtext\.inputs: no source has inputs"),
    ],
)
def test_what_dataflow_cannot_run_is_told_in_one_line_before_any_work(out, options, assignments, message):
    with pytest.raises(SettingsError, match=message) as raised:
        submit.submit(assigned(*assignments), path(out), options)
    assert "\n" not in str(raised.value)


LABELS = {"positive": "gs://b/p", "negative": "gs://b/n"}  # the one needs the other
# Settings whose help names files: a job has no crawl, and of lists an entry "@FILE" is checked on its own.
LISTS = {"filter.c4.bad_words", "filter.c4_fineweb.bad_words"}
NO_PATHS = {"links.format", "crawl.agent", "crawl.authority", *LISTS}


def with_path(keys: tuple[str, ...], value: str) -> recipes.Recipe:
    """Returns the recipe with a path in the setting of these keys."""
    labels = {f"score.{name}": json.dumps([uri]) for name, uri in LABELS.items() if keys[-1] in LABELS}
    own = {".".join(keys): json.dumps([value] if keys[-1] in LABELS else value)}
    return assigned(*(f"{name}={text}" for name, text in (labels | own).items()))


@pytest.mark.parametrize("keys", [keys for keys in recipes.PATH_KEYS if keys[0] != "train"], ids=".".join)
def test_every_setting_that_names_a_file_must_name_one_that_workers_can_read(keys):
    for value, lack in (("/home/x/file.json", "cannot read this machine"), ("s3://b/file.json", "lacks the extra")):
        with pytest.raises(SettingsError, match=rf"^{re.escape('.'.join(keys))}: {value}: .*{lack}"):
            submit.check(with_path(keys, value), path(OUT), OPTIONS)
    submit.check(with_path(keys, "gs://b/file.json"), path(OUT), OPTIONS)


def test_every_setting_whose_help_names_a_file_is_listed_as_a_path():
    texts = [row for row in flextemplate.parameters() if row.path and row.kind is str]
    naming = {".".join(row.path) for row in texts if re.search(r"\b(files?|folder|path)\b", row.help)}
    assert naming >= {"extract.quality_model", "tokenize.encoding"}
    assert naming - NO_PATHS <= {".".join(keys) for keys in recipes.PATH_KEYS}


def test_a_list_of_a_rule_must_be_where_workers_can_read_it():
    for rule, setting in (("c4", "bad_words"), ("url_lists", "domains")):
        words = [f'filter.rules=["{rule}"]', f'filter.{rule}.{setting}=["@/home/x/list.txt"]']
        with pytest.raises(SettingsError, match=rf"^filter\.{rule}: @/home/x/list\.txt: .* copy it to gs://"):
            submit.check(assigned(*words), path(OUT), OPTIONS)


def test_an_evaluation_set_must_be_where_workers_can_read_it():
    sets = 'decontaminate.sets.a={files = ["/home/x/a.jsonl"], fields = ["text"]}'
    with pytest.raises(SettingsError, match=r"^decontaminate\.sets\.a\.files: /home/x/a\.jsonl: .* copy it to gs://"):
        submit.check(assigned(sets), path(OUT), OPTIONS)


def test_crawls_by_name_the_mini_web_and_web_addresses_need_no_copy():
    for value in ("commoncrawl:CC-MAIN-2024-30/warc[0:2]", "miniweb:web-*.warc.gz", "https://x.example/a.warc.gz"):
        submit.check(assigned(f'sources.webtext.inputs=["{value}"]'), path(OUT), OPTIONS)


@pytest.mark.parametrize(("name", "version"), [("beam", "2.76.0"), ("python", "3.10")])
def test_a_launcher_with_another_beam_or_python_than_the_image_is_refused(name, version):
    built = replace(image.image(), **{name: version})
    with pytest.raises(SettingsError, match=rf"{name.title()} is \S+ here and {version} in the worker image; launch"):
        built.check_launcher()


def test_the_image_is_read_from_the_dockerfile():
    built = image.image()
    assert f"apache-beam=={built.beam}" in (ROOT / "constraints.txt").read_text().splitlines()
    assert built.extras >= {"gcp", "gcs", "tokenizers"}


@pytest.mark.parametrize("runner", RUNNERS)
def test_the_graph_of_every_runner_is_made_without_it(runner, tmp_path):
    server = "h:1" if runner == "portable" else None
    options = OPTIONS if runner == "dataflow" else EngineOptions(runner=runner, workers=2, job_server=server)
    graph = submit.graph(assigned(), path(OUT) if runner == "dataflow" else tmp_path, options)
    assert len(graph.components.transforms) > 100


@pytest.mark.processes
def test_the_command_writes_a_graph_offline_and_tells_what_is_not_installed(curate, call, tmp_path):
    words = ("run", "quickstart", "-o", OUT, "--runner", "dataflow")
    done = curate(*words, "--dry-run", tmp_path / "graph.pb", "--json", "--", *BEAM)
    assert done.code == 0, done.err
    graph = runner_api.Pipeline.FromString((tmp_path / "graph.pb").read_bytes())
    assert json.loads(done.out)["bytes"] == graph.ByteSize()
    assert call(*words, "--dry-run", tmp_path / "graph.txt", "--", *BEAM).error.endswith("ends with .json or .pb")
    assert call("filter", tmp_path, "-o", tmp_path / "f", "--runner", "dataflow").error.startswith(
        "--runner dataflow runs"
    )
    hidden = "import sys; sys.modules['google.cloud'] = None; from curate.cli import main; main()"
    command = [sys.executable, "-c", hidden, *words, "--", *BEAM]
    absent = subprocess.run(command, capture_output=True, text=True)
    assert absent.returncode == 2
    assert re.fullmatch(
        r"curate: google\.cloud.* not installed: pip install '\.\[gcp\]' in .*checkout\n", absent.stderr
    )
