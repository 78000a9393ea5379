"""Where the stages run, as the command line says it, and the options that this means to Beam and to the engines."""

import io
import json
import logging
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate.errors import SettingsError
from curate.pipelines.engines import jobserver

# Two worker processes cost about 4 s to start and stop, so they pay from some 10 s of work on.
SMALL_SECONDS = 10.0
STARTED = ("spark", "flink", "prism")  # as a job server of ours
RUNNERS = ("local", *STARTED, "portable", "dataflow")
# Tasks per worker of a Spark shuffle: enough that one slow part does not leave the other workers idle.
TASKS_PER_WORKER = 4
YEAR_S = 365 * 24 * 3600
# What Beam's readers of S3 and MongoDB need: a third of its import's time, and a local run has no use for them.
CONNECTORS = ("boto3", "bson", "pymongo")
TASK_FAILURES = 4  # Spark's own default on a cluster; its local master would give up at the first


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOptions:
    """Where the stages run, as the command line says it.

    workers: worker processes, one per core where None. master: Spark's or Flink's; a local one where None. job_server:
    HOST:PORT of one that runs already. job_server_jar: one in a file. conf: the engine's settings, KEY=VALUE. beam:
    Beam's own options, which come last and win.
    """

    runner: str = "local"
    workers: int | None = None
    master: str | None = None
    job_server: str | None = None
    job_server_jar: Path | None = None
    conf: tuple[str, ...] = ()
    beam: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """The number of workers."""
        return self.workers or cores()

    def check(self) -> None:
        """SettingsError, before any work, where something here cannot be used."""
        _check_names(self)
        if self.workers is not None and self.workers < 1:
            raise SettingsError(f"--workers {self.workers}: need at least one worker")
        quiet_beam(connectors=self.runner != "local")
        if self.runner == "local":
            parsed(pipeline_options(self, 0.0))
        if self.runner in STARTED and not self.job_server:
            server_settings(self).check()
        if self.runner != "local":
            boot()


def _check_names(target: EngineOptions) -> None:
    runner = target.runner
    if runner not in RUNNERS:
        raise SettingsError(f"--runner {runner}: no such runner; known are {', '.join(RUNNERS)}")
    for option, value, runners in (
        ("--master", target.master, ("spark", "flink")),
        ("--job-server-jar", target.job_server_jar, ("spark", "flink")),
        ("--job-server", target.job_server, ("spark", "flink", "prism", "portable")),
        ("--conf", target.conf, ("spark", "flink")),
    ):
        if value and runner not in runners:
            raise SettingsError(f"{option} goes with --runner {' or '.join(runners)}, not {runner}")
        if value and target.job_server and option != "--job-server":
            raise SettingsError(
                f"{option}: the job server at {target.job_server} has chosen that already; leave one out"
            )
    if runner == "portable" and not target.job_server:
        raise SettingsError("--runner portable needs --job-server HOST:PORT, the job server to send the jobs to")
    if target.job_server and not target.job_server.rpartition(":")[2].isdigit():
        raise SettingsError(f"--job-server {target.job_server}: expected HOST:PORT")
    for setting in target.conf:
        if not setting.partition("=")[0] or "=" not in setting:
            raise SettingsError(f"--conf {setting}: expected KEY=VALUE")
        if setting.startswith("spark.executor.cores=") and not setting.partition("=")[2].isdecimal():
            raise SettingsError(f"--conf {setting}: expected a number of cores")
        if runner == "spark" and not setting.startswith("spark."):
            raise SettingsError(f"--conf {setting}: Spark's settings begin with spark.")
    if runner == "spark" and target.master == "yarn" and not jobserver.hadoop_conf():
        raise SettingsError("--master yarn: set HADOOP_CONF_DIR to the folder of yarn-site.xml")


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def boot() -> str:
    """The command that starts a worker process, beside the Python that runs this; SettingsError where it is not."""
    beside = Path(sys.executable).with_name("curate-worker-boot")
    found = str(beside) if beside.exists() else shutil.which("curate-worker-boot")
    if not found:
        raise SettingsError(
            f"{beside} is missing, which starts the workers; install curate-corpus into this environment"
        )
    return found


