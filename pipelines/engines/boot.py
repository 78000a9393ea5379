"""`curate-worker-boot`: starts a Beam SDK worker without Docker, by the container contract.

A runner calls it on each node as the command of a PROCESS environment, or a worker pool as its container executable,
with `--id --provision_endpoint` and the addresses of control and logging. The worker runs in the Python that this
command is installed in, so curate must be installed there; nothing is downloaded.
"""

import argparse
import os
import sys

from curate.pipelines.engines import worker

PROVISION_PATIENCE_S = 120


def main() -> None:
    """Ask the runner for the job's options, then become the worker."""
    os.environ.update(worker_environment(_arguments(sys.argv[1:])))
    worker.main()


def _arguments(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="curate-worker-boot", description=__doc__.partition("\n")[0])
    parser.add_argument("--id", required=True, help="the worker's id")
    parser.add_argument("--provision_endpoint", required=True, help="where the job's options are told")
    for name in ("control_endpoint", "logging_endpoint", "artifact_endpoint", "semi_persist_dir"):
        parser.add_argument(f"--{name}", default="")
    unquoted = [argument.replace("='", "=", 1).removesuffix("'") for argument in arguments]  # Prism quotes the values
    return parser.parse_known_args(unquoted)[0]


def worker_environment(asked: argparse.Namespace) -> dict[str, str]:
    """The variables that Beam's `sdk_worker_main` reads, as the runner at the provision endpoint tells them."""
    import grpc
    from apache_beam.portability.api import beam_provision_api_pb2 as provision
    from apache_beam.portability.api import beam_provision_api_pb2_grpc as services
    from apache_beam.portability.api import endpoints_pb2
    from google.protobuf import json_format, text_format

    def descriptor(url: str) -> str:
        return str(text_format.MessageToString(endpoints_pb2.ApiServiceDescriptor(url=url)))

    with grpc.insecure_channel(asked.provision_endpoint) as channel:
        grpc.channel_ready_future(channel).result(timeout=PROVISION_PATIENCE_S)
        request = provision.GetProvisionInfoRequest()
        answer = services.ProvisionServiceStub(channel).GetProvisionInfo(request, metadata=[("worker_id", asked.id)])
    info = answer.info
    return {
        "WORKER_ID": asked.id,
        "PIPELINE_OPTIONS": json_format.MessageToJson(info.pipeline_options, indent=None),
        "RUNNER_CAPABILITIES": " ".join(info.runner_capabilities),
        "CONTROL_API_SERVICE_DESCRIPTOR": descriptor(info.control_endpoint.url or asked.control_endpoint),
        "LOGGING_API_SERVICE_DESCRIPTOR": descriptor(info.logging_endpoint.url or asked.logging_endpoint),
    } | ({"SEMI_PERSISTENT_DIRECTORY": asked.semi_persist_dir} if asked.semi_persist_dir else {})


if __name__ == "__main__":
    main()
