"""The files of a runner are recorded when fetched, whole or not at all, and every lack is one line."""

import os
import stat
from pathlib import Path

import pytest

from curate.errors import UserError
from curate.pipelines.engines import installs
from curate.pipelines.engines.jobserver import Settings
from curate.storage import writing

JAR = "lib/some.jar"


def script(folder: Path, name: str, text: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CURATE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def maven(tmp_path, monkeypatch):
    """Puts an mvn on the PATH that copies one jar into its output directory."""
    copy = 'for a; do case $a in -DoutputDirectory=*) d=${a#*=}; mkdir -p "$d"; echo jar > "$d/some.jar";; esac; done'
    script(tmp_path / "bin", "mvn", copy)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")


@pytest.fixture
def fetched(cache, maven):
    return installs.fetch("spark")


def test_a_fetched_runner_is_ready_and_its_files_are_recorded_with_digests(fetched):
    assert installs.state("spark", thorough=True) == "ready"
    record = installs.recorded("spark")[JAR]
    assert record.bytes == 4
    assert record.sha256 == writing.sha256_of(fetched / JAR)
    assert installs.need("spark") == fetched


def test_a_runner_that_is_ready_is_not_fetched_again(fetched):
    before = (fetched / JAR).stat().st_mtime_ns
    assert installs.fetch("spark") == fetched
    assert (fetched / JAR).stat().st_mtime_ns == before


@pytest.mark.parametrize(("content", "thorough"), [("longer", False), ("jAr\n", True)])
def test_a_changed_file_is_damage_and_fetching_mends_it(content, thorough, fetched):
    (fetched / JAR).write_text(content)
    assert installs.state("spark", thorough=thorough) == "damaged"
    installs.fetch("spark")
    assert (fetched / JAR).read_text() == "jar\n"


def test_a_missing_file_is_damage(fetched):
    (fetched / JAR).unlink()
    with pytest.raises(UserError, match="files of runner spark are damaged; get them with: curate runners fetch"):
        installs.need("spark")


def test_a_failed_fetch_tells_the_cause_and_leaves_nothing(cache, tmp_path, monkeypatch):
    script(tmp_path / "bin", "mvn", "echo '[ERROR] no route to the registry'; exit 1")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    with pytest.raises(UserError, match=r"mvn could not fetch it: \[ERROR\] no route to the registry"):
        installs.fetch("flink")
    assert list((cache / "runners").iterdir()) == []


@pytest.mark.parametrize(("name", "lack"), [("spark", "no mvn on the PATH"), ("prism", "no go on the PATH")])
def test_without_the_tool_that_fetches_it_the_mend_is_named(name, lack, cache, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(UserError, match=f"{lack}; install"):
        installs.fetch(name)


def test_no_java_is_one_line_with_the_mend(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(UserError, match="no java on the PATH; install Java 11 or later"):
        installs.java()
    monkeypatch.setenv("JAVA_HOME", "/nowhere")
    with pytest.raises(UserError, match="JAVA_HOME=/nowhere has no bin/java; install Java 11 or later"):
        installs.java()


@pytest.mark.parametrize(("version", "good"), [("1.8.0_292", False), ("11.0.2", True), ("21", True)])
def test_an_old_java_is_refused(version, good, tmp_path, monkeypatch):
    script(tmp_path / "bin", "java", f"echo 'openjdk version \"{version}\" 2021' >&2")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    if good:
        assert installs.java() == str(tmp_path / "bin" / "java")
    else:
        with pytest.raises(UserError, match=f'needs Java 11 or later: openjdk version "{version}"'):
            installs.java()


def test_another_java_has_other_classes_and_only_those_that_are_there_are_mapped(cache, fetched, tmp_path, monkeypatch):
    script(tmp_path / "jre" / "bin", "java", "exit 0")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "jre"))
    settings = Settings(name="spark", master="local[1]", is_local=True)
    mapped = f"-XX:SharedArchiveFile={installs.classes('spark')}"
    assert mapped not in settings.command(1, tmp_path)
    installs.classes("spark").write_bytes(b"classes")
    assert mapped in settings.command(1, tmp_path)
    assert installs.state("spark", thorough=True) == "ready"
    script(tmp_path / "jre" / "bin", "java", "exit 00")
    assert mapped not in settings.command(1, tmp_path)


def test_another_pom_is_another_folder(cache, monkeypatch):
    before = installs.folder("spark")
    monkeypatch.setattr(installs, "_pom", lambda name: b"<another/>")
    assert installs.folder("spark") != before


def test_the_versions_are_those_of_the_pom():
    assert installs.versions("flink").keys() == {"beam", "flink"}
    assert installs.versions("spark")["spark"].startswith("3.5.")


def test_the_command_lists_and_refuses(curate, tmp_path):
    environment = {"CURATE_CACHE": str(tmp_path), "PATH": os.environ["PATH"]}
    assert "absent" in curate("runners", "list", env=environment).out
    assert curate("runners", "fetch", "sparc", env=environment).error.startswith("sparc: nothing to fetch for it")
