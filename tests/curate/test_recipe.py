"""Recipes: strictness, inheritance of filters, where paths start, and the papers' values in the bundled ones."""

from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as limited
from hypothesis import strategies as st

from curate import manifests, recipe, settings
from curate.dedup.config import Dedup, Lines
from curate.errors import SettingsError
from curate.extract.config import Extract
from curate.filters import c4
from curate.filters.gopher import GopherQuality, GopherRepetition
from curate.filters.language import LANGUAGES, LanguageRules
from curate.filters.mime import MimeRules
from curate.filters.rules import RULES, Filter
from curate.filters.urls import UrlRules
from curate.gpt.config import Train
from curate.loader.mixture import Mixture
from curate.quality.config import Score
from curate.recipe import Recipe, Source
from curate.settings import Where
from curate.stage import kinds
from curate.tokens.config import Pack

words = st.text(alphabet="abcé -", min_size=1, max_size=8)
lists = st.lists(words, max_size=3).map(tuple)
codes = st.sampled_from(sorted(LANGUAGES))
shares = st.floats(0, 1)
counts = st.integers(1, 10**6)
filters = st.builds(
    Filter,
    rules=st.lists(st.sampled_from(RULES), unique=True).map(tuple),
    url=st.builds(UrlRules, extensions=lists, domains=st.lists(st.sampled_from(["a.com", "b"])).map(tuple)),
    mime=st.builds(MimeRules, allowed=lists),
    language=st.builds(LanguageRules, allowed=st.lists(codes, max_size=3).map(tuple), min_score=shares),
    gopher_quality=st.builds(GopherQuality, min_words=counts, max_bullet_lines=shares, stop_words=lists),
    gopher_repetition=st.builds(GopherRepetition, max_top_ngram_chars=st.tuples(shares, shares, shares)),
    c4=st.builds(c4.C4, end_marks=lists, min_sentences=counts, citations=st.booleans()),
    c4_fineweb=st.builds(c4.C4FineWeb, max_chars=counts),
)
scores = st.builds(Score, model=words, keep=st.sampled_from(["all", "threshold", "pareto"]), alpha=st.floats(0.1, 99))
recipes = st.builds(
    Recipe,
    name=st.text(),
    seed=st.integers(-(2**63), 2**63 - 1),
    sources=st.dictionaries(
        st.from_regex(r"[a-z][a-z0-9_-]{0,9}", fullmatch=True),
        st.builds(Source, inputs=lists, weight=st.floats(0, 1e9), filter=filters),
        max_size=3,
    ),
    extract=st.builds(Extract, statuses=st.lists(st.integers(100, 599)).map(tuple), max_bytes=counts),
    filter=filters,
    dedup=st.builds(
        Dedup, url=st.booleans(), exact=st.booleans(), bands=st.integers(1, 256), rows=counts, similarity=shares
    ),
    lines=st.none()
    | st.builds(Lines, furniture=st.booleans(), sentences=counts, within=st.booleans(), substrings=st.booleans()),
    score=st.none() | scores,
    pack=st.builds(Pack, max_tokens=counts, valid_fraction=st.floats(0, 0.99)),
    mixture=st.builds(Mixture, tokens=st.none() | counts),
    train=st.none() | st.builds(Train, steps=counts),
)


def loaded(text):
    return recipe.from_table(settings.parse_toml(text, "own.toml"), Where("own.toml", text))


def refusal(text):
    with pytest.raises(SettingsError) as caught:
        loaded(text)
    return str(caught.value)


@given(recipes)
@limited(max_examples=40)
def test_a_recipe_survives_its_toml(made):
    text = settings.to_toml(made)
    assert loaded(text) == made
    assert settings.to_toml(loaded(text)) == text


@pytest.mark.parametrize("name", recipe.bundled_names())
def test_every_bundled_recipe_loads_and_its_printed_form_is_the_same_recipe(name):
    chosen = recipe.load(name)
    assert chosen.name == name
    assert loaded(settings.to_toml(chosen)) == chosen


