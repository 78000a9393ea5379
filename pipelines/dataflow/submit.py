"""Builds a recipe's one job and submits it to Dataflow without waiting, or writes the job's graph to a file.

It was not run in the cloud: the tests cover the graph, the options, and that nothing waits.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate.errors import SettingsError, UserError, install
from curate.pipelines import plans
from curate.pipelines.dataflow.image import image
from curate.pipelines.engines.target import (
    EngineOptions,
    Service,
    check_beam,
    parse_options,
    pipeline_options,
    quiet_beam,
)
from curate.recipe import Recipe, path_settings
from curate.stage.claims import check_stages, claim_run
from curate.stage.ownership import held
from curate.stage.plan import json_digest
from curate.storage import is_remote

NEEDED = {  # Beam's options without which no job starts, each with the form of its value
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
    """A job that Dataflow has taken."""

    id: str  # '' if only the job's description was written, as for a template
    console: str  # the address of the job's page; '' without an id


def submit(recipe: Recipe, out: Path, options: EngineOptions, *, strict: bool = True) -> Submitted:
    """Submits a recipe's job to Dataflow and returns without waiting; raises UserError, before any work, if it cannot.

    strict: whether an option that Beam does not know is an error.
    """
    quiet_beam()
    check(recipe, out, options, strict=strict)
    try:
        from apache_beam.runners.dataflow.dataflow_runner import DataflowRunner
        from google.cloud import dataflow  # noqa: F401 - what the runner submits with
    except ImportError as error:
        raise UserError(f"Dataflow's client is not installed ({error}): {install(['gcp'])}") from None
    image().check_launcher()
    with held(out):
        claim_run(recipe.name, out)
        check_stages(out, recipe.stages)
    return launch(recipe, out, options, DataflowRunner())


def launch(recipe: Recipe, out: Path, options: EngineOptions, runner: Any) -> Submitted:
    """Gives the job to the runner and does not wait for its end."""
    import apache_beam as beam

    from curate.pipelines import one_job

    beam_options = _beam_options(recipe, out, options)
    try:
        pipeline = beam.Pipeline(runner=runner, options=beam_options)
    except ValueError as error:  # Beam's own check of its options
        raise SettingsError(f"--runner dataflow: {str(error).strip().splitlines()[-1]}") from None
    one_job.build(pipeline, recipe, out)
    result = pipeline.run()
    if not getattr(result, "_job", None):  # a template was written
        return Submitted(id="", console="")
    job_id, settings = str(result.job_id()), beam_options.get_all_options()
    console = CONSOLE.format(id=job_id, region=settings["region"], project=settings["project"])
    return Submitted(id=job_id, console=console)


def dry_run(recipe: Recipe, out: Path, options: EngineOptions, file: Path) -> int:
    """Writes a recipe's graph to a .json or .pb file, submits nothing, and returns the size of the file (bytes)."""
    if file.suffix not in FORMATS:
        raise SettingsError(f"--dry-run {file}: expected a name that ends with {' or '.join(FORMATS)}")
    if options.runner == "dataflow":
        quiet_beam()
        check(recipe, out, options)
    else:
        options.check()
    from google.protobuf import json_format

    proto = graph(recipe, out, options)
    if file.suffix == ".json":
        content = json_format.MessageToJson(proto, sort_keys=True).encode()
    else:
        content = proto.SerializeToString(deterministic=True)
    try:
        file.write_bytes(content)
    except OSError as error:
        raise SettingsError(f"--dry-run {file}: cannot write there: {error.strerror}") from None
    return len(content)


def graph(recipe: Recipe, out: Path, options: EngineOptions) -> Any:
    """Returns the job's proto as the runner gets it; nothing is read, written or requested for it."""
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PortableOptions
    from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner
    from apache_beam.transforms import environments

    from curate.pipelines import one_job

    if options.runner == "dataflow":
        beam_options = _beam_options(recipe, out, options)
    else:
        there = frozenset[str]() if options.runner == "local" else None  # a job server, which is not asked, knows more
        beam_options = parse_options(pipeline_options(options, 0.0, Service(endpoint="none")), there)
    pipeline = beam.Pipeline(runner=FnApiRunner(), options=beam_options)
    one_job.build(pipeline, recipe, out)
    if options.runner == "dataflow":
        image = beam_options.get_all_options()["sdk_container_image"]
        environment = environments.DockerEnvironment.from_container_image(image)
    elif options.runner == "local":
        environment = environments.EmbeddedPythonEnvironment.default()
    else:
        environment = environments.Environment.from_options(beam_options.view_as(PortableOptions))
    return pipeline.to_runner_api(default_environment=environment)


def check(recipe: Recipe, out: Path, options: EngineOptions, *, strict: bool = True) -> None:
    """Raises SettingsError, before any work, if Dataflow could not run the recipe with these options.

    strict: whether an option that Beam does not know is an error.
    """
    for name in ELSEWHERE:
        if getattr(options, name):
            raise SettingsError(f"--{name.replace('_', '-')} goes with other runners than dataflow; leave it out")
    plans.given_inputs(recipe)
    if not str(out).startswith("gs://"):
        raise SettingsError(f"-o {out}: Dataflow's workers write to gs://BUCKET/FOLDER; name one")
    if options.workers is not None:
        raise SettingsError(f"--workers {options.workers}: Dataflow takes -- --max_num_workers={options.workers}")
    for keys, value in path_settings(recipe):
        if keys[0] != "train":  # training is no stage of the job
            image().check_readable(".".join(keys), value)
    for rule, file in recipe.list_files():
        image().check_readable(f"filter.{rule}", file if is_remote(file) else f"@{file}")
    if strict:
        check_beam(options.beam)
    arguments = _arguments(recipe, out, options)
    beam_options = parse_options(arguments) if strict else _beam_options(recipe, out, options)
    values = beam_options.get_all_options()
    for name, form in NEEDED.items():
        if not values.get(name):
            raise SettingsError(f"--runner dataflow needs -- --{name}={form}")
    for name in ("temp_location", "staging_location"):
        if values.get(name) and not values[name].startswith("gs://"):
            raise SettingsError(f"--{name}={values[name]}: expected gs://BUCKET/FOLDER")


def _beam_options(recipe: Recipe, out: Path, options: EngineOptions) -> Any:
    from apache_beam.options.pipeline_options import PipelineOptions

    return PipelineOptions(_arguments(recipe, out, options))


def _arguments(recipe: Recipe, out: Path, options: EngineOptions) -> list[str]:
    """Returns Beam's options of a Dataflow job; the user's own come last and win.

    The job is named by its folder, as Dataflow refuses a second job of a name while the first runs.
    """
    arguments = ["--runner=DataflowRunner", "--no_save_main_session", "--sdk_location=container"]
    if not any(option.startswith("--job_name") for option in options.beam):
        words = re.sub(r"[^a-z0-9]+", "-", recipe.name.lower()).strip("-")
        arguments.append(f"--job_name=curate-{words[:40]}-{json_digest(str(out).rstrip('/'))[:8]}")
    return [*arguments, *options.beam]
