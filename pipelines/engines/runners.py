"""The only place that makes a Beam runner.

`local` is FnApiRunner, constructed and not named: Beam's own "DirectRunner" means different engines on different
machines. It runs in this process while the work is small, else in one process per worker. `spark`, `flink` and `prism`
are job servers that are started here, `portable` is any that is there already. `dataflow` is `submit.py`'s.
"""

import os
import shlex
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from curate.errors import SettingsError
from curate.pipelines.engines import nursery
from curate.pipelines.engines.jobserver import JobServer
from curate.pipelines.engines.target import (
    EngineOptions,
    one_line_usage,
    parsed,
    pipeline_options,
    quiet_beam,
    server_settings,
)

CONNECT_PATIENCE_S = 30
LOST_PATIENCE_S = 20.0
FORKED = "curate:env:forked:v1"  # Beam's word for what runs the code: here processes of a nursery


class Session:
    """Runs pipelines on a target, one after another; its job server is started by the first and stopped at the end."""

    def __init__(self, target: EngineOptions) -> None:
        self.target = target
        self._server: JobServer | None = None
        self._nursery: nursery.Nursery | None = None
        self._told_before = threading.excepthook
        self._running: object | None = None  # the run that goes on now
        self._lost: BaseException | None = None  # why a local worker ended
        self._interrupted = False  # by ourselves, for that reason

    def __enter__(self) -> Self:
        """SettingsError, before any work, where the target cannot be used."""
        wanted = self.target.runner == "local" and self.target.count > 1 and nursery.possible()
        self.target.check()
        if wanted:
            from apache_beam.runners.worker import sdk_worker_main  # noqa: F401 - for the workers

            self._nursery = nursery.Nursery()
        threading.excepthook = self._told_of_thread
        return self

    def _told_of_thread(self, failed: threading.ExceptHookArgs) -> None:
        """Keep quiet about Beam's threads that watch a job or a worker; they end badly when it is gone.

        Beam itself may wait for ever for a worker that has ended, so the run is then ended from here: by an interrupt,
        and where Beam waits for its own threads even so, by ending the process. What is on disk is whole at any time.
        """
        name = failed.thread.name if failed.thread else ""
        if name.startswith("run_worker") and self._lost is None:
            self._lost = failed.exc_value
            _later(self._interrupt, self._is_on(self._running))
            _later(self._give_up, self._is_on(self._running), times=2)
        elif not name.startswith(("wait_until_finish", "run_worker")) and failed.exc_type.__module__ != "grpc":
            self._told_before(failed)

    def _is_on(self, run: object | None) -> Callable[[], bool]:
        return lambda: run is not None and self._running is run

    def _interrupt(self) -> None:
        main = threading.main_thread().ident
        if main is not None:
            self._interrupted = True
            signal.pthread_kill(main, signal.SIGINT)  # `_thread.interrupt_main` wakes no thread that waits for a lock

    def _give_up(self) -> None:
        print(f"curate: a worker ended: {self._lost}", file=sys.stderr, flush=True)
        os._exit(1)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self._server:
            self._server.stop()
        if self._nursery:
            self._nursery.close()
        threading.excepthook = self._told_before

    def prepare(self) -> None:
        """Start what the pipelines need, and check Beam's options against it; SettingsError where one is unknown."""
        if self.target.runner != "local":
            parsed(pipeline_options(self.target, 0.0, self._endpoint()), described(self._endpoint()))

    def run(self, build: Callable[[Any], None], seconds: float) -> None:
        """Run the pipeline that `build` wires, of about `seconds` of CPU, to its end; RuntimeError where it fails."""
        quiet_beam()
        import apache_beam as beam

        local = self.target.runner == "local"
        told = frozenset() if local else described(self._endpoint())
        options = parsed(pipeline_options(self.target, seconds, self._endpoint()), told)
        pipeline = beam.Pipeline(runner=_local(options, self._nursery) if local else _portable(), options=options)
        build(pipeline)
        self._running, self._lost, self._interrupted = object(), None, False
        try:
            self._wait(pipeline)
        except KeyboardInterrupt:
            if not self._interrupted:  # the user did it, which a worker may have noticed first
                raise
            raise RuntimeError(f"a worker ended: {self._lost}") from None
        except Exception as error:
            raise self._explained(error) from error
        finally:
            self._running = None

    def _wait(self, pipeline: Any) -> None:
        """Run to the end; an interrupt cancels the job."""
        with nullcontext() if self.target.runner == "local" else one_line_usage():  # a local run ends in here
            result = pipeline.run()
        try:
            state = result.wait_until_finish()
        except KeyboardInterrupt:
            if self.target.runner != "local":
                result.cancel()
            raise
        if state != "DONE":
            raise RuntimeError(f"the job ended as {state}, not as DONE")

    def _endpoint(self) -> str:
        if self.target.runner == "local" or self.target.job_server:
            return self.target.job_server or ""
        if self._server is None:
            self._server = JobServer(server_settings(self.target))
            self._server.start()
        return self._server.endpoint

    def _explained(self, error: Exception) -> Exception:
        """The error with the job server's own last words, if it is the server that has gone."""
        if self._server and (code := self._server.ended()) is not None:
            return RuntimeError(f"the job server ended with code {code}: {self._server.last_words()}")
        return error


