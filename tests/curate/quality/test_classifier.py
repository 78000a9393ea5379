"""The classifier trains the same twice; the keep rules keep the share that the paper's formula says."""

import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate import recipe
from curate.errors import SettingsError
from curate.inputs.digests import Digests
from curate.quality import classifier, model_file
from curate.quality.classifier import one_line, train
from curate.quality.config import Score
from curate.quality.keep import reason
from curate.records import Document, document_id
from curate.storage.writing import sha256_of

NOON = datetime(2020, 1, 2, 12, 0, 0, tzinfo=UTC)
GOOD = [f"the council said on day {number} that the bridge and the road would be open by spring" for number in range(9)]
BAD = [f"buy cheap pills now best price {number} click here casino bonus free offer" for number in range(9)]
PARETO = Score(model="m", keep="pareto", alpha=9)
SMALL = Score(positive=("p",), negative=("n",), dim=4, epochs=20, buckets=1000, learning_rate=0.5)


def document(number, score):
    return Document(
        id=document_id(str(number), NOON, b""), url="", timestamp=NOON, source="web", text="", quality=score
    )


def kept(score, settings, seed=0, count=20_000):
    return sum(reason(document(number, score), settings, seed) is None for number in range(count)) / count


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.bin"
    train(GOOD, BAD, path, SMALL)
    return path


@pytest.mark.parametrize(("alpha", "score"), [(9, 0.0), (9, 0.5), (9, 0.75), (9, 0.9), (9, 1.0), (3, 0.0), (3, 0.5)])
def test_the_share_kept_by_the_pareto_draw_is_the_closed_form(alpha, score):
    expected = (2 - score) ** -alpha
    deviation = (expected * (1 - expected) / 20_000) ** 0.5
    assert kept(score, replace(PARETO, alpha=alpha)) == pytest.approx(expected, abs=4 * deviation + 1e-4)


@pytest.mark.parametrize(("score", "chance"), [(0, 0.00195), (0.5, 0.0260), (0.75, 0.134), (0.9, 0.424), (1, 1)])
def test_the_closed_form_is_that_of_gpt_3(score, chance):
    assert (2 - score) ** -9 == pytest.approx(chance, rel=5e-3)


def test_a_draw_belongs_to_the_document_and_the_seed():
    stays = [reason(document(number, 0.9), PARETO, 0) is None for number in range(1000)]
    assert stays == [reason(document(number, 0.9), PARETO, 0) is None for number in range(1000)]
    assert stays != [reason(document(number, 0.9), PARETO, 1) is None for number in range(1000)]


def test_a_document_kept_at_one_score_is_kept_at_every_higher_one():
    for number in range(300):
        fates = [reason(document(number, score / 10), PARETO, 0) is None for score in range(11)]
        assert fates == sorted(fates)


def test_a_pareto_rejection_tells_the_score_that_would_have_been_kept():
    dropped = next(filter(None, (reason(document(number, 0.5), PARETO, 0) for number in range(99))))
    number = next(number for number in range(99) if reason(document(number, 0.5), PARETO, 0) == dropped)
    assert (dropped.rule, dropped.value) == ("score.pareto", 0.5)
    assert dropped.threshold > 0.5
    assert reason(document(number, dropped.threshold + 1e-6), PARETO, 0) is None
    assert reason(document(number, dropped.threshold - 1e-6), PARETO, 0) is not None


@pytest.mark.parametrize(("score", "why"), [(0.49, ("score.threshold", 0.49, 0.5, "")), (0.5, None), (0.51, None)])
def test_a_threshold_keeps_from_itself_on(score, why):
    assert reason(document(1, score), Score(model="m", keep="threshold", threshold=0.5), 0) == why


def test_all_keeps_all():
    assert kept(0.0, Score(model="m", keep="all"), count=100) == 1


@pytest.mark.parametrize("keep", ["pareto", "threshold"])
def test_the_keep_rule_judges_only_the_sources_that_it_names(keep):
    for only, judged in (((), True), (("web",), True), (("books",), False)):
        assert (kept(0.0, Score(model="m", keep=keep, only=only), count=200) < 1) == judged


def test_an_unscored_document_counts_as_0():
    assert reason(document(1, None), Score(model="m", keep="threshold"), 0).value == 0.0


def test_training_twice_gives_the_same_bytes_and_leaves_nothing_beside_them(model, tmp_path):
    train(GOOD, BAD, tmp_path / "deep" / "model.bin", SMALL)
    assert (tmp_path / "deep" / "model.bin").read_bytes() == model.read_bytes()
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["model.bin"]


def test_a_model_tells_the_two_kinds_apart(model):
    loaded = classifier.load(model, sha256_of(model))
    assert loaded.labels == ["not-positive", "positive"]
    for text in GOOD:
        assert loaded.score(text, "positive") > 0.8
        assert loaded.score(text, "positive") + loaded.score(text, "not-positive") == pytest.approx(1, abs=1e-4)
    for text in BAD:
        assert loaded.score(text, "positive") < 0.2


