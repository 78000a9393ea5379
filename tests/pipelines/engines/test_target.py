"""The options of where stages run: bad ones are refused before any work, good ones become those of Beam and engines."""

import json
import os
import subprocess
import sys
from copy import deepcopy

import pytest
from apache_beam.options.pipeline_options import DirectOptions, StandardOptions

from curate.errors import SettingsError, UserError
from curate.pipelines import verbs
from curate.pipelines.engines import installs, runners
from curate.pipelines.engines.engine import Engine
from curate.pipelines.engines.target import (
    SMALL_FORKED_SECONDS,
    EngineOptions,
    Service,
    boot_command,
    parse_options,
    pipeline_options,
    server_settings,
)

SERVICE = Service(endpoint="h:1")

BEFORE_BEAM = """
import sys
from contextlib import contextmanager
from pathlib import Path
from curate import recipe
from curate.pipelines.engines.engine import Engine
from curate.pipelines.run import run_as_one_job

class Starting(Engine):
    @contextmanager
    def started(self, *_stages, **_words):
        sys.exit("Beam is imported" if "apache_beam" in sys.modules else 0)
        yield

run_as_one_job(recipe.load("quickstart"), Path(sys.argv[1]), Starting())
"""

REFUSED = [
    (
        EngineOptions(runner="sparkle"),
        "--runner sparkle: no such runner; known are local, spark, flink, prism, portable",
    ),
    (EngineOptions(workers=0), "--workers 0: need at least one worker"),
    (EngineOptions(master="local[2]"), "--master goes with --runner spark or flink, not local"),
    (EngineOptions(runner="prism", conf=("a=b",)), "--conf goes with --runner spark or flink, not prism"),
    (EngineOptions(runner="flink", conf=("parallelism",)), "--conf parallelism: expected KEY=VALUE"),
    (EngineOptions(runner="spark", conf=("executor.cores=2",)), "Spark's settings begin with spark."),
    (
        EngineOptions(runner="spark", conf=("spark.executor.cores=x",)),
        "spark.executor.cores=x: expected a number of cores",
    ),
    (
        EngineOptions(runner="flink", conf=("taskmanager.numberOfTaskSlots=0",)),
        "taskmanager.numberOfTaskSlots=0: expected a number of cores",
    ),
    (EngineOptions(runner="portable"), "--runner portable needs --job-server HOST:PORT"),
    (EngineOptions(runner="portable", job_server="localhost"), "--job-server localhost: expected HOST:PORT"),
    (EngineOptions(runner="spark", job_server="h:1", master="yarn"), "--master: the job server at h:1 has chosen that"),
    (
        EngineOptions(beam=("--direct_num_workers=many",)),
        "Beam's options: argument --direct_num_workers: invalid int value",
    ),
    (EngineOptions(beam=("--directnumworkers=2",)), "--directnumworkers: Beam knows no such option"),
    (EngineOptions(beam=("--direct_num_workers=-1",)), "-- --direct_num_workers=-1: expected 0 or more"),
    (EngineOptions(beam=("--direct_num_workers", "-1")), "-- --direct_num_workers=-1: expected 0 or more"),
    (EngineOptions(beam=("--direct_runner_bundle_repeat=-3",)), "-- --direct_runner_bundle_repeat=-3: expected 0 or"),
    (EngineOptions(beam=("--direct_running_mode=none",)), "--direct_running_mode: invalid choice: 'none'"),
    (EngineOptions(beam=("--runner=Nope",)), "-- --runner=Nope: say --runner before the -- instead"),
    (EngineOptions(beam=("--runner", "FlinkRunner")), "-- --runner=FlinkRunner: say --runner before the -- instead"),
    (EngineOptions(beam=("--flink_master=h:1",)), "-- --flink_master=h:1: say --master before the -- instead"),
    (EngineOptions(beam=("--streaming", "x", "y")), "-- y: expected an option of Beam, which begins with --"),
    (EngineOptions(beam=("filter",)), "-- filter: expected an option of Beam, which begins with --"),
    (
        EngineOptions(runner="portable", job_server="h:1", beam=("--job_endpoint=h:2",)),
        "-- --job_endpoint=h:2: say --job-server before the -- instead",
    ),
    (
        EngineOptions(runner="portable", job_server="h:1", beam=("--type_check_strictness=none",)),
        "--type_check_strictness: invalid choice: 'none'",
    ),
]


