"""The only place that names a Beam runner, and the only one that builds a pipeline's options.

`local` is FnApiRunner, constructed and not named: Beam's own "DirectRunner" means different engines on different
machines. It runs in this process while the work is small, else in one process per worker.
"""

import logging
import os
import shlex
import sys
from collections.abc import Callable
from typing import Any

from curate.settings import SettingsError

# Two worker processes cost about 4 s to start and stop, so they pay from some 10 s of work on.
SMALL_SECONDS = 10.0
RUNNERS = ("local",)


def quiet_beam() -> None:
    """Import Beam without its messages at import, which would install a root log handler; one line if it is absent."""
    root = logging.getLogger()
    if not root.handlers:
        root.addHandler(logging.NullHandler())
    try:
        import apache_beam  # noqa: F401
    except ImportError as error:
        raise SettingsError(
            f"Apache Beam is not installed ({error}); install it with: pip install 'curate-corpus[beam]'"
        ) from None


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def options_for(name: str, workers: int | None, seconds: float, extra: list[str]) -> list[str]:
    """The Beam options of one stage whose work is estimated at `seconds` of CPU; the user's own come last and win."""
    if name not in RUNNERS:
        raise SettingsError(f"--runner {name}: no such runner; known are {', '.join(RUNNERS)}")
    if workers is not None and workers < 1:
        raise SettingsError(f"--workers {workers}: need at least one worker")
    count = workers or cores()
    mode = "in_memory" if count == 1 or seconds < SMALL_SECONDS else "multi_processing"
    return [
        f"--direct_running_mode={mode}",
        f"--direct_num_workers={1 if mode == 'in_memory' else count}",
        "--default_sdk_harness_log_level=ERROR",
        "--no_save_main_session",
        *extra,
    ]


def make_runner(name: str, arguments: list[str]) -> Callable[[], Any]:
    """A function that makes an empty pipeline with these Beam options; SettingsError if Beam does not know one."""
    quiet_beam()
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions

    options = PipelineOptions(arguments)
    unknown = options.get_all_options(drop_default=True, retain_unknown_options=True).keys() - (
        options.get_all_options(retain_unknown_options=False).keys()
    )
    if unknown:
        raise SettingsError(f"--{sorted(unknown)[0]}: Beam knows no such option")
    return lambda: beam.Pipeline(runner=_local(options), options=options)


def _local(options: Any) -> Any:
    from apache_beam.portability import python_urns
    from apache_beam.portability.api import beam_provision_api_pb2
    from apache_beam.runners.portability.fn_api_runner import fn_runner
    from apache_beam.runners.portability.portable_runner import JobServiceHandle

    # Without provision_info the worker processes would see no options at all.
    encoded = JobServiceHandle.encode_pipeline_options(options.get_all_options())
    info = fn_runner.ExtendedProvisionInfo(beam_provision_api_pb2.ProvisionInfo(pipeline_options=encoded))

    class LocalRunner(fn_runner.FnApiRunner):  # type: ignore[misc]
        def run_via_runner_api(self, pipeline_proto: Any, options: Any) -> Any:
            for environment in pipeline_proto.components.environments.values():
                if environment.urn == python_urns.SUBPROCESS_SDK:
                    environment.payload = f"{shlex.quote(sys.executable)} -m curate.pipelines.worker".encode()
            return super().run_via_runner_api(pipeline_proto, options)

    return LocalRunner(provision_info=info)
