"""The gate on quick text is trained on some hosts; its threshold and its loss are measured on others."""

import random

import pytest

from curate.errors import SettingsError, UserError
from curate.extract.config import Extract, Gates
from curate.extract.page import quick_text_gate
from curate.extract.quick_gate import JudgedPage, checked_model, part_of, score, share_below, train

PROSE, SHOP = (
    words.split()
    for words in (
        "keeper lighthouse harbour morning boats grey sky quiet walked looked old and",
        "cart price login checkout shipping password basket sale cookies menu next item",
    )
)


def text(draw, words, noise):
    return " ".join(draw.choice(words if draw.random() > noise else PROSE + SHOP) for _ in range(80))


@pytest.fixture(scope="module")
def pages():
    draw = random.Random(7)
    kinds = ((True, PROSE), (False, SHOP))
    return [
        JudgedPage(f"http://{number}.example/", text(draw, words, 0.3), kept)
        for number in range(900)
        for kept, words in kinds
    ]


@pytest.fixture(scope="module")
def trained(pages, tmp_path_factory):
    path = tmp_path_factory.mktemp("gate") / "gate.bin"
    return path, train(pages, path, loss=0.02)


def test_the_card_tells_what_the_gate_does_to_hosts_that_it_has_not_seen(pages, trained):
    path, card = trained
    unseen = [page for page in pages if part_of(page.url) == 2]
    scores = [score(page.quick, (str(path), card.sha256)) for page in unseen if page.kept]
    assert card.kept_lost == share_below(scores, card.threshold) <= 0.02
    assert card.rejected_refused > 0.9
    assert sum(card.pages) == len(pages)
    assert card.pages[2] == len(unseen)


def test_the_same_pages_make_the_same_gate(pages, trained, tmp_path):
    assert train(pages, tmp_path / "again.bin", loss=0.02) == trained[1]


def test_a_page_is_refused_by_its_score_and_a_text_of_a_few_words_is_not(trained):
    path, card = trained
    gates = Gates(model=checked_model(str(path)))
    settings = Extract(quality_model=str(path), quality_gate=card.threshold)
    draw = random.Random(9)
    refused = quick_text_gate(text(draw, SHOP, 0.1), settings, gates)
    assert (refused.rule, refused.threshold) == ("extract.quality", card.threshold)
    assert refused.value < card.threshold
    assert quick_text_gate(text(draw, PROSE, 0.1), settings, gates) is None
    assert quick_text_gate("cart price buy", settings, gates) is None
    assert quick_text_gate(text(draw, SHOP, 0.1), Extract(), gates) is None


def test_pages_of_one_host_are_in_one_part():
    parts = [{part_of(f"http://{host}.example/{page}") for page in range(20)} for host in range(200)]
    assert all(len(part) == 1 for part in parts)
    assert {next(iter(part)) for part in parts} == {0, 1, 2}
    assert part_of("no address") in (0, 1, 2)


def test_too_few_pages_are_no_ground_for_a_gate(pages, tmp_path):
    with pytest.raises(UserError, match="too few pages"):
        train(pages[:300], tmp_path / "gate.bin", loss=0.01)


def test_a_file_that_is_no_gate_is_named(tmp_path):
    path = tmp_path / "gate.bin"
    with pytest.raises(SettingsError, match=r"gate\.bin"):
        checked_model(str(path))
    path.write_bytes(b"no model")
    with pytest.raises(SettingsError, match=r"gate\.bin"):
        checked_model(str(path))
    assert checked_model(None) == ()


def test_a_threshold_without_a_model_is_refused():
    with pytest.raises(ValueError, match="needs a quality_model"):
        Extract(quality_gate=0.5)


@pytest.mark.parametrize("loss", [0.0, -0.1, 1.0, 2.0, float("nan")])
def test_a_share_that_is_none_is_refused_before_any_page_is_read(loss, tmp_path):
    with pytest.raises(UserError, match=r"^--loss .*: expected a share of the kept pages"):
        train(iter(()), tmp_path / "gate.bin", loss=loss)
