"""Dataflow, and any graph as a file: a recipe's one job is built here and handed over, never waited for.

Not run in the cloud: what is tested is the graph, the options, and that nothing waits.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate import storage
from curate.errors import SettingsError
from curate.inputs.items import MINIWEB
from curate.pipelines import plans
from curate.pipelines.engines.target import EngineOptions, parsed, pipeline_options, quiet_beam
from curate.recipe import Recipe
from curate.stage.ownership import claim_run, held
from curate.stage.plan import json_digest

NEEDED = {  # of Beam's options, and what is good
    "project": "PROJECT",
    "region": "REGION",
    "temp_location": "gs://BUCKET/FOLDER",
    "sdk_container_image": "IMAGE, made of pipelines/dataflow/Dockerfile",
}
ELSEWHERE = ("master", "job_server", "job_server_jar", "conf")  # options of other runners
FORMATS = (".json", ".pb")
CONSOLE = "https://console.cloud.google.com/dataflow/jobs/{region}/{id}?project={project}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """A job that Dataflow has taken; `id` is empty where only its description was written, as for a template."""

    id: str
    console: str


def check(recipe: Recipe, out: Path, target: EngineOptions, *, strict: bool = True) -> None:
    """SettingsError, before any work, where Dataflow could not run this; strict: Beam's options must be known too."""
    for name in ELSEWHERE:
        if getattr(target, name):
            raise SettingsError(f"--{name.replace('_', '-')} goes with other runners than dataflow; leave it out")
    plans.given_inputs(recipe)
    if not str(out).startswith("gs://"):
        raise SettingsError(f"-o {out}: Dataflow's workers write to gs://BUCKET/FOLDER; name one")
    if target.workers is not None:
        raise SettingsError(f"--workers {target.workers}: Dataflow takes -- --max_num_workers={target.workers}")
    for name, value in _inputs(recipe):
        if not value.startswith(MINIWEB) and not storage.is_remote(value):
            raise SettingsError(f"{name}: {value}: Dataflow's workers cannot read this machine; copy it to gs://")
    arguments = _arguments(recipe, out, target)
    options = (parsed(arguments) if strict else _options(recipe, out, target)).get_all_options()
    for name, good in NEEDED.items():
        if not options.get(name):
            raise SettingsError(f"--runner dataflow needs -- --{name}={good}")
    for name in ("temp_location", "staging_location"):
        if options.get(name) and not options[name].startswith("gs://"):
            raise SettingsError(f"--{name}={options[name]}: expected gs://BUCKET/FOLDER")


def _inputs(recipe: Recipe) -> list[tuple[str, str]]:
    """The settings of a recipe that name files, with each value."""
    found = [(f"sources.{name}.inputs", value) for name, source in recipe.sources.items() for value in source.inputs]
    if score := recipe.score:
        found += [("score.model", score.model)] if score.model and not score.is_default else []
        found += [(f"score.{name}", value) for name in ("positive", "negative") for value in getattr(score, name)]
    return found


def _arguments(recipe: Recipe, out: Path, target: EngineOptions) -> list[str]:
    """Beam's options of a Dataflow job; the user's own come last and win.

    The name is that of the folder's job, as Dataflow refuses a second job of a name while the first runs.
    """
    own = [*target.beam]
    fixed = ["--runner=DataflowRunner", "--no_save_main_session", "--sdk_location=container"]
    if not any(option.startswith("--job_name") for option in own):
        words = re.sub(r"[^a-z0-9]+", "-", recipe.name.lower()).strip("-")
        fixed.append(f"--job_name=curate-{words[:40]}-{json_digest(str(out).rstrip('/'))[:8]}")
    return [*fixed, *own]


def _options(recipe: Recipe, out: Path, target: EngineOptions) -> Any:
    from apache_beam.options.pipeline_options import PipelineOptions

    return PipelineOptions(_arguments(recipe, out, target))


def graph(recipe: Recipe, out: Path, target: EngineOptions) -> Any:
    """The job's proto as the runner gets it, for which nothing is read, written or asked."""
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PortableOptions
    from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner
    from apache_beam.transforms import environments

    from curate.pipelines import one_job

    if target.runner == "dataflow":
        options = _options(recipe, out, target)
    else:
        options = parsed(pipeline_options(target, 0.0, "none"))
    pipeline = beam.Pipeline(runner=FnApiRunner(), options=options)
    one_job.build(pipeline, recipe, out)
    if target.runner == "dataflow":
        image = options.get_all_options()["sdk_container_image"]
        environment = environments.DockerEnvironment.from_container_image(image)
    elif target.runner == "local":
        environment = environments.EmbeddedPythonEnvironment.default()
    else:
        environment = environments.Environment.from_options(options.view_as(PortableOptions))
    return pipeline.to_runner_api(default_environment=environment)


def dry_run(recipe: Recipe, out: Path, target: EngineOptions, file: Path) -> int:
    """Write a recipe's graph to a .json or .pb file and submit nothing; its bytes."""
    if file.suffix not in FORMATS:
        raise SettingsError(f"--dry-run {file}: expected a name that ends with {' or '.join(FORMATS)}")
    if target.runner == "dataflow":
        quiet_beam()
        check(recipe, out, target)
    else:
        target.check()
    from google.protobuf import json_format

    proto = graph(recipe, out, target)
    if file.suffix == ".json":
        content = json_format.MessageToJson(proto, sort_keys=True).encode()
    else:
        content = proto.SerializeToString(deterministic=True)
    try:
        file.write_bytes(content)
    except OSError as error:
        raise SettingsError(f"--dry-run {file}: cannot write there: {error.strerror}") from None
    return len(content)


def submit(recipe: Recipe, out: Path, target: EngineOptions, *, strict: bool = True) -> Submitted:
    """Hand a recipe's job to Dataflow and come back; SettingsError, before any work, where that cannot be."""
    quiet_beam()
    check(recipe, out, target, strict=strict)
    try:
        from apache_beam.runners.dataflow.dataflow_runner import DataflowRunner
        from google.cloud import dataflow  # noqa: F401 - what the runner submits with
    except ImportError as error:
        raise SettingsError(f"Dataflow's client is not installed ({error}): pip install 'curate-corpus[gcp]'") from None
    with held(out):
        claim_run(recipe.name, out)
    return launch(recipe, out, target, DataflowRunner())


def launch(recipe: Recipe, out: Path, target: EngineOptions, runner: Any) -> Submitted:
    """Give the job to the runner and do not wait for its end."""
    import apache_beam as beam

    from curate.pipelines import one_job as single

    options = _options(recipe, out, target)
    try:
        pipeline = beam.Pipeline(runner=runner, options=options)
    except ValueError as error:  # Beam's own check of its options
        raise SettingsError(f"--runner dataflow: {str(error).strip().splitlines()[-1]}") from None
    single.build(pipeline, recipe, out)
    result = pipeline.run()
    identity = str(result.job_id()) if getattr(result, "_job", None) else ""  # None: a template was written
    known = options.get_all_options()
    link = CONSOLE.format(id=identity, region=known["region"], project=known["project"])
    return Submitted(id=identity, console=link if identity else "")