@pytest.mark.parametrize(("options", "message"), REFUSED, ids=[message[:40] for _, message in REFUSED])
def test_what_cannot_be_used_is_refused_in_one_line_before_any_work(options, message):
    with pytest.raises(SettingsError) as refused:
        options.check()
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_yarn_without_its_settings_is_refused(monkeypatch):
    monkeypatch.delenv("HADOOP_CONF_DIR", raising=False)
    with pytest.raises(SettingsError, match="set HADOOP_CONF_DIR to the folder of yarn-site"):
        EngineOptions(runner="spark", master="yarn").check()


def test_a_jar_that_is_not_there_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(installs, "java", lambda: "java")
    with pytest.raises(SettingsError, match=r"--job-server-jar .*absent\.jar: no such file"):
        EngineOptions(runner="spark", job_server_jar=tmp_path / "absent.jar").check()


@pytest.mark.parametrize("runner", ["spark", "flink", "prism"])
def test_a_runner_that_was_never_fetched_is_refused_with_the_command_that_fetches_it(runner, tmp_path, monkeypatch):
    monkeypatch.setenv("CURATE_CACHE", str(tmp_path))
    monkeypatch.setattr(installs, "java", lambda: "java")
    with pytest.raises(UserError, match=f"get them with: curate runners fetch {runner}"):
        EngineOptions(runner=runner).check()


def test_small_work_stays_in_this_process_and_large_work_gets_a_process_per_worker():
    assert "--direct_running_mode=in_memory" in pipeline_options(EngineOptions(workers=4), 1.0)
    large = pipeline_options(EngineOptions(workers=4), 100.0)
    assert {"--direct_running_mode=multi_processing", "--direct_num_workers=4"} <= set(large)
    assert "--direct_running_mode=in_memory" in pipeline_options(EngineOptions(workers=1), 100.0)


def test_forked_workers_pay_sooner():
    service = Service(small_seconds=SMALL_FORKED_SECONDS)
    assert "--direct_running_mode=multi_processing" in pipeline_options(EngineOptions(workers=2), 1.5, service)
    assert "--direct_running_mode=in_memory" in pipeline_options(EngineOptions(workers=2), 0.5, service)
    assert "--direct_running_mode=in_memory" in pipeline_options(EngineOptions(workers=1), 1.5, service)


@pytest.mark.parametrize("runner", ["spark", "flink", "prism", "portable"])
def test_worker_processes_are_started_by_our_boot_unless_the_user_names_an_environment(runner):
    options = pipeline_options(EngineOptions(runner=runner, workers=3), 0.0, SERVICE)
    config = next(option for option in options if option.startswith("--environment_config="))
    assert json.loads(config.partition("=")[2]) == {"command": boot_command()}
    assert os.access(boot_command(), os.X_OK)
    assert "--sdk_worker_parallelism=3" in options
    own = ("--environment_type=DOCKER",)
    given = pipeline_options(EngineOptions(runner=runner, beam=own), 0.0, SERVICE)
    assert [option for option in given if option.startswith("--environment_")][1:] == [*own]


@pytest.mark.parametrize("runner", ["spark", "flink"])
def test_spark_and_flink_get_a_graph_that_is_optimised_here(runner):
    assert "--experiments=pre_optimize=all" in pipeline_options(EngineOptions(runner=runner), 0.0, SERVICE)


def test_a_mode_that_the_user_names_gets_all_workers():
    for own in (("--direct_running_mode=multi_processing",), ("--direct_running_mode", "multi_processing")):
        assert "--direct_num_workers=3" in pipeline_options(EngineOptions(workers=3, beam=own), 0.0)


