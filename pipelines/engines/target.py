"""Checks the command line's options of where the stages run, and turns them into options of Beam and of the engines."""

import io
import json
import logging
import os
import resource
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from curate.errors import SettingsError, UserError, install
from curate.pipelines.engines import installs, jobserver
from curate.pipelines.engines.nursery import ADDRESS

# CPU seconds of work from which on worker processes pay. Two that are started anew cost about 4 s to start and stop,
# two that are forked 0.3 s, and those that wait for work next to nothing; shuffles between processes cost more than
# their start.
SMALL_SECONDS, SMALL_FORKED_SECONDS, SMALL_READY_SECONDS = 10.0, 1.0, 0.2
STARTED = ("spark", "flink", "prism")  # runners whose job server curate starts
RUNNERS = ("local", *STARTED, "portable", "dataflow")
# Tasks per worker of a Spark shuffle: enough that one slow part does not leave the other workers idle. Small work has
# one, as a task costs 10 ms and a recipe has 50 shuffles.
TASKS_PER_WORKER = 4
YEAR_S = 365 * 24 * 3600
# Modules that Beam needs for S3, MongoDB and BigQuery: half of its import's time, and a local run has no use for them.
CONNECTORS = ("boto3", "bson", "pymongo", "apache_beam.io.gcp.bigquery")
FILES, FILES_PER_WORKER = 32, 8  # open at once, at the least: two workers were measured to need 28
# Beam's options that are chosen by one of ours.
OURS = {
    "runner": "--runner",
    "job_endpoint": "--job-server",
    "spark_master_url": "--master",
    "flink_master": "--master",
    "spark_job_server_jar": "--job-server-jar",
    "flink_job_server_jar": "--job-server-jar",
}
LEAST = {"direct_num_workers": 0, "direct_runner_bundle_repeat": 0}  # values of Beam that it does not check itself
COUNTS = ("spark.executor.cores", "taskmanager.numberOfTaskSlots")  # by which worker processes are asked for
TASK_FAILURES = 4  # Spark's own default on a cluster; its local master would give up at the first


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOptions:
    """The command line's options of where the stages run."""

    runner: str = "local"  # one of RUNNERS
    workers: int | None = None  # worker processes; None for one per core
    master: str | None = None  # the master of Spark or Flink; None for a local one
    job_server: str | None = None  # HOST:PORT of a job server that runs already
    job_server_jar: Path | None = None  # a job server in one file, instead of the fetched class path
    conf: tuple[str, ...] = ()  # settings of Spark or Flink, each KEY=VALUE
    beam: tuple[str, ...] = ()  # Beam's own options, which come last and win

    @property
    def count(self) -> int:
        """The number of worker processes."""
        return self.workers or cores()

    @property
    def boots(self) -> bool:
        """Returns whether our boot starts the workers of a job server: unless the user names an environment."""
        return self.runner != "local" and not any(option.startswith("--environment") for option in self.beam)

    @property
    def forks(self) -> bool:
        """Returns whether workers are processes of this machine that end with the command, and may be forks of it."""
        if self.runner == "local":
            return self.count > 1
        return self.boots and self.starts_server and is_local(self.master)

    @property
    def starts_server(self) -> bool:
        """Returns whether the command starts a job server."""
        return self.runner in STARTED and not self.job_server

    def check(self) -> None:
        """Raises SettingsError, before any work, if an option cannot be used."""
        self.check_without_beam()
        self.check_with_beam()

    def check_without_beam(self) -> None:
        """Checks what can be checked at once."""
        _check_names(self)
        check_beam(self.beam)
        _check_files(self.count)
        if self.workers is not None and self.workers < 1:
            raise SettingsError(f"--workers {self.workers}: need at least one worker")
        if self.starts_server:
            server_settings(self).check()
        if self.runner != "local":
            boot_command()

    def check_with_beam(self) -> None:
        """Imports Beam and checks its options, and the version of Java, where one is needed."""
        quiet_beam(connectors=self.runner != "local")
        if self.runner == "local":
            _check_local(parse_options(pipeline_options(self, 0.0)))
        else:
            parse_options([*self.beam], None)
        if self.starts_server and self.runner in jobserver.MAINS:
            installs.java()


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The services that a session has started for a pipeline."""

    endpoint: str = ""  # HOST:PORT; '' for the local runner
    nursery: str = ""  # the address of the nursery that its workers are forked from; '' if they are started anew
    small_seconds: float = SMALL_SECONDS  # of CPU time: less work than this the local runner does in this process
    no_jar: str = ""  # a jar without content, which a local master is given in place of its class path; '' for none


def pipeline_options(options: EngineOptions, cpu_seconds: float, service: Service = Service()) -> list[str]:
    """Returns the Beam options of one stage that takes about `cpu_seconds`; the user's own come last and win."""
    common = ["--default_sdk_harness_log_level=ERROR", "--no_save_main_session"]
    if options.runner == "local":
        return [*_local_options(options, cpu_seconds < service.small_seconds), *common, *options.beam]
    return [*common, *_portable_options(options, service), *options.beam]