def test_the_bundled_recipes_are_these():
    published = ["c4", "dclm-baseline", "fineweb", "fineweb-code", "fineweb2", "gpt3", "massivetext", "openwebtext2"]
    published += ["refinedweb", "webtext"]
    assert recipe.bundled_names() == sorted([*published, "curate", "documents", "quickstart"])


def test_every_recipe_of_a_paper_says_what_it_leaves_out():
    for name in {*recipe.bundled_names()} - {"curate", "documents", "quickstart", "gpt3", "webtext"}:
        text = (Path(manifests.__file__).parent / f"{name}.toml").read_text()
        head = text.partition("name = ")[0]
        assert all(line.startswith("#") for line in head.splitlines())
        assert "eft out" in head
        assert f"curate run {name} " in head


def test_published_numbers_are_those_of_papers_and_codes():
    c4, refinedweb, massivetext = (recipe.load(name) for name in ("c4", "refinedweb", "massivetext"))
    assert (c4.filter.c4.variant, c4.filter.c4.min_line_words, c4.filter.c4.min_sentences) == ("tfds-c4", 5, 3)
    assert (c4.extract.extractor, c4.lines.sentences, c4.dedup.near) == ("visible", 3, False)
    assert "wikipedia.org" in refinedweb.filter.url.domains
    assert refinedweb.filter.gopher_repetition.variant == "dclm"
    assert (refinedweb.lines.substrings, refinedweb.lines.tokens, refinedweb.lines.spans) == (True, 50, False)
    assert (massivetext.dedup.shingle, massivetext.dedup.similarity) == (13, 0.8)
    for one in (refinedweb, massivetext):  # as 450 bands of 20 rows
        assert one.dedup.catch_probability(0.8) == pytest.approx(0.995, abs=1e-3)


def test_fineweb_s_paper_and_code_differ_as_published():
    paper, code = recipe.load("fineweb").filter, recipe.load("fineweb-code").filter
    assert (paper.fineweb.max_duplicate_line_chars, code.fineweb.max_duplicate_line_chars) == (0.1, 0.01)
    assert (paper.c4.min_line_words, paper.c4.min_sentences, paper.c4.end_marks) == (5, 3, ())
    assert (code.c4_fineweb.min_line_words, code.c4_fineweb.min_sentences) == (3, 5)
    second = recipe.load("fineweb2").filter
    assert (second.fineweb.max_short_lines, second.fineweb.max_duplicate_line_chars) == (1, 0.1)
    assert second.language.allowed == ()


def test_the_package_s_own_recipe_judges_by_the_genre_and_the_model_useful():
    chosen = recipe.load("curate")
    assert chosen.filter.rules[-1] == "genre"
    assert (chosen.score.shipped, chosen.score.keep) == ("useful", "threshold")
    assert (chosen.filter.genre.min_chance, chosen.score.threshold) == (0.3, 0.1)


def test_dclm_s_model_and_threshold_can_be_given():
    own = ("score.model=theirs.bin", "score.label=hq", "score.keep=threshold", "score.threshold=0.018112")
    assert recipe.load("dclm-baseline", own).score.threshold == 0.018112
    assert (recipe.load("dclm-baseline").score.keep, recipe.load("dclm-baseline").score.fraction) == ("fraction", 0.1)


def test_near_duplicates_are_found_by_fineweb_s_14_bands_of_8_rows_over_5_words():
    for name in ("webtext", "gpt3", "quickstart"):
        dedup = recipe.load(name).dedup
        assert (dedup.exact, dedup.near, dedup.bands, dedup.rows, dedup.shingle) == (True, True, 14, 8, 5)


