"""Makes Beam's runners, and is the only module that does.

`local` is FnApiRunner, constructed and not named: Beam's own "DirectRunner" means different engines on different
machines. It runs in this process while the work is small, else in one process per worker. `spark`, `flink` and `prism`
are job servers that are started here, `portable` is any that runs already. `dataflow` is `submit.py`'s.
"""

import os
import shlex
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from curate import storage
from curate.errors import SettingsError, UserError
from curate.extract import sandbox
from curate.pipelines.engines import crew as crews
from curate.pipelines.engines import installs
from curate.pipelines.engines.crew import Ahead, Crew
from curate.pipelines.engines.inspection import inspect_once, never_sample
from curate.pipelines.engines.jobserver import JobServer
from curate.pipelines.engines.nursery import Nursery, can_fork
from curate.pipelines.engines.target import (
    SMALL_FORKED_SECONDS,
    SMALL_READY_SECONDS,
    EngineOptions,
    Service,
    cores,
    one_line_usage,
    parse_options,
    pipeline_options,
    quiet_beam,
    server_settings,
)
from curate.pipelines.engines.usage import Usage, cpu_seconds
from curate.processes import announced

CONNECT_PATIENCE_S = 30
LOST_PATIENCE_S = 20.0  # from the loss of a local worker to the end of a run that has not ended by itself (s)
FORKED = "curate:env:forked:v1"  # Beam's name of an environment, which runs the code: here processes of a nursery


Load = Callable[[], object]


def nothing() -> None:
    """Loads nothing."""


class WorkerLost(BaseException):
    """Raised in the main thread where Beam would wait for ever for a worker that has ended."""


