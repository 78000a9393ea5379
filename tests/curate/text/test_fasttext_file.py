"""Files that are no whole fastText model are refused before fastText, which would believe their sizes, reads them."""

import struct
from contextlib import suppress
from pathlib import Path

import fasttext
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as limited
from hypothesis import strategies as st

from curate.errors import SettingsError
from curate.quality import classifier
from curate.quality.model_file import shipped
from curate.text import fasttext_binding
from curate.text.fasttext_file import check_classifier

LINES = [
    f"__label__{label} {' '.join(f'{label}{(number * factor) % 700}' for factor in range(1, 30))}\n"
    for number in range(60)
    for label in ("positive", "other")
]


@pytest.fixture(scope="module")
def lines(tmp_path_factory):
    path = tmp_path_factory.mktemp("lines") / "lines.txt"
    path.write_text("".join(LINES))
    return path


@pytest.fixture(scope="module")
def content(lines):
    path = lines.parent / "whole.bin"
    fasttext.train_supervised(str(lines), dim=4, bucket=100, wordNgrams=2, epoch=1, verbose=0, thread=1).save_model(
        str(path)
    )
    return path.read_bytes()


@pytest.mark.parametrize("loss", ["softmax", "hs", "ns", "ova"])
@pytest.mark.parametrize(
    "ngrams", [{"bucket": 0}, {"bucket": 50, "wordNgrams": 2}, {"bucket": 50, "minn": 2, "maxn": 3}]
)
def test_a_model_of_any_loss_is_whole(lines, tmp_path, loss, ngrams):
    made = fasttext.train_supervised(str(lines), dim=3, loss=loss, epoch=1, verbose=0, thread=1, **ngrams)
    made.save_model(str(tmp_path / "model.bin"))
    check_classifier(tmp_path / "model.bin", "model")


@pytest.mark.parametrize("how", [{}, {"cutoff": 300}, {"qnorm": True}, {"qnorm": True, "cutoff": 300, "dsub": 3}])
def test_a_quantised_model_is_whole(lines, tmp_path, how):
    made = fasttext.train_supervised(str(lines), dim=4, bucket=900, wordNgrams=2, epoch=1, verbose=0, thread=1)
    made.quantize(input=str(lines), thread=1, **how)
    made.save_model(str(tmp_path / "model.ftz"))
    check_classifier(tmp_path / "model.ftz", "model")


def test_the_model_that_ships_is_whole_and_loads():
    classifier.check(shipped(), "useful")


@given(st.data())
@limited(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_model_without_its_end_or_with_more_is_refused(content, tmp_path, data):
    cut = data.draw(st.integers(0, len(content) - 1))
    for damaged in (content[:cut], content[:-1], content + content[cut:]):
        (tmp_path / "model.bin").write_bytes(damaged)
        with pytest.raises(SettingsError, match=r"^model: "):
            check_classifier(tmp_path / "model.bin", "model")


@given(st.data())
@limited(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_model_with_any_size_changed_is_refused_or_loads_in_bounds(content, tmp_path, data):
    """A changed weight or word leaves a model; a changed size does not."""
    at = data.draw(st.integers(0, len(content) - 9))
    value = data.draw(st.sampled_from([-1, 0, 1, 2**31 - 1, 2**40, 2**62]))
    damaged = content[:at] + struct.pack("<q", value) + content[at + 8 :]
    (tmp_path / "model.bin").write_bytes(damaged)
    with suppress(SettingsError):
        check_classifier(tmp_path / "model.bin", "model")
        fasttext_binding.load(str(tmp_path / "model.bin"))


HEADER = struct.pack("<ii12id", 793712314, 12, 100, 5, 5, 1, 5, 1, 3, 3, 2_000_000, 0, 0, 100, 1e-4)


@pytest.mark.parametrize(
    ("damaged", "message"),
    [
        (b"", "cannot mmap an empty file"),
        (b"\0" * 4096, "begins with 0 and 0"),
        (b"PK\x03\x04" * 99, "begins with"),
        (HEADER + struct.pack("<3i2q", 2**31 - 1, 2**31 - 2, 1, 9, -1), "more than the file can hold"),
        (HEADER + struct.pack("<3i2q", 2, 1, 1, 9, 2**61) + b"word\0" + b"\1" * 99, "dictionary"),
        (HEADER[:8] + struct.pack("<12id", 100, 5, 5, 1, 5, 1, 3, 1, 0, 0, 0, 100, 1e-4), "no labels"),
    ],
)
def test_a_foreign_or_forged_file_is_one_line_that_names_it(damaged, message, tmp_path):
    (tmp_path / "model.bin").write_bytes(damaged)
    with pytest.raises(SettingsError, match=f"^own.bin: not a fastText model: .*{message}") as error:
        check_classifier(tmp_path / "model.bin", "own.bin")
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize(("path", "message"), [("/dev/zero", "not a regular file"), ("none.bin", "no such file")])
def test_what_is_no_file_is_named(path, message):
    with pytest.raises(SettingsError, match=f"^{path}: not a fastText model: {message}"):
        check_classifier(Path(path), path)


def test_a_model_that_takes_more_memory_than_its_file_explains_is_refused(content, tmp_path, monkeypatch):
    (tmp_path / "model.bin").write_bytes(content)
    monkeypatch.setattr(fasttext_binding, "MEMORY", 1 << 20)
    with pytest.raises(SettingsError, match=r"^own.bin: not a fastText model that can be used"):
        classifier.check(tmp_path / "model.bin", "own.bin")


def test_a_model_of_weights_that_are_no_numbers_is_refused(content, tmp_path):
    damaged = content[:-32] + struct.pack("<f", float("nan")) * 8  # two labels of four numbers
    (tmp_path / "model.bin").write_bytes(damaged)
    with pytest.raises(SettingsError, match=r"^own.bin: not a fastText model that can be used: .*NaN"):
        classifier.check(tmp_path / "model.bin", "own.bin")