@pytest.mark.parametrize("text", ["", "\n", "zzz", "\0", "__label__positive", "a\0b", "é" * 5000, "\u2028 \x85 \x0b"])
def test_any_text_has_a_score_in_0_to_1(text, model):
    assert 0 <= classifier.load(model, sha256_of(model)).score(text, "positive") <= 1


def test_line_breaks_and_blanks_do_not_change_a_score(model):
    loaded = classifier.load(model, sha256_of(model))
    assert loaded.score(GOOD[0], "positive") == loaded.score("\n\n".join(GOOD[0].split()) + " \n", "positive")


def test_a_label_in_a_text_is_text_and_labels_nothing(tmp_path):
    planted = [f"__label__positive __label__spam {text}" for text in BAD]
    train(GOOD, planted, tmp_path / "model.bin", SMALL)
    loaded = classifier.Model(tmp_path / "model.bin")
    assert loaded.labels == ["not-positive", "positive"]
    assert loaded.score(BAD[0], "positive") < 0.2


def test_blank_texts_are_not_trained_on(model, tmp_path):
    train([*GOOD, "", " \n"], BAD, tmp_path / "model.bin", SMALL)
    assert (tmp_path / "model.bin").read_bytes() == model.read_bytes()


def test_a_model_that_was_replaced_is_refused(model):
    with pytest.raises(RuntimeError, match="not the one that this stage was planned with"):
        classifier.load(model, "0" * 64)


@given(st.text(alphabet=st.sampled_from([*"ab\t\n\v\f\r \x85\u00a0\u2009\u2028\u3000\u00e9"]), max_size=40))
def test_a_line_is_the_words_of_the_text_as_fasttext_parts_them(text):
    line = one_line(text)
    assert "\n" not in line
    assert re.split(r"[ \t\v\f\r]+", f" {line} ") == ["", *text.split(), ""] if text.strip() else not line.strip()


def test_every_blank_of_unicode_parts_words():
    blanks = [chr(number) for number in range(0x110000) if chr(number).isspace() and number > 127]
    assert {one_line(f"a{blank}b") for blank in blanks} == {"a b"}


def test_the_order_in_which_documents_are_given_changes_no_model(model, tmp_path):
    train(GOOD[::-1], BAD[::-1], tmp_path / "model.bin", SMALL)
    assert (tmp_path / "model.bin").read_bytes() == model.read_bytes()


@pytest.mark.parametrize(("name", "file"), [(None, "useful"), ("useful", "useful"), ("edited", "edited")])
def test_without_a_model_of_ones_own_it_is_one_that_ships(name, file, tmp_path):
    plain, sha256 = model_file.prepare(Score(model=name), tmp_path / "score", Digests(), miniweb=None)
    assert (plain.model, sha256) == ("model.bin", sha256_of(model_file.shipped(file)))
    shipped = classifier.load(tmp_path / "score" / "model.bin", sha256)
    prose = (
        "In the spring of that year the council met to decide what should become of the old bridge, which had stood "
        "for two centuries and which, in the opinion of most of its members, would not stand for another ten years."
    )
    assert shipped.score(prose, "positive") > 0.8
    assert shipped.score("Add to cart Free shipping Sign in Wish list Compare prices Checkout " * 5, "positive") < 0.1


def lines(texts):
    return "".join(f'{{"text": "{text}"}}\n' for text in texts)


@pytest.fixture
def labelled(tmp_path):
    (tmp_path / "good.jsonl").write_text(lines(GOOD))
    (tmp_path / "bad.jsonl").write_text(lines(BAD))
    return replace(SMALL, positive=(str(tmp_path / "good.jsonl"),), negative=(str(tmp_path / "bad.jsonl"),))


def test_a_model_is_trained_once_and_its_card_names_what_from(labelled, model, tmp_path):
    plain, sha256 = model_file.prepare(labelled, tmp_path / "score", Digests(), miniweb=None)
    assert sha256 == sha256_of(model) == sha256_of(tmp_path / "score" / "model.bin")
    assert (plain.model, plain.positive, plain.negative) == ("model.bin", (), ())
    before = (tmp_path / "score" / "model.bin").stat().st_mtime_ns
    assert model_file.prepare(labelled, tmp_path / "score", Digests(), miniweb=None) == (plain, sha256)
    assert (tmp_path / "score" / "model.bin").stat().st_mtime_ns == before
    card = (tmp_path / "score" / "model.json").read_text()
    assert sha256_of(tmp_path / "good.jsonl") in card
    assert str(tmp_path) not in card