def _local_options(options: EngineOptions, is_small: bool) -> list[str]:
    mode = "in_memory" if options.count == 1 or is_small else "multi_processing"
    mode = _values(options.beam).get("direct_running_mode", mode)
    workers = 1 if mode == "in_memory" else options.count
    return [f"--direct_running_mode={mode}", f"--direct_num_workers={workers}"]


def _portable_options(options: EngineOptions, service: Service) -> list[str]:
    """Returns the Beam options of a job that is sent to a job server."""
    arguments = [
        "--experiments=disable_logging_submission_environment",
        f"--job_endpoint={service.endpoint}",
        f"--job_server_timeout={YEAR_S}",  # it bounds the job's message stream too, and so the job, on Prism
        f"--sdk_worker_parallelism={_workers_per_node(options)}",
        "--environment_cache_millis=3600000",  # else workers are started again for every piece of a stage
    ]
    if options.boots:
        config = {"command": boot_command()} | ({"env": {ADDRESS: service.nursery}} if service.nursery else {})
        arguments += ["--environment_type=PROCESS", f"--environment_config={json.dumps(config)}"]
    if options.runner in ("spark", "flink"):
        arguments.append("--experiments=pre_optimize=all")  # else a Flatten of two consumers is refused
        # Else bundles wait for one worker process while another has nothing to do. With one it would only make the job
        # wait for ever where that process is lost between two bundles.
        if _workers_per_node(options) != 1:
            arguments.append("--load_balance_bundles")
    if options.runner == "spark":
        arguments.append("--storage_level=MEMORY_AND_DISK")  # what is evicted from memory alone would be made again
        if service.no_jar and is_local(options.master):  # else it copies its whole class path for each job
            arguments.append(f"--files_to_stage={service.no_jar}")
    if options.runner == "flink":
        arguments += [
            f"--parallelism={options.count}",
            # A bundle that waits for a free worker process must not hold up those whose output it reads, so a stage
            # ends before the next begins.
            "--execution_mode_for_batch=BATCH_FORCED",
            f"--number_of_execution_retries={TASK_FAILURES - 1}",
        ]
    return arguments


def _workers_per_node(options: EngineOptions) -> int:
    """Returns the worker processes of an executor: all of them on one machine, on a cluster one per core or slot.

    0 where that is not known, which Beam reads as one less than the cores of the host.
    """
    if is_local(options.master):
        return options.count
    conf = _conf(options)
    return _executor_cores(conf) if options.runner == "spark" else int(conf.get("taskmanager.numberOfTaskSlots", 0))


def _executor_cores(conf: dict[str, str]) -> int:
    """Returns the cores of an executor of Spark: 1 unless the user says more, whatever the master's own default."""
    return int(conf.get("spark.executor.cores", 1))


