"""An input that is no file is refused with its kind, and is never opened."""

import os
import socket
from pathlib import Path

import pytest

from curate import storage
from curate.errors import SettingsError


def pipe(path: Path) -> None:
    os.mkfifo(path)


def bound_socket(path: Path) -> None:
    socket.socket(socket.AF_UNIX).bind(str(path))


def lost_link(path: Path) -> None:
    path.symlink_to("nowhere")


def endless_link(path: Path) -> None:
    path.symlink_to(path.name)


ODD = {
    "a pipe, which can be read only once; write it to a file, and name that": pipe,
    "a socket": bound_socket,
    "a link that cannot be followed (No such file or directory)": lost_link,
    "a link that cannot be followed (Too many levels of symbolic links)": endless_link,
}


@pytest.mark.parametrize("fault", ODD)
@pytest.mark.parametrize("pattern", ["x", "*", "", "**/*"])
def test_what_is_no_file_is_named_with_what_it_is(fault, pattern, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ODD[fault](Path("x"))
    for name in (pattern, str(tmp_path / pattern)) if pattern else (str(tmp_path),):
        with pytest.raises(SettingsError) as refused:
            storage.glob(name)
        place = Path(name.replace("**/", "")).parent if pattern else tmp_path
        assert str(refused.value).startswith(f"{place / 'x'}: {fault}")
    with pytest.raises(SettingsError, match=r"^setting: x: "):
        storage.check_file(Path("x"), "setting")


@pytest.mark.parametrize("name", ["/dev/null", "/dev/zero", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"])
def test_devices_and_open_files_of_this_process_are_no_input(name, tmp_path, monkeypatch):
    with pytest.raises(SettingsError, match=f"^{name}: "):
        storage.glob(name)


def test_a_file_that_only_this_process_has_open_is_no_input(tmp_path):
    (tmp_path / "x").write_text("x")
    with (tmp_path / "x").open() as file, pytest.raises(SettingsError, match="its workers do not have"):
        storage.glob(f"/dev/fd/{file.fileno()}")


def test_a_name_with_nul_is_refused_in_words_that_a_terminal_can_show():
    for call in (storage.glob, storage.path):
        with pytest.raises(SettingsError) as refused:
            call("a\0b")
        assert str(refused.value) == r"'a\x00b': a name with a NUL character, which no file has"


def test_an_empty_name_is_no_input():
    with pytest.raises(SettingsError, match=r"^'': an empty name$"):
        storage.glob("")


def test_a_folder_is_no_file_and_its_own_folders_are_no_inputs(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "a").write_text("x")
    with pytest.raises(SettingsError, match="a folder, where a file is needed"):
        storage.check_file(tmp_path / "in")
    assert storage.glob(str(tmp_path)) == [tmp_path / "a"]


def test_files_and_what_is_not_there_are_left_to_their_readers(tmp_path):
    (tmp_path / "a").write_text("x")
    (tmp_path / "link").symlink_to("a")
    assert storage.glob(str(tmp_path / "link")) == [tmp_path / "link"]
    assert storage.glob(str(tmp_path / "none")) == []
    storage.check_file(tmp_path / "link")
    storage.check_file(tmp_path / "none")
