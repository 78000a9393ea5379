"""Training holds hosts out, writes a card that says so, and gives the same bytes twice; eval needs a real model."""

import json
import random
from dataclasses import replace

import pytest

from curate.errors import UserError
from curate.quality import classifier, training
from curate.quality.windows import is_held_out
from curate.storage.writing import sha256_of

WORDS = {
    "good": "the council said that a bridge over the river would be open to all people of the old town in spring",
    "bad": "buy cheap pills now best price click here casino bonus free offer log in cart share menu next page",
}

SMALL = replace(training.SETTINGS, buckets=10_000)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("labelled")
    draw = random.Random(0)
    for name, other in (("good", "bad"), ("bad", "good")):
        vocabulary = WORDS[name].split() * 3 + WORDS[other].split()
        with (folder / f"{name}.jsonl").open("w") as file:
            for number in range(240):
                words = draw.choices(vocabulary, k=draw.randint(40, 400))
                row = {"text": " ".join(words), "url": f"http://{name}{number % 60}.example/{number}"}
                file.write(json.dumps(row) + "\n")
    return [folder / "good.jsonl"], [folder / "bad.jsonl"]


@pytest.fixture(scope="module")
def made(files, tmp_path_factory):
    model = tmp_path_factory.mktemp("made") / "model.ftz"
    return model, training.train(*files, model, SMALL)


def test_the_card_names_the_data_the_settings_and_what_the_model_does(made, files):
    model, card = made
    stored = json.loads(model.with_suffix(".json").read_text())
    assert stored == json.loads(json.dumps(card)) | {"seal": stored["seal"]}
    assert card["model"] == {"file": "model.ftz", "sha256": sha256_of(model), "bytes": model.stat().st_size}
    assert card["data"]["positive"] == [{"file": "good.jsonl", "digest": sha256_of(files[0][0])}]
    assert (card["settings"]["dim"], card["settings"]["buckets"]) == (16, 10_000)
    held_out = card["held_out"]
    hosts = {f"{name}{number}.example" for name in ("good", "bad") for number in range(60)}
    assert held_out["hosts"] == sum(map(is_held_out, hosts))
    assert held_out["hosts"] + card["trained_on"]["hosts"] == len(hosts)
    assert held_out["auc"] > 0.99
    assert all(auc > 0.9 for _, _, auc in held_out["auc_by_words"])
    assert sum(size for _, _, size in held_out["calibration"]) == held_out["windows"]
    assert card["baseline"]["auc"] > 0.99


def test_training_twice_gives_the_same_bytes(made, files, tmp_path):
    again = training.train(*files, tmp_path / "model.ftz", SMALL)
    assert (tmp_path / "model.ftz").read_bytes() == made[0].read_bytes()
    assert again == made[1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.ftz", "model.json"]


def test_quantising_makes_a_model_small_and_no_other(made, files, tmp_path):
    whole = tmp_path / "whole.bin"
    texts = [[json.loads(line)["text"] for line in paths[0].open()] for paths in files]
    classifier.train(*texts, whole, SMALL)
    assert made[0].stat().st_size < whole.stat().st_size / 4
    for text in texts[0][:20]:
        assert classifier.Model(made[0]).score(text, "positive") == pytest.approx(
            classifier.Model(whole).score(text, "positive"), abs=0.1
        )


def test_eval_tells_on_held_out_hosts_what_the_card_says(made, files, call, tmp_path):
    model, card = made
    options = ("--positive", files[0][0], "--negative", files[1][0], "--json")
    printed = json.loads(call("quality", "eval", model, *options, "--plot", tmp_path / "plot.png").out)
    assert printed == json.loads(json.dumps(card["held_out"]))
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")
    every = json.loads(call("quality", "eval", model, *options, "--all-hosts").out)
    assert every["hosts"] == 120


def test_eval_knows_the_model_that_ships(files, call):
    done = call("quality", "eval", "default", "--positive", files[0][0], "--negative", files[1][0])
    assert done.code == 0
    assert "AUC" in done.out


def test_train_prints_what_the_card_says(files, call, tmp_path):
    options = ("--positive", files[0][0], "--negative", files[1][0], "--set", "dim=4", "--set", "buckets=2000")
    done = call("quality", "train", *options, "-o", tmp_path / "m.ftz")
    assert done.code == 0, done.err
    card = json.loads((tmp_path / "m.json").read_text())
    assert card["settings"]["dim"] == 4
    assert f"all         AUC {card['held_out']['auc']:.4f}" in done.out
    assert f"baseline    AUC {card['baseline']['auc']:.4f}" in done.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("train", "-o", "m.json"), "m.json: the model's card would have this name"),
        (("train", "-o", "s3://b/m.ftz"), "s3://b/m.ftz: it is written on this machine only"),
        (
            ("train", "-o", "m.ftz", "--set", "alpha=3"),
            "--set alpha=3: the settings of training are label, features, dim",
        ),
        (("train", "-o", "m.ftz", "--set", "dim=0"), "dim, epochs, word_ngrams, buckets and min_count are at least 1"),
        (("eval", "no.ftz"), "no.ftz"),
        (("eval", "text.ftz"), "text.ftz: not a fastText model"),
        (("eval", "default", "--label", "hq"), "has no label 'hq'; it has ['not-positive', 'positive']"),
    ],
)
def test_what_cannot_be_done_is_one_line(arguments, message, files, call, tmp_path):
    (tmp_path / "text.ftz").write_text("no model")
    done = call("quality", *arguments, "--positive", files[0][0], "--negative", files[1][0], cwd=tmp_path)
    assert done.code in (1, 2)
    assert message in done.error


def test_one_host_alone_cannot_be_held_out(tmp_path):
    for name in ("good", "bad"):
        (tmp_path / f"{name}.jsonl").write_text(json.dumps({"text": "word " * 90, "url": f"http://{name}.example/"}))
    with pytest.raises(UserError, match="too few documents or hosts of either kind"):
        training.train([tmp_path / "good.jsonl"], [tmp_path / "bad.jsonl"], tmp_path / "m.ftz")