def server_settings(options: EngineOptions, *, is_small: bool = False) -> jobserver.Settings:
    """Returns the settings of the job server to start; a local master has as many slots as there are workers.

    is_small: whether all that it will run takes some minutes of one core.
    """
    count, master = options.count, options.master
    is_small = is_small and is_local(master)
    conf: dict[str, str] = {}
    if options.runner == "spark":
        local = is_local(master)
        master = master or f"local[{count},{TASK_FAILURES}]"
        conf = {"spark.app.name": "curate", "spark.ui.enabled": "false", "spark.locality.wait": "0s"}
        conf["spark.default.parallelism"] = str(count if is_small else TASKS_PER_WORKER * count)
        if local:
            conf |= {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
        else:
            executor_cores = _executor_cores(_conf(options))
            conf["spark.executor.cores"] = str(executor_cores)  # so that there are as many worker processes as slots
            if options.workers:
                conf["spark.cores.max"] = str(count)
                conf["spark.executor.instances"] = str(-(-count // executor_cores))  # YARN's name of it
    elif options.runner == "flink":
        master = master or "[local]"
    conf |= _conf(options)
    return jobserver.Settings(
        name=options.runner,
        master=master or "",
        is_local=is_local(options.master),
        is_small=is_small,
        jar=options.job_server_jar,
        conf=conf,
    )


def is_local(master: str | None) -> bool:
    """Returns whether a master of Spark or Flink is this machine."""
    return master is None or master in ("local", "[local]") or master.startswith("local[")


def cores() -> int:
    """Returns the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def boot_command() -> str:
    """Returns the command that starts a worker process; raises UserError if it is not installed.

    The one beside the Python that runs this comes first, then one on the PATH.
    """
    beside = Path(sys.executable).with_name("curate-worker-boot")
    command = str(beside) if beside.exists() else shutil.which("curate-worker-boot")
    if not command:
        raise UserError(f"{beside} is missing, which starts the workers; install curate into this environment")
    return command


def quiet_beam(*, connectors: bool = True) -> None:
    """Imports Beam without its messages, which would install a root log handler; raises UserError if it is absent.

    connectors: whether Beam may import the modules of CONNECTORS, which slow its import most.
    """
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # its C++ would write to standard error
    root = logging.getLogger()
    if not root.handlers:
        root.addHandler(logging.NullHandler())
    hidden = () if connectors else tuple(name for name in CONNECTORS if name not in sys.modules)
    try:
        sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type] # None: there is none
        import apache_beam  # noqa: F401
    except ImportError as error:
        raise UserError(f"Apache Beam is not installed ({error}): {install(['beam'])}") from None
    finally:
        for name in hidden:
            del sys.modules[name]


def parse_options(arguments: list[str], server_options: frozenset[str] | None = frozenset()) -> Any:
    """Returns Beam's options object; raises SettingsError at an option that neither Beam nor the job server knows.

    server_options: the names of those that the server knows; None where it has not been asked yet.
    """
    quiet_beam()
    with one_line_usage():
        options = _options_class()(arguments)
        given = options.get_all_options(drop_default=True, retain_unknown_options=True).keys()
        unknown = given - options.get_all_options(retain_unknown_options=False).keys() - (server_options or frozenset())
    if unknown and server_options is not None:
        raise SettingsError(f"--{sorted(unknown)[0]}: Beam knows no such option")
    return options


@cache
def _options_class() -> Any:
    """Returns a class of Beam's options that makes each of its views once.

    A pipeline asks for several views at each of its transforms, and Beam parses all arguments again for each.
    """
    from apache_beam.options.pipeline_options import PipelineOptions

    class Options(PipelineOptions):
        def view_as(self, cls: Any) -> Any:
            views = self.__dict__.setdefault("_views", {})  # an attribute would be an option
            if cls not in views:
                views[cls] = super().view_as(cls)
            return views[cls]

    return Options


@contextmanager
def one_line_usage() -> Iterator[None]:
    """Raises SettingsError with one line where Beam's parser would print its whole usage and exit."""
    usage = io.StringIO()
    try:
        with redirect_stderr(usage):
            yield
    except SystemExit:
        raise SettingsError(f"Beam's options: {usage.getvalue().strip().rpartition('error: ')[2]}") from None


def _check_names(options: EngineOptions) -> None:
    """Raises SettingsError at an unknown runner, or at options that do not go together."""
    runner = options.runner
    if runner not in RUNNERS:
        raise SettingsError(f"--runner {runner}: no such runner; known are {', '.join(RUNNERS)}")
    for option, value, runners in (
        ("--master", options.master, ("spark", "flink")),
        ("--job-server-jar", options.job_server_jar, ("spark", "flink")),
        ("--job-server", options.job_server, ("spark", "flink", "prism", "portable")),
        ("--conf", options.conf, ("spark", "flink")),
    ):
        if value and runner not in runners:
            raise SettingsError(f"{option} goes with --runner {' or '.join(runners)}, not {runner}")
        if value and options.job_server and option != "--job-server":
            raise SettingsError(
                f"{option}: the job server at {options.job_server} has chosen that already; leave one out"
            )
    if runner == "portable" and not options.job_server:
        raise SettingsError("--runner portable needs --job-server HOST:PORT, the job server to send the jobs to")
    if options.job_server and not options.job_server.rpartition(":")[2].isdigit():
        raise SettingsError(f"--job-server {options.job_server}: expected HOST:PORT")
    _check_conf(options)
    if runner == "spark" and options.master == "yarn" and not jobserver.hadoop_conf():
        raise SettingsError("--master yarn: set HADOOP_CONF_DIR to the folder of yarn-site.xml")


def _values(beam: tuple[str, ...]) -> dict[str, str]:
    """Returns Beam's options by name; a value follows its name after = or as the next word, the last one wins."""
    values, name = {}, ""
    for word in beam:
        if word.startswith("--"):
            name, _, value = word[2:].partition("=")
            values[name] = value
        elif not name or values[name]:
            raise SettingsError(f"-- {word}: expected an option of Beam, which begins with --")
        else:
            values[name] = word
    return values


def check_beam(beam: tuple[str, ...]) -> None:
    """Raises SettingsError at an option behind the -- that has a name of its own before it."""
    for name, value in _values(beam).items():
        if ours := OURS.get(name):
            raise SettingsError(f"-- --{name}={value}: say {ours} before the -- instead")


def _check_local(beam: Any) -> None:
    """Raises SettingsError where the local runner could not run with Beam's options."""
    given = beam.get_all_options()
    for name, least in LEAST.items():
        if given.get(name) is not None and given[name] < least:
            raise SettingsError(f"-- --{name}={given[name]}: expected {least} or more")


def _check_files(workers: int) -> None:
    """Raises SettingsError where so few files may be open that the processes could not even talk to each other.

    The limit is raised as far as this process may.
    """
    limit, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = FILES + FILES_PER_WORKER * workers
    if resource.RLIM_INFINITY in (limit, most) or limit >= needed:
        return
    if most < needed:
        raise SettingsError(
            f"{most} files may be open at once, and {workers} workers need {needed}: raise the limit with ulimit -n, "
            "or give fewer --workers"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, most))


def _check_conf(options: EngineOptions) -> None:
    for setting in options.conf:
        key, equals, value = setting.partition("=")
        if not key or not equals:
            raise SettingsError(f"--conf {setting}: expected KEY=VALUE")
        if key in COUNTS and not (value.isdecimal() and int(value)):
            raise SettingsError(f"--conf {setting}: expected a number of cores")
        if options.runner == "spark" and not key.startswith("spark."):
            raise SettingsError(f"--conf {setting}: Spark's settings begin with spark.")


def _conf(options: EngineOptions) -> dict[str, str]:
    """Returns the user's settings of Spark or Flink by key."""
    return dict(setting.split("=", 1) for setting in options.conf)
