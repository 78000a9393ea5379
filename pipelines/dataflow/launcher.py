"""What a Flex Template's launcher runs: template parameters in, `curate run … --runner dataflow` out, without a wait.

The launcher gives every parameter as `--NAME=VALUE`, and options of Beam besides, which are passed on as they are.
"""

import logging
import sys

from curate.errors import SettingsError
from curate.pipelines.dataflow import flextemplate, submit
from curate.pipelines.engines.target import EngineOptions
from curate.recipe import load
from curate.storage import path


def main() -> None:
    """Submit the job that the arguments describe; exit code 2 and one line where they cannot be used."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", force=True)
    try:
        job = launch(sys.argv[1:])
    except SettingsError as error:
        sys.exit(f"curate: {error}")
    print(f"job: {job.id} {job.console}" if job.id else "the job's description was written")


def launch(arguments: list[str]) -> submit.Submitted:
    """Submit the job and come back at once."""
    given, beam = split(arguments)
    for parameter in flextemplate.OWN:
        if not parameter.optional and not given.get(parameter.name):
            raise SettingsError(f"the template's parameter {parameter.name} is missing: {parameter.help}")
    recipe = load(given["recipe"], flextemplate.assignments(given))
    own = (*beam, f"--sdk_container_image={given['sdk_container_image']}")
    return submit.submit(recipe, path(given["out"]), EngineOptions(runner="dataflow", beam=own), strict=False)


def split(arguments: list[str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """The template's parameters by name, and what is Beam's; `--runner` is ours to say."""
    known = {parameter.name for parameter in flextemplate.parameters()}
    given: dict[str, str] = {}
    beam = []
    for argument in arguments:
        name, _, value = argument.removeprefix("--").partition("=")
        if name in known:
            given[name] = value
        elif name != "runner":
            beam.append(argument)
    return given, tuple(beam)


if __name__ == "__main__":
    main()
