"""Starts a Beam SDK worker without Docker, by the container contract: the command `curate-worker-boot`.

A runner calls it on each node as the command of a PROCESS environment, or a worker pool as its container executable,
with `--id --provision_endpoint` and the addresses of control and logging. The worker runs in the Python that this
command is installed in, so curate must be installed there; nothing is downloaded. Where the environment names a nursery
on this machine, the worker is a fork of that, which saves the import of Beam; this command then only waits for it.
"""

import argparse
import os
import sys
from contextlib import suppress

from curate.pipelines.engines import nursery

PROVISION_PATIENCE_S = 120  # for the runner's provision endpoint to answer


def main() -> None:
    """Runs the worker of a nursery, or asks the runner for the job's options and runs the worker in this process."""
    arguments = sys.argv[1:]
    if address := os.environ.pop(nursery.ADDRESS, ""):
        with suppress(OSError):  # where it has ended, this process works in its place
            sys.exit(not nursery.run_boot(address, arguments))
    from curate.pipelines.engines import worker

    os.environ.update(worker_environment(parsed(arguments)))
    worker.main()


def worker_environment(arguments: argparse.Namespace) -> dict[str, str]:
    """Returns the variables that Beam's `sdk_worker_main` reads, with the values that the provision endpoint gives."""
    import grpc
    from apache_beam.portability.api import beam_provision_api_pb2 as provision
    from apache_beam.portability.api import beam_provision_api_pb2_grpc as services
    from apache_beam.portability.api import endpoints_pb2
    from google.protobuf import json_format, text_format

    def descriptor(url: str) -> str:
        return str(text_format.MessageToString(endpoints_pb2.ApiServiceDescriptor(url=url)))

    with grpc.insecure_channel(arguments.provision_endpoint) as channel:
        grpc.channel_ready_future(channel).result(timeout=PROVISION_PATIENCE_S)
        stub = services.ProvisionServiceStub(channel)
        metadata = [("worker_id", arguments.id)]
        info = stub.GetProvisionInfo(provision.GetProvisionInfoRequest(), metadata=metadata).info
    environment = {
        "WORKER_ID": arguments.id,
        "PIPELINE_OPTIONS": json_format.MessageToJson(info.pipeline_options, indent=None),
        "RUNNER_CAPABILITIES": " ".join(info.runner_capabilities),
        "CONTROL_API_SERVICE_DESCRIPTOR": descriptor(info.control_endpoint.url or arguments.control_endpoint),
        "LOGGING_API_SERVICE_DESCRIPTOR": descriptor(info.logging_endpoint.url or arguments.logging_endpoint),
    }
    if arguments.semi_persist_dir:
        environment["SEMI_PERSISTENT_DIRECTORY"] = arguments.semi_persist_dir
    return environment


def parsed(arguments: list[str]) -> argparse.Namespace:
    """Returns the arguments of the container contract."""
    parser = argparse.ArgumentParser(prog="curate-worker-boot", description=__doc__.partition("\n")[0])
    parser.add_argument("--id", required=True, help="the worker's id")
    parser.add_argument("--provision_endpoint", required=True, help="the address that gives the job's options")
    for name in ("control_endpoint", "logging_endpoint", "artifact_endpoint", "semi_persist_dir"):
        parser.add_argument(f"--{name}", default="")
    unquoted = [argument.replace("='", "=", 1).removesuffix("'") for argument in arguments]  # Prism quotes the values
    return parser.parse_known_args(unquoted)[0]


if __name__ == "__main__":
    main()