class Session:
    """Runs pipelines one after another; the first starts the job server, and the end of the block stops it."""

    def __init__(self, options: EngineOptions, load: Load = nothing, *, is_small: bool = False) -> None:
        self.options, self._load = options, load
        self._is_small = is_small  # all that it will run
        self._local = options.runner == "local"
        self._server: JobServer | None = None
        self._server_options: frozenset[str] | None = None  # the names of those that it knows, once it was asked
        self._nursery: Nursery | None = None
        self._crew: Crew | None = None
        self._hook_before = threading.excepthook
        self._run: object | None = None  # stands for the pipeline that runs now
        self._lost: BaseException | None = None  # the error of a local worker that ended

    def __enter__(self) -> Self:
        """Makes the nursery of local workers; raises SettingsError, before any work, if an option cannot be used.

        A job server of ours starts at once, while this process still imports Beam and plans.
        """
        forks = self.options.forks and can_fork()
        self.options.check_without_beam()
        try:
            if self.options.starts_server:
                self._server = JobServer(server_settings(self.options, is_small=self._is_small))
                self._server.begin()
            self.options.check_with_beam()
            if forks:
                from apache_beam.runners.worker import sdk_worker_main  # noqa: F401 - for the workers

                self._load()
                self._nursery = Nursery(self._server.pipe() if self._server else None)
                self._crew = Crew(self._nursery, self.options.count)
        except BaseException:
            self._stop()
            raise
        threading.excepthook = self._thread_failed
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._stop()
        threading.excepthook = self._hook_before

    def _stop(self) -> None:
        if self._server:
            self._server.stop()
        if self._crew:
            self._crew.close()
        if self._nursery:
            self._nursery.close()

    def prepare(self) -> None:
        """Starts the job server, if one is needed; raises SettingsError at an option that Beam does not know."""
        if not self._local:
            self._beam_options(0.0)

    def run(
        self, build: Callable[[Any], None], seconds: float, *, shuffles: bool = True, ahead: Ahead | None = None
    ) -> Usage | None:
        """Runs the pipeline that `build` wires to its end; raises RuntimeError if it fails.

        Returns what it took of the workers, or None where these are not processes of this machine.
        seconds: of CPU time that it takes, about.

        shuffles: whether more than the numbers of items goes from worker to worker.

        ahead: what workers may do for later stages while others are still at their last item.
        """
        quiet_beam()
        import apache_beam as beam

        inspect_once()
        never_sample()
        options = self._beam_options(seconds, shuffles)
        runner = _local_runner(options, self._nursery) if self._local else _portable_runner()
        pipeline = beam.Pipeline(runner=runner, options=options)
        self._run, self._lost = object(), None
        mode = options.view_as(_direct_options()).direct_running_mode
        crew = self._crew if self._local and mode == "multi_processing" else None
        started, before = time.monotonic(), self._busy(mode)
        try:
            with _waking():
                self._work(build, pipeline, crew, ahead)
        except WorkerLost:
            raise RuntimeError(f"a worker ended: {self._lost}") from None
        except Exception as error:
            raise self._explained(error) from error
        finally:
            self._run = None
        after = self._busy(mode)
        if before is None or after is None:
            return None
        return Usage(wall=time.monotonic() - started, busy=after - before, workers=self.options.count)

    def _work(self, build: Callable[[Any], None], pipeline: Any, crew: Crew | None, ahead: Ahead | None) -> None:
        """Wires a pipeline and runs it to its end; its items are made by a crew where that is there and suits it."""
        if crew:
            crew.size = pipeline.options.view_as(_direct_options()).direct_num_workers or cores()
        with crews.serving(crew, ahead):
            build(pipeline)
            if crew and crew.works:
                crew.wait()
                return
            if crew:
                crew.close()  # Beam starts workers of its own, which have use for the memory
            self._wait(pipeline)

    def _busy(self, mode: str) -> float | None:
        """Returns the CPU seconds that the workers have taken so far; None where they are not known."""
        in_memory = self._local and mode == "in_memory"
        if self._nursery and not in_memory:
            busy = cpu_seconds(self._nursery.pid, with_root=False)
            pid = sandbox.template_pid()  # the workers' extractors are processes below it
            extractors = cpu_seconds(pid, with_root=True) if pid else 0.0
            return None if busy is None or extractors is None else busy + extractors
        return cpu_seconds(os.getpid(), with_root=in_memory) if self._local else None

    def _beam_options(self, seconds: float, shuffles: bool = True) -> Any:
        service = self._service()
        if self._nursery and not shuffles:
            is_ready = self._crew is not None and self._crew.is_ready
            service = replace(service, small_seconds=SMALL_READY_SECONDS if is_ready else SMALL_FORKED_SECONDS)
        if self._server_options is None and not self._local:
            self._server_options = server_options(service.endpoint)
        return parse_options(pipeline_options(self.options, seconds, service), self._server_options or frozenset())

    def _service(self) -> Service:
        """Returns the job server, which is started if it is ours; one without an endpoint for the local runner."""
        if self._local or self.options.job_server:
            return Service(endpoint=self.options.job_server or "")
        assert self._server
        if not self._server.endpoint:
            self._server.start()
        nursery = self._nursery.address if self._nursery else ""
        return Service(endpoint=self._server.endpoint, nursery=nursery, no_jar=str(self._server.no_jar))

    def _wait(self, pipeline: Any) -> None:
        """Runs the pipeline to its end; an interrupt cancels the job on a job server that goes on without this one."""
        if self._nursery and not self._local:
            threading.Thread(target=self._watch, args=(self._nursery, self._run), daemon=True).start()
        with nullcontext() if self._local else one_line_usage():  # `run` of the local runner returns at the end only
            result = pipeline.run()
        try:
            with announced(_cancel) if self.options.job_server else nullcontext():
                state = result.wait_until_finish()
        except KeyboardInterrupt:
            if not self._local:
                result.cancel()
            raise
        if state != "DONE":
            raise RuntimeError(f"the job ended as {state}, not as DONE")

    def _explained(self, error: Exception) -> Exception:
        """Returns the error; if the job server has ended, one with the last line of its log instead."""
        if self._server and (code := self._server.exit_code()) is not None:
            return RuntimeError(f"the job server ended with code {code}: {self._server.last_words()}")
        return error

    def _thread_failed(self, failure: threading.ExceptHookArgs) -> None:
        """Handles an exception that ended a thread, in place of `threading.excepthook`.

        Beam's threads that watch a job or a worker end so when it is gone, and nothing is printed for them. Beam itself
        may wait for ever for a worker that has ended, so the run is then ended from here: by an interrupt, and where
        Beam waits for its own threads even so, by ending the process. The files on disk are whole at any time.
        """
        name = failure.thread.name if failure.thread else ""
        if name.startswith("run_worker") and self._lost is None:
            self._lost = failure.exc_value
            _call_later(LOST_PATIENCE_S, _wake, self._still_runs(self._run))
            _call_later(2 * LOST_PATIENCE_S, self._give_up, self._still_runs(self._run))
        elif not name.startswith(("wait_until_finish", "run_worker")) and failure.exc_type.__module__ != "grpc":
            self._hook_before(failure)

    def _watch(self, nursery: Nursery, run: object | None) -> None:
        """Ends a run on a job server, which may wait for ever for its workers, once the nursery has ended with them."""
        nursery.wait()
        if self._still_runs(run)():
            self._lost = RuntimeError("the process that forks workers has ended")
            _wake()

    def _still_runs(self, run: object | None) -> Callable[[], bool]:
        return lambda: run is not None and self._run is run

    def _give_up(self) -> None:
        print(f"curate: a worker ended: {self._lost}", file=sys.stderr, flush=True)
        os._exit(1)


def archive_classes(name: str) -> bool:
    """Writes the classes that a runner's job server loads for a small job, unless they are there; returns whether now.

    A server that maps them starts in half of the time. Java before 13 cannot write them.
    """
    path, options = installs.classes(name), EngineOptions(runner=name, workers=1)
    if path.is_file():
        return True
    draft = storage.draft(path)
    server = JobServer(replace(server_settings(options, is_small=True), archive=draft))
    try:
        with Session(replace(options, job_server=server.start())) as session:
            session.run(_small_job, 0.0)
        server.end()
        draft.replace(path)
    except (RuntimeError, OSError, UserError):
        return False
    finally:
        server.stop()
        draft.unlink(missing_ok=True)
    for other in {*path.parent.glob("classes-*.jsa")} - {path}:
        other.unlink()
    return True