@pytest.mark.parametrize(("soft", "hard", "refused"), [(20, 20, True), (20, 4096, False), (4096, 4096, False)])
def test_too_few_open_files_are_more_if_they_may_be_or_refused(soft, hard, refused):
    code = (
        f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))\n"
        "from curate.pipelines.engines.target import EngineOptions\nEngineOptions(workers=2).check()\n"
        "print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    if refused:
        assert "20 files may be open at once, and 2 workers need 48: raise the limit with ulimit -n" in done.stderr
    else:
        assert int(done.stdout) >= 48


@pytest.mark.parametrize(
    ("options", "processes"),
    [
        (EngineOptions(runner="flink", master="localhost:8081"), 0),
        (EngineOptions(runner="flink", master="h:8081", conf=("taskmanager.numberOfTaskSlots=6",)), 6),
        (EngineOptions(runner="spark", master="local[8]", workers=2), 2),
        (EngineOptions(runner="spark", master="spark://h:7077", workers=64), 1),
        (EngineOptions(runner="spark", master="spark://h:7077", conf=("spark.executor.cores=8",)), 8),
    ],
)
def test_a_node_has_as_many_worker_processes_as_an_executor_has_cores(options, processes):
    assert f"--sdk_worker_parallelism={processes}" in pipeline_options(options, 0.0, SERVICE)
    if options.master.startswith("spark://"):
        assert server_settings(options).conf["spark.executor.cores"] == str(processes)


def test_the_workers_of_a_spark_cluster_are_its_cores_and_its_executors():
    own = ("spark.executor.cores=8",)
    conf = server_settings(EngineOptions(runner="spark", master="spark://h:7077", workers=60, conf=own)).conf
    assert (conf["spark.cores.max"], conf["spark.executor.instances"]) == ("60", "8")
    assert "spark.executor.cores" not in server_settings(EngineOptions(runner="spark", workers=2)).conf


@pytest.mark.parametrize("runner", ["spark", "flink"])
def test_bundles_go_to_the_worker_process_that_is_free(runner):
    assert "--load_balance_bundles" in pipeline_options(EngineOptions(runner=runner, workers=2), 0.0, SERVICE)
    assert "--load_balance_bundles" not in pipeline_options(EngineOptions(runner=runner, workers=1), 0.0, SERVICE)


def test_workers_are_forked_only_where_they_end_with_the_command():
    service = Service(endpoint="h:1", nursery="name", no_jar="/tmp/empty.jar")
    local = pipeline_options(EngineOptions(runner="spark", workers=2), 0.0, service)
    config = json.loads(next(word for word in local if word.startswith("--environment_config=")).partition("=")[2])
    assert config["env"] == {"CURATE_NURSERY": "name"}
    assert "--files_to_stage=/tmp/empty.jar" in local
    cluster = EngineOptions(runner="spark", master="spark://h:7077")
    assert not [word for word in pipeline_options(cluster, 0.0, service) if word.startswith("--files_to_stage")]
    assert [
        EngineOptions(runner=runner, workers=2, master=master, job_server=server, beam=beam).forks
        for runner, master, server, beam in (
            ("local", None, None, ()),
            ("spark", None, None, ()),
            ("spark", "local[2]", None, ()),
            ("spark", "spark://h:7077", None, ()),
            ("spark", None, "h:1", ()),
            ("flink", None, None, ("--environment_type=DOCKER",)),
        )
    ] == [True, True, True, False, False, False]


def test_a_view_of_the_options_is_made_once_and_a_copy_has_its_own():
    options = parse_options(["--direct_num_workers=3", "--streaming"])
    view, copied = options.view_as(DirectOptions), deepcopy(options)
    assert options.view_as(DirectOptions) is view
    view.direct_num_workers = 5
    copied.view_as(DirectOptions).direct_num_workers = 7
    assert options.get_all_options()["direct_num_workers"] == options.view_as(DirectOptions).direct_num_workers == 5
    assert copied.get_all_options()["direct_num_workers"] == 7
    assert copied.view_as(StandardOptions).streaming is True