@pytest.mark.parametrize(
    ("similarity", "chance"), [(0.0, 0), (0.5, 0.053), (0.7, 0.565), (0.8, 0.924), (0.9, 0.9996), (1.0, 1)]
)
def test_the_chance_to_catch_a_duplicate_is_the_published_s_curve(similarity, chance):
    assert Dedup().catch_probability(similarity) == pytest.approx(chance, abs=6e-4)


def test_gopher_s_thresholds_are_the_paper_s():
    for name in ("massivetext", "quickstart"):
        rules = recipe.load(name).filter
        quality, repetition = rules.gopher_quality, rules.gopher_repetition
        assert {"gopher_quality", "gopher_repetition"} <= set(rules.rules)
        assert (quality.min_words, quality.max_words) == (50, 100_000)
        assert (quality.min_mean_word_length, quality.max_mean_word_length) == (3, 10)
        assert (quality.max_symbol_word_ratio, quality.min_alphabetic_words) == (0.1, 0.8)
        assert (quality.max_bullet_lines, quality.max_ellipsis_lines, quality.min_stop_words) == (0.9, 0.3, 2)
        assert set(quality.stop_words) == {"the", "be", "to", "of", "and", "that", "have", "with"}
        assert (repetition.max_duplicate_lines, repetition.max_duplicate_paragraphs) == (0.3, 0.3)
        assert (repetition.max_duplicate_line_chars, repetition.max_duplicate_paragraph_chars) == (0.2, 0.2)
        assert repetition.max_top_ngram_chars == (0.2, 0.18, 0.16)
        assert repetition.max_duplicate_ngram_chars == (0.15, 0.14, 0.13, 0.12, 0.11, 0.1)


def test_gpt_3_s_mixture_is_table_2_2():
    chosen = recipe.load("gpt3")
    weights = {name: source.weight for name, source in chosen.sources.items()}
    assert weights == {"common_crawl": 60, "webtext2": 22, "books1": 8, "books2": 8, "wikipedia": 3}
    assert chosen.mixture.tokens == 300_000_000_000


def test_gpt_3_s_common_crawl_comes_last_so_that_every_other_source_wins_a_duplicate():
    assert list(recipe.load("gpt3").sources)[-1] == "common_crawl"


def test_gpt_3_judges_common_crawl_alone_by_a_pareto_draw_with_the_model_that_ships():
    chosen = recipe.load("gpt3")
    assert (chosen.score.keep, chosen.score.alpha, chosen.score.label) == ("pareto", 4, "positive")
    assert recipe.load("gpt3", ("score.alpha=9",)).score.alpha == 9
    assert chosen.score.only == ("common_crawl",)
    assert chosen.score.shipped == "useful"
    assert chosen.stages == tuple(stage for stage in kinds.STAGES if stage not in ("lines", "decontaminate"))


def test_webtext_leaves_wikipedia_out_as_the_paper_does():
    chosen = recipe.load("webtext")
    assert chosen.filter.url.domains == ("wikipedia.org",)
    assert chosen.sources["webtext"].filter == chosen.filter
    assert chosen.stages == ("extract", "filter", "dedup", "tokenize", "pack")


def test_a_recipe_that_is_not_there_names_those_that_are():
    with pytest.raises(
        SettingsError, match=r"no recipe is called 'webtxt'; bundled are c4, curate, dclm-baseline, .*, webtext, or"
    ):
        recipe.load("webtxt")


OWN = 'name = "own"\n[sources.webtext]\ninputs = ["a"]\n[sources.web-2020]\n[sources.en_books]\n'


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("webtxt", "webtext"),
        ("webtetx", "webtext"),
        ("Webtext", "webtext"),
        ("enbooks", "en_books"),
        ("web2020", "web-2020"),
    ],
)
def test_an_assignment_to_a_misspelt_source_names_the_one_that_was_meant(name, meant, tmp_path):
    (tmp_path / "own.toml").write_text(OWN)
    for setting in ('inputs=["x"]', "weight=2", "filter.language.min_score=0.5"):
        with pytest.raises(SettingsError, match=f"the recipe has no source '{name}'; did you mean '{meant}'"):
            recipe.load(str(tmp_path / "own.toml"), (f"sources.{name}.{setting}",))


