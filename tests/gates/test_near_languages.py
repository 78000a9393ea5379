"""Near duplicates in fourteen languages: planted edits are found, and unrelated texts of one language never are.

Texts are pieces of the Universal Declaration of Human Rights; no Thai and no Khmer of it is in the data, so that these
are words of its first article in random order. A length counts words as `curate.text.words` does: letters in the
scripts without blanks. The settings are the defaults.

python tests/gates/test_near_languages.py    # prints the table
"""

import json
import os
import random
import unicodedata
import zipfile
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from curate.dedup import minhash
from curate.dedup.config import Dedup
from curate.extract.main_text import quick_text
from curate.pipelines import verbs
from curate.pipelines.engines.engine import Engine
from curate.pipelines.engines.target import EngineOptions
from curate.records import Page
from curate.text.words import words
from curate.warc.reader import read_file
from curate.web.urls import host_of

DATA = Path(os.environ.get("CURATE_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))
RULES = Dedup()
FILES = {  # of udhr.zip, by language
    "zh": "Chinese_Mandarin-UTF8",
    "ja": "Japanese_Nihongo-UTF8",
    "lo": "Lao-UTF8",
    "my": "Burmese_Myanmar-UTF8",
    "ar": "Arabic_Alarabia-Arabic",
    "hi": "Hindi-UTF8",
    "ko": "Korean_Hankuko-UTF8",
    "ru": "Russian-UTF8",
    "de": "German_Deutsch-Latin1",
    "en": "English-Latin1",
    "tr": "Turkish_Turkce-UTF8",
    "vi": "Vietnamese-UTF8",
}
WORDS = {  # of the first article
    "th": "มนุษย์ ทั้งหลาย เกิด มา มี อิสระ และ เสมอภาค กัน ใน เกียรติศักดิ์ สิทธิ ต่าง เหตุผล มโนธรรม ควร ปฏิบัติ ต่อ ด้วย"
    " เจตนารมณ์ แห่ง ภราดรภาพ",
    "km": "មនុស្ស ទាំងអស់ កើត មក មាន សេរីភាព និង សមភាព ក្នុង ផ្នែក សេចក្ដី ថ្លៃថ្នូរ សិទ្ធិ វិចារណញ្ញាណ សតិសម្បជញ្ញៈ ជាប់ ពី"
    " កំណើត ហើយ គប្បី ប្រព្រឹត្ដ ចំពោះ គ្នា ទៅវិញទៅមក ស្មារតី ភាតរភាព",
}
LANGUAGES = [*FILES, *WORDS]
UNSPACED = {"zh": 2, "ja": 2, "th": 4, "km": 4, "lo": 4, "my": 4}  # letters that are replaced as a word
LENGTHS = (30, 60, 100, 200, 400)
FLOORS = {"letter": (0.1, 0.85, 0.98, 1.0, 1.0), "word": (0.0, 0.4, 0.98, 1.0, 1.0)}  # recall at these lengths
PIECES = 24  # of each language and length
MARGIN = 0.12  # three standard deviations of an estimate of 112 hashes: what a signature alone may join below the limit


@cache
def text_of(language: str) -> str:
    """The whole text of a language."""
    if language in WORDS:
        return "".join(random.Random(language).choices(WORDS[language].split(), k=1500))
    with zipfile.ZipFile(DATA / "text" / "udhr.zip") as archive:
        return decoded(FILES[language], archive.read(f"udhr/{FILES[language]}"))


def decoded(name: str, content: bytes) -> str:
    encoding = {"Arabic": "cp1256", "Latin1": "latin-1"}.get(name.rpartition("-")[2], "utf-8")
    return " ".join(content.decode(encoding, "ignore").split())


def piece(language: str, start: int, length: int) -> str:
    """The text from this character on, as many words long."""
    text, low, high = text_of(language)[start:], 1, 40 * length
    while low < high:  # bisection: the first end that gives so many words
        middle = (low + high) // 2
        low, high = (middle + 1, high) if len(words(text[:middle])) < length else (low, middle)
    blank = text.find(" ", low)
    return text[:low] if language in UNSPACED else text[: blank if blank > 0 else low]


def pieces(language: str, length: int) -> list[str]:
    draw = random.Random(f"{language} {length}")
    last = len(text_of(language)) - len(piece(language, 0, length)) * 2
    return [piece(language, draw.randrange(max(last, 1)), length) for _ in range(PIECES)]


def one_letter_changed(language: str, text: str, draw: random.Random) -> str:
    letters = [place for place, letter in enumerate(text) if unicodedata.category(letter)[0] == "L"]
    place = draw.choice(letters)
    others = sorted({text[other].lower() for other in letters} - {text[place].lower()})
    return text[:place] + draw.choice(others) + text[place + 1 :]


def one_word_changed(language: str, text: str, draw: random.Random) -> str:
    size = UNSPACED.get(language)
    if size is None:
        parts = text.split(" ")
        places = [place for place, part in enumerate(parts) if words(part)]
        place = draw.choice(places)
        parts[place] = draw.choice([parts[other] for other in places if words(parts[other]) != words(parts[place])])
        return " ".join(parts)
    letters = [place for place, letter in enumerate(text) if unicodedata.category(letter)[0] == "L"]
    start = draw.randrange(len(letters) - size)
    changed = list(text)
    for place in letters[start : start + size]:
        changed[place] = draw.choice([text[other] for other in letters if text[other] != text[place]])
    return "".join(changed)


EDITS = {"letter": one_letter_changed, "word": one_word_changed}


def is_found(one: str, other: str) -> bool:
    """Returns whether two texts share a band and agree in enough places."""
    first, second = minhash.signature(one, RULES), minhash.signature(other, RULES)
    meet = not set(minhash.band_keys(first, RULES)).isdisjoint(minhash.band_keys(second, RULES))
    return meet and minhash.similarity(first, second) >= RULES.similarity


def recall(language: str, edit: str, length: int) -> float:
    draw = random.Random(f"{language} {edit} {length}")
    texts = pieces(language, length)
    return sum(is_found(text, EDITS[edit](language, text, draw)) for text in texts) / len(texts)


@cache
def table() -> dict[str, dict[str, list[float]]]:
    """Recall by language, edit and length."""
    return {
        language: {edit: [recall(language, edit, length) for length in LENGTHS] for edit in EDITS}
        for language in LANGUAGES
    }


def joined(texts: dict[str, str]) -> list[tuple[str, str]]:
    """The pairs of names whose texts are near duplicates, by signatures."""
    signatures = {name: minhash.signature(text, RULES) for name, text in texts.items()}
    buckets = defaultdict(list)
    for name, values in signatures.items():
        for key in minhash.band_keys(values, RULES):
            buckets[key].append(name)
    pairs = {pair for bucket in buckets.values() for pair in combinations(sorted(bucket), 2)}
    limit = RULES.similarity
    return sorted((a, b) for a, b in pairs if minhash.similarity(signatures[a], signatures[b]) >= limit)


def jaccard(one: str, other: str) -> float:
    mine, yours = (minhash.shingles(text, RULES.shingle) for text in (one, other))
    return len(np.intersect1d(mine, yours)) / len(np.union1d(mine, yours))


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_text_with_one_letter_or_one_word_changed_is_found(data, language):
    data("text/udhr.zip")
    for edit, floors in FLOORS.items():
        for length, floor, share in zip(LENGTHS, floors, table()[language][edit], strict=True):
            assert share >= floor, (edit, length)


@pytest.mark.parametrize("length", LENGTHS)
def test_other_passages_of_the_same_text_are_not_joined(data, length):
    data("text/udhr.zip")
    for language in FILES:
        text, texts, start = text_of(language), {}, 0
        while len(words(text[start : start + 40 * length])) > length:
            texts[f"{start:06}"] = piece(language, start, length)
            start += len(texts[f"{start:06}"])
        assert len(texts) >= 1
        assert [pair for pair in joined(texts) if jaccard(*(texts[name] for name in pair)) < 0.6] == [], language


def test_of_the_declaration_in_all_languages_only_the_same_text_is_joined(data):
    with zipfile.ZipFile(data("text/udhr.zip")) as archive:
        names = [name for name in archive.namelist() if name.endswith(("-UTF8", "-Latin1"))]
        texts = {name: decoded(name, archive.read(name)) for name in names}
    texts = {name: text for name, text in texts.items() if len(words(text)) > 100}
    assert len(texts) > 180
    pairs = joined(texts)
    assert [pair for pair in pairs if jaccard(*(texts[name] for name in pair)) < 0.7] == []
    related = {"Danish", "Norwegian", "Swedish", "Spanish", "Galician", "Portuguese", "Catalan", "Czech", "Slovak"}
    stems = [[stem for stem in related if stem in name] for pair in pairs for name in pair]
    assert all(one == other for one, other in zip(stems[::2], stems[1::2], strict=True))


@dataclass(frozen=True, slots=True)
class Sites:
    """The pairs of pages of one site, and those that are joined: texts of mostly one language, with the same menus."""

    pairs: int  # of pages of one site
    joined: int
    false: list[tuple[float, str, str]]  # those whose shingles are less alike than is asked for, as texts of words


def sites_of(paths: list[Path]) -> Sites:
    """Joins the pages of each site in these archives."""
    sites: dict[str, dict[str, str]] = defaultdict(dict)
    for path in paths:
        for page in read_file(path, max_bytes=1 << 20):
            if isinstance(page, Page) and page.mime == "text/html":
                sites[host_of(page.url)][page.url] = quick_text(page.body.decode("utf-8", "replace"))
    pairs, number, false = 0, 0, []
    for pages in sites.values():
        texts = {url: text for url, text in pages.items() if len(words(text)) >= 50}
        pairs += len(texts) * (len(texts) - 1) // 2
        for one, other in joined(texts):
            number += 1
            share = runs_in_common(texts[one], texts[other])
            if share < RULES.similarity - MARGIN:
                false.append((share, one, other))
    return Sites(pairs, number, false)


def runs_in_common(one: str, other: str) -> float:
    """The exact similarity of two texts' sets of word runs, without hashes."""
    mine, yours = ({*zip(*(words(text)[at:] for at in range(RULES.shingle)), strict=False)} for text in (one, other))
    return len(mine & yours) / len(mine | yours)


def test_pages_of_one_site_are_joined_only_where_they_are_alike(data):
    sites = sites_of([data(f"web/pages-0000{number}.warc.gz") for number in (3, 6)])
    assert sites.pairs > 100
    assert sites.joined
    assert sites.false == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_short_texts_of_one_template_are_not_joined(data, language):
    data("text/udhr.zip")
    stock = [word.decode() for word in words(text_of(language))]
    draw, texts = random.Random(language), {}
    for number in range(150):
        fields = [draw.choices(stock, k=12), draw.choices(stock, k=12)]
        texts[f"{number:03}"] = " ".join([*stock[:30], *fields[0], *stock[30:60], *fields[1]])
    assert joined(texts) == []


@pytest.mark.processes
def test_the_dedup_verb_finds_the_edits_and_keeps_the_rest(data, tmp_path):
    data("text/udhr.zip")
    rows = []
    for language in LANGUAGES:
        draw = random.Random(language)
        one, other = piece(language, 0, 200), piece(language, len(text_of(language)) // 2, 200)
        for name, text in (("one", one), ("edit", one_letter_changed(language, one, draw)), ("other", other)):
            rows.append({"url": f"http://{language}.example/{name}", "text": text})
        rows.append({"url": f"http://{language}.example/form", "text": unicodedata.normalize("NFD", other).upper()})
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    names = (str(tmp_path / "in.jsonl"),)
    verbs.run("dedup", names, tmp_path / "out", None, (), Engine(target=EngineOptions(workers=1)), "web")
    decisions = pq.read_table(tmp_path / "out" / "part-00000.parquet").to_pylist()
    kinds = defaultdict(list)
    for row in decisions:
        kinds[row["url"].split(".")[0].removeprefix("http://")].append(row["kind"])
    assert {language: sorted(kind or "" for kind in lost) for language, lost in kinds.items()} == {
        language: ["", "", "exact", "near"] for language in LANGUAGES
    }


if __name__ == "__main__":
    print(f"{'recall at length':>18}" + "".join(f"{length:>7}" for length in LENGTHS))
    for language, by_edit in table().items():
        for edit, shares in by_edit.items():
            print(f"{language:>10} {edit:>7}" + "".join(f"{share:7.2f}" for share in shares))
    sites = sites_of(sorted((DATA / "web").glob("*.warc.gz")))
    print(f"{sites.pairs} pairs of pages of one site: {sites.joined} joined, {len(sites.false)} of them falsely")
