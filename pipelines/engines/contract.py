"""The container contract of Beam: the arguments of a worker's start, and what the runner says of the job."""

import argparse

PROVISION_PATIENCE_S = 120  # for the runner's provision endpoint to answer


def worker_environment(arguments: argparse.Namespace) -> dict[str, str]:
    """Returns the variables that Beam's `sdk_worker_main` reads, with the values that the provision endpoint gives."""
    import grpc
    from apache_beam.portability.api import beam_provision_api_pb2 as provision
    from apache_beam.portability.api import beam_provision_api_pb2_grpc as services
    from apache_beam.portability.api import endpoints_pb2
    from google.protobuf import json_format, text_format

    def descriptor(url: str) -> str:
        return str(text_format.MessageToString(endpoints_pb2.ApiServiceDescriptor(url=url)))

    # A channel that was asked whether it is ready takes 0.2 s to close; a call that waits for it does not.
    ask = {"metadata": [("worker_id", arguments.id)], "wait_for_ready": True, "timeout": PROVISION_PATIENCE_S}
    with grpc.insecure_channel(arguments.provision_endpoint) as channel:
        stub = services.ProvisionServiceStub(channel)
        info = stub.GetProvisionInfo(provision.GetProvisionInfoRequest(), **ask).info
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