@pytest.mark.parametrize("name", ["webtext", "webtext2", "web-2021", "books", "wikipedia"])
def test_an_assignment_may_bring_a_source_whose_name_is_not_like_another_s(name, tmp_path):
    (tmp_path / "own.toml").write_text(OWN)
    chosen = recipe.load(str(tmp_path / "own.toml"), (f'sources.{name}.inputs=["/x"]',))
    assert chosen.sources[name].inputs == ("/x",)


INHERITING = """
name = "own"
[filter]
rules = ["url", "language"]
[filter.language]
allowed = ["en", "de"]
min_score = 0.9
[sources.plain]
[sources.own.filter.language]
allowed = ["fr"]
[sources.bare.filter]
rules = []
"""


def test_a_source_s_filter_is_the_recipe_s_with_its_own_values_on_top():
    chosen = loaded(INHERITING)
    assert chosen.sources["plain"].filter == chosen.filter
    assert chosen.sources["own"].filter == replace(
        chosen.filter, language=LanguageRules(allowed=("fr",), min_score=0.9)
    )
    assert chosen.sources["bare"].filter == replace(chosen.filter, rules=())


def test_a_later_table_of_the_recipe_s_filter_is_inherited_too():
    chosen = loaded('name = "own"\n[sources.web]\ninputs = ["a"]\n[filter]\nrules = ["url"]\n')
    assert chosen.sources["web"].filter.rules == ("url",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[sources.web]\n[filter]\nlangage = 1",
            "own.toml, line 4: filter.langage: unknown setting 'langage'; did you",
        ),
        ("[sources.web.filter]\nlangage = 1", "line 3: sources.web.filter.langage: unknown setting 'langage'; did you"),
        ('[sources.web]\nfilter = "x"', "line 3: sources.web.filter: expected a table, got 'x'"),
        ("[sources.web]\nfilter.language = 3", "line 3: sources.web.filter.language: expected a table, got 3"),
        ("filter = 3\n[sources.web]", "line 2: filter: expected a table, got 3"),
        ("sources = 3", "line 2: sources: expected a table, got 3"),
        ("sources.web = 3", "line 2: sources.web: expected a table, got 3"),
        ("[sources.'a b']", "source 'a b' is not a plain name"),
        ("[sources.'../a']", "source '../a' is not a plain name"),
        ("[sources.'']", "source '' is not a plain name"),
        ("[sources.web]\nweight = -1", "line 2: sources.web: weight is a number from 0 on, got -1.0"),
        ("[sources.web]\nweight = inf", "weight is a number from 0 on, got inf"),
        ("[sources.web]\nweight = nan", "sources.web.weight: expected a number, got nan"),
        ("[sources.web]\ninputs = 'a'", "line 3: sources.web.inputs: expected a list, got 'a'"),
        ("[dedup]\nbands = 0", "line 2: dedup: need a band and a row, got 0 x 8"),
        ("[dedup]\nbands = 257", "at most 256 bands"),
        ("[dedup]\nshingle = 0", "shingle is at least 1 word"),
        ("[dedup]\nrounds = 0", "rounds is at least 1"),
        ("[dedup]\nsimilarity = 1.1", "similarity lies in [0, 1], got 1.1"),
        ("[dedup]\nsimilarity = nan", "dedup.similarity: expected a number, got nan"),
        ("[extract]\nprecision = true\nrecall = true", "precision and recall exclude each other"),
        ("[extract]\nmax_bytes = 0", "max_bytes is above 0"),
        ("[filter]\nrules = ['gopher']", "line 2: filter: no rule is called 'gopher'; the rules are url, mime"),
        ("[filter.language]\nmin_score = 65", "min_score lies in [0, 1], got 65"),
        ("[filter.url]\ndomains = ['http://a']", "domains holds bare host names, not 'http://a'"),
        ("[filter.gopher_repetition]\nmax_top_ngram_chars = [1]", "max_top_ngram_chars takes 3 limits"),
        ("[score]\nmodel = 'm'\npositive = ['p']\nnegative = ['n']", "give either model, or both positive and"),
        ("[score]\npositive = ['p']", "give both positive and negative, or neither"),
        ("[score]\nmodel = 'default'\npositive = ['p']\nnegative = ['n']", "give either model, or both"),
        ("[score]\nmodel = 'm'\nkeep = 'best'", "keep is all, threshold, fraction or pareto, got 'best'"),
        ("[score]\nmodel = 'm'\nalpha = 0", "alpha is a number above 0, got 0.0"),
        ("[score]\nmodel = 'm'\nlabel = 'good text'", "label is one word, got 'good text'"),
        ("[score]\nmodel = 'm'\nthreshold = 50", "threshold lies in [0, 1], got 50.0"),
        ("[score]\nmodel = 'm'\nepochs = 0", "dim, epochs, word_ngrams, buckets and min_count are at least 1, got 0"),
        ("[score]\nmodel = 'm'\nlearning_rate = -1", "learning_rate is a number above 0, got -1.0"),
        ("[filter.gopher_quality]\nmax_bullet_lines = nan", "max_bullet_lines: expected a number, got nan"),
        ("[tokenize]\nencoding = ''", "encoding is a name such as 'gpt2', or the path of a tokenizer.json"),
        ("[tokenize]\neot = ''", "eot is a token of the tokenizer's, such as '</s>'"),
        ("[pack]\nmax_tokens = 0", "max_tokens lies in 1..2^29"),
        ("[pack]\nvalid_fraction = 1", "valid_fraction lies in [0, 1), got 1.0"),
        ("[mixture]\ntokens = 0", "tokens is above 0, got 0"),
        ("[train]\nwidth = 10", "width 10 / heads 4 is not whole"),
        ("[train]\nvocabulary = 'half'", "vocabulary is compact or full, got 'half'"),
    ],
)
def test_a_recipe_that_cannot_be_meant_is_refused_by_key_and_value(text, message):
    assert message in refusal(f'name = "own"\n{text}\n')


