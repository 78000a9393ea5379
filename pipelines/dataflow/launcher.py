"""Submits a recipe to Dataflow from a Flex Template's parameters, as `curate run … --runner dataflow` does.

Dataflow's launcher runs this module with every parameter as `--NAME=VALUE`, and with options of Beam, which are passed
on as they are.
"""

import logging
import sys

from curate.errors import SettingsError, UserError
from curate.pipelines.dataflow import flextemplate, submit
from curate.pipelines.engines.target import EngineOptions
from curate.recipe import load
from curate.storage import path


def main() -> None:
    """Submits the job that the arguments describe; prints one line and exits with an error if they cannot be used."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", force=True)
    try:
        job = launch(sys.argv[1:])
    except UserError as error:
        sys.exit(f"curate: {error}")
    print(f"job: {job.id} {job.console}" if job.id else "the job's description was written")


def launch(arguments: list[str]) -> submit.Submitted:
    """Submits the job and returns without waiting for it."""
    parameters, beam = split(arguments)
    for parameter in flextemplate.OWN:
        if not parameter.optional and not parameters.get(parameter.name):
            raise SettingsError(f"the template's parameter {parameter.name} is missing: {parameter.help}")
    recipe = load(parameters["recipe"], flextemplate.assignments(parameters))
    image = f"--sdk_container_image={parameters['sdk_container_image']}"
    options = EngineOptions(runner="dataflow", beam=(*beam, image))
    return submit.submit(recipe, path(parameters["out"]), options, strict=False)


def split(arguments: list[str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Returns the template's parameters by name, and the other arguments, which are Beam's, without `--runner`."""
    names = {parameter.name for parameter in flextemplate.parameters()}
    parameters: dict[str, str] = {}
    beam = []
    for argument in arguments:
        name, _, value = argument.removeprefix("--").partition("=")
        if name in names:
            parameters[name] = value
        elif name != "runner":
            beam.append(argument)
    return parameters, tuple(beam)


if __name__ == "__main__":
    main()