def server_settings(target: EngineOptions) -> jobserver.Settings:
    """The job server that a target needs: with a local master, of as many slots as there are workers."""
    count, master = target.count, target.master
    given = dict(setting.split("=", 1) for setting in target.conf)
    conf: dict[str, str] = {}
    if target.runner == "spark":
        local = is_local(master)
        master = master or f"local[{count},{TASK_FAILURES}]"
        conf = {"spark.app.name": "curate", "spark.ui.enabled": "false"}
        conf["spark.default.parallelism"] = str(TASKS_PER_WORKER * count)
        if local:
            conf |= {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
        elif target.workers:
            conf["spark.cores.max"] = str(count)
    elif target.runner == "flink":
        master = master or "[local]"
    return jobserver.Settings(name=target.runner, master=master or "", jar=target.job_server_jar, conf=conf | given)


def pipeline_options(target: EngineOptions, seconds: float, endpoint: str = "") -> list[str]:
    """The Beam options of one stage whose work is estimated at `seconds` of CPU; the user's own come last and win."""
    own = [*target.beam]
    common = ["--default_sdk_harness_log_level=ERROR", "--no_save_main_session"]
    if target.runner == "local":
        mode = "in_memory" if target.count == 1 or seconds < SMALL_SECONDS else "multi_processing"
        mode = next((word.partition("=")[2] for word in own if word.startswith("--direct_running_mode=")), mode)
        workers = 1 if mode == "in_memory" else target.count
        return [f"--direct_running_mode={mode}", f"--direct_num_workers={workers}", *common, *own]
    options = [
        *common,
        "--experiments=disable_logging_submission_environment",
        f"--job_endpoint={endpoint}",
        f"--job_server_timeout={YEAR_S}",  # it bounds the job's message stream too, and so the job, on Prism
        f"--sdk_worker_parallelism={_workers_per_node(target)}",
        "--environment_cache_millis=3600000",  # else workers are started again for every piece of a stage
    ]
    if not any(option.startswith("--environment") for option in own):
        options += ["--environment_type=PROCESS", f"--environment_config={json.dumps({'command': boot()})}"]
    if target.runner in ("spark", "flink"):
        options.append("--experiments=pre_optimize=all")  # else a Flatten of two consumers is refused
    if target.runner == "spark":
        options.append("--storage_level=MEMORY_AND_DISK")  # what is evicted from memory alone would be made again
    if target.runner == "flink":
        options += [
            f"--parallelism={target.count}",
            # By default every subtask of a stage is given to the same worker process. A bundle that waits for a free
            # one must not hold up those whose output it reads, so a stage ends before the next begins.
            "--load_balance_bundles",
            "--execution_mode_for_batch=BATCH_FORCED",
            f"--number_of_execution_retries={TASK_FAILURES - 1}",
        ]
    return [*options, *own]


def _workers_per_node(target: EngineOptions) -> int:
    """Worker processes per executor: all of them where there is one; 0, one less than its cores, on a cluster."""
    given = dict(setting.split("=", 1) for setting in target.conf)
    return target.count if is_local(target.master) else int(given.get("spark.executor.cores", 0))


def is_local(master: str | None) -> bool:
    """Is this Spark's or Flink's word for the machine at hand?"""
    return master is None or master in ("local", "[local]") or master.startswith("local[")


def quiet_beam(*, connectors: bool = True) -> None:
    """Import Beam without its messages at import, which would install a root log handler; one line if it is absent.

    connectors: import those of Beam's own besides that slow it most, too.
    """
    root = logging.getLogger()
    if not root.handlers:
        root.addHandler(logging.NullHandler())
    hidden = () if connectors else tuple(name for name in CONNECTORS if name not in sys.modules)
    try:
        sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type] # None: there is none
        import apache_beam  # noqa: F401
    except ImportError as error:
        raise SettingsError(
            f"Apache Beam is not installed ({error}); install it with: pip install 'curate-corpus[beam]'"
        ) from None
    finally:
        for name in hidden:
            del sys.modules[name]


def parsed(arguments: list[str], told: frozenset[str] = frozenset()) -> Any:
    """Beam's options object; SettingsError at an option that neither the SDK nor the job server knows."""
    quiet_beam()
    from apache_beam.options.pipeline_options import PipelineOptions

    with one_line_usage():
        options = PipelineOptions(arguments)
        given = options.get_all_options(drop_default=True, retain_unknown_options=True).keys()
        unknown = given - options.get_all_options(retain_unknown_options=False).keys() - told
    if unknown:
        raise SettingsError(f"--{sorted(unknown)[0]}: Beam knows no such option")
    return options


@contextmanager
def one_line_usage() -> Iterator[None]:
    """Beam's parser prints its whole usage and exits; only what is wrong is told here."""
    said = io.StringIO()
    try:
        with redirect_stderr(said):
            yield
    except SystemExit:
        raise SettingsError(f"Beam's options: {said.getvalue().strip().rpartition('error: ')[2]}") from None