def test_a_recipe_needs_a_name():
    assert refusal("seed = 1") == "own.toml: the setting 'name' is missing"


def test_there_are_at_most_256_sources_as_a_node_has_one_byte_for_them():
    assert "at most 256 sources, got 257" in refusal(
        'name = "own"\n' + "".join(f"[sources.s{number}]\n" for number in range(257))
    )


def test_every_setting_of_a_recipe_can_be_assigned():
    chosen = recipe.load("webtext", ("seed=7", "pack.max_tokens=9", "sources.webtext.weight=2", "filter.rules=[]"))
    assert (chosen.seed, chosen.pack.max_tokens, chosen.sources["webtext"].weight) == (7, 9, 2)
    assert chosen.filter.rules == chosen.sources["webtext"].filter.rules == ()


def test_an_assignment_goes_over_the_file_and_a_later_one_over_an_earlier():
    assert recipe.load("quickstart", ("score.threshold=0.1", "score.threshold=0.2")).score.threshold == 0.2


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_recipe_file_that_cannot_be_read_is_named(content, tmp_path):
    path = tmp_path / "own.toml"
    if content:
        path.write_bytes(content)
    with pytest.raises(SettingsError, match=r"own\.toml: cannot read this recipe: "):
        recipe.load(str(path))


@pytest.mark.parametrize("kind", [Recipe, Source, Extract, Filter, Dedup, Score, Pack, Train, GopherQuality])
def test_settings_are_values(kind):
    assert kind.__dataclass_params__.frozen
    assert {field.name for field in fields(kind)} <= set(kind.__slots__)