def test_a_changed_label_file_trains_anew_and_so_does_a_damaged_model(labelled, tmp_path):
    _, before = model_file.prepare(labelled, tmp_path / "score", Digests(), miniweb=None)
    (tmp_path / "score" / "model.bin").write_bytes(b"damaged")
    assert model_file.prepare(labelled, tmp_path / "score", Digests(), miniweb=None)[1] == before
    (tmp_path / "good.jsonl").write_text(lines(GOOD[:5]))
    assert model_file.prepare(labelled, tmp_path / "score", Digests(), miniweb=None)[1] != before


def test_a_given_model_is_copied_whole(model, tmp_path):
    plain, sha256 = model_file.prepare(Score(model=str(model)), tmp_path / "score", Digests(), miniweb=None)
    assert (tmp_path / "score" / "model.bin").read_bytes() == model.read_bytes()
    assert (plain.model, sha256) == ("model.bin", sha256_of(model))


def test_a_given_model_without_the_label_is_refused_as_every_score_would_be_0(model, tmp_path):
    score = Score(model=str(model), label="hq")
    with pytest.raises(SettingsError, match=r"has no label 'hq'; it has \['not-positive', 'positive'\]"):
        model_file.prepare(score, tmp_path / "score", Digests(), miniweb=None)


def test_a_file_that_is_no_model_is_refused_by_name(tmp_path):
    (tmp_path / "m.bin").write_bytes(b"no model")
    with pytest.raises(SettingsError, match=r"m\.bin: not a fastText model"):
        model_file.prepare(Score(model=str(tmp_path / "m.bin")), tmp_path / "score", Digests(), miniweb=None)


@pytest.mark.parametrize(
    ("content", "message"), [("", r"bad\.jsonl, line 1: the file is empty"), ("{}\n", r"bad\.jsonl, (line|row) 1: ")]
)
def test_labelled_documents_that_are_none_are_refused(content, message, labelled, tmp_path):
    (tmp_path / "bad.jsonl").write_text(content)
    with pytest.raises(SettingsError, match=message):
        model_file.prepare(labelled, tmp_path / "score", Digests(), miniweb=None)


@pytest.mark.parametrize(
    ("table", "name"),
    [
        ("", "useful"),
        ("model = 'default'", "useful"),
        ("model = 'useful'", "useful"),
        ("model = 'edited'", "edited"),
        ("model = 'm'", None),
        ("positive = ['p']\nnegative = ['n']", None),
    ],
)
def test_a_model_that_ships_is_used_by_name_or_where_none_is_given(table, name, tmp_path):
    (tmp_path / "own.toml").write_text(f'name = "own"\n[score]\n{table}\n')
    assert recipe.load(str(tmp_path / "own.toml")).score.shipped == name


def test_a_model_that_ships_is_no_file_of_the_recipe_s_folder(tmp_path):
    for name, model in (("edited", "edited"), ("./edited", str(tmp_path / "edited")), ("m", str(tmp_path / "m"))):
        (tmp_path / "own.toml").write_text(f'name = "own"\n[score]\nmodel = "{name}"\n')
        assert recipe.load(str(tmp_path / "own.toml")).score.model == model


def test_good_documents_score_as_the_card_says_or_as_those_that_trained(labelled, tmp_path):
    model_file.prepare(labelled, tmp_path / "score", Digests(), miniweb=None)
    trained = model_file.positives(labelled, tmp_path / "score")
    stated = model_file.positives(Score(), tmp_path / "score")
    for quantiles in (trained, stated):
        assert len(quantiles) == model_file.QUANTILES
        assert quantiles == sorted(quantiles)
        assert quantiles[50] > 0.8


@pytest.mark.parametrize("card", [None, "{}", '{"positives": [0.5]}', '{"positives": [0.9, 0.1]}', "no card"])
def test_alpha_cannot_be_fitted_without_the_scores_of_good_documents(card, model, tmp_path):
    (tmp_path / "own.bin").write_bytes(model.read_bytes())
    if card is not None:
        (tmp_path / "own.json").write_text(card)
    with pytest.raises(SettingsError, match=r'alpha: "fit" needs the scores of good documents, which .*own\.json'):
        model_file.check_positives(Score(model=str(tmp_path / "own.bin"), alpha="fit"))


@pytest.mark.parametrize("name", ["useful", "edited"])
def test_alpha_can_be_fitted_with_the_models_that_ship(name):
    model_file.check_positives(Score(model=name, alpha="fit"))


@pytest.mark.parametrize("alpha", ["best", 0, -1, float("inf")])
def test_alpha_is_a_number_above_0_or_fit(alpha):
    with pytest.raises(ValueError, match="alpha is a number above 0"):
        Score(alpha=alpha)


def test_alpha_is_fitted_by_a_word_in_the_recipe(tmp_path):
    for text, alpha in (('"fit"', "fit"), ("4", 4.0), ("2.5", 2.5)):
        (tmp_path / "own.toml").write_text(f'name = "own"\n[score]\nalpha = {text}\n')
        assert recipe.load(str(tmp_path / "own.toml")).score.alpha == alpha