def _later(act: Callable[[], None], still: Callable[[], bool], times: int = 1) -> None:
    """Act once patience is over, `times` over, if it is still called for."""
    timer = threading.Timer(times * LOST_PATIENCE_S, lambda: act() if still() else None)
    timer.daemon = True
    timer.start()


def described(endpoint: str) -> frozenset[str]:
    """The names of the options that a job server knows; SettingsError where none answers there."""
    import grpc
    from apache_beam.portability.api import beam_job_api_pb2 as jobs
    from apache_beam.portability.api import beam_job_api_pb2_grpc as services

    with grpc.insecure_channel(endpoint) as channel:
        try:
            grpc.channel_ready_future(channel).result(timeout=CONNECT_PATIENCE_S)
        except grpc.FutureTimeoutError:
            raise SettingsError(f"{endpoint}: no job server answers there") from None
        stub = services.JobServiceStub(channel)
        try:
            answer = stub.DescribePipelineOptions(jobs.DescribePipelineOptionsRequest())
        except grpc.RpcError as error:
            if error.code() == grpc.StatusCode.UNIMPLEMENTED:
                return frozenset()
            raise
    return frozenset(option.name for option in answer.options)


def _portable() -> Any:
    # Beam starts the worker processes of a LOOPBACK environment by the name `python` alone.
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    from apache_beam.runners.portability.portable_runner import PortableRunner

    return PortableRunner()


def _local(options: Any, nursery: nursery.Nursery | None) -> Any:
    from apache_beam.portability import python_urns
    from apache_beam.portability.api import beam_provision_api_pb2
    from apache_beam.runners.portability.fn_api_runner import fn_runner
    from apache_beam.runners.portability.portable_runner import JobServiceHandle

    # Without provision_info the worker processes would see no options at all.
    encoded = JobServiceHandle.encode_pipeline_options(options.get_all_options())
    info = fn_runner.ExtendedProvisionInfo(beam_provision_api_pb2.ProvisionInfo(pipeline_options=encoded))
    if nursery:
        _register(nursery)

    class LocalRunner(fn_runner.FnApiRunner):  # type: ignore[misc]
        def run_via_runner_api(self, pipeline_proto: Any, options: Any) -> Any:
            for environment in pipeline_proto.components.environments.values():
                if environment.urn == python_urns.SUBPROCESS_SDK:
                    environment.urn = FORKED if nursery else environment.urn
                    environment.payload = (
                        f"exec {shlex.quote(sys.executable)} -P -m curate.pipelines.engines.worker".encode()
                    )
            return super().run_via_runner_api(pipeline_proto, options)

    return LocalRunner(provision_info=info)


def _register(nursery: nursery.Nursery) -> None:
    """Have Beam take the workers of FORKED environments from this nursery."""
    from apache_beam.runners.portability.fn_api_runner import worker_handlers
    from google.protobuf import json_format, text_format

    class Forked(worker_handlers.SubprocessSdkWorkerHandler):  # type: ignore[misc]
        def start_worker(self) -> None:
            environment = {
                "WORKER_ID": self.worker_id,
                "CONTROL_API_SERVICE_DESCRIPTOR": text_format.MessageToString(self.control_api_service_descriptor()),
                "LOGGING_API_SERVICE_DESCRIPTOR": text_format.MessageToString(self.logging_api_service_descriptor()),
                "PIPELINE_OPTIONS": json_format.MessageToJson(self.provision_info.provision_info.pipeline_options),
            }
            self.worker_thread = threading.Thread(name="run_worker", target=nursery.run, args=(environment,))
            self.worker_thread.start()

    worker_handlers.WorkerHandler.register_environment(FORKED, bytes)(Forked)