def test_the_users_options_come_last_and_win():
    options = pipeline_options(EngineOptions(workers=2, beam=("--direct_running_mode=multi_threading",)), 100.0)
    assert parse_options(options).get_all_options()["direct_running_mode"] == "multi_threading"


def test_a_local_spark_has_a_slot_per_worker_retries_and_more_tasks_than_workers():
    settings = server_settings(EngineOptions(runner="spark", workers=3, conf=("spark.default.parallelism=50",)))
    assert settings.master == "local[3,4]"
    assert settings.conf["spark.default.parallelism"] == "50"
    assert server_settings(EngineOptions(runner="spark", workers=3)).conf["spark.default.parallelism"] == "12"


def test_on_a_cluster_the_workers_bound_sparks_cores_and_an_executor_has_a_process_per_core():
    options = EngineOptions(runner="spark", workers=6, master="spark://h:7077", conf=("spark.executor.cores=3",))
    assert server_settings(options).conf["spark.cores.max"] == "6"
    assert "spark.driver.host" not in server_settings(options).conf
    assert "--sdk_worker_parallelism=3" in pipeline_options(options, 0.0, SERVICE)


def test_no_job_server_at_the_named_place_is_one_line_and_finished_work_stays(monkeypatch, tmp_path):
    monkeypatch.setattr(runners, "CONNECT_PATIENCE_S", 1.0)
    (tmp_path / "a.jsonl").write_text('{"text": "some text"}\n')

    def run_filter(options, *settings):
        inputs = (str(tmp_path / "a.jsonl"),)
        verbs.run("filter", inputs, tmp_path / "out", None, settings, Engine(target=options), "web")

    run_filter(EngineOptions(workers=1))
    before = sorted(tmp_path.rglob("*"))
    nowhere = EngineOptions(runner="portable", job_server="127.0.0.1:9")
    with pytest.raises(SettingsError, match=r"^127\.0\.0\.1:9: no job server answers there$"):
        run_filter(nowhere, "filter.gopher_quality.min_words=3")
    assert sorted(tmp_path.rglob("*")) == before


LOCAL_MASTERS = [(None, True), ("local[3]", True), ("spark://h:7077", False)]


@pytest.mark.parametrize(("master", "is_local"), LOCAL_MASTERS)
def test_for_small_work_the_jvm_of_a_local_master_compiles_once_and_a_shuffle_has_a_task_a_worker(
    master, is_local, tmp_path, monkeypatch
):
    monkeypatch.setattr(installs, "java_path", lambda: "java")
    options = EngineOptions(runner="spark", workers=3, master=master, job_server_jar=tmp_path / "server.jar")
    for is_small in (False, True):
        settings = server_settings(options, is_small=is_small)
        is_once = is_local and is_small
        assert ("-XX:TieredStopAtLevel=1" in settings.command(1, tmp_path)) == is_once
        assert settings.conf["spark.default.parallelism"] == ("3" if is_once else "12")


@pytest.mark.parametrize(("master", "is_local"), LOCAL_MASTERS)
def test_the_collector_of_a_local_master_is_chosen_unless_the_user_has(master, is_local, tmp_path, monkeypatch):
    monkeypatch.setattr(installs, "java_path", lambda: "java")
    options = EngineOptions(runner="spark", master=master, job_server_jar=tmp_path / "server.jar")
    monkeypatch.setenv("JDK_JAVA_OPTIONS", "-Xmx8g")
    assert ("-XX:+UseParallelGC" in server_settings(options).command(1, tmp_path)) == is_local
    monkeypatch.setenv("JDK_JAVA_OPTIONS", "-Xmx8g -XX:+UseG1GC")
    assert not [word for word in server_settings(options).command(1, tmp_path) if "GC" in word]


def test_one_job_starts_its_engine_before_beam_is_imported_so_that_its_workers_can_be_forks(tmp_path):
    words = [sys.executable, "-c", BEFORE_BEAM, tmp_path / "out"]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