def _small_job(pipeline: Any) -> None:
    """Wires each kind of step that a stage has."""
    import apache_beam as beam

    numbers = pipeline | "Numbers" >> beam.Create([*range(8)]) | "Spread" >> beam.Reshuffle()
    pairs = numbers | "Pairs" >> beam.Map(_pair)
    sums = pairs | "Sums" >> beam.CombinePerKey(sum)
    (pairs, sums) | "Both" >> beam.Flatten() | "Group" >> beam.GroupByKey() | "End" >> beam.Map(len)


def _pair(number: int) -> tuple[bytes, int]:
    return bytes([number % 2]), number


def _direct_options() -> Any:
    from apache_beam.options.pipeline_options import DirectOptions

    return DirectOptions


def server_options(endpoint: str) -> frozenset[str]:
    """Returns the names of the options that a job server knows; raises SettingsError if no server answers there."""
    import grpc
    from apache_beam.portability.api import beam_job_api_pb2 as jobs
    from apache_beam.portability.api import beam_job_api_pb2_grpc as services

    with grpc.insecure_channel(endpoint) as channel:
        stub, request = services.JobServiceStub(channel), jobs.DescribePipelineOptionsRequest()
        try:
            response = stub.DescribePipelineOptions(request, wait_for_ready=True, timeout=CONNECT_PATIENCE_S)
        except grpc.RpcError as error:
            if error.code() == grpc.StatusCode.UNIMPLEMENTED:
                return frozenset()
            if error.code() == grpc.StatusCode.DEADLINE_EXCEEDED:
                raise SettingsError(f"{endpoint}: no job server answers there") from None
            raise
    return frozenset(option.name for option in response.options)


@contextmanager
def _waking() -> Iterator[None]:
    """Lets `_wake` end the block, if this is the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def woken(*_: object) -> None:
        raise WorkerLost

    before = signal.signal(signal.SIGUSR1, woken)
    try:
        yield
    finally:
        signal.signal(signal.SIGUSR1, before)


def _cancel() -> None:
    raise KeyboardInterrupt


def _wake() -> None:
    """Ends the main thread's wait for a lock, by WorkerLost."""
    main = threading.main_thread().ident
    if main is not None:
        signal.pthread_kill(main, signal.SIGUSR1)


def _call_later(seconds: float, act: Callable[[], None], still_needed: Callable[[], bool]) -> None:
    """Calls `act` after so many seconds, unless it is no longer needed then."""
    timer = threading.Timer(seconds, lambda: act() if still_needed() else None)
    timer.daemon = True
    timer.start()


def _portable_runner() -> Any:
    # Beam starts the worker processes of a LOOPBACK environment by the name `python` alone.
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    from apache_beam.runners.portability.portable_runner import PortableRunner

    return PortableRunner()


def _local_runner(options: Any, nursery: Nursery | None) -> Any:
    """Returns a FnApiRunner whose worker processes come from the nursery; without one they are started anew."""
    from apache_beam.portability import python_urns
    from apache_beam.portability.api import beam_provision_api_pb2
    from apache_beam.runners.portability.fn_api_runner import fn_runner
    from apache_beam.runners.portability.portable_runner import JobServiceHandle

    # Without provision_info the worker processes would see no options at all.
    encoded = JobServiceHandle.encode_pipeline_options(options.get_all_options())
    info = fn_runner.ExtendedProvisionInfo(beam_provision_api_pb2.ProvisionInfo(pipeline_options=encoded))
    command = f"exec {shlex.quote(sys.executable)} -P -m curate.pipelines.engines.worker".encode()
    if nursery:
        _register(nursery)

    class LocalRunner(fn_runner.FnApiRunner):  # type: ignore[misc]
        def run_via_runner_api(self, pipeline_proto: Any, options: Any) -> Any:
            for environment in pipeline_proto.components.environments.values():
                if environment.urn == python_urns.SUBPROCESS_SDK:
                    environment.urn = FORKED if nursery else environment.urn
                    environment.payload = command
            return super().run_via_runner_api(pipeline_proto, options)

    return LocalRunner(provision_info=info)


def _register(nursery: Nursery) -> None:
    """Has Beam take the workers of FORKED environments from this nursery."""
    from apache_beam.runners.portability.fn_api_runner import worker_handlers
    from google.protobuf import json_format, text_format

    class ForkedWorker(worker_handlers.SubprocessSdkWorkerHandler):  # type: ignore[misc]
        def start_worker(self) -> None:
            environment = {
                "WORKER_ID": self.worker_id,
                "CONTROL_API_SERVICE_DESCRIPTOR": text_format.MessageToString(self.control_api_service_descriptor()),
                "LOGGING_API_SERVICE_DESCRIPTOR": text_format.MessageToString(self.logging_api_service_descriptor()),
                "PIPELINE_OPTIONS": json_format.MessageToJson(self.provision_info.provision_info.pipeline_options),
            }
            self.worker_thread = threading.Thread(name="run_worker", target=nursery.run, args=(environment,))
            self.worker_thread.start()

    worker_handlers.WorkerHandler.register_environment(FORKED, bytes)(ForkedWorker)
